//! The store contract (design §5): where lease and ledger live, and the one operation that grants anything.
//!
//! A store knows nothing of phases, roles or time. It keeps, per lock, one record and one chain of entries with the tip
//! after the newest, and swaps them atomically when both are still what the writer saw.

mod chain;
pub mod git;
mod json;
#[cfg(feature = "testing")]
pub mod memory;
pub mod postgres;
pub mod redis;

use std::{
    fmt,
    future::Future,
    hash::{Hash, Hasher},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use ledger::{Entry, Timestamp, Tip};

use crate::Record;

/// A future that a store returns; boxed, because the store is chosen by an input at run time.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Which state of the lock was seen: the exact lease and the exact ledger tip. Opaque outside its store, but two
/// versions of one store are equal exactly when nothing was written in between.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Version {
    /// The lease's version; nothing where there never was one.
    pub lease: Option<String>,
    /// The ledger tip's version; nothing where the chain is empty.
    pub ledger: Option<String>,
}

/// What a store held at some moment not later than the answer. Reads may lag and prove nothing (design §4 rule 1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The lease's record.
    pub record: Option<Record>,
    /// The ledger's tip; `Tip::default()` for an empty chain.
    pub tip: Tip,
    /// The version of both.
    pub version: Version,
}

/// Versions are equal exactly where nothing was written in between: they stand for the rest.
impl Hash for Snapshot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.version.hash(state);
    }
}

/// A write: everything of it or nothing. Sending the same write again is safe: it can take effect once only.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Identifies this write; equal to the record's nonce and to that of every entry.
    pub nonce: String,
    /// What the writer saw. With a `record`, the lease must still have this version; with `entries`, the ledger must.
    /// A part that is not written is not compared (a heartbeat writes the lease alone).
    pub expected: Version,
    /// The new record; nothing leaves the lease as it is (an append).
    pub record: Option<Record>,
    /// The new entries, in the order of their `seq`; none leaves the ledger as it is (a heartbeat).
    pub entries: Vec<Entry>,
    /// The tip after the last of `entries`; not looked at where there are none.
    pub tip: Tip,
    /// When it was first sent, by the writer's wall clock: makes every send of one write the same bytes.
    pub at: Timestamp,
}

/// The nonce is fresh for every write, so that it stands for all of it.
impl Hash for Write {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nonce.hash(state);
    }
}

impl Write {
    /// The version that this write leaves behind where versions are nonces of writes (PostgreSQL, Redis): its nonce in each
    /// part that it writes, what it expects in the other.
    pub fn leaves(&self) -> Version {
        let part = |written: bool, expected: &Option<String>| match written {
            true => Some(self.nonce.clone()),
            false => expected.clone(),
        };
        Version {
            lease: part(self.record.is_some(), &self.expected.lease),
            ledger: part(!self.entries.is_empty(), &self.expected.ledger),
        }
    }
}

/// What came of a send.
#[derive(Debug)]
pub enum Swap {
    /// It took effect, now or by an earlier send of the same write. The version is the one that *this write* left
    /// behind, never a newer one that somebody else made since (the writer would take foreign entries for its own and
    /// write over them); the part that was not written keeps the version of `expected`.
    Won(Version),
    /// The store says that something else is there. By itself this decides nothing: an earlier send of the same write
    /// may have taken effect and been followed by others (design §4 rule 2).
    Lost,
    /// No answer, or none that can be understood: it may have taken effect, or may still.
    Unknown(StoreError),
}

/// How far back [`Store::history`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Every entry from this place in the chain on.
    FromSeq(u64),
    /// Every entry written at this moment or later, by the writers' wall clocks.
    Since(Timestamp),
}

/// A place for lease and ledger of one lock.
pub trait Store: Send + Sync + fmt::Debug {
    /// Record, ledger tip and version, read together.
    ///
    /// # Errors
    /// The store cannot be reached, refuses us, or holds something that is not ours to read.
    fn read(&self) -> StoreFuture<'_, Result<Snapshot, StoreError>>;

    /// Puts `write` in place of what it expects, atomically. Ends within the store's request timeout.
    fn swap(&self, write: Arc<Write>) -> StoreFuture<'_, Swap>;

    /// Waits until something may have changed since `seen`, at most `longest`. Returning early is allowed; a store that
    /// cannot be told of changes just waits.
    fn changed(&self, seen: Version, longest: Duration) -> StoreFuture<'_, ()>;

    /// Entries of the chain, oldest first, without a gap.
    ///
    /// # Errors
    /// As for [`Store::read`]; a gap is [`StoreError::Foreign`].
    fn history(&self, from: History) -> StoreFuture<'_, Result<Vec<Entry>, StoreError>>;

    /// Cleans up what earlier writes left behind, where the store is our own to clean. Called after a deployment's end;
    /// never needed for correctness.
    fn tidy(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Where this is, for people, without credentials: `git https://github.com/o/r`.
    fn place(&self) -> String;

    /// What its users should know before they rely on it, one or two sentences: what was seen of it so far, asked for at no
    /// cost of its own.
    fn warning(&self) -> Option<String> {
        None
    }
}

/// Why a store gave no answer. Texts fit "failed to read the lease: …" and never hold a credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum StoreError {
    /// No connection, a broken one, or a server's own failure: trying again may help.
    #[error("the store at {place} is out of reach: {detail}")]
    Unreachable {
        /// [`Store::place`].
        place: String,
        /// What was seen.
        detail: String,
    },
    /// No answer within the request timeout.
    #[error("the store at {place} gave no answer within {after:?}")]
    TimedOut {
        /// [`Store::place`].
        place: String,
        /// The request timeout.
        after: Duration,
    },
    /// The store knows us not, or does not let us.
    #[error("the store at {place} refuses access: {detail}")]
    Denied {
        /// [`Store::place`].
        place: String,
        /// What was seen.
        detail: String,
    },
    /// What stands there is not what this version can read; it is left as it is.
    #[error("what stands at {what} cannot be used and was left as it is: {detail}")]
    Foreign {
        /// The ref, row or key.
        what: String,
        /// What is wrong with it, and what to do.
        detail: String,
    },
    /// The tool or the local folder that the store needs is missing or broken.
    #[error("the store at {place} cannot be used from this host: {detail}")]
    Local {
        /// [`Store::place`].
        place: String,
        /// What was seen, and what to do.
        detail: String,
    },
}

impl StoreError {
    /// Whether trying again may help without anybody doing something about it.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            StoreError::Unreachable { .. } | StoreError::TimedOut { .. }
        )
    }
}
