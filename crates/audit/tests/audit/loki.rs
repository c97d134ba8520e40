//! Loki's protocol, against a server that answers as it is told.

use std::time::Duration;

use audit::{Loki, LokiError, LokiOptions, Output, Pushed, line};
use ledger::{Entry, Event, Timestamp};
use probes::http::Credentials;
use serde_json::{Value, json};
use tokio::time::Instant;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{any, header, method, path},
};

use crate::entries::{AT, HOSTILE, chain, deployment, entry, every_event, origin};

/// What an ingester says of a stream's entries, and a distributor of entries.
const BEHIND: &str = "entry with timestamp 2026-11-21 05:00:00 +0000 UTC ignored, reason: 'entry too far behind, entry timestamp is: 2026-11-21T05:00:00Z, oldest acceptable timestamp is: 2026-11-21T07:00:00Z',\nuser 'fake', total ignored: 2 out of 4 for stream: {environment=\"production\"}";
const OLD: &str = "entry for stream '{environment=\"a; b\", event=\"alert\"}' has timestamp too old: 2026-11-01T00:00:00Z, oldest acceptable timestamp is: 2026-11-14T00:00:00Z";
const NEW: &str =
    "entry for stream '{environment=\"production\"}' has timestamp too new: 2027-01-01T00:00:00Z";
const NO_METADATA: &str = "stream '{environment=\"production\"}' includes structured metadata, but this feature is disallowed. Please see `limits_config.allow_structured_metadata` or contact your Loki administrator to enable it";

pub(crate) fn options(url: &str) -> LokiOptions {
    LokiOptions {
        url: url.to_owned(),
        tenant: None,
        credentials: None,
        ca_file: None,
    }
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

pub(crate) async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

pub(crate) async fn push(server: &MockServer, entries: &[Entry]) -> Result<Pushed, LokiError> {
    Loki::new(options(&server.uri()))
        .expect("a client")
        .push(entries, &origin(), soon())
        .await
}

async fn refused(status: u16, words: &str) -> LokiError {
    let server = answering(ResponseTemplate::new(status).set_body_string(words)).await;
    push(&server, &chain(4)).await.expect_err("an error")
}

async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.expect("recorded")
}

pub(crate) async fn bodies(server: &MockServer) -> Vec<Value> {
    requests(server)
        .await
        .iter()
        .map(|request| request.body_json().expect("JSON"))
        .collect()
}

/// The audit ids of a request, in its order.
pub(crate) fn ids(body: &Value) -> Vec<u64> {
    let streams = body["streams"].as_array().expect("streams");
    assert_eq!(streams.len(), 1, "one stream a request");
    streams[0]["values"]
        .as_array()
        .expect("values")
        .iter()
        .map(|value| {
            let line: Value = serde_json::from_str(value[1].as_str().expect("a line")).expect("it");
            line["audit_id"].as_u64().expect("a number")
        })
        .collect()
}

