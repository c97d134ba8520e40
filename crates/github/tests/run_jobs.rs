//! The client against a server that plays GitHub.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use github::{Client, ClientOptions, GitHubError, Token, Unknown};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path, query_param, query_param_is_missing},
};

const CANARY: &str = "ghs_canary7f3a91";
const JOBS: &str = "/repos/octo-org/octo.repo/actions/runs/42/jobs";

fn options(url: &str) -> ClientOptions {
    ClientOptions {
        retry_wait: Duration::from_millis(1),
        ..ClientOptions::new(url, Token::new(CANARY).unwrap())
    }
}

fn client(server: &MockServer) -> Client {
    Client::new(options(&server.uri())).unwrap()
}

fn job(id: u64) -> Value {
    json!({"id": id, "name": format!("job {id}"), "status": "completed", "conclusion": "success", "run_attempt": 1})
}

fn page(total: usize, ids: std::ops::Range<u64>) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({"total_count": total, "jobs": ids.map(job).collect::<Vec<_>>()}))
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

async fn ask(server: &MockServer) -> Result<Vec<github::Job>, GitHubError> {
    client(server).run_jobs("octo-org", "octo.repo", 42).await
}

async fn asked(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

fn cause(result: Result<Vec<github::Job>, GitHubError>) -> Unknown {
    match result.unwrap_err() {
        GitHubError::Unknown { cause, .. } => cause,
        error => panic!("an answer was seen: {error:?}"),
    }
}

#[tokio::test]
async fn a_list_of_several_pages_is_read_whole() {
    let server = MockServer::start().await;
    Mock::given(path(JOBS))
        .and(query_param_is_missing("page"))
        .respond_with(page(205, 0..100))
        .mount(&server)
        .await;
    Mock::given(path(JOBS))
        .and(query_param("page", "2"))
        .respond_with(page(205, 100..200))
        .mount(&server)
        .await;
    Mock::given(path(JOBS))
        .and(query_param("page", "3"))
        .respond_with(page(205, 200..205))
        .mount(&server)
        .await;
    let ids: Vec<u64> = ask(&server)
        .await
        .unwrap()
        .iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(ids, (0..205).collect::<Vec<_>>());
    assert_eq!(asked(&server).await, 3);
}

#[tokio::test]
async fn a_full_last_page_is_not_followed_by_an_empty_one() {
    let server = answering(page(100, 0..100)).await;
    assert_eq!(ask(&server).await.unwrap().len(), 100);
    assert_eq!(asked(&server).await, 1);
}

#[tokio::test]
async fn a_job_that_moves_to_the_next_page_comes_once() {
    let server = MockServer::start().await;
    Mock::given(query_param_is_missing("page"))
        .respond_with(page(101, 0..100))
        .mount(&server)
        .await;
    Mock::given(query_param("page", "2"))
        .respond_with(page(101, 99..101))
        .mount(&server)
        .await;
    assert_eq!(ask(&server).await.unwrap().len(), 101);
}

#[tokio::test]
async fn a_list_with_missing_jobs_is_no_answer() {
    let server = answering(page(7, 0..5)).await;
    assert_eq!(
        cause(ask(&server).await),
        Unknown::Incomplete { got: 5, total: 7 }
    );
}

#[tokio::test]
async fn the_prefix_of_an_enterprise_server_is_kept() {
    for prefix in ["/api/v3", "/api/v3/", "/r"] {
        let server = answering(page(0, 0..0)).await;
        let client = Client::new(options(&format!("{}{prefix}", server.uri()))).unwrap();
        assert_eq!(
            client.run_jobs("octo-org", "octo.repo", 42).await.unwrap(),
            []
        );
        let requests = server.received_requests().await.unwrap();
        assert_eq!(
            requests[0].url.path(),
            format!("{}{JOBS}", prefix.trim_end_matches('/'))
        );
    }
}

#[tokio::test]
async fn a_request_says_who_asks_in_which_version_and_with_which_token() {
    let server = answering(page(0, 0..0)).await;
    ask(&server).await.unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    let values = |name: &str| -> Vec<String> {
        request
            .headers
            .get_all(name)
            .iter()
            .map(|v| v.to_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        values("user-agent"),
        [concat!("baton/", env!("CARGO_PKG_VERSION"))]
    );
    assert_eq!(values("x-github-api-version"), ["2022-11-28"]);
    assert_eq!(values("accept"), ["application/vnd.github+json"]);
    assert_eq!(values("authorization"), [format!("Bearer {CANARY}")]);
}

#[tokio::test]
async fn a_failure_of_githubs_own_is_asked_again_at_most_twice() {
    let server = answering(ResponseTemplate::new(503)).await;
    assert_eq!(cause(ask(&server).await), Unknown::Server { status: 503 });
    assert_eq!(asked(&server).await, 3);
}

#[tokio::test]
async fn a_failure_that_passes_is_not_seen() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(502))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(page(1, 0..1))
        .mount(&server)
        .await;
    assert_eq!(ask(&server).await.unwrap().len(), 1);
}

