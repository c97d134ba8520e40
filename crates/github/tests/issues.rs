//! What the client makes of answers about issues that are not the plain good one.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use github::{Client, ClientOptions, GitHubError, IssueCreation, NewIssue, Token};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

const CANARY: &str = "ghs_canary7f3a91";

async fn answering(status: u16, body: Value) -> (MockServer, Client) {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_json(body);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let options = ClientOptions {
        retry_wait: Duration::from_millis(1),
        ..ClientOptions::new(server.uri(), Token::new(CANARY).unwrap())
    };
    (server, Client::new(options).unwrap())
}

fn new() -> NewIssue {
    NewIssue {
        title: "t".to_owned(),
        body: "b".to_owned(),
        labels: vec!["production-incident".to_owned()],
        assignees: vec!["nobody".to_owned()],
    }
}

/// The three writes, each with what became of it.
async fn writes(client: &Client) -> Vec<GitHubError> {
    let (o, r) = ("octo-org", "octo.repo");
    vec![
        client.create_issue(o, r, &new()).await.unwrap_err(),
        client.comment_on_issue(o, r, 1, "b").await.unwrap_err(),
        client.close_issue(o, r, 1).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn a_write_about_an_issue_is_sent_once_whatever_comes_back() {
    let echo = json!({"message": format!("no: {CANARY}\n::error::{CANARY}")});
    for status in [429, 500, 502, 503] {
        let (server, client) = answering(status, echo.clone()).await;
        for error in writes(&client).await {
            assert!(error.is_unknown(), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
        assert_eq!(server.received_requests().await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn issues_that_are_switched_off_are_gone_and_not_missing() {
    let words = "Issues has been disabled in this repository.";
    let (_server, client) = answering(410, json!({"message": words})).await;
    let mut errors = writes(&client).await;
    errors.push(client.open_issues("o", "r", "l").await.unwrap_err());
    for error in errors {
        assert!(matches!(&error, GitHubError::Gone { .. }), "{error:?}");
        assert!(error.to_string().ends_with(words), "{error}");
    }
}

#[tokio::test]
async fn a_token_without_the_right_to_write_is_told_which_one() {
    let words = json!({"message": "Resource not accessible by integration"});
    let (_server, client) = answering(403, words).await;
    for error in writes(&client).await {
        assert!(
            error.to_string().ends_with(
                "a job's own token gets `issues: write` under `permissions:` of the job"
            ),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_issue_that_is_not_valid_is_told_by_the_members_that_are_wrong() {
    let invalid = json!({
        "message": "Validation Failed",
        "errors": [{"value": "nobody", "resource": "Issue", "field": "assignees", "code": "invalid"}],
    });
    let (_server, client) = answering(422, invalid).await;
    let made = client.create_issue("o", "r", &new()).await.unwrap();
    let expected = IssueCreation::Invalid {
        fields: vec!["assignees".to_owned()],
        message: "Validation Failed".to_owned(),
    };
    assert_eq!(made, expected);
}

#[tokio::test]
async fn an_issue_of_which_only_the_number_is_told_is_an_issue() {
    let (_server, client) = answering(
        200,
        json!([{"number": 7, "body": null, "labels": ["a", {"name": "b"}], "assignees": null}]),
    )
    .await;
    let issues = client.open_issues("o", "r", "l").await.unwrap();
    assert_eq!((issues[0].number, issues[0].body.as_str()), (7, ""));
    assert_eq!(issues[0].labels, ["a", "b"]);
    assert!(!issues[0].is_pull_request);
}
