//! What an actor has seen of the store, and since when, on its own clock (design §4 rule 3).

use std::time::Duration;

use ledger::{DeploymentState, Outcome};

use crate::{
    Record,
    store::{Snapshot, Version, Write},
};

/// The newest snapshot, and since when its parts stand as they do.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct View {
    pub(super) snapshot: Snapshot,
    /// When the present record was first seen.
    pub(super) record_since: Duration,
    /// When the present record, or a newer entry of its deployment, was first seen.
    pub(super) progress_since: Duration,
    /// When the lock was first seen free, where it is.
    pub(super) free_since: Option<Duration>,
    /// When the newest announcement of the watched deployment was first seen.
    pub(super) announced_since: Option<Duration>,
    /// When the newest entry of the watched deployment was first seen.
    pub(super) watched_since: Duration,
    /// The deployment whose announcements are watched.
    watched: String,
}

impl View {
    pub(super) fn new(watched: &str, snapshot: Snapshot, now: Duration) -> Self {
        let mut view = View {
            snapshot: Snapshot::default(),
            record_since: now,
            progress_since: now,
            free_since: None,
            announced_since: None,
            watched_since: now,
            watched: watched.to_owned(),
        };
        view.accept(snapshot, now);
        view
    }

    /// Whether `snapshot` shows an earlier state than this view: reads may lag. Chain and token only grow. A lease that is
    /// not there has no token to compare: every claim makes the chain longer, so with as long a chain it was removed.
    pub(super) fn is_older(&self, snapshot: &Snapshot) -> bool {
        let seen = self.record().map_or(0, |r| r.token);
        snapshot.tip.seq < self.snapshot.tip.seq
            || snapshot.record.as_ref().is_some_and(|r| r.token < seen)
    }

    /// Takes in a snapshot that is not older.
    pub(super) fn accept(&mut self, snapshot: Snapshot, now: Duration) {
        let nonce = |s: &Snapshot| s.record.as_ref().map(|r| r.nonce.clone());
        let progress = |s: &Snapshot| {
            let record = s.record.as_ref()?;
            s.tip.deployment(&record.deployment.id).map(|d| d.last_seq)
        };
        // Between two looks at a lease that is not there, one may have been claimed and removed.
        let missed = snapshot.record.is_none() && snapshot.tip.token != self.snapshot.tip.token;
        let record_moved = missed || nonce(&snapshot) != nonce(&self.snapshot);
        if record_moved {
            self.record_since = now;
        }
        if record_moved || progress(&snapshot) != progress(&self.snapshot) {
            self.progress_since = now;
        }
        let announced = |s: &Snapshot| {
            let deployment = s.tip.deployment(&self.watched)?;
            deployment.announced.values().map(|c| c.announced_seq).max()
        };
        if announced(&snapshot).is_some() && announced(&snapshot) != announced(&self.snapshot) {
            self.announced_since = Some(now);
        }
        let newest = |s: &Snapshot| s.tip.deployment(&self.watched).map(|d| d.last_seq);
        if newest(&snapshot) != newest(&self.snapshot) {
            self.watched_since = now;
        }
        let free = snapshot
            .record
            .as_ref()
            .is_none_or(|r| r.phase.is_terminal());
        self.free_since = free.then(|| self.free_since.unwrap_or(now));
        self.snapshot = snapshot;
    }

    /// Takes in a write of ours that took effect.
    pub(super) fn wrote(&mut self, write: &Write, version: Version, now: Duration) {
        let snapshot = Snapshot {
            record: write
                .record
                .clone()
                .or_else(|| self.snapshot.record.clone()),
            tip: if write.entries.is_empty() {
                self.snapshot.tip.clone()
            } else {
                write.tip.clone()
            },
            version: Version {
                lease: if write.record.is_some() {
                    version.lease
                } else {
                    self.snapshot.version.lease.clone()
                },
                ledger: if write.entries.is_empty() {
                    self.snapshot.version.ledger.clone()
                } else {
                    version.ledger
                },
            },
        };
        self.accept(snapshot, now);
    }

    pub(super) fn record(&self) -> Option<&Record> {
        self.snapshot.record.as_ref()
    }

    /// The lease's record, where it is with the watched deployment.
    pub(super) fn own(&self) -> Option<&Record> {
        self.record().filter(|r| r.deployment.id == self.watched)
    }

    /// The fencing token in force for the watched deployment; 0 where the lease is not with it.
    pub(super) fn token_in_force(&self) -> u64 {
        self.own().map_or(0, |r| r.token)
    }

    /// The lease's record, where it tells the end of the watched deployment.
    pub(super) fn ended(&self) -> Option<Outcome> {
        self.own()?.phase.outcome()
    }

    /// The watched deployment, as far as the ledger knows it.
    pub(super) fn deployment(&self) -> Option<&DeploymentState> {
        self.snapshot.tip.deployment(&self.watched)
    }
}
