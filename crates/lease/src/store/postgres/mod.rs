//! The PostgreSQL store (design §5): one row a lock, one row an entry, and one statement that swaps both.
//!
//! Responsible for: the tables, the statements, the connections, and being told of changes. Not responsible for connection
//! strings, TLS and logging in (`probes::postgres`), nor for which writes are made (the protocol).

use std::{sync::Arc, time::Duration};

use probes::postgres::Settings;

use crate::{
    LockName,
    store::{History, Snapshot, Store, StoreError, StoreFuture, Swap, Version, Write},
};

use ledger::Entry;

/// Where and how a PostgreSQL store is opened.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// The server, the database, and as whom.
    pub settings: Settings,
    /// What is locked.
    pub lock: LockName,
    /// How long a read or a send may take.
    pub request_timeout: Duration,
}

/// A [`Store`] in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    options: PostgresOptions,
}

impl PostgresStore {
    /// A store that connects when it is first asked something.
    pub fn new(options: PostgresOptions) -> PostgresStore {
        PostgresStore { options }
    }

    fn away(&self) -> StoreError {
        StoreError::Local {
            place: self.place(),
            detail: "not built yet".to_owned(),
        }
    }
}

impl Store for PostgresStore {
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
        place(&self.options.settings)
    }
}

/// Where this is, for people, without credentials: `postgres db.example:5432/baton`.
pub fn place(settings: &Settings) -> String {
    format!("postgres {settings}")
}
