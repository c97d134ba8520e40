//! HTTP against servers that behave, and servers that do not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "http/judged.rs"]
mod judged;
#[path = "http/scripted.rs"]
mod scripted;
#[path = "http/tls.rs"]
mod tls;
#[path = "http/tls_server.rs"]
mod tls_server;
#[path = "http/unruly.rs"]
mod unruly;

use std::{io::ErrorKind, net::UdpSocket, path::Path, process::Command, time::Duration};

use probes::{
    Answer, Observation, Probe,
    http::{
        Client, ClientOptions, Credentials, Expectation, HttpError, HttpProbe, Request, Response,
        Roots, expectation::Pattern,
    },
    resolver::Resolver,
};
use scripted::{Says, Scripted, answer};
use tokio::time::Instant;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{basic_auth, body_string, header, method, path},
};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

fn plain(redirects: usize) -> Client {
    Client::new(ClientOptions {
        roots: Roots::None,
        redirects,
        ..ClientOptions::default()
    })
    .expect("a client")
}

fn get(url: &str) -> Request {
    Request::new("GET", url).expect("a request")
}

async fn check(client: Client, request: Request, expectation: Expectation) -> Observation {
    let probe = HttpProbe {
        client,
        request,
        expectation,
    };
    probe.check(soon()).await
}

async fn ask(url: &str) -> Result<Response, HttpError> {
    plain(0).ask(&get(url), soon()).await
}

#[tokio::test]
async fn an_answer_as_wanted_passes_with_its_status_and_its_time() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/health"))
        .and(header("x-key", "k"))
        .and(body_string("ping"))
        .respond_with(ResponseTemplate::new(201).set_body_string("all is well"))
        .mount(&server)
        .await;
    let request = Request::new("POST", &format!("{}/health", server.uri()))
        .and_then(|request| request.header("X-Key", "k"))
        .expect("a request")
        .body("ping");
    let expectation = Expectation {
        matches: vec![Pattern::new("is well").expect("a pattern")],
        ..Expectation::default()
    };
    let seen = check(plain(0), request, expectation).await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    assert_eq!(seen.seen, "201 Created");
}

#[tokio::test]
async fn another_status_or_body_fails_and_says_what_was_wanted() {
    let server = Scripted::tcp(answer("503 Busy", "text/plain", "it is\n down")).await;
    let url = format!("http://{}/", server.address);
    let expectation = Expectation {
        status: vec![200..=299, 404..=404],
        ..Expectation::default()
    };
    let seen = check(plain(0), get(&url), expectation).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert_eq!(
        seen.seen,
        "503 Service Unavailable, wanted 200-299 or 404; the body begins \"it is down\""
    );

    let expectation = Expectation {
        status: vec![503..=503],
        matches: vec![Pattern::new("well").expect("a pattern")],
        ..Expectation::default()
    };
    let seen = check(plain(0), get(&url), expectation).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert_eq!(
        seen.seen,
        "503 Service Unavailable; the body does not match /well/; the body begins \"it is down\""
    );
}

