//! What a judgement is shown as: the table of the summary with its timeline, annotations, the text of the alert, the JSON
//! and the JUnit report.
//!
//! Not responsible for writing any of it anywhere.

mod alert;
mod annotations;
mod json;
mod junit;
mod ledger;
mod mend;
mod summary;
mod words;

use actions_kit::{Redactor, Status};
use gates::judgement::{End, Judged, Judgement};

pub use alert::Alert;
pub use annotations::Annotation;

/// How many gates a line names.
const NAMED: usize = 10;
/// How many characters the ledger keeps of what came out.
const DETAIL: usize = 200;

/// What is known beside the gates.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// `production`; empty where the action is used alone.
    pub environment: String,
    /// The deployment's id; nothing where the action is used alone.
    pub deployment: Option<String>,
    /// What is deployed: a version; empty where unknown.
    pub version: String,
    /// The last version before this one that was proven healthy, where the ledger knows it.
    pub last_good_version: Option<String>,
    /// Whether the command `on-failure` ended well; nothing where none was set or it has not run.
    pub on_failure: Option<bool>,
    /// This leg's number, where it judges for a lease.
    pub candidate: Option<u32>,
    /// The runner's name; empty on a terminal.
    pub runner: String,
    /// When it began, RFC 3339, by this host's clock.
    pub started_at: String,
    /// Each gate was asked once, and the result binds nobody.
    pub dry_run: bool,
}

/// The output `result`: `pass`, `warn`, `fail`, or `stopped`.
pub fn result(judgement: &Judgement) -> &'static str {
    if judgement.stopped {
        return "stopped";
    }
    match judgement.status() {
        // The whole cannot be unknown: a required gate that could not be asked fails it.
        Status::Fail | Status::Unknown => "fail",
        Status::Warn => "warn",
        Status::Pass => "pass",
    }
}

/// How a gate ended, for the log that is read meanwhile: its sign and name, when, and what it saw last. It may hold what a
/// server said, whole: redact before showing.
pub fn ended(gate: &Judged) -> String {
    let seen = match gate.seen.as_str() {
        "" => words::last_seen(gate),
        // A cut would hide from the redactor what it looks for.
        seen => seen.to_owned(),
    };
    format!(
        "{} {} after {}: {seen}",
        words::sign(gate),
        gate.name,
        words::time(gate.ended)
    )
}

/// The output `failed`: the required gates that did not pass, in the order of the file. One that was still being asked
/// when the judgement was stopped has not failed.
pub fn failed(judgement: &Judgement) -> Vec<&str> {
    let failed = judgement.gates.iter().filter(|gate| has_failed(gate));
    failed.map(|gate| gate.name.as_str()).collect()
}

/// Whether the gate fails the whole.
fn has_failed(gate: &Judged) -> bool {
    matches!(gate.status, Status::Fail | Status::Unknown) && gate.end != End::Stopped
}

/// Whether there was no answer yet when its time was up, or when the judgement was stopped.
fn is_pending(gate: &Judged) -> bool {
    gate.status != Status::Pass && matches!(gate.end, End::TimedOut { .. } | End::Stopped)
}

/// A judgement without the secrets in it. Every text is redacted here, before anything is escaped: the redactor would not
/// know a secret again behind an escape of JSON, XML or Markdown.
pub struct Report {
    judgement: Judgement,
    about: About,
}

impl Report {
    /// What is shown of `judgement`. `redactor` knows every secret by now.
    pub fn new(judgement: &Judgement, about: &About, redactor: &Redactor) -> Self {
        let mut judgement = judgement.clone();
        for gate in &mut judgement.gates {
            clean_name(&mut gate.name, redactor);
            if let End::Blocked { by } = &mut gate.end {
                clean_name(by, redactor);
            }
            clean(&mut gate.target, redactor);
            clean(&mut gate.seen, redactor);
            for turn in &mut gate.history {
                clean(&mut turn.seen, redactor);
            }
        }
        let mut about = about.clone();
        clean(&mut about.environment, redactor);
        clean(&mut about.version, redactor);
        clean(&mut about.runner, redactor);
        if let Some(version) = &mut about.last_good_version {
            clean(version, redactor);
        }
        Self { judgement, about }
    }

