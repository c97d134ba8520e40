//! Being told of changes.

use std::time::Duration;

use lease::{
    store::{Snapshot, Store, Version, postgres::PostgresStore},
    testing::writes::{announced, append, claim, heartbeat, moment},
};
use test_servers::Postgres;
use tokio::time::timeout;

use crate::places::{PATIENT, lock, open, read_in_the_end, session, settings, until, value, won};

/// Longer than a test takes: who waits so long was not told.
const LONG: Duration = Duration::from_secs(600);

/// What a store sees that listens from before on, and has nothing left to tell.
async fn listening(store: &PostgresStore) -> Snapshot {
    let seen = store.read().await.unwrap();
    // The beginning of the listening says once that there may be something.
    told(store, &seen.version).await;
    store.read().await.unwrap()
}

async fn told(store: &PostgresStore, seen: &Version) {
    timeout(PATIENT, store.changed(seen.clone(), LONG))
        .await
        .expect("it is told");
}

#[tokio::test]
async fn every_kind_of_write_wakes_who_waits() {
    let server = Postgres::start();
    let settings = settings(server.port, "");
    let lock = lock("o/r/production");
    let (waiting, other) = (open(settings.clone(), &lock), open(settings, &lock));
    let mut seen = listening(&waiting).await;
    for kind in 0..3 {
        let write = match kind {
            0 => claim(&lock, &seen),
            1 => heartbeat(&lock, &seen),
            _ => append(&seen, moment(2), vec![announced(1)]),
        };
        let ((), version) = tokio::join!(told(&waiting, &seen.version), won(&other, write));
        seen = waiting.read().await.unwrap();
        assert_eq!(
            seen.version.lease.is_some(),
            version.lease.is_some(),
            "what is told can be read"
        );
        assert_eq!(seen.version, other.read().await.unwrap().version);
    }
}

#[tokio::test]
async fn what_is_written_between_a_read_and_the_waiting_is_not_missed() {
    let server = Postgres::start();
    let settings = settings(server.port, "");
    let lock = lock("o/r/production");
    let (waiting, other) = (open(settings.clone(), &lock), open(settings, &lock));
    // Before anybody listens.
    let seen = waiting.read().await.unwrap();
    won(&other, claim(&lock, &seen)).await;
    told(&waiting, &seen.version).await;
    // While there is somebody who listens and nobody who waits.
    for _ in 0..3 {
        let seen = waiting.read().await.unwrap();
        won(&other, claim(&lock, &seen)).await;
        told(&waiting, &seen.version).await;
        let now = waiting.read().await.unwrap();
        assert_ne!(now.version, seen.version);
    }
}

#[tokio::test]
async fn a_change_of_another_lock_wakes_nobody() {
    let server = Postgres::start();
    let settings = settings(server.port, "");
    let (mine, theirs) = (lock("o/r/production"), lock("o/r/staging"));
    let waiting = open(settings.clone(), &mine);
    let seen = listening(&waiting).await;
    won(
        &open(settings, &theirs),
        claim(&theirs, &Snapshot::default()),
    )
    .await;
    let told = waiting.changed(seen.version, LONG);
    assert!(timeout(Duration::from_millis(500), told).await.is_err());
}

#[tokio::test]
async fn one_notification_wakes_once_even_where_no_read_follows() {
    let server = Postgres::start();
    let settings = settings(server.port, "");
    let lock = lock("o/r/production");
    let (waiting, other) = (open(settings.clone(), &lock), open(settings, &lock));
    let seen = listening(&waiting).await;
    won(&other, claim(&lock, &seen)).await;
    told(&waiting, &seen.version).await;
    let again = waiting.changed(seen.version, LONG);
    assert!(timeout(Duration::from_millis(500), again).await.is_err());
}

#[tokio::test]
async fn listening_is_taken_up_again_after_its_connection_broke() {
    let mut server = Postgres::start();
    let settings = settings(server.port, "");
    let lock = lock("o/r/production");
    let (waiting, other) = (open(settings.clone(), &lock), open(settings.clone(), &lock));
    let mut seen = listening(&waiting).await;
    for crash in [false, true] {
        if crash {
            server.crash();
            server.start_again();
        } else {
            let admin = session(&settings).await;
            let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
            assert_ne!(value(&admin, end).await.as_deref(), Some("0"));
        }
        // Once more for what may have been missed meanwhile.
        told(&waiting, &seen.version).await;
        seen = read_in_the_end(&waiting).await;
        let write = claim(&lock, &seen);
        let (version, ()) = tokio::join!(won(&other, write), told(&waiting, &seen.version));
        seen = waiting.read().await.unwrap();
        assert_eq!(seen.version, version);
    }
}

#[tokio::test]
async fn who_only_reads_pays_one_connection() {
    let server = Postgres::start();
    let settings = settings(server.port, "");
    let lock = lock("o/r/production");
    let admin = session(&settings).await;
    let store = open(settings, &lock);
    for _ in 0..3 {
        store.read().await.unwrap();
    }
    let many = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    assert_eq!(value(&admin, many).await.as_deref(), Some("2"));
    // Waiting takes a second one.
    store
        .changed(Version::default(), Duration::from_millis(1))
        .await;
    until(|| async { (value(&admin, many).await.as_deref() == Some("3")).then_some(()) }).await;
}
