//! GitHub's part of `concurrency.*`.

use github::{Queue, QueuedRun};
use preflight::{Status, checks::concurrency::queue};
use serde_json::json;
use wiremock::{
    Mock, ResponseTemplate,
    matchers::{path, query_param},
};

use crate::play::{Play, REPO, client};

fn ids(others: &[QueuedRun]) -> Vec<u64> {
    others.iter().map(|other| other.run_id).collect()
}

#[tokio::test]
async fn others_in_the_group_are_counted_once_a_run_and_never_ourselves() {
    let member = |run: u64, status: &str| json!({"run_id": run, "run_name": format!("run {run}"), "status": status});
    let members = json!([
        member(42, "pending"),
        member(7, "in_progress"),
        member(7, "pending"),
        member(8, "pending"),
        member(9, "pending"),
    ]);
    let body = json!({"group_name": "deploy", "total_count": 5, "group_members": members});
    let play = Play::start()
        .await
        .has("/actions/concurrency_groups/deploy", body)
        .await;
    let asked = play.client().queue("octo", "shop", "deploy", 42).await;
    let found = asked.clone().unwrap();
    assert_eq!(
        (ids(&found.active), ids(&found.pending)),
        (vec![7], vec![8, 9])
    );
    assert!(!found.guessed);
    assert_eq!(queue(&asked, 2).status, Status::Pass);
    let finding = queue(&asked, 1);
    assert_eq!(finding.status, Status::Warn);
    assert!(finding.seen.contains("run 8, run 9"), "{}", finding.seen);
}

#[tokio::test]
async fn an_idle_group_has_nobody_in_it_and_one_that_cannot_be_asked_is_unknown() {
    let play = Play::start().await;
    let asked = play.client().queue("octo", "shop", "deploy", 42).await;
    assert_eq!(asked, Ok(Queue::default()));
    assert_eq!(queue(&asked, 0).status, Status::Pass);
    let at = format!("{REPO}/actions/concurrency_groups/deploy");
    let play = Play::start().await.answers(&at, 500, json!({})).await;
    let asked = play.client().queue("octo", "shop", "deploy", 42).await;
    assert_eq!(queue(&asked, 3).status, Status::Unknown);
}

#[tokio::test]
async fn on_an_enterprise_server_the_runs_of_our_own_workflow_are_the_queue() {
    let play = Play::start().await;
    let run = |id: u64, status: &str, file: &str| {
        let file = format!(".github/workflows/{file}@refs/heads/main");
        json!({"id": id, "run_number": id, "status": status, "path": file})
    };
    let active = "in_progress";
    for (status, runs) in [
        (
            active,
            vec![
                run(42, active, "cd.yml"),
                run(7, active, "cd.yml"),
                run(5, active, "ci.yml"),
            ],
        ),
        ("queued", vec![run(8, "queued", "cd.yml")]),
        ("waiting", vec![]),
        ("pending", vec![run(9, "pending", "ci.yml")]),
    ] {
        let body = json!({"total_count": runs.len(), "workflow_runs": runs});
        Mock::given(path(format!("/api/v3{REPO}/actions/runs")))
            .and(query_param("status", status))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&play.0)
            .await;
    }
    let client = client(&format!("{}/api/v3", play.0.uri()));
    let found = client.queue("octo", "shop", "deploy", 42).await.unwrap();
    assert_eq!(
        (ids(&found.active), ids(&found.pending)),
        (vec![7], vec![8])
    );
    assert!(found.guessed);
    // Where our own run is not among them, every workflow's may be in the way.
    let found = client.queue("octo", "shop", "deploy", 99).await.unwrap();
    assert_eq!(
        (ids(&found.active), ids(&found.pending)),
        (vec![5, 7, 42], vec![8, 9])
    );
}
