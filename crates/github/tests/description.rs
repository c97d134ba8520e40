//! Requests and answers against GitHub's published description of its API.
//!
//! `description/` holds one file an operation, cut out of the description by `description/cut-out.jq`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeMap, fmt::Debug, path::Path, time::Duration};

use chrono::{TimeZone, Utc};
use github::{
    BranchRule, Cancel, Client, ClientOptions, Conclusion, Created, GitHubError, IssueCreation,
    Job, MemberStatus, NewIssue, ProtectionRule, ReviewState, Reviewer, RunFilter, RunStatus,
    RunnerStatus, Status, Token,
};
use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

/// One operation of the description, cut out of it.
#[derive(Deserialize)]
struct Operation {
    operation: String,
    method: String,
    path: String,
    parameters: Vec<Parameter>,
    takes_body: bool,
    #[serde(default)]
    body: Body,
    responses: Vec<String>,
    enums: BTreeMap<String, Vec<String>>,
    example: Value,
}

/// What a request's body may hold.
#[derive(Default, Deserialize)]
struct Body {
    required: Vec<String>,
    members: BTreeMap<String, Member>,
}

#[derive(Deserialize)]
struct Member {
    types: Vec<String>,
    #[serde(default)]
    r#enum: Vec<String>,
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

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/description"))
}

fn operation(name: &str) -> Operation {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).expect(name);
    serde_json::from_str(&text).expect(name)
}

impl Parameter {
    fn allows(&self, value: &str) -> bool {
        let is_type = match self.schema.r#type.as_str() {
            "integer" => value.parse::<i64>().is_ok(),
            "boolean" => matches!(value, "true" | "false"),
            "string" => !value.is_empty(),
            other => panic!("the description says {other}"),
        };
        is_type
            && (self.schema.r#enum.is_empty()
                || self.schema.r#enum.iter().any(|allowed| allowed == value))
    }
}

impl Body {
    fn judge(&self, request: &Request) {
        assert_eq!(request.headers["content-type"], "application/json");
        let sent: serde_json::Map<String, Value> = request.body_json().unwrap();
        for name in &self.required {
            assert!(sent.contains_key(name), "{name} is missing");
        }
        for (name, value) in &sent {
            let member = self.members.get(name).expect(name);
            let of_type = match value {
                Value::String(_) => "string",
                Value::Array(_) => "array",
                other => panic!("{name} is {other}"),
            };
            assert!(member.types.iter().any(|t| t == of_type), "{name}: {value}");
            let allowed = |word: &str| member.r#enum.iter().any(|one| one == word);
            assert!(
                member.r#enum.is_empty() || value.as_str().is_some_and(allowed),
                "{name}: {value}"
            );
        }
    }
}

