//! Prometheus: a real one, and everything else that may be at its address.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "http/scripted.rs"]
mod scripted;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use probes::{
    Answer, Observation, Probe,
    http::Credentials,
    prometheus::{
        Answered, Prometheus, PrometheusError, PrometheusOptions, PrometheusProbe, Reading,
    },
};
use scripted::{Says, Scripted, answer};
use tokio::time::Instant;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{basic_auth, header, path, query_param},
};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn client(url: &str, credentials: Option<Credentials>) -> Prometheus {
    Prometheus::new(PrometheusOptions {
        url: url.to_owned(),
        credentials,
        resolver: None,
        ca_file: None,
    })
    .expect("a client")
}

async fn check(prometheus: &Prometheus, query: &str) -> Observation {
    let probe = PrometheusProbe {
        prometheus: prometheus.clone(),
        query: query.to_owned(),
        wanted: 0.0..=80.0,
    };
    probe.check(soon()).await
}

/// Asks until Prometheus has scraped what `reading` looks for.
async fn until(
    prometheus: &Prometheus,
    query: &str,
    wanted: impl Fn(&Answered) -> bool,
) -> Answered {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let answered = prometheus.query(query, soon()).await.expect("a result");
        if wanted(&answered) {
            return answered;
        }
        assert!(Instant::now() < end, "{query}: {answered:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

// The exporter answers while the test waits for Prometheus to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_tells_values_ages_and_what_is_no_value() {
    let old = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_millis()
        - 120_000;
    let metrics = format!(
        "runner_status{{runner=\"a\"}} 1\nrunner_status{{runner=\"b\"}} 0\ncpu 42.5\nbroken NaN\nendless +Inf\nold 7 {old}\n"
    );
    let exporter = Scripted::tcp(answer("200 OK", "text/plain; version=0.0.4", &metrics)).await;
    let server = test_servers::Prometheus::start(exporter.address);
    // A slash at the end changes nothing; the base path is kept.
    let prometheus = client(&format!("{}/", server.url), None);

    let cpu = until(&prometheus, "cpu", |answered| !answered.samples.is_empty()).await;
    assert_eq!(cpu.reading(), Reading::Value(42.5));
    assert_eq!(cpu.samples[0].labels["__name__"], "cpu");
    assert_eq!(cpu.samples[0].labels["job"], "test");

    let read = async |query: &str| prometheus.query(query, soon()).await.expect("a result");
    assert_eq!(read("runner_status").await.reading(), Reading::Several(2));
    assert_eq!(
        read("runner_status{runner=\"b\"}").await.reading(),
        Reading::Value(0.0)
    );
    assert_eq!(
        read("runner_status{runner=\"c\"}").await.reading(),
        Reading::Absent
    );
    assert_eq!(read("broken").await.reading(), Reading::NotANumber);
    assert_eq!(
        read("endless").await.reading(),
        Reading::Value(f64::INFINITY)
    );
    assert_eq!(read("scalar(cpu)").await.reading(), Reading::Value(42.5));

    let ages = prometheus.ages("cpu", soon()).await.expect("a result");
    assert!(
        matches!(ages.reading(), Reading::Value(age) if (0.0..60.0).contains(&age)),
        "{ages:?}"
    );
    let ages = prometheus.ages("old", soon()).await.expect("a result");
    assert!(
        matches!(ages.reading(), Reading::Value(age) if (119.0..240.0).contains(&age)),
        "{ages:?}"
    );

    let refused = prometheus
        .query("cpu{", soon())
        .await
        .expect_err("no query");
    assert!(
        matches!(&refused, PrometheusError::Refused { kind, words, .. }
            if kind == "bad_data" && words.contains("parse error")),
        "{refused:?}"
    );
    for query in ["cpu[5m]", "\"text\""] {
        let error = prometheus
            .query(query, soon())
            .await
            .expect_err("no numbers");
        assert!(
            matches!(&error, PrometheusError::NotNumbers { .. }),
            "{query}: {error:?}"
        );
    }

    for (query, wanted, seen) in [
        ("cpu", Answer::Pass, "42.5"),
        ("cpu * 2", Answer::Fail, "85, outside 0 to 80"),
        ("broken", Answer::Unknown, "NaN"),
        ("none", Answer::Unknown, "no series"),
        (
            "runner_status",
            Answer::Unknown,
            "2 series where one was wanted",
        ),
    ] {
        let observed = check(&prometheus, query).await;
        assert_eq!(
            (observed.answer, observed.seen.as_str()),
            (wanted, seen),
            "{query}"
        );
    }

    // Its target is gone: the series ends, and is not taken for its last value.
    drop(exporter);
    until(&prometheus, "cpu", |answered| answered.samples.is_empty()).await;

    server.signal(Signal::SIGSTOP);
    let begun = Instant::now();
    let error = prometheus
        .query("cpu", begun + Duration::from_millis(300))
        .await
        .expect_err("it hangs");
    assert!(
        matches!(&error, PrometheusError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_prometheus_that_is_down_is_unreachable_and_nothing_is_known() {
    let port = test_servers::free_port();
    let observed = check(&client(&format!("http://127.0.0.1:{port}"), None), "up").await;
    assert_eq!(observed.answer, Answer::Unknown);
    assert_eq!(
        observed.seen,
        format!(
            "failed to ask Prometheus at http://127.0.0.1:{port}/: failed to connect to 127.0.0.1:{port}: connection refused"
        )
    );
}

#[tokio::test]
async fn what_is_not_an_answer_of_prometheus_is_told_apart() {
    let error = async |says: Says| {
        let server = Scripted::tcp(says).await;
        client(&format!("http://{}", server.address), None)
            .query("up", soon())
            .await
            .expect_err("no result")
    };
    for (says, wanted) in [
        (
            answer("200 OK", "text/html", "<html>canary</html>"),
            "NotPrometheus",
        ),
        (
            answer("200 OK", "application/json", r#"{"status":"success","da"#),
            "NotPrometheus",
        ),
        (
            answer("200 OK", "application/json", r#"{"status":"success"}"#),
            "NotNumbers",
        ),
        (
            answer(
                "200 OK",
                "application/json",
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"canary"]}]}}"#,
            ),
            "NotNumbers",
        ),
        (answer("401 Unauthorized", "text/plain", "canary"), "Denied"),
        (answer("403 Forbidden", "text/html", "canary"), "Denied"),
        (
            answer("404 Not Found", "text/plain", "404 page canary"),
            "Status",
        ),
        (answer("429 Too Many Requests", "text/plain", ""), "Status"),
        (
            answer("500 Internal Server Error", "text/html", "<html>"),
            "Status",
        ),
        (
            answer(
                "503 Service Unavailable",
                "application/json",
                r#"{"status":"error","errorType":"unavailable","error":"not\nready"}"#,
            ),
            "Refused",
        ),
        (
            Says::Text("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_owned()),
            "Unreachable",
        ),
    ] {
        let error = error(says.clone()).await;
        assert!(
            format!("{error:?}").starts_with(wanted),
            "{wanted}: {error:?}"
        );
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        assert_eq!(error.answer(), Answer::Unknown);
    }
}

#[tokio::test]
async fn a_server_that_drips_is_left_at_the_deadline() {
    let server = Scripted::tcp(Says::Drip(
        "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n".to_owned(),
    ))
    .await;
    let begun = Instant::now();
    let error = client(&format!("http://{}", server.address), None)
        .query("up", begun + Duration::from_millis(200))
        .await
        .expect_err("no result");
    assert!(
        matches!(&error, PrometheusError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let server = MockServer::start().await;
    let empty = ResponseTemplate::new(200).set_body_string(
        r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["one\nstore is away"]}"#,
    );
    for tenant in ["a", "b"] {
        Mock::given(path("/base/api/v1/query"))
            .and(query_param("query", "up == 1"))
            .and(query_param("tenant", tenant))
            .and(basic_auth("me", "canary"))
            .respond_with(empty.clone())
            .mount(&server)
            .await;
        Mock::given(path("/base/api/v1/query"))
            .and(query_param("tenant", tenant))
            .and(header("authorization", "Bearer canary"))
            .respond_with(empty.clone())
            .mount(&server)
            .await;
    }
    let basic = Credentials::Basic {
        user: "me".to_owned(),
        password: "canary".to_owned(),
    };
    let in_url = server.uri().replace("http://", "http://me:canary@");
    for (base, credentials) in [
        (server.uri(), Some(basic)),
        (server.uri(), Some(Credentials::Bearer("canary".to_owned()))),
        (in_url.clone(), None),
    ] {
        let prometheus = client(&format!("{base}/base?tenant=a"), credentials);
        let answered = prometheus.query("up == 1", soon()).await.expect("a result");
        assert_eq!(answered.reading(), Reading::Absent);
        assert_eq!(answered.warnings, ["one store is away"]);
        assert_eq!(prometheus.place(), format!("{}/base", server.uri()));
        assert!(
            !format!("{prometheus:?}").contains("canary"),
            "{prometheus:?}"
        );
    }
    let error = client(&in_url, None)
        .query("up", soon())
        .await
        .expect_err("no such path");
    assert!(
        !format!("{error} {error:?}").contains("canary"),
        "{error:?}"
    );
    for url in ["canary", "ftp://canary/", "http://u:canary@"] {
        let error = Prometheus::new(PrometheusOptions {
            url: url.to_owned(),
            credentials: None,
            resolver: None,
            ca_file: None,
        })
        .expect_err("no address");
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{error:?}"
        );
    }
}
