//! The store as a process sees it: connections that are kept, given up and made again, and a request timeout.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use lease::{
    LockName, Record,
    store::{History, Snapshot, Store, StoreError, StoreFuture, Swap, Version, Write},
};
use ledger::{Entry, Tip};
use tokio::time::{sleep, timeout};
use turmoil::net::TcpStream;

use crate::{
    clock::Clock,
    dice::Dice,
    disk::left_behind,
    script::Script,
    wire::{self, Answer, Ask, PORT, Versions},
};

/// A [`Store`] behind turmoil's network.
#[derive(Clone)]
pub(crate) struct NetStore {
    lock: LockName,
    /// In the simulation's time.
    request_timeout: Duration,
    /// The store tells of changes; otherwise waiting is all that [`Store::changed`] does.
    notified: bool,
    twice_percent: u64,
    takes_silence_for_yes: bool,
    inner: Arc<Mutex<Inner>>,
}

/// What changes over a client's life.
struct Inner {
    dice: Dice,
    /// Connections on which nothing is under way.
    idle: Vec<TcpStream>,
    /// The newest state that was read: what has not changed need not be sent again.
    known: (Versions, Option<Record>, Tip),
}

impl std::fmt::Debug for NetStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NetStore({})", self.lock)
    }
}

impl NetStore {
    pub(crate) fn new(script: &Script, lock: LockName, clock: Clock, dice: Dice) -> Self {
        NetStore {
            lock,
            request_timeout: clock.takes(script.timing.request_timeout),
            notified: script.notified,
            twice_percent: script.weather.twice_percent,
            takes_silence_for_yes: script.broken.takes_silence_for_yes,
            inner: Arc::new(Mutex::new(Inner {
                dice,
                idle: Vec::new(),
                known: Default::default(),
            })),
        }
    }

    async fn ask(&self, ask: &Ask, within: Duration) -> Result<Answer, StoreError> {
        let place = self.place();
        let answer = async {
            let idle = self.inner.lock().unwrap().idle.pop();
            let mut stream = match idle {
                Some(stream) => stream,
                None => TcpStream::connect(("store", PORT)).await?,
            };
            wire::send(&mut stream, ask).await?;
            let answer = wire::receive(&mut stream).await?;
            self.inner.lock().unwrap().idle.push(stream);
            Ok::<Answer, io::Error>(answer)
        };
        match timeout(within, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(StoreError::Unreachable {
                place,
                detail: error.to_string(),
            }),
            Err(_) => Err(StoreError::TimedOut {
                place,
                after: within,
            }),
        }
    }

    fn foreign<T>(&self, detail: &str) -> Result<T, StoreError> {
        Err(StoreError::Foreign {
            what: self.lock.to_string(),
            detail: detail.to_owned(),
        })
    }

    fn record(&self, text: &str) -> Result<Record, StoreError> {
        match serde_json::from_str::<Record>(text) {
            Ok(record) if record.schema > lease::SCHEMA => {
                self.foreign("written by a newer version")
            }
            Ok(record) if record.lock != self.lock => self.foreign(&format!(
                "the record is that of the lock {:?}",
                record.lock.as_str()
            )),
            Ok(record) => Ok(record),
            Err(error) => self.foreign(&error.to_string()),
        }
    }

    fn tip(&self, text: &str) -> Result<Tip, StoreError> {
        match serde_json::from_str::<Tip>(text) {
            Ok(tip) if tip.schema > ledger::SCHEMA => self.foreign("written by a newer version"),
            Ok(tip) => Ok(tip),
            Err(error) => self.foreign(&error.to_string()),
        }
    }
}

impl Store for NetStore {
    fn read(&self) -> StoreFuture<'_, Result<Snapshot, StoreError>> {
        Box::pin(async {
            let (known, known_record, known_tip) = self.inner.lock().unwrap().known.clone();
            let ask = Ask::Read {
                lock: self.lock.to_string(),
                known: known.clone(),
            };
            let Answer::State {
                versions,
                record,
                tip,
            } = self.ask(&ask, self.request_timeout).await?
            else {
                return self.foreign("no answer to a read");
            };
            let record = match record {
                Some(text) => Some(self.record(&text)?),
                None => known_record.filter(|_| versions.lease.is_some()),
            };
            let tip = match tip {
                Some(text) => self.tip(&text)?,
                None => known_tip,
            };
            self.inner.lock().unwrap().known = (versions.clone(), record.clone(), tip.clone());
            Ok(Snapshot {
                record,
                tip,
                version: version(versions),
            })
        })
    }

    fn swap(&self, write: Arc<Write>) -> StoreFuture<'_, Swap> {
        Box::pin(async move {
            let swap = wire::Swap {
                nonce: write.nonce.clone(),
                expected: versions(&write.expected),
                record: write
                    .record
                    .as_ref()
                    .map(|r| serde_json::to_string(r).unwrap()),
                entries: write.entries.clone(),
                tip: if write.entries.is_empty() {
                    String::new()
                } else {
                    serde_json::to_string(&write.tip).unwrap()
                },
            };
            let left_behind = left_behind(&swap);
            let ask = Ask::Swap {
                lock: self.lock.to_string(),
                swap,
            };
            let twice = {
                let dice = &mut self.inner.lock().unwrap().dice;
                dice.chance(self.twice_percent)
                    .then(|| dice.millis(0, 5_000))
            };
            if let Some(pause) = twice {
                let (store, ask) = (self.clone(), ask.clone());
                tokio::spawn(async move {
                    sleep(pause).await;
                    let _ = store.ask(&ask, store.request_timeout).await;
                });
            }
            match self.ask(&ask, self.request_timeout).await {
                Ok(Answer::Won(versions)) => Swap::Won(version(versions)),
                Ok(_) => Swap::Lost,
                Err(_) if self.takes_silence_for_yes => Swap::Won(version(left_behind)),
                Err(error) => Swap::Unknown(error),
            }
        })
    }

    fn changed(&self, seen: Version, longest: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            if !self.notified {
                return sleep(longest).await;
            }
            let ask = Ask::Wait {
                lock: self.lock.to_string(),
                seen: versions(&seen),
                longest: longest.as_millis() as u64,
            };
            let begin = tokio::time::Instant::now();
            // A connection that cannot be made tells of nothing: the poll stands behind it.
            if self.ask(&ask, longest).await.is_err() {
                sleep(longest.saturating_sub(begin.elapsed())).await;
            }
        })
    }

    fn history(&self, from: History) -> StoreFuture<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(async move {
            let (from_seq, since) = match from {
                History::FromSeq(seq) => (seq, None),
                History::Since(at) => (0, Some(at)),
            };
            let ask = Ask::History {
                lock: self.lock.to_string(),
                from_seq,
                since,
            };
            match self.ask(&ask, self.request_timeout).await? {
                Answer::Entries(entries) => Ok(entries),
                _ => self.foreign("no answer to a question for the history"),
            }
        })
    }

    fn place(&self) -> String {
        "turmoil".to_owned()
    }
}

fn version(versions: Versions) -> Version {
    Version {
        lease: versions.lease,
        ledger: versions.ledger,
    }
}

fn versions(version: &Version) -> Versions {
    Versions {
        lease: version.lease.clone(),
        ledger: version.ledger.clone(),
    }
}