impl Operation {
    /// The key of the list in the answer, where the answer is a list in pages; empty for a bare array.
    fn list(&self) -> Option<&str> {
        let paged = |name: &str| {
            self.parameters
                .iter()
                .any(|p| p.r#in == "query" && p.name == name)
        };
        if !paged("page") && !paged("after") {
            return None;
        }
        match &self.example {
            Value::Array(_) => Some(""),
            Value::Object(object) => object
                .iter()
                .find(|(_, value)| value.is_array())
                .map(|(key, _)| key.as_str()),
            _ => None,
        }
    }

    fn success(&self) -> u16 {
        let good = self.responses.iter().find(|status| status.starts_with('2'));
        good.unwrap().parse().unwrap()
    }

    fn judge(&self, request: &Request) {
        let url = &request.url;
        assert_eq!(request.method.as_str(), self.method, "{url}");
        assert!(request.body.is_empty() || self.takes_body, "{url}");
        if self.takes_body {
            self.body.judge(request);
        }
        let wanted: Vec<&str> = self.path.split('/').collect();
        let sent: Vec<&str> = url.path().split('/').collect();
        assert_eq!(sent.len(), wanted.len(), "{url}");
        for (wanted, sent) in wanted.iter().zip(&sent) {
            match wanted.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
                Some(name) => {
                    let parameter = self.parameters.iter().find(|p| p.name == name).unwrap();
                    assert!(
                        parameter.r#in == "path" && parameter.allows(sent),
                        "{name}={sent}"
                    );
                }
                None => assert_eq!(wanted, sent, "{url}"),
            }
        }
        let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let of_query = || self.parameters.iter().filter(|p| p.r#in == "query");
        for (name, value) in &query {
            let parameter = of_query().find(|p| p.name == *name);
            assert!(
                parameter.is_some_and(|p| p.allows(value)),
                "{url}: {name}={value}"
            );
        }
        for parameter in of_query().filter(|p| p.required) {
            let given = query.iter().any(|(name, _)| *name == parameter.name);
            assert!(given, "{url}: {} is missing", parameter.name);
        }
    }
}

fn client(server: &MockServer) -> Client {
    let options = ClientOptions {
        retry_wait: Duration::from_millis(1),
        ..ClientOptions::new(server.uri(), Token::new("ghs_x").unwrap())
    };
    Client::new(options).unwrap()
}

/// Asks a server that answers with the description's own example; then, where that is a list, one that answers with a
/// full page and a last one. Every request is held against the description. Gives what the example was read as.
async fn held<T: Debug, F: AsyncFn(Client) -> Result<T, GitHubError>>(name: &str, ask: F) -> T {
    let operation = operation(name);
    assert_eq!(operation.operation.split('/').next_back(), Some(name));
    let server = MockServer::start().await;
    let example =
        ResponseTemplate::new(operation.success()).set_body_json(whole(&operation.example));
    Mock::given(any())
        .respond_with(example)
        .mount(&server)
        .await;
    let read = ask(client(&server)).await.expect(name);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1, "{name}");
    operation.judge(&requests[0]);

    if let Some(key) = operation.list() {
        let server = MockServer::start().await;
        let full = ResponseTemplate::new(200)
            .set_body_json(page(&operation, key, 0..100))
            .insert_header(
                "link",
                "<https://h/x?per_page=100&after=Y3Vy%3D>; rel=\"next\"",
            );
        Mock::given(any())
            .respond_with(full)
            .up_to_n_times(1)
            .mount(&server)
            .await;
        let last = ResponseTemplate::new(200).set_body_json(page(&operation, key, 100..101));
        Mock::given(any()).respond_with(last).mount(&server).await;
        let read = ask(client(&server)).await.expect(name);
        assert!(!format!("{read:?}").is_empty());
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.len(), 2, "{name}");
        for request in &requests {
            operation.judge(request);
        }
        let second: BTreeMap<_, _> = requests[1].url.query_pairs().into_owned().collect();
        let further = second.get("page").map(String::as_str) == Some("2")
            || second.get("after").map(String::as_str) == Some("Y3Vy=");
        assert!(further, "{}", requests[1].url);
    }
    read
}

/// Some examples show fewer elements than their `total_count` says.
fn whole(example: &Value) -> Value {
    let mut example = example.clone();
    if let Some(object) = example.as_object_mut() {
        let length = object.values().find_map(|v| v.as_array().map(Vec::len));
        if let (Some(length), Some(total)) = (length, object.get_mut("total_count")) {
            *total = json!(length);
        }
    }
    example
}

/// A page of a list of 101, made of the example's first element.
fn page(operation: &Operation, key: &str, numbers: std::ops::Range<u64>) -> Value {
    let element = if key.is_empty() {
        &operation.example[0]
    } else {
        &operation.example[key][0]
    };
    let elements: Vec<Value> = numbers
        .map(|number| {
            let mut element = element.clone();
            for (key, value) in [("id", json!(number)), ("name", json!(format!("N{number}")))] {
                if element.get(key).is_some() {
                    element[key] = value;
                }
            }
            if element.get("group_name").is_some() {
                element["group_name"] = json!(format!("group {number}"));
            }
            element
        })
        .collect();
    if key.is_empty() {
        json!(elements)
    } else {
        json!({"total_count": 101, key: elements})
    }
}

