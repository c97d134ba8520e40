//! Requests and answers against GitHub's published description of its API.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use github::{Client, ClientOptions, Conclusion, Job, Status, Token};
use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

/// One operation of the description, cut out of it.
#[derive(Deserialize)]
struct Operation {
    method: String,
    path: String,
    parameters: Vec<Parameter>,
    statuses: Vec<String>,
    conclusions: Vec<Option<String>>,
    example: Value,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    r#in: String,
    required: bool,
    schema: Schema,
}

#[derive(Deserialize)]
struct Schema {
    r#type: String,
    #[serde(default)]
    r#enum: Vec<String>,
}

fn operation() -> Operation {
    serde_json::from_str(include_str!("description/list-jobs-for-workflow-run.json")).unwrap()
}

impl Parameter {
    fn allows(&self, value: &str) -> bool {
        let is_type = match self.schema.r#type.as_str() {
            "integer" => value.parse::<i64>().is_ok(),
            "string" => !value.is_empty(),
            other => panic!("the description says {other}"),
        };
        is_type
            && (self.schema.r#enum.is_empty()
                || self.schema.r#enum.iter().any(|allowed| allowed == value))
    }
}

#[tokio::test]
async fn every_request_is_one_that_the_description_allows() {
    let operation = operation();
    let server = MockServer::start().await;
    let full: Vec<Value> = (0..100).map(|id| json!({"id": id, "name": "n"})).collect();
    let rest = json!({"total_count": 101, "jobs": [{"id": 100, "name": "n"}]});
    Mock::given(any())
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({"total_count": 101, "jobs": full})),
        )
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json(rest))
        .mount(&server)
        .await;
    let options = ClientOptions {
        retry_wait: Duration::from_millis(1),
        ..ClientOptions::new(server.uri(), Token::new("ghs_x").unwrap())
    };
    Client::new(options)
        .unwrap()
        .run_jobs("octo-org", "octo.repo", 29_679_449)
        .await
        .unwrap();

    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.method.as_str(), operation.method);
        assert!(request.body.is_empty());
        let wanted: Vec<&str> = operation.path.split('/').collect();
        let sent: Vec<&str> = request.url.path().split('/').collect();
        assert_eq!(sent.len(), wanted.len(), "{}", request.url);
        for (wanted, sent) in wanted.iter().zip(&sent) {
            match wanted.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
                Some(name) => {
                    let parameter = operation
                        .parameters
                        .iter()
                        .find(|p| p.r#in == "path" && p.name == name)
                        .unwrap();
                    assert!(parameter.allows(sent), "{name}={sent}");
                }
                None => assert_eq!(wanted, sent),
            }
        }
        let query: Vec<(String, String)> = request.url.query_pairs().into_owned().collect();
        for (name, value) in &query {
            let parameter = operation
                .parameters
                .iter()
                .find(|p| p.r#in == "query" && p.name == *name);
            assert!(parameter.is_some_and(|p| p.allows(value)), "{name}={value}");
        }
        for parameter in operation
            .parameters
            .iter()
            .filter(|p| p.r#in == "query" && p.required)
        {
            assert!(
                query.iter().any(|(name, _)| *name == parameter.name),
                "{} is missing",
                parameter.name
            );
        }
    }
}

#[test]
fn the_descriptions_own_example_is_read() {
    let jobs: Vec<Job> = serde_json::from_value(operation().example["jobs"].clone()).unwrap();
    let job = &jobs[0];
    assert_eq!(
        (job.id, job.name.as_str(), job.status),
        (399_444_496, "build", Status::Completed)
    );
    assert_eq!(job.conclusion, Some(Conclusion::Success));
    assert_eq!(job.labels, ["self-hosted", "foo", "bar"]);
    assert_eq!(job.runner_name.as_deref(), Some("my runner"));
    assert!(job.started_at < job.completed_at);
}

#[test]
fn every_status_and_conclusion_of_the_description_is_known() {
    for status in operation().statuses {
        let read: Status = serde_json::from_value(json!(status)).unwrap();
        assert_ne!(read, Status::Unknown, "{status}");
    }
    for conclusion in operation().conclusions {
        let read: Option<Conclusion> = serde_json::from_value(json!(conclusion)).unwrap();
        assert_ne!(read, Some(Conclusion::Unknown), "{conclusion:?}");
    }
}
