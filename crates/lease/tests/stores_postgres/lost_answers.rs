//! Answers that never arrive, and requests that hang.

use std::{sync::Arc, time::Duration};

use lease::{
    store::{History, Snapshot, Store, StoreError, Swap},
    testing::writes::{announced, append, claim, heartbeat, moment},
};
use test_servers::Postgres;
use tokio::time::Instant;

use crate::{
    places::{PATIENT, lock, open, open_within, session, settings, until, value, won},
    proxy::Proxy,
};

/// Long enough for a busy machine to send a request, short enough to wait for.
const IMPATIENT: Duration = Duration::from_secs(2);

fn timed_out(swap: &Swap) -> bool {
    matches!(swap, Swap::Unknown(StoreError::TimedOut { .. }))
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_found_and_its_resend_wins() {
    let server = Postgres::start();
    let proxy = Proxy::to(server.port).await;
    let lock = lock("o/r/production");
    let store = open_within(settings(proxy.port, ""), &lock, IMPATIENT);
    let other = open(settings(server.port, ""), &lock);
    won(&other, claim(&lock, &Snapshot::default())).await;
    for kind in 0..3 {
        // Over a connection that is kept: the answer is lost, not the login.
        let seen = until(|| async { store.read().await.ok() }).await;
        let write = Arc::new(match kind {
            0 => claim(&lock, &seen),
            1 => heartbeat(&lock, &seen),
            _ => append(&seen, moment(2), vec![announced(1)]),
        });
        proxy.mute();
        let lost = store.swap(Arc::clone(&write)).await;
        assert!(timed_out(&lost), "{lost:?}");
        let now = until(|| async { other.read().await.ok().filter(|now| *now != seen) }).await;
        // The next send goes over a connection of its own, at once.
        let resent = until(|| async { settled(store.swap(Arc::clone(&write)).await) }).await;
        let Swap::Won(version) = resent else {
            panic!("the resend finds itself there: {resent:?}")
        };
        assert_eq!(version, now.version);
        assert_eq!(other.read().await.unwrap(), now);
    }
    assert!(proxy.lost() > 0);
    assert_eq!(other.history(History::FromSeq(1)).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_resend_after_others_wrote_is_told_by_the_chain_and_brings_its_own_version() {
    let server = Postgres::start();
    let lock = lock("o/r/production");
    let settings = settings(server.port, "");
    let (store, other) = (open(settings.clone(), &lock), open(settings, &lock));
    let write = claim(&lock, &Snapshot::default());
    let version = won(&store, write.clone()).await;
    let beat = heartbeat(&lock, &store.read().await.unwrap());
    won(&store, beat.clone()).await;
    for _ in 0..2 {
        let seen = other.read().await.unwrap();
        won(&other, claim(&lock, &seen)).await;
    }
    let now = other.read().await.unwrap();
    assert_eq!(won(&store, write).await, version);
    // A heartbeat leaves no trace once it is replaced: the lease decides.
    let resent = store.swap(Arc::new(beat)).await;
    assert!(matches!(resent, Swap::Lost), "{resent:?}");
    assert_eq!(other.read().await.unwrap(), now);
}

#[tokio::test]
async fn a_read_that_hangs_delays_no_send() {
    let server = Postgres::start();
    let lock = lock("o/r/production");
    let settings = settings(server.port, "");
    let proxy = Proxy::to(server.port).await;
    let mut through = settings.clone();
    through.servers[0].port = proxy.port;
    let store = open(through, &lock);
    won(&store, claim(&lock, &Snapshot::default())).await;
    let seen = store.read().await.unwrap();
    proxy.mute();
    let lost = proxy.lost();
    let read = store.read();
    tokio::pin!(read);
    let sent = async {
        until(|| async { (proxy.lost() > lost).then_some(()) }).await;
        won(&store, heartbeat(&lock, &seen)).await;
    };
    tokio::select! {
        biased;
        answer = &mut read => panic!("the read has no answer to give: {answer:?}"),
        () = sent => {}
    }
}

#[tokio::test]
async fn a_request_that_is_dropped_spoils_nothing_for_the_next() {
    let server = Postgres::start();
    let settings = settings(server.port, "");
    let lock = lock("o/r/production");
    let store = open(settings.clone(), &lock);
    won(&store, claim(&lock, &Snapshot::default())).await;
    let seen = store.read().await.unwrap();
    let admin = session(&settings).await;
    value(&admin, "BEGIN; LOCK TABLE baton_leases").await;
    {
        let read = store.read();
        tokio::pin!(read);
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        let waiting = until(|| async {
            let waiting = value(&admin, waits).await;
            (waiting.as_deref() == Some("1")).then_some(())
        });
        tokio::select! {
            answer = &mut read => panic!("the table is locked: {answer:?}"),
            () = waiting => {}
        }
    }
    value(&admin, "ROLLBACK").await;
    assert_eq!(store.read().await.unwrap(), seen);
}

#[tokio::test]
async fn a_write_that_waits_for_a_locked_row_is_given_up_at_the_server_too() {
    let server = Postgres::start();
    let settings = settings(server.port, "");
    let lock = lock("o/r/production");
    let patient = open(settings.clone(), &lock);
    won(&patient, claim(&lock, &Snapshot::default())).await;
    let seen = patient.read().await.unwrap();
    let admin = session(&settings).await;
    value(&admin, "BEGIN; SELECT FROM baton_leases FOR UPDATE").await;
    let store = open_within(settings, &lock, IMPATIENT);
    let write = Arc::new(heartbeat(&lock, &seen));
    let given_up = store.swap(Arc::clone(&write)).await;
    assert!(
        matches!(&given_up, Swap::Unknown(error) if error.is_passing()),
        "{given_up:?}"
    );
    // pg_stat_activity shows one transaction the same picture twice.
    let waits = "SELECT pg_stat_clear_snapshot()::text; \
        SELECT count(*) FROM pg_locks WHERE NOT granted";
    until(|| async {
        let messages = value(&admin, waits).await;
        let waiting = value(&admin, "SELECT count(*) FROM pg_locks WHERE NOT granted").await;
        (messages.is_some() && waiting.as_deref() == Some("0")).then_some(())
    })
    .await;
    value(&admin, "ROLLBACK").await;
    assert_eq!(patient.read().await.unwrap(), seen, "nothing landed");
    won(&store, (*write).clone()).await;
}

#[tokio::test]
async fn after_an_unanswered_request_no_kept_connection_is_trusted() {
    let server = Postgres::start();
    let proxy = Proxy::to(server.port).await;
    let lock = lock("o/r/production");
    let store = open_within(settings(proxy.port, ""), &lock, PATIENT / 4);
    won(&store, claim(&lock, &Snapshot::default())).await;
    // Two connections that are kept, both mute.
    let (one, other) = tokio::join!(store.read(), store.read());
    let seen = one.unwrap();
    assert_eq!(other.unwrap(), seen);
    assert_eq!(proxy.connections(), 2);
    proxy.mute();
    let begun = Instant::now();
    let write = Arc::new(heartbeat(&lock, &seen));
    assert!(timed_out(&store.swap(Arc::clone(&write)).await));
    assert!(begun.elapsed() >= PATIENT / 4);
    won(&store, (*write).clone()).await;
    assert_eq!(proxy.connections(), 3);
}

#[tokio::test]
async fn a_login_that_outlasts_a_request_serves_the_next() {
    let server = Postgres::start();
    // Three answers to a password, and one to a question, before the first request can be sent: together longer than a
    // request may take, and by far not twice as long.
    let timeout = 3 * IMPATIENT;
    let proxy = Proxy::slow(server.port, timeout * 27 / 100).await;
    let settings = settings(proxy.port, "sslmode=disable");
    let store = open_within(settings, &lock("o/r/production"), timeout);
    let error = store.read().await.expect_err("the login alone is longer");
    assert!(matches!(error, StoreError::TimedOut { .. }), "{error}");
    let seen = until(|| async { store.read().await.ok() }).await;
    assert_eq!(seen, Snapshot::default());
}

fn settled(swap: Swap) -> Option<Swap> {
    match swap {
        Swap::Unknown(error) => {
            assert!(error.is_passing(), "{error}");
            None
        }
        settled => Some(settled),
    }
}
