//! One entry of the ledger as one line of JSON.

use ledger::{Deployment, Entry, Event, Role, Timestamp};
use serde::Serialize;

/// Which ledger an entry comes from. What an entry says itself comes first: a lock may be shared by several environments
/// and repositories, and a line must not depend on who ships it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// What is deployed to, for an entry that does not say: `production`.
    pub environment: String,
    /// `<owner>/<repo>`, for an entry of a deployment that a person named.
    pub repository: String,
    /// The lock, whose chain the entry is part of: with it, an audit id is unique.
    pub lock: String,
}

impl Origin {
    /// What `deployment` deploys to.
    pub(crate) fn environment<'a>(&'a self, deployment: &'a Deployment) -> &'a str {
        match deployment.environment.as_str() {
            "" => &self.environment,
            said => said,
        }
    }

    /// The repository that `deployment` is of.
    pub(crate) fn repository<'a>(&'a self, deployment: &'a Deployment) -> &'a str {
        deployment.repository().unwrap_or(&self.repository)
    }
}

/// Everything of a line before its `data`, in the order in which it is written. The order is a promise: Loki takes two
/// lines for the same one only where every byte is.
#[derive(Serialize)]
struct Head<'a> {
    audit_id: u64,
    at: Timestamp,
    event: &'a str,
    environment: &'a str,
    repository: &'a str,
    lock: &'a str,
    deployment_id: &'a str,
    workflow_run_id: Option<u64>,
    workflow_run_attempt: u64,
    runner_id: Option<&'a str>,
    candidate: Option<u32>,
    role: Option<Role>,
    actor: &'a str,
    workflow: &'a str,
    #[serde(rename = "ref")]
    git_ref: &'a str,
    sha: &'a str,
    version: &'a str,
    token: u64,
    message: &'a str,
}

/// `entry` as one JSON object on one line, without a line break at its end:
///
/// | field | what |
/// | --- | --- |
/// | `audit_id` | the entry's place in the chain of its lock, from 1 |
/// | `at` | when it was written, RFC 3339 with milliseconds, UTC |
/// | `event` | what happened: `deployment_started` |
/// | `environment`, `repository` | of the deployment; where it does not say, as in `origin` |
/// | `lock` | as in `origin` |
/// | `deployment_id` | `<owner>/<repo>/<run_id>/<run_attempt>` |
/// | `workflow_run_id` | GitHub's number of the run; null where the run has none |
/// | `workflow_run_attempt` | from 1 |
/// | `runner_id`, `candidate`, `role` | who wrote it: a runner's name, a candidate's number, `primary` or `secondary`; null where no candidate did |
/// | `actor`, `workflow`, `ref`, `sha`, `version` | of the deployment |
/// | `token` | the fencing token in force; 0 before the first claim |
/// | `message` | the same for people, in one sentence |
/// | `data` | the event's own fields, as the ledger has them; empty where it has none |
///
/// Every field is always there, in this order. Nothing within it ends a line for a reader that takes Unicode's line and
/// paragraph separators for ends (Unicode Standard Annex #14): they are escaped, as line breaks are.
pub fn line(entry: &Entry, origin: &Origin) -> String {
    let (event, data) = name_and_data(&entry.event);
    written(entry, origin, &event, &data, usize::MAX)
}

/// As [`line()`], with no more than `most` bytes of every text and without the event's own fields: for a reader that takes
/// lines of a limited length alone.
pub(crate) fn shortened(entry: &Entry, origin: &Origin, most: usize) -> String {
    let (event, data) = name_and_data(&entry.event);
    let left_out = format!("{{\"left_out_bytes\":{}}}", data.len());
    written(entry, origin, &event, &left_out, most)
}

/// The number of the run that `entry` belongs to, where it has one: of `<owner>/<repo>/<run_id>`.
pub(crate) fn run_id(run: &str) -> Option<u64> {
    run.rsplit('/').next()?.parse().ok()
}

/// The event's name, and its own fields as a JSON object.
pub(crate) fn name_and_data(event: &Event) -> (String, String) {
    // Cannot fail: no map with keys that are no text. The tag is written first, the fields in the order of their
    // declaration, whatever order a map would have.
    let json = serde_json::to_string(event).unwrap_or_default();
    let (name, rest) = json
        .strip_prefix("{\"event\":\"")
        .and_then(|rest| rest.split_once('"'))
        .unwrap_or(("unknown", "}"));
    (
        name.to_owned(),
        format!("{{{}", rest.strip_prefix(',').unwrap_or(rest)),
    )
}

/// At most `most` bytes of `text`, whole characters.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

fn written(entry: &Entry, origin: &Origin, event: &str, data: &str, most: usize) -> String {
    let short = |text| beginning(text, most);
    let deployment = &entry.deployment;
    let by = entry.by.as_ref();
    let message = entry.subject();
    let head = Head {
        audit_id: entry.seq,
        at: entry.at,
        event,
        environment: short(origin.environment(deployment)),
        repository: short(origin.repository(deployment)),
        lock: short(&origin.lock),
        deployment_id: short(&deployment.id),
        workflow_run_id: run_id(&deployment.run),
        workflow_run_attempt: deployment.run_attempt,
        runner_id: by.map(|party| short(&party.runner)),
        candidate: by.map(|party| party.candidate),
        role: by.map(|party| party.role),
        actor: short(&deployment.actor),
        workflow: short(&deployment.workflow),
        git_ref: short(&deployment.git_ref),
        sha: short(&deployment.sha),
        version: short(&deployment.version),
        token: entry.token,
        message: short(&message),
    };
    let mut json = serde_json::to_string(&head).unwrap_or_default();
    json.pop();
    in_one_line(format!("{json},\"data\":{data}}}"))
}

/// `json` with everything escaped that some reader takes for the end of a line and that JSON lets stand (RFC 8259 §7):
/// outside texts it cannot stand.
fn in_one_line(json: String) -> String {
    const ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];
    if !json.contains(ENDS) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if ENDS.contains(&c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}
