//! Cases of judging that need no server.

use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::json;

use super::*;

fn response(status: u16, body: &str) -> Response {
    Response {
        status,
        headers: HeaderMap::new(),
        body: body.as_bytes().to_vec(),
        cut: false,
        unread_coding: None,
        redirects: 0,
        points_to: None,
        took: Duration::from_millis(7),
    }
}

fn at(pointer: &str, test: JsonTest) -> (Pointer, JsonTest) {
    (Pointer::new(pointer).expect("a pointer"), test)
}

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).expect("a pattern")
}

/// What `test` at `pointer` says of `body`; empty where it is met.
fn judged(pointer: &str, test: JsonTest, body: serde_json::Value) -> String {
    let expectation = Expectation {
        json: vec![at(pointer, test)],
        ..Expectation::default()
    };
    expectation
        .missing(&response(200, &body.to_string()))
        .join("; ")
}

#[test]
fn everything_that_is_missing_is_told_at_once_and_in_order() {
    let mut answer = response(503, r#"{"status":"starting","queue":12}"#);
    answer
        .headers
        .insert("server", HeaderValue::from_static("old"));
    let expectation = Expectation {
        status: vec![200..=200, 204..=206],
        max_latency: Some(Duration::from_millis(5)),
        headers: vec![
            ("server".to_owned(), HeaderTest::Equals("new".to_owned())),
            ("x-id".to_owned(), HeaderTest::Exists(true)),
            ("server".to_owned(), HeaderTest::Exists(false)),
            ("server".to_owned(), HeaderTest::Matches(pattern("^ol"))),
        ],
        json: vec![
            at("/status", JsonTest::Equals(json!("healthy"))),
            at(
                "/queue",
                JsonTest::Number(Comparison {
                    relation: Relation::Less,
                    with: 10.0,
                }),
            ),
        ],
        matches: vec![pattern("healthy"), pattern("queue")],
        lacks: vec![pattern("start")],
        ..Expectation::default()
    };
    assert_eq!(
        expectation.missing(&answer),
        [
            "503 Service Unavailable, wanted 200 or 204-206",
            "answered after 7 ms, wanted at most 5 ms",
            "header server is \"old\", wanted \"new\"",
            "header x-id is missing, wanted it",
            "header server is \"old\", wanted none",
            "/status is \"starting\", wanted \"healthy\"",
            "/queue is 12, wanted a number < 10",
            "the body does not match /healthy/",
            "the body matches /start/, which it must not",
            "the body begins \"{\"status\":\"starting\",\"queue\":12}\"",
        ]
    );
    assert_eq!(
        Expectation {
            json: vec![at("/status", JsonTest::Equals(json!("healthy")))],
            ..Expectation::default()
        }
        .judge(&response(200, r#"{"status":"starting"}"#)),
        Err("200 OK; /status is \"starting\", wanted \"healthy\"".to_owned())
    );
}

#[test]
fn a_value_is_held_against_each_test_and_what_is_wrong_is_said_with_its_type() {
    let number = |relation, with| JsonTest::Number(Comparison { relation, with });
    let length = |relation, with| JsonTest::Length(Comparison { relation, with });
    let document = json!({
        "n": 5, "f": 1.0, "big": 9_007_199_254_740_993_u64, "s": "5", "null": null, "a": [1, 2],
        "o": {"x": 1}, "a/b": {"~": true}
    });
    for (pointer, test, wanted) in [
        ("/n", JsonTest::Equals(json!(5)), ""),
        ("/n", JsonTest::Equals(json!(5.0)), ""),
        (
            "/s",
            JsonTest::Equals(json!(5)),
            "/s is \"5\", a string, wanted 5",
        ),
        (
            "/big",
            JsonTest::Equals(json!(9_007_199_254_740_992_u64)),
            "/big is 9007199254740993, wanted 9007199254740992",
        ),
        (
            "/null",
            JsonTest::Equals(json!("x")),
            "/null is null, wanted \"x\"",
        ),
        ("/a/1", JsonTest::Equals(json!(2)), ""),
        (
            "/a/2",
            JsonTest::Equals(json!(2)),
            "/a/2 is missing, wanted 2",
        ),
        ("/a~1b/~0", JsonTest::Equals(json!(true)), ""),
        ("/o", JsonTest::Equals(json!({"x": 1.0})), ""),
        ("/n", JsonTest::Differs(json!(4)), ""),
        (
            "/n",
            JsonTest::Differs(json!(5)),
            "/n is 5, wanted another than 5",
        ),
        (
            "/none",
            JsonTest::Differs(json!(5)),
            "/none is missing, wanted another than 5",
        ),
        ("/s", JsonTest::OneOf(vec![json!(5), json!("5")]), ""),
        (
            "/s",
            JsonTest::OneOf(vec![json!(5), json!(6)]),
            "/s is \"5\", a string, wanted 5 or 6",
        ),
        ("/n", number(Relation::Greater, 4.5), ""),
        (
            "/n",
            number(Relation::Greater, 5.0),
            "/n is 5, wanted a number > 5",
        ),
        ("/n", number(Relation::AtLeast, 5.0), ""),
        ("/n", number(Relation::AtMost, 5.0), ""),
        (
            "/n",
            number(Relation::Less, 5.0),
            "/n is 5, wanted a number < 5",
        ),
        (
            "/s",
            number(Relation::Greater, 4.0),
            "/s is \"5\", a string, wanted a number > 4",
        ),
        ("/a", length(Relation::Equal, 2.0), ""),
        ("/o", length(Relation::AtLeast, 1.0), ""),
        ("/s", length(Relation::Less, 2.0), ""),
        (
            "/a",
            length(Relation::Greater, 2.0),
            "/a has the length 2, wanted a length > 2",
        ),
        (
            "/n",
            length(Relation::Equal, 1.0),
            "/n is 5, a number, wanted a length 1",
        ),
        ("/null", JsonTest::Exists(true), ""),
        ("/none", JsonTest::Exists(false), ""),
        (
            "/n",
            JsonTest::Exists(false),
            "/n is 5, wanted it to be missing",
        ),
        (
            "/none",
            JsonTest::Exists(true),
            "/none is missing, wanted it",
        ),
        ("/a", JsonTest::Type(JsonType::Array), ""),
        (
            "",
            JsonTest::Type(JsonType::Array),
            "the document is {\"a\":[1,2],\"a/b\":{\"~\":true},\"big\":9007199254740993,\"f\":1.0,\"n\":5,\"null\":null,\
             \"o\":{\"x\":1},\"s\":\"5\"}, an object, wanted an array",
        ),
        ("/s", JsonTest::Matches(pattern("^[0-9]$")), ""),
        (
            "/s",
            JsonTest::Matches(pattern("x")),
            "/s is \"5\", wanted a string that matches /x/",
        ),
        ("/a", JsonTest::Contains(json!(2)), ""),
        (
            "/a",
            JsonTest::Contains(json!(3)),
            "/a is [1,2], wanted 3 in it",
        ),
        ("/s", JsonTest::Contains(json!("5")), ""),
    ] {
        assert_eq!(
            judged(pointer, test.clone(), document.clone()),
            wanted,
            "{pointer} {test:?}"
        );
    }
}

#[test]
fn a_body_that_is_no_json_says_so_once_and_where() {
    let expectation = Expectation {
        json: vec![
            at("/a", JsonTest::Exists(true)),
            at("/b", JsonTest::Exists(false)),
        ],
        ..Expectation::default()
    };
    for (body, cut, wanted) in [
        ("", false, "200 OK; the body is empty, wanted JSON"),
        (
            "<html>\n\u{1b}[31m",
            false,
            "200 OK; the body is no JSON at line 1, column 1, it begins \"<html> [31m\"",
        ),
        (
            "{\"a\":1}x",
            false,
            "200 OK; the body is no JSON at line 1, column 8, it begins \"{\"a\":1}x\"",
        ),
        (
            "{\"a\":1}",
            true,
            "200 OK; the body is longer than 7 bytes, too long to be read as JSON",
        ),
    ] {
        let mut answer = response(200, body);
        answer.cut = cut;
        assert_eq!(expectation.judge(&answer), Err(wanted.to_owned()));
    }
    // Some servers put a byte order mark before it.
    assert_eq!(
        expectation.judge(&response(200, "\u{feff}{\"a\":1}")),
        Ok(())
    );
}

#[test]
fn a_body_is_shown_where_it_explains_and_never_where_that_was_forbidden() {
    let secretive = Expectation {
        status: vec![200..=200],
        matches: vec![pattern("well")],
        shows_body: false,
        ..Expectation::default()
    };
    let missing = secretive.missing(&response(201, "token=canary"));
    assert_eq!(
        missing,
        ["201 Created, wanted 200", "the body does not match /well/"]
    );
    let no_json = Expectation {
        json: vec![at("/a", JsonTest::Exists(true))],
        ..secretive
    };
    let text = no_json.missing(&response(200, "canary")).join("; ");
    assert!(!text.contains("canary"), "{text}");

    let mut binary = response(500, "");
    binary.body = vec![0xff, 0xfe, 0x00];
    assert_eq!(
        Expectation::default().judge(&binary),
        Err("500 Internal Server Error, wanted 200-299".to_owned())
    );
}

#[test]
fn what_is_shown_of_an_answer_is_short_and_in_one_line() {
    let long = format!("{{\"a\":\"{}\\n\\u001b[31m\"}}", "x".repeat(50_000));
    let expectation = Expectation {
        json: vec![at("/a", JsonTest::Equals(json!("y")))],
        ..Expectation::default()
    };
    let text = expectation
        .judge(&response(200, &long))
        .expect_err("another value");
    assert!(text.chars().count() < 200, "{text}");
    let html = format!("<p>\r\n{}</p>", "\u{7}é".repeat(50_000));
    let text = Expectation::default()
        .judge(&response(404, &html))
        .expect_err("another status");
    assert!(text.chars().count() < 200, "{text}");
    assert!(!text.contains(char::is_control), "{text}");
}

#[test]
fn a_body_whose_end_was_not_read_or_not_shown_ends_with_the_sign_of_a_cut() {
    let mut answer = response(500, "token=CAN");
    answer.cut = true;
    assert_eq!(answer.beginning().as_deref(), Some("\"token=CAN…\""));
    let answer = response(500, &format!("{}token=CANARY", " ".repeat(1991)));
    assert_eq!(answer.beginning().as_deref(), Some("\"token=CAN…\""));
    let answer = response(500, "token=CANARY");
    assert_eq!(answer.beginning().as_deref(), Some("\"token=CANARY\""));
}

#[test]
fn a_part_of_a_body_proves_no_absence() {
    let mut answer = response(200, "all is well");
    answer.cut = true;
    let expectation = Expectation {
        matches: vec![pattern("sick")],
        lacks: vec![pattern("error")],
        shows_body: false,
        ..Expectation::default()
    };
    assert_eq!(
        expectation.missing(&answer),
        [
            "the body does not match /sick/ in its first 11 bytes",
            "the body may match /error/ after its first 11 bytes"
        ]
    );
}

#[test]
fn a_pointer_that_is_none_is_refused() {
    for (text, error) in [
        ("status", PointerError::NoSlash),
        ("$.status", PointerError::NoSlash),
        ("/a~", PointerError::Tilde),
        ("/a~2", PointerError::Tilde),
    ] {
        assert_eq!(Pointer::new(text), Err(error), "{text}");
    }
    for text in ["", "/", "/a~0~1b", "/a//b"] {
        assert!(Pointer::new(text).is_ok(), "{text}");
    }
}

#[test]
fn a_pattern_captures_its_first_group_or_all_of_it() {
    assert_eq!(pattern("id=([0-9]+)").capture("x id=42;"), Some("42"));
    assert_eq!(pattern("id=[0-9]+").capture("x id=42;"), Some("id=42"));
    assert_eq!(pattern("id=(a)|b").capture("b"), None);
    let error = Pattern::new("(a").expect_err("no pattern");
    assert!(
        error.to_string().starts_with("read a regular expression: "),
        "{error}"
    );
}

#[test]
fn a_pattern_whose_repetitions_multiply_is_refused_and_a_usual_one_is_not() {
    for text in ["(a?){500}(a{1,100}){100}b", "(a{1,50}){50}b", ".{0,60000}"] {
        let error = Pattern::new(text).expect_err(text);
        assert!(error.detail.starts_with("it is too large"), "{error}");
    }
    for text in [
        "^[0-9a-f]{64}$",
        "(?s)begin.{0,300}end",
        r"(?i)^(\w{1,63}\.){1,8}example\.com$",
        "(error|fatal|panic|stack trace|exception|timeout|refused|unavailable)",
    ] {
        Pattern::new(text).expect(text);
    }
}

#[test]
fn a_number_too_large_for_any_type_leaves_the_rest_to_be_read() {
    let body = r#"{"n":1e400,"a":[-2E+999 ,"1e400 \" 1e400"],"status":"up","m":12}"#;
    let expectation = Expectation {
        json: vec![
            at("/status", JsonTest::Equals(json!("up"))),
            at("/m", JsonTest::Equals(json!(12))),
            at("/a/1", JsonTest::Equals(json!("1e400 \" 1e400"))),
            at("/n", JsonTest::Type(JsonType::Number)),
            at(
                "/n",
                JsonTest::Number(Comparison {
                    relation: Relation::Greater,
                    with: 1e300,
                }),
            ),
            at(
                "/a/0",
                JsonTest::Number(Comparison {
                    relation: Relation::Less,
                    with: -1e300,
                }),
            ),
        ],
        ..Expectation::default()
    };
    assert_eq!(expectation.judge(&response(200, body)), Ok(()));
    assert_eq!(
        expectation.judge(&response(200, "{\"n\":1e400,}")),
        Err(
            "200 OK; the body is no JSON at line 1, column 12, it begins \"{\"n\":1e400,}\""
                .to_owned()
        )
    );
}

#[test]
fn a_pattern_is_of_ascii_and_its_ends_are_those_of_the_text() {
    for (text, body, matches) in [
        (r"^\w+$", "abc_9", true),
        (r"^\w+$", "é", false),
        (r"^\d$", "٣", false),
        ("(?i)HEALTHY", "healthy", true),
        ("(?i)É", "é", false),
        ("^b", "a\nb", false),
        ("(?m)^b", "a\nb", true),
        ("a.b", "a\nb", false),
        ("(?s)a.b", "a\nb", true),
    ] {
        assert_eq!(pattern(text).is_match(body), matches, "{text} {body}");
    }
    for text in ["(?=a)", r"(a)\1"] {
        assert!(Pattern::new(text).is_err(), "{text}");
    }
}
