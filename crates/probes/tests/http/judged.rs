//! Answers held against an expectation, over sockets.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use probes::{
    Answer, Observation, Probe,
    http::{
        Client, ClientOptions, Expectation, HttpProbe, Request, Roots,
        expectation::{JsonTest, Pattern, Pointer},
    },
};
use serde_json::json;
use tokio::time::Instant;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_string, method, path},
};

use super::{check, get, plain, scripted::Says, scripted::Scripted, scripted::answer, unruly};

fn healthy() -> Expectation {
    Expectation {
        json: vec![(
            Pointer::new("/status").expect("a pointer"),
            JsonTest::Equals(json!("healthy")),
        )],
        ..Expectation::default()
    }
}

fn matching(text: &str) -> Expectation {
    Expectation {
        matches: vec![Pattern::new(text).expect("a pattern")],
        ..Expectation::default()
    }
}

async fn answering(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/health"))
        .respond_with(template)
        .mount(&server)
        .await;
    server
}

async fn judged(template: ResponseTemplate, expectation: Expectation) -> Observation {
    let server = answering(template).await;
    let request = get(&format!("{}/health", server.uri()));
    check(plain(0), request, expectation).await
}

#[tokio::test]
async fn an_ok_with_an_error_in_its_body_fails() {
    let template =
        ResponseTemplate::new(200).set_body_json(json!({"status": "down", "error": "no database"}));
    let seen = judged(template.clone(), healthy()).await;
    assert_eq!(
        (seen.answer, seen.seen.as_str()),
        (
            Answer::Fail,
            "200 OK; /status is \"down\", wanted \"healthy\""
        )
    );
    let both = Expectation {
        lacks: vec![Pattern::new("(?i)ERROR").expect("a pattern")],
        ..healthy()
    };
    let seen = judged(template, both).await;
    assert_eq!(
        seen.seen,
        "200 OK; /status is \"down\", wanted \"healthy\"; the body matches /(?i)ERROR/, which it must not; the body \
         begins \"{\"error\":\"no database\",\"status\":\"down\"}\""
    );
}

#[tokio::test]
async fn a_value_of_another_type_and_a_body_that_is_no_json_fail() {
    let typed = ResponseTemplate::new(200).set_body_json(json!({"status": true}));
    assert_eq!(
        judged(typed, healthy()).await.seen,
        "200 OK; /status is true, wanted \"healthy\""
    );
    let html = ResponseTemplate::new(200).set_body_string("<html>welcome</html>");
    assert_eq!(
        judged(html, healthy()).await.seen,
        "200 OK; the body is no JSON at line 1, column 1, it begins \"<html>welcome</html>\""
    );
}

#[tokio::test]
async fn a_body_that_was_compressed_unasked_is_judged_right() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(br#"{"status":"healthy"}"#)
        .expect("it is written");
    let body = encoder.finish().expect("it ends");
    let coded = |coding: &str| {
        ResponseTemplate::new(200)
            .insert_header("content-encoding", coding)
            .set_body_bytes(body.clone())
    };
    let server = answering(coded("gzip")).await;
    let request = get(&format!("{}/health", server.uri()));
    let seen = check(plain(0), request, healthy()).await;
    assert_eq!((seen.answer, seen.seen.as_str()), (Answer::Pass, "200 OK"));
    let asked = server.received_requests().await.expect("requests");
    assert!(!asked[0].headers.contains_key("accept-encoding"));

    assert_eq!(
        judged(coded("br"), healthy()).await.seen,
        "200 OK; the body came as \"br\", which is not understood"
    );
    let status_alone = judged(coded("br"), Expectation::default()).await;
    assert_eq!(status_alone.answer, Answer::Pass);
}

#[tokio::test]
async fn a_method_that_is_not_allowed_fails_and_a_head_without_a_body_passes() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    Mock::given(method("HEAD"))
        .and(path("/no"))
        .respond_with(ResponseTemplate::new(405))
        .mount(&server)
        .await;
    Mock::given(method("HEAD"))
        .and(path("/yes"))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("content-length", "9999")
                .insert_header("content-encoding", "gzip"),
        )
        .mount(&server)
        .await;
    for (place, answer, text) in [
        ("no", Answer::Fail, "405 Method Not Allowed, wanted 200-299"),
        ("yes", Answer::Pass, "200 OK"),
    ] {
        let request = Request::new("HEAD", &format!("{}/{place}", server.uri()));
        let seen = check(
            plain(0),
            request.expect("a request"),
            Expectation::default(),
        )
        .await;
        assert_eq!((seen.answer, seen.seen.as_str()), (answer, text));
    }
}

#[tokio::test]
async fn a_body_without_end_is_left_at_its_limit_with_a_clear_word() {
    let server = unruly::endless().await;
    let client = Client::new(ClientOptions {
        roots: Roots::None,
        body_limit: 5000,
        ..ClientOptions::default()
    })
    .expect("a client");
    let request = get(&format!("http://{}/", server.address));
    let seen = check(client.clone(), request.clone(), healthy()).await;
    assert_eq!(
        (seen.answer, seen.seen.as_str()),
        (
            Answer::Fail,
            "200 OK; the body is longer than 5000 bytes, too long to be read as JSON"
        )
    );
    assert_eq!(
        check(client, request, matching("xx")).await.answer,
        Answer::Pass
    );
}

