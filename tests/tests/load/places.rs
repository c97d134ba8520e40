//! The stores that are thrown at: the shipped ones, on real servers.

use std::sync::Arc;

use lease::{
    LockName, Timing,
    store::{
        Store, StoreError,
        git::{Credentials, GitOptions, GitRemote, GitStore},
        memory::Memory,
        postgres::{PostgresOptions, PostgresStore},
        redis::{RedisOptions, RedisServer, RedisStore},
    },
    testing::http_git::Server,
};
use probes::postgres::Settings;
use tempfile::TempDir;
use test_servers::{Postgres, PostgresSetup, Redis};

use crate::play::Place;

const TOKEN: &str = "canary-2f1c3f7f0d5b4a6e8f0d7b9f3a5e1c4d";

/// One bare repository.
pub(crate) struct Git {
    timing: Timing,
    remote: GitRemote,
    scratch: TempDir,
    _server: Option<Server>,
}

impl Git {
    /// On this machine's disk.
    pub(crate) fn on_disk(timing: Timing) -> Git {
        let scratch = TempDir::new().unwrap();
        Git {
            timing,
            remote: GitRemote::local(scratch.path().join("store.git")).unwrap(),
            scratch,
            _server: None,
        }
    }

    /// Behind `git http-backend`.
    pub(crate) fn over_http(timing: Timing) -> Git {
        let scratch = TempDir::new().unwrap();
        let server = Server::start(scratch.path(), TOKEN).unwrap();
        Git {
            timing,
            remote: GitRemote::parse(&format!("git+{}", server.url())).unwrap(),
            scratch,
            _server: Some(server),
        }
    }
}

impl Place for Git {
    async fn open(&self, lock: LockName) -> Result<Arc<dyn Store>, StoreError> {
        let options = GitOptions {
            remote: self.remote.clone(),
            lock,
            credentials: Some(Credentials::token(TOKEN)),
            request_timeout: self.timing.request_timeout,
            poll: self.timing.poll,
            scratch_parent: self.scratch.path().to_owned(),
        };
        Ok(Arc::new(GitStore::open(options).await?))
    }

    fn timing(&self) -> Timing {
        self.timing
    }

    fn at_once(&self) -> Option<usize> {
        Some(4)
    }
}

/// The memory of this process: what the protocol itself costs.
#[derive(Default)]
pub(crate) struct InMemory(Memory);

impl Place for InMemory {
    async fn open(&self, lock: LockName) -> Result<Arc<dyn Store>, StoreError> {
        let timing = self.timing();
        Ok(Arc::new(self.0.store(lock, timing.request_timeout)))
    }

    fn timing(&self) -> Timing {
        Timing::NOTIFIED
    }

    fn at_once(&self) -> Option<usize> {
        None
    }
}

/// A PostgreSQL server that takes as many connections as there may be candidates, twice.
pub(crate) struct InPostgres(Postgres);

impl InPostgres {
    pub(crate) fn start() -> InPostgres {
        InPostgres(Postgres::start_with(&PostgresSetup {
            settings: vec!["max_connections=1000".to_owned()],
            // A login with a password costs a development build a tenth of a second, and here all share two cores.
            access: "host all all 127.0.0.1/32 trust\n".to_owned(),
            ..PostgresSetup::default()
        }))
    }
}

impl Place for InPostgres {
    async fn open(&self, lock: LockName) -> Result<Arc<dyn Store>, StoreError> {
        let settings: Settings = format!(
            "host=127.0.0.1 port={} user={} password='{}' dbname=postgres sslmode=disable",
            self.0.port,
            Postgres::USER,
            Postgres::PASSWORD
        )
        .parse()
        .unwrap();
        Ok(Arc::new(PostgresStore::new(PostgresOptions {
            settings,
            lock,
            request_timeout: self.timing().request_timeout,
        })))
    }

    fn timing(&self) -> Timing {
        Timing::NOTIFIED
    }

    fn at_once(&self) -> Option<usize> {
        None
    }
}

/// A Redis server.
pub(crate) struct InRedis(Redis);

impl InRedis {
    pub(crate) fn start() -> InRedis {
        InRedis(Redis::start())
    }
}

impl Place for InRedis {
    async fn open(&self, lock: LockName) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(RedisStore::new(RedisOptions {
            server: RedisServer::parse(&format!("redis://127.0.0.1:{}", self.0.port)).unwrap(),
            lock,
            request_timeout: self.timing().request_timeout,
        })))
    }

    fn timing(&self) -> Timing {
        Timing::NOTIFIED
    }

    fn at_once(&self) -> Option<usize> {
        None
    }
}
