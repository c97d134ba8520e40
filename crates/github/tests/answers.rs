//! What the client makes of answers that are not the plain good one, in every family of questions.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use chrono::{TimeZone, Utc};
use github::{
    Cancel, Client, ClientOptions, Created, GitHubError, MemberStatus, Occupancy, RunFilter,
    RunStatus, Token, Unknown,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, method, path, query_param},
};

const CANARY: &str = "ghs_canary7f3a91";
const REPO: &str = "/repos/octo-org/octo.repo";

fn options(url: &str) -> ClientOptions {
    ClientOptions {
        retry_wait: Duration::from_millis(1),
        ..ClientOptions::new(url, Token::new(CANARY).unwrap())
    }
}

fn client(server: &MockServer) -> Client {
    Client::new(options(&server.uri())).unwrap()
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn json_answer(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

async fn asked(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// Every question and the one write, each with what became of it.
async fn everything(client: &Client) -> Vec<(&'static str, GitHubError)> {
    let (o, r) = ("octo-org", "octo.repo");
    let results = [
        ("run_jobs", client.run_jobs(o, r, 1).await.err()),
        (
            "repository_runners",
            client.repository_runners(o, r, None).await.err(),
        ),
        (
            "organisation_runners",
            client.organisation_runners(o, None).await.err(),
        ),
        ("runner_groups", client.runner_groups(o).await.err()),
        ("group_runners", client.group_runners(o, 1).await.err()),
        ("runs", client.runs(o, r, RunFilter::default()).await.err()),
        ("run", client.run(o, r, 1).await.err()),
        ("cancel_run", client.cancel_run(o, r, 1).await.err()),
        ("occupancy", client.occupancy(o, r, "g").await.err()),
        ("active_groups", client.active_groups(o, r).await.err()),
        ("active_runs", client.active_runs(o, r).await.err()),
        ("environment", client.environment(o, r, "e").await.err()),
        ("reviews", client.reviews(o, r, 1).await.err()),
        (
            "pending_deployments",
            client.pending_deployments(o, r, 1).await.err(),
        ),
        (
            "deployments",
            client.deployments(o, r, "e", "s").await.err(),
        ),
        ("branch_rules", client.branch_rules(o, r, "b").await.err()),
        (
            "branch_protection",
            client.branch_protection(o, r, "b").await.err(),
        ),
        ("branch", client.branch(o, r, "b").await.err()),
        (
            "environment_secrets",
            client.environment_secrets(o, r, "e").await.err(),
        ),
        (
            "repository_secrets",
            client.repository_secrets(o, r).await.err(),
        ),
        (
            "organisation_secrets",
            client.organisation_secrets(o, r).await.err(),
        ),
    ];
    results
        .into_iter()
        .map(|(name, error)| (name, error.unwrap_or_else(|| panic!("{name} took it"))))
        .collect()
}

#[tokio::test]
async fn whatever_is_asked_no_answer_is_unknown_and_the_token_is_never_repeated() {
    let echo = format!("no: {CANARY}\n::error::{CANARY}");
    let limited = ResponseTemplate::new(403).insert_header("x-ratelimit-remaining", "0");
    let page = |status| {
        ResponseTemplate::new(status)
            .set_body_raw(format!("<html>{echo}</html>"), "text/html; charset=utf-8")
    };
    let nothing: [ResponseTemplate; 8] = [
        json_answer(429, json!({"message": echo})),
        limited.set_body_json(json!({"message": echo})),
        json_answer(500, json!({"message": echo})),
        ResponseTemplate::new(503).set_body_string(echo.clone()),
        page(200),
        page(404),
        page(403),
        page(401),
    ];
    for (number, answer) in nothing.into_iter().enumerate() {
        let server = answering(answer).await;
        for (name, error) in everything(&client(&server)).await {
            // A page with 200 is no sign that a write was taken on, and no proof that it was not.
            let is_write = name == "cancel_run" && number == 4;
            assert!(error.is_unknown() || is_write, "{name} {number}: {error:?}");
            let text = format!("{error} {error:?} {error:#?}");
            assert!(
                !text.contains("canary") && !error.to_string().contains('\n'),
                "{text}"
            );
        }
    }
    for status in [400, 401, 403, 422] {
        let server = answering(json_answer(status, json!({"message": echo}))).await;
        for (name, error) in everything(&client(&server)).await {
            assert!(!error.is_unknown(), "{name}: {error:?}");
            let text = format!("{error} {error:?} {error:#?}");
            assert!(
                !text.contains("canary") && !error.to_string().contains('\n'),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn truncated_json_is_no_answer_to_any_question() {
    let server =
        answering(ResponseTemplate::new(200).set_body_string(r#"{"total_count": 1, "#)).await;
    for (name, error) in everything(&client(&server)).await {
        let unreadable = matches!(
            error,
            GitHubError::Unknown {
                cause: Unknown::Unreadable { .. },
                ..
            }
        );
        assert!(unreadable || name == "cancel_run", "{name}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_that_drips_its_answer_is_given_up_at_the_request_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
                let _ = stream.write_all(head).await;
                // One byte at a time, until the client has gone.
                let mut tick = tokio::time::interval(Duration::from_millis(5));
                while stream.write_all(b" ").await.is_ok() {
                    tick.tick().await;
                }
            });
        }
    });
    let request_timeout = Duration::from_millis(60);
    let client = Client::new(ClientOptions {
        request_timeout,
        ..options(&format!("http://{address}"))
    })
    .unwrap();
    let question = client.branch_rules("octo-org", "octo.repo", "main");
    let error = tokio::time::timeout(Duration::from_secs(20), question)
        .await
        .expect("the drip is not waited for")
        .unwrap_err();
    let GitHubError::Unknown { cause, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        cause,
        Unknown::TimedOut {
            after: request_timeout
        }
    );
    server.abort();
}

#[tokio::test]
async fn a_refusal_names_the_permission_and_the_token_that_can_have_it() {
    let refusal = || {
        json_answer(
            403,
            json!({"message": "Resource not accessible by integration"}),
        )
    };
    let server = answering(refusal()).await;
    let text = |error: GitHubError| error.to_string();
    let error = text(client(&server).reviews("o", "r", 1).await.unwrap_err());
    assert!(
        error.contains("`actions: read` under `permissions:`"),
        "{error}"
    );
    let error = text(client(&server).cancel_run("o", "r", 1).await.unwrap_err());
    assert!(
        error.contains("`actions: write` under `permissions:`"),
        "{error}"
    );
    let error = text(
        client(&server)
            .repository_runners("o", "r", None)
            .await
            .unwrap_err(),
    );
    assert!(
        error.contains("`administration: read`") && error.contains("admin token"),
        "{error}"
    );

    for (header, words, of_a_job) in [
        ("contents=read", "`contents: read`", true),
        (
            "pull_requests=read,contents=write",
            "`pull-requests: read and contents: write`",
            true,
        ),
        (
            "administration=read; metadata=read",
            "`administration: read or metadata: read`",
            true,
        ),
        (
            "administration=read,metadata=read",
            "`administration: read and metadata: read`",
            false,
        ),
        (
            "organization_secrets=read",
            "`organization-secrets: read`",
            false,
        ),
    ] {
        let server =
            answering(refusal().insert_header("x-accepted-github-permissions", header)).await;
        let error = text(client(&server).reviews("o", "r", 1).await.unwrap_err());
        assert!(error.contains(words), "{error}");
        assert_eq!(error.contains("under `permissions:`"), of_a_job, "{error}");
        assert_eq!(error.contains("admin token"), !of_a_job, "{error}");
    }
    let server = answering(json_answer(401, json!({"message": "Bad credentials"}))).await;
    let error = text(client(&server).reviews("o", "r", 1).await.unwrap_err());
    assert!(error.contains("wrong, expired or revoked"), "{error}");
    let server = answering(json_answer(404, json!({"message": "Not Found"}))).await;
    let error = text(
        client(&server)
            .organisation_runners("o", None)
            .await
            .unwrap_err(),
    );
    assert!(
        error.contains("`organization_self_hosted_runners: read`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_group_that_github_does_not_find_is_idle() {
    let server = answering(json_answer(
        404,
        json!({"message": "Not Found", "status": "404"}),
    ))
    .await;
    let occupancy = client(&server)
        .occupancy("octo-org", "octo.repo", "deploy")
        .await;
    assert_eq!(occupancy.unwrap(), Occupancy::Idle);
    assert_eq!(asked(&server).await, 1);
}

#[tokio::test]
async fn a_group_with_fewer_members_than_it_says_is_no_answer() {
    let body = json!({"group_name": "g", "total_count": 2, "group_members": [{"run_id": 1, "status": "novel"}]});
    let server = answering(json_answer(200, body)).await;
    let error = client(&server).occupancy("o", "r", "g").await.unwrap_err();
    let GitHubError::Unknown { cause, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(cause, Unknown::Incomplete { got: 1, total: 2 });
    let body = json!({"group_name": "g", "total_count": 1, "group_members": [{"run_id": 1, "status": "novel"}]});
    let server = answering(json_answer(200, body)).await;
    let Occupancy::Group(group) = client(&server).occupancy("o", "r", "g").await.unwrap() else {
        panic!("a group")
    };
    assert_eq!(group.members[0].status, MemberStatus::Unknown);
}

fn run(id: u64, status: &str) -> Value {
    json!({"id": id, "run_number": id, "status": status})
}

#[tokio::test]
async fn on_an_enterprise_server_the_runs_stand_in_for_the_group() {
    let server = MockServer::start().await;
    let runs = format!("/api/v3{REPO}/actions/runs");
    for (status, found) in [
        ("pending", vec![run(9, "pending")]),
        ("waiting", vec![]),
        ("queued", vec![run(7, "queued"), run(8, "queued")]),
        // It has moved on since the question before.
        (
            "in_progress",
            vec![run(7, "in_progress"), run(3, "in_progress")],
        ),
    ] {
        let answer = json!({"total_count": found.len(), "workflow_runs": found});
        Mock::given(method("GET"))
            .and(path(&runs))
            .and(query_param("status", status))
            .respond_with(json_answer(200, answer))
            .mount(&server)
            .await;
    }
    let client = Client::new(options(&format!("{}/api/v3", server.uri()))).unwrap();
    let Occupancy::ActiveRuns(found) = client
        .occupancy("octo-org", "octo.repo", "g")
        .await
        .unwrap()
    else {
        panic!("runs")
    };
    let seen: Vec<_> = found.iter().map(|run| (run.id, run.status)).collect();
    use github::Status::{InProgress, Pending, Queued};
    assert_eq!(
        seen,
        [(3, InProgress), (7, InProgress), (8, Queued), (9, Pending)]
    );
    assert_eq!(client.requests_sent(), 4);
    let order: Vec<String> = server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .map(|r| {
            r.url
                .query_pairs()
                .find(|(k, _)| k == "status")
                .unwrap()
                .1
                .into_owned()
        })
        .collect();
    assert_eq!(
        order,
        ["pending", "waiting", "queued", "in_progress"],
        "a run's own way, so that none slips through between two questions"
    );
}

#[tokio::test]
async fn runs_are_asked_for_by_when_they_were_created() {
    let server = answering(json_answer(
        200,
        json!({"total_count": 0, "workflow_runs": []}),
    ))
    .await;
    let at = Utc.with_ymd_and_hms(2026, 11, 21, 4, 0, 0).unwrap();
    for (created, sent) in [
        (Created::Since(at), ">=2026-11-21T04:00:00Z"),
        (Created::Until(at), "<=2026-11-21T04:00:00Z"),
    ] {
        let filter = RunFilter {
            status: Some(RunStatus::Waiting),
            created: Some(created),
        };
        client(&server)
            .runs("octo-org", "octo.repo", filter)
            .await
            .unwrap();
        let requests = server.received_requests().await.unwrap();
        let url = &requests.last().unwrap().url;
        assert!(
            url.query_pairs().any(|(k, v)| k == "created" && v == sent),
            "{url}"
        );
        assert!(
            url.query_pairs()
                .any(|(k, v)| k == "status" && v == "waiting"),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_write_is_sent_once_whatever_comes_back() {
    for status in [202, 409, 429, 500, 502, 503] {
        let server = answering(json_answer(status, json!({"message": "Cannot cancel"}))).await;
        let client = client(&server);
        let result = client.cancel_run("octo-org", "octo.repo", 42).await;
        match status {
            202 => assert_eq!(result, Ok(Cancel::Accepted)),
            409 => assert_eq!(
                result,
                Ok(Cancel::Conflict {
                    message: "Cannot cancel".to_owned()
                })
            ),
            _ => assert!(result.unwrap_err().is_unknown()),
        }
        let requests = server.received_requests().await.unwrap();
        assert_eq!((requests.len(), client.requests_sent()), (1, 1), "{status}");
        assert_eq!(requests[0].method.as_str(), "POST");
        assert_eq!(
            requests[0].url.path(),
            format!("{REPO}/actions/runs/42/cancel")
        );
        assert!(requests[0].body.is_empty());
    }
    let server = answering(json_answer(200, json!({}))).await;
    let result = client(&server)
        .cancel_run("octo-org", "octo.repo", 42)
        .await;
    assert!(
        matches!(result, Err(GitHubError::Unexpected { status: 200, .. })),
        "{result:?}"
    );
    let server = answering(json_answer(202, json!({})).set_delay(Duration::from_secs(3600))).await;
    let client = Client::new(ClientOptions {
        request_timeout: Duration::from_millis(50),
        ..options(&server.uri())
    })
    .unwrap();
    let result = client.cancel_run("octo-org", "octo.repo", 42).await;
    assert!(result.unwrap_err().is_unknown());
    assert_eq!(client.requests_sent(), 1);
}

#[tokio::test]
async fn the_time_is_githubs_and_not_the_hosts() {
    let body = json!({"total_count": 0, "secrets": []});
    let dated = json_answer(200, body).insert_header("date", "Fri, 01 Jan 2021 10:00:00 GMT");
    let server = answering(dated).await;
    let asking = client(&server);
    assert_eq!(asking.server_time(), None);
    asking.clone().repository_secrets("o", "r").await.unwrap();
    let said = Utc.with_ymd_and_hms(2021, 1, 1, 10, 0, 0).unwrap();
    let now = asking.server_time().unwrap();
    assert!(now >= said && now < said + Duration::from_secs(60), "{now}");

    // A failing proxy's clock is not GitHub's.
    let failing = ResponseTemplate::new(502).insert_header("date", "Fri, 01 Jan 2021 10:00:00 GMT");
    let server = answering(failing).await;
    let asking = client(&server);
    asking.repository_secrets("o", "r").await.unwrap_err();
    assert_eq!(asking.server_time(), None);
}

#[tokio::test]
async fn every_request_is_counted_its_retries_and_pages_too() {
    let server = answering(ResponseTemplate::new(503)).await;
    let client = client(&server);
    client.branch("o", "r", "b").await.unwrap_err();
    client.clone().reviews("o", "r", 1).await.unwrap_err();
    assert_eq!(client.requests_sent(), 6);
    assert_eq!(asked(&server).await, 6);
}

#[tokio::test]
async fn a_name_with_a_slash_stays_one_segment() {
    let server = answering(json_answer(404, json!({"message": "Not Found"}))).await;
    let client = client(&server);
    client
        .branch("o", "r", "release/1.2 ü#?%")
        .await
        .unwrap_err();
    client
        .environment("o", "r", "../../secrets")
        .await
        .unwrap_err();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(
        requests[0].url.path(),
        "/repos/o/r/branches/release%2F1.2%20%C3%BC%23%3F%25"
    );
    assert_eq!(
        requests[1].url.path(),
        "/repos/o/r/environments/..%2F..%2Fsecrets"
    );
    for name in ["", ".", ".."] {
        for error in [
            client.branch("o", "r", name).await.unwrap_err(),
            client.occupancy("o", "r", name).await.unwrap_err(),
            client
                .environment_secrets("o", "r", name)
                .await
                .unwrap_err(),
        ] {
            assert_eq!(
                error,
                GitHubError::InvalidName {
                    name: name.to_owned()
                }
            );
        }
    }
    assert_eq!(client.requests_sent(), 2);
}
