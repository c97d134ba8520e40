//! The ledger's events beyond the ledger: into the file, and to Loki, each from where it left off.
//!
//! The file knows by its last line how far it came. Loki is not asked: the ledger itself records how far it was shipped
//! there (`audit_shipped`). A step that dies between the two ships the same events once more, and Loki keeps one of each.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use audit::{EventsFile, Loki, LokiError, Origin, Pushed};
use lease::store::{History, Store};
use ledger::{Deployment, Entry, Event, Timestamp, Tip};
use leg::Voice;
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
            let from = last.unwrap_or_else(|| begins_anew(config, tip, voice));
            let path = path.display().to_string();
            Ok(Trail {
                file,
                path,
                last,
                from,
            })
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
    let last = file.as_ref().and_then(|file| file.last);
    // What is new to each; nothing where a place has all of it. A file's last event is read as well, wherever the chain
    // ends: it shows whether the file is of this ledger.
    let new = |from: &u64| *from <= tip.seq;
    let for_file = file.as_ref().map(|file| file.from);
    let wanted = [
        last.or_else(|| for_file.filter(new)),
        loki.as_ref().map(|(_, from)| *from).filter(new),
    ];
    let entries = match wanted.into_iter().flatten().min() {
        None => Ok(Vec::new()),
        Some(from) => read(store, from, last).await,
    };
    let entries = match entries {
        Ok(entries) => entries,
        Err(why) => {
            let names = [file.as_ref().map(|_| "events-file"), loki.map(|_| "Loki")];
            let lost = names.into_iter().flatten();
            places.extend(lost.map(|name| Place::lost(name, why.clone(), true)));
            return places;
        }
    };
    if let Some(trail) = &file {
        places.push(trail.add(&entries, &origin));
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

/// Where a new file begins.
fn begins_anew(config: &Config, tip: &Tip, voice: &Voice) -> u64 {
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

/// The chain from `from` on; `last` is the last entry that the events file has, where it has one.
async fn read(store: &Arc<dyn Store>, from: u64, last: Option<u64>) -> Result<Vec<Entry>, String> {
    if from > 1 {
        return history(store, History::FromSeq(from)).await;
    }
    // From the beginning of the chain is as far as a week: Loki takes no more, and a file begins with a deployment.
    let week = leg::wall().0.saturating_sub(BEGINS.as_millis() as u64);
    let entries = history(store, History::Since(Timestamp(week))).await?;
    match last {
        // A file that ends before that has no gap.
        Some(last) if entries.first().is_none_or(|first| first.seq > last) => {
            history(store, History::FromSeq(last)).await
        }
        _ => Ok(entries),
    }
}

async fn history(store: &Arc<dyn Store>, from: History) -> Result<Vec<Entry>, String> {
    match tokio::time::timeout(HISTORY_WITHIN, store.history(from)).await {
        Ok(Ok(entries)) => Ok(entries),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "the ledger's history could not be read within {} s",
            HISTORY_WITHIN.as_secs()
        )),
    }
}

/// The events file.
struct Trail {
    file: EventsFile,
    /// Its path, for people.
    path: String,
    /// The last event of this lock in it, as it was before the history was read.
    last: Option<u64>,
    /// Where it goes on or begins.
    from: u64,
}

impl Trail {
    /// Adds what it lacks of `entries`.
    fn add(&self, entries: &[Entry], origin: &Origin) -> Place {
        let known = self
            .last
            .map_or(Ok(()), |last| self.file.reached(last, entries));
        let added = known.and_then(|()| self.file.append(since(entries, self.from), origin));
        match added {
            Ok(count) => Place::reached(
                "events-file",
                format!("{count} new events in {}", self.path),
            ),
            Err(error) => Place::failed("events-file", error.to_string(), false),
        }
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
        let mut pushed = Pushed::default();
        if let Some(last) = entries.last() {
            pushed = self.loki.push(entries, self.origin, deadline).await?;
            self.record(last.seq).await;
        }
        let lines = self.output(deadline).await?;
        let place = self.loki.place();
        let mut told = format!("{} new events at {place}", entries.len());
        if lines > 0 {
            told.push_str(&format!(", {lines} lines of the command's output"));
        }
        let flaws = flaws(&pushed);
        if !flaws.is_empty() {
            return Ok(Place::flawed("Loki", format!("{told}{flaws}")));
        }
        Ok(Place::reached("Loki", told))
    }

