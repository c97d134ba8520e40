//! The simulated store: what it answers and how it lies.

use std::time::Duration;

use lease::{
    protocol::{Input, SwapAnswer},
    store::{Snapshot, StoreError, Version, Write},
};

use crate::world::{Happening, World};

/// How many earlier states a read that lags may show.
const LAG: usize = 4;

impl World {
    pub(crate) fn store_read(&mut self, host: usize, sent: Duration) {
        let timeout = sent + self.timing.request_timeout;
        if self.is_cut(host) || self.dice.chance(self.weather.lost_percent) {
            let error = self.timed_out();
            self.at(timeout, Happening::Deliver(host, Input::Read(Err(error))));
            return;
        }
        let back = self.dice.below(self.past.len() as u64) as usize;
        let earlier = self.past.get(back).map(|(_, snapshot)| snapshot.clone());
        let lags = self.now < self.stale_until && self.dice.chance(60);
        // A read is torn by a write that lands while it is under way.
        let torn = self.dice.chance(self.weather.torn_percent);
        let during = self
            .past
            .last()
            .filter(|(replaced, _)| *replaced >= sent)
            .map(|(_, s)| s.clone());
        let snapshot = match (earlier, during) {
            (Some(old), _) if lags => old,
            (_, Some(old)) if torn && self.dice.chance(50) => tear(&old, &self.store),
            (_, Some(old)) if torn => tear(&self.store, &old),
            _ => self.store.clone(),
        };
        let (name, version) = (self.hosts[host].name.clone(), snapshot.version.clone());
        self.say(|| format!("    {name} reads {version:?}"));
        let back = self.now + self.latency();
        self.at(back, Happening::Deliver(host, Input::Read(Ok(snapshot))));
    }

    pub(crate) fn store_swap(&mut self, host: usize, write: &Write, sent: Duration) {
        let lease = |s: &Snapshot| s.version.lease.clone();
        let ledger = |s: &Snapshot| s.version.ledger.clone();
        let already = self
            .store
            .record
            .as_ref()
            .is_some_and(|r| write.record.is_some() && r.nonce == write.nonce)
            || (write.record.is_none()
                && self.chain.last().is_some_and(|e| e.nonce == write.nonce));
        let fits = (write.record.is_none() || lease(&self.store) == write.expected.lease)
            && (write.entries.is_empty() || ledger(&self.store) == write.expected.ledger);
        if !already && fits {
            self.apply(host, write);
        }
        let late = sent == Duration::MAX;
        if late {
            // Its sender was told that there was no answer.
            return;
        }
        let answered = !self.is_cut(host) && !self.dice.chance(self.weather.lost_percent);
        let result = match (answered, already || fits) {
            (true, true) => SwapAnswer::Won(left_behind(write)),
            (true, false) => SwapAnswer::Lost,
            (false, _) => SwapAnswer::Unknown(self.timed_out()),
        };
        let at = if answered {
            self.now + self.latency()
        } else {
            sent + self.timing.request_timeout
        };
        let nonce = write.nonce.clone();
        self.at(
            at,
            Happening::Deliver(host, Input::Swapped { nonce, result }),
        );
    }

    fn timed_out(&self) -> StoreError {
        StoreError::TimedOut {
            place: "sim".to_owned(),
            after: self.timing.request_timeout,
        }
    }

    pub(crate) fn apply(&mut self, host: usize, write: &Write) {
        self.past.push((self.now, self.store.clone()));
        if self.past.len() > LAG {
            self.past.remove(0);
        }
        // Entries are judged against the record before, the record against the chain before.
        for (expected, entry) in (self.chain.len() as u64 + 1..).zip(&write.entries) {
            if entry.seq != expected {
                self.problem(format!("entry {} stands at place {expected}", entry.seq));
            }
            self.say(|| format!("  #{} {}", entry.seq, entry.subject()));
            self.judge_entry(entry);
        }
        if let Some(record) = &write.record {
            self.judge_record(host, record, &write.entries);
            if let Some(renewal) = self.renewals.get_mut(&write.nonce) {
                renewal.2 = true;
            }
            self.store.record = Some(record.clone());
            self.store.version.lease = Some(format!("lease-{}", write.nonce));
        }
        if !write.entries.is_empty() {
            self.chain.extend(write.entries.iter().cloned());
            self.store.tip = write.tip.clone();
            self.store.version.ledger = Some(format!("ledger-{}", write.nonce));
        }
    }
}

/// A read that met a write half way: the lease of one moment, the ledger of another.
fn tear(lease: &Snapshot, ledger: &Snapshot) -> Snapshot {
    Snapshot {
        record: lease.record.clone(),
        tip: ledger.tip.clone(),
        version: Version {
            lease: lease.version.lease.clone(),
            ledger: ledger.version.ledger.clone(),
        },
    }
}

/// The version that a write leaves, whatever others have written since.
fn left_behind(write: &Write) -> Version {
    let lease = write
        .record
        .as_ref()
        .map(|_| format!("lease-{}", write.nonce));
    let ledger = (!write.entries.is_empty()).then(|| format!("ledger-{}", write.nonce));
    Version {
        lease: lease.or(write.expected.lease.clone()),
        ledger: ledger.or(write.expected.ledger.clone()),
    }
}
