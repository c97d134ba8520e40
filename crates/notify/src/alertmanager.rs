//! Alertmanager, by version 2 of its API
//! (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>).
//!
//! Every failed deployment is an alert of its own, told from others by the label `deployment`. The labels are made of the
//! lock, the deployment's id and the kind alone, so that whoever resolves it can name it again. Gates that belong to no
//! deployment are an alert for each step, which nobody resolves.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ledger::{AlertKind, Timestamp};
use probes::http::{Request, Response};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    News, Resolved, escape,
    news::bounded,
    post::{Endpoint, Posted},
    retry::Try,
    text,
};

/// How long an alert stands that nobody resolves. Without an end Alertmanager would call it resolved after its
/// `resolve_timeout` (5m), because nobody repeats it as Prometheus does; without any it would stand for ever where no
/// deployment follows.
const STANDS_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// How many characters a label's value may have.
const LABEL: usize = 256;

/// How many characters the annotation `description` may have.
const DESCRIPTION: usize = 6000;

pub(crate) struct Alertmanager {
    endpoint: Endpoint,
    /// Where people see it.
    page: String,
}

impl Alertmanager {
    /// The one at `endpoint`, whose address is that of the whole Alertmanager, with its base path.
    pub(crate) fn new(mut endpoint: Endpoint) -> Self {
        let base = endpoint.url.trim_end_matches('/').to_owned();
        endpoint.url = format!("{base}/api/v2/alerts");
        let page = match Request::new("GET", &format!("{base}/")) {
            Ok(request) => format!("{}#/alerts", request.place()),
            Err(_) => String::new(),
        };
        Self { endpoint, page }
    }

    pub(crate) async fn tell(&self, news: &News, deadline: Instant) -> Try {
        let now = now();
        let mut alert = json!({
            "labels": labels(news.kind, &news.lock, &news.deployment, &news.step),
            "annotations": annotations(news),
            // One that begins in what Alertmanager takes for the future could not be resolved before.
            "startsAt": news.started_at.unwrap_or(now).min(now),
            "endsAt": Timestamp(now.0 + news.stands_for.unwrap_or(STANDS_FOR).as_millis() as u64),
        });
        if let Some(run) = news.links.first() {
            alert["generatorURL"] = json!(run.url);
        }
        match self.send(&alert, deadline).await {
            Posted::Taken(_) => Try::Told(self.page.clone()),
            Posted::Not(what) => what,
        }
    }

    pub(crate) async fn resolve(&self, resolved: &Resolved, deadline: Instant) -> Try {
        let mut ends = now();
        loop {
            let alert = json!({
                "labels": labels(resolved.kind, &resolved.lock, &resolved.deployment, ""),
                "annotations": {"summary": escape::quiet(&resolved.title())},
                "startsAt": resolved.at.min(ends),
                "endsAt": ends,
            });
            match self.send(&alert, deadline).await {
                // An end that its clock has not reached is none: of two ends to come it keeps the later.
                Posted::Taken(answer) => match said(&answer).filter(|said| *said < ends) {
                    Some(said) => ends = said,
                    None => return Try::Told(self.page.clone()),
                },
                Posted::Not(what) => return what,
            }
        }
    }

    async fn send(&self, alert: &Value, deadline: Instant) -> Posted {
        let body = json!([alert]).to_string().into_bytes();
        match self.endpoint.post(&[], body, mend, deadline).await {
            Posted::Taken(answer) if !is_alertmanagers(&answer) => {
                let words = answer.beginning().map(|words| format!(": {words}"));
                Posted::Not(Try::Never(format!(
                    "no Alertmanager answers there: it would answer 200 OK and nothing else, and this answered {}{}; where \
                     that is a page to log in, set `alertmanager-auth`, or `alertmanager-url` to where none is",
                    answer.status_line(),
                    words.unwrap_or_default()
                )))
            }
            posted => posted,
        }
    }
}

/// Whether an answer that takes it is Alertmanager's own: 200 without a body. A page to log in has one, with the same
/// status.
fn is_alertmanagers(answer: &Response) -> bool {
    answer.status == 200 && answer.body.trim_ascii().is_empty()
}

