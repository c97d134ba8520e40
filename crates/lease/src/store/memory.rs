//! A store in the memory of one process, for tests and simulations: exact, instant, and faulty on request.
//!
//! It keeps JSON, as the real stores do, so that what cannot be read back there cannot be read back here.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ledger::{Entry, Tip};
use tokio::{sync::watch, time::timeout};

use super::{History, Snapshot, Store, StoreError, StoreFuture, Swap, Version, Write, json};
use crate::LockName;

/// The place that several stores share, as several processes share a server.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    locks: Mutex<HashMap<LockName, State>>,
    faults: Mutex<Faults>,
    /// Counts writes, for those who wait for one.
    writes: watch::Sender<u64>,
}

#[derive(Clone, Debug, Default)]
struct State {
    record: Option<Vec<u8>>,
    tip: Option<serde_json::Value>,
    entries: Vec<Entry>,
    /// Who wrote each part, and as which of all writes.
    lease_by: Option<(u64, String)>,
    ledger_by: Option<(u64, String)>,
    writes: u64,
    /// Every earlier state, oldest first.
    earlier: Vec<Seen>,
}

/// What a read shows of a state.
#[derive(Clone, Debug, Default)]
struct Seen {
    record: Option<Vec<u8>>,
    tip: Option<serde_json::Value>,
    version: Version,
}

#[derive(Debug, Default)]
struct Faults {
    reads: VecDeque<ReadFault>,
    swaps: VecDeque<SwapFault>,
    late: Vec<(LockName, Arc<Write>)>,
}

/// What goes wrong with one read.
#[derive(Clone, Debug)]
pub enum ReadFault {
    /// It fails.
    Fail(StoreError),
    /// It is never answered.
    Hang,
    /// It shows the state before the last so many writes.
    Stale(usize),
}

/// What goes wrong with one swap.
#[derive(Clone, Debug)]
pub enum SwapFault {
    /// It fails without effect.
    Fail(StoreError),
    /// It is never answered and has no effect.
    Hang,
    /// It takes its effect, if it may, and is never answered.
    LoseAnswer,
    /// It is never answered; [`Memory::apply_late`] lets it take its effect, if it then may.
    Late,
}

impl Default for Memory {
    fn default() -> Self {
        let (writes, _) = watch::channel(0);
        Memory(Arc::new(Shared {
            locks: Mutex::default(),
            faults: Mutex::default(),
            writes,
        }))
    }
}

impl Memory {
    /// A store for `lock` in this place.
    pub fn store(&self, lock: LockName, request_timeout: Duration) -> MemoryStore {
        MemoryStore {
            place: self.clone(),
            lock,
            request_timeout,
        }
    }

    /// Lets the next read, after those already spoilt, go wrong.
    pub fn spoil_read(&self, fault: ReadFault) {
        self.faults().reads.push_back(fault);
    }

    /// Lets the next swap, after those already spoilt, go wrong.
    pub fn spoil_swap(&self, fault: SwapFault) {
        self.faults().swaps.push_back(fault);
    }

    /// Lets every swap that was held back arrive now, in the order they were sent. Says how many took effect.
    pub fn apply_late(&self) -> usize {
        let late = std::mem::take(&mut self.faults().late);
        late.iter()
            .filter(|(lock, write)| matches!(self.apply(lock, write), Swap::Won(_)))
            .count()
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locks(&self) -> MutexGuard<'_, HashMap<LockName, State>> {
        self.0.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, lock: &LockName, write: &Write) -> Swap {
        let swap = self.locks().entry(lock.clone()).or_default().apply(write);
        if matches!(swap, Swap::Won(_)) {
            self.0.writes.send_modify(|writes| *writes += 1);
        }
        swap
    }
}

impl State {
    fn seen(&self) -> Seen {
        Seen {
            record: self.record.clone(),
            tip: self.tip.clone(),
            version: self.version(),
        }
    }

    fn version(&self) -> Version {
        let named = |by: &Option<(u64, String)>| by.as_ref().map(|(write, _)| write.to_string());
        Version {
            lease: named(&self.lease_by),
            ledger: named(&self.ledger_by),
        }
    }

