//! Answers that no Pushgateway gives, but what stands before one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::Path, time::Duration};

use ledger::Role;
use metrics::{CONTENT_TYPE, Gateway, GatewayError, Group, Subject};
use probes::http::Credentials;
use tokio::{io::AsyncReadExt, net::TcpListener, time::Instant};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{any, header, method, path_regex},
};

/// What is pushed in these tests.
const TEXT: &str = "x 1\n";

async fn push(gateway: &Gateway, within: Duration) -> Result<(), GatewayError> {
    let group = Group {
        subject: Subject::default(),
        role: Role::Primary,
    };
    gateway.put(&group, TEXT, Instant::now() + within).await
}

async fn answered(answer: ResponseTemplate) -> (MockServer, Result<(), GatewayError>) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let gateway = Gateway::new(&server.uri(), None, None).unwrap();
    let result = push(&gateway, Duration::from_secs(20)).await;
    (server, result)
}

#[tokio::test]
async fn every_kind_of_answer_is_told_apart_and_says_whether_it_may_pass() {
    for (status, kind, may_pass) in [
        (400, "refused, 400 Bad Request", false),
        (401, "not permitted, 401 Unauthorized", false),
        (403, "not permitted, 403 Forbidden", false),
        (404, "no Pushgateway at this path, 404 Not Found", false),
        (405, "refused, 405 Method Not Allowed", false),
        (408, "it cannot at the moment, 408 Request Timeout", true),
        (413, "refused, 413 Payload Too Large", false),
        (429, "it cannot at the moment, 429 Too Many Requests", true),
        (
            500,
            "it cannot at the moment, 500 Internal Server Error",
            true,
        ),
        (
            503,
            "it cannot at the moment, 503 Service Unavailable",
            true,
        ),
    ] {
        let answer = ResponseTemplate::new(status).set_body_string("in its \n own\twords\n");
        let (server, result) = answered(answer).await;
        let error = result.unwrap_err();
        let wanted = format!("push to {}: {kind}: in its own words", server.uri());
        assert_eq!(error.to_string(), wanted);
        assert_eq!(error.may_pass(), may_pass, "{error:?}");
    }
    for status in [200, 202, 204] {
        let (_server, result) = answered(ResponseTemplate::new(status)).await;
        assert!(result.is_ok(), "{result:?}");
    }
}

#[tokio::test]
async fn a_login_page_is_no_success_and_its_markup_no_message() {
    let page = || ResponseTemplate::new(200).set_body_raw("<html>log in</html>", "text/html");
    let (server, result) = answered(page()).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        format!(
            "push to {}: a page answered instead of a Pushgateway, 200 OK, 19 bytes of text/html",
            server.uri()
        )
    );
    let broken = ResponseTemplate::new(502).set_body_raw("<html>bad</html>", "text/html");
    let (server, result) = answered(broken).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        format!(
            "push to {}: it cannot at the moment, 502 Bad Gateway",
            server.uri()
        )
    );
    let away = ResponseTemplate::new(302)
        .insert_header("location", "https://me:canary@login.example/?token=canary");
    let (server, result) = answered(away).await;
    let error = result.unwrap_err();
    assert!(
        matches!(error, GatewayError::Redirected { .. }),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        format!(
            "push to {}: redirected, 302 Found to https://login.example/",
            server.uri()
        )
    );
}

#[tokio::test]
async fn a_refusal_that_is_a_book_is_one_short_line_with_its_beginning_and_its_end() {
    let book = format!(
        "it begins\u{1b}[2J\n::error::{}\u{202e}it ends",
        "x y\n".repeat(9999)
    );
    let (_server, result) = answered(ResponseTemplate::new(400).set_body_string(book)).await;
    let shown = result.unwrap_err().to_string();
    assert!(
        shown.contains("400 Bad Request: it begins") && shown.ends_with("it ends"),
        "{shown}"
    );
    assert!(
        shown.chars().count() < 350 && !shown.contains(char::is_control),
        "{shown}"
    );
    assert!(!shown.contains('\u{202e}'), "{shown}");
}

