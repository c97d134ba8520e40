//! The modes that ask GitHub and touch no lock, in the same surroundings as a deployment: what they leave for later steps,
//! that no store comes to be, and that no token is left anywhere.
//!
//! Every combination of answers is proven in `crates/runner-failover/tests/asking_github`.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

use std::{fs, path::Path, time::Duration};

use baton_tests::{Ended, Scene, Step};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path},
};

const SOON: Duration = Duration::from_secs(30);

/// Looks like nothing else.
const CANARY: &str = "ghs_canary7c0d55e1b8";

/// A GitHub that answers these paths of the repository to whoever brings the canary.
async fn github(answers: &[(&str, Value)]) -> MockServer {
    let server = MockServer::start().await;
    for (at, body) in answers {
        Mock::given(method("GET"))
            .and(path(*at))
            .and(header("authorization", format!("Bearer {CANARY}").as_str()))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&server)
            .await;
    }
    server
}

/// Runs the step to this end, while the server answers on threads of its own.
async fn finish(step: Step, code: i32) -> Ended {
    let ended = tokio::task::spawn_blocking(move || step.finish(SOON));
    ended.await.unwrap().expect(code)
}

/// The canary stands in no file of the scene but where the runner is told to mask it, and nothing made a store.
fn assert_left_nothing(scene: &Scene, ended: &Ended) {
    assert!(!scene.repository().exists(), "no store was needed");
    let log = ended.log();
    let seen = log
        .lines()
        .find(|line| line.contains(CANARY) && !line.starts_with("::add-mask::"));
    assert_eq!(seen, None);
    let looked = assert_no_file_holds_it(scene.folder());
    assert!(looked >= 2, "outputs and summary were looked at: {looked}");
}

fn assert_no_file_holds_it(folder: &Path) -> usize {
    let mut looked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            looked += assert_no_file_holds_it(&path);
        } else if path.file_name().is_some_and(|name| name != "log") {
            let content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            assert!(!content.contains(CANARY), "{}", path.display());
            looked += 1;
        }
    }
    looked
}

#[tokio::test]
async fn a_lost_primary_sends_the_job_to_the_secondary_and_leaves_no_store_and_no_token() {
    let runner = |id: u64, name: &str, status: &str, label: &str| {
        json!({"id": id, "name": name, "status": status, "busy": false,
               "labels": [{"name": "self-hosted"}, {"name": label}]})
    };
    let runners = json!({"total_count": 2, "runners": [
        runner(1, "runner-a", "offline", "dc-1"),
        runner(2, "runner-b", "online", "dc-2"),
    ]});
    let none = json!({"total_count": 0, "runners": []});
    let server = github(&[
        ("/repos/octo/shop/actions/runners", runners),
        ("/orgs/octo/actions/runners", none),
    ])
    .await;
    let scene = Scene::new();
    let step = scene
        .person("select")
        .default_of(&["store"])
        .variable("GITHUB_API_URL", server.uri())
        .input("admin-token", CANARY)
        .input("primary-labels", "self-hosted, dc-1")
        .input("secondary-labels", "self-hosted, dc-2");
    let ended = finish(step, 0).await;
    assert_eq!(ended.output("runs-on"), r#"["self-hosted","dc-2"]"#);
    assert_eq!(ended.output("runner"), "runner-b");
    assert_eq!(
        (ended.output("failover"), ended.output("failover-reason")),
        ("true".to_owned(), "primary_offline".to_owned())
    );
    for words in [
        "production goes to the secondary runner-b: the primary is offline",
        "| ❌ `runner-a` | primary | offline |",
        "| ✅ `runner-b` | secondary | online, idle |",
    ] {
        assert!(
            ended.summary().contains(words),
            "{words} in\n{}",
            ended.summary()
        );
    }
    assert_left_nothing(&scene, &ended);
}

#[tokio::test]
async fn a_stale_approval_ends_with_its_run_and_leaves_no_store_and_no_token() {
    let run = |status: &str, conclusion: Value| {
        json!({"id": 7, "run_number": 7, "display_title": "Ship it", "status": status,
               "conclusion": conclusion, "created_at": "2020-01-01T00:00:00Z"})
    };
    let waiting = json!({"total_count": 1, "workflow_runs": [run("waiting", Value::Null)]});
    let pending = json!([{
        "environment": {"name": "production"},
        "reviewers": [{"type": "User", "reviewer": {"login": "mona"}}],
    }]);
    let jobs = json!({"total_count": 1, "jobs": [
        {"id": 1, "name": "approve", "status": "waiting", "created_at": "2020-01-01T00:00:00Z"},
    ]});
    let runs = "/repos/octo/shop/actions/runs";
    let server = github(&[
        (runs, waiting),
        (&format!("{runs}/7/pending_deployments"), pending),
        (&format!("{runs}/7/jobs"), jobs),
        (&format!("{runs}/7"), run("completed", json!("cancelled"))),
    ])
    .await;
    Mock::given(method("GET"))
        .and(path(format!("{runs}/7")))
        .respond_with(ResponseTemplate::new(200).set_body_json(run("waiting", Value::Null)))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path(format!("{runs}/7/cancel")))
        .respond_with(ResponseTemplate::new(202))
        .expect(1)
        .mount(&server)
        .await;
    let scene = Scene::new();
    let step = scene
        .person("expire-approvals")
        .default_of(&["store"])
        .variable("GITHUB_API_URL", server.uri())
        .input("github-token", CANARY);
    let ended = finish(step, 0).await;
    assert_eq!(ended.output("cancelled-runs"), "[7]");
    let summary = ended.summary();
    for words in ["1 run is cancelled", "Ship it", "mona", "⚠️ cancelled"] {
        assert!(summary.contains(words), "{words} in\n{summary}");
    }
    assert_left_nothing(&scene, &ended);
}
