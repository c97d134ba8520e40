//! A webhook: JSON with the text that chat rooms show, and every fact in a field of its own.

use probes::http::Response;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    News, Resolved, escape,
    post::{Endpoint, Posted},
    retry::Try,
    text,
};

/// How many characters the text may have: Slack shows a longer one in pieces.
const TEXT: usize = 3000;

/// How many bytes the body may have.
const BODY: usize = 256 * 1024;

/// How many characters of the last lines the text shows; the body has more.
const LAST_LINES: usize = 900;

pub(crate) struct Webhook {
    endpoint: Endpoint,
    /// What stands in front, as the user wrote it: `<!here>`.
    mention: String,
}

impl Webhook {
    pub(crate) fn new(endpoint: Endpoint, mention: String) -> Self {
        Self { endpoint, mention }
    }

    pub(crate) async fn tell(&self, news: &News, deadline: Instant) -> Try {
        self.send(&news.key, told(news, &self.mention), deadline)
            .await
    }

    pub(crate) async fn resolve(&self, resolved: &Resolved, deadline: Instant) -> Try {
        let by = &resolved.by;
        let title = format!("✅ *{}*", escape::slack(&resolved.title()));
        let facts = text::facts(by)
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"));
        let parts: Vec<String> = facts.map(|fact| escape::slack(&fact)).collect();
        let body = json!({
            "text": text::fitted(title, parts, "\n", TEXT),
            "status": "resolved",
            "key": resolved.key,
            "kind": resolved.kind,
            "lock": resolved.lock,
            "deployment": resolved.deployment,
            "resolved_by": {
                "deployment": by.deployment,
                "environment": by.environment,
                "repository": by.repository,
                "version": by.version,
                "links": by.links,
            },
        });
        let key = format!("{} resolved", resolved.key);
        self.send(&key, body.to_string().into_bytes(), deadline)
            .await
    }

    /// `key` makes a second sending of the same news known as such.
    async fn send(&self, key: &str, body: Vec<u8>, deadline: Instant) -> Try {
        let key = header(key);
        let headers = [("idempotency-key", key.as_str())];
        match self.endpoint.post(&headers, body, mend, deadline).await {
            Posted::Taken(answer) => Try::Told(format!("taken with {}", answer.status_line())),
            Posted::Not(what) => what,
        }
    }
}

fn told(news: &News, mention: &str) -> Vec<u8> {
    let title = format!("{} *{}*", text::sign(news.kind), escape::slack(&news.title));
    let title = if mention.is_empty() {
        title
    } else {
        format!("{mention} {title}")
    };
    let mut parts: Vec<String> = text::parts(news)
        .iter()
        .map(|part| escape::slack(part))
        .collect();
    let mut shown = Vec::new();
    let mut room = LAST_LINES;
    for line in news.last_lines.iter().rev().map(|line| escape::slack(line)) {
        let length = line.chars().count() + 1;
        if length > room {
            break;
        }
        room -= length;
        shown.insert(0, line);
    }
    if !shown.is_empty() {
        parts.push(format!("The last lines:\n```\n{}\n```", shown.join("\n")));
    }
    let mut body = serde_json::to_value(news).unwrap_or_else(|_| json!({"key": news.key}));
    body["text"] = json!(text::fitted(title, parts, "\n", TEXT));
    body["status"] = json!("firing");
    // What takes most room and is worth least goes first.
    for member in ["last_lines", "timeline", "runners", "failed_checks"] {
        if body.to_string().len() <= BODY {
            break;
        }
        body[member] = Value::Array(Vec::new());
    }
    body.to_string().into_bytes()
}

/// A header holds visible ASCII only.
fn header(key: &str) -> String {
    let plain = |c: char| {
        if c == ' ' || c.is_ascii_graphic() {
            c
        } else {
            '_'
        }
    };
    key.chars().map(plain).take(250).collect()
}

/// Slack's own words for a refusal (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors>)
/// say what is wrong, and not what to do.
fn mend(answer: &Response) -> Option<String> {
    let words = answer.text();
    let mend = match words.trim() {
        "no_service" | "no_service_id" | "invalid_token" | "no_team" => {
            "the webhook is switched off or revoked: make a new one and set `webhook-url` to it"
        }
        "channel_not_found" | "channel_is_archived" => {
            "its channel is gone or archived: make a webhook for another"
        }
        "action_prohibited" | "posting_to_general_channel_denied" => {
            "an administrator restricts who may post there: make a webhook for another channel"
        }
        _ if (300..400).contains(&answer.status) => {
            "set `webhook-url` to where it redirects: no redirect is followed with an alert"
        }
        _ if matches!(answer.status, 401 | 403 | 404 | 410) => {
            "`webhook-url` is wrong, revoked or switched off"
        }
        _ => return None,
    };
    Some(mend.to_owned())
}