#[tokio::test]
async fn a_redirect_is_followed_only_where_told_and_not_for_ever() {
    let server = MockServer::start().await;
    for (from, to) in [("/a", "/b"), ("/round", "/round")] {
        Mock::given(path(from))
            .respond_with(ResponseTemplate::new(302).insert_header("location", to))
            .mount(&server)
            .await;
    }
    Mock::given(path("/b"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let request = get(&format!("{}/a", server.uri()));
    assert_eq!(
        plain(0)
            .ask(&request, soon())
            .await
            .expect("an answer")
            .status,
        302
    );
    assert_eq!(
        plain(1)
            .ask(&request, soon())
            .await
            .expect("an answer")
            .status,
        200
    );
    let round = get(&format!("{}/round", server.uri()));
    assert_eq!(
        plain(5)
            .ask(&round, soon())
            .await
            .expect("an answer")
            .status,
        302
    );
}

#[tokio::test]
async fn a_body_is_read_to_its_limit_and_judged_by_its_beginning() {
    let body = format!("first{}last", "x".repeat(2 << 20));
    let server = Scripted::tcp(answer("200 OK", "text/plain", &body)).await;
    let url = format!("http://{}/", server.address);
    let response = ask(&url).await.expect("an answer");
    assert_eq!((response.body.len(), response.cut), (1 << 20, true));
    for (text, passes) in [("first", Answer::Pass), ("last", Answer::Fail)] {
        let expectation = Expectation {
            matches: vec![Pattern::new(text).expect("a pattern")],
            ..Expectation::default()
        };
        assert_eq!(
            check(plain(0), get(&url), expectation).await.answer,
            passes,
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_server_that_never_finishes_is_left_at_the_deadline() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n";
    for (says, in_body) in [
        (Says::Nothing, false),
        (Says::Unfinished(head.to_owned()), false),
        (Says::Drip("HTTP/1.1 200 OK\r\nX: ".to_owned()), false),
        (Says::Unfinished(format!("{head}\r\nabc")), true),
        (Says::Drip(format!("{head}\r\n")), true),
    ] {
        let server = Scripted::tcp(says.clone()).await;
        let begun = Instant::now();
        let deadline = begun + Duration::from_millis(200);
        let error = plain(0)
            .ask(&get(&format!("http://{}/", server.address)), deadline)
            .await
            .expect_err("no answer");
        assert!(begun.elapsed() < Duration::from_secs(2), "{says:?}");
        match error {
            HttpError::NoAnswer { after, .. } if !in_body => assert!(after.as_millis() >= 200),
            HttpError::Slow { .. } if in_body => (),
            other => panic!("{says:?}: {other}"),
        }
    }
}

#[tokio::test]
async fn what_is_not_http_or_breaks_off_is_named() {
    for says in [
        Says::Text("SSH-2.0-OpenSSH_9.2p1\r\n".to_owned()),
        Says::Text(String::new()),
        Says::Text("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nabc".to_owned()),
    ] {
        let server = Scripted::tcp(says.clone()).await;
        let error = ask(&format!("http://{}/", server.address))
            .await
            .expect_err("no answer");
        assert!(
            matches!(&error, HttpError::Exchange { .. }),
            "{says:?}: {error:?}"
        );
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("exchange HTTP with {}: ", server.address)),
            "{text}"
        );
        assert_eq!(error.answer(), Answer::Fail);
    }
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let port = test_servers::free_port();
    let error = ask(&format!("http://127.0.0.1:{port}/"))
        .await
        .expect_err("refused");
    assert_eq!(
        error.to_string(),
        format!("connect to 127.0.0.1:{port}: connection refused")
    );
    assert!(matches!(
        error,
        HttpError::Connect {
            kind: ErrorKind::ConnectionRefused,
            ..
        }
    ));
}

#[tokio::test]
async fn a_name_server_that_is_away_makes_the_answer_unknown_by_the_deadline() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let client = Client::new(ClientOptions {
        resolver: Some(Resolver::with_servers(&[silent
            .local_addr()
            .expect("its address")])),
        roots: Roots::None,
        ..ClientOptions::default()
    })
    .expect("a client");
    let begun = Instant::now();
    let deadline = begun + Duration::from_millis(300);
    let error = client
        .ask(&get("http://api.example/"), deadline)
        .await
        .expect_err("no address");
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(matches!(&error, HttpError::Name(_)), "{error}");
    assert_eq!(error.answer(), Answer::Unknown);
}

#[tokio::test]
async fn user_and_password_of_an_address_are_sent_as_basic_authorization() {
    let server = MockServer::start().await;
    Mock::given(basic_auth("me", "p w"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let url = server.uri().replace("http://", "http://me:p%20w@");
    assert_eq!(ask(&url).await.expect("an answer").status, 200);
    assert_eq!(ask(&server.uri()).await.expect("an answer").status, 404);
}

#[tokio::test]
async fn a_unix_socket_is_asked_in_place_of_the_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("s");
    let _server = Scripted::unix(&socket, answer("200 OK", "text/plain", "here"));
    let ask = async |path: &Path| {
        Client::new(ClientOptions {
            roots: Roots::None,
            unix_socket: Some(path.to_owned()),
            ..ClientOptions::default()
        })
        .expect("a client")
        .ask(&get("http://nowhere.invalid/x"), soon())
        .await
    };
    assert_eq!(ask(&socket).await.expect("an answer").text(), "here");
    let error = ask(&folder.path().join("none"))
        .await
        .expect_err("no socket");
    assert!(
        matches!(
            error,
            HttpError::Connect {
                kind: ErrorKind::NotFound,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn no_secret_of_a_request_is_in_what_is_seen() {
    let port = test_servers::free_port();
    let echo = Scripted::tcp(answer("401 No", "text/plain", "no")).await;
    let hung = Scripted::tcp(Says::Nothing).await;
    for server in [
        format!("http://u:canary@127.0.0.1:{port}"),
        format!("http://u:canary@{}", echo.address),
        format!("http://u:canary@{}", hung.address),
        "http://u:canary@bad..name".to_owned(),
    ] {
        let request = get(&format!("{server}/a?token=canary#canary"))
            .header("X-Key", "canary")
            .and_then(|request| request.credentials(&Credentials::Bearer("canary".to_owned())))
            .expect("a request")
            .body("canary");
        let probe = HttpProbe {
            client: plain(0),
            request,
            expectation: Expectation::default(),
        };
        let seen = probe
            .check(Instant::now() + Duration::from_millis(300))
            .await;
        let text = format!("{} {seen:?} {probe:?}", probe.identity());
        assert!(!text.contains("canary"), "{text}");
        assert_eq!(seen.answer, Answer::Fail, "{text}");
    }
}

/// Runs itself with the variables set that name a proxy: they are read when a client is made.
#[tokio::test]
async fn a_proxy_is_never_asked() {
    const TARGET: &str = "PROBES_TEST_TARGET";
    if let Ok(target) = std::env::var(TARGET) {
        let response = ask(&target).await.expect("an answer");
        assert_eq!(response.text(), "the target itself");
        return;
    }
    let target = Scripted::tcp(answer("200 OK", "text/plain", "the target itself")).await;
    let proxy = Scripted::tcp(answer("200 OK", "text/plain", "the proxy")).await;
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    child
        .args(["--exact", "a_proxy_is_never_asked"])
        .env(TARGET, format!("http://{}/", target.address))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "https_proxy",
    ] {
        child.env(name, format!("http://{}", proxy.address));
    }
    let output = tokio::task::spawn_blocking(move || child.output())
        .await
        .expect("it ran")
        .expect("it ran");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert_eq!((target.heard(), proxy.heard()), (1, 0), "{said}");
}
