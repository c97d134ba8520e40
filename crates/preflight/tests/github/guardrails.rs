//! `ref.allowed`, `branch.protected`.

use github::Client;
use preflight::{
    Finding, Status,
    checks::guardrails::{Wanted, branch_protected, ref_allowed},
};
use serde_json::{Value, json};

use crate::play::{Play, REPO, part};

pub(crate) const WANTED: Wanted = Wanted {
    approvals: 2,
    status_checks: true,
    no_force_push: true,
};
const RULES: &str = "/rules/branches/release%2F1";
const BRANCH: &str = "/branches/release%2F1";
const CLASSIC: &str = "/branches/release%2F1/protection";

#[test]
fn a_ref_is_allowed_as_githubs_own_filters_would() {
    let pattern = |p: &&str| glob::Pattern::new(p).unwrap();
    let allowed: Vec<_> = ["main", "release/*", "tags/v*"]
        .iter()
        .map(pattern)
        .collect();
    for (git_ref, wanted) in [
        ("refs/heads/main", Status::Pass),
        ("main", Status::Pass),
        ("refs/heads/release/1.2", Status::Pass),
        ("refs/tags/v1.2", Status::Pass),
        ("refs/tags/main", Status::Fail),
        ("refs/tags/release/1.2", Status::Fail),
        ("refs/heads/tags/v1.2", Status::Fail),
        ("refs/heads/release/1/2", Status::Fail),
        ("refs/heads/Main", Status::Fail),
        ("refs/heads/feature/main", Status::Fail),
        ("refs/pull/7/merge", Status::Fail),
        ("", Status::Fail),
    ] {
        let finding = ref_allowed(git_ref, &allowed);
        assert_eq!(finding.status, wanted, "{git_ref}");
        assert_eq!(finding.wanted, "one of main, release/*, tags/v*");
    }
    assert_eq!(ref_allowed("refs/heads/main", &[]).status, Status::Fail);
}

pub(crate) fn rules(approvals: u64) -> Value {
    let approved = |count: u64| json!({"type": "pull_request", "parameters": {"required_approving_review_count": count}});
    let checks = json!({"required_status_checks": [{"context": "verdict"}]});
    json!([
        approved(1),
        approved(approvals),
        {"type": "required_status_checks", "parameters": checks},
        {"type": "non_fast_forward"},
    ])
}

async fn protected(play: &Play, admin: Option<&Client>) -> Finding {
    branch_protected(&play.client(), admin, "octo", "shop", "release/1", WANTED).await
}

#[tokio::test]
async fn rulesets_that_suffice_are_the_only_thing_asked_for() {
    let play = Play::start().await.has(RULES, rules(2)).await;
    let finding = protected(&play, Some(&play.client())).await;
    assert_eq!(finding.status, Status::Pass, "{finding:?}");
    assert_eq!(finding.parts.len(), 3);
    assert_eq!(play.asked().await, 1);
}

#[tokio::test]
async fn a_rule_that_is_missing_fails_where_nothing_else_protects_the_branch() {
    let open = json!({"name": "release/1", "protected": false});
    let play = Play::start()
        .await
        .has(RULES, rules(1))
        .await
        .has(BRANCH, open)
        .await;
    let finding = protected(&play, None).await;
    assert_eq!(finding.status, Status::Fail);
    assert_eq!(part(&finding, "2 approvals"), (Status::Fail, "1 needed"));
    assert_eq!(part(&finding, "passing checks"), (Status::Pass, "verdict"));
    assert_eq!(part(&finding, "no force push").0, Status::Pass);
    assert_eq!(play.asked().await, 2);
}

#[tokio::test]
async fn a_protection_that_a_jobs_token_cannot_read_is_unknown_and_not_a_failure() {
    let hidden = json!({"name": "release/1", "protected": true});
    let play = Play::start()
        .await
        .has(RULES, json!([]))
        .await
        .has(BRANCH, hidden)
        .await;
    let finding = protected(&play, None).await;
    assert_eq!(finding.status, Status::Unknown);
    assert!(finding.parts.iter().all(|p| p.status == Status::Unknown));
    assert!(finding.mend.contains("admin-token"), "{}", finding.mend);
}

#[tokio::test]
async fn with_an_admins_token_classic_protection_and_rulesets_add_up() {
    let checks = json!({"required_status_checks": [{"context": "ci"}]});
    let only_checks = json!([{"type": "required_status_checks", "parameters": checks}]);
    let approvals =
        json!({"required_pull_request_reviews": {"required_approving_review_count": 2}});
    let play = Play::start()
        .await
        .has(RULES, only_checks)
        .await
        .has(CLASSIC, approvals)
        .await;
    let finding = protected(&play, Some(&play.client())).await;
    assert_eq!(finding.status, Status::Pass, "{finding:?}");
    assert_eq!(play.asked().await, 2);

    let lax = json!({"allow_force_pushes": {"enabled": true}});
    let play = Play::start()
        .await
        .has(RULES, json!([]))
        .await
        .has(CLASSIC, lax)
        .await;
    let finding = protected(&play, Some(&play.client())).await;
    assert_eq!(finding.status, Status::Fail);
    assert!(
        finding.parts.iter().all(|p| p.status == Status::Fail),
        "{finding:?}"
    );

    let none = json!({"message": "Branch not protected"});
    let play = Play::start().await.has(RULES, json!([])).await;
    let play = play.answers(&format!("{REPO}{CLASSIC}"), 404, none).await;
    assert_eq!(
        protected(&play, Some(&play.client())).await.status,
        Status::Fail
    );
}

#[tokio::test]
async fn protection_that_cannot_be_read_is_unknown() {
    let open = json!({"name": "release/1", "protected": false});
    let failing = |at: &str| format!("{REPO}{at}");
    let play = Play::start()
        .await
        .answers(&failing(RULES), 500, json!({}))
        .await
        .has(BRANCH, open)
        .await;
    let finding = protected(&play, None).await;
    assert_eq!(finding.status, Status::Unknown);
    let told = format!("{finding:?}");
    assert_eq!(told.matches("failed to").count(), 1, "{told}");
    assert!(
        !told.contains("no rule") && !told.contains("ruleset"),
        "{told}"
    );
    assert!(finding.mend.contains("run it again"), "{told}");
    let play = Play::start().await.has(RULES, json!([])).await;
    let finding = protected(&play, Some(&play.client())).await;
    assert_eq!(
        finding.status,
        Status::Unknown,
        "404 is not `not protected`: {finding:?}"
    );
}
