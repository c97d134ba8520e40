//! The PostgreSQL store (design §5): one row a lock, one row an entry, and one statement that swaps both.
//!
//! Responsible for: the tables, the statements, the connections, and being told of changes. Not responsible for connection
//! strings, TLS and logging in (`probes::postgres`), nor for which writes are made (the protocol).
//!
//! Safe behind a pooler that changes servers between transactions: every request is one unnamed statement, nothing is set
//! for a session, and no advisory lock is taken. Only `LISTEN` needs a connection to the server itself; without it the
//! poll carries the news.
//!
//! **What a write that was given up may still do.** It waits for a locked row no longer than its sender did. A server that
//! hangs as a whole applies what reached it when it goes on, however late: the compare decides then, as it does for any
//! write that comes late.

mod failure;
mod listener;
mod sessions;
mod tables;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ledger::Entry;
use probes::postgres::{Parameter, PostgresError, Settings};
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};
use tokio_postgres::{Row, types::Type};

use self::{
    failure::Doing,
    listener::Listener,
    sessions::{Request, Sessions},
    tables::{Part, SwapParameters},
};
use crate::{
    LockName,
    store::{History, Snapshot, Store, StoreError, StoreFuture, Swap, Version, Write, chain},
};

pub use tables::SCHEMA_SQL;

/// How many entries one request for history brings at most.
const PAGE: i64 = 1000;

/// How long one page of history may take, as a multiple of the request timeout: no renewal waits for it.
const LONG_REQUEST: u32 = 10;

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
pub struct PostgresStore {
    options: PostgresOptions,
    key: String,
    channel: String,
    sessions: Arc<Sessions>,
    listener: OnceLock<Listener>,
    /// What the listener had counted when the newest read was sent, or when it last woke somebody: only what it counts
    /// from then on is news. Whoever is woken and does not read is not woken for the same again.
    known: AtomicU64,
    /// How many reads are under way.
    reading: watch::Sender<usize>,
}

/// Counts a read as long as it lives.
struct Reading<'a>(&'a watch::Sender<usize>);

impl<'a> Reading<'a> {
    fn begin(reading: &'a watch::Sender<usize>) -> Self {
        reading.send_modify(|reads| *reads += 1);
        Reading(reading)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|reads| *reads -= 1);
    }
}

impl PostgresStore {
    /// A store that connects when it is first asked something.
    pub fn new(options: PostgresOptions) -> PostgresStore {
        PostgresStore {
            key: options.lock.encoded(),
            channel: listener::channel(&options.lock),
            sessions: Arc::new(Sessions::new(
                options.settings.clone(),
                options.request_timeout,
            )),
            listener: OnceLock::new(),
            known: AtomicU64::new(0),
            reading: watch::Sender::new(0),
            options,
        }
    }

    /// Asks within `patience`; nothing where the tables are not there yet.
    async fn ask(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
        patience: Duration,
    ) -> Result<Option<Vec<Row>>, StoreError> {
        let request = Request::Statement(statement, parameters);
        match self.in_time(patience, self.sessions.ask(request)).await? {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if failure::is_without_tables(&error) => Ok(None),
            Err(error) => Err(self.judge(&error, Doing::Asking)),
        }
    }

    async fn read_now(&self) -> Result<Snapshot, StoreError> {
        let _reading = Reading::begin(&self.reading);
        if let Some(listener) = self.listener.get() {
            self.known
                .fetch_max(*listener.told().borrow(), Ordering::Relaxed);
        }
        let lock = [(&self.key as _, Type::TEXT)];
        let rows = self
            .ask(tables::READ, &lock, self.options.request_timeout)
            .await?;
        let lock = &self.options.lock;
        let snapshot = tables::read_snapshot(&rows.unwrap_or_default(), lock);
        snapshot.map_err(|(part, detail)| {
            let what = match part {
                Part::Row => format!("the row of {lock} in baton_leases"),
                Part::Record => format!("the lease of {lock} in baton_leases"),
                Part::Tip => format!("the ledger of {lock} in baton_leases"),
            };
            failure::foreign(&self.options.settings, &what, detail)
        })
    }

    async fn swap_now(&self, write: &Write) -> Result<bool, StoreError> {
        let patience = self.options.request_timeout;
        let parameters = SwapParameters::new(write, &self.options.lock, &self.channel, patience);
        let parameters = parameters.map_err(|error| StoreError::Local {
            place: self.place(),
            detail: format!("it cannot be written as JSON ({error})"),
        })?;
        let (statement, parameters) = (tables::swap(write), parameters.all());
        let request = Request::Statement(&statement, &parameters);
        let rows = loop {
            match self.sessions.ask(request).await {
                Ok(rows) => break rows,
                Err(error) if failure::is_without_tables(&error) => {
                    self.make_tables().await?;
                }
                Err(error) => return Err(self.judge(&error, Doing::Asking)),
            }
        };
        tables::read_swapped(&rows).map_err(|detail| {
            let what = format!("the row of {} in baton_leases", self.options.lock);
            failure::foreign(&self.options.settings, &what, detail)
        })
    }

