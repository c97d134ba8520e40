//! Mode `status`: who holds the lock, how long already, and what was deployed last; for people, as JSON, or watching.

use std::{fmt::Write as _, time::Duration};

use actions_kit::{ExitCode, Summary, duration, markdown};
use lease::{
    Record,
    store::{History, Snapshot, Store, StoreError, Version},
};
use ledger::{DeploymentState, Timestamp};
use leg::Voice;
use supervisor::signals::{Received, Signals};

use crate::{
    config::{Config, Lock, StatusMode},
    history,
};

/// How many of the last deployments are shown.
const SHOWN: usize = 10;

/// Runs it.
///
/// # Errors
/// What this host lacks.
pub(crate) async fn run(
    config: &Config,
    lock: &Lock,
    mode: &StatusMode,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        received = signals.next() => Ok(match received {
            Received::Interrupt => ExitCode::Interrupted,
            _ => ExitCode::Terminated,
        }),
        shown = show(config, lock, mode, voice) => Ok(match shown {
            Ok(()) => ExitCode::Success,
            Err(error) => {
                voice.error(&format!("failed to read the status: {error:#}"));
                ExitCode::ServiceUnavailable
            }
        }),
    }
}

async fn show(
    config: &Config,
    lock: &Lock,
    mode: &StatusMode,
    voice: &Voice,
) -> anyhow::Result<()> {
    // A person waits longer than a heartbeat may.
    let patience = lock.timing.request_timeout * 3;
    let (place, poll) = (&lock.place, lock.timing.poll);
    if let Some(back) = mode.history {
        // What is not there has no history; how things stand may be watched before the first deployment.
        let store = place.open_to_read(&lock.name, patience, poll).await?;
        return history::show(config, lock, store.as_ref(), back, mode.json, voice).await;
    }
    let store = place.open(&lock.name, patience, poll).await?;
    let mut before = None;
    loop {
        let snapshot = store.read().await?;
        if snapshot.version == Version::default() {
            never_written(lock, store.as_ref()).await?;
        }
        if before.as_ref() != Some(&snapshot.version) {
            let text = if mode.json {
                json(lock, &snapshot)
            } else {
                text(lock, &snapshot, leg::wall())
            };
            voice.print(&text);
            if !mode.json {
                write_summary(config, &text, voice);
            }
        }
        if !mode.watch {
            return Ok(());
        }
        let version = snapshot.version;
        store.changed(version.clone(), lock.timing.poll).await;
        before = Some(version);
    }
}

/// Whether a lock that reads as unused is: where only the lease is gone, or something else stands where the ledger would,
/// "never deployed" would be wrong, and the next write would be refused.
async fn never_written(lock: &Lock, store: &dyn Store) -> Result<(), StoreError> {
    let entries = store.history(History::FromSeq(1)).await?;
    // Written to since it was read.
    let Some(last) = entries.last() else {
        return Ok(());
    };
    if store.read().await?.version != Version::default() {
        return Ok(());
    }
    Err(StoreError::Foreign {
        what: format!("the ledger of {} in {}", lock.name, store.place()),
        detail: format!(
            "it has entries up to #{} ({}), and there is no lease: put back what was removed from a backup of the server, or \
             put the ledger out of the way too, and the fencing token then starts again",
            last.seq, last.at
        ),
    })
}

fn write_summary(config: &Config, text: &str, voice: &Voice) {
    let mut summary = Summary::new();
    summary.paragraph(&markdown::code_block("text", text));
    if let Err(error) = summary.write(&config.environment, &config.redactor) {
        voice.error(&format!("failed to {error}"));
    }
}

fn json(lock: &Lock, snapshot: &Snapshot) -> String {
    let value = serde_json::json!({
        "lock": lock.name,
        "record": snapshot.record,
        "queue_depth": snapshot.tip.queue_depth(),
        "entries": snapshot.tip.seq,
        "deployments": snapshot.tip.deployments,
    });
    format!("{value}\n")
}

fn text(lock: &Lock, snapshot: &Snapshot, now: Timestamp) -> String {
    let mut text = format!("{} in {}\n", lock.name, lock.place.text());
    match &snapshot.record {
        None => text.push_str("  never deployed\n"),
        Some(record) => describe(record, snapshot, now, &mut text),
    }
    let waiting: Vec<_> = snapshot
        .tip
        .deployments
        .iter()
        .filter(|d| !d.finished() && !d.claimed)
        .collect();
    for deployment in waiting {
        let _ = writeln!(
            text,
            "  waiting  {} ({})",
            deployment.deployment.id, deployment.deployment.version
        );
    }
    let ended: Vec<_> = snapshot
        .tip
        .deployments
        .iter()
        .rev()
        .filter(|d| d.finished())
        .take(SHOWN)
        .collect();
    if !ended.is_empty() {
        text.push_str("last deployments, newest first\n");
    }
    for deployment in ended {
        let _ = writeln!(text, "  {}", line(deployment));
    }
    text
}

fn describe(record: &Record, snapshot: &Snapshot, now: Timestamp, text: &mut String) {
    let Record {
        phase,
        token,
        deployment,
        holder,
        attempt,
        ..
    } = record;
    let renewed = whole(now.since(record.written_at));
    let _ = writeln!(text, "  {phase}, token {token}, by {holder}");
    let _ = writeln!(
        text,
        "  deployment {} of {}, by {}",
        deployment.id, deployment.version, deployment.actor
    );
    if !phase.is_terminal() {
        let state = snapshot.tip.deployment(&deployment.id);
        if let Some(started) = state.and_then(|s| s.started_at) {
            let _ = writeln!(text, "  began {started}, {} ago", whole(now.since(started)));
        }
        let _ = writeln!(
            text,
            "  attempt {}, record written {renewed} ago by its writer's clock",
            attempt.number
        );
        for failed in &record.failed_candidates {
            let _ = writeln!(
                text,
                "  candidate {} failed: {} ({})",
                failed.candidate, failed.reason, failed.detail
            );
        }
    }
}

fn whole(time: Duration) -> String {
    duration::format(Duration::from_secs(time.as_secs()))
}

fn line(state: &DeploymentState) -> String {
    let outcome = state.outcome.map(|o| o.to_string()).unwrap_or_default();
    let at = state
        .finished_at
        .map(|at| at.to_string())
        .unwrap_or_default();
    let took = state
        .finished_at
        .zip(state.started_at)
        .map(|(to, from)| format!(" in {}", whole(to.since(from))))
        .unwrap_or_default();
    let by = state
        .holder
        .as_ref()
        .map(|h| format!(" by {h}"))
        .unwrap_or_default();
    let failover = state
        .last_failover
        .map(|r| format!(", after a takeover ({r})"))
        .unwrap_or_default();
    let detail = if state.detail.is_empty() {
        String::new()
    } else {
        format!(": {}", state.detail)
    };
    format!(
        "{at}  {outcome}{took}{by}{failover}  {} ({}){detail}",
        state.deployment.version, state.deployment.id
    )
}
