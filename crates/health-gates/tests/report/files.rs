//! The reports for programs.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::world::{blocked, failed, passed, report, stopped, unknown, warned};

/// What Python's own reader of XML makes of a document: the tree as JSON. It refuses what is not well-formed.
const READER: &str = r"
import json, sys, xml.etree.ElementTree as tree
def told(node):
    return {'tag': node.tag, 'attributes': node.attrib, 'text': node.text or '', 'below': [told(n) for n in node]}
json.dump(told(tree.fromstring(sys.stdin.buffer.read())), sys.stdout)
";

fn read_xml(xml: &str) -> Value {
    let mut python = Command::new("python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there: dist-scripts/bootstrap ansible brings it");
    python
        .stdin
        .take()
        .unwrap()
        .write_all(xml.as_bytes())
        .unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "a reader refuses:\n{xml}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_json_report_has_every_gate_in_the_order_of_the_file() {
    let report = report(vec![
        passed("front"),
        failed("api", "503 Service Unavailable, wanted 200"),
        blocked("courses", "api"),
    ]);
    let json = report.json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["result"], "fail");
    assert_eq!(json["failed"], json!(["api", "courses"]));
    assert_eq!(json["pending"], json!(["api"]));
    assert_eq!(
        json["gates"][1],
        json!({
            "name": "api", "kind": "http", "target": "GET http://api.internal/health", "required": true,
            "status": "fail", "end": "timed_out", "why": "failed: no pass within 5m", "blocked_by": null,
            "seen": "503 Service Unavailable, wanted 200", "tries": 34, "cut_off_ms": null, "queued_ms": 0,
            "began_ms": 0, "ended_ms": 300_000, "last_try_ms": 24,
            "history": [{"at_ms": 3, "answer": "fail", "seen": "503 Service Unavailable, wanted 200", "times": 34}],
        })
    );
    assert_eq!(json["gates"][2]["end"], "blocked");
    assert_eq!(json["gates"][2]["blocked_by"], "api");
    assert_eq!(json["gates"][2]["began_ms"], Value::Null);
    assert_eq!(
        json["about"],
        json!({
            "environment": "production", "deployment": "octo/shop/7/1", "candidate": 1, "version": "v2",
            "last_good_version": "v1", "runner": "runner-a", "started_at": "2026-11-21T08:35:00Z",
            "took_ms": 300_000, "dry_run": false,
        })
    );
    assert_eq!(
        json["alert"]["title"],
        "production: 1 of 3 health gates failed on runner-a: api; 1 was never asked: courses"
    );
}

#[test]
fn the_junit_report_is_read_by_a_parser_as_one_case_a_gate() {
    let xml = report(vec![
        passed("front"),
        failed("api", "503 Service Unavailable, wanted 200"),
        unknown("dns", "no resolver"),
        warned("search", "404"),
        blocked("courses", "api"),
        stopped("slow", "503"),
    ])
    .junit();
    let tree = read_xml(&xml);
    let suite = &tree["below"][0];
    for node in [&tree, suite] {
        for (name, count) in [
            ("tests", "6"),
            ("failures", "1"),
            ("errors", "1"),
            ("skipped", "3"),
            ("time", "300.000"),
        ] {
            assert_eq!(node["attributes"][name], count, "{name}");
        }
    }
    assert_eq!(suite["attributes"]["name"], "health-gates production");
    assert_eq!(suite["attributes"]["timestamp"], "2026-11-21T08:35:00Z");
    assert_eq!(suite["attributes"]["hostname"], "runner-a");
    let seen: Vec<(&str, &str)> = suite["below"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| {
            let tag = case["below"][0]["tag"].as_str().unwrap();
            (case["attributes"]["name"].as_str().unwrap(), tag)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("front", "system-out"),
            ("api", "failure"),
            ("dns", "error"),
            ("search", "skipped"),
            ("courses", "skipped"),
            ("slow", "skipped"),
        ]
    );
    let api = &suite["below"][1];
    assert_eq!(api["attributes"]["classname"], "health-gates.http");
    assert_eq!(api["attributes"]["time"], "300.000");
    assert_eq!(
        api["below"][0]["attributes"],
        json!({"message": "503 Service Unavailable, wanted 200; failed: no pass within 5m", "type": "timed_out"})
    );
    assert_eq!(
        api["below"][1]["text"],
        "GET http://api.internal/health, 34 tries\n3 ms: fail, 34 times: 503 Service Unavailable, wanted 200"
    );
}

#[test]
fn no_character_that_a_server_sends_breaks_the_xml() {
    let hostile: String = (0..=0x2ff_u32)
        .chain([
            0x2028, 0xd7ff, 0xe000, 0xfffd, 0xfffe, 0xffff, 0x1_f525, 0x10_ffff,
        ])
        .filter_map(char::from_u32)
        .collect();
    for seen in [
        hostile.as_str(),
        "]]>",
        "</system-out>",
        "<!--",
        "&#0;",
        "\"'\"",
        "\u{1b}[31mred",
    ] {
        let mut gate = failed(seen, seen);
        gate.target = seen.to_owned();
        let tree = read_xml(&report(vec![gate]).junit());
        let text = tree["below"][0]["below"][0]["below"][1]["text"]
            .as_str()
            .unwrap();
        assert!(text.contains("34 tries"), "{text}");
    }
    let tree = read_xml(&report(vec![failed("a<b>&\"c\"", "<&>")]).junit());
    let case = &tree["below"][0]["below"][0];
    assert_eq!(case["attributes"]["name"], "a<b>&\"c\"");
    assert!(
        case["below"][0]["attributes"]["message"]
            .as_str()
            .unwrap()
            .starts_with("<&>; ")
    );
}
