//! The page on the kind is what the kind does.

use std::{path::Path, time::Duration};

use gates::{Gate, file};
use probes::Answer;
use rcgen::{CertificateParams, KeyPair};
use tokio::time::Instant;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, bearer_token, body_json, method, path},
};

use super::around;

const PAGE: &str = include_str!("../../../../docs/gates/http.md");

/// The page's examples.
fn examples() -> Vec<&'static str> {
    PAGE.split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("an example"))
        .collect()
}

fn gates(text: &str, workspace: &Path) -> Vec<Gate> {
    file::read(text, &around(workspace)).unwrap_or_else(|problems| panic!("{text}{problems:#?}"))
}

/// `text` with every address's server replaced by `server`.
fn moved(text: &str, server: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        match line.split_once("://") {
            Some((before, behind)) => {
                let key = before.trim_end_matches("https").trim_end_matches("http");
                let path = behind.split_once('/').map_or("", |(_, path)| path);
                lines.push(format!("{key}{server}/{path}"));
            }
            None => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

fn with_files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let tls = folder.path().join("tls");
    std::fs::create_dir(&tls).expect("a folder");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(["a.example".to_owned()])
        .expect("a name")
        .self_signed(&key)
        .expect("a certificate");
    for (name, text) in [
        ("internal-ca.pem", certificate.pem()),
        ("runner.pem", certificate.pem()),
        ("runner.key", key.serialize_pem()),
    ] {
        std::fs::write(tls.join(name), text).expect("a file");
    }
    folder
}

#[tokio::test]
async fn every_example_is_taken_as_it_stands_and_passes_where_the_server_answers_so() {
    let server = MockServer::start().await;
    let json = |body| ResponseTemplate::new(200).set_body_json(body);
    for (place, answer) in [
        ("/health", json(serde_json::json!({"status": "healthy"}))),
        ("/actuator/health", json(serde_json::json!({"status": "UP"}))),
        (
            "/api/health",
            json(serde_json::json!({"status": "degraded", "queue": {"length": 3}})),
        ),
        (
            "/",
            ResponseTemplate::new(200).set_body_raw("<div id=\"app\"></div>", "text/html"),
        ),
        (
            "/realms/main/protocol/saml/descriptor",
            ResponseTemplate::new(200).set_body_string(
                "<md:EntityDescriptor xmlns:md=\"urn\"><md:SingleSignOnService/></md:EntityDescriptor>",
            ),
        ),
    ] {
        Mock::given(path(place))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    Mock::given(method("POST"))
        .and(path("/api/search"))
        .and(bearer_token("canary-t0k%n@/"))
        .and(body_json(
            serde_json::json!({"customer": "smoke-test", "limit": 1}),
        ))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let folder = with_files();
    let mut asked = 0;
    for text in examples() {
        let as_written = gates(text, folder.path());
        let here = gates(&moved(text, &server.uri()), folder.path());
        assert_eq!(as_written.len(), here.len(), "{text}");
        for gate in here {
            let seen = gate
                .probe
                .check(Instant::now() + Duration::from_secs(5))
                .await;
            assert_eq!(seen.answer, Answer::Pass, "{text}{}", seen.seen);
            asked += 1;
        }
    }
    assert_eq!(asked, 8);

    let lost = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_string("lost"))
        .mount(&lost)
        .await;
    let mut failed = Vec::new();
    for text in examples() {
        for gate in gates(&moved(text, &lost.uri()), folder.path()) {
            let seen = gate
                .probe
                .check(Instant::now() + Duration::from_secs(5))
                .await;
            if seen.answer == Answer::Fail {
                failed.push(gate.name);
            }
        }
    }
    assert_eq!(
        failed,
        [
            "api",
            "courses",
            "front-end",
            "front-end-api",
            "identity-provider"
        ]
    );
}

#[tokio::test]
async fn what_the_page_says_is_seen_is_seen() {
    let server = MockServer::start().await;
    for (place, template) in [
        ("/up", ResponseTemplate::new(200)),
        (
            "/starting",
            ResponseTemplate::new(503).set_body_string("starting"),
        ),
        (
            "/json",
            ResponseTemplate::new(200).set_body_json(serde_json::json!({"status": "starting"})),
        ),
        (
            "/login",
            ResponseTemplate::new(302).insert_header("location", "/login"),
        ),
    ] {
        Mock::given(path(place))
            .respond_with(template)
            .mount(&server)
            .await;
    }
    let closed = test_servers::free_port();
    for (http, alike) in [
        ("URI/up".to_owned(), "web.internal"),
        (
            "{url: URI/starting, status: 200}".to_owned(),
            "web.internal",
        ),
        (
            "{url: URI/json, json: {/status: healthy}}".to_owned(),
            "web.internal",
        ),
        ("{url: URI/login, redirects: 5}".to_owned(), "web.internal"),
        (format!("http://127.0.0.1:{closed}/"), "127.0.0.1:8080"),
    ] {
        let text = format!("- {{name: web, http: {http}}}").replace("URI", &server.uri());
        let seen = gates(&text, Path::new("/nowhere"))[0]
            .probe
            .check(Instant::now() + Duration::from_secs(5))
            .await
            .seen
            .replace(&server.address().to_string(), alike)
            .replace(&format!("127.0.0.1:{closed}"), alike);
        assert!(PAGE.contains(&format!("| `{seen}` |")), "{seen}");
    }
}
