//! Mode `expire-approvals`: what is cancelled, what is not, and that it is asked for once.
//!
//! The GitHub of these tests says that it is noon of 2026-11-21: this host's own clock must not matter.

use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate, Times,
    matchers::{header, method, path, query_param},
};

use crate::step::{CANARY, Step};

const RUNS: &str = "/repos/octo-org/shop/actions/runs";
const NOON: &str = "Sat, 21 Nov 2026 12:00:00 GMT";

/// `hours` before noon.
fn before(hours: u32) -> String {
    format!("2026-11-21T{:02}:00:00Z", 12 - hours)
}

fn said(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .insert_header("date", NOON)
        .set_body_json(body)
}

fn refused(status: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("date", NOON)
        .set_body_json(json!({ "message": message }))
}

fn run(id: u64, created: u32) -> Value {
    json!({
        "id": id, "name": "deploy", "display_title": format!("Ship | it {id}"), "run_number": id,
        "status": "waiting", "conclusion": null, "head_branch": "main", "head_sha": "0123456789abcdef",
        "created_at": before(created), "updated_at": before(created),
        "html_url": format!("https://github.example/octo-org/shop/actions/runs/{id}"),
    })
}

fn ended(id: u64, conclusion: &str) -> Value {
    let mut run = run(id, 9);
    run["status"] = json!("completed");
    run["conclusion"] = json!(conclusion);
    run
}

fn pending(environment: &str) -> Value {
    json!([{
        "environment": {"id": 1, "name": environment}, "wait_timer": 0, "wait_timer_started_at": null,
        "current_user_can_approve": false,
        "reviewers": [
            {"type": "User", "reviewer": {"login": "mona"}},
            {"type": "Team", "reviewer": {"slug": "release"}},
        ],
    }])
}

fn jobs(all: &[(&str, u32)]) -> Value {
    let jobs: Vec<Value> = (1..)
        .zip(all)
        .map(|(id, (status, hours))| {
            json!({"id": id, "name": "job", "status": status, "created_at": before(*hours), "conclusion": null})
        })
        .collect();
    json!({"total_count": jobs.len(), "jobs": jobs})
}

async fn get(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(method("GET"))
        .and(path(at))
        .and(header("authorization", format!("Bearer {CANARY}").as_str()))
        .respond_with(answer)
        .mount(server)
        .await;
}

/// As [`get`], for the first question alone.
async fn get_first(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(method("GET"))
        .and(path(at))
        .respond_with(answer)
        .up_to_n_times(1)
        .with_priority(1)
        .mount(server)
        .await;
}

async fn cancelling(
    server: &MockServer,
    id: u64,
    answer: ResponseTemplate,
    times: impl Into<Times>,
) {
    Mock::given(method("POST"))
        .and(path(format!("{RUNS}/{id}/cancel")))
        .respond_with(answer)
        .expect(times)
        .mount(server)
        .await;
}

/// A GitHub where these runs wait.
async fn with_runs(runs: &[Value]) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(RUNS))
        .and(query_param("status", "waiting"))
        .respond_with(said(
            json!({"total_count": runs.len(), "workflow_runs": runs}),
        ))
        .mount(&server)
        .await;
    server
}

/// Run `id` waits for an approval of `environment` for `hours`.
async fn waits(server: &MockServer, id: u64, environment: &str, hours: u32) {
    get(
        server,
        &format!("{RUNS}/{id}/pending_deployments"),
        said(pending(environment)),
    )
    .await;
    get(
        server,
        &format!("{RUNS}/{id}/jobs"),
        said(jobs(&[("waiting", hours)])),
    )
    .await;
}

fn expire(server: &MockServer) -> Step {
    Step::new("expire-approvals", &server.uri()).input("github-token", CANARY)
}

/// Run 1 has waited for 5 hours and is read as it waits once, before the cancel; then as `after`.
async fn one_that_must_go(after: Value) -> MockServer {
    let server = with_runs(&[run(1, 9)]).await;
    waits(&server, 1, "Production", 5).await;
    get_first(&server, &format!("{RUNS}/1"), said(run(1, 9))).await;
    get(&server, &format!("{RUNS}/1"), said(after)).await;
    server
}

#[tokio::test]
async fn a_run_that_waited_too_long_is_cancelled_once_and_told_of() {
    let server = one_that_must_go(ended(1, "cancelled")).await;
    cancelling(&server, 1, ResponseTemplate::new(202), 1).await;
    let ended = expire(&server).ends_with(0).await;
    assert_eq!(ended.output("cancelled-runs"), Some("[1]"));
    assert_eq!(
        ended.row("Ship"),
        [
            "[Ship \\| it 1](https://github.example/octo-org/shop/actions/runs/1) `1`",
            "`main` `0123456`",
            "mona, team release",
            "5h",
            "⚠️ cancelled"
        ]
    );
}

#[tokio::test]
async fn runs_that_wait_for_something_else_or_not_for_long_or_do_work_are_left_alone() {
    let server = with_runs(&[run(2, 9), run(3, 9), run(4, 9), run(5, 2)]).await;
    waits(&server, 2, "staging", 5).await;
    waits(&server, 3, "production", 3).await;
    get(
        &server,
        &format!("{RUNS}/4/pending_deployments"),
        said(pending("production")),
    )
    .await;
    let working = jobs(&[("waiting", 6), ("in_progress", 6)]);
    get(&server, &format!("{RUNS}/4/jobs"), said(working)).await;
    for id in 2..=5 {
        cancelling(&server, id, ResponseTemplate::new(202), 0).await;
    }
    let ended = expire(&server).ends_with(0).await;
    assert_eq!(ended.output("cancelled-runs"), Some("[]"));
    assert_eq!(
        ended.row("it 3")[3..],
        ["3h", "nothing: it waits no longer than it may"]
    );
    assert_eq!(
        ended.row("it 4")[4],
        "nothing: other jobs of it run or are about to"
    );
    assert!(!ended.summary.contains("it 2"), "{}", ended.summary);
    let asked = server.received_requests().await.unwrap();
    let about_the_young = asked
        .iter()
        .filter(|r| r.url.path().starts_with(&format!("{RUNS}/5")));
    assert_eq!(about_the_young.count(), 0, "a young run costs no request");
}

