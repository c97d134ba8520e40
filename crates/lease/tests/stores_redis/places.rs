//! Stores of servers that end with their test, opened as the binaries open them.

use std::{sync::Arc, time::Duration};

use lease::{
    LockName,
    store::{
        Snapshot, Store, StoreError, Swap, Version, Write,
        redis::{RedisOptions, RedisServer, RedisStore},
    },
};
use test_servers::Redis;
use tokio::time::Instant;

/// A machine that builds beside the tests is slow now and then; what is measured in time sets its own.
pub(crate) const PATIENT: Duration = Duration::from_secs(20);

/// No output may hold it.
pub(crate) const CANARY: &str = "canary-9e107d9d372bb6826bd81d3542a419d6";

pub(crate) fn lock() -> LockName {
    LockName::new("o/r/production").unwrap()
}

pub(crate) fn url(server: &Redis) -> String {
    format!("redis://127.0.0.1:{}", server.port)
}

/// A store of `lock` at this address.
pub(crate) fn store_of(lock: LockName, url: &str, request_timeout: Duration) -> RedisStore {
    let server = RedisServer::parse(url).unwrap();
    RedisStore::new(RedisOptions {
        server,
        lock,
        request_timeout,
    })
}

/// A patient store of the usual lock at this address.
pub(crate) fn store(url: &str) -> RedisStore {
    store_of(lock(), url, PATIENT)
}

pub(crate) async fn swap(store: &RedisStore, write: Write) -> Swap {
    store.swap(Arc::new(write)).await
}

pub(crate) async fn won(store: &RedisStore, write: Write) -> Version {
    match swap(store, write).await {
        Swap::Won(version) => version,
        other => panic!("the write should have won: {other:?}"),
    }
}

/// What a swap that comes to nothing says.
pub(crate) async fn refused(store: &RedisStore, write: Write) -> StoreError {
    match swap(store, write).await {
        Swap::Unknown(error) => clean(error),
        other => panic!("the write should have been refused: {other:?}"),
    }
}

/// `error`, which holds no password.
pub(crate) fn clean(error: StoreError) -> StoreError {
    assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    error
}

/// Reads until there is an answer; a server that is about to come up says many things before.
pub(crate) async fn read_soon(store: &RedisStore) -> Snapshot {
    let deadline = Instant::now() + 3 * PATIENT;
    loop {
        match store.read().await {
            Ok(snapshot) => return snapshot,
            Err(error) if error.is_passing() && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("the store cannot be read: {error}"),
        }
    }
}
