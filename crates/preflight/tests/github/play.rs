//! A server that plays GitHub.

use std::time::Duration;

use github::{Client, ClientOptions, Token};
use preflight::{Finding, Status};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

pub(crate) const CANARY: &str = "ghs_canary7f3a91";
pub(crate) const REPO: &str = "/repos/octo/shop";

/// A GitHub that has what is put into it, and says 404 to the rest.
pub(crate) struct Play(pub(crate) MockServer);

impl Play {
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        let nothing = ResponseTemplate::new(404).set_body_json(json!({"message": "Not Found"}));
        Mock::given(method("GET"))
            .respond_with(nothing)
            .with_priority(9)
            .mount(&server)
            .await;
        Self(server)
    }

    pub(crate) async fn answers(self, at: &str, status: u16, body: Value) -> Self {
        let answer = ResponseTemplate::new(status)
            .insert_header("date", "Sat, 21 Nov 2026 12:00:00 GMT")
            .set_body_json(body);
        Mock::given(path(at))
            .respond_with(answer)
            .mount(&self.0)
            .await;
        self
    }

    /// An answer for what stands at `at` below the repository.
    pub(crate) async fn has(self, at: &str, body: Value) -> Self {
        self.answers(&format!("{REPO}{at}"), 200, body).await
    }

    /// Secrets with the day on which each was last changed, at noon.
    pub(crate) async fn secrets(self, at: &str, secrets: &[(&str, &str)]) -> Self {
        let list: Vec<Value> = secrets
            .iter()
            .map(|(name, day)| {
                json!({"name": name, "created_at": "2020-01-01T00:00:00Z", "updated_at": format!("{day}T12:00:00Z")})
            })
            .collect();
        let body = json!({"total_count": list.len(), "secrets": list});
        self.has(at, body).await
    }

    pub(crate) async fn runners(self, at: &str, runners: &[Value]) -> Self {
        let body = json!({"total_count": runners.len(), "runners": runners});
        self.answers(at, 200, body).await
    }

    pub(crate) fn client(&self) -> Client {
        client(&self.0.uri())
    }

    /// How many requests came.
    pub(crate) async fn asked(&self) -> usize {
        self.0.received_requests().await.unwrap().len()
    }
}

pub(crate) fn client(url: &str) -> Client {
    let options = ClientOptions {
        retry_wait: Duration::from_millis(1),
        ..ClientOptions::new(url, Token::new(CANARY).unwrap())
    };
    Client::new(options).unwrap()
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What a finding says of one subject.
pub(crate) fn part<'a>(finding: &'a Finding, subject: &str) -> (Status, &'a str) {
    let part = finding.parts.iter().find(|p| p.subject == subject);
    let part = part.unwrap_or_else(|| panic!("{subject} in {finding:?}"));
    (part.status, &part.seen)
}
