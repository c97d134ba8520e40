//! How many requests a full preflight takes: at most eight.

use preflight::{
    Status,
    checks::{
        approval::approval, concurrency::queue, guardrails::branch_protected,
        registration::registered, secrets::age,
    },
};
use serde_json::json;

use crate::{
    approval::{asked, review, reviewed},
    guardrails::{WANTED, rules},
    play::{Play, names},
    registration::{OF_ORGANISATION, of_repository, runner},
};

/// A repository of an organisation that shares its runners, with secrets at two levels and an approved run.
async fn shop() -> Play {
    let deployment = json!({"id": 2, "created_at": "2026-11-21T08:00:00Z", "updated_at": "2026-11-21T09:30:00Z"});
    reviewed(json!([review("ada", "approved", "production")]))
        .await
        .has("/deployments", json!([deployment]))
        .await
        .secrets("/environments/production/secrets", &[("DB", "2026-11-20")])
        .await
        .secrets("/actions/secrets", &[("API", "2026-11-20")])
        .await
        .runners(&of_repository(), &[])
        .await
        .runners(OF_ORGANISATION, &[runner(1, "online", &["production"])])
        .await
}

/// Asks every check of GitHub at once; with `sha` also for the approval's time. Gives the number of requests.
async fn full(play: &Play, sha: Option<&str>) -> usize {
    let (job, admin) = (play.client(), play.client());
    let (labels, secrets) = (names(&["production"]), names(&["DB", "API"]));
    let (group, branch, (approved, _), age, registration) = tokio::join!(
        job.queue("octo", "shop", "deploy", 42),
        branch_protected(&job, Some(&admin), "octo", "shop", "main", WANTED),
        approval(&job, asked(sha)),
        age(&admin, "octo", "shop", "production", &secrets, 90),
        registered(&admin, "octo", "shop", "runner-a", &labels),
    );
    for finding in [queue(&group, 3), branch, approved, age, registration] {
        assert_eq!(finding.status, Status::Pass, "{finding:?}");
    }
    let sent = usize::try_from(job.requests_sent() + admin.requests_sent()).unwrap();
    assert_eq!(sent, play.asked().await);
    sent
}

#[tokio::test]
async fn with_rulesets_a_full_preflight_takes_eight_requests() {
    let play = shop().await.has("/rules/branches/main", rules(2)).await;
    assert_eq!(full(&play, Some("abc")).await, 8);
}

#[tokio::test]
async fn with_classic_protection_it_takes_eight_requests_without_the_approvals_time() {
    let classic = json!({
        "required_pull_request_reviews": {"required_approving_review_count": 2},
        "required_status_checks": {"contexts": ["ci"]},
    });
    let play = shop()
        .await
        .has("/rules/branches/main", json!([]))
        .await
        .has("/branches/main/protection", classic)
        .await;
    assert_eq!(full(&play, None).await, 8);
}
