//! Mode `select`: where the job goes, why, and what is said when nothing is known.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use probes::prometheus::{Prometheus as Client, PrometheusOptions};
use serde_json::{Value, json};
use test_servers::Prometheus;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path},
};

use crate::step::{CANARY, Ended, Step};

const OWN: &str = "/repos/octo-org/shop/actions/runners";
const SHARED: &str = "/orgs/octo-org/actions/runners";

fn runner(id: u64, name: &str, status: &str, busy: bool, labels: &[&str]) -> Value {
    let labels: Vec<Value> = labels.iter().map(|name| json!({ "name": name })).collect();
    json!({"id": id, "name": name, "os": "linux", "status": status, "busy": busy, "labels": labels})
}

/// `runner-a` is the primary, `runner-b` the secondary.
fn pair(primary: (&str, bool), secondary: (&str, bool)) -> Vec<Value> {
    vec![
        runner(
            1,
            "runner-a",
            primary.0,
            primary.1,
            &["self-hosted", "Production", "dc-1"],
        ),
        runner(
            2,
            "runner-b",
            secondary.0,
            secondary.1,
            &["self-hosted", "Production", "dc-2"],
        ),
        runner(3, "runner-c", "online", false, &["self-hosted", "staging"]),
    ]
}

fn list(key: &str, elements: &[Value]) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"total_count": elements.len(), key: elements}))
}

async fn answer(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(method("GET"))
        .and(path(at))
        .and(header("authorization", format!("Bearer {CANARY}").as_str()))
        .respond_with(answer)
        .mount(server)
        .await;
}

/// A GitHub where the repository has these runners and its organisation none.
async fn with_runners(runners: &[Value]) -> MockServer {
    let server = MockServer::start().await;
    answer(&server, OWN, list("runners", runners)).await;
    answer(&server, SHARED, list("runners", &[])).await;
    server
}

fn select(server: &MockServer) -> Step {
    Step::new("select", &server.uri()).input("admin-token", CANARY)
}

fn by_labels(server: &MockServer) -> Step {
    select(server)
        .input("primary-labels", "self-hosted, production, DC-1")
        .input("secondary-labels", "self-hosted\nproduction\nDC-2")
}

#[track_caller]
fn assert_chosen(ended: &Ended, runs_on: &str, runner: &str, reason: &str) {
    let output = |name: &str| ended.output(name).unwrap_or("not set").to_owned();
    assert_eq!(
        [
            output("runs-on"),
            output("runner"),
            output("failover"),
            output("failover-reason")
        ],
        [
            runs_on,
            runner,
            if reason.is_empty() { "false" } else { "true" },
            reason
        ],
        "{}",
        ended.summary
    );
}

const PRIMARY: &str = r#"["self-hosted","production","DC-1"]"#;
const SECONDARY: &str = r#"["self-hosted","production","DC-2"]"#;

#[tokio::test]
async fn an_idle_primary_gets_the_job_and_the_summary_shows_every_runner() {
    let server = with_runners(&pair(("online", false), ("online", false))).await;
    let ended = by_labels(&server).ends_with(0).await;
    assert_chosen(&ended, PRIMARY, "runner-a", "");
    assert_eq!(
        ended.row("runner-a"),
        [
            "✅ `runner-a`",
            "primary",
            "online, idle",
            "`self-hosted` `production` `DC-1`",
            "not asked"
        ]
    );
    assert_eq!(ended.row("runner-b")[1], "secondary");
    assert_eq!(
        ended.row("runner-c")[1..4],
        [
            "neither",
            "online, idle",
            "lacks `production` `DC-1` for primary, `production` `DC-2` for secondary"
        ]
    );
}

