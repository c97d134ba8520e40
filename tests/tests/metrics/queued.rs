//! How many wait: in GitHub's concurrency group, or for the lease.

use baton_tests::{Ended, Run, Scene};
use serde_json::json;
use test_servers::Pushgateway;

use crate::{
    SOON, deploy, exposition,
    front::{Behind, Front},
};

const TOKEN: &str = "token-of-the-job-7c1f";

fn depth(gateway: &Pushgateway) -> Vec<f64> {
    let all = exposition::read(&gateway.metrics());
    all.of("deployment_queue_depth").into_values().collect()
}

fn push(scene: &Scene, run: &Run, gateway: &Pushgateway, github: &Front) -> Ended {
    scene
        .metrics_of_verdict(run)
        .input("pushgateway-url", gateway.url())
        .input("concurrency-group", "deploy production/eu")
        .input("github-token", TOKEN)
        .variable("GITHUB_API_URL", github.url())
        .finish(SOON)
        .expect(0)
}

/// The group as GitHub's description has it: our own run holds it, and these wait.
fn group(own: u64, pending: &[u64]) -> Behind {
    let member =
        |id: u64, status: &str| json!({"run_id": id, "run_name": "deploy", "status": status});
    let mut members = vec![member(own, "in_progress")];
    members.extend(pending.iter().map(|id| member(*id, "pending")));
    let body = json!({
        "group_name": "deploy production/eu",
        "total_count": members.len(),
        "group_members": members,
    });
    Behind::Words(200, body.to_string())
}

#[test]
fn the_larger_of_githubs_queue_and_the_leases_own_is_pushed() {
    let scene = Scene::new();
    let gateway = Pushgateway::start();
    let [first, second] = [1, 2].map(Run::number);
    let mut holder = scene
        .candidate(&first, 1, "write deploy release")
        .input("candidates", 1)
        .start();
    scene.target().await_start(1, "deploy", SOON);
    let mut waits = scene
        .candidate(&second, 1, "true")
        .input("candidates", 1)
        .start();
    waits.says("waits behind", SOON);

    let github = Front::of(group(first.id, &[11, 12, 13]));
    push(&scene, &first, &gateway, &github);
    assert_eq!(depth(&gateway), [3.0, 3.0]);
    let asked = &github.arrived()[0];
    assert_eq!(
        asked.line,
        "GET /repos/octo/shop/actions/concurrency_groups/deploy%20production%2Feu"
    );
    assert_eq!(
        asked.header("authorization"),
        Some(&*format!("Bearer {TOKEN}"))
    );

    github.answer_by(group(first.id, &[]));
    push(&scene, &first, &gateway, &github);
    assert_eq!(depth(&gateway), [1.0, 1.0], "one waits for the lease");
    scene.release();
    holder.wait(SOON).expect(0);
    waits.wait(SOON).expect(0);
}

#[test]
fn a_group_that_may_not_be_read_is_a_warning_and_the_leases_own_queue_counts() {
    let scene = Scene::new();
    let gateway = Pushgateway::start();
    let run = Run::number(1);
    deploy(&scene, &run, "true");
    let words = json!({"message": "Resource not accessible by integration"}).to_string();
    let github = Front::of(Behind::Words(403, words));
    let ended = push(&scene, &run, &gateway, &github);
    assert_eq!(depth(&gateway), [0.0, 0.0]);
    assert_eq!(ended.output("result"), "pass");
    let log = ended.log();
    let warned = log.lines().any(|line| {
        line.starts_with("::warning")
            && line.contains("deploy production/eu")
            && line.contains("actions: read")
    });
    assert!(warned, "{log}");
    // 404 is an idle group, and no warning.
    github.answer_by(Behind::Words(
        404,
        "{\"message\": \"Not Found\"}".to_owned(),
    ));
    let ended = push(&scene, &run, &gateway, &github);
    assert!(!ended.log().contains("::warning"), "{}", ended.log());
}