#[tokio::test]
async fn questions_about_runners_and_their_examples_are_the_descriptions() {
    let runners = held("list-self-hosted-runners-for-repo", async |c: Client| {
        c.repository_runners("octo-org", "octo.repo", Some("linux_runner"))
            .await
    })
    .await;
    let one = &runners[0];
    assert_eq!(
        (one.id, one.name.as_str(), one.status, one.busy),
        (23, "linux_runner", RunnerStatus::Online, true)
    );
    assert_eq!(one.os.as_deref(), Some("linux"));
    assert_eq!(one.labels, ["self-hosted", "X64", "Linux"]);
    let wanted = ["LINUX".to_owned(), "x64".to_owned(), "gpu".to_owned()];
    assert_eq!(one.lacks(&wanted), ["gpu"]);
    assert_eq!(runners[1].status, RunnerStatus::Offline);

    let runners = held("list-self-hosted-runners-for-org", async |c: Client| {
        c.organisation_runners("octo-org", Some("a&b=c d")).await
    })
    .await;
    assert_eq!(runners.len(), 2);
    let groups = held(
        "list-self-hosted-runner-groups-for-org",
        async |c: Client| c.runner_groups("octo-org").await,
    )
    .await;
    assert_eq!(
        (groups[0].id, groups[0].name.as_str(), groups[0].default),
        (1, "Default", true)
    );
    let runners = held(
        "list-self-hosted-runners-in-group-for-org",
        async |c: Client| c.group_runners("octo-org", 2).await,
    )
    .await;
    assert_eq!(runners.len(), 2);
}

#[tokio::test]
async fn questions_about_runs_and_their_examples_are_the_descriptions() {
    let at = Utc.with_ymd_and_hms(2026, 11, 21, 8, 0, 0).unwrap();
    for status in RunStatus::ACTIVE.into_iter().chain([RunStatus::Requested]) {
        for created in [None, Some(Created::Since(at)), Some(Created::Until(at))] {
            let filter = RunFilter {
                status: Some(status),
                created,
            };
            let runs = held("list-workflow-runs-for-repo", async |c: Client| {
                c.runs("octo-org", "octo.repo", filter).await
            })
            .await;
            assert_eq!(runs[0].id, 30_433_642);
        }
    }
    let run = held("get-workflow-run", async |c: Client| {
        c.run("octo-org", "octo.repo", 30_433_642).await
    })
    .await;
    assert_eq!((run.run_number, run.status), (562, Status::Queued));
    assert_eq!(run.head_branch.as_deref(), Some("main"));
    assert_eq!(
        run.path.as_deref(),
        Some(".github/workflows/build.yml@main")
    );
    assert!(run.created_at.is_some() && run.run_started_at.is_some());
    let accepted = held("cancel-workflow-run", async |c: Client| {
        c.cancel_run("octo-org", "octo.repo", 42).await
    })
    .await;
    assert_eq!(accepted, Cancel::Accepted);
    let jobs = held("list-jobs-for-workflow-run", async |c: Client| {
        c.run_jobs("octo-org", "octo.repo", 29_679_449).await
    })
    .await;
    let job: &Job = &jobs[0];
    assert_eq!(
        (job.id, job.name.as_str(), job.status),
        (399_444_496, "build", Status::Completed)
    );
    assert_eq!(job.conclusion, Some(Conclusion::Success));
    assert_eq!(job.labels, ["self-hosted", "foo", "bar"]);
    assert_eq!(job.runner_name.as_deref(), Some("my runner"));
    assert!(job.started_at < job.completed_at);
}

#[tokio::test]
async fn questions_about_concurrency_groups_and_their_examples_are_the_descriptions() {
    let occupancy = held("get-concurrency-group-for-repository", async |c: Client| {
        c.occupancy("octo-org", "octo.repo", "deploy/a b#ü?").await
    })
    .await;
    let github::Occupancy::Group(group) = occupancy else {
        panic!("{occupancy:?}")
    };
    assert_eq!(group.name, "deploy-prod");
    let seen: Vec<_> = group.members.iter().map(|m| (m.run_id, m.status)).collect();
    assert_eq!(
        seen,
        [
            (30_433_642, MemberStatus::InProgress),
            (30_433_643, MemberStatus::Pending),
            (30_433_644, MemberStatus::Pending)
        ]
    );
    assert_eq!(group.members[2].job_name.as_deref(), Some("deploy"));
    let groups = held(
        "list-concurrency-groups-for-repository",
        async |c: Client| c.active_groups("octo-org", "octo.repo").await,
    )
    .await;
    assert_eq!(groups[0].name, "deploy-prod");
    assert!(groups[0].last_acquired_at.is_some());
}

