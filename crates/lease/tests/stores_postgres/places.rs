//! Stores at temporary servers, opened as the binaries open them.

use std::{
    panic::Location,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lease::{
    LockName,
    store::{
        Snapshot, Store, Swap, Version, Write,
        postgres::{PostgresOptions, PostgresStore},
    },
};
use probes::{
    postgres::{Session, Settings, login},
    resolver::Resolver,
};
use test_servers::Postgres;
use tokio::time::Instant;

/// A machine that builds beside the tests is slow now and then; what is measured in time sets its own.
pub(crate) const PATIENT: Duration = Duration::from_secs(20);

/// What takes longer hangs.
pub(crate) const HANGS: Duration = Duration::from_secs(300);

pub(crate) fn lock(name: &str) -> LockName {
    LockName::new(name).unwrap()
}

/// A connection string for a server on this port, with more parameters.
pub(crate) fn settings(port: u16, more: &str) -> Settings {
    let text = format!(
        "host=127.0.0.1 port={port} user={} password='{}' dbname=postgres {more}",
        Postgres::USER,
        Postgres::PASSWORD
    );
    text.parse().unwrap()
}

pub(crate) fn open(settings: Settings, lock: &LockName) -> PostgresStore {
    open_within(settings, lock, PATIENT)
}

pub(crate) fn open_within(
    settings: Settings,
    lock: &LockName,
    request_timeout: Duration,
) -> PostgresStore {
    PostgresStore::new(PostgresOptions {
        settings,
        lock: lock.clone(),
        request_timeout,
    })
}

/// A connection of the test's own, to look and to interfere.
pub(crate) async fn session(settings: &Settings) -> Session {
    let deadline = Instant::now() + PATIENT;
    login(&Resolver::system(), settings, deadline)
        .await
        .unwrap()
}

/// The first column of the first row.
pub(crate) async fn value(session: &Session, question: &str) -> Option<String> {
    let deadline = Instant::now() + PATIENT;
    session.value(question, deadline).await.unwrap()
}

/// A database of its own at a server that others use too: its name.
pub(crate) async fn database(server: &Postgres, options: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let name = format!("d{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let admin = session(&settings(server.port, "")).await;
    let make = format!("CREATE DATABASE {name} {options}");
    value(&admin, &make).await;
    name
}

pub(crate) async fn won(store: &impl Store, write: Write) -> Version {
    match store.swap(Arc::new(write)).await {
        Swap::Won(version) => version,
        other => panic!("the write should have won: {other:?}"),
    }
}

/// Reads until there is an answer; a store out of reach may come back.
pub(crate) async fn read_in_the_end(store: &impl Store) -> Snapshot {
    let end = Instant::now() + HANGS;
    loop {
        match store.read().await {
            Ok(snapshot) => return snapshot,
            Err(error) => assert!(
                error.is_passing() && Instant::now() < end,
                "no answer: {error}"
            ),
        }
        tokio::task::yield_now().await;
    }
}

/// Sends until there is an answer.
pub(crate) async fn settled(store: &impl Store, write: &Arc<Write>) -> Option<Version> {
    let end = Instant::now() + HANGS;
    loop {
        match store.swap(Arc::clone(write)).await {
            Swap::Won(version) => return Some(version),
            Swap::Lost => return None,
            Swap::Unknown(error) => assert!(
                error.is_passing() && Instant::now() < end,
                "no answer: {error}"
            ),
        }
        tokio::task::yield_now().await;
    }
}

/// Asks again until there is something; what does not come within [`HANGS`] never will.
#[track_caller]
pub(crate) fn until<T, F: Future<Output = Option<T>>>(
    mut ask: impl FnMut() -> F,
) -> impl Future<Output = T> {
    let caller = Location::caller();
    let end = Instant::now() + HANGS;
    async move {
        loop {
            if let Some(something) = ask().await {
                return something;
            }
            assert!(Instant::now() < end, "waited in vain at {caller}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