    /// Makes the tables, or waits for somebody else who does.
    async fn make_tables(&self) -> Result<(), StoreError> {
        loop {
            match self.sessions.ask(Request::Script(SCHEMA_SQL)).await {
                Ok(_) => return Ok(()),
                Err(error) if failure::is_making_race(&error) => tokio::task::yield_now().await,
                Err(error) => return Err(self.judge(&error, Doing::MakingTables)),
            }
        }
    }

    async fn history_now(&self, from: History) -> Result<Vec<Entry>, StoreError> {
        let patience = self.options.request_timeout * LONG_REQUEST;
        let foreign = |detail| {
            let what = format!("the ledger of {} in baton_ledger", self.options.lock);
            failure::foreign(&self.options.settings, &what, detail)
        };
        let (mut next, asked, since) = match from {
            History::FromSeq(seq) => (tables::number(seq), Some(seq), None),
            History::Since(since) => {
                let at = tables::number(since.0);
                let late = [(&self.key as _, Type::TEXT), (&at as _, Type::INT8)];
                let rows = self.ask(tables::FIRST_SINCE, &late, patience).await?;
                match tables::read_first(&rows.unwrap_or_default()).map_err(foreign)? {
                    Some(first) => (first, None, Some(since)),
                    None => return Ok(Vec::new()),
                }
            }
        };
        let (mut entries, mut most) = (Vec::new(), PAGE);
        loop {
            let page: [Parameter<'_>; 3] = [
                (&self.key, Type::TEXT),
                (&next, Type::INT8),
                (&most, Type::INT8),
            ];
            let request = Request::Statement(tables::PAGE, &page);
            let rows = match self.in_time(patience, self.sessions.ask(request)).await? {
                Ok(rows) => rows,
                // The last lines of many failed commands, for instance.
                Err(PostgresError::TooLong { .. }) if most > 1 => {
                    most = (most / 8).max(1);
                    continue;
                }
                Err(error) if failure::is_without_tables(&error) => return Ok(entries),
                Err(error) => return Err(self.judge(&error, Doing::Asking)),
            };
            for row in &rows {
                let entry = tables::read_entry(row).map_err(foreign)?;
                next = tables::number(entry.seq).saturating_add(1);
                entries.push(entry);
            }
            if (rows.len() as i64) < most {
                chain::check(&entries, asked).map_err(foreign)?;
                // Writers' clocks differ: what lags behind its neighbours is left out only now.
                entries.retain(|entry| since.is_none_or(|since| entry.at >= since));
                return Ok(entries);
            }
        }
    }

    fn judge(&self, error: &PostgresError, doing: Doing) -> StoreError {
        failure::judge(error, &self.options.settings, doing)
    }

    async fn in_time<T>(
        &self,
        patience: Duration,
        request: impl Future<Output = T>,
    ) -> Result<T, StoreError> {
        timeout(patience, request).await.map_err(|_| {
            self.sessions.forget();
            StoreError::TimedOut {
                place: self.place(),
                after: patience,
            }
        })
    }
}

impl Store for PostgresStore {
    fn read(&self) -> StoreFuture<'_, Result<Snapshot, StoreError>> {
        Box::pin(self.read_now())
    }

    fn swap(&self, write: Arc<Write>) -> StoreFuture<'_, Swap> {
        Box::pin(async move {
            let version = write.leaves();
            if write.record.is_none() && write.entries.is_empty() {
                return Swap::Won(version);
            }
            let swap = self.in_time(self.options.request_timeout, self.swap_now(&write));
            match swap.await {
                Ok(Ok(true)) => Swap::Won(version),
                Ok(Ok(false)) => Swap::Lost,
                Ok(Err(error)) | Err(error) => Swap::Unknown(error),
            }
        })
    }

    fn changed(&self, _seen: Version, longest: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let end = Instant::now() + longest;
            let mut told = self
                .listener
                .get_or_init(|| Listener::start(Arc::clone(&self.sessions), self.channel.clone()))
                .told();
            let known = self.known.load(Ordering::Relaxed);
            let news = async { told.wait_for(|told| *told > known).await.map(|told| *told) };
            match timeout_at(end, news).await {
                Ok(Ok(told)) => {
                    self.known.fetch_max(told, Ordering::Relaxed);
                    // What is being read now may have been too early for it: the news is worth telling after that.
                    let mut reading = self.reading.subscribe();
                    let _ended = timeout_at(end, reading.wait_for(|reads| *reads == 0)).await;
                }
                Ok(Err(_)) => tokio::time::sleep_until(end).await,
                Err(_) => {}
            }
        })
    }

    fn history(&self, from: History) -> StoreFuture<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(self.history_now(from))
    }

    fn place(&self) -> String {
        place(&self.options.settings)
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore")
            .field("place", &self.place())
            .field("lock", &self.options.lock)
            .finish_non_exhaustive()
    }
}

/// Where this is, for people, without credentials: `postgres db.example:5432/baton`.
pub fn place(settings: &Settings) -> String {
    format!("postgres {settings}")
}
