//! The ledger's events beyond the ledger: into the file, and to Loki, each from where it left off.
//!
//! The file knows by its last line how far it came. Loki is not asked: the ledger itself records how far it was shipped
//! there (`audit_shipped`). A step that dies between the two ships the same events once more, and Loki keeps one of each.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use audit::{EventsFile, Loki, LokiError, Origin};
use lease::{
    Timing,
    protocol::{Appender, AppenderConfig, AppenderEnd},
    shell,
    store::{History, Store},
};
use ledger::{Deployment, Entry, Event, Timestamp, Tip};
use leg::{NoHands, ThisHost, Voice};
use probes::http::HttpError;
use supervisor::boottime;
use tokio::time::Instant;

use crate::{config::Config, reading::Reading, telling::Place, tries::Tries};

/// How far back a place begins that the ledger knows nothing of: Loki takes nothing that is older than a week, unless it
/// is told to.
const BEGINS: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long the history may take to be read.
const HISTORY_WITHIN: Duration = Duration::from_secs(60);

/// How long Loki may take, all tries together.
const LOKI_WITHIN: Duration = Duration::from_secs(30);

/// How long to wait before Loki is tried again; twice as long after each failure.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// How long the store may be silent while it is told how far the trail was shipped.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ships what each place lacks.
pub(crate) async fn ship(
    config: &Config,
    store: &Arc<dyn Store>,
    first: &Reading,
    voice: &Voice,
) -> Vec<Place> {
    let origin = config.origin();
    let tip = &first.snapshot.tip;
    let mut places = Vec::new();
    let file = config.events_file.as_ref().map(|path| {
        EventsFile::open(path).and_then(|file| {
            let last = file.last(config.lock.as_str())?;
            Ok((file, goes_on(config, last, tip, voice)))
        })
    });
    let file = match file {
        Some(Ok(file)) => Some(file),
        Some(Err(error)) => {
            places.push(Place::failed("events-file", error.to_string(), false));
            None
        }
        None => None,
    };
    let loki = config
        .loki
        .as_ref()
        .map(|loki| (loki, tip.shipped(&loki.sink()) + 1));
    // What is new to each; nothing where a place has all of it.
    let wanted = [
        file.as_ref().map(|(_, from)| *from),
        loki.as_ref().map(|(_, from)| *from),
    ];
    let from = wanted
        .into_iter()
        .flatten()
        .filter(|from| *from <= tip.seq)
        .min();
    let entries = match from {
        None => Ok(Vec::new()),
        Some(from) => read(store, from).await,
    };
    let entries = match entries {
        Ok(entries) => entries,
        Err(why) => {
            let names = [file.map(|_| "events-file"), loki.map(|_| "Loki")];
            let lost = names.into_iter().flatten();
            places.extend(lost.map(|name| Place::lost(name, why.clone(), true)));
            return places;
        }
    };
    if let Some((file, from)) = &file {
        places.push(into_file(config, file, since(&entries, *from), &origin));
    }
    if let Some((loki, from)) = loki {
        let shipment = Shipment {
            config,
            store,
            loki,
            origin: &origin,
            tip,
            voice,
        };
        places.push(shipment.send(since(&entries, from)).await);
    }
    places
}

fn since(entries: &[Entry], from: u64) -> &[Entry] {
    let at = entries.partition_point(|entry| entry.seq < from);
    &entries[at..]
}

/// Where a new file begins: with this deployment, and outside a run with all that there is; nothing where this
/// deployment is not in the ledger.
fn begins(deployment: Option<&str>, tip: &Tip) -> Option<u64> {
    match deployment {
        None => Some(1),
        Some(id) => tip.deployment(id).map(|state| state.first_seq),
    }
}

/// Where this file goes on, or begins.
fn goes_on(config: &Config, last: Option<u64>, tip: &Tip, voice: &Voice) -> u64 {
    if let Some(last) = last {
        return last + 1;
    }
    let own = config.deployment.as_deref();
    begins(own, tip).unwrap_or_else(|| {
        voice.notice(&format!(
            "events-file: a new file begins with the deployment that the step belongs to, and {} is not in the ledger: \
             nothing was added",
            own.unwrap_or_default()
        ));
        tip.seq + 1
    })
}

async fn read(store: &Arc<dyn Store>, from: u64) -> Result<Vec<Entry>, String> {
    // From the beginning of the chain is as far as a week: Loki takes no more, and a file begins with a deployment.
    let from = if from <= 1 {
        let week = leg::wall().0.saturating_sub(BEGINS.as_millis() as u64);
        History::Since(Timestamp(week))
    } else {
        History::FromSeq(from)
    };
    match tokio::time::timeout(HISTORY_WITHIN, store.history(from)).await {
        Ok(Ok(entries)) => Ok(entries),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "the ledger's history could not be read within {} s",
            HISTORY_WITHIN.as_secs()
        )),
    }
}

fn into_file(config: &Config, file: &EventsFile, entries: &[Entry], origin: &Origin) -> Place {
    let path = config
        .events_file
        .as_deref()
        .unwrap_or(std::path::Path::new(""));
    match file.append(entries, origin) {
        Ok(count) => Place::reached(
            "events-file",
            format!("{count} new events in {}", path.display()),
        ),
        Err(error) => Place::failed("events-file", error.to_string(), false),
    }
}

