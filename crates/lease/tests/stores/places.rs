//! Stores of temporary places, opened as the binaries open them.

use std::{path::Path, time::Duration};

use lease::{
    LockName,
    store::git::{Credentials, GitOptions, GitRemote, GitStore},
    testing::http_git::Server,
};

/// The token of every test's server.
pub(crate) const TOKEN: &str = "canary-9e107d9d372bb6826bd81d3542a419d6";

/// A machine that builds beside the tests is slow now and then; what is measured in time sets its own.
pub(crate) const PATIENT: Duration = Duration::from_secs(20);

pub(crate) fn lock(name: &str) -> LockName {
    LockName::new(name).unwrap()
}

pub(crate) fn options(remote: GitRemote, lock: LockName, scratch: &Path) -> GitOptions {
    GitOptions {
        remote,
        lock,
        credentials: Some(Credentials::token(TOKEN)),
        request_timeout: PATIENT,
        poll: Duration::from_millis(20),
        scratch_parent: scratch.to_owned(),
    }
}

pub(crate) fn disk(folder: &Path) -> GitRemote {
    GitRemote::local(folder.join("some where/store.git")).unwrap()
}

pub(crate) fn served(server: &Server) -> GitRemote {
    GitRemote::parse(&format!("git+{}", server.url())).unwrap()
}

pub(crate) async fn open(options: GitOptions) -> GitStore {
    GitStore::open(options).await.unwrap()
}
