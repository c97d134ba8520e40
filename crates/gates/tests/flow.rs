//! The kind `flow`, from its YAML to what is seen of a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::Path, time::Duration};

use actions_kit::{Environment, Redactor};
use gates::{Problems, Surroundings, file};
use probes::{Answer, Observation, resolver::Resolver};
use serde_json::json;
use tokio::time::Instant;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{
        basic_auth, bearer_token, body_json, body_string, header, method, path, query_param,
    },
};

const TOKEN: &str = "canary.t0ken/+%\"=";

fn read(text: &str) -> Result<Vec<gates::Gate>, Problems> {
    let around = Surroundings {
        workspace: Path::new("/nowhere").to_owned(),
        environment: Environment::from_os([("PROBE_PASSWORD".into(), "canary-p\"%@/".into())]),
        redactor: Redactor::new(),
        resolver: Resolver::system(),
    };
    file::read(text, &around)
}

/// Asks the only gate of `text` once, with `URI` in it standing for the server's address.
async fn asked(server: &MockServer, text: &str) -> Observation {
    let text = text.replace("URI", &server.uri());
    let gates = read(&text).unwrap_or_else(|problems| panic!("{text}: {problems:#?}"));
    let [gate] = gates.as_slice() else {
        panic!("{text}: one gate")
    };
    let seen = gate
        .probe
        .check(Instant::now() + Duration::from_secs(5))
        .await;
    let shown = format!("{} {}", gate.probe.identity(), seen.seen);
    assert!(!shown.contains("canary"), "{shown}");
    seen
}

/// Lets `probe` in with the password of the environment, and lists courses for the token.
async fn school() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/auth/login"))
        .and(body_json(
            json!({"user": "probe", "password": "canary-p\"%@/"}),
        ))
        .respond_with(
            ResponseTemplate::new(200)
                .append_header("Set-Cookie", "session=canary-session; HttpOnly; Path=/")
                .append_header("X-Csrf", "csrf=canary-csrf;")
                .set_body_json(json!({"data": {"token": TOKEN, "id": 17}})),
        )
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path("/api/courses"))
        .and(bearer_token(TOKEN))
        .and(header("cookie", "session=canary-session"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"courses": [1, 2]})))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/api/auth/logout"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    server
}

const LOG_IN: &str = "
gates:
  - name: courses
    flow:
      base-url: URI
      steps:
        - name: login
          url: /api/auth/login
          json-body: {user: probe, password: '${PROBE_PASSWORD}'}
          capture:
            token: {json: /data/token}
        - name: courses
          url: /api/courses
          bearer-token: '{{token}}'
          json: {/courses: {length: {'>=': 1}}}
        - name: logout
          method: POST
          url: /api/auth/logout
          bearer-token: '{{token}}'
          always: true
";

#[tokio::test]
async fn a_flow_logs_in_lists_and_logs_out() {
    let server = school().await;
    let seen = asked(&server, LOG_IN).await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    assert!(seen.seen.starts_with("3 steps after "), "{}", seen.seen);
    assert!(
        seen.seen.ends_with(" ms, the last 204 No Content"),
        "{}",
        seen.seen
    );
}

#[tokio::test]
async fn a_step_that_is_not_as_wanted_is_named_and_the_log_out_still_comes() {
    let server = school().await;
    let text = LOG_IN.replace("length: {'>=': 1}", "length: 3");
    let seen = asked(&server, &text).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert_eq!(
        seen.seen,
        "step 2 `courses` (GET /api/courses): 200 OK; /courses has the length 2, wanted a length 3"
    );
    let heard = server.received_requests().await.expect("the record");
    assert_eq!(heard.len(), 3);
    assert_eq!(heard[2].url.path(), "/api/auth/logout");
}

#[tokio::test]
async fn the_short_form_is_a_list_of_steps() {
    let server = school().await;
    let seen = asked(
        &server,
        "[{name: out, flow: [{url: URI/api/auth/logout, method: POST, status: 204}]}]",
    )
    .await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
}

#[tokio::test]
async fn what_is_captured_goes_into_every_part_of_a_request() {
    let server = school().await;
    let heard = Mock::given(method("PUT"))
        .and(path("/users/17"))
        .and(query_param("token", TOKEN))
        .and(header("X-Csrf", "canary-csrf"))
        .and(header("X-Session", "canary-session"))
        .and(basic_auth("user-17", TOKEN))
        .and(body_json(json!({"id": 17, "text": "user 17"})))
        .respond_with(ResponseTemplate::new(200));
    heard.expect(1).mount(&server).await;
    let form = Mock::given(path("/form"))
        .and(body_string(format!(
            "token={}",
            "canary.t0ken%2F%2B%25%22%3D"
        )))
        .respond_with(ResponseTemplate::new(200));
    form.expect(1).mount(&server).await;
    let seen = asked(
        &server,
        "
- name: all
  flow:
    base-url: URI/
    steps:
      - url: api/auth/login
        body: '{\"user\": \"probe\", \"password\": \"canary-p\\\"%@/\"}'
        headers: {content-type: application/json}
        capture:
          token: {json: /data/token}
          id: {json: /data/id}
          csrf: {header: X-Csrf, regex: 'csrf=([^;]+)'}
          session: {cookie: session}
          user: {regex: '\"id\":([0-9]+)'}
      - method: PUT
        url: '/users/{{user}}?token={{token}}'
        headers: {X-Csrf: '{{csrf}}', X-Session: '{{session}}'}
        basic-auth: {user: 'user-{{id}}', password: '{{token}}'}
        json-body: {id: '{{id}}', text: 'user {{user}}'}
      - url: /form
        form: {token: '{{token}}'}
",
    )
    .await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    server.verify().await;
}

