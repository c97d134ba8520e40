//! What stands in for GitHub: it keeps issues and comments, and can fail in ways that GitHub does.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// A repository `acme/shop`.
pub(crate) struct GitHub {
    pub(crate) server: MockServer,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    issues: Vec<Value>,
    comments: Vec<(u64, Value)>,
    /// For the next writes: whether each is carried out, and the status that is answered in its place.
    writes: Vec<(bool, u16)>,
    /// Every request is refused with this.
    refusal: Option<(u16, &'static str)>,
    /// Who cannot be assigned.
    stranger: Option<&'static str>,
    /// Labels are dropped without a word.
    drops_labels: bool,
    /// When the rate limit starts anew, in seconds since 1970-01-01 UTC.
    limited: Option<u64>,
    /// How long every answer takes.
    takes: Duration,
}

struct Answering(Arc<Mutex<State>>);

impl GitHub {
    pub(crate) async fn start() -> GitHub {
        let server = MockServer::start().await;
        let state = Arc::<Mutex<State>>::default();
        Mock::given(any())
            .respond_with(Answering(Arc::clone(&state)))
            .mount(&server)
            .await;
        GitHub { server, state }
    }

    /// The variables of a run there.
    pub(crate) fn variables<'a>(&self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let url: &'static str = self.server.uri().leak();
        let mut variables = vec![
            ("GITHUB_API_URL", url),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("INPUT_GITHUB_TOKEN", "ghs_canary7f3a91"),
        ];
        variables.extend(more);
        variables
    }

    pub(crate) fn refuses(&self, status: u16, words: &'static str) {
        self.state.lock().unwrap().refusal = Some((status, words));
    }

    /// The next write is answered with `status`, carried out or not.
    pub(crate) fn next_write(&self, carried_out: bool, status: u16) {
        self.state
            .lock()
            .unwrap()
            .writes
            .push((carried_out, status));
    }

    pub(crate) fn cannot_assign(&self, login: &'static str) {
        self.state.lock().unwrap().stranger = Some(login);
    }

    pub(crate) fn drops_labels(&self) {
        self.state.lock().unwrap().drops_labels = true;
    }

    pub(crate) fn limits_until(&self, at: u64) {
        self.state.lock().unwrap().limited = Some(at);
    }

    pub(crate) fn takes(&self, long: Duration) {
        self.state.lock().unwrap().takes = long;
    }

    pub(crate) fn issues(&self) -> Vec<Value> {
        self.state.lock().unwrap().issues.clone()
    }

    /// The texts of the comments on an issue.
    pub(crate) fn comments(&self, number: u64) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let of = state.comments.iter().filter(|(issue, _)| *issue == number);
        of.map(|(_, comment)| comment["body"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How many requests were writes.
    pub(crate) async fn writes(&self) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().filter(|r| r.method != "GET").count()
    }
}

impl Respond for Answering {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let takes = state.takes;
        state.respond(request).set_delay(takes)
    }
}

impl State {
    fn respond(&mut self, request: &Request) -> ResponseTemplate {
        let state = self;
        if let Some(at) = state.limited {
            return answer(403, json!({"message": "API rate limit exceeded"}))
                .insert_header("x-ratelimit-remaining", "0")
                .insert_header("x-ratelimit-reset", at.to_string());
        }
        if let Some((status, words)) = state.refusal {
            return answer(status, json!({"message": words}));
        }
        if request.method == "GET" {
            return answer(200, state.read(request));
        }
        let (carried_out, instead) = match state.writes.is_empty() {
            true => (true, None),
            false => {
                let (carried_out, status) = state.writes.remove(0);
                (carried_out, Some(status))
            }
        };
        let (status, made) = match carried_out {
            true => state.write(request),
            false => (500, Value::Null),
        };
        match instead {
            Some(status) => answer(
                status,
                json!({"message": "no", "errors": [{"field": "body", "code": "invalid"}]}),
            ),
            None => answer(status, made),
        }
    }

    fn read(&self, request: &Request) -> Value {
        let parts: Vec<&str> = request.url.path().split('/').collect();
        match parts[..] {
            ["", "repos", "acme", "shop", "issues"] => {
                let query: Vec<(String, String)> = request.url.query_pairs().into_owned().collect();
                let asked = |name: &str| {
                    query
                        .iter()
                        .find(|(n, _)| n == name)
                        .map(|(_, v)| v.clone())
                };
                assert_eq!(asked("state").as_deref(), Some("open"));
                let label = asked("labels").unwrap();
                let listed = self.issues.iter().filter(|issue| {
                    let labels = issue["labels"].as_array().unwrap();
                    issue["state"] == "open" && labels.iter().any(|l| l["name"] == label.as_str())
                });
                listed.cloned().collect()
            }
            ["", "repos", "acme", "shop", "issues", number, "comments"] => {
                let number: u64 = number.parse().unwrap();
                let of = self.comments.iter().filter(|(issue, _)| *issue == number);
                of.map(|(_, comment)| comment.clone()).collect()
            }
            _ => panic!("{}", request.url),
        }
    }

    fn write(&mut self, request: &Request) -> (u16, Value) {
        let sent: Value = request.body_json().unwrap();
        let parts: Vec<&str> = request.url.path().split('/').collect();
        match (request.method.as_str(), &parts[4..]) {
            ("POST", ["issues"]) => {
                let assignees = sent["assignees"].as_array().cloned().unwrap_or_default();
                if self
                    .stranger
                    .is_some_and(|login| assignees.iter().any(|a| a == login))
                {
                    let error =
                        json!({"resource": "Issue", "field": "assignees", "code": "invalid"});
                    return (
                        422,
                        json!({"message": "Validation Failed", "errors": [error]}),
                    );
                }
                let number = self.issues.len() as u64 + 1;
                let labels = match self.drops_labels {
                    true => json!([]),
                    false => sent["labels"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|l| json!({"name": l}))
                        .collect(),
                };
                let assignees: Value = assignees.iter().map(|a| json!({"login": a})).collect();
                let issue = json!({
                    "number": number, "state": "open", "title": sent["title"], "body": sent["body"],
                    "labels": labels, "assignees": assignees,
                    "html_url": format!("https://github.example/acme/shop/issues/{number}"),
                });
                self.issues.push(issue.clone());
                (201, issue)
            }
            ("POST", ["issues", number, "comments"]) => {
                let id = self.comments.len() as u64 + 1;
                let comment = json!({
                    "id": id, "body": sent["body"],
                    "html_url": format!("https://github.example/acme/shop/issues/{number}#issuecomment-{id}"),
                });
                self.comments
                    .push((number.parse().unwrap(), comment.clone()));
                (201, comment)
            }
            ("PATCH", ["issues", number]) => {
                let at = number.parse::<usize>().unwrap() - 1;
                for member in ["state", "state_reason"] {
                    self.issues[at][member] = sent[member].clone();
                }
                (200, self.issues[at].clone())
            }
            _ => panic!("{} {}", request.method, request.url),
        }
    }
}

fn answer(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}
