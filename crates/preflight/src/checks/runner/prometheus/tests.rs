use std::time::Duration;

use probes::prometheus::Sample;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, path, query_param},
};

use super::*;

fn answered(values: &[(&str, f64)]) -> Answered {
    Answered {
        samples: values
            .iter()
            .map(|(instance, value)| Sample {
                labels: BTreeMap::from([("instance".to_owned(), (*instance).to_owned())]),
                value: *value,
                evaluated_at: 0.0,
            })
            .collect(),
        warnings: Vec::new(),
    }
}

fn status(values: &[(&str, f64)], ages: &[(&str, f64)]) -> Status {
    judged(
        "runner_status",
        Wanted::One,
        &answered(values),
        &answered(ages),
    )
    .status
}

#[test]
fn a_status_of_one_passes_and_of_zero_fails() {
    assert_eq!(status(&[("a", 1.0)], &[("a", 5.0)]), Status::Pass);
    assert_eq!(status(&[("a", 0.0)], &[("a", 5.0)]), Status::Fail);
}

#[test]
fn what_is_absent_stale_or_no_number_is_unknown() {
    assert_eq!(status(&[], &[]), Status::Unknown);
    assert_eq!(status(&[("a", 1.0)], &[("a", 121.0)]), Status::Unknown);
    assert_eq!(status(&[("a", 0.0)], &[("a", 121.0)]), Status::Unknown);
    assert_eq!(status(&[("a", 1.0)], &[("a", 120.0)]), Status::Pass);
    assert_eq!(status(&[("a", f64::NAN)], &[("a", 5.0)]), Status::Unknown);
    // It vanished between the two questions.
    assert_eq!(status(&[("a", 1.0)], &[]), Status::Unknown);
}

#[test]
fn what_cannot_be_a_percentage_or_is_of_tomorrow_is_unknown() {
    let judge = |value, age| {
        judged(
            "runner_cpu_usage_percent",
            Wanted::Below(80.0),
            &answered(&[("a", value)]),
            &answered(&[("a", age)]),
        )
    };
    for odd in [-1.0, 900.0, f64::INFINITY, f64::NEG_INFINITY] {
        let part = judge(odd, 5.0);
        assert_eq!(part.status, Status::Unknown, "{part:?}");
        assert!(part.seen.contains("makes no sense"), "{part:?}");
    }
    assert_eq!(judge(100.4, 5.0).status, Status::Fail);
    assert_eq!(judge(50.0, -120.0).status, Status::Pass);
    let part = judge(50.0, -121.0);
    assert_eq!(part.status, Status::Unknown, "{part:?}");
    assert_eq!(part.seen, "is dated 121 s in the future");
    assert!(part.mend.contains("clocks"), "{part:?}");
}

#[test]
fn a_runner_that_is_down_and_busy_is_mended_at_its_service() {
    let part = |metric, is, value| {
        judged(
            metric,
            is,
            &answered(&[("a", value)]),
            &answered(&[("a", 5.0)]),
        )
    };
    let finding = together(
        vec![
            part("runner_status", Wanted::One, 0.0),
            part("runner_cpu_usage_percent", Wanted::Below(80.0), 95.0),
        ],
        String::new(),
    );
    assert_eq!(finding.status, Status::Fail);
    assert!(finding.mend.contains("service"), "{finding:?}");
}

#[test]
fn several_series_count_where_they_agree_and_old_ones_do_not() {
    let fresh = [("a", 5.0), ("b", 5.0)];
    assert_eq!(status(&[("a", 1.0), ("b", 1.0)], &fresh), Status::Pass);
    assert_eq!(status(&[("a", 0.0), ("b", 0.0)], &fresh), Status::Fail);
    assert_eq!(status(&[("a", 1.0), ("b", 0.0)], &fresh), Status::Unknown);
    let old = [("a", 200.0), ("b", 5.0)];
    assert_eq!(status(&[("a", 0.0), ("b", 1.0)], &old), Status::Pass);
}

#[test]
fn use_at_the_limit_fails() {
    let judge = |value| {
        let (values, ages) = (answered(&[("a", value)]), answered(&[("a", 1.0)]));
        judged(
            "runner_cpu_usage_percent",
            Wanted::Below(80.0),
            &values,
            &ages,
        )
    };
    assert_eq!(judge(79.9).status, Status::Pass);
    assert_eq!(judge(80.0).status, Status::Fail);
    assert_eq!(judge(80.0).seen, "is 80");
}

async fn answer(server: &MockServer, query: &str, value: &str) {
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{"runner":"r"}},"value":[1700000000,"{value}"]}}]}}}}"#
    );
    Mock::given(path("/api/v1/query"))
        .and(query_param("query", query))
        .and(header("authorization", "Bearer canary"))
        .respond_with(ResponseTemplate::new(200).set_body_string(body))
        .mount(server)
        .await;
}

#[tokio::test]
async fn three_gauges_of_this_runner_are_asked_and_told_together() {
    let server = MockServer::start().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    for (metric, value) in [
        ("runner_status", "1"),
        ("runner_cpu_usage_percent", "12.34"),
        ("runner_memory_usage_percent", "91"),
    ] {
        let selector = format!("{metric}{{runner=\"r\\\"1\"}}");
        answer(&server, &selector, value).await;
        answer(&server, &format!("time() - timestamp({selector})"), "15").await;
    }
    let finding = prometheus(
        &server.uri(),
        Some("canary"),
        "r\"1",
        (80.0, 80.0),
        deadline,
    )
    .await;
    assert_eq!(finding.status, Status::Fail, "{finding:?}");
    assert_eq!(
        finding.seen,
        "runner_status is 1, runner_cpu_usage_percent is 12.3, runner_memory_usage_percent is 91"
    );
    assert_eq!(finding.parts[0].subject, "runner_memory_usage_percent");
    assert_eq!(finding.parts.len(), 3);
}

#[tokio::test]
async fn a_prometheus_that_does_not_answer_leaves_everything_unknown_and_tells_no_secret() {
    let server = MockServer::start().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    let finding = prometheus(
        &server.uri(),
        Some("me:canary"),
        "r",
        (80.0, 80.0),
        deadline,
    )
    .await;
    assert_eq!(finding.status, Status::Unknown, "{finding:?}");
    assert!(!format!("{finding:?}").contains("canary"), "{finding:?}");
    let finding = prometheus("http://127.0.0.1:9", None, "", (80.0, 80.0), deadline).await;
    assert_eq!(finding.status, Status::Unknown);
    assert!(finding.mend.contains("RUNNER_NAME"));
    let finding = prometheus("not a url", None, "r", (80.0, 80.0), deadline).await;
    assert_eq!(finding.status, Status::Unknown);
}