#[tokio::test]
async fn an_entry_is_pushed_with_bounded_labels_and_its_ids_as_metadata() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/logs/loki/api/v1/push"))
        .and(header("content-type", "application/json"))
        .and(header("x-scope-orgid", "team-a"))
        .and(header("authorization", "Basic bWU6Y2FuYXJ5"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    let loki = Loki::new(LokiOptions {
        tenant: Some("team-a".to_owned()),
        credentials: Some(Credentials::of("me:canary")),
        ..options(&format!("{}/logs/", server.uri()))
    })
    .expect("a client");
    let made = entry(7, Event::DeploymentStarted);
    let pushed = loki
        .push(std::slice::from_ref(&made), &origin(), soon())
        .await;
    assert_eq!(
        pushed,
        Ok(Pushed {
            accepted: 1,
            ..Pushed::default()
        })
    );
    assert_eq!(
        bodies(&server).await,
        [json!({"streams": [{
            "stream": {
                "job": "baton",
                "environment": "production",
                "repository": "octo/shop",
                "event": "deployment_started",
            },
            "values": [[format!("{AT}000007"), line(&made, &origin()), {
                "audit_id": "7",
                "deployment_id": "octo/shop/4711/2",
                "workflow_run_id": "4711",
                "runner_id": "runner-b",
                "lock": "octo/shop/production",
            }]],
        }]})]
    );
}

#[tokio::test]
async fn what_is_pushed_twice_is_the_same_to_the_byte() {
    let server = answering(ResponseTemplate::new(204)).await;
    let all: Vec<Entry> = every_event()
        .into_iter()
        .zip(1..)
        .map(|(event, seq)| entry(seq, event))
        .collect();
    for _ in 0..2 {
        push(&server, &all).await.expect("pushed");
    }
    let sent: Vec<Vec<u8>> = requests(&server)
        .await
        .into_iter()
        .map(|r| r.body)
        .collect();
    let (first, second) = sent.split_at(sent.len() / 2);
    assert_eq!(first, second);
}

#[tokio::test]
async fn batches_are_in_the_chains_order_and_bounded_in_number() {
    let server = answering(ResponseTemplate::new(204)).await;
    let pushed = push(&server, &chain(2500)).await.expect("pushed");
    assert_eq!((pushed.accepted, pushed.late), (2500, 0));
    let sent: Vec<Vec<u64>> = bodies(&server).await.iter().map(ids).collect();
    let lengths: Vec<usize> = sent.iter().map(Vec::len).collect();
    assert_eq!(lengths, [1000, 1000, 500]);
    assert_eq!(sent.concat(), (1..=2500).collect::<Vec<u64>>());
}

#[tokio::test]
async fn batches_are_bounded_in_size_whatever_the_text_needs_to_be_written_as_json() {
    let server = answering(ResponseTemplate::new(204)).await;
    let mut entries = chain(60);
    for entry in &mut entries {
        // Six bytes each in a line, seven in the request that holds the line.
        entry.deployment.version = "\u{1}".repeat(20_000);
    }
    push(&server, &entries).await.expect("pushed");
    let sent = requests(&server).await;
    assert!(sent.iter().all(|request| request.body.len() <= 1 << 20));
    assert!(
        sent[..sent.len() - 1]
            .iter()
            .all(|request| request.body.len() > (1 << 20) - 200_000),
        "no more requests than needed"
    );
    let seen: Vec<u64> = bodies(&server).await.iter().flat_map(ids).collect();
    assert_eq!(seen, (1..=60).collect::<Vec<u64>>());
}

#[tokio::test]
async fn an_entry_longer_than_loki_takes_is_pushed_without_its_own_fields() {
    let server = answering(ResponseTemplate::new(204)).await;
    let mut made = entry(
        1,
        Event::Announced {
            candidates: 2,
            instance: "ü".repeat(200_000),
        },
    );
    made.deployment.version = "ü".repeat(200_000);
    push(&server, &[made]).await.expect("pushed");
    let body = &bodies(&server).await[0];
    let text = body["streams"][0]["values"][0][1].as_str().expect("it");
    assert!(text.len() < 10_000, "{}", text.len());
    let written: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(written["audit_id"], 1);
    assert_eq!(written["event"], "announced");
    assert_eq!(written["data"]["left_out_bytes"], 400_030);
}

#[tokio::test]
async fn entries_that_are_too_old_are_counted_and_told_and_fail_nothing() {
    let several = format!("2 errors like: {OLD}; 1 errors like: {OLD}");
    for (words, late) in [
        (BEHIND, 2),
        (OLD, 1),
        (&several, 3),
        ("entry out of order", 1),
    ] {
        let server = answering(ResponseTemplate::new(400).set_body_string(words)).await;
        let pushed = push(&server, &chain(4)).await.expect(words);
        assert_eq!((pushed.accepted, pushed.late), (4 - late, late), "{words}");
        let because = pushed.late_because.expect("told");
        assert!(because.starts_with("entry") || because.starts_with("2 errors"));
        assert!(!because.contains('\n') && because.chars().count() <= 301);
    }
}

#[tokio::test]
async fn entries_that_are_wrong_otherwise_are_an_error_in_lokis_own_words() {
    for words in [
        NEW.to_owned(),
        format!("1 errors like: {OLD}; 1 errors like: {NEW}"),
    ] {
        let error = refused(400, &words).await;
        assert!(matches!(error, LokiError::Refused { .. }), "{error}");
        assert!(!error.may_pass());
    }
    let text = refused(400, NEW).await.to_string();
    assert!(
        text.contains("/loki/api/v1/push, which refuses the entries (400 Bad Request): entry for")
            && text.ends_with("has timestamp too new: 2027-01-01T00:00:00Z"),
        "{text}"
    );
}

#[tokio::test]
async fn labels_that_sound_like_lokis_words_decide_nothing() {
    let error = refused(
        400,
        "entry for stream '{environment=\"x\\\" too far behind; structured metadata\"}' is odd",
    )
    .await;
    assert!(matches!(error, LokiError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn where_rate_and_age_are_told_together_the_rest_is_pushed_again() {
    let server = MockServer::start().await;
    let words = format!("{BEHIND} reason: 'Per stream rate limit exceeded (limit: 3MB/sec)'");
    Mock::given(any())
        .respond_with(ResponseTemplate::new(400).set_body_string(words))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(400).set_body_string(BEHIND))
        .mount(&server)
        .await;
    let pushed = push(&server, &chain(4)).await.expect("pushed");
    assert_eq!((pushed.accepted, pushed.late), (2, 2));
    assert_eq!(requests(&server).await.len(), 2);
}

#[tokio::test]
async fn a_loki_without_structured_metadata_gets_the_lines_alone() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(|request: &Request| {
            let body: Value = request.body_json().expect("JSON");
            match body["streams"][0]["values"][0].get(2) {
                Some(_) => ResponseTemplate::new(400).set_body_string(NO_METADATA),
                None => ResponseTemplate::new(204),
            }
        })
        .mount(&server)
        .await;
    let pushed = push(&server, &chain(2100)).await.expect("pushed");
    assert_eq!((pushed.accepted, pushed.late), (2100, 0));
    let sent: Vec<usize> = bodies(&server).await.iter().map(|b| ids(b).len()).collect();
    assert_eq!(sent, [1000, 1000, 1000, 100], "asked with metadata once");
}

#[tokio::test]
async fn a_loki_that_refuses_lines_without_metadata_as_well_is_an_error() {
    let error = refused(400, NO_METADATA).await;
    assert!(matches!(error, LokiError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn errors_tell_who_is_to_blame_and_whether_to_try_again() {
    type Is = fn(&LokiError) -> bool;
    let told: [(u16, Is, bool, &str); 7] = [
        (
            401,
            |e| matches!(e, LokiError::Forbidden { .. }),
            false,
            "who asks (401 Unauthorized)",
        ),
        (
            403,
            |e| matches!(e, LokiError::Forbidden { .. }),
            false,
            "who asks (403 Forbidden)",
        ),
        (
            404,
            |e| matches!(e, LokiError::NotLoki { .. }),
            false,
            "not Loki's (404 Not Found)",
        ),
        (
            200,
            |e| matches!(e, LokiError::NotLoki { .. }),
            false,
            "not Loki's (200 OK): log in",
        ),
        (
            413,
            |e| matches!(e, LokiError::Refused { .. }),
            false,
            "(413 Payload Too Large)",
        ),
        (
            500,
            |e| matches!(e, LokiError::Server { .. }),
            true,
            "which failed (500 Internal",
        ),
        (
            503,
            |e| matches!(e, LokiError::Server { .. }),
            true,
            "which failed (503 Service",
        ),
    ];
    for (status, is, may_pass, words) in told {
        let error = refused(status, "log\n\u{1b}[31min").await;
        assert!(is(&error), "{status}: {error:?}");
        assert_eq!(error.may_pass(), may_pass, "{status}");
        let text = error.to_string();
        assert!(text.contains(words) && text.ends_with(": log in"), "{text}");
    }
}

#[tokio::test]
async fn an_empty_200_is_a_success_as_well() {
    let server = answering(ResponseTemplate::new(200)).await;
    assert_eq!(push(&server, &chain(1)).await.expect("pushed").accepted, 1);
}

#[tokio::test]
async fn a_redirect_is_named_and_not_followed() {
    let elsewhere = answering(ResponseTemplate::new(204)).await;
    for status in [302, 307, 308] {
        let to = format!("{}/login?key=canary", elsewhere.uri());
        let server =
            answering(ResponseTemplate::new(status).insert_header("location", to.as_str())).await;
        let error = push(&server, &chain(1)).await.expect_err("a redirect");
        assert!(matches!(error, LokiError::NotLoki { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("{}/login", elsewhere.uri())),
            "{text}"
        );
        assert!(!text.contains("canary"), "{text}");
    }
    assert!(requests(&elsewhere).await.is_empty());
}

#[tokio::test]
async fn a_busy_loki_is_asked_again_with_the_same() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(429).insert_header("retry-after", "0"))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    assert_eq!(push(&server, &chain(3)).await.expect("pushed").accepted, 3);
    let sent = requests(&server).await;
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].body, sent[1].body);
}

#[tokio::test]
async fn a_busy_loki_that_asks_for_more_time_than_there_is_is_left_alone() {
    let answer = ResponseTemplate::new(429)
        .insert_header("retry-after", "60")
        .set_body_string("ingestion rate limit exceeded");
    let server = answering(answer).await;
    let error = push(&server, &chain(1)).await.expect_err("busy");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert!(error.may_pass());
    assert_eq!(requests(&server).await.len(), 1);
}

#[tokio::test]
async fn a_loki_out_of_reach_may_come_back_and_a_wrong_setting_does_not() {
    let port = test_servers::free_port();
    let loki = Loki::new(options(&format!("http://127.0.0.1:{port}"))).expect("a client");
    let error = loki
        .push(&chain(1), &origin(), soon())
        .await
        .expect_err("nobody there");
    assert!(error.may_pass());
    assert_eq!(
        error.to_string(),
        format!("connect to 127.0.0.1:{port}: connection refused")
    );
    let wrong = [
        options("loki:3100"),
        LokiOptions {
            tenant: Some("canary\n".to_owned()),
            ..options("http://loki")
        },
        LokiOptions {
            credentials: Some(Credentials::of("canary\n")),
            ..options("http://loki")
        },
        LokiOptions {
            ca_file: Some("/nonexistent/ca.pem".into()),
            ..options("https://loki")
        },
    ];
    for options in wrong {
        let error = Loki::new(options).expect_err("a wrong setting");
        assert!(!error.may_pass(), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn no_error_holds_a_secret_even_where_the_server_repeats_it() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(|request: &Request| {
            let sent = request.headers["authorization"].to_str().expect("text");
            ResponseTemplate::new(500)
                .set_body_string(format!("{} {sent} canary-p%40ss canary-p@ss", request.url))
        })
        .mount(&server)
        .await;
    let with = |url: String, credentials: Option<&str>| LokiOptions {
        credentials: credentials.map(Credentials::of),
        ..options(&url)
    };
    let user_info = server.uri().replace("http://", "http://me:canary-p%40ss@");
    let encoded = "bWU6Y2FuYXJ5LXBAc3M=";
    for options in [
        with(server.uri(), Some("me:canary-p@ss")),
        with(server.uri(), Some("canary-p@ss")),
        with(user_info, None),
        with(format!("{}?key=canary-p@ss", server.uri()), Some("x")),
    ] {
        let loki = Loki::new(options).expect("a client");
        let error = loki
            .push(&chain(1), &origin(), soon())
            .await
            .expect_err("an error");
        // The percent-encoded form is a secret of the one address that has it.
        let shown = format!("{error} {error:?} {loki:?} {}", loki.place());
        let shown = shown.replace("canary-p%40ss", "");
        assert!(
            !shown.contains("canary") && !shown.contains(encoded),
            "{shown}"
        );
        assert!(shown.contains("***"), "{shown}");
    }
}

#[test]
fn a_sink_is_the_same_for_every_way_to_write_its_address() {
    let sink = |url: &str, tenant: Option<&str>, credentials: Option<&str>| {
        Loki::new(LokiOptions {
            tenant: tenant.map(str::to_owned),
            credentials: credentials.map(Credentials::of),
            ..options(url)
        })
        .expect("a client")
        .sink()
    };
    let one = sink("http://loki:3100", None, None);
    // Ledgers remember it: it must be the same in every version.
    assert_eq!(one, "a6ed45e47c7ae8d4");
    assert_eq!(one, sink("http://loki:3100/loki/api/v1/push", None, None));
    assert_eq!(one, sink("http://me:pw@loki:3100/", None, Some("token")));
    assert_ne!(one, sink("http://loki:3100", Some("team-a"), None));
    assert_ne!(one, sink("http://loki:3101", None, None));
}

fn about(deployment: &ledger::Deployment) -> Output<'_> {
    Output {
        deployment,
        runner: "runner-b",
        candidate: 2,
        attempt: 1,
        began: Timestamp(AT),
    }
}

#[tokio::test]
async fn output_is_one_stream_with_a_nanosecond_between_lines() {
    let server = answering(ResponseTemplate::new(204)).await;
    let loki = Loki::new(options(&server.uri())).expect("a client");
    let deployment = deployment();
    let lines = ["one".to_owned(), String::new(), HOSTILE.to_owned()];
    for _ in 0..2 {
        let pushed = loki
            .push_output(&lines, &about(&deployment), &origin(), soon())
            .await
            .expect("pushed");
        assert_eq!(pushed.accepted, 3);
    }
    let metadata = json!({
        "deployment_id": "octo/shop/4711/2",
        "workflow_run_id": "4711",
        "runner_id": "runner-b",
        "lock": "octo/shop/production",
        "candidate": "2",
        "attempt": "1",
    });
    let wanted = json!({"streams": [{
        "stream": {
            "job": "baton",
            "environment": "production",
            "repository": "octo/shop",
            "event": "output",
        },
        "values": [
            [format!("{AT}000000"), "one", metadata],
            [format!("{AT}000001"), "", metadata],
            [format!("{AT}000002"), HOSTILE, metadata],
        ],
    }]});
    assert_eq!(bodies(&server).await, [wanted.clone(), wanted]);
}

#[tokio::test]
async fn output_is_bounded_to_its_newest_mebibyte_and_its_lines_to_64_kib() {
    let server = answering(ResponseTemplate::new(204)).await;
    let loki = Loki::new(options(&server.uri())).expect("a client");
    let deployment = deployment();
    let lines: Vec<String> = (0..40).map(|_| "ü".repeat(40_000)).collect();
    let pushed = loki
        .push_output(&lines, &about(&deployment), &origin(), soon())
        .await
        .expect("pushed");
    assert_eq!(pushed.accepted, 15);
    let mut sent = Vec::new();
    for body in bodies(&server).await {
        for value in body["streams"][0]["values"].as_array().expect("values") {
            assert_eq!(value[1].as_str().expect("a line").len(), 64 << 10);
            sent.push(value[0].as_str().expect("a time").to_owned());
        }
    }
    let wanted: Vec<String> = (25..40).map(|number| format!("{AT}0000{number}")).collect();
    assert_eq!(sent, wanted);
}

#[tokio::test]
async fn nothing_to_push_asks_nobody() {
    let server = answering(ResponseTemplate::new(500)).await;
    assert_eq!(push(&server, &[]).await, Ok(Pushed::default()));
    assert!(requests(&server).await.is_empty());
}
