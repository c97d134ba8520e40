//! `environment.approval`.

use std::time::Duration;

use preflight::{
    Status,
    checks::approval::{Approval, Asked, approval},
};
use serde_json::{Value, json};

use crate::play::{Play, REPO};

pub(crate) fn asked(sha: Option<&str>) -> Asked<'_> {
    Asked {
        owner: "octo",
        repo: "shop",
        run_id: 42,
        environment: "production",
        sha,
    }
}

pub(crate) fn review(user: &str, state: &str, environment: &str) -> Value {
    json!({"state": state, "comment": "ship it", "user": {"login": user}, "environments": [{"name": environment}]})
}

pub(crate) async fn reviewed(reviews: Value) -> Play {
    Play::start()
        .await
        .has("/actions/runs/42/approvals", reviews)
        .await
}

#[tokio::test]
async fn an_approval_names_who_when_and_how_long_it_waited() {
    let deployments = json!([
        {"id": 2, "created_at": "2026-11-21T08:00:00Z", "updated_at": "2026-11-21T09:30:00Z"},
        {"id": 1, "created_at": "2026-11-20T08:00:00Z", "updated_at": "2026-11-20T08:01:00Z"},
    ]);
    let reviews = json!([
        review("ada", "approved", "Production"),
        review("bob", "rejected", "staging")
    ]);
    let play = reviewed(reviews)
        .await
        .has("/deployments", deployments)
        .await;
    let (finding, facts) = approval(&play.client(), asked(Some("abc"))).await;
    assert_eq!(finding.status, Status::Pass);
    assert_eq!(
        finding.seen,
        "approved by ada, by 2026-11-21 09:30:00 UTC at the latest, after at most 1h 30m"
    );
    let [fact]: &[Approval; 1] = facts.as_slice().try_into().unwrap();
    assert_eq!(
        (fact.user.as_str(), fact.comment.as_str()),
        ("ada", "ship it")
    );
    assert_eq!(fact.waited, Some(Duration::from_secs(5400)));
    assert!(fact.at.is_some());
    assert_eq!(play.asked().await, 2);
}

#[tokio::test]
async fn an_approval_stands_without_its_time() {
    let play = reviewed(json!([review("ada", "approved", "production")])).await;
    let (finding, facts) = approval(&play.client(), asked(None)).await;
    assert_eq!(
        (finding.status, finding.seen.as_str()),
        (Status::Pass, "approved by ada")
    );
    assert_eq!((facts[0].at, facts[0].waited), (None, None));
    assert_eq!(play.asked().await, 1);
    let (finding, _) = approval(&play.client(), asked(Some("abc"))).await;
    assert_eq!(finding.status, Status::Pass);
    assert!(
        finding.seen.contains("when is not known"),
        "{}",
        finding.seen
    );
}

#[tokio::test]
async fn a_rejection_fails_and_one_beside_an_approval_is_shown() {
    let rejected = review("bob", "rejected", "production");
    let play = reviewed(json!([rejected])).await;
    let (finding, facts) = approval(&play.client(), asked(None)).await;
    assert_eq!(
        (finding.status, finding.seen.as_str()),
        (Status::Fail, "rejected by bob")
    );
    assert_eq!(facts.len(), 1);
    let play = reviewed(json!([rejected, review("ada", "approved", "production")])).await;
    let (finding, facts) = approval(&play.client(), asked(None)).await;
    assert_eq!(finding.status, Status::Warn);
    assert!(finding.seen.contains("ada") && finding.seen.contains("bob"));
    assert_eq!(facts.len(), 2);
}

#[tokio::test]
async fn an_environment_without_reviewers_warns_and_one_with_them_fails_until_approved() {
    let timer = json!({"name": "production", "protection_rules": [{"type": "wait_timer", "wait_timer": 5}]});
    let play = reviewed(json!([review("ada", "approved", "staging")])).await;
    let play = play.has("/environments/production", timer).await;
    let (finding, facts) = approval(&play.client(), asked(Some("abc"))).await;
    assert_eq!(finding.status, Status::Warn);
    assert!(
        finding.seen.starts_with("nobody has to approve"),
        "{}",
        finding.seen
    );
    assert!(facts.is_empty());

    let reviewers = json!([
        {"type": "User", "reviewer": {"login": "ada"}},
        {"type": "Team", "reviewer": {"slug": "ops"}},
    ]);
    let rules = json!([{"type": "required_reviewers", "reviewers": reviewers}]);
    let environment = json!({"name": "production", "protection_rules": rules});
    for reviews in [json!([]), json!([review("ada", "pending", "production")])] {
        let play = reviewed(reviews)
            .await
            .has("/environments/production", environment.clone())
            .await;
        let (finding, _) = approval(&play.client(), asked(Some("abc"))).await;
        assert_eq!(finding.status, Status::Fail);
        assert!(
            finding.seen.contains("ada, team ops may"),
            "{}",
            finding.seen
        );
        assert_eq!(play.asked().await, 2);
    }
}

#[tokio::test]
async fn reviews_that_cannot_be_read_are_unknown_and_say_which_permission_is_missing() {
    let at = format!("{REPO}/actions/runs/42/approvals");
    let play = Play::start()
        .await
        .answers(&at, 403, json!({"message": "no"}))
        .await;
    let (finding, facts) = approval(&play.client(), asked(None)).await;
    assert_eq!((finding.status, facts.len()), (Status::Unknown, 0));
    assert!(
        finding
            .mend
            .contains("`actions: read` under `permissions:`"),
        "{}",
        finding.mend
    );
}
