//! Flows against servers that let people in, and servers that do not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "flow/captures.rs"]
mod captures;
#[path = "flow/cookies.rs"]
mod cookies;
#[path = "flow/failures.rs"]
mod failures;
#[path = "flow/server.rs"]
mod server;

use std::time::Duration;

use probes::{
    Answer, Observation, Probe,
    flow::{Address, Body, Capture, Flow, Source, Step, Template},
    http::{
        Client, ClientOptions, Expectation, Roots,
        expectation::{Pattern, Pointer},
    },
};
use serde_json::json;
use server::{Heard, Reply, Server, reply};
use tokio::time::Instant;

/// In no output, wherever a server puts it.
const CANARY: &str = "canary-7f3a9c\"%/0d1e";

fn template(text: &str) -> Template {
    Template::parse(text).expect("a template")
}

/// `POST /api/login` below `base`.
fn step(base: &str, line: &str) -> Step {
    let (method, url) = line.split_once(' ').expect("method and address");
    Step {
        name: None,
        method: method.to_owned(),
        address: Address::parse(Some(base), url).expect("an address"),
        headers: Vec::new(),
        basic_auth: None,
        body: Body::None,
        redirects: None,
        expectation: Expectation::default(),
        captures: Vec::new(),
        always: false,
    }
}

trait Build {
    fn called(self, name: &str) -> Self;
    fn header(self, name: &str, value: &str) -> Self;
    fn body(self, text: &str) -> Self;
    fn capture(self, name: &str, source: Source) -> Self;
    fn capture_part(self, name: &str, source: Source, pattern: &str) -> Self;
    fn redirects(self, most: usize) -> Self;
    fn always(self) -> Self;
}

impl Build for Step {
    fn called(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), template(value)));
        self
    }

    fn body(mut self, text: &str) -> Self {
        self.body = Body::Text(template(text));
        self
    }

    fn capture(mut self, name: &str, source: Source) -> Self {
        self.captures.push(Capture {
            name: name.to_owned(),
            source,
            pattern: None,
        });
        self
    }

    fn capture_part(mut self, name: &str, source: Source, pattern: &str) -> Self {
        self.captures.push(Capture {
            name: name.to_owned(),
            source,
            pattern: Some(Pattern::new(pattern).expect("a pattern")),
        });
        self
    }

    fn redirects(mut self, most: usize) -> Self {
        self.redirects = Some(most);
        self
    }

    fn always(mut self) -> Self {
        self.always = true;
        self
    }
}

fn at(pointer: &str) -> Source {
    Source::Json(Pointer::new(pointer).expect("a pointer"))
}

fn flow(steps: Vec<Step>) -> Flow {
    let client = Client::new(ClientOptions {
        roots: Roots::None,
        keep_alive: Duration::from_secs(1),
        ..ClientOptions::default()
    })
    .expect("a client");
    Flow { client, steps }
}

async fn check(steps: Vec<Step>) -> Observation {
    flow(steps)
        .check(Instant::now() + Duration::from_secs(5))
        .await
}

