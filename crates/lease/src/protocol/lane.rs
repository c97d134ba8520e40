//! The one write under way, and how its fate is learnt (design §4 rules 1 and 2).
//!
//! A write is created once and sent, unchanged, until its fate is known. Neither a rejection nor silence decides
//! anything: what the store holds does, because a nonce of ours in lease or ledger is a win.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use ledger::{Draft, Timestamp};

use super::{Now, SwapAnswer, view::View};
use crate::{
    Phase, Record,
    store::{Snapshot, StoreError, Version, Write},
    timing::SENDS_AT_ONCE,
};

/// How many record-carrying writes are remembered, to recognise one that lands late.
const REMEMBERED: usize = 16;

/// A write and why it was made.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Sent<P> {
    pub(super) purpose: P,
    pub(super) write: Arc<Write>,
    /// The deadline D runs from here.
    pub(super) first_sent: Duration,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Pending<P> {
    sent: Sent<P>,
    last_sent: Duration,
    in_flight: usize,
}

/// The writes of one actor: one at a time.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Lane<P> {
    pending: Option<Pending<P>>,
    remembered: VecDeque<Sent<P>>,
    /// The store has said no: the fate of the pending write must be read.
    pub(super) must_read: bool,
    /// The newest error of a send that trying again does not mend.
    pub(super) final_error: Option<StoreError>,
    /// The newest error of a send of the pending write.
    pub(super) last_error: Option<StoreError>,
}

/// What a snapshot says of the write under way.
pub(super) enum Fate<P> {
    /// It took effect.
    Won(Sent<P>),
    /// It did not, and never will: what it expects is gone.
    Gone,
    /// It may or may not have.
    Open,
}

