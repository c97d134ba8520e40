//! `status --history`: everything that the ledger tells of a span of time, oldest first: for people one line an event,
//! or the audit trail's lines of JSON.
//!
//! Not responsible for what an event says: that is the ledger's own sentence, and the `audit` crate's line.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    time::Duration,
};

use actions_kit::{Redactor, Summary, markdown};
use anyhow::Context as _;
use audit::Origin;
use lease::store::{History, Store};
use ledger::{Entry, Event, Outcome, Timestamp};
use leg::Voice;
use tokio::sync::oneshot;

use crate::config::{Config, Lock};

/// How many of the newest events the job summary shows: a screen or two, far below what GitHub takes.
const SHOWN: usize = 200;

/// Prints the events of the last `back`.
///
/// # Errors
/// The store's, or those of writing to the standard output.
pub(crate) async fn show(
    config: &Config,
    lock: &Lock,
    store: &dyn Store,
    back: Duration,
    json: bool,
    voice: &Voice,
) -> anyhow::Result<()> {
    let since = Timestamp(leg::wall().0.saturating_sub(back.as_millis() as u64));
    let entries = store.history(History::Since(since)).await?;
    let telling = Telling {
        since,
        origin: json.then(|| origin(config, lock)),
    };
    if !json {
        write_summary(config, lock, &telling, &entries, voice);
    }
    print(telling, entries, config.redactor.clone()).await
}

fn origin(config: &Config, lock: &Lock) -> Origin {
    let repository = config.context.repository.as_ref();
    Origin {
        environment: config.target.clone(),
        repository: repository.map(ToString::to_string).unwrap_or_default(),
        lock: lock.name.as_str().to_owned(),
    }
}

/// How the events are told.
struct Telling {
    since: Timestamp,
    /// Whose they are, where they are told as JSON.
    origin: Option<Origin>,
}

impl Telling {
    /// Writes every line, and lets go of each entry as soon as its line is written: a ledger may hold a hundred
    /// thousand.
    fn write(&self, entries: Vec<Entry>, redactor: &Redactor, to: impl Write) -> io::Result<()> {
        let mut to = io::BufWriter::new(to);
        let mut count = Count::default();
        for entry in entries {
            count.add(&entry);
            let line = match &self.origin {
                Some(origin) => audit::line(&entry, origin),
                None => line(&entry),
            };
            writeln!(to, "{}", redactor.redact(&line))?;
        }
        if self.origin.is_none() {
            writeln!(to, "{}", count.told(self.since))?;
        }
        to.flush()
    }
}

/// `2026-11-21T08:35:00Z  #1234  candidate 1 (primary, runner-a) runs attempt 1 [octo/shop/4711/1]`
fn line(entry: &Entry) -> String {
    format!("{}  #{:<5} {}", entry.at, entry.seq, entry.subject())
}

/// What a person counts.
#[derive(Default)]
struct Count {
    events: usize,
    deployments: BTreeSet<String>,
    succeeded: usize,
    failed: usize,
}

impl Count {
    fn add(&mut self, entry: &Entry) {
        self.events += 1;
        if !self.deployments.contains(&entry.deployment.id) {
            self.deployments.insert(entry.deployment.id.clone());
        }
        if let Event::DeploymentFinished { outcome, .. } = &entry.event {
            match outcome {
                Outcome::Succeeded => self.succeeded += 1,
                Outcome::Failed | Outcome::NeverClaimed => self.failed += 1,
                Outcome::Cancelled | Outcome::Held | Outcome::Superseded => {}
            }
        }
    }

    fn told(&self, since: Timestamp) -> String {
        let Count {
            events,
            deployments,
            succeeded,
            failed,
        } = self;
        let counted = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        match *events {
            0 => format!("nothing happened since {since}"),
            events => format!(
                "{} of {} since {since}: {succeeded} succeeded, {failed} failed",
                counted(events, "event"),
                counted(deployments.len(), "deployment"),
            ),
        }
    }
}

/// Writes on a thread of its own, which a signal does not wait for, and waits for whoever reads: a pager shows the first
/// screen and takes the rest when it is asked for more.
async fn print(telling: Telling, entries: Vec<Entry>, redactor: Redactor) -> anyhow::Result<()> {
    let (done, printed) = oneshot::channel();
    std::thread::Builder::new()
        .name("history".to_owned())
        .spawn(move || {
            let written = telling.write(entries, &redactor, io::stdout().lock());
            let _nobody_waits = done.send(written);
        })
        .context("start a thread")?;
    match printed.await {
        Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("write the history")
        }
        // Whoever closed the pipe has read enough.
        _ => Ok(()),
    }
}

fn write_summary(
    config: &Config,
    lock: &Lock,
    telling: &Telling,
    entries: &[Entry],
    voice: &Voice,
) {
    let summary = summary(lock.name.as_str(), telling.since, entries);
    if let Err(error) = summary.write(&config.environment, &config.redactor) {
        voice.error(&format!("failed to {error}"));
    }
}

