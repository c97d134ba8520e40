//! The Redis store (design §5): a hash for the lease and the tip, a stream for the chain, and one script that swaps both.
//!
//! Responsible for: the keys, the script, the connections, and being told of changes. Not responsible for the protocol of
//! the wire, TLS, logging in and sentinels (`probes::redis`), nor for which writes are made (the protocol).
//!
//! Redis 6 is the oldest server. The least that a user needs (<https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/>):
//! `~baton:* resetchannels &baton:* +hmget +hset +hlen +xadd +xrange +xrevrange +publish +subscribe +ping +eval +evalsha`,
//! with `+select` for another database than 0, and `+info` to be told of a server that is a replica or may delete keys on its
//! own. Redis 6.2 wants `resetchannels` before `&baton:*`; 6.0 has no rights on channels.
//!
//! **What Redis does not promise.** Replication is asynchronous: a failover can lose the newest writes, and sets the token
//! back with them. Candidates that have seen the newer state refuse the older one; for those that have not, only a guarded
//! target helps (design §5). A server that keeps no append-only file with `appendfsync always` forgets the same way when it
//! is restarted.

mod failure;
mod history;
mod layout;
mod meaning;
mod pool;
mod server;
mod watch;

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use ledger::Entry;
use probes::redis::Value;
use tokio::{
    sync::watch::Receiver,
    time::{Instant, sleep, timeout},
};

use self::{
    layout::{Keys, message},
    pool::Pool,
    watch::{Heard, Listener},
};
use crate::{
    LockName,
    store::{History, Snapshot, Store, StoreError, StoreFuture, Swap, Version, Write},
};

pub use server::{RedisServer, RedisServerError};

/// Compares and swaps.
const SCRIPT: &str = include_str!("swap.lua");

/// The name of [`SCRIPT`] for a server that has it: its SHA-1.
const SCRIPT_NAME: &str = "cad273a04d550a5868d4ba07ff307cfc01f0eefa";

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
pub struct RedisStore {
    lock: LockName,
    keys: Keys,
    pool: Arc<Pool>,
    listener: OnceLock<Listener>,
    /// The newest version that was found to be the store's own, and how much had been heard before it was asked.
    confirmed: Mutex<Option<(Version, u64)>>,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("place", &self.place())
            .field("lock", &self.lock)
            .finish_non_exhaustive()
    }
}

impl RedisStore {
    /// A store that connects when it is first asked something.
    pub fn new(options: RedisOptions) -> RedisStore {
        RedisStore {
            keys: Keys::of(&options.lock),
            lock: options.lock,
            pool: Arc::new(Pool::new(options.server, options.request_timeout)),
            listener: OnceLock::new(),
            confirmed: Mutex::default(),
        }
    }

    async fn send(&self, write: &Write) -> Result<Swap, StoreError> {
        let arguments = self.arguments(write).map_err(|error| StoreError::Local {
            place: self.place(),
            detail: format!("the write cannot be put into JSON ({error})"),
        })?;
        let deadline = Instant::now() + self.pool.request_timeout();
        let command = |how: [&'static str; 2]| -> Vec<&str> {
            let keys = ["2", &self.keys.lease, &self.keys.ledger];
            let arguments = arguments.iter().map(String::as_str);
            how.into_iter().chain(keys).chain(arguments).collect()
        };
        let by_name = command(["EVALSHA", SCRIPT_NAME]);
        let answer = match self.pool.ask_by(&by_name, deadline).await {
            // A server that was started anew, or whose scripts were flushed.
            Err(failure) if failure.code() == Some("NOSCRIPT") => {
                self.pool.ask_by(&command(["EVAL", SCRIPT]), deadline).await
            }
            answer => answer,
        };
        let answer = answer.map_err(|failure| match failure.refusal() {
            Some(refusal) if refusal.code == "WRONGTYPE" => match refusal.message.get(..1) {
                // XREVRANGE, XADD: the script says which command was refused.
                Some("X") => self.keys.no_stream(),
                _ => self.keys.no_hash(),
            },
            // An entry was removed from the end of the stream, which keeps its place taken.
            Some(refusal) if refusal.message.contains("specified in XADD") => self
                .keys
                .foreign_ledger("it had entries that the lease's tip knows nothing of"),
            _ => self.pool.told(&failure),
        })?;
        match answer.text() {
            Some("won") => Ok(Swap::Won(write.leaves())),
            Some("lost") => Ok(Swap::Lost),
            Some("newer") => Err(self.keys.newer()),
            Some("foreign") => Err(self
                .keys
                .foreign_lease("it holds something of somebody else's")),
            Some("ahead") => Err(self
                .keys
                .foreign_ledger("it has entries that the lease's tip knows nothing of")),
            _ => Err(StoreError::Unreachable {
                place: self.place(),
                detail: "the script's answer cannot be understood".to_owned(),
            }),
        }
    }