impl<P: Clone + PartialEq> Lane<P> {
    pub(super) fn new() -> Self {
        Lane {
            pending: None,
            remembered: VecDeque::new(),
            must_read: false,
            final_error: None,
            last_error: None,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    pub(super) fn is_pending(&self, nonce: &str) -> bool {
        self.pending
            .as_ref()
            .is_some_and(|p| p.sent.write.nonce == nonce)
    }

    /// Makes a write over what `view` shows and hands out its first send.
    pub(super) fn write(
        &mut self,
        now: Now,
        nonce: &str,
        purpose: P,
        view: &View,
        record: Option<Record>,
        drafts: Vec<Draft>,
    ) -> Arc<Write> {
        let record = record.map(|r| Record {
            nonce: nonce.to_owned(),
            written_at: now.wall,
            ..r
        });
        let (entries, tip) = view.snapshot.tip.extend(nonce, now.wall, drafts);
        let write = Arc::new(Write {
            nonce: nonce.to_owned(),
            expected: view.snapshot.version.clone(),
            record,
            entries,
            tip,
            at: Timestamp(now.wall.0),
        });
        let sent = Sent {
            purpose,
            write: Arc::clone(&write),
            first_sent: now.boot,
        };
        if sent.write.record.is_some() {
            self.remembered.push_back(sent.clone());
            if self.remembered.len() > REMEMBERED {
                self.remembered.pop_front();
            }
        }
        self.pending = Some(Pending {
            sent,
            last_sent: now.boot,
            in_flight: 1,
        });
        self.must_read = false;
        self.final_error = None;
        self.last_error = None;
        write
    }

    /// The same write once more, where it is unanswered for `after`: the same bytes, the same nonce.
    pub(super) fn resend(&mut self, now: Duration, after: Duration) -> Option<Arc<Write>> {
        let pending = self.pending.as_mut()?;
        if pending.in_flight >= SENDS_AT_ONCE || now < pending.last_sent + after {
            return None;
        }
        pending.last_sent = now;
        pending.in_flight += 1;
        Some(Arc::clone(&pending.sent.write))
    }

    /// When the pending write is due to be sent again.
    pub(super) fn resend_at(&self, after: Duration) -> Option<Duration> {
        self.pending
            .as_ref()
            .filter(|p| p.in_flight < SENDS_AT_ONCE)
            .map(|p| p.last_sent + after)
    }

    /// Takes in the answer to one send. A win of the pending write comes back with what the store now holds.
    pub(super) fn answered(
        &mut self,
        nonce: &str,
        answer: SwapAnswer,
    ) -> Option<(Sent<P>, Version)> {
        let pending = self
            .pending
            .as_mut()
            .filter(|p| p.sent.write.nonce == nonce)?;
        pending.in_flight = pending.in_flight.saturating_sub(1);
        match answer {
            SwapAnswer::Won(version) => {
                let sent = pending.sent.clone();
                self.settle();
                Some((sent, version))
            }
            SwapAnswer::Lost => {
                self.must_read = true;
                None
            }
            SwapAnswer::Unknown(error) => {
                if !error.is_passing() {
                    self.final_error = Some(error.clone());
                }
                self.last_error = Some(error);
                None
            }
        }
    }

    /// What `snapshot`, known not to be older than what was seen before, says of the pending write.
    pub(super) fn fate(&mut self, snapshot: &Snapshot) -> Fate<P> {
        let Some(pending) = &self.pending else {
            self.must_read = false;
            return Fate::Open;
        };
        let write = &pending.sent.write;
        let in_lease = snapshot
            .record
            .as_ref()
            .is_some_and(|r| r.nonce == write.nonce);
        let in_ledger = !write.entries.is_empty() && snapshot.tip.has_nonce(&write.nonce);
        if in_lease || in_ledger {
            let sent = pending.sent.clone();
            self.settle();
            return Fate::Won(sent);
        }
        let lease_moved = write.record.is_some() && snapshot.version.lease != write.expected.lease;
        let ledger_moved =
            !write.entries.is_empty() && snapshot.version.ledger != write.expected.ledger;
        if lease_moved || ledger_moved {
            self.settle();
            return Fate::Gone;
        }
        self.must_read = false;
        Fate::Open
    }

    /// Whether `snapshot` tore the pending write apart.
    ///
    /// Its entries are there, its record is not, and what stands instead is older: only the other half can tell which
    /// version the next write must expect. A lease that is not there for longer than `patience` was removed.
    ///
    /// Or its record is there, and the ledger still is what its entries replace: who went on now would end the request
    /// that is about to move the ledger too, and the entries would be lost. Sending the write again completes it.
    pub(super) fn is_torn_by(
        &self,
        snapshot: &Snapshot,
        now: Duration,
        patience: Duration,
    ) -> bool {
        let Some(Sent {
            write, first_sent, ..
        }) = self.pending.as_ref().map(|p| &p.sent)
        else {
            return false;
        };
        let record_stands = snapshot
            .record
            .as_ref()
            .is_some_and(|r| r.nonce == write.nonce);
        let ledger_unmoved = snapshot.version.ledger == write.expected.ledger;
        if record_stands && ledger_unmoved && !write.entries.is_empty() {
            return true;
        }
        let Some(record) = write
            .record
            .as_ref()
            .filter(|_| snapshot.tip.has_nonce(&write.nonce))
        else {
            return false;
        };
        let follows = |stands: &Record| {
            let transferred =
                record.phase == Phase::Deploying && stands.phase == Phase::Transferring;
            stands.nonce == record.nonce
                || stands.token > record.token
                || (stands.token == record.token && transferred)
        };
        match &snapshot.record {
            Some(stands) => !follows(stands),
            None => now < *first_sent + patience,
        }
    }

    /// A write of ours, given up or not, whose record stands in the store.
    pub(super) fn remembered(&self, nonce: &str) -> Option<&Sent<P>> {
        self.remembered.iter().find(|s| s.write.nonce == nonce)
    }

    /// Whether the fate of the pending write is to be read at once. A store whose reads still tell nothing after
    /// `hurry` will not be moved by asking more often.
    pub(super) fn must_read_soon(&self, now: Duration, hurry: Duration) -> bool {
        self.must_read
            && self
                .pending
                .as_ref()
                .is_some_and(|p| now < p.sent.first_sent + hurry)
    }

    /// The write whose fate is open.
    pub(super) fn pending(&self) -> Option<&Sent<P>> {
        self.pending.as_ref().map(|p| &p.sent)
    }

    /// Since when the fate of the pending write is unknown, and why.
    pub(super) fn unanswered(&self) -> Option<(Duration, StoreError)> {
        let sent = &self.pending.as_ref()?.sent;
        let error = self.last_error.clone().unwrap_or_else(|| StoreError::Foreign {
            what: "lease and ledger".to_owned(),
            detail: "they show neither the last write nor what it was made over; were they set back?".to_owned(),
        });
        Some((sent.first_sent, error))
    }

    fn settle(&mut self) {
        self.pending = None;
        self.must_read = false;
        self.final_error = None;
        self.last_error = None;
    }
}