    /// One line: `2 of 5 health gates failed on runner-a: api, redis`.
    pub fn headline(&self) -> String {
        let all = self.judgement.gates.len();
        let place = if self.about.runner.is_empty() {
            String::new()
        } else {
            format!(" on {}", self.about.runner)
        };
        let dry = if self.about.dry_run { " (dry run)" } else { "" };
        let what = format!("{all} health gates");
        let text = match (result(&self.judgement), &self.judgement.gates[..]) {
            (_, []) => format!("no health gate was asked{place}"),
            ("stopped", [one]) => {
                format!("stopped{place} before the health gate {} passed", one.name)
            }
            ("stopped", _) => {
                let open =
                    self.names(|gate| gate.status != Status::Pass && gate.end == End::Stopped);
                let bad = self.names(has_failed);
                let mut text = format!(
                    "stopped{place} while {} of {what} had not passed",
                    open.len()
                );
                text.push_str(&colon(&open));
                if !bad.is_empty() {
                    text.push_str(&format!("; failed before: {}", words::listed(&bad, NAMED)));
                }
                text
            }
            ("fail", _) => self.failures(&what, &place),
            ("warn", [one]) => format!(
                "the health gate {}, which is not required, did not pass{place}",
                one.name
            ),
            ("warn", _) => {
                let doubtful = self.names(|gate| gate.status == Status::Warn);
                let (count, names) = (doubtful.len(), words::listed(&doubtful, NAMED));
                let are = if count == 1 { "is" } else { "are" };
                format!(
                    "healthy{place}, but {count} of {what} did not pass, which {are} not required: {names}"
                )
            }
            (_, [one]) => format!("the health gate {} passed{place}", one.name),
            _ => format!("all {what} passed{place}"),
        };
        format!("{text}{dry}")
    }

    /// What failed, what could not be asked, and what was never asked because of them: of the first sort there is, how many
    /// of all.
    fn failures(&self, what: &str, place: &str) -> String {
        let blocked = |gate: &Judged| matches!(gate.end, End::Blocked { .. });
        let sorts = [
            (
                "failed",
                self.names(|gate| gate.status == Status::Fail && !blocked(gate)),
            ),
            (
                "could not be asked",
                self.names(|gate| gate.status == Status::Unknown && !blocked(gate)),
            ),
            (
                "never asked",
                self.names(|gate| has_failed(gate) && blocked(gate)),
            ),
        ];
        let mut text = String::new();
        for (word, names) in sorts.iter().filter(|(_, names)| !names.is_empty()) {
            let count = names.len();
            let word = match (*word, count) {
                ("never asked", 1) => "was never asked",
                ("never asked", _) => "were never asked",
                (word, _) => word,
            };
            if let [one] = &self.judgement.gates[..] {
                return format!("the health gate {} {word}{place}", one.name);
            }
            text.push_str(&if text.is_empty() {
                format!("{count} of {what} {word}{place}")
            } else {
                format!("; {count} {word}")
            });
            text.push_str(&colon(names));
        }
        text
    }

    /// One line of at most 200 characters for the ledger: what failed, and what was seen of it.
    pub fn detail(&self) -> String {
        let bad: Vec<&Judged> = self.worst_first().filter(|gate| has_failed(gate)).collect();
        if bad.is_empty() {
            return words::cut(&self.headline(), DETAIL);
        }
        let mut text = String::new();
        for (at, gate) in bad.iter().enumerate() {
            let told = format!("{}: {}", words::cut(&gate.name, 60), words::last_seen(gate));
            let left = bad.len() - at;
            let more = format!("; and {left} more");
            let glue = if at == 0 { "" } else { "; " };
            // What is said of the others must fit behind it.
            let room = DETAIL - if left > 1 { more.chars().count() } else { 0 };
            let length = (text.chars().count() + glue.len()) + told.chars().count();
            if length > room {
                if at == 0 {
                    let rest = match left {
                        1 => String::new(),
                        _ => format!("; and {} more", left - 1),
                    };
                    return words::cut(&told, DETAIL - rest.chars().count()) + &rest;
                }
                return text + &more;
            }
            text.push_str(glue);
            text.push_str(&told);
        }
        text
    }

    fn names(&self, which: impl Fn(&Judged) -> bool) -> Vec<&str> {
        let gates = self.judgement.gates.iter().filter(|gate| which(gate));
        gates.map(|gate| gate.name.as_str()).collect()
    }

    /// Failed ones, then those that could not be asked, were never asked, were stopped, are warnings, passed: causes before
    /// what follows from them. Each in the order of the file.
    fn worst_first(&self) -> impl Iterator<Item = &Judged> {
        let mut gates: Vec<&Judged> = self.judgement.gates.iter().collect();
        gates.sort_by_key(|gate| match (gate.status, &gate.end) {
            (Status::Pass, _) => 5,
            (Status::Warn, _) => 4,
            (_, End::Stopped) => 3,
            (_, End::Blocked { .. }) => 2,
            (Status::Unknown, _) => 1,
            (Status::Fail, _) => 0,
        });
        gates.into_iter()
    }
}

fn colon(names: &[&str]) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!(": {}", words::listed(names, NAMED))
}

fn clean(text: &mut String, redactor: &Redactor) {
    *text = words::line(&redactor.redact(text));
}

/// Names are the file's own words, and the output `failed` has them too: `database` stays although a weak password is
/// called so. A real secret in one goes.
fn clean_name(name: &mut String, redactor: &Redactor) {
    let clean = if redactor.finds_secret_in(name) {
        words::line(&redactor.redact(name))
    } else {
        words::line(name)
    };
    *name = clean;
}
