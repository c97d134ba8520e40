//! What is told, as plain facts.

use std::time::Duration;

use actions_kit::{Redactor, markdown::printable};
use ledger::{AlertKind, AlertState, Timestamp};
use serde::Serialize;

/// How many characters of a text are told.
const TEXT: usize = 1000;
/// How many characters of one line of many are told.
const LINE: usize = 300;
/// How many of the last lines are told.
const LAST_LINES: usize = 60;
/// How many moments of the timeline are told, the newest.
const MOMENTS: usize = 60;
/// How many facts of one sort are told.
const FACTS: usize = 40;

/// What happened. Everything but `key` and `kind` may be missing: an empty text is left out. Texts may be anything:
/// [`Channels`](crate::Channels) redacts, bounds and escapes them. Not so the identifiers `key`, `environment`,
/// `repository`, `lock` and `deployment`: they are the same for everybody, and no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct News {
    /// What is told: told again with the same key, it is the same news.
    pub key: String,
    /// What kind of news it is.
    pub kind: AlertKind,
    /// One line.
    pub title: String,
    /// What was deployed to: `production`.
    pub environment: String,
    /// `owner/name`.
    pub repository: String,
    /// The lock: one open issue each.
    pub lock: String,
    /// The deployment's id.
    pub deployment: String,
    /// The step that tells it for itself, where gates failed that belong to no deployment: `smoke/1: api`. The same for
    /// every sending, and another one for every step of a run. Empty where a deployment is told of.
    pub step: String,
    /// What was deployed.
    pub version: String,
    /// The workflow's name.
    pub workflow: String,
    /// The branch or tag.
    pub branch: String,
    /// Who started the run.
    pub actor: String,
    /// How it ended: `failed`, `held`.
    pub outcome: String,
    /// Why, in a word: `exit_code`, `gates`.
    pub reason: String,
    /// Why, in a sentence.
    pub detail: String,
    /// What a person does next. Backticks mark code.
    pub what_now: String,
    /// What happened when, oldest first.
    pub timeline: Vec<Moment>,
    /// The last lines of the deploy command.
    pub last_lines: Vec<String>,
    /// Facts about the runners, by name.
    pub runners: Vec<Named>,
    /// The failed conditions before the deployment.
    pub failed_checks: Vec<Named>,
    /// The failed conditions after the deployment.
    pub failed_gates: Vec<Named>,
    /// Where more can be seen; the first is the run's page.
    pub links: Vec<Link>,
    /// The page that says what to do. Where `runbook-url` is set, that one stands here, and this one among the links.
    pub runbook: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// How long Alertmanager shows it where nobody says that it is over; 7 days where that is not set.
    #[serde(skip)]
    pub stands_for: Option<Duration>,
}

/// A moment of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub text: String,
}

/// A thing and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its name: `network.dns`, `api`, `runner-a`.
    pub name: String,
    /// What was seen.
    pub seen: String,
}

/// Where more can be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What it leads to: `the run`.
    pub name: String,
    /// Its address; one that is not http or https is not told.
    pub url: String,
}

/// That what people were alerted to is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The alert's key.
    pub key: String,
    /// The alert's kind.
    pub kind: AlertKind,
    /// The id of the deployment that the alert was about.
    pub deployment: String,
    /// The lock.
    pub lock: String,
    /// When the alert was raised.
    pub at: Timestamp,
    /// What ended it: the deployment that succeeded.
    pub by: News,
}

impl Resolved {
    /// That the alert which the ledger remembers as `alert` is over, because of `by`.
    pub fn new(alert: &AlertState, lock: &str, by: News) -> Self {
        Self {
            key: alert.key.clone(),
            kind: alert.kind,
            deployment: alert.deployment.clone(),
            lock: lock.to_owned(),
            at: alert.at,
            by,
        }
    }

    pub(crate) fn clean(&self, redactor: &Redactor) -> Self {
        Self {
            by: self.by.clean(redactor),
            ..self.clone()
        }
    }

    /// One line.
    pub(crate) fn title(&self) -> String {
        let place = place(&self.by);
        match self.kind {
            AlertKind::DeploymentFailed if self.by.version.is_empty() => {
                format!("{place} is deployed again")
            }
            AlertKind::DeploymentFailed => {
                format!("{place} is deployed again: {}", self.by.version)
            }
            AlertKind::QueueDeep => format!("the queue of deployments to {place} is short again"),
        }
    }
}

