//! Stores of temporary places, opened as the binaries open them.

use std::{future::Future, path::Path, sync::Arc, time::Duration};

use lease::{
    LockName,
    store::{
        Snapshot, Store, Swap, Version, Write,
        git::{Credentials, GitOptions, GitRemote, GitStore},
    },
    testing::{http_git::Server, writes::claim},
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

/// A store behind `server` whose lock `o/r/production` was claimed once, and what it then holds.
pub(crate) async fn claimed(server: &Server, scratch: &Path) -> (GitStore, LockName, Snapshot) {
    let lock = lock("o/r/production");
    let store = open(options(served(server), lock.clone(), scratch)).await;
    let empty = store.read().await.unwrap();
    won(&store, claim(&lock, &empty)).await;
    let seen = store.read().await.unwrap();
    (store, lock, seen)
}

pub(crate) async fn swap(store: &impl Store, write: Write) -> Swap {
    store.swap(Arc::new(write)).await
}

/// Sends a write that must win.
pub(crate) async fn won(store: &impl Store, write: Write) -> Version {
    match swap(store, write).await {
        Swap::Won(version) => version,
        other => panic!("the write should have won: {other:?}"),
    }
}

/// Asks until there is an answer, at most as long as a patient request takes.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENT, asking)
        .await
        .expect("what was waited for did not come")
}