/// What time the answer's sender has, to the second.
fn said(answer: &Response) -> Option<Timestamp> {
    let date = answer.header("date")?;
    let at = chrono::DateTime::parse_from_rfc2822(date).ok()?;
    Some(Timestamp(u64::try_from(at.timestamp_millis()).ok()?))
}

fn mend(answer: &Response) -> Option<String> {
    let mend = match answer.status {
        401 | 403 => "set `alertmanager-auth` to what lets you in",
        300..=399 => {
            "set `alertmanager-url` to where it redirects: no redirect is followed with an alert"
        }
        404 | 405 => "`alertmanager-url` must be its address with its base path, and no page of it",
        _ => return None,
    };
    Some(mend.to_owned())
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(since.as_millis() as u64)
}

/// Its name in Alertmanager; none of those that the Prometheus rules raise.
fn name(kind: AlertKind, step: &str) -> &'static str {
    match kind {
        AlertKind::DeploymentFailed if !step.is_empty() => "HealthGatesFailed",
        AlertKind::DeploymentFailed => "DeploymentFailed",
        AlertKind::QueueDeep => "DeploymentsWaiting",
    }
}

fn severity(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::DeploymentFailed => "critical",
        AlertKind::QueueDeep => "warning",
    }
}

/// What the alert is told from others by. `repository` is that of the deployment's id; `environment` is what the lock has
/// behind the repository, or behind its last slash where `lock-name` set it.
fn labels(
    kind: AlertKind,
    lock: &str,
    deployment: &str,
    step: &str,
) -> BTreeMap<&'static str, String> {
    let slashes: Vec<(usize, &str)> = deployment.match_indices('/').collect();
    let repository = match slashes[..] {
        [_, (second, _), ..] => &deployment[..second],
        _ => "",
    };
    let environment = lock
        .strip_prefix(repository)
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|_| !repository.is_empty())
        .or_else(|| lock.rsplit('/').next().filter(|_| lock != repository))
        .unwrap_or_default();
    let all = [
        ("alertname", name(kind, step)),
        ("severity", severity(kind)),
        ("lock", lock),
        ("deployment", deployment),
        ("step", step),
        ("repository", repository),
        ("environment", environment),
    ];
    let known = all.into_iter().filter(|(_, value)| !value.is_empty());
    known
        .map(|(name, value)| (name, bounded(value, LABEL)))
        .collect()
}

fn annotations(news: &News) -> BTreeMap<&'static str, String> {
    let all = [
        ("summary", escape::quiet(&news.title)),
        (
            "description",
            escape::quiet(&text::fitted(
                news.title.clone(),
                text::parts(news),
                "\n\n",
                DESCRIPTION,
            )),
        ),
        ("runbook_url", news.runbook.clone()),
        (
            "run_url",
            news.links
                .first()
                .map(|link| link.url.clone())
                .unwrap_or_default(),
        ),
    ];
    let known = all.into_iter().filter(|(_, value)| !value.is_empty());
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_made_of_lock_and_deployment_alone() {
        let made = |lock: &str, deployment: &str| {
            let labels = labels(AlertKind::DeploymentFailed, lock, deployment, "");
            let get = |name| labels.get(name).cloned().unwrap_or_default();
            (get("repository"), get("environment"))
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let id = "acme/shop/42/1";
        assert_eq!(
            made("acme/shop/production", id),
            pair("acme/shop", "production")
        );
        assert_eq!(
            made("acme/shop/eu/production", id),
            pair("acme/shop", "eu/production")
        );
        assert_eq!(made("acme/shop", id), pair("acme/shop", ""));
        assert_eq!(made("cluster-a", id), pair("acme/shop", "cluster-a"));
        assert_eq!(made("acme/shared/blue", "by-hand"), pair("", "blue"));
    }

    #[test]
    fn no_label_is_longer_than_its_bound() {
        let long = "x".repeat(9999);
        for value in labels(AlertKind::QueueDeep, &long, &long, &long).values() {
            assert!(value.chars().count() <= LABEL + 1);
        }
    }
}