#[tokio::test]
async fn a_body_that_drips_is_left_at_the_deadline_with_the_same_words_each_time() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n".to_owned();
    let server = Scripted::tcp(Says::Drip(head)).await;
    let hung = Scripted::tcp(Says::Nothing).await;
    let limit = Duration::from_millis(200);
    let seen = async |address| {
        let probe = probes::http::HttpProbe {
            client: plain(0),
            request: get(&format!("http://{address}/")),
            expectation: Expectation::default(),
        };
        let begun = Instant::now();
        let seen = probes::Probe::check(&probe, begun + limit).await;
        assert!(begun.elapsed() < limit * 5, "{:?}", begun.elapsed());
        assert_eq!(seen.answer, Answer::Fail);
        seen.seen
    };
    let text = seen(server.address).await;
    assert!(
        text.starts_with("failed to read the whole answer of 127.0.0.1:")
            && text.ends_with("bytes of the body came within 200 ms"),
        "{text}"
    );
    let (first, second) = (seen(hung.address).await, seen(hung.address).await);
    assert_eq!(first, second);
    assert!(first.ends_with("nothing came within 200 ms"), "{first}");
}

#[tokio::test]
async fn a_connection_that_is_reset_is_named_so() {
    let server = unruly::resetting().await;
    let request = get(&format!("http://{}/", server.address));
    let seen = check(plain(0), request, Expectation::default()).await;
    assert_eq!(
        (seen.answer, seen.seen),
        (
            Answer::Fail,
            format!(
                "failed to exchange HTTP with {}: connection reset",
                server.address
            )
        )
    );
}

#[tokio::test]
async fn a_redirect_says_where_it_leads_and_a_loop_how_often_it_was_followed() {
    let server = MockServer::start().await;
    let other = MockServer::start().await;
    for (place, to) in [
        ("/round", "/round?key=canary".to_owned()),
        ("/out", other.uri().replace("127.0.0.1", "localhost")),
        ("/in", "/well".to_owned()),
    ] {
        Mock::given(path(place))
            .respond_with(ResponseTemplate::new(302).insert_header("location", to))
            .mount(&server)
            .await;
    }
    for server in [&server, &other] {
        Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(200))
            .with_priority(9)
            .mount(server)
            .await;
    }
    let within = |redirects| {
        Client::new(ClientOptions {
            roots: Roots::None,
            redirects,
            same_host: true,
            ..ClientOptions::default()
        })
        .expect("a client")
    };
    let uri = server.uri();
    let out = other.uri().replace("127.0.0.1", "localhost");
    for (client, place, wanted) in [
        (
            plain(0),
            "/round",
            format!("302 Found to {uri}/round, wanted 200-299"),
        ),
        (
            plain(3),
            "/round",
            format!("302 Found to {uri}/round after 3 redirects, wanted 200-299"),
        ),
        (plain(1), "/in", "200 OK after 1 redirect".to_owned()),
        (plain(1), "/out", "200 OK after 1 redirect".to_owned()),
        (within(1), "/in", "200 OK after 1 redirect".to_owned()),
        (
            within(1),
            "/out",
            format!("302 Found to {out}/, wanted 200-299"),
        ),
    ] {
        let seen = check(
            client,
            get(&format!("{uri}{place}")),
            Expectation::default(),
        )
        .await;
        assert_eq!(seen.seen, wanted, "{place}");
    }
}

#[tokio::test]
async fn an_answer_that_takes_longer_than_wanted_fails_with_both_times() {
    let late = Duration::from_millis(60);
    let template = ResponseTemplate::new(200).set_delay(late);
    let expectation = Expectation {
        max_latency: Some(Duration::from_millis(5)),
        ..Expectation::default()
    };
    let seen = judged(template, expectation).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(seen.took >= late, "{:?}", seen.took);
    assert!(
        seen.seen.starts_with("200 OK; answered after ")
            && seen.seen.ends_with(" ms, wanted at most 5 ms"),
        "{}",
        seen.seen
    );
}

#[tokio::test]
async fn a_body_is_sent_whole_on_every_try() {
    let server = MockServer::start().await;
    let body = "x".repeat(300_000);
    Mock::given(method("POST"))
        .and(body_string(body.clone()))
        .respond_with(ResponseTemplate::new(201))
        .expect(3)
        .mount(&server)
        .await;
    let request = Request::new("POST", &server.uri())
        .expect("a request")
        .body(body);
    for _ in 0..3 {
        let seen = check(plain(0), request.clone(), Expectation::default()).await;
        assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    }
}

#[tokio::test]
async fn localhost_is_found_whichever_family_its_server_has() {
    for family in ["127.0.0.1:0", "[::1]:0"] {
        let server = unruly::at(family).await;
        let request = get(&format!("http://localhost:{}/", server.address.port()));
        let seen = check(plain(0), request, Expectation::default()).await;
        assert_eq!(
            (seen.answer, seen.seen.as_str()),
            (Answer::Pass, "200 OK"),
            "{family}"
        );
    }
}