    /// Records how far it was shipped. Where that fails the same is shipped once more, and Loki keeps one of each.
    async fn record(&self, to: u64) {
        let Some(deployment) = self.deployment() else {
            return;
        };
        let shipped = Event::AuditShipped {
            sink: self.loki.sink(),
            to,
        };
        let (timing, voice) = (&self.config.place.timing(), self.voice);
        let kept = leg::keep_books(
            self.store,
            deployment,
            vec![shipped],
            timing,
            PATIENCE,
            voice,
        );
        if let Err(error) = kept.await {
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

/// Which events Loki did not take for good, and why; empty where it took all.
fn flaws(pushed: &Pushed) -> String {
    /// How many audit ids are named: the rest is in the ledger.
    const NAMED: usize = 20;
    let mut text = String::new();
    let because = |words: &Option<String>| words.clone().unwrap_or_default();
    if pushed.late > 0 {
        text.push_str(&format!(
            ", of which it takes {} no more because they are too old ({}); those stand in the ledger alone. Raise its \
             `reject_old_samples_max_age`, or ship more often",
            pushed.late,
            because(&pushed.late_because)
        ));
    }
    if !pushed.refused.is_empty() {
        let ids = pushed.refused.iter().take(NAMED);
        let mut named = ids.map(u64::to_string).collect::<Vec<_>>().join(", ");
        if let Some(more) = pushed.refused.len().checked_sub(NAMED + 1) {
            named.push_str(&format!(" and {} more", more + 1));
        }
        text.push_str(&format!(
            "; of which it refuses {}, the audit ids {named} ({}); those stand in the ledger alone and are not sent again",
            pushed.refused.len(),
            because(&pushed.refused_because)
        ));
    }
    text
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
#[allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]
mod tests {
    use std::path::Path;

    use lease::store::{Snapshot, StoreError, StoreFuture, Swap, Version, Write};

    use super::*;

    /// A ledger that can only be read.
    #[derive(Clone, Debug)]
    struct Chain(Vec<Entry>);

    impl Chain {
        /// So many entries from 1, a second apart from `began` on.
        fn of(count: u64, began: u64) -> Chain {
            let entry = |seq: u64| {
                serde_json::from_value(serde_json::json!({
                    "seq": seq, "nonce": "n", "at": Timestamp(began + seq * 1000), "event": "deployment_started",
                    "deployment": {
                        "id": "octo/shop/7/1", "run": "octo/shop/7", "workflow": "deploy.yml", "ref": "refs/heads/main",
                        "run_number": 7, "run_attempt": 1, "sha": "c0ffee", "actor": "mona", "version": "1",
                    },
                }))
                .unwrap()
            };
            Chain((1..=count).map(entry).collect())
        }

        fn store(&self) -> Arc<dyn Store> {
            Arc::new(self.clone())
        }
    }

    impl Store for Chain {
        fn read(&self) -> StoreFuture<'_, Result<Snapshot, StoreError>> {
            Box::pin(std::future::pending())
        }

        fn swap(&self, _: Arc<Write>) -> StoreFuture<'_, Swap> {
            Box::pin(async { Swap::Lost })
        }

        fn changed(&self, _: Version, _: Duration) -> StoreFuture<'_, ()> {
            Box::pin(std::future::pending())
        }

        fn history(&self, from: History) -> StoreFuture<'_, Result<Vec<Entry>, StoreError>> {
            let entries = self.0.iter().filter(|entry| match from {
                History::FromSeq(seq) => entry.seq >= seq,
                History::Since(at) => entry.at >= at,
            });
            let entries = entries.cloned().collect();
            Box::pin(async { Ok(entries) })
        }

        fn place(&self) -> String {
            "a chain".to_owned()
        }
    }

    fn origin() -> Origin {
        Origin {
            environment: "production".to_owned(),
            repository: "octo/shop".to_owned(),
            lock: "octo/shop/production".to_owned(),
        }
    }

    /// What a step makes of the file at `path`.
    async fn add(path: &Path, chain: &Chain) -> Place {
        let file = EventsFile::open(path).unwrap();
        let last = file.last(&origin().lock).unwrap();
        let from = last.unwrap_or(1);
        let entries = read(&chain.store(), from, last).await.unwrap();
        let trail = Trail {
            file,
            path: path.display().to_string(),
            last,
            from,
        };
        trail.add(&entries, &origin())
    }

    #[tokio::test]
    async fn a_file_of_a_ledger_that_was_begun_anew_is_refused_however_long_the_new_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let now = leg::wall().0 - 3_600_000;
        assert!(!add(&path, &Chain::of(5, now)).await.is_failed());
        let before = std::fs::read_to_string(&path).unwrap();
        assert_eq!(before.lines().count(), 5);
        for count in [1, 4, 5, 9] {
            let place = add(&path, &Chain::of(count, now + 1)).await;
            assert!(place.is_failed(), "{count}: {place:?}");
            assert!(format!("{place:?}").contains("another ledger"), "{place:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        }
        assert!(!add(&path, &Chain::of(9, now)).await.is_failed());
        let after = std::fs::read_to_string(&path).unwrap();
        assert!(after.starts_with(&before) && after.lines().count() == 9);
    }

    #[tokio::test]
    async fn a_file_that_ends_before_what_a_new_loki_gets_has_no_gap() {
        let month = 30 * 24 * 3_600_000;
        let mut chain = Chain::of(9, leg::wall().0 - month);
        chain.0[8].at = leg::wall();
        let seqs = |entries: Vec<Entry>| entries.iter().map(|entry| entry.seq).collect::<Vec<_>>();
        let store = chain.store();
        assert_eq!(seqs(read(&store, 1, None).await.unwrap()), [9]);
        assert_eq!(seqs(read(&store, 1, Some(6)).await.unwrap()), [6, 7, 8, 9]);
    }

    #[test]
    fn what_loki_did_not_take_for_good_is_told_by_its_audit_ids_and_in_its_words() {
        assert_eq!(flaws(&Pushed::default()), "");
        let pushed = Pushed {
            accepted: 7,
            refused: (1..=22).collect(),
            refused_because: Some("max entry size exceeded".to_owned()),
            ..Pushed::default()
        };
        let told = flaws(&pushed);
        assert!(
            told.contains("refuses 22, the audit ids 1, 2, 3, 4,")
                && told.contains("19, 20 and 2 more (max entry size exceeded)"),
            "{told}"
        );
        let one = Pushed {
            refused: vec![7],
            ..pushed
        };
        let told = flaws(&one);
        assert!(told.contains("refuses 1, the audit ids 7 (max"), "{told}");
    }

    #[test]
    fn a_new_file_of_a_deployment_that_is_not_in_the_ledger_begins_with_nothing_of_others() {
        let tip = Tip::default();
        assert_eq!(begins(Some("acme/shop/1/1"), &tip), None);
        assert_eq!(begins(None, &tip), Some(1));
    }
}