#[tokio::test]
async fn no_retry_begins_that_would_pass_the_deadline() {
    let server = answering(ResponseTemplate::new(503)).await;
    let options = ClientOptions {
        retry_wait: Duration::from_secs(3600),
        deadline: Duration::from_secs(60),
        ..options(&server.uri())
    };
    let client = Client::new(options).unwrap();
    let question = client.run_jobs("octo-org", "octo.repo", 42);
    let result = tokio::time::timeout(Duration::from_secs(20), question)
        .await
        .expect("no wait begins");
    assert_eq!(cause(result), Unknown::Server { status: 503 });
    assert_eq!(asked(&server).await, 1);
}

#[tokio::test]
async fn a_slow_answer_is_given_up_at_the_request_timeout_and_asked_for_again() {
    let server = answering(page(0, 0..0).set_delay(Duration::from_secs(3600))).await;
    let request_timeout = Duration::from_millis(50);
    let options = ClientOptions {
        request_timeout,
        ..options(&server.uri())
    };
    let result = Client::new(options)
        .unwrap()
        .run_jobs("octo-org", "octo.repo", 42)
        .await;
    assert_eq!(
        cause(result),
        Unknown::TimedOut {
            after: request_timeout
        }
    );
    assert_eq!(asked(&server).await, 3);
}

#[tokio::test]
async fn the_deadline_bounds_the_whole_question() {
    let server = answering(page(0, 0..0).set_delay(Duration::from_secs(3600))).await;
    let deadline = Duration::from_millis(50);
    let options = ClientOptions {
        deadline,
        request_timeout: Duration::from_secs(3600),
        ..options(&server.uri())
    };
    let result = Client::new(options)
        .unwrap()
        .run_jobs("octo-org", "octo.repo", 42)
        .await;
    assert_eq!(cause(result), Unknown::TimedOut { after: deadline });
}

#[tokio::test]
async fn a_rate_limit_is_no_answer_and_not_asked_again() {
    let limited: [(ResponseTemplate, Option<u64>, Option<u64>); 5] = [
        (ResponseTemplate::new(429), None, None),
        (
            ResponseTemplate::new(429).insert_header("retry-after", "60"),
            Some(60),
            None,
        ),
        (
            ResponseTemplate::new(403).insert_header("retry-after", "7"),
            Some(7),
            None,
        ),
        (
            ResponseTemplate::new(403)
                .insert_header("x-ratelimit-remaining", "0")
                .insert_header("x-ratelimit-reset", "1795250000"),
            None,
            Some(1_795_250_000),
        ),
        (
            ResponseTemplate::new(403)
                .set_body_json(json!({"message": "You have exceeded a secondary rate limit."})),
            None,
            None,
        ),
    ];
    for (answer, retry_after, resets_at) in limited {
        let server = answering(answer).await;
        let Unknown::RateLimited {
            retry_after: after,
            resets_at: at,
            ..
        } = cause(ask(&server).await)
        else {
            panic!("not a rate limit");
        };
        assert_eq!((after.map(|a| a.as_secs()), at), (retry_after, resets_at));
        assert_eq!(asked(&server).await, 1);
    }
}

