//! The kind `http`, from its YAML to what is seen of a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "http/documented.rs"]
mod documented;
#[path = "http/wrong.rs"]
mod wrong;

use std::{path::Path, time::Duration};

use actions_kit::{Environment, Redactor};
use gates::{Problems, Surroundings, file};
use probes::{Answer, Observation, resolver::Resolver};
use tokio::time::Instant;
use wiremock::{
    Match, Mock, MockServer, ResponseTemplate,
    matchers::{any, basic_auth, bearer_token, body_string, header, method, path},
};

fn around(workspace: &Path) -> Surroundings {
    Surroundings {
        workspace: workspace.to_owned(),
        environment: Environment::from_os(
            [
                ("TOKEN", "canary-t0k%n@/"),
                ("ORDERS_TOKEN", "canary-t0k%n@/"),
                ("NAME", "a b&c"),
            ]
            .map(|(name, value)| (name.into(), value.into())),
        ),
        redactor: Redactor::new(),
        resolver: Resolver::system(),
    }
}

fn read(text: &str) -> Result<Vec<gates::Gate>, Problems> {
    file::read(text, &around(Path::new("/nowhere")))
}

/// Asks the only gate of `text` once, with `URI` in it standing for the server's address.
async fn asked(server: &MockServer, text: &str) -> Observation {
    let text = text.replace("URI", &server.uri());
    let gates = read(&text).unwrap_or_else(|problems| panic!("{text}: {problems:#?}"));
    let [gate] = gates.as_slice() else {
        panic!("{text}: one gate")
    };
    gate.probe
        .check(Instant::now() + Duration::from_secs(5))
        .await
}

