//! A secret that its target repeats stands in nothing that the program writes, wherever the text that repeats it is cut.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    process::Command,
};

use test_servers::Redis;

/// No four letters of it stand in any other word.
const CANARY: &str = "QZJXKVWYQBGHXMTJ";
/// The base64 of `usr:` and the canary.
const BASIC: &str = "dXNyOlFaSlhLVldZUUJHSFhNVEo=";
/// Written into the query of an address.
const LITERAL: &str = "WQXZ7KJV3BZQ";

/// Answers each request to `/N/text` with N times `x`, `text`, and more; N letters in all where the path ends with `!`.
fn server() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(count) if count > 0 => request.extend_from_slice(&buffer[..count]),
                    _ => break,
                }
            }
            let request = String::from_utf8_lossy(&request);
            let path = request.split(' ').nth(1).unwrap_or_default();
            let mut parts = path.split(['/', '?']).skip(1);
            let pad = parts.next().unwrap_or_default().parse().unwrap_or(0);
            let said = match parts.next() {
                Some("basic") => BASIC,
                Some("query") => LITERAL,
                _ => CANARY,
            };
            let body = format!("{}{said} and more", "x".repeat(pad));
            let _gone = write!(
                stream,
                "HTTP/1.1 500 No\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    port
}

/// Says half of the canary, and keeps the connection.
fn half() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let _gone = stream.write_all(&CANARY.as_bytes()[..8]);
            open.push(stream);
        }
    });
    port
}

/// Every file that the program writes, and its log, after judging `gates` once.
fn written(gates: &str) -> Vec<(&'static str, String)> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("gates.yml"), gates).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_health-gates"))
        .args([
            "--gates",
            "gates.yml",
            "--report",
            "report.json",
            "--junit",
            "junit.xml",
        ])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TMPDIR", folder.path())
        .env("GITHUB_STEP_SUMMARY", path("summary.md"))
        .env("GITHUB_OUTPUT", path("output"))
        .env("API_TOKEN", CANARY)
        .output()
        .unwrap();
    let read = |name: &str| {
        fs::read_to_string(path(name)).unwrap_or_else(|_| panic!("{name}: {output:?}"))
    };
    vec![
        (
            "the log",
            String::from_utf8_lossy(&output.stdout).into_owned(),
        ),
        (
            "the errors",
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ),
        ("the report", read("report.json")),
        ("the JUnit report", read("junit.xml")),
        ("the summary", read("summary.md")),
        ("the outputs", read("output")),
    ]
}

/// Judges `gates`: no four letters of a secret are written anywhere, and each gate has seen one, which was masked.
fn shows_nothing(gates: &str) {
    let written = written(gates);
    for (what, text) in &written {
        for secret in [CANARY, BASIC, LITERAL] {
            for at in 0..=secret.len() - 4 {
                let part = &secret[at..at + 4];
                assert!(
                    !text.contains(part),
                    "{part} of {secret} in {what}:\n{text}"
                );
            }
        }
    }
    let report: serde_json::Value = serde_json::from_str(&written[2].1).unwrap();
    for gate in report["gates"].as_array().unwrap() {
        assert!(gate["seen"].as_str().unwrap().contains("***"), "{gate:#}");
    }
}

#[test]
fn a_body_that_repeats_a_secret_shows_no_part_of_it_wherever_it_is_cut() {
    let port = server();
    let mut gates = String::new();
    for pad in 80..=97 {
        gates += &format!(
            "- {{name: a{pad}, max-tries: 1, http: {{url: 'http://127.0.0.1:{port}/{pad}/', bearer-token: '${{API_TOKEN}}'}}}}\n"
        );
    }
    for most in 23..=40 {
        gates += &format!(
            "- {{name: b{most}, max-tries: 1, http: {{url: 'http://127.0.0.1:{port}/20/', max-body: {most}}}}}\n"
        );
    }
    shows_nothing(&gates);
}

#[test]
fn an_address_and_a_log_in_that_are_repeated_show_no_part_of_their_secrets() {
    let at = format!("127.0.0.1:{}", server());
    let query = format!("tok={LITERAL}");
    // Each by itself: what one teaches would hide the other's.
    for http in [
        format!(
            "{{url: 'http://{at}/PAD/basic', basic-auth: {{user: usr, password: '${{API_TOKEN}}'}}}}"
        ),
        format!("http://usr:${{API_TOKEN}}@{at}/PAD/basic"),
        format!("http://{at}/PAD/query?{query}"),
    ] {
        let gates: String = [0, 75, 80, 90, 95]
            .map(|pad| {
                let http = http.replace("PAD", &pad.to_string());
                format!("- name: g{pad}\n  max-tries: 1\n  http: {http}\n")
            })
            .concat();
        shows_nothing(&gates);
    }
    shows_nothing(&format!(
        "- name: flow\n  max-tries: 1\n  flow:\n    base-url: http://{at}\n    steps:\n    - url: /90/basic\n      \
         basic-auth: {{user: usr, password: '${{API_TOKEN}}'}}\n"
    ));
}

#[test]
fn a_command_that_prints_a_secret_shows_no_part_of_it_wherever_its_output_is_cut() {
    let mut gates = String::new();
    let gate = |name: String, run: &str, more: &str| {
        format!(
            "- name: {name}\n  max-tries: 1\n  {more}\n  command:\n    env: {{API_TOKEN: '${{API_TOKEN}}'}}\n    run: {run}; exit 1\n"
        )
    };
    for pad in (186..=196).step_by(2) {
        gates += &gate(
            format!("line{pad}"),
            &format!("printf %{pad}s$API_TOKEN-and-more | tr ' ' x"),
            "",
        );
    }
    // The last 2 KiB begin in the middle of it.
    for pad in (2034..=2044).step_by(2) {
        gates += &gate(
            format!("tail{pad}"),
            &format!("printf %300s$API_TOKEN%{pad}s | tr ' ' x"),
            "",
        );
    }
    gates += &gate(
        "killed".to_owned(),
        "printf ${API_TOKEN:0:9}; sleep 60",
        "try-timeout: 1s",
    );
    shows_nothing(&gates);
}

#[test]
fn a_command_that_prints_a_secret_of_the_step_shows_no_part_of_it_although_the_file_does_not_name_it()
 {
    shows_nothing(
        "- {name: whole, max-tries: 1, command: 'echo $API_TOKEN; exit 1'}\n\
         - {name: cut, max-tries: 1, command: 'printf %190s$API_TOKEN | tr \" \" x; exit 1'}\n",
    );
}

#[test]
fn an_answer_of_another_protocol_shows_no_part_of_a_secret_wherever_it_is_cut() {
    let redis = Redis::start();
    let port = redis.port;
    let mut gates = String::new();
    for pad in (186..=196).step_by(2) {
        let text = "x".repeat(pad);
        gates += &format!(
            "- name: redis{pad}\n  max-tries: 1\n  redis: {{url: '127.0.0.1:{port}', command: [ECHO, '{text}${{API_TOKEN}}and more'], value: other}}\n"
        );
    }
    gates += &format!(
        "- name: half\n  max-tries: 1\n  try-timeout: 1s\n  tcp: {{address: '127.0.0.1:{}', expect: other}}\n",
        half()
    );
    shows_nothing(&gates);
}