#[tokio::test]
async fn a_name_is_asked_at_the_address_that_was_given_for_it() {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::header(
        "host",
        format!("shop.example:{}", server.address().port()).as_str(),
    ))
    .respond_with(ResponseTemplate::new(200))
    .mount(&server)
    .await;
    let asked = async |target: &str, port: u16| {
        let client = Client::new(ClientOptions {
            roots: Roots::None,
            resolve: vec![("shop.example".to_owned(), target.to_owned())],
            ..ClientOptions::default()
        })
        .expect("a client");
        let request = get(&format!("http://Shop.example:{port}/"));
        check(client, request, Expectation::default()).await.seen
    };
    let port = server.address().port();
    assert_eq!(asked("127.0.0.1", port).await, "200 OK");
    assert_eq!(asked("localhost", port).await, "200 OK");
    let closed = test_servers::free_port();
    assert_eq!(
        asked("127.0.0.1", closed).await,
        format!("failed to connect to shop.example:{closed} at 127.0.0.1: connection refused")
    );
}

#[tokio::test]
async fn clients_of_one_kind_share_their_parts_and_keep_what_is_their_own() {
    let server = answering(ResponseTemplate::new(302).insert_header("location", "/health")).await;
    let options = |redirects| ClientOptions {
        roots: Roots::None,
        redirects,
        ..ClientOptions::default()
    };
    for redirects in [0, 2, 1] {
        let client = Client::shared(options(redirects)).expect("a client");
        let request = get(&format!("{}/health", server.uri()));
        let response = client
            .ask(&request, Instant::now() + Duration::from_secs(5))
            .await
            .expect("an answer");
        assert_eq!(response.redirects, redirects);
    }
    let file = ClientOptions {
        roots: Roots::File("/nowhere/ca.pem".into()),
        ..ClientOptions::default()
    };
    assert!(Client::shared(file.clone()).is_err());
    assert!(Client::shared(file).is_err());
}

#[tokio::test]
async fn what_answers_in_place_of_an_interface_is_shown_by_its_beginning() {
    let server = Scripted::tcp(answer(
        "502 Bad Gateway",
        "text/html",
        "<h1>no\r\nupstream</h1>",
    ));
    let server = server.await;
    let seen = check(
        plain(0),
        get(&format!("http://{}/", server.address)),
        healthy(),
    )
    .await;
    assert_eq!(
        seen.seen,
        "502 Bad Gateway, wanted 200-299; the body is no JSON at line 1, column 1, it begins \
         \"<h1>no upstream</h1>\""
    );
}

#[tokio::test]
async fn an_error_behind_redirects_says_so() {
    let server = MockServer::start().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port that was free");
    for (from, to) in [
        ("/loc", format!("http://{closed}/")),
        ("/round", "/round".to_owned()),
    ] {
        Mock::given(path(from))
            .respond_with(ResponseTemplate::new(302).insert_header("location", to))
            .mount(&server)
            .await;
    }
    let uri = server.uri();
    let seen = check(plain(1), get(&format!("{uri}/loc")), Expectation::default()).await;
    assert_eq!(
        (seen.answer, seen.seen),
        (
            Answer::Fail,
            format!("failed to connect to {closed}: connection refused, after 1 redirect")
        )
    );
    let error = plain(100_000)
        .ask(
            &get(&format!("{uri}/round")),
            Instant::now() + Duration::from_millis(300),
        )
        .await
        .expect_err("no end")
        .to_string();
    let at = server.address();
    assert!(
        error.contains("redirects") && error.contains(&at.to_string()),
        "{error}"
    );
}

/// The thread that matches goes on to the end of this process.
#[tokio::test]
async fn an_expression_that_takes_too_long_holds_up_nothing_but_its_own_try() {
    const ALLOWED: Duration = Duration::from_millis(500);
    let server = Scripted::tcp(answer("200 OK", "text/plain", &"a".repeat(1 << 20))).await;
    let probe = HttpProbe {
        client: plain(0),
        request: get(&format!("http://{}/", server.address)),
        expectation: matching("(a{1,30}){20}b"),
    };
    let mut beats = 0;
    let begun = Instant::now();
    let seen = {
        let mut tried = std::pin::pin!(probe.check(begun + ALLOWED));
        let mut beat = tokio::time::interval(Duration::from_millis(10));
        loop {
            tokio::select! {
                biased;
                seen = &mut tried => break seen,
                _ = beat.tick() => beats += 1,
            }
        }
    };
    assert!(begun.elapsed() < 4 * ALLOWED, "{:?}", begun.elapsed());
    assert!(beats > 5, "{beats}");
    assert_eq!(
        (seen.answer, seen.seen.as_str()),
        (
            Answer::Unknown,
            "200 OK; failed to match the regular expression in time: it is too large for a text of 1048576 bytes"
        )
    );
}