#[tokio::test]
async fn redirects_are_those_of_the_flow_unless_a_step_has_its_own() {
    let server = MockServer::start().await;
    Mock::given(path("/login"))
        .respond_with(
            ResponseTemplate::new(302)
                .append_header("Location", "/home")
                .append_header("Set-Cookie", "sid=canary-sid"),
        )
        .mount(&server)
        .await;
    Mock::given(path("/home"))
        .and(header("cookie", "sid=canary-sid"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let text = "
- name: web
  flow:
    base-url: URI
    redirects: 3
    steps:
      - {url: /login}
      - {url: /login, redirects: 0, status: 302, response-headers: {Location: /home}}
";
    let seen = asked(&server, text).await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
}

/// Everything that is wrong with `steps`: line, place, seen and mend.
fn wrong(text: &str) -> Vec<String> {
    let Err(problems) = read(text) else {
        panic!("{text}: nothing is told")
    };
    problems
        .into_iter()
        .map(|problem| {
            format!(
                "{}: {}: {}; {}",
                problem.line.unwrap_or_default(),
                problem.place,
                problem.seen,
                problem.mend
            )
        })
        .collect()
}

#[test]
fn a_value_that_no_step_before_captures_is_told_with_its_line_and_a_suggestion() {
    let told = wrong(
        "- name: a
  flow:
    base-url: http://a.example
    steps:
      - url: /login
        bearer-token: '{{tokn}}'
        capture:
          token: {json: /token}
      - url: /x/{{tokne}}
        headers: {X: '{{other}}', Y: '{{late}}'}
        json-body: {deep: [{a: 'b {{nobody}}'}]}
      - url: /y
        capture:
          late: {header: X}
        form: {a: '{{late}}'}
",
    );
    assert_eq!(
        told.iter()
            .map(|line| {
                let (line, rest) = line.split_once(": ").expect("a line");
                format!("{line}: {}", rest.split_once("`: ").expect("a place").1)
            })
            .collect::<Vec<_>>(),
        [
            "6: `tokn`; add it to a step before: `capture: {tokn: {json: /tokn}}`",
            "9: `tokne`; did you mean `token`?",
            "10: `other`; add it to a step before: `capture: {other: {json: /other}}`",
            "10: `late`; step 3 captures `late`: put it before this one",
            "11: `nobody`; add it to a step before: `capture: {nobody: {json: /nobody}}`",
            "15: `late`; this step captures `late` from its answer; later steps can write it",
        ],
        "{told:#?}"
    );
}

#[test]
fn a_captured_value_that_is_wanted_of_an_answer_is_told_as_a_mistake() {
    let told = wrong(
        "- name: a
  flow:
    base-url: http://a.example
    steps:
      - url: /login
        capture:
          id: {json: /id}
      - url: /courses
        json: {/id: '{{id}}', '/{{id}}': {one-of: [1, 'a {{id}}']}}
        response-headers: {X-Id: '{{id}}'}
        matches: 'id=.{{id}}'
        capture:
          other: {json: '/{{id}}/x'}
",
    );
    let lines: Vec<&str> = told
        .iter()
        .filter(|line| line.contains("the captured value `id`"))
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(lines, ["9", "9", "9", "10", "13"], "{told:#?}");
    assert_eq!(told.len(), 6, "{told:#?}");
    assert!(told[4].contains("`matches`"), "{told:#?}");
}

#[test]
fn what_only_a_flow_can_know_to_be_wrong_is_told_at_once_with_its_line() {
    let told = wrong(
        "- name: a
  flow:
    steps:
      - url: /relative
      - url: 'http://{{x}}/'
      - url: http://a.example/{{
        body: '{{canary secret}}'
        capture:
          one: {json: data.token}
          two: {json: /a, header: b}
          three: {}
          four: {regex: '('}
          'fi ve': {header: X Y}
- name: b
  flow: {base-url: 'ftp://canary', steps: []}
",
    );
    let wanted = [
        ("4", "as there is no base"),
        ("5", "may stand in the path"),
        ("6", "the end of a place"),
        ("7", "the name of a place"),
        ("8", "`fi ve` as a name"),
        ("9", "write `/data/token`"),
        ("10", "a second place beside `json`"),
        ("11", "no place"),
        ("12", "open group"),
        ("13", "`X Y` as a name"),
        ("15", "http://host:port"),
        ("15", "an empty list"),
    ];
    for (line, part) in wanted {
        let is_told = told
            .iter()
            .any(|text| text.starts_with(&format!("{line}: ")) && text.contains(part));
        assert!(is_told, "{line}: {part}: {told:#?}");
    }
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
    assert!(!told.concat().contains("canary"), "{told:#?}");
}

/// Every example of the page is a file of gates that can be read, and every address in it is one.
#[test]
fn the_examples_of_the_page_are_read_as_they_stand() {
    let page = include_str!("../../../docs/gates/flow.md");
    let examples: Vec<&str> = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(examples.len() >= 3, "{}", examples.len());
    for example in examples {
        if let Err(problems) = read(example) {
            panic!("{example}: {problems:#?}");
        }
    }
}
