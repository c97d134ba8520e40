//! The Redis store (design §5): a hash for the lease and the tip, a stream for the chain, and one script that swaps both.
//!
//! Responsible for: the keys, the script, the connections, and being told of changes. Not responsible for the protocol of
//! the wire, TLS, logging in and sentinels (`probes::redis`), nor for which writes are made (the protocol).

use std::{sync::Arc, time::Duration};

use ledger::Entry;
use probes::redis::{Settings, SettingsError};

use crate::{
    LockName,
    store::{History, Snapshot, Store, StoreError, StoreFuture, Swap, Version, Write},
};

/// Where a Redis store is: one server, or a master that sentinels know.
#[derive(Clone, Debug)]
pub struct RedisServer {
    settings: Settings,
}

impl RedisServer {
    /// Whether an address that begins so (`redis`, `rediss`) is a Redis store's.
    pub fn has_scheme(scheme: &str) -> bool {
        matches!(scheme, "redis" | "rediss")
    }

    /// Reads the address of the input `store`.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn parse(text: &str) -> Result<RedisServer, SettingsError> {
        Ok(RedisServer {
            settings: text.parse()?,
        })
    }

    /// Where this is, for people, without credentials: `redis cache.example:6379/0`.
    pub fn place(&self) -> String {
        format!("redis {}", self.settings)
    }
}

/// Where and how a Redis store is opened.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// The server, and as whom.
    pub server: RedisServer,
    /// What is locked.
    pub lock: LockName,
    /// How long a read or a send may take.
    pub request_timeout: Duration,
}

/// A [`Store`] in a Redis database.
#[derive(Debug)]
pub struct RedisStore {
    options: RedisOptions,
}

impl RedisStore {
    /// A store that connects when it is first asked something.
    pub fn new(options: RedisOptions) -> RedisStore {
        RedisStore { options }
    }

    fn away(&self) -> StoreError {
        StoreError::Local {
            place: self.place(),
            detail: "not built yet".to_owned(),
        }
    }
}

impl Store for RedisStore {
    fn read(&self) -> StoreFuture<'_, Result<Snapshot, StoreError>> {
        Box::pin(async { Err(self.away()) })
    }

    fn swap(&self, _write: Arc<Write>) -> StoreFuture<'_, Swap> {
        Box::pin(async { Swap::Unknown(self.away()) })
    }

    fn changed(&self, _seen: Version, longest: Duration) -> StoreFuture<'_, ()> {
        Box::pin(tokio::time::sleep(longest))
    }

    fn history(&self, _from: History) -> StoreFuture<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(async { Err(self.away()) })
    }

    fn place(&self) -> String {
        self.options.server.place()
    }
}