#[tokio::test]
async fn the_job_goes_to_the_secondary_for_the_reason_that_the_primary_gives() {
    for (primary, reason) in [
        (("online", true), "primary_busy"),
        (("offline", false), "primary_offline"),
        // A word that GitHub may add tomorrow.
        (("hibernating", false), "primary_unknown"),
    ] {
        let server = with_runners(&pair(primary, ("online", false))).await;
        let ended = by_labels(&server).ends_with(0).await;
        assert_chosen(&ended, SECONDARY, "runner-b", reason);
        assert!(ended.log.contains("::warning"), "{}", ended.log);
    }
    let server = with_runners(&pair(("online", false), ("online", false))[1..]).await;
    let ended = by_labels(&server).ends_with(0).await;
    assert_chosen(&ended, SECONDARY, "runner-b", "primary_missing");
}

#[tokio::test]
async fn a_busy_primary_is_better_than_a_busy_or_a_dead_secondary_and_the_job_queues() {
    for secondary in [("online", true), ("offline", false)] {
        let server = with_runners(&pair(("online", true), secondary)).await;
        let ended = by_labels(&server).ends_with(0).await;
        assert_chosen(&ended, PRIMARY, "runner-a", "");
        assert!(
            ended.log.contains("the job queues behind what runs there"),
            "{}",
            ended.log
        );
    }
}

#[tokio::test]
async fn a_primary_that_is_busy_with_this_very_step_is_free_for_the_next_job() {
    let server = with_runners(&pair(("online", true), ("online", false))).await;
    let here = by_labels(&server).variable("RUNNER_NAME", "runner-a");
    let ended = here.ends_with(0).await;
    assert_chosen(&ended, PRIMARY, "runner-a", "");
    assert_eq!(ended.row("runner-a")[2], "online, busy with this job");
}

#[tokio::test]
async fn where_no_runner_is_left_there_is_one_clear_error() {
    let server = with_runners(&pair(("offline", false), ("offline", false))).await;
    let ended = by_labels(&server).ends_with(1).await;
    assert_eq!(ended.errors(), 1, "{}", ended.log);
    assert!(
        ended.log.contains(
            "no runner can take production: the primary is offline, the secondary is offline"
        ),
        "{}",
        ended.log
    );
    assert_eq!(ended.output("runs-on"), None);
    assert_eq!(ended.row("runner-b")[0], "❌ `runner-b`");
}