#[tokio::test]
async fn questions_about_environments_and_their_examples_are_the_descriptions() {
    let reviews = held("get-reviews-for-run", async |c: Client| {
        c.reviews("octo-org", "octo.repo", 42).await
    })
    .await;
    assert_eq!(
        (reviews[0].state, reviews[0].comment.as_str()),
        (ReviewState::Approved, "Ship it!")
    );
    assert_eq!(reviews[0].user, "octocat");
    assert_eq!(reviews[0].environments, ["staging"]);
    let both = vec![
        Reviewer::User("octocat".to_owned()),
        Reviewer::Team("justice-league".to_owned()),
    ];
    let pending = held("get-pending-deployments-for-run", async |c: Client| {
        c.pending_deployments("octo-org", "octo.repo", 42).await
    })
    .await;
    assert_eq!(
        (pending[0].environment.as_str(), pending[0].wait_timer),
        ("staging", 30)
    );
    assert!(pending[0].current_user_can_approve && pending[0].wait_timer_started_at.is_some());
    assert_eq!(pending[0].reviewers, both);
    let environment = held("get-environment", async |c: Client| {
        c.environment("octo-org", "octo.repo", "eu/production")
            .await
    })
    .await;
    assert_eq!(
        environment.protection_rules,
        [
            ProtectionRule::WaitTimer { minutes: 30 },
            ProtectionRule::RequiredReviewers {
                reviewers: both,
                prevent_self_review: false
            },
            ProtectionRule::BranchPolicy,
        ]
    );
    let deployments = held("list-deployments", async |c: Client| {
        c.deployments("octo-org", "octo.repo", "eu/production", "a84d88e7")
            .await
    })
    .await;
    assert_eq!(deployments[0].id, 1);
    assert!(deployments[0].created_at.is_some() && deployments[0].updated_at.is_some());
}

#[tokio::test]
async fn questions_about_branches_and_their_examples_are_the_descriptions() {
    let rules = held("get-branch-rules", async |c: Client| {
        c.branch_rules("octo-org", "octo.repo", "release/1.2").await
    })
    .await;
    assert_eq!(
        rules[0],
        BranchRule::Other("commit_message_pattern".to_owned())
    );
    let branch = held("get-branch", async |c: Client| {
        c.branch("octo-org", "octo.repo", "release/1.2").await
    })
    .await;
    assert_eq!((branch.name.as_str(), branch.protected), ("main", false));
    let protection = held("get-branch-protection", async |c: Client| {
        c.branch_protection("octo-org", "octo.repo", "release/1.2")
            .await
    })
    .await
    .unwrap();
    assert_eq!(protection.required_approving_review_count, 2);
    assert_eq!(
        protection.status_checks,
        ["continuous-integration/travis-ci"]
    );
    assert!(protection.enforce_admins);
    assert!(protection.allow_force_pushes && protection.allow_deletions);
}

#[tokio::test]
async fn questions_about_secrets_and_their_examples_are_the_descriptions() {
    let of_environment = held("list-environment-secrets", async |c: Client| {
        c.environment_secrets("octo-org", "octo.repo", "eu/production")
            .await
    })
    .await;
    let of_repository = held("list-repo-secrets", async |c: Client| {
        c.repository_secrets("octo-org", "octo.repo").await
    })
    .await;
    let of_organisation = held("list-repo-organization-secrets", async |c: Client| {
        c.organisation_secrets("octo-org", "octo.repo").await
    })
    .await;
    for secrets in [of_environment, of_repository, of_organisation] {
        assert_eq!(secrets[0].name, "GH_TOKEN");
        assert!(secrets[0].created_at < secrets[0].updated_at);
    }
}

