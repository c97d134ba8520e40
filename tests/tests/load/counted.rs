//! A store that counts what is asked of it, and how long it takes to answer.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lease::store::{History, Snapshot, Store, StoreError, StoreFuture, Swap, Version, Write};
use ledger::Entry;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What a store was asked, by all that use it, and how much it is asked at once.
///
/// Each candidate has a runner of its own; here hundreds share one machine with the server. Where every request is a
/// handful of processes, they would only kill each other by their time-outs: so they queue for their turn, as they would
/// at a server that serves so many at once, and the time in the queue is time that the request takes.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    counts: Arc<Mutex<Counts>>,
    turns: Arc<Semaphore>,
}

/// The counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// How long each read took.
    pub(crate) reads: Vec<Duration>,
    /// How many of them told nothing.
    pub(crate) unread: usize,
    /// How long each send of a write took.
    pub(crate) swaps: Vec<Duration>,
    /// Sends of the lease alone: renewals.
    pub(crate) renewals: Answers,
    /// Sends of lease and ledger together: claims, attempts, ends.
    pub(crate) rows: Answers,
    /// Sends of entries alone: announcements, places in the queue, ends of what was never claimed.
    pub(crate) appends: Answers,
    /// How often a history was asked for.
    pub(crate) histories: usize,
    /// The newest error, of a read or of a swap.
    pub(crate) error: Option<StoreError>,
}

/// What came of some sends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) won: usize,
    pub(crate) lost: usize,
    pub(crate) unknown: usize,
}

impl Traffic {
    /// Nothing so far, and at most `at_once` requests at a time, where that is limited.
    pub(crate) fn new(at_once: Option<usize>) -> Traffic {
        Traffic {
            counts: Arc::default(),
            turns: Arc::new(Semaphore::new(at_once.unwrap_or(Semaphore::MAX_PERMITS))),
        }
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) -> SemaphorePermit<'_> {
        self.turns.acquire().await.expect("it is never closed")
    }

    /// `store`, counted here.
    pub(crate) fn count(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        let traffic = self.clone();
        Arc::new(Counted { store, traffic })
    }

    /// What has been counted so far.
    pub(crate) fn so_far(&self) -> Counts {
        self.with(|counts| counts.clone())
    }

    fn with<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct Counted {
    store: Arc<dyn Store>,
    traffic: Traffic,
}

impl Store for Counted {
    fn read(&self) -> StoreFuture<'_, Result<Snapshot, StoreError>> {
        Box::pin(async {
            let sent = Instant::now();
            let turn = self.traffic.turn().await;
            let answer = self.store.read().await;
            drop(turn);
            self.traffic.with(|counts| {
                counts.reads.push(sent.elapsed());
                if let Err(error) = &answer {
                    counts.unread += 1;
                    counts.error = Some(error.clone());
                }
            });
            answer
        })
    }

    fn swap(&self, write: Arc<Write>) -> StoreFuture<'_, Swap> {
        Box::pin(async move {
            let (lease, ledger) = (write.record.is_some(), !write.entries.is_empty());
            let sent = Instant::now();
            let turn = self.traffic.turn().await;
            let answer = self.store.swap(write).await;
            drop(turn);
            self.traffic.with(|counts| {
                counts.swaps.push(sent.elapsed());
                let answers = match (lease, ledger) {
                    (true, true) => &mut counts.rows,
                    (true, false) => &mut counts.renewals,
                    (false, _) => &mut counts.appends,
                };
                match &answer {
                    Swap::Won(_) => answers.won += 1,
                    Swap::Lost => answers.lost += 1,
                    Swap::Unknown(error) => {
                        answers.unknown += 1;
                        counts.error = Some(error.clone());
                    }
                }
            });
            answer
        })
    }

    fn changed(&self, seen: Version, longest: Duration) -> StoreFuture<'_, ()> {
        self.store.changed(seen, longest)
    }

    fn history(&self, from: History) -> StoreFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.traffic.with(|counts| counts.histories += 1);
        self.store.history(from)
    }

    fn place(&self) -> String {
        self.store.place()
    }
}