async fn answering(condition: impl Match + 'static, template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(condition)
        .respond_with(template)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn an_address_alone_wants_any_success() {
    for (status, answer, text) in [
        (204, Answer::Pass, "204 No Content"),
        (503, Answer::Fail, "503 Service Unavailable, wanted 200-299"),
        (304, Answer::Fail, "304 Not Modified, wanted 200-299"),
    ] {
        let server = answering(any(), ResponseTemplate::new(status)).await;
        let seen = asked(&server, "- {name: web, http: URI/}").await;
        assert_eq!((seen.answer, seen.seen.as_str()), (answer, text));
    }
}

#[tokio::test]
async fn each_test_of_a_json_pointer_is_written_in_yaml() {
    let body = serde_json::json!({
        "status": "UP", "queue": 7, "ready": true, "parts": ["db", "cache"], "version": "1.20",
        "inner": {"a": 1}, "nothing": null
    });
    let server = answering(any(), ResponseTemplate::new(200).set_body_json(body)).await;
    for (test, missing) in [
        ("/status: UP", ""),
        ("/status: up", "/status is \"UP\", wanted \"up\""),
        ("/ready: true", ""),
        ("/version: '1.20'", ""),
        (
            "/version: 1.20",
            "/version is \"1.20\", a string, wanted 1.2",
        ),
        ("/queue: {'<': 10}", ""),
        (
            "/queue: {'>=': 8, '!=': 7}",
            "/queue is 7, wanted another than 7; /queue is 7, wanted a number >= 8",
        ),
        ("/queue: {'>': 6, '<=': 7}", ""),
        ("/parts: {length: 2, contains: db}", ""),
        (
            "/parts: {length: {'>': 2}}",
            "/parts has the length 2, wanted a length > 2",
        ),
        ("/parts: [db, cache]", ""),
        ("/inner: {'==': {a: 1}}", ""),
        ("/error: {exists: false}", ""),
        ("/error: {exists: true}", "/error is missing, wanted it"),
        ("/nothing: {type: null}", ""),
        ("/nothing: null", ""),
        ("/status: {one-of: [UP, UNKNOWN]}", ""),
        ("/version: {matches: '^1\\.'}", ""),
        ("'': {type: object}", ""),
    ] {
        let text = format!("- name: api\n  http:\n    url: URI/health\n    json:\n      {test}\n");
        let seen = asked(&server, &text).await;
        let wanted = if missing.is_empty() {
            "200 OK".to_owned()
        } else {
            format!("200 OK; {missing}")
        };
        assert_eq!(seen.seen, wanted, "{test}");
    }
}

#[tokio::test]
async fn statuses_headers_body_and_time_are_wanted_together() {
    let template = ResponseTemplate::new(418)
        .insert_header("x-version", "2.4.1")
        .insert_header("retry-after", "5")
        .set_body_raw("<EntityDescriptor entityID=\"idp\">", "application/xml");
    let server = answering(any(), template).await;
    let seen = asked(
        &server,
        r#"
- name: idp
  http:
    url: URI/metadata
    status: [200-204, 4xx]
    matches: ['<([a-z]+:)?EntityDescriptor\b', 'entityID="idp"']
    lacks: error
    response-headers:
      content-type: {matches: '^application/(samlmetadata\+)?xml'}
      X-Version: 2.4.1
      retry-after: 5
      server: {exists: false}
    max-latency: 10s
"#,
    )
    .await;
    assert_eq!(seen.seen, "418 I'm a teapot");
    let seen = asked(
        &server,
        "- name: idp\n  http: {url: URI, status: 200, lacks: [idp, x], response-headers: {x-version: {matches: ^3}}}",
    )
    .await;
    assert_eq!(
        seen.seen,
        "418 I'm a teapot, wanted 200; header x-version is \"2.4.1\", wanted it to match /^3/; the body matches /idp/, \
         which it must not; the body begins \"<EntityDescriptor entityID=\"idp\">\""
    );
}

#[tokio::test]
async fn a_request_is_sent_as_it_is_written() {
    let json = "{\"list\":[1,true],\"name\":\"a b&c\"}";
    let ok = || ResponseTemplate::new(200);
    let server = MockServer::start().await;
    for mock in [
        Mock::given(method("POST"))
            .and(path("/json"))
            .and(header("content-type", "application/json"))
            .and(body_string(json)),
        Mock::given(method("PUT"))
            .and(path("/merge"))
            .and(header("content-type", "application/merge-patch+json"))
            .and(body_string(json)),
        Mock::given(method("POST"))
            .and(path("/form"))
            .and(header("content-type", "application/x-www-form-urlencoded"))
            .and(body_string("name=a%20b%26c&x=1")),
        Mock::given(method("PROPFIND"))
            .and(path("/text"))
            .and(header("depth", "1"))
            .and(body_string("line 1\nline 2\n")),
        Mock::given(basic_auth("me", "canary-t0k%n@/")).and(path("/basic")),
        Mock::given(bearer_token("canary-t0k%n@/")).and(path("/bearer")),
    ] {
        mock.respond_with(ok()).mount(&server).await;
    }
    for text in [
        "{url: URI/json, json-body: {list: [1, true], name: '${NAME}'}}",
        "{url: URI/merge, method: PUT, json-body: {list: [1, true], name: '${NAME}'}, headers: {Content-Type: \
         application/merge-patch+json}}",
        "{url: URI/form, form: {name: '${NAME}', x: 1}}",
        "{url: URI/text, method: PROPFIND, headers: {Depth: 1}, body: \"line 1\\nline 2\\n\"}",
        "{url: URI/basic, basic-auth: {user: me, password: '${TOKEN}'}}",
        "{url: URI/bearer, bearer-token: '${TOKEN}'}",
    ] {
        let seen = asked(&server, &format!("- {{name: api, http: {text}}}")).await;
        assert_eq!(seen.seen, "200 OK", "{text}");
    }
}

#[tokio::test]
async fn redirects_are_judged_themselves_until_they_may_be_followed() {
    let server = answering(
        path("/"),
        ResponseTemplate::new(301).insert_header("location", "/app/"),
    )
    .await;
    Mock::given(path("/app/"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    for (more, wanted) in [
        (
            "",
            format!(
                "301 Moved Permanently to {}/app/, wanted 200-299",
                server.uri()
            ),
        ),
        (
            ", status: 301, response-headers: {location: /app/}",
            format!("301 Moved Permanently to {}/app/", server.uri()),
        ),
        (", redirects: 5", "200 OK after 1 redirect".to_owned()),
        (
            ", redirects: 5, redirect-to: same-host",
            "200 OK after 1 redirect".to_owned(),
        ),
    ] {
        let seen = asked(
            &server,
            &format!("- {{name: web, http: {{url: URI{more}}}}}"),
        )
        .await;
        assert_eq!(seen.seen, wanted, "{more}");
    }
}

#[tokio::test]
async fn routes_through_one_reverse_proxy_are_asked_by_name() {
    let server = MockServer::start().await;
    let port = server.address().port();
    for (name, status) in [("shop", 200), ("blog", 404)] {
        let host = format!("{name}.example.com:{port}");
        Mock::given(header("host", host.as_str()))
            .respond_with(ResponseTemplate::new(status))
            .mount(&server)
            .await;
    }
    for (name, wanted) in [
        ("shop", "200 OK"),
        ("blog", "404 Not Found, wanted 200-299"),
    ] {
        let text = format!(
            "- name: {name}\n  http:\n    url: http://{name}.example.com:{port}/\n    resolve: {{{name}.example.com: \
             127.0.0.1}}"
        );
        assert_eq!(asked(&server, &text).await.seen, wanted);
    }
}

#[tokio::test]
async fn no_secret_of_a_gate_is_in_what_is_shown_of_it() {
    let server = answering(any(), ResponseTemplate::new(500)).await;
    let closed = test_servers::free_port();
    for place in [
        server.uri(),
        format!("http://127.0.0.1:{closed}"),
        "http://no-such-host.invalid".to_owned(),
    ] {
        let place = place.replace("http://", "http://me:canary%25@");
        let text = format!(
            "- name: api\n  http:\n    url: {place}/x?key=${{TOKEN}}\n    headers: {{X-Key: '${{TOKEN}}'}}\n    \
             json-body: {{password: '${{TOKEN}}'}}\n    json: {{/a: 1}}"
        );
        let gates = read(&text).expect("a gate");
        let seen = gates[0]
            .probe
            .check(Instant::now() + Duration::from_secs(5))
            .await;
        let shown = format!("{} {seen:?}", gates[0].probe.identity());
        assert!(!shown.contains("canary"), "{shown}");
        assert_ne!(seen.answer, Answer::Pass, "{shown}");
    }
}
