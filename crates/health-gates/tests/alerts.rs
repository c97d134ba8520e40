//! Gates without a deployment wake a person themselves; and nothing about that changes the result.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, method, path},
};

/// A step in a run on GitHub, with one gate that fails at once.
struct Step {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Step {
    fn new(github: &MockServer) -> Step {
        let folder = tempfile::tempdir().unwrap();
        let temp = folder.path().to_str().unwrap().to_owned();
        let variables = [
            ("RUNNER_TEMP", temp.as_str()),
            ("GITHUB_WORKSPACE", &temp),
            ("GITHUB_STEP_SUMMARY", &format!("{temp}/summary.md")),
            ("GITHUB_OUTPUT", &format!("{temp}/output")),
            ("GITHUB_API_URL", &github.uri()),
            ("GITHUB_SERVER_URL", "https://github.example"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", "42"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_JOB", "smoke"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_ACTOR", "octocat"),
            ("INPUT_GITHUB_TOKEN", "ghs_canary7f3a91"),
            (
                "INPUT_GATES",
                "- {name: api, max-tries: 1, command: {run: 'echo no luck; exit 1'}}",
            ),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Step {
            folder,
            variables: variables.to_vec(),
        }
    }

    fn with(mut self, name: &str, value: &str) -> Step {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    async fn run(&self) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_health-gates"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs(self.variables.iter().cloned())
            .current_dir(self.folder.path());
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    fn summary(&self) -> String {
        fs::read_to_string(self.folder.path().join("summary.md")).unwrap()
    }

    fn outputs(&self) -> String {
        fs::read_to_string(self.folder.path().join("output")).unwrap()
    }
}

async fn answering(status: u16) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(status))
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn gates_alone_that_fail_tell_people_what_was_seen_and_show_that_they_did() {
    let github = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/repos/acme/shop/issues"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!([])))
        .mount(&github)
        .await;
    let issue = json!({"number": 7, "html_url": "https://github.example/acme/shop/issues/7",
        "labels": [{"name": "production-incident"}]});
    Mock::given(method("POST"))
        .and(path("/repos/acme/shop/issues"))
        .respond_with(ResponseTemplate::new(201).set_body_json(issue))
        .mount(&github)
        .await;
    let webhook = answering(200).await;
    let step = Step::new(&github)
        .with(
            "INPUT_WEBHOOK_URL",
            &format!("{}/canary7f3a91path", webhook.uri()),
        )
        .with("INPUT_INCIDENT_ISSUE", "true");
    let output = step.run().await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let body: Value = webhook.received_requests().await.unwrap()[0]
        .body_json()
        .unwrap();
    assert_eq!(body["failed_gates"][0]["name"], "api");
    let seen = body["failed_gates"][0]["seen"].as_str().unwrap();
    assert!(
        seen.contains("exit code 1") && seen.contains("no luck"),
        "{seen}"
    );
    assert_eq!(
        body["links"][0]["url"],
        "https://github.example/acme/shop/actions/runs/42"
    );
    assert_eq!(body["lock"], "acme/shop");
    assert_eq!(body["step"], "smoke/1: api");
    let requests = github.received_requests().await.unwrap();
    let opened: Value = requests.last().unwrap().body_json().unwrap();
    let text = opened["body"].as_str().unwrap();
    assert!(
        text.starts_with("<!-- baton:gates alone=acme/shop -->"),
        "{text}"
    );
    let summary = step.summary();
    assert!(
        summary.contains("✅ Alert: people were told by `webhook`: taken with 200 OK"),
        "{summary}"
    );
    assert!(
        summary.contains("people were told by `issue`: https://github.example/acme/shop/issues/7"),
        "{summary}"
    );
    assert!(
        !format!("{said}{summary}").contains("canary"),
        "{said}{summary}"
    );
}

#[tokio::test]
async fn gates_alone_that_fail_keep_their_result_where_nobody_can_be_told() {
    let github = answering(410).await;
    let webhook = answering(404).await;
    let step = Step::new(&github)
        .with("INPUT_WEBHOOK_URL", &webhook.uri())
        .with("INPUT_INCIDENT_ISSUE", "true");
    let output = step.run().await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(step.outputs().contains("fail"), "{}", step.outputs());
    for wanted in [
        "nobody was told by webhook, the result of the gates stands",
        "switch issues on",
    ] {
        assert!(said.contains(wanted), "{said}");
    }
    assert!(
        step.summary().contains("Alert: nobody was told by `issue`"),
        "{}",
        step.summary()
    );
}

#[tokio::test]
async fn gates_that_pass_or_bind_nobody_wake_nobody() {
    let webhook = answering(200).await;
    let step = Step::new(&webhook).with("INPUT_WEBHOOK_URL", &webhook.uri());
    let passing = step.with("INPUT_GATES", "- {name: api, command: {run: 'true'}}");
    assert_eq!(passing.run().await.status.code(), Some(0));
    let step = Step::new(&webhook).with("INPUT_WEBHOOK_URL", &webhook.uri());
    let dry = step.with("INPUT_DRY_RUN", "true");
    assert_eq!(dry.run().await.status.code(), Some(0));
    assert!(webhook.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn gates_of_a_deployment_leave_the_alert_to_the_verdict_and_say_so() {
    let github = answering(200).await;
    let step = Step::new(&github).with("INPUT_WEBHOOK_URL", &github.uri());
    let folder = step.folder.path().join("baton");
    fs::create_dir(&folder).unwrap();
    let left = json!({
        "schema": 1, "deployment_id": "acme/shop/42/1", "environment": "production", "candidate": 1,
        "candidates": 2, "role": "primary", "store": "git", "fencing_token": 7, "await_gates": true,
    });
    fs::write(folder.join("candidate.json"), left.to_string()).unwrap();
    // Without a git the store is out of reach at once.
    let bare = step.folder.path().to_str().unwrap().to_owned();
    let step = step
        .with("PATH", &bare)
        .with("INPUT_STORE", "git+https://127.0.0.1:1/x.git")
        .with("INPUT_ENVIRONMENT", "production");
    let output = step.run().await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(
        said.contains("in the mode `verdict` of runner-failover tells people"),
        "{said}"
    );
    assert!(github.received_requests().await.unwrap().is_empty());
}
