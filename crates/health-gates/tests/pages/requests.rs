//! The pages on `http` and `flow`.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

use test_servers::free_port;

use crate::{
    page::{Page, without_numbers},
    web::{Asked, Authority, Reply, reply, serve},
    world::{World, in_world},
};

const TLS_NAMES: &[&str] = &[
    "orders.internal",
    "idp.example.com",
    "api.example.com",
    "www.example.com",
];

/// A web server at port 443 for all of the pages' names, trusted by the program and asking for its certificate.
fn secure(world: &World, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
    let authority = Authority::new("Our CA");
    world.write("trusted.pem", &authority.pem());
    world.write("tls/internal-ca.pem", &authority.pem());
    let (runner, key) = authority.sign(&["runner"]);
    world.write("tls/runner.pem", &runner.pem());
    world.write("tls/runner.key", &key.serialize_pem());
    serve("127.0.0.1:443", Some(authority.server(TLS_NAMES)), answer);
}

/// What the services of the page on `http` answer when they are well.
fn well(asked: &Asked) -> Reply {
    let of = |host: &str| asked.has(&format!("host: {host}"));
    match asked.line.as_str() {
        "GET /health" => reply("200 OK", r#"{"status": "healthy"}"#),
        "GET /actuator/health" => reply("200 OK", r#"{"status": "UP"}"#),
        "GET /api/health" => reply(
            "200 OK",
            r#"{"status": "degraded", "queue": {"length": 3}}"#,
        ),
        "GET /" if of("web.internal") => (
            "200 OK",
            "content-type: text/html; charset=utf-8\r\n".to_owned(),
            "<div id=\"app\"></div>".to_owned(),
        ),
        "GET /" if of("shop.example.com") => reply("200 OK", ""),
        "GET /realms/main/protocol/saml/descriptor" if of("idp.example.com") => reply(
            "200 OK",
            "<md:EntityDescriptor xmlns:md=\"urn\"><md:SingleSignOnService/></md:EntityDescriptor>",
        ),
        "POST /api/search"
            if asked.known
                && asked.has("authorization: Bearer canary-t0k%n@/")
                && asked.body == r#"{"customer":"smoke-test","limit":1}"# =>
        {
            reply("204 No Content", "")
        }
        _ => reply("404 Not Found", "nobody knows"),
    }
}

#[test]
fn the_examples_of_http_pass_where_the_services_are_well_and_fail_where_they_are_not() {
    in_world(|world| {
        let ill = Arc::new(Mutex::new(false));
        let answer = {
            let ill = Arc::clone(&ill);
            move |asked: &Asked| match *ill.lock().unwrap() {
                true => reply("503 Service Unavailable", "starting"),
                false => well(asked),
            }
        };
        for at in ["127.0.0.1:8080", "127.0.0.1:80", "192.0.2.10:80"] {
            serve(at, None, answer.clone());
        }
        secure(world, answer);
        let page = Page::new("gates/http.md");
        let examples = page.examples();
        assert_eq!(examples.len(), 6);
        let token = [("ORDERS_TOKEN", "canary-t0k%n@/")];
        for example in &examples {
            world.passes(example, &token);
        }
        *ill.lock().unwrap() = true;
        for example in &examples {
            let judged = world.once(example, &token);
            for (name, status, seen) in &judged.gates {
                assert_eq!(status, "fail", "{name}: {seen}");
                assert!(
                    seen.starts_with("503 Service Unavailable, wanted 200"),
                    "{seen}"
                );
            }
            assert!(!judged.said.contains("canary"), "{}", judged.said);
        }
    });
}

#[test]
fn everything_that_the_page_on_http_says_is_seen_is_seen() {
    in_world(|world| {
        let closed = free_port();
        let here = |port: u16| format!("127.0.0.1:{port}");
        let elsewhere = format!("location: http://{}/\r\n", here(closed));
        let long = "a".repeat(1 << 20);
        serve("127.0.0.1:80", None, move |asked| {
            match asked.line.as_str() {
                "GET /starting" => reply("503 Service Unavailable", "starting"),
                "GET /elsewhere" => ("302 Found", elsewhere.clone(), String::new()),
                "GET /long" => reply("200 OK", &long),
                "GET /json" => reply("200 OK", r#"{"status": "starting"}"#),
                "GET /login" => (
                    "302 Found",
                    "location: /login\r\n".to_owned(),
                    String::new(),
                ),
                _ => reply("200 OK", ""),
            }
        });
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = silent.local_addr().map(|at| (silent, at.port())).unwrap();
        let mut seen: Vec<(String, String)> = [
            "http: http://web.internal/",
            "http: {url: http://web.internal/starting, status: 200}",
            "http: {url: http://web.internal/json, json: {/status: healthy}}",
            "http: {url: http://web.internal/login, redirects: 5}",
            "http: {url: http://web.internal/login, redirects: 1000000}\n  try-timeout: 1s",
            "http: {url: http://web.internal/elsewhere, redirects: 1}",
            "http: {url: http://web.internal/long, matches: '(a{1,30}){20}b'}\n  try-timeout: 1s",
            &format!("http: http://{}/", here(closed)),
            &format!("http: http://{}/\n  try-timeout: 1s", here(silent.1)),
            "http: https://web.internal/",
        ]
        .iter()
        .map(|kind| world.sees(kind, &[]))
        .collect();
        for (_, seen) in &mut seen {
            *seen = seen
                .replace(&here(closed), "127.0.0.1:8080")
                .replace(&here(silent.1), "127.0.0.1:8080");
        }
        let page = Page::new("gates/http.md");
        let measured = |text: &str| match text.split_once(" within ") {
            Some((text, _)) => text.to_owned(),
            None => text.to_owned(),
        };
        page.shows("What it sees", &seen, measured);
    });
}

#[test]
fn each_test_of_json_and_each_regular_expression_holds_where_the_page_says_so() {
    in_world(|world| {
        serve("127.0.0.1:80", None, |_| {
            reply(
                "200 OK",
                r#"{"s": "1.20 ok", "n": 2.0, "no": null, "list": [1, "a", {"b": [1]}], "a/b": 1, "c~d": 2, "o": {"x": 1, "y": 2}}"#,
            )
        });
        let rows = [
            ("{/n: 2}", true),
            ("{/n: '2'}", false),
            ("{/list/2/b/0: 1}", true),
            ("{/a~1b: 1, /c~0d: 2}", true),
            ("{'': {type: object}}", true),
            ("{/o: {'==': {y: 2, x: 1}}}", true),
            ("{/o: {'!=': {y: 2, x: 1}}}", false),
            ("{/n: {'>': 1, '<': 3}}", true),
            ("{/n: {'>': 1, '<': 2}}", false),
            ("{/n: {'>=': 2, '<=': 2}}", true),
            ("{/s: {'>': 1}}", false),
            ("{/n: {one-of: [1, 2]}}", true),
            ("{/n: {one-of: [1, '2']}}", false),
            ("{/no: {exists: true}}", true),
            ("{/gone: {exists: false}}", true),
            ("{/gone: {'!=': 1}}", false),
            ("{/list: {type: array}}", true),
            ("{/no: {type: null}}", true),
            ("{/list: {length: 3}}", true),
            ("{/s: {length: 7}}", true),
            ("{/o: {length: {'>': 2}}}", false),
            ("{/list: {contains: a}}", true),
            ("{/s: {contains: ok}}", true),
            ("{/list: {contains: {b: [1]}}}", true),
            ("{/s: {matches: '^1\\.'}}", true),
            ("{/s: {matches: 'OK$'}}", false),
            ("{/s: {matches: '(?i)OK$'}}", true),
            ("{/s: {matches: '\\bok\\b'}}", true),
        ];
        let gates: String = rows
            .iter()
            .enumerate()
            .map(|(at, (json, _))| {
                format!("- {{name: row-{at}, http: {{url: http://web.internal/, json: {json}}}}}\n")
            })
            .collect();
        let judged = world.once(&gates, &[]);
        assert_eq!(judged.gates.len(), rows.len());
        for ((name, status, seen), (json, holds)) in judged.gates.iter().zip(rows) {
            let wanted = if holds { "pass" } else { "fail" };
            assert_eq!(status, wanted, "{name}: {json}: {seen}");
        }
    });
}

/// What the services of the page on `flow` answer: a log-in by token, one by cookie, and courses that can be made.
fn school(asked: &Asked) -> Reply {
    let token = asked.has("authorization: Bearer canary-token");
    let session = asked.has("cookie: sid=canary-session");
    match asked.line.as_str() {
        "POST /api/auth/login" if asked.body.contains(r#""password":"canary-\"%@/""#) => {
            reply("200 OK", r#"{"data": {"token": "canary-token"}}"#)
        }
        "GET /api/courses" if token => reply("200 OK", r#"{"courses": [1, 2]}"#),
        "POST /api/auth/logout" if token => reply("204 No Content", ""),
        "POST /v1/courses" if asked.body == r#"{"title":"Made by a gate"}"# => (
            "201 Created",
            "location: /v1/courses/17\r\n".to_owned(),
            String::new(),
        ),
        "GET /v1/courses/17" => reply("200 OK", ""),
        "DELETE /v1/courses/17" => reply("204 No Content", ""),
        "GET /login" => reply("200 OK", r#"<input name="csrf" value="canary-csrf">"#),
        "POST /login" if asked.body.contains("csrf=canary-csrf") => (
            "302 Found",
            "location: /home\r\nset-cookie: sid=canary-session; Secure; Path=/\r\n".to_owned(),
            String::new(),
        ),
        "GET /home" if session => reply("200 OK", "Welcome"),
        _ => reply("401 Unauthorized", "wrong password"),
    }
}

#[test]
fn the_examples_of_flow_log_in_make_and_list_and_fail_with_another_password() {
    in_world(|world| {
        secure(world, school);
        let page = Page::new("gates/flow.md");
        let examples = page.examples();
        assert_eq!(examples.len(), 3);
        for example in &examples {
            world.passes(example, &[("PROBE_PASSWORD", "canary-\"%@/")]);
        }
        let wrong = [("PROBE_PASSWORD", "canary-wrong")];
        let judged = world.once(examples[0], &wrong);
        assert_eq!(
            judged.gates[0].2,
            "step 1 `login` (POST /api/auth/login): 401 Unauthorized, wanted 200-299; the body begins \"wrong password\""
        );
        assert!(!judged.said.contains("canary"), "{}", judged.said);
    });
}

#[test]
fn everything_that_the_page_on_flow_says_is_seen_is_seen() {
    in_world(|world| {
        let how = Arc::new(Mutex::new(""));
        let answer = {
            let how = Arc::clone(&how);
            move |asked: &Asked| {
                let how = *how.lock().unwrap();
                match (how, asked.line.as_str()) {
                    ("no token", "POST /api/auth/login") => reply("200 OK", r#"{"data": {}}"#),
                    ("no course", "GET /api/courses") => reply("200 OK", r#"{"courses": []}"#),
                    ("cookie", "GET /api/courses") => reply("401 Unauthorized", ""),
                    ("cookie", "POST /api/auth/logout") => reply("204 No Content", ""),
                    ("silent", "GET /api/courses") => {
                        std::thread::park_timeout(std::time::Duration::from_secs(15));
                        reply("200 OK", "")
                    }
                    ("cookie", "POST /api/auth/login") => (
                        "200 OK",
                        "set-cookie: sid=canary-session; Secure; Path=/\r\n".to_owned(),
                        r#"{"data": {"token": "none"}}"#.to_owned(),
                    ),
                    _ => school(asked),
                }
            }
        };
        secure(world, answer.clone());
        serve("127.0.0.1:80", None, answer);
        let page = Page::new("gates/flow.md");
        let log_in = page.example("json: /data/token");
        let mut seen = Vec::new();
        let mut once = |example: &str, password: &str| {
            let judged = world.once(example, &[("PROBE_PASSWORD", password)]);
            assert!(!judged.said.contains("canary"), "{}", judged.said);
            let (_, status, words) = judged.gates.into_iter().next().unwrap();
            seen.push((status, words));
        };
        once(log_in, "canary-\"%@/");
        once(log_in, "canary-wrong");
        let hasty = format!("{log_in}    try-timeout: 1s\n");
        let in_clear = log_in
            .replace("https:", "http:")
            .replace("          json: {/courses: {length: {\">=\": 1}}}\n", "");
        for (situation, example) in [
            ("no token", log_in),
            ("no course", log_in),
            ("cookie", &in_clear),
            ("silent", &hasty),
        ] {
            *how.lock().unwrap() = situation;
            once(example, "canary-\"%@/");
        }
        page.shows("What it sees", &seen, without_numbers);
    });
}
