//! What protects branches and environments, as the client reads it.

#![allow(clippy::unwrap_used)]

use github::{BranchRule, Client, ClientOptions, GitHubError, ProtectionRule, Reviewer, Token};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

fn client(server: &MockServer) -> Client {
    Client::new(ClientOptions::new(
        server.uri(),
        Token::new("ghs_x").unwrap(),
    ))
    .unwrap()
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn json_answer(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

#[tokio::test]
async fn the_rules_that_baton_wants_are_read_and_others_are_kept() {
    let rules = json!([
        {"type": "pull_request", "parameters": {"required_approving_review_count": 2, "novelty": 1}},
        {"type": "pull_request"},
        {"type": "required_status_checks",
         "parameters": {"required_status_checks": [{"context": "ci"}, {"context": "verdict", "integration_id": 7}]}},
        {"type": "non_fast_forward", "ruleset_id": 7},
        {"type": "deletion"},
        {"type": "hibernation", "parameters": ["odd"]},
    ]);
    let server = answering(json_answer(200, rules)).await;
    let rules = client(&server)
        .branch_rules("octo-org", "octo.repo", "main")
        .await
        .unwrap();
    assert_eq!(
        rules,
        [
            BranchRule::PullRequest {
                required_approving_review_count: 2
            },
            BranchRule::PullRequest {
                required_approving_review_count: 0
            },
            BranchRule::RequiredStatusChecks {
                contexts: vec!["ci".into(), "verdict".into()]
            },
            BranchRule::NonFastForward,
            BranchRule::Deletion,
            BranchRule::Other("hibernation".into()),
        ]
    );
}

#[tokio::test]
async fn a_branch_without_classic_protection_is_told_from_one_that_cannot_be_seen() {
    let server = answering(json_answer(404, json!({"message": "Branch not protected"}))).await;
    let protection = client(&server).branch_protection("o", "r", "main").await;
    assert_eq!(protection.unwrap(), None);
    for message in ["Not Found", "Branch not found"] {
        let server = answering(json_answer(404, json!({"message": message}))).await;
        let error = client(&server)
            .branch_protection("o", "r", "main")
            .await
            .unwrap_err();
        assert!(matches!(error, GitHubError::NotFound { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn classic_protection_is_read_in_its_older_and_its_newer_form() {
    let newer = json!({
        "required_status_checks": {"checks": [{"context": "ci", "app_id": null}]},
        "required_pull_request_reviews": null,
        "allow_force_pushes": {"enabled": true},
    });
    let server = answering(json_answer(200, newer)).await;
    let protection = client(&server)
        .branch_protection("o", "r", "b")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(protection.status_checks, ["ci"]);
    assert_eq!(protection.required_approving_review_count, 0);
    assert!(protection.allow_force_pushes && !protection.enforce_admins);
    let server = answering(json_answer(200, json!({}))).await;
    let protection = client(&server)
        .branch_protection("o", "r", "b")
        .await
        .unwrap()
        .unwrap();
    assert!(protection.status_checks.is_empty() && !protection.allow_force_pushes);
}

#[tokio::test]
async fn an_environment_with_rules_of_tomorrow_is_read() {
    let body = json!({"name": "production", "protection_rules": [
        {"id": 1, "type": "custom_app"},
        {"id": 2, "type": "required_reviewers", "reviewers": [
            {"type": "Robot", "reviewer": {"id": 1}}, {"type": "User", "reviewer": {"login": "ada"}}]},
    ]});
    let server = answering(json_answer(200, body)).await;
    let environment = client(&server)
        .environment("o", "r", "production")
        .await
        .unwrap();
    assert_eq!(
        environment.protection_rules,
        [
            ProtectionRule::Other("custom_app".into()),
            ProtectionRule::RequiredReviewers {
                reviewers: vec![Reviewer::Unknown, Reviewer::User("ada".into())],
                prevent_self_review: false,
            },
        ]
    );
}