#[tokio::test]
async fn a_refusal_that_is_no_rate_limit_is_an_answer() {
    let body = json!({"message": "Resource not accessible by integration"});
    for status in [401, 403] {
        let refusal = ResponseTemplate::new(status).insert_header("x-ratelimit-remaining", "998");
        let server = answering(refusal.set_body_json(&body)).await;
        let error = ask(&server).await.unwrap_err();
        let GitHubError::Denied {
            status: seen,
            message,
            ..
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(
            (*seen, message.as_str()),
            (status, "Resource not accessible by integration")
        );
        assert!(!error.is_unknown());
        assert_eq!(asked(&server).await, 1);
    }
    let server = answering(ResponseTemplate::new(404)).await;
    assert!(matches!(
        ask(&server).await.unwrap_err(),
        GitHubError::NotFound { path, .. } if path == JOBS
    ));
    let server = answering(ResponseTemplate::new(418)).await;
    assert!(matches!(
        ask(&server).await.unwrap_err(),
        GitHubError::Unexpected { status: 418, .. }
    ));
}

#[tokio::test]
async fn an_answer_that_is_not_a_list_of_jobs_is_no_answer() {
    for body in [
        "",
        "<html>proxy</html>",
        "{}",
        r#"{"total_count":1,"jobs":[{"id":"one"}]}"#,
    ] {
        let server = answering(ResponseTemplate::new(200).set_body_string(body)).await;
        assert!(
            matches!(cause(ask(&server).await), Unknown::Unreadable { .. }),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_no_answer() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let client = Client::new(options(&format!("http://127.0.0.1:{port}"))).unwrap();
    let error = client
        .run_jobs("octo-org", "octo.repo", 42)
        .await
        .unwrap_err();
    assert!(error.is_unknown(), "{error:?}");
    assert!(error.to_string().contains("no connection"), "{error}");
}

#[tokio::test]
async fn the_token_is_in_no_error_and_no_debug_text() {
    let echo = format!("bad credentials: {CANARY}\n::error::{CANARY}");
    let mut texts = Vec::new();
    for status in [200, 400, 401, 403, 404, 429, 500] {
        let body = [
            json!({"message": echo}).to_string(),
            echo.clone(),
            json!({"total_count": CANARY}).to_string(),
        ];
        for body in body {
            let server = answering(ResponseTemplate::new(status).set_body_string(body)).await;
            let error = ask(&server).await.unwrap_err();
            texts.push(format!("{error} {error:?} {error:#?}"));
        }
    }
    let server = MockServer::start().await;
    texts.push(format!(
        "{:?} {:#?} {:?}",
        client(&server),
        client(&server),
        options("http://x")
    ));
    for url in [
        format!("https://{CANARY}@ghes"),
        format!("https://u:{CANARY}@ghes/api/v3"),
        format!("https://h/?t={CANARY}"),
    ] {
        let error = Client::new(options(&url)).unwrap_err();
        texts.push(format!("{error} {error:?}"));
    }
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
        assert!(!text.contains("\n::"), "{text}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_does_not_take_the_token_along() {
    let elsewhere = answering(page(0, 0..0)).await;
    // Another name of this host is another host to the client.
    let target = format!(
        "{}/moved",
        elsewhere.uri().replace("127.0.0.1", "localhost")
    );
    let server = answering(ResponseTemplate::new(301).insert_header("location", target)).await;
    ask(&server).await.unwrap();
    let requests = elsewhere.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].headers.get("authorization").is_none());
}

#[tokio::test]
async fn a_name_cannot_become_another_path() {
    let server = answering(page(0, 0..0)).await;
    for name in ["", ".", "..", "a/b", "a?b", "a b", "a%2fb", "ä"] {
        for (owner, repo) in [(name, "repo"), ("owner", name)] {
            let error = client(&server).run_jobs(owner, repo, 1).await.unwrap_err();
            assert_eq!(
                error,
                GitHubError::InvalidName {
                    name: name.to_owned()
                }
            );
        }
    }
    assert_eq!(asked(&server).await, 0);
}

#[test]
fn an_address_that_is_not_one_of_an_api_is_refused() {
    for url in [
        "",
        "api.github.com",
        "ftp://h",
        "https://h/?a=b",
        "https://h/#f",
        "https://u@h",
    ] {
        assert!(
            matches!(
                Client::new(options(url)),
                Err(GitHubError::InvalidUrl { .. })
            ),
            "{url}"
        );
    }
}