fn summary(lock: &str, since: Timestamp, entries: &[Entry]) -> Summary {
    let mut count = Count::default();
    entries.iter().for_each(|entry| count.add(entry));
    let mut summary = Summary::new();
    summary.heading(&format!("History of {}", markdown::text(lock)));
    let newest = &entries[entries.len().saturating_sub(SHOWN)..];
    let mut told = markdown::text(&count.told(since));
    if newest.len() < entries.len() {
        told.push_str(&format!(
            ". Here are the {SHOWN} newest; the log has all of them."
        ));
    }
    summary.paragraph(&told);
    if !newest.is_empty() {
        let lines: Vec<String> = newest.iter().map(line).collect();
        summary.paragraph(&markdown::code_block("text", &lines.join("\n")));
    }
    summary
}

#[cfg(test)]
mod tests {
    use actions_kit::Secret;
    use ledger::{Deployment, Draft, Party, Tip};

    use super::*;

    /// 2026-11-21T08:35:00Z
    const START: Timestamp = Timestamp(1_795_250_100_000);

    fn entries(deployments: u64) -> Vec<Entry> {
        let finished = |outcome| Event::DeploymentFinished {
            outcome,
            reason: None,
            detail: "with canary-7f3a\n::error::no".to_owned(),
        };
        let drafts = (0..deployments).flat_map(|run| {
            let end = [Outcome::Succeeded, Outcome::Failed, Outcome::Cancelled][run as usize % 3];
            [Event::DeploymentStarted, finished(end)].map(|event| Draft {
                deployment: Deployment {
                    id: format!("octo/shop/{run}/1"),
                    version: "v1".to_owned(),
                    actor: "ada".to_owned(),
                    ..Deployment::default()
                },
                by: Some(Party {
                    candidate: 1,
                    runner: "runner-a".to_owned(),
                    ..Party::default()
                }),
                token: 1,
                event,
            })
        });
        Tip::default().extend("n", START, drafts.collect()).0
    }

    fn written(entries: Vec<Entry>, origin: Option<Origin>) -> String {
        let redactor = Redactor::new();
        redactor.add(&Secret::new("canary-7f3a").expect("a secret"));
        let telling = Telling {
            since: START,
            origin,
        };
        let mut text = Vec::new();
        telling
            .write(entries, &redactor, &mut text)
            .expect("written");
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn people_read_one_line_an_event_and_what_it_came_to() {
        assert_eq!(
            written(entries(1), None),
            "2026-11-21T08:35:00Z  #1     candidate 1 (primary, runner-a) starts to deploy v1 for ada [octo/shop/0/1]\n\
             2026-11-21T08:35:00Z  #2     deployment of v1 succeeded: with *** ::error::no [octo/shop/0/1]\n\
             2 events of 1 deployment since 2026-11-21T08:35:00Z: 1 succeeded, 0 failed\n"
        );
        let last = written(entries(7), None).lines().last().map(str::to_owned);
        let wanted = "14 events of 7 deployments since 2026-11-21T08:35:00Z: 3 succeeded, 2 failed";
        assert_eq!(last.as_deref(), Some(wanted));
        assert_eq!(
            written(Vec::new(), None),
            "nothing happened since 2026-11-21T08:35:00Z\n"
        );
    }

    #[test]
    fn programs_read_the_lines_of_the_audit_trail_and_nothing_else() {
        let origin = Origin {
            environment: "production".to_owned(),
            repository: "octo/shop".to_owned(),
            lock: "octo/shop/production".to_owned(),
        };
        let text = written(entries(2), Some(origin.clone()));
        let wanted: Vec<String> = entries(2)
            .iter()
            .map(|entry| audit::line(entry, &origin).replace("canary-7f3a", "***"))
            .collect();
        assert_eq!(text.lines().collect::<Vec<_>>(), wanted);
        assert_eq!(written(Vec::new(), Some(origin)), "");
    }

    #[test]
    fn the_summary_keeps_the_newest_and_says_what_it_leaves_out() {
        let shown = |deployments| {
            let entries = entries(deployments);
            summary("octo/shop/production", START, &entries).text(&Redactor::new())
        };
        let whole = shown(100);
        assert_eq!(whole.matches("  #").count(), SHOWN);
        assert!(!whole.contains("newest"), "{whole}");
        let cut = shown(101);
        assert_eq!(cut.matches("  #").count(), SHOWN);
        assert!(cut.contains("202 events of 101 deployments"), "{cut}");
        assert!(
            cut.contains("Here are the 200 newest; the log has all of them."),
            "{cut}"
        );
        assert!(
            cut.contains("#202 ") && cut.contains("#3 ") && !cut.contains("#2 "),
            "{cut}"
        );
        assert!(!shown(0).contains("```"));
    }
}
