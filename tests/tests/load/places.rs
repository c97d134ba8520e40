//! The stores that are thrown at: the shipped ones, on real servers.

use std::sync::Arc;

use lease::{
    LockName, Timing,
    store::{
        Store, StoreError,
        git::{Credentials, GitOptions, GitRemote, GitStore},
        memory::Memory,
    },
    testing::http_git::Server,
};
use tempfile::TempDir;

use crate::play::Place;

const TOKEN: &str = "canary-2f1c3f7f0d5b4a6e8f0d7b9f3a5e1c4d";

/// One bare repository.
pub(crate) struct Git {
    remote: GitRemote,
    scratch: TempDir,
    _server: Option<Server>,
}

impl Git {
    /// On this machine's disk.
    pub(crate) fn on_disk() -> Git {
        let scratch = TempDir::new().unwrap();
        Git {
            remote: GitRemote::local(scratch.path().join("store.git")).unwrap(),
            scratch,
            _server: None,
        }
    }

    /// Behind `git http-backend`.
    pub(crate) fn over_http() -> Git {
        let scratch = TempDir::new().unwrap();
        let server = Server::start(scratch.path(), TOKEN).unwrap();
        Git {
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
            request_timeout: Timing::GIT.request_timeout,
            poll: Timing::GIT.poll,
            scratch_parent: self.scratch.path().to_owned(),
        };
        Ok(Arc::new(GitStore::open(options).await?))
    }

    fn timing(&self) -> Timing {
        Timing::GIT
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
}