impl News {
    /// News of a kind, with everything else missing.
    pub fn new(kind: AlertKind, key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            kind,
            title: String::new(),
            environment: String::new(),
            repository: String::new(),
            lock: String::new(),
            deployment: String::new(),
            step: String::new(),
            version: String::new(),
            workflow: String::new(),
            branch: String::new(),
            actor: String::new(),
            outcome: String::new(),
            reason: String::new(),
            detail: String::new(),
            what_now: String::new(),
            timeline: Vec::new(),
            last_lines: Vec::new(),
            runners: Vec::new(),
            failed_checks: Vec::new(),
            failed_gates: Vec::new(),
            links: Vec::new(),
            runbook: String::new(),
            started_at: None,
            stands_for: None,
        }
    }

    /// The same without a secret, each text bounded, printable, and with a title.
    pub(crate) fn clean(&self, redactor: &Redactor) -> Self {
        // Before anything is cut or escaped: the redactor would not know a secret again.
        let line = |text: &str, most| bounded(&in_one_line(&redactor.redact(text)), most);
        let text = |text: &String| line(text, TEXT);
        let named = |all: &[Named]| {
            let some = all.iter().take(FACTS).map(|one| Named {
                name: line(&one.name, LINE),
                seen: line(&one.seen, LINE),
            });
            some.collect::<Vec<_>>()
        };
        let newest = |length: usize, most: usize| length.saturating_sub(most);
        let mut clean = Self {
            key: self.key.clone(),
            kind: self.kind,
            title: line(&self.title, 200),
            environment: self.environment.clone(),
            repository: self.repository.clone(),
            lock: self.lock.clone(),
            deployment: self.deployment.clone(),
            step: line(&self.step, LINE),
            version: line(&self.version, LINE),
            workflow: line(&self.workflow, LINE),
            branch: line(&self.branch, LINE),
            actor: line(&self.actor, LINE),
            outcome: line(&self.outcome, LINE),
            reason: line(&self.reason, LINE),
            detail: text(&self.detail),
            what_now: text(&self.what_now),
            timeline: self.timeline[newest(self.timeline.len(), MOMENTS)..]
                .iter()
                .map(|moment| Moment {
                    at: moment.at,
                    text: line(&moment.text, LINE),
                })
                .collect(),
            last_lines: self
                .last_lines
                .iter()
                .skip(newest(self.last_lines.len(), LAST_LINES))
                .map(|text| bounded(&printable(&redactor.redact(text)).replace('\n', " "), LINE))
                .collect(),
            runners: named(&self.runners),
            failed_checks: named(&self.failed_checks),
            failed_gates: named(&self.failed_gates),
            links: self
                .links
                .iter()
                .take(FACTS)
                .filter_map(|link| {
                    Some(Link {
                        name: line(&link.name, LINE),
                        url: web(&redactor.redact(&link.url))?,
                    })
                })
                .collect(),
            runbook: web(&redactor.redact(&self.runbook)).unwrap_or_default(),
            started_at: self.started_at,
            stands_for: self.stands_for,
        };
        if clean.title.is_empty() {
            clean.title = clean.default_title();
        }
        clean
    }

    fn default_title(&self) -> String {
        let place = place(self);
        match self.kind {
            AlertKind::DeploymentFailed => {
                let version = match self.version.as_str() {
                    "" => String::new(),
                    version => format!("of {version} "),
                };
                let outcome = match self.outcome.as_str() {
                    "" | "failed" => "failed".to_owned(),
                    "held" => "is held until a person decides".to_owned(),
                    "never_claimed" => "never began".to_owned(),
                    other => format!("ended as {other}"),
                };
                format!("the deployment {version}to {place} {outcome}")
            }
            AlertKind::QueueDeep => format!("many deployments to {place} wait behind another"),
        }
    }
}

fn place(news: &News) -> &str {
    match (news.environment.as_str(), news.lock.as_str()) {
        ("", "") => "production",
        ("", lock) => lock,
        (environment, _) => environment,
    }
}

/// An address that may be followed, as it stands; nothing where it is none, or one that no page can hold.
fn web(url: &str) -> Option<String> {
    let plain = url.starts_with("https://") || url.starts_with("http://");
    let fits = url.len() <= 2000
        && url
            .chars()
            .all(|c| c.is_ascii_graphic() && !"<>\"()[]|\\`".contains(c));
    (plain && fits).then(|| url.to_owned())
}

pub(crate) fn in_one_line(text: &str) -> String {
    let words: Vec<String> = printable(text)
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    words.join(" ")
}

/// At most `most` characters of `text`, with a mark where it was cut.
pub(crate) fn bounded(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