/// What a GitHub in trouble answers, and the words by which a person knows it.
fn troubles() -> Vec<(ResponseTemplate, &'static str)> {
    let message = |status: u16, text: &str| {
        ResponseTemplate::new(status).set_body_json(json!({ "message": text }))
    };
    vec![
        (message(401, "Bad credentials"), "HTTP 401"),
        (
            message(403, "Resource not accessible by personal access token"),
            "HTTP 403",
        ),
        (
            message(403, "API rate limit exceeded"),
            "the rate limit is used up",
        ),
        (message(404, "Not Found"), "HTTP 404"),
        (message(429, "slow down"), "the rate limit is used up"),
        (message(502, "Server Error"), "HTTP 502"),
        (
            ResponseTemplate::new(200).set_body_raw("<html>", "text/html"),
            "cannot be read",
        ),
        (
            ResponseTemplate::new(200).set_body_string(r#"{"total_count": 2, "runners": [{"id"#),
            "cannot be read",
        ),
    ]
}

#[tokio::test]
async fn a_github_that_does_not_say_leaves_the_choice_to_the_policy_and_calls_no_runner_dead() {
    for (trouble, words) in troubles() {
        let server = MockServer::start().await;
        answer(&server, OWN, trouble.clone()).await;
        answer(&server, SHARED, list("runners", &[])).await;
        let ended = by_labels(&server).ends_with(0).await;
        assert_chosen(&ended, SECONDARY, "", "primary_unknown");
        assert!(ended.log.contains(words), "{words} in {}", ended.log);
        assert!(
            ended.summary.contains(words),
            "{words} in {}",
            ended.summary
        );
    }
}

#[tokio::test]
async fn the_policy_may_be_the_primary_or_a_failure() {
    let server = MockServer::start().await;
    let trouble = ResponseTemplate::new(429);
    answer(&server, OWN, trouble.clone()).await;
    answer(&server, SHARED, trouble).await;
    let ended = by_labels(&server)
        .input("on-unknown", "primary")
        .ends_with(0)
        .await;
    assert_chosen(&ended, PRIMARY, "", "");
    let ended = by_labels(&server)
        .input("on-unknown", "fail")
        .ends_with(69)
        .await;
    assert_eq!(ended.errors(), 1, "{}", ended.log);
    assert_eq!(ended.output("runs-on"), None);
}

#[tokio::test]
async fn runners_of_the_organisation_that_cannot_be_seen_may_be_there() {
    let seen = pair(("offline", false), ("online", false));
    let denied = ResponseTemplate::new(403).set_body_json(json!({"message": "Forbidden"}));
    let server = MockServer::start().await;
    answer(&server, OWN, list("runners", &seen)).await;
    answer(&server, SHARED, denied).await;
    let ended = by_labels(&server).ends_with(0).await;
    assert_chosen(&ended, SECONDARY, "runner-b", "primary_unknown");
    assert!(
        ended
            .summary
            .contains("organization-self-hosted-runners: read")
            || ended
                .summary
                .contains("organization\\_self\\_hosted\\_runners: read"),
        "{}",
        ended.summary
    );
}

#[tokio::test]
async fn an_account_without_an_organisation_is_answered_by_its_repository_alone() {
    let server = MockServer::start().await;
    let seen = pair(("offline", false), ("online", false));
    answer(&server, OWN, list("runners", &seen)).await;
    answer(&server, SHARED, ResponseTemplate::new(404)).await;
    let ended = by_labels(&server).ends_with(0).await;
    assert_chosen(&ended, SECONDARY, "runner-b", "primary_offline");
}

#[tokio::test]
async fn runners_of_a_group_are_asked_for_by_the_group() {
    let server = MockServer::start().await;
    let groups = [
        json!({"id": 7, "name": "Production EU"}),
        json!({"id": 8, "name": "x"}),
    ];
    answer(
        &server,
        "/orgs/octo-org/actions/runner-groups",
        list("runner_groups", &groups),
    )
    .await;
    let runners = pair(("offline", false), ("online", false));
    answer(
        &server,
        "/orgs/octo-org/actions/runner-groups/7/runners",
        list("runners", &runners),
    )
    .await;
    let ended = by_labels(&server)
        .input("runner-group", "Production EU")
        .ends_with(0)
        .await;
    let runs_on: Value = serde_json::from_str(ended.output("runs-on").unwrap()).unwrap();
    assert_eq!(
        runs_on,
        json!({"group": "Production EU", "labels": ["self-hosted", "production", "DC-2"]})
    );
    let ended = by_labels(&server)
        .input("runner-group", "Production")
        .ends_with(1)
        .await;
    assert!(
        ended.log.contains(
            "octo-org has no runner group called Production; of its 2 groups: Production EU, x"
        ),
        "{}",
        ended.log
    );
}

#[tokio::test]
async fn a_primary_by_name_is_asked_for_by_its_own_label_and_a_rival_is_named_where_it_has_none() {
    let labels = ["self-hosted", "production"];
    let own = [
        runner(
            1,
            "prod-1",
            "online",
            false,
            &["self-hosted", "production", "Prod-1"],
        ),
        runner(2, "prod-2", "online", false, &labels),
    ];
    let step = |server: &MockServer| {
        select(server)
            .input("primary-labels", "self-hosted, production")
            .input("primary-runner", "prod-1*")
    };
    let ended = step(&with_runners(&own).await).ends_with(0).await;
    assert_chosen(
        &ended,
        r#"["self-hosted","production","Prod-1"]"#,
        "prod-1",
        "",
    );
    assert!(!ended.summary.contains("may run on"), "{}", ended.summary);

    let without = [
        runner(1, "prod-1", "online", false, &labels),
        runner(2, "prod-2", "online", false, &labels),
    ];
    let ended = step(&with_runners(&without).await).ends_with(0).await;
    assert_chosen(&ended, r#"["self-hosted","production"]"#, "prod-1", "");
    assert!(
        ended.summary.contains("may run on prod-2 too"),
        "{}",
        ended.summary
    );
}

#[tokio::test]
async fn without_an_admin_token_nothing_is_asked_and_the_reason_is_told() {
    let server = with_runners(&[]).await;
    let ended = by_labels(&server)
        .input("admin-token", "")
        .input("github-token", CANARY)
        .ends_with(64)
        .await;
    assert!(ended.log.contains("admin-token"), "{}", ended.log);
    assert!(
        ended.log.contains("GITHUB_TOKEN never may"),
        "{}",
        ended.log
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let server = with_runners(&[]).await;
    let ended = select(&server)
        .input("on-unknown", "perhaps")
        .input("prometheus-auth", CANARY)
        .input("run", "true")
        .ends_with(64)
        .await;
    for name in [
        "on-unknown",
        "primary-labels",
        "secondary-labels",
        "prometheus-auth",
        "run",
    ] {
        assert!(
            ended.summary.contains(&format!("`{name}`")),
            "{name} in {}",
            ended.summary
        );
    }
    let same = select(&server)
        .input("primary-labels", "production")
        .input("secondary-labels", "PRODUCTION, dc-2")
        .ends_with(64)
        .await;
    assert!(
        same.log.contains("every secondary has all of"),
        "{}",
        same.log
    );
}

#[tokio::test]
async fn prometheus_decides_over_an_online_runner_and_where_it_hangs_nothing_is_certain() {
    let server = with_runners(&pair(("online", false), ("online", false))).await;
    let target = MockServer::start().await;
    let metrics = "runner_status{runner=\"runner-a\"} 0\nrunner_status{runner=\"runner-b\"} 1\n";
    Mock::given(path("/metrics"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(metrics, "text/plain; version=0.0.4"))
        .mount(&target)
        .await;
    let prometheus = Prometheus::start(*target.address());
    await_series(&prometheus).await;
    let step = || by_labels(&server).input("prometheus-url", &prometheus.url);
    let ended = step().ends_with(0).await;
    assert_chosen(&ended, SECONDARY, "runner-b", "primary_unhealthy");
    assert_eq!(ended.row("runner-a")[4], "unhealthy (0)");
    assert_eq!(ended.row("runner-b")[4], "healthy");
    assert_eq!(ended.row("runner-c")[4], "not asked");

    prometheus.signal(Signal::SIGSTOP);
    let ended = step().input("on-unknown", "fail").ends_with(69).await;
    assert!(
        ended.row("runner-a")[4].starts_with("unknown: failed to"),
        "{}",
        ended.summary
    );
    // GitHub alone does not make a runner healthy where Prometheus was to be asked.
    let ended = step().input("on-unknown", "primary").ends_with(0).await;
    assert_chosen(&ended, PRIMARY, "", "");
}

#[tokio::test]
async fn a_runner_that_prometheus_has_never_heard_of_is_unknown() {
    let server = with_runners(&pair(("online", false), ("offline", false))).await;
    let target = MockServer::start().await;
    let prometheus = Prometheus::start(*target.address());
    let step = by_labels(&server)
        .input("prometheus-url", &prometheus.url)
        .input("prometheus-auth", &format!("user:{CANARY}"));
    // The secondary is known to be gone, so the policy cannot mean it.
    let ended = step.ends_with(0).await;
    assert_chosen(&ended, PRIMARY, "", "");
    assert!(
        ended.row("runner-a")[4].contains("no series"),
        "{}",
        ended.summary
    );
}

/// Until Prometheus has scraped its target.
async fn await_series(prometheus: &Prometheus) {
    let client = Client::new(PrometheusOptions {
        url: prometheus.url.clone(),
        credentials: None,
        resolver: None,
        ca_file: None,
    })
    .unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        let answered = client.query("runner_status", deadline).await;
        if answered.is_ok_and(|answered| answered.samples.len() == 2) {
            return;
        }
        assert!(Instant::now() < end, "Prometheus scrapes its target");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
