//! What a writer of a gate can get wrong.

use std::path::Path;

use gates::{Problem, file};

use super::{around, read};

/// What is wrong with the gate of kind `http` with `keys`.
fn problems(keys: &str) -> Vec<Problem> {
    let text = format!("- name: api\n  http:\n    url: http://a.example/\n{keys}");
    read(&text).expect_err(&text)
}

#[test]
fn each_value_that_cannot_be_is_told_with_its_line_and_a_mend() {
    for (key, rest, seen, mend) in [
        ("method", "get", "`get`", "write `GET`"),
        ("method", "'G T'", "`G T`", "another one word"),
        ("status", "999", "`999`", "`200-204`"),
        ("status", "204-200", "`204-200`", "`2xx`"),
        ("status", "[200, 6xx]", "`6xx`", "`2xx`"),
        ("json", "{status: up}", "`status`", "write `/status`"),
        ("json", "{$.a.b: up}", "`$.a.b`", "write `/a/b`"),
        ("json", "{/a~b: up}", "`/a~b`", "`~0`"),
        (
            "json",
            "{/a: {is: up}}",
            "`is: \"up\"` at `/a`",
            "mend the test",
        ),
        (
            "json",
            "{/a: {'>': x}}",
            "`>: \"x\"` at `/a`",
            "mend the test",
        ),
        (
            "json",
            "{/a: {type: text}}",
            "`type: \"text\"` at `/a`",
            "mend",
        ),
        ("json", "{/a: {length: {}}}", "`length: {}` at `/a`", "mend"),
        ("json", "{/a: {}}", "an empty mapping at `/a`", "mend"),
        ("json", "{/a: {matches: '('}}", "`(`: ", "single quotes"),
        ("matches", "'a(b'", "`a(b`: ", "single quotes"),
        ("lacks", "['*']", "`*`: ", "single quotes"),
        (
            "matches",
            "'(a?){500}(a{1,100}){100}b'",
            "it is too large",
            "mend",
        ),
        (
            "max-latency",
            "0s",
            "0s, which no answer keeps",
            "leave it out",
        ),
        (
            "headers",
            "{X Key: a}",
            "`X Key` as a name",
            "without spaces",
        ),
        (
            "headers",
            "{X-Key: \"a\\n\"}",
            "`X-Key` with a value",
            "line breaks",
        ),
        (
            "response-headers",
            "{X Key: a}",
            "`X Key` as a name",
            "without spaces",
        ),
        (
            "response-headers",
            "{X-Key: {has: a}}",
            "`has` at `X-Key`",
            "one of these",
        ),
        ("ca-file", "none.pem", "none.pem", "starts in the workspace"),
        (
            "client-cert",
            "a.pem",
            "no `client-key`",
            "add `client-key`",
        ),
        (
            "client-key",
            "a.pem",
            "no `client-cert`",
            "add `client-cert`",
        ),
        (
            "resolve",
            "{'a:443': 192.0.2.7}",
            "`a:443`",
            "shop.example.com",
        ),
        (
            "resolve",
            "{a: '192.0.2.7:80'}",
            "no address",
            "port is that",
        ),
        ("bearer-token", "\"a\\nb\"", "no header can carry", "one"),
    ] {
        let found = problems(&format!("    {key}: {rest}\n"));
        let [problem] = found.as_slice() else {
            panic!("{key}: {rest}: {found:#?}")
        };
        assert_eq!(problem.line, Some(4), "{problem:#?}");
        assert_eq!(problem.place, format!("gate api, http, `{key}`"));
        assert!(problem.seen.contains(seen), "{problem:#?}");
        let mends = format!("{} {}", problem.wanted, problem.mend);
        assert!(mends.contains(mend), "{problem:#?}");
    }
}

#[test]
fn keys_that_contradict_each_other_are_told() {
    for (keys, place, seen) in [
        (
            "body: x\n    json-body: {a: 1}",
            "json-body",
            "beside `body`",
        ),
        (
            "json-body: 1\n    form: {a: 1}",
            "form",
            "beside `json-body`",
        ),
        ("method: HEAD\n    json: {/a: 1}", "json", "`HEAD`"),
        ("method: HEAD\n    matches: x", "matches", "`HEAD`"),
        (
            "bearer-token: x\n    headers: {authorization: y}",
            "bearer-token",
            "a second authorization",
        ),
        (
            "bearer-token: x\n    basic-auth: {user: a, password: b}",
            "basic-auth",
            "a second authorization",
        ),
    ] {
        let found = problems(&format!("    {keys}\n"));
        let [problem] = found.as_slice() else {
            panic!("{keys}: {found:#?}")
        };
        assert_eq!(problem.place, format!("gate api, http, `{place}`"));
        assert!(problem.seen.contains(seen), "{problem:#?}");
    }
}

#[test]
fn a_missing_file_of_authorities_is_told_beside_the_key_that_contradicts_it() {
    let found = problems("    ca-file: a.pem\n    insecure-skip-verify: true\n");
    let told: Vec<_> = found
        .iter()
        .map(|problem| (problem.place.as_str(), problem.seen.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("gate api, http, `ca-file`", "`a.pem`: no such file"),
            (
                "gate api, http, `insecure-skip-verify`",
                "`true` beside `ca-file`"
            ),
        ]
    );
}

#[test]
fn all_of_a_gates_mistakes_are_told_at_once_and_no_secret_with_them() {
    let text = "- name: api\n  http:\n    url: ftp://me:canary@a/?k=canary\n    method: get\n    status: 999\n    json: {a: 1}\n    \
                headers: {X-Key: \"canary\\n\"}\n    ca-file: none.pem\n";
    let found = read(text).expect_err("mistakes");
    let lines: Vec<_> = found.iter().filter_map(|problem| problem.line).collect();
    for line in 4..=8 {
        assert!(lines.contains(&line), "{line}: {found:#?}");
    }
    assert!(!format!("{found:?}").contains("canary"), "{found:#?}");

    let found = read("- {name: api, http: 'ftp://me:canary@a/'}").expect_err("a mistake");
    assert_eq!(found[0].place, "gate api, http, `url`");
    assert!(!format!("{found:?}").contains("canary"), "{found:#?}");
}

#[test]
fn a_file_of_authorities_is_looked_for_in_the_workspace() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("tls")).expect("a folder");
    std::fs::write(folder.path().join("tls/ca.pem"), "none").expect("a file");
    let read = |text: &str| file::read(text, &around(folder.path()));
    let found = read("- {name: api, http: {url: 'https://a/', ca-file: tls/ca.pem}}")
        .expect_err("no certificate in it");
    // It was found, and read.
    assert_eq!(found[0].seen, "`tls/ca.pem`: there is no certificate in it");
    assert!(!Path::new("tls/ca.pem").exists());
}
