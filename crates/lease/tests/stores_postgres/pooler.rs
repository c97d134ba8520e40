//! A pooler in transaction mode between store and server.

use std::time::Duration;

use lease::{
    conformance,
    store::{Snapshot, Store},
    testing::writes::claim,
};
use test_servers::{PgBouncer, Postgres};
use tokio::time::timeout;

use crate::places::{PATIENT, lock, open, session, settings, value, won};

#[tokio::test]
async fn behind_a_pooler_in_transaction_mode_the_store_conforms_and_leaves_nothing_behind() {
    let server = Postgres::start();
    let pooler = PgBouncer::start(&server, 2);
    let settings = settings(pooler.port, "");
    conformance::run(|lock| {
        let settings = settings.clone();
        async move { open(settings, &lock) }
    })
    .await;
    // What is looked at is one of the two connections that the store has used.
    let next = session(&settings).await;
    for (question, wanted) in [
        ("SHOW lock_timeout", "0"),
        ("SHOW synchronous_commit", "on"),
        ("SELECT count(*) FROM pg_prepared_statements", "0"),
        (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
            "0",
        ),
    ] {
        assert_eq!(
            value(&next, question).await.as_deref(),
            Some(wanted),
            "{question}"
        );
    }
}

#[tokio::test]
async fn where_a_pooler_swallows_notifications_the_poll_carries_the_news() {
    let server = Postgres::start();
    let pooler = PgBouncer::start(&server, 2);
    let lock = lock("o/r/production");
    let waiting = open(settings(pooler.port, ""), &lock);
    let other = open(settings(server.port, ""), &lock);
    let seen = waiting.read().await.unwrap();
    won(&other, claim(&lock, &Snapshot::default())).await;
    let poll = waiting.changed(seen.version, Duration::from_millis(200));
    timeout(PATIENT, poll).await.expect("waiting ends");
    assert_eq!(waiting.read().await.unwrap().record.unwrap().token, 1);
}