#[tokio::test]
async fn what_answers_nothing_in_time_and_what_is_not_there_may_pass() {
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = deaf.local_addr().unwrap();
    let gateway = Gateway::new(&format!("http://{address}"), None, None).unwrap();
    let begun = Instant::now();
    let error = push(&gateway, Duration::from_millis(300))
        .await
        .unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(
        matches!(error, GatewayError::TooSlow(_)) && error.may_pass(),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        format!("get an answer from {address}: nothing came within 300 ms")
    );
    drop(deaf);
    let error = push(&gateway, Duration::from_secs(5)).await.unwrap_err();
    assert!(
        matches!(error, GatewayError::OutOfReach(_)) && error.may_pass(),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_push_is_one_put_with_its_type_and_its_credentials() {
    for (credentials, sent) in [
        ("me:pass", "Basic bWU6cGFzcw=="),
        ("a-token", "Bearer a-token"),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("PUT"))
            .and(path_regex("^/base/metrics/job/github-actions-deployments/instance/runner-primary/lock@base64/=/"))
            .and(header("content-type", CONTENT_TYPE))
            .and(header("authorization", sent))
            .respond_with(ResponseTemplate::new(202))
            .expect(1)
            .mount(&server)
            .await;
        let url = format!("{}/base", server.uri()).replace("http://", "http://other:user@");
        let gateway = Gateway::new(&url, Some(Credentials::of(credentials)), None).unwrap();
        push(&gateway, Duration::from_secs(20)).await.unwrap();
        let [request] = &server.received_requests().await.unwrap()[..] else {
            panic!("one request");
        };
        assert_eq!(request.body, TEXT.as_bytes());
    }
}

#[tokio::test]
async fn no_credential_is_shown_whoever_repeats_it() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(|request: &Request| {
            let sent = request.headers["authorization"]
                .to_str()
                .unwrap()
                .to_owned();
            ResponseTemplate::new(400).set_body_string(format!(
                "bad {sent} of canary-password or canary%2Dpassword, {} canary-password",
                "long ".repeat(99)
            ))
        })
        .mount(&server)
        .await;
    let with_user = server
        .uri()
        .replace("http://", "http://me:canary-password@");
    let base64 = "bWU6Y2FuYXJ5LXBhc3N3b3Jk";
    for (url, credentials) in [
        (with_user.clone(), None),
        (server.uri(), Some("me:canary-password")),
        (server.uri(), Some("canary-password")),
    ] {
        let gateway = Gateway::new(&url, credentials.map(Credentials::of), None).unwrap();
        let error = push(&gateway, Duration::from_secs(20)).await.unwrap_err();
        for shown in [
            error.to_string(),
            format!("{error:?}"),
            format!("{gateway:?}"),
            gateway.place().to_owned(),
        ] {
            assert!(
                !shown.contains("canary") && !shown.contains(base64),
                "{shown}"
            );
        }
        assert!(error.to_string().contains("***"), "{error}");
    }
    // Nothing is sent where the address is wrong, and nothing of it is repeated.
    for wrong in [
        format!("{with_user}/metrics"),
        format!("{with_user}/?x=canary-password"),
        "ftp://me:canary-password@host/".to_owned(),
        "canary-password".to_owned(),
    ] {
        let error = Gateway::new(&wrong, None, None).unwrap_err();
        assert!(matches!(error, GatewayError::Address { .. }) && !error.may_pass());
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
    let error = Gateway::new("http://h", Some(Credentials::of("canary\n")), None).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
}

#[test]
fn an_address_that_is_too_long_is_refused_with_the_one_that_is_right() {
    for (wrong, right) in [
        ("http://h:9091/metrics", "http://h:9091"),
        ("http://h:9091/metrics/", "http://h:9091"),
        ("http://h/push/metrics/job/x/instance/y", "http://h/push"),
        ("http://u:p@h/push/metrics", "http://h/push"),
    ] {
        let error = Gateway::new(wrong, None, None).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "use the Pushgateway's address: it must end before /metrics, which is added with the group: {right}"
            )
        );
    }
    assert!(Gateway::new("http://h/metrics-of-ours/", None, None).is_ok());
    let none = Gateway::new("https://h", None, Some(Path::new("/nowhere/ca.pem")));
    assert!(none.is_err());
}

#[tokio::test]
async fn a_text_that_is_out_of_date_when_the_connection_stands_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        // A connection that is broken off is an end too.
        let _end = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    });
    let gateway = Gateway::new(&format!("http://{address}"), None, None).unwrap();
    let group = Group {
        subject: Subject::default(),
        role: Role::Primary,
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    let result = gateway.put_while(&group, TEXT, || false, deadline).await;
    let error = result.unwrap_err();
    assert!(matches!(error, GatewayError::Outdated(_)), "{error:?}");
    assert!(error.may_pass());
    assert_eq!(
        error.to_string(),
        format!(
            "send to {address}: what was to be sent grew out of date before the connection stood"
        )
    );
    assert!(!seen.await.unwrap().contains(TEXT));
}