    fn apply(&mut self, write: &Write) -> Swap {
        let now = self.version();
        let (writes_lease, writes_ledger) = (write.record.is_some(), !write.entries.is_empty());
        let by_it = |by: &Option<(u64, String)>| {
            by.as_ref().is_some_and(|(_, nonce)| *nonce == write.nonce)
        };
        let left_behind = |now: Version| Version {
            lease: if writes_lease {
                now.lease
            } else {
                write.expected.lease.clone()
            },
            ledger: if writes_ledger {
                now.ledger
            } else {
                write.expected.ledger.clone()
            },
        };
        if (!writes_lease || by_it(&self.lease_by)) && (!writes_ledger || by_it(&self.ledger_by)) {
            return Swap::Won(left_behind(now));
        }
        if (writes_lease && now.lease != write.expected.lease)
            || (writes_ledger && now.ledger != write.expected.ledger)
        {
            return Swap::Lost;
        }
        let (record, tip) = (
            write.record.as_ref().map(serde_json::to_vec),
            serde_json::to_value(&write.tip),
        );
        let (Ok(record), Ok(tip)) = (record.transpose(), tip) else {
            return Swap::Unknown(StoreError::Local {
                place: "memory".into(),
                detail: "write it as JSON".into(),
            });
        };
        self.earlier.push(self.seen());
        self.writes += 1;
        let by = Some((self.writes, write.nonce.clone()));
        if let Some(record) = record {
            self.record = Some(record);
            self.lease_by.clone_from(&by);
        }
        if writes_ledger {
            self.tip = Some(tip);
            self.entries.extend_from_slice(&write.entries);
            self.ledger_by = by;
        }
        Swap::Won(left_behind(self.version()))
    }
}

impl Seen {
    fn snapshot(self, lock: &LockName) -> Result<Snapshot, StoreError> {
        let foreign = |part: &str, detail| StoreError::Foreign {
            what: format!("the {part} of {lock}"),
            detail,
        };
        let record = self.record.map(|r| json::read_record(&r, lock)).transpose();
        let tip = self.tip.map_or(Ok(Tip::default()), json::read_tip);
        Ok(Snapshot {
            record: record.map_err(|detail| foreign("lease", detail))?,
            tip: tip.map_err(|detail| foreign("ledger", detail))?,
            version: self.version,
        })
    }
}

/// A [`Store`] in a [`Memory`].
#[derive(Clone, Debug)]
pub struct MemoryStore {
    place: Memory,
    lock: LockName,
    request_timeout: Duration,
}

impl MemoryStore {
    async fn hang(&self) -> StoreError {
        tokio::time::sleep(self.request_timeout).await;
        StoreError::TimedOut {
            place: self.place(),
            after: self.request_timeout,
        }
    }
}

impl Store for MemoryStore {
    fn read(&self) -> StoreFuture<'_, Result<Snapshot, StoreError>> {
        Box::pin(async {
            let fault = self.place.faults().reads.pop_front();
            let back = match fault {
                Some(ReadFault::Fail(error)) => return Err(error),
                Some(ReadFault::Hang) => return Err(self.hang().await),
                Some(ReadFault::Stale(back)) => back,
                None => 0,
            };
            let state = self
                .place
                .locks()
                .get(&self.lock)
                .cloned()
                .unwrap_or_default();
            let seen = match back {
                0 => state.seen(),
                back => state
                    .earlier
                    .into_iter()
                    .rev()
                    .nth(back - 1)
                    .unwrap_or_default(),
            };
            seen.snapshot(&self.lock)
        })
    }

    fn swap(&self, write: Arc<Write>) -> StoreFuture<'_, Swap> {
        Box::pin(async move {
            let fault = self.place.faults().swaps.pop_front();
            match fault {
                None => return self.place.apply(&self.lock, &write),
                Some(SwapFault::Fail(error)) => return Swap::Unknown(error),
                Some(SwapFault::Hang) => {}
                Some(SwapFault::LoseAnswer) => {
                    self.place.apply(&self.lock, &write);
                }
                Some(SwapFault::Late) => self.place.faults().late.push((self.lock.clone(), write)),
            }
            Swap::Unknown(self.hang().await)
        })
    }

    fn changed(&self, seen: Version, longest: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut writes = self.place.0.writes.subscribe();
            let now = || {
                self.place
                    .locks()
                    .get(&self.lock)
                    .map(State::version)
                    .unwrap_or_default()
            };
            let change = async {
                while now() == seen {
                    if writes.changed().await.is_err() {
                        return;
                    }
                }
            };
            let _ = timeout(longest, change).await;
        })
    }

    fn history(&self, from: History) -> StoreFuture<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(async move {
            let entries = self
                .place
                .locks()
                .get(&self.lock)
                .map(|s| s.entries.clone())
                .unwrap_or_default();
            let wanted = |entry: &Entry| match from {
                History::FromSeq(seq) => entry.seq >= seq,
                History::Since(at) => entry.at >= at,
            };
            Ok(entries.into_iter().filter(wanted).collect())
        })
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
