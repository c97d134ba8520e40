//! Where values are taken from, and where they go.

use super::*;

/// A server whose first answer is `head` and `body`, and what a second request with `{{v}}` heard of it looks like.
async fn carried(
    head: &'static str,
    body: String,
    capture: impl Fn(Step) -> Step,
) -> (Observation, Vec<Heard>) {
    let server = Server::start(move |heard| match heard.line.as_str() {
        "GET /first" => reply(head, &body),
        _ => reply("200 OK", ""),
    })
    .await;
    let base = server.url();
    let second = step(&base, "POST /second/{{v}}?q={{v}}")
        .header("X-Value", "<{{v}}>")
        .body(r#"{"text":"<{{v}}>","value":{{v}}}"#);
    let seen = check(vec![capture(step(&base, "GET /first")), second]).await;
    (seen, server.heard())
}

#[tokio::test]
async fn a_value_is_taken_from_json_a_header_a_cookie_and_by_pattern() {
    let header = || Source::Header("Location".to_owned());
    let cookie = || Source::Cookie("sid".to_owned());
    let head = "201 Created\nLocation: /courses/x42/edit\nSet-Cookie: sid=x42; HttpOnly\nSet-Cookie: other=1";
    let body = r#"{"a/b":[{"id":"x42"}],"link":"see x42 here"}"#;
    type Way = Box<dyn Fn(Step) -> Step>;
    let ways: [(&str, Way); 6] = [
        (
            "pointer",
            Box::new(|step| step.capture("v", at("/a~1b/0/id"))),
        ),
        (
            "pointer and pattern",
            Box::new(|step| step.capture_part("v", at("/link"), "x[0-9]+")),
        ),
        (
            "header",
            Box::new(move |step| step.capture_part("v", header(), "/courses/([^/]+)")),
        ),
        ("cookie", Box::new(move |step| step.capture("v", cookie()))),
        (
            "cookie and pattern",
            Box::new(|step| step.capture_part("v", Source::Cookie("sid".to_owned()), ".*")),
        ),
        (
            "body",
            Box::new(|step| step.capture_part("v", Source::Body, "\"id\":\"([^\"]*)\"")),
        ),
    ];
    for (way, capture) in ways {
        let (seen, heard) = carried(head, body.to_owned(), capture).await;
        assert_eq!(seen.answer, Answer::Pass, "{way}: {}", seen.seen);
        assert_eq!(heard[1].line, "POST /second/x42?q=x42", "{way}");
        assert_eq!(heard[1].header("x-value"), "<x42>", "{way}");
    }
}

#[tokio::test]
async fn a_value_with_quotes_slashes_and_percent_signs_arrives_as_it_was() {
    let value = "a\"b\\c/d?e&f#g%2Fh i+é";
    let body = json!({"v": value}).to_string();
    let server = Server::start(move |heard| match heard.line.as_str() {
        "GET /first" => reply("200 OK", &body),
        _ => reply("200 OK", ""),
    })
    .await;
    let base = server.url();
    let form = step(&base, "POST /form")
        .header(
            "Content-Type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .body("a=1&v={{v}}");
    let seen = check(vec![
        step(&base, "GET /first").capture("v", at("/v")),
        step(&base, "POST /json/{{v}}?q={{v}}").body(r#"{"text":"<{{v}}>","value":{{v}}}"#),
        form,
        step(&base, "POST /plain")
            .header("Content-Type", "text/plain")
            .body("<{{v}}>"),
    ])
    .await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    let heard = server.heard();
    let encoded = "a%22b%5Cc%2Fd%3Fe%26f%23g%252Fh%20i%2B%C3%A9";
    assert_eq!(heard[1].line, format!("POST /json/{encoded}?q={encoded}"));
    let body: serde_json::Value = serde_json::from_str(&heard[1].body).expect("JSON");
    assert_eq!(body, json!({"text": format!("<{value}>"), "value": value}));
    assert_eq!(heard[2].body, format!("a=1&v={encoded}"));
    assert_eq!(heard[3].body, format!("<{value}>"));
}

#[tokio::test]
async fn a_number_stays_a_number_where_json_wants_one() {
    let (seen, heard) = carried("200 OK", r#"{"id":17}"#.to_owned(), |step| {
        step.capture("v", at("/id"))
    })
    .await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    assert_eq!(heard[1].body, r#"{"text":"<17>","value":17}"#);
}

#[tokio::test]
async fn a_value_with_a_line_break_is_refused_in_a_header_and_is_the_targets_fault() {
    let body = json!({"v": "canary\r\nX-Admin: yes"}).to_string();
    let (seen, heard) = carried("200 OK", body, |step| step.capture("v", at("/v"))).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert_eq!(
        seen.seen,
        "step 2 (POST /second/{{v}}): failed to place a captured value in the header X-Value: it has a line break or a \
         character that no header can carry"
    );
    assert_eq!(heard.len(), 1, "nothing was sent");
}

#[tokio::test]
async fn a_value_that_would_leave_its_folder_or_its_server_is_refused() {
    for (value, address, wanted) in [
        (
            "..",
            "/second/{{v}}/x",
            "place a captured value in the path: it is . or ..",
        ),
        (
            "http://canary.example/",
            "{{v}}",
            "go to the address captured as `v`: it leads to another server",
        ),
    ] {
        let body = json!({"v": value}).to_string();
        let server = Server::start(move |_| reply("200 OK", &body)).await;
        let base = server.url();
        let steps = vec![
            step(&base, "GET /first").capture("v", at("/v")),
            step(&base, &format!("GET {address}")),
        ];
        let seen = check(steps).await;
        assert_eq!(seen.answer, Answer::Fail);
        assert_eq!(
            seen.seen,
            format!("step 2 (GET {address}): failed to {wanted}")
        );
        assert_eq!(server.heard().len(), 1);
    }
}

#[tokio::test]
async fn a_whole_address_may_be_captured_from_a_location() {
    let server = Server::start(|heard| match heard.line.as_str() {
        "POST /api/courses" => reply("201 Created\nLocation: /api/courses/a%2Fb?x=1", ""),
        _ => reply("200 OK", ""),
    })
    .await;
    let base = format!("{}/api", server.url());
    let seen = check(vec![
        step(&base, "POST /courses").capture("made", Source::Header("location".to_owned())),
        step(&base, "GET {{made}}"),
    ])
    .await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    assert_eq!(server.lines()[1], "GET /api/courses/a%2Fb?x=1");
}

#[tokio::test]
async fn a_capture_that_finds_nothing_tells_what_is_there_by_kind_and_never_its_content() {
    let json = "200 OK\nContent-Type: application/json\nX-Id: canary\nSet-Cookie: other=canary";
    let cases = [
        (
            at("/data/token"),
            None,
            "/data/token is missing, /data is an object",
        ),
        (
            at("/data/none/token"),
            None,
            "/data/none/token is missing, /data/none is null",
        ),
        (
            at("/token"),
            None,
            "/token is missing, the document is an object",
        ),
        (
            at("/data"),
            None,
            "/data is an object, wanted a string, a number or a boolean",
        ),
        (
            at("/data/none"),
            None,
            "/data/none is null, wanted a string, a number or a boolean",
        ),
        (at("/data/empty"), None, "/data/empty is empty"),
        (
            at("/data/secret"),
            Some("^x"),
            "/data/secret does not match /^x/",
        ),
        (
            Source::Header("Location".to_owned()),
            None,
            "the answer has no header Location",
        ),
        (
            Source::Header("X-Id".to_owned()),
            Some("[0-9]+"),
            "the header X-Id does not match /[0-9]+/",
        ),
        (
            Source::Cookie("sid".to_owned()),
            None,
            "there is no cookie sid",
        ),
        (
            Source::Body,
            Some("token=(.*)"),
            "the body (200 OK, 51 bytes of application/json) does not match /token=(.*)/",
        ),
    ];
    for (source, pattern, wanted) in cases {
        let body = r#"{"data":{"secret":"canary","none":null,"empty":""}}"#;
        let server = Server::start(move |_| reply(json, body)).await;
        let first = step(&server.url(), "GET /first").called("login");
        let first = match pattern {
            Some(pattern) => first.capture_part("token", source, pattern),
            None => first.capture("token", source),
        };
        let seen = check(vec![first]).await;
        assert_eq!(seen.answer, Answer::Fail);
        let wanted = format!("step 1 `login` (GET /first): failed to capture `token`: {wanted}");
        assert_eq!(seen.seen, wanted);
    }
    let server = Server::start(|_| reply("200 OK\nContent-Type: text/html", "canary")).await;
    let seen = check(vec![
        step(&server.url(), "GET /").capture("token", at("/token")),
    ])
    .await;
    assert_eq!(
        seen.seen,
        "step 1 (GET /): failed to capture `token`: the body is no JSON (200 OK, 6 bytes of text/html)"
    );
}