#[tokio::test]
async fn questions_about_issues_and_their_examples_are_the_descriptions() {
    let open = held("list-for-repo", async |c: Client| {
        c.open_issues("octo-org", "octo.repo", "a label").await
    })
    .await;
    assert_eq!((open[0].number, open[0].open), (1347, true));
    assert_eq!(open[0].body, "I'm having a problem with this.");
    assert_eq!(open[0].labels, ["bug"]);
    assert_eq!(open[0].assignees, ["octocat"]);
    assert!(open[0].is_pull_request, "the example is one");
    let new = NewIssue {
        title: "Found a bug".to_owned(),
        body: "text".to_owned(),
        labels: vec!["bug".to_owned()],
        assignees: vec!["octocat".to_owned()],
    };
    let made = held("create", async |c: Client| {
        c.create_issue("octo-org", "octo.repo", &new).await
    })
    .await;
    let IssueCreation::Created(issue) = made else {
        panic!("{made:?}")
    };
    assert!(issue.html_url.ends_with("/issues/1347"));
    let comments = held("list-comments", async |c: Client| {
        c.issue_comments("octo-org", "octo.repo", 1347).await
    })
    .await;
    assert_eq!(comments[0].body, "Me too");
    let comment = held("create-comment", async |c: Client| {
        c.comment_on_issue("octo-org", "octo.repo", 1347, "Me too")
            .await
    })
    .await;
    assert_eq!((comment.id, comment.body.as_str()), (1, "Me too"));
    assert!(comment.html_url.ends_with("#issuecomment-1"));
    let closed = held("update", async |c: Client| {
        c.close_issue("octo-org", "octo.repo", 1347).await
    })
    .await;
    assert_eq!(closed.number, 1347);
}

/// The list that a new question has to be added to, so that it is held against the description too.
#[test]
fn every_question_of_the_client_has_its_operation_and_its_test() {
    let tests = include_str!("description.rs");
    let mut files = 0;
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|e| e == "json") {
            files += 1;
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(tests.contains(&format!("\"{name}\"")), "{name} is not held");
        }
    }
    // Questions that are made of others.
    let composed = ["active_runs", "queue"];
    let mut questions = 0;
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for part in text.split("pub async fn ").skip(1) {
            let name = part.split('(').next().unwrap();
            if !composed.contains(&name) {
                questions += 1;
                assert!(tests.contains(&format!(".{name}(")), "{name} is not asked");
            }
        }
    }
    assert_eq!(files, questions);
}

#[test]
fn every_value_that_the_description_gives_is_known() {
    fn known<T: for<'de> Deserialize<'de> + PartialEq + Debug>(
        (name, path): (&str, &str),
        unknown: T,
    ) {
        let values = &operation(name).enums[path];
        assert!(!values.is_empty());
        for value in values {
            let read: T = serde_json::from_value(json!(value)).unwrap();
            assert_ne!(read, unknown, "{value}");
        }
    }
    let jobs = "list-jobs-for-workflow-run";
    known((jobs, ".jobs[].status"), Status::Unknown);
    known((jobs, ".jobs[].conclusion"), Conclusion::Unknown);
    let group = "get-concurrency-group-for-repository";
    known((group, ".group_members[].status"), MemberStatus::Unknown);
    known(("get-reviews-for-run", "[].state"), ReviewState::Unknown);
    let types = &operation("get-branch-rules").enums["[].type"];
    for ours in [
        "pull_request",
        "required_status_checks",
        "non_fast_forward",
        "deletion",
    ] {
        assert!(types.iter().any(|t| t == ours), "{ours}");
        let rule: BranchRule = serde_json::from_value(json!({"type": ours})).unwrap();
        assert!(!matches!(rule, BranchRule::Other(_)), "{ours}");
    }
    let reviewers = &operation("get-environment").enums[".protection_rules[].reviewers[].type"];
    assert_eq!(*reviewers, ["Team", "User"]);
}