/// What goes to Loki.
struct Shipment<'a> {
    config: &'a Config,
    store: &'a Arc<dyn Store>,
    loki: &'a Loki,
    origin: &'a Origin,
    tip: &'a Tip,
    voice: &'a Voice,
}

impl Shipment<'_> {
    async fn send(&self, entries: &[Entry]) -> Place {
        let deadline = Instant::now() + LOKI_WITHIN;
        // How far an earlier step shipped it is no news to anybody.
        let entries: Vec<Entry> = entries
            .iter()
            .filter(|entry| !matches!(entry.event, Event::AuditShipped { .. }))
            .cloned()
            .collect();
        let mut wait = FIRST_WAIT;
        let mut tries = Tries::new("ship the audit trail", boottime::now());
        loop {
            match self.once(&entries, deadline).await {
                Ok(place) => return place,
                Err(error) => {
                    tries.failed(&format!("{error}{}", mend(self.config, &error)));
                    if !error.may_pass() || Instant::now() + wait >= deadline {
                        let why = tries.told(boottime::now());
                        return Place::failed("Loki", why, error.may_pass());
                    }
                    if let Some(line) = tries.line() {
                        self.voice.say(&line);
                    }
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
            }
        }
    }

    async fn once(&self, entries: &[Entry], deadline: Instant) -> Result<Place, audit::LokiError> {
        let mut late = None;
        if let Some(last) = entries.last() {
            let pushed = self.loki.push(entries, self.origin, deadline).await?;
            late = (pushed.late > 0).then_some((pushed.late, pushed.late_because));
            self.record(last.seq).await;
        }
        let lines = self.output(deadline).await?;
        let place = self.loki.place();
        let mut told = format!("{} new events at {place}", entries.len());
        if lines > 0 {
            told.push_str(&format!(", {lines} lines of the command's output"));
        }
        if let Some((count, because)) = late {
            let because = because.unwrap_or_default();
            return Ok(Place::flawed(
                "Loki",
                format!(
                    "{told}, of which it takes {count} no more because they are too old ({because}); those stand in the \
                     ledger alone. Raise its `reject_old_samples_max_age`, or ship more often"
                ),
            ));
        }
        Ok(Place::reached("Loki", told))
    }

    /// Records how far it was shipped. Where that fails the same is shipped once more, and Loki keeps one of each.
    async fn record(&self, to: u64) {
        let Some(deployment) = self.deployment().cloned() else {
            return;
        };
        let timing = Timing::GIT;
        let mut appender = Appender::new(AppenderConfig {
            deployment,
            by: None,
            instance: String::new(),
            events: vec![Event::AuditShipped {
                sink: self.loki.sink(),
                to,
            }],
            resend_after: timing.resend_after,
            patience: PATIENCE,
        });
        let mut hands = NoHands(self.voice);
        shell::run(
            &mut appender,
            self.store,
            timing.poll,
            &ThisHost,
            &mut hands,
        )
        .await;
        if let Some(AppenderEnd::StoreLost(error)) = appender.end() {
            self.voice.say(&format!(
                "the ledger was not told how far the trail was shipped ({error}): the next step ships the same once more"
            ));
        }
    }

    /// The deployment that an entry of ours is about: this step's, or at a terminal the newest.
    fn deployment(&self) -> Option<&Deployment> {
        let own = self.config.deployment.as_ref();
        own.and_then(|id| self.tip.deployment(id))
            .or_else(|| self.tip.deployments.last())
            .map(|state| &state.deployment)
    }
}

/// Which input to look at.
fn mend(config: &Config, error: &LokiError) -> &'static str {
    match error {
        LokiError::Http(HttpError::Tls { .. }) => config.mend_of_tls(),
        LokiError::Forbidden { .. } => "; `loki-auth` and `loki-tenant` say who ships",
        _ => "",
    }
}

/// A line of the file that the deploying step left.
#[derive(serde::Deserialize)]
struct OutputLine {
    attempt: u32,
    line: String,
}

impl Shipment<'_> {
    /// Ships the deploy command's last lines, where that is wanted; how many those were.
    async fn output(&self, deadline: Instant) -> Result<usize, audit::LokiError> {
        let own = self.config.deployment.as_ref();
        let own = own.and_then(|id| self.tip.deployment(id));
        let (Some(output), Some(state)) = (&self.config.output, own) else {
            return Ok(0);
        };
        let Ok(text) = std::fs::read_to_string(&output.path) else {
            self.voice.warning(&format!(
                "`loki-output`: {} is gone; the command's output is not shipped",
                output.path.display()
            ));
            return Ok(0);
        };
        let mut attempts: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for line in text.lines() {
            if let Ok(OutputLine { attempt, line }) = serde_json::from_str(line) {
                let line = self.config.redactor.redact(&line).into_owned();
                attempts.entry(attempt).or_default().push(line);
            }
        }
        let mut shipped = 0;
        for (attempt, lines) in attempts {
            let about = audit::Output {
                deployment: &state.deployment,
                runner: &output.runner,
                candidate: output.candidate,
                attempt,
                began: state.started_at.unwrap_or_default(),
            };
            self.loki
                .push_output(&lines, &about, self.origin, deadline)
                .await?;
            shipped += lines.len();
        }
        Ok(shipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_of_a_deployment_that_is_not_in_the_ledger_begins_with_nothing_of_others() {
        let tip = Tip::default();
        assert_eq!(begins(Some("acme/shop/1/1"), &tip), None);
        assert_eq!(begins(None, &tip), Some(1));
    }
}
