//! What stands in for GitHub: issues with their comments and the queue of a concurrency group, with the members that its
//! OpenAPI description requires.

use std::sync::{Arc, Mutex};

use baton_tests::{Step, scene};
use serde_json::{Value, json};
use wiremock::{MockServer, Request, Respond, ResponseTemplate};

use crate::{TOKEN, people::serving};

/// The concurrency group of every run.
pub(crate) const GROUP: &str = "deploy-production";

const LABEL: &str = "production-incident";

/// A repository `octo/shop`.
pub(crate) struct GitHub {
    server: MockServer,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    issues: Vec<Value>,
    comments: Vec<Value>,
    /// Every request about issues is refused with this.
    refusal: Option<(u16, &'static str)>,
    /// How many runs wait in the concurrency group, or the status that says nothing of it.
    pending: Option<Result<u64, u16>>,
    /// What was asked that nobody should ask.
    unknown: Vec<String>,
    wrong_token: bool,
}

struct Answering(Arc<Mutex<State>>);

impl GitHub {
    pub(crate) fn open() -> GitHub {
        let state = Arc::<Mutex<State>>::default();
        let server = serving(Answering(Arc::clone(&state)));
        GitHub { server, state }
    }

    /// `step` runs there.
    pub(crate) fn of(&self, step: Step) -> Step {
        step.variable("GITHUB_API_URL", self.server.uri())
            .variable("GITHUB_SERVER_URL", "https://github.example")
            .input("github-token", TOKEN)
    }

    pub(crate) fn refuses(&self, status: u16, words: &'static str) {
        self.state.lock().unwrap().refusal = Some((status, words));
    }

    pub(crate) fn pending(&self, pending: Result<u64, u16>) {
        self.state.lock().unwrap().pending = Some(pending);
    }

    pub(crate) fn issues(&self) -> Vec<Value> {
        self.state.lock().unwrap().issues.clone()
    }

    /// The texts of all comments.
    pub(crate) fn comments(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let body = |comment: &Value| comment["body"].as_str().unwrap().to_owned();
        state.comments.iter().map(body).collect()
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        if let Ok(state) = self.state.lock()
            && !std::thread::panicking()
        {
            assert_eq!(state.unknown, Vec::<String>::new());
            assert!(!state.wrong_token, "every request carries the job's token");
        }
    }
}

impl Respond for Answering {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let token = request.headers.get("authorization");
        state.wrong_token |= token.is_none_or(|t| !t.to_str().unwrap().ends_with(TOKEN));
        let path = request.url.path().to_owned();
        let Some(path) = path.strip_prefix(&format!("/repos/{}/", scene::REPOSITORY)) else {
            return state.nobody_asks(request);
        };
        let parts: Vec<&str> = path.split('/').collect();
        if let (["issues", ..], Some((status, words))) = (&parts[..], state.refusal) {
            return answer(
                status,
                json!({"message": words, "documentation_url": "https://docs"}),
            );
        }
        match (request.method.as_str(), &parts[..]) {
            ("GET", ["issues"]) => {
                let query = request.url.query().unwrap_or_default();
                if !(query.contains("state=open") && query.contains(LABEL)) {
                    return state.nobody_asks(request);
                }
                let open = state.issues.iter().filter(|issue| issue["state"] == "open");
                answer(200, open.cloned().collect())
            }
            ("GET", ["issues", number, "comments"]) => {
                let end = format!("/issues/{number}");
                let of = state.comments.iter().filter(|comment| {
                    comment["issue_url"]
                        .as_str()
                        .is_some_and(|url| url.ends_with(&end))
                });
                answer(200, of.cloned().collect())
            }
            ("POST", ["issues"]) => {
                let number = state.issues.len() as u64 + 1;
                let issue = issue(number, &request.body_json().unwrap());
                state.issues.push(issue.clone());
                answer(201, issue)
            }
            ("POST", ["issues", number, "comments"]) => {
                let id = state.comments.len() as u64 + 1;
                let sent: Value = request.body_json().unwrap();
                let comment = comment(id, number, &sent["body"]);
                state.comments.push(comment.clone());
                answer(201, comment)
            }
            ("PATCH", ["issues", number]) => {
                let at = number.parse::<usize>().unwrap() - 1;
                let sent: Value = request.body_json().unwrap();
                for member in ["state", "state_reason"] {
                    state.issues[at][member] = sent[member].clone();
                }
                answer(200, state.issues[at].clone())
            }
            ("GET", ["actions", "concurrency_groups", GROUP]) => match state.pending {
                None => answer(404, json!({"message": "Not Found"})),
                Some(Err(status)) => answer(status, json!({"message": "no"})),
                Some(Ok(pending)) => answer(200, group(pending)),
            },
            _ => state.nobody_asks(request),
        }
    }
}

impl State {
    fn nobody_asks(&mut self, request: &Request) -> ResponseTemplate {
        self.unknown
            .push(format!("{} {}", request.method, request.url));
        answer(404, json!({"message": "Not Found"}))
    }
}

fn answer(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

fn user(login: &str) -> Value {
    json!({"login": login, "id": 1, "node_id": "U_1", "type": "User", "site_admin": false})
}

fn issue(number: u64, sent: &Value) -> Value {
    let all = |member: &str| sent[member].as_array().cloned().unwrap_or_default();
    let labels: Vec<Value> = all("labels")
        .iter()
        .zip(1..)
        .map(|(name, id)| json!({"id": id, "node_id": "L", "name": name, "color": "ededed", "default": false}))
        .collect();
    let assignees: Vec<Value> = all("assignees")
        .iter()
        .map(|login| user(login.as_str().unwrap()))
        .collect();
    json!({
        "id": 1000 + number, "node_id": format!("I_{number}"), "number": number, "state": "open", "state_reason": null,
        "url": format!("https://api.github.example/repos/octo/shop/issues/{number}"),
        "html_url": format!("https://github.example/octo/shop/issues/{number}"),
        "title": sent["title"], "body": sent["body"], "labels": labels, "assignees": assignees,
        "assignee": null, "milestone": null, "locked": false, "comments": 0, "closed_at": null, "user": user("github-actions[bot]"),
        "created_at": "2026-11-21T09:00:00Z", "updated_at": "2026-11-21T09:00:00Z", "author_association": "NONE",
    })
}

fn comment(id: u64, number: &str, body: &Value) -> Value {
    json!({
        "id": id, "node_id": format!("IC_{id}"), "body": body, "user": user("github-actions[bot]"),
        "url": format!("https://api.github.example/repos/octo/shop/issues/comments/{id}"),
        "html_url": format!("https://github.example/octo/shop/issues/{number}#issuecomment-{id}"),
        "issue_url": format!("https://api.github.example/repos/octo/shop/issues/{number}"),
        "created_at": "2026-11-21T09:00:00Z", "updated_at": "2026-11-21T09:00:00Z", "author_association": "NONE",
    })
}

/// A group that another run holds, with so many behind it.
fn group(pending: u64) -> Value {
    let members: Vec<Value> = (0..=pending)
        .map(|n| {
            let run = 9000 + n;
            let status = if n == 0 { "in_progress" } else { "pending" };
            json!({
                "run_id": run, "run_name": format!("deploy {run}"), "status": status,
                "run_url": format!("https://api.github.example/repos/octo/shop/actions/runs/{run}"),
                "run_html_url": format!("https://github.example/octo/shop/actions/runs/{run}"),
            })
        })
        .collect();
    json!({"group_name": GROUP, "total_count": members.len(), "group_members": members})
}