/// A school: a token for the right password, courses for the right token.
fn school(heard: &Heard) -> Reply {
    match heard.line.as_str() {
        "POST /api/auth/login" if heard.body.contains(r#""password":"right""#) => reply(
            "200 OK\nContent-Type: application/json",
            &json!({"data": {"token": CANARY, "user": 17}}).to_string(),
        ),
        "POST /api/auth/login" => reply("401 Unauthorized", r#"{"error":"wrong password"}"#),
        "GET /api/courses" if heard.header("authorization") == format!("Bearer {CANARY}") => {
            reply("200 OK", r#"{"courses":[]}"#)
        }
        "POST /api/auth/logout" => reply("204 No Content", ""),
        _ => reply(
            "401 Unauthorized",
            &format!("no such token: {}", heard.header("authorization")),
        ),
    }
}

fn login(base: &str, password: &str) -> Step {
    step(base, "POST /api/auth/login")
        .called("login")
        .header("Content-Type", "application/json")
        .body(&format!(r#"{{"user":"probe","password":"{password}"}}"#))
        .capture("token", at("/data/token"))
}

fn courses(base: &str) -> Step {
    step(base, "GET /api/courses")
        .called("courses")
        .header("Authorization", "Bearer {{token}}")
}

#[tokio::test]
async fn a_token_from_the_log_in_opens_the_courses() {
    let server = Server::start(school).await;
    let base = server.url();
    let seen = check(vec![login(&base, "right"), courses(&base)]).await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    assert!(seen.seen.starts_with("2 steps after "), "{}", seen.seen);
    assert!(seen.seen.ends_with(" ms, the last 200 OK"), "{}", seen.seen);
    assert_eq!(server.lines(), ["POST /api/auth/login", "GET /api/courses"]);
}

#[tokio::test]
async fn a_wrong_password_names_the_log_in_and_asks_nothing_further() {
    let server = Server::start(school).await;
    let base = server.url();
    let seen = check(vec![login(&base, "wrong"), courses(&base)]).await;
    assert_eq!(seen.answer, Answer::Fail);
    let wanted = "step 1 `login` (POST /api/auth/login): 401 Unauthorized, wanted 200-299";
    assert!(seen.seen.starts_with(wanted), "{}", seen.seen);
    assert_eq!(server.lines(), ["POST /api/auth/login"]);
}

#[tokio::test]
async fn steps_of_one_try_share_a_connection() {
    let server = Server::start(school).await;
    let base = server.url();
    let seen = check(vec![login(&base, "right"), courses(&base)]).await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    let connections: Vec<usize> = server
        .heard()
        .iter()
        .map(|heard| heard.connection)
        .collect();
    assert_eq!(connections, [0, 0]);
}

#[tokio::test]
async fn every_try_starts_without_what_the_one_before_it_learnt() {
    let server = Server::start(|heard| match heard.line.as_str() {
        "GET /first" => reply("200 OK\nSet-Cookie: s=1\nX-Token: t", ""),
        _ => reply("200 OK", ""),
    })
    .await;
    let base = server.url();
    let steps = vec![
        step(&base, "GET /first").capture("token", Source::Header("X-Token".to_owned())),
        step(&base, "GET /second/{{token}}"),
    ];
    let flow = flow(steps);
    for _ in 0..2 {
        let seen = flow.check(Instant::now() + Duration::from_secs(5)).await;
        assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    }
    let cookies: Vec<String> = server
        .heard()
        .iter()
        .map(|heard| format!("{} {}", heard.line, heard.header("cookie")))
        .collect();
    let once = ["GET /first ", "GET /second/t s=1"];
    assert_eq!(cookies, [once, once].concat());
}

#[tokio::test]
async fn a_step_asked_always_logs_out_after_a_failure_when_it_has_what_it_needs() {
    let server = Server::start(|heard| match heard.line.as_str() {
        "GET /api/courses" => reply("500 Internal Server Error", ""),
        _ => school(heard),
    })
    .await;
    let base = server.url();
    let logout = step(&base, "POST /api/auth/logout")
        .called("logout")
        .header("Authorization", "Bearer {{token}}")
        .always();
    let never = step(&base, "GET /never");
    let steps = vec![login(&base, "right"), courses(&base), never, logout.clone()];
    let seen = check(steps).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert_eq!(
        seen.seen,
        "step 2 `courses` (GET /api/courses): 500 Internal Server Error, wanted 200-299"
    );
    let lines = [
        "POST /api/auth/login",
        "GET /api/courses",
        "POST /api/auth/logout",
    ];
    assert_eq!(server.lines(), lines);

    let seen = check(vec![login(&base, "wrong"), logout]).await;
    assert!(seen.seen.starts_with("step 1 `login`"), "{}", seen.seen);
    assert_eq!(
        server.lines().len(),
        4,
        "no token, no log-out: {:?}",
        server.lines()
    );
}

#[tokio::test]
async fn a_log_out_that_fails_fails_the_flow_and_after_a_failure_is_only_named() {
    let server = Server::start(|heard| match heard.line.as_str() {
        "GET /well" => reply("200 OK", ""),
        _ => reply("503 Service Unavailable", ""),
    })
    .await;
    let base = server.url();
    let out = step(&base, "POST /out").called("out").always();
    let seen = check(vec![step(&base, "GET /well"), out.clone()]).await;
    assert_eq!(
        seen.seen,
        "step 2 `out` (POST /out): 503 Service Unavailable, wanted 200-299"
    );
    let seen = check(vec![step(&base, "GET /ill"), out]).await;
    assert_eq!(
        seen.seen,
        "step 1 (GET /ill): 503 Service Unavailable, wanted 200-299; step 2 `out` (POST /out) failed too"
    );
}

#[test]
fn a_flow_is_told_by_its_first_step_without_a_secret() {
    let base = "http://me:canary@a.example";
    let one = flow(vec![step(base, "GET /x?key=canary")]);
    assert_eq!(one.identity(), "flow GET http://a.example/x");
    let two = flow(vec![
        step(base, "POST /login"),
        step(base, "GET /{{token}}"),
    ]);
    assert_eq!(
        two.identity(),
        "flow POST http://a.example/login and 1 more step"
    );
    assert!(!format!("{one:?}{two:?}").contains("canary"));
}