    /// The script's arguments, in its order.
    fn arguments(&self, write: &Write) -> serde_json::Result<Vec<String>> {
        let record = write.record.as_ref().map(serde_json::to_string);
        let is_ledger_written = !write.entries.is_empty();
        let tip = is_ledger_written.then(|| serde_json::to_string(&write.tip));
        let first = write.entries.first().map_or(0, |entry| entry.seq);
        let mut arguments = vec![
            self.keys.channel.clone(),
            write.nonce.clone(),
            u8::from(record.is_some()).to_string(),
            write.expected.lease.clone().unwrap_or_default(),
            record.transpose()?.unwrap_or_default(),
            write.expected.ledger.clone().unwrap_or_default(),
            tip.transpose()?.unwrap_or_default(),
            first.to_string(),
        ];
        for entry in &write.entries {
            arguments.push(serde_json::to_string(entry)?);
        }
        Ok(arguments)
    }

    /// Returns where the store has, or may have, another version than `seen`.
    async fn differs(&self, seen: &Version, heard: &mut Receiver<Heard>) {
        let text = message(seen);
        loop {
            if heard.wait_for(|heard| heard.stands).await.is_err() {
                return;
            }
            let Heard { count, newest, .. } = heard.borrow_and_update().clone();
            // Everything up to `seen` was heard, and nothing after it; or it was asked for since.
            if newest.as_deref() != Some(&text) && !self.is_confirmed(seen, count) {
                // In this order: a change after the answer is heard.
                match self.pool.ask(&self.keys.version()).await {
                    Ok(answer) if Keys::seen(&answer).as_ref() == Some(seen) => {
                        self.confirm(seen, count);
                    }
                    Ok(_) => return,
                    // Whoever waits asks by itself some time, and is told why then.
                    Err(_) => {
                        sleep(watch::PAUSE).await;
                        continue;
                    }
                }
            }
            if heard.changed().await.is_err() {
                return;
            }
            let now = heard.borrow().clone();
            if now.stands && now.newest.is_some_and(|newest| newest != text) {
                return;
            }
        }
    }

    fn is_confirmed(&self, seen: &Version, count: u64) -> bool {
        let confirmed = self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        confirmed
            .as_ref()
            .is_some_and(|(version, then)| version == seen && *then == count)
    }

    fn confirm(&self, seen: &Version, count: u64) {
        let mut confirmed = self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *confirmed = Some((seen.clone(), count));
    }
}

impl Store for RedisStore {
    fn read(&self) -> StoreFuture<'_, Result<Snapshot, StoreError>> {
        Box::pin(async {
            let deadline = Instant::now() + self.pool.request_timeout();
            let answer = self.pool.ask_by(&self.keys.read(), deadline).await;
            let answer: Value = answer.map_err(|failure| match failure.code() {
                Some("WRONGTYPE") => self.keys.no_hash(),
                _ => self.pool.told(&failure),
            })?;
            self.keys.snapshot(&answer, &self.lock)
        })
    }

    fn swap(&self, write: Arc<Write>) -> StoreFuture<'_, Swap> {
        Box::pin(async move { self.send(&write).await.unwrap_or_else(Swap::Unknown) })
    }

    fn changed(&self, seen: Version, longest: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut heard = self
                .listener
                .get_or_init(|| Listener::start(Arc::clone(&self.pool), self.keys.channel.clone()))
                .heard();
            let _in_vain = timeout(longest, self.differs(&seen, &mut heard)).await;
        })
    }

    fn history(&self, from: History) -> StoreFuture<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(history::read(&self.pool, &self.keys, from))
    }

    fn place(&self) -> String {
        self.pool.place()
    }

    fn warning(&self) -> Option<String> {
        self.pool.forgets().then(|| {
            format!(
                "{} keeps no append-only file (aof_enabled:0): when that server is restarted, lease and ledger are set back or \
                 gone, and the fencing token with them. Set `appendonly yes` and `appendfsync always` there",
                self.place()
            )
        })
    }
}