#[tokio::test]
async fn what_somebody_approves_between_the_look_and_the_cancel_is_not_cancelled() {
    let server = with_runs(&[run(1, 9)]).await;
    let at = format!("{RUNS}/1/pending_deployments");
    get_first(&server, &at, said(pending("production"))).await;
    get(&server, &at, said(json!([]))).await;
    get(
        &server,
        &format!("{RUNS}/1/jobs"),
        said(jobs(&[("waiting", 5)])),
    )
    .await;
    get(&server, &format!("{RUNS}/1"), said(run(1, 9))).await;
    cancelling(&server, 1, ResponseTemplate::new(202), 0).await;
    let ended = expire(&server).ends_with(0).await;
    assert_eq!(
        ended.row("it 1")[4],
        "nothing: somebody decided in the meantime"
    );
}

#[tokio::test]
async fn a_wait_that_is_longer_by_its_own_input_and_a_dry_run_cancel_nothing() {
    let server = one_that_must_go(run(1, 9)).await;
    cancelling(&server, 1, ResponseTemplate::new(202), 0).await;
    let patient = expire(&server)
        .input("max-wait", "5h30m")
        .ends_with(0)
        .await;
    assert_eq!(
        patient.row("it 1")[4],
        "nothing: it waits no longer than it may"
    );
    let dry = expire(&server).input("dry-run", "true").ends_with(0).await;
    assert_eq!(dry.row("it 1")[4], "⚠️ would be cancelled");
    assert_eq!(dry.output("cancelled-runs"), Some("[]"));
}

#[tokio::test]
async fn a_cancel_without_an_answer_is_read_back_and_never_sent_again() {
    let server = one_that_must_go(ended(1, "cancelled")).await;
    cancelling(&server, 1, refused(502, "Server Error"), 1).await;
    let told = expire(&server).ends_with(0).await;
    assert_eq!(told.output("cancelled-runs"), Some("[1]"));
}

#[tokio::test]
async fn a_run_that_ended_by_itself_is_no_failure() {
    let server = one_that_must_go(ended(1, "success")).await;
    cancelling(
        &server,
        1,
        refused(409, "Cannot cancel a workflow run that is completed."),
        1,
    )
    .await;
    let told = expire(&server).ends_with(0).await;
    assert_eq!(
        told.row("it 1")[4],
        "nothing: it ended by itself in the meantime"
    );
}

#[tokio::test]
async fn a_token_that_may_not_cancel_is_told_which_permission_it_lacks() {
    let server = one_that_must_go(run(1, 9)).await;
    let denied = refused(403, "Resource not accessible by integration");
    cancelling(&server, 1, denied, 1).await;
    let told = expire(&server).ends_with(1).await;
    assert_eq!(told.errors(), 1, "{}", told.log);
    assert!(
        told.log.contains("`actions: write` under `permissions:`"),
        "{}",
        told.log
    );
    assert_eq!(told.output("cancelled-runs"), Some("[]"));
}

#[tokio::test]
async fn a_github_that_does_not_answer_cancels_nothing_and_ends_with_69() {
    for trouble in [
        refused(403, "API rate limit exceeded"),
        refused(500, "oops"),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .respond_with(trouble)
            .mount(&server)
            .await;
        let told = expire(&server).ends_with(69).await;
        assert_eq!(told.errors(), 1, "{}", told.log);
        let asked = server.received_requests().await.unwrap();
        assert!(asked.iter().all(|request| request.method == "GET"));
    }
    let server = MockServer::start().await;
    let denied = refused(403, "Resource not accessible by integration");
    Mock::given(method("GET"))
        .respond_with(denied)
        .mount(&server)
        .await;
    let told = expire(&server).ends_with(1).await;
    assert!(
        told.log.contains("`actions: read` under `permissions:`"),
        "{}",
        told.log
    );
}

#[tokio::test]
async fn what_was_cancelled_before_github_fell_silent_is_still_told() {
    let server = with_runs(&[run(1, 9), run(2, 8)]).await;
    waits(&server, 1, "production", 5).await;
    get_first(&server, &format!("{RUNS}/1"), said(run(1, 9))).await;
    get(&server, &format!("{RUNS}/1"), said(ended(1, "cancelled"))).await;
    cancelling(&server, 1, ResponseTemplate::new(202), 1).await;
    get(
        &server,
        &format!("{RUNS}/2/pending_deployments"),
        refused(429, "slow down"),
    )
    .await;
    let told = expire(&server).ends_with(69).await;
    assert_eq!(told.output("cancelled-runs"), Some("[1]"));
    assert_eq!(told.row("it 1")[4], "⚠️ cancelled");
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    let server = with_runs(&[]).await;
    let told = Step::new("expire-approvals", &server.uri())
        .ends_with(64)
        .await;
    assert!(told.log.contains("actions: write"), "{}", told.log);
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}
