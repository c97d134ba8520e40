//! Servers that are killed, and servers that others take over from.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use lease::{
    store::{
        History, Snapshot, Store, Write,
        postgres::{PostgresOptions, PostgresStore},
    },
    testing::writes::{claim, heartbeat},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use probes::postgres::Settings;
use test_servers::{Postgres, PostgresSetup};
use tokio::task::JoinHandle;

use crate::places::{lock, open, read_in_the_end, session, settings, settled, until, value, won};

/// A server that would acknowledge what it has not written yet, and writes late.
fn forgetful() -> PostgresSetup {
    PostgresSetup {
        settings: vec![
            "synchronous_commit=off".to_owned(),
            "wal_writer_delay=10000".to_owned(),
            "wal_writer_flush_after=1GB".to_owned(),
        ],
        ..PostgresSetup::default()
    }
}

#[tokio::test]
async fn a_killed_server_has_kept_what_it_acknowledged_although_set_to_forget() {
    let mut server = Postgres::start_with(&forgetful());
    let lock = lock("o/r/production");
    let store = open(settings(server.port, ""), &lock);
    won(&store, claim(&lock, &Snapshot::default())).await;
    for round in 0..3 {
        let seen = store.read().await.unwrap();
        let write = match round {
            1 => heartbeat(&lock, &seen),
            _ => claim(&lock, &seen),
        };
        won(&store, write.clone()).await;
        server.crash();
        server.start_again();
        // The kept connection is dead; that costs nothing but another.
        let now = read_in_the_end(&store).await;
        assert_eq!(now.record, write.record);
        assert_eq!(won(&store, write).await, now.version);
    }
    assert_eq!(store.history(History::FromSeq(1)).await.unwrap().len(), 6);
}

/// Somebody who writes on and on, and what was acknowledged to them.
struct Writer {
    task: JoinHandle<()>,
    stop: Arc<AtomicBool>,
    token: Arc<AtomicU64>,
}

impl Writer {
    fn start(settings: Settings) -> Writer {
        let lock = lock("o/r/production");
        let store = PostgresStore::new(PostgresOptions {
            settings,
            lock: lock.clone(),
            request_timeout: Duration::from_secs(5),
        });
        let (stop, token) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (until, newest) = (Arc::clone(&stop), Arc::clone(&token));
        let task = tokio::spawn(async move {
            while !until.load(Ordering::SeqCst) {
                let seen = read_in_the_end(&store).await;
                let acknowledged = newest.load(Ordering::SeqCst);
                let there = seen.record.as_ref().map_or(0, |record| record.token);
                assert_eq!(there, acknowledged, "an acknowledged write is gone");
                let write: Arc<Write> = Arc::new(claim(&lock, &seen));
                let version = settled(&store, &write).await.expect("nobody else writes");
                assert_eq!(version.lease.as_deref(), Some(write.nonce.as_str()));
                newest.store(there + 1, Ordering::SeqCst);
            }
        });
        Writer { task, stop, token }
    }

    /// Waits until so many more writes were acknowledged.
    async fn goes_on(&self, more: u64) {
        let wanted = self.token.load(Ordering::SeqCst) + more;
        until(|| async {
            assert!(!self.task.is_finished(), "the writer gave up");
            (self.token.load(Ordering::SeqCst) >= wanted).then_some(())
        })
        .await;
    }

    async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
        self.token.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_the_middle_of_swaps_loses_and_doubles_none() {
    let mut server = Postgres::start_with(&forgetful());
    let settings = settings(server.port, "");
    let writer = Writer::start(settings.clone());
    for _ in 0..4 {
        writer.goes_on(3).await;
        server.crash();
        server.start_again();
    }
    writer.goes_on(3).await;
    let token = writer.stop().await;
    let store = open(settings, &lock("o/r/production"));
    let history = store.history(History::FromSeq(1)).await.unwrap();
    assert_eq!(history.len() as u64, 2 * token);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_standby_that_takes_over_has_every_acknowledged_write() {
    let primary = Postgres::start_with(&PostgresSetup {
        access: "host all all 127.0.0.1/32 scram-sha-256\n\
                 host replication all 127.0.0.1/32 scram-sha-256\n"
            .to_owned(),
        settings: vec![
            "synchronous_standby_names=*".to_owned(),
            // Would not wait for the standby.
            "synchronous_commit=local".to_owned(),
        ],
        ..PostgresSetup::default()
    });
    let standby = Postgres::standby_of(&primary, true);
    // Both are named, the one that takes no writes first.
    let mut both = settings(standby.port, "");
    both.servers
        .extend(settings(primary.port, "").servers.clone());
    let admin = session(&settings(primary.port, "")).await;
    until(|| async {
        let state = "SELECT sync_state FROM pg_stat_replication";
        (value(&admin, state).await.as_deref() == Some("sync")).then_some(())
    })
    .await;
    let writer = Writer::start(both.clone());
    writer.goes_on(20).await;
    // The standby falls behind: what is sent now waits for it, and must not be acknowledged.
    let follower = session(&settings(standby.port, "target_session_attrs=standby")).await;
    let receiver = value(&follower, "SELECT pid FROM pg_stat_wal_receiver").await;
    let receiver = Pid::from_raw(receiver.unwrap().parse().unwrap());
    kill(receiver, Signal::SIGSTOP).unwrap();
    until(|| async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        (value(&admin, waits).await.as_deref() != Some("0")).then_some(())
    })
    .await;
    drop(admin);
    drop(primary);
    kill(receiver, Signal::SIGCONT).unwrap();
    standby.promote();
    writer.goes_on(5).await;
    let token = writer.stop().await;
    let store = open(both, &lock("o/r/production"));
    let history = store.history(History::FromSeq(1)).await.unwrap();
    assert_eq!(history.len() as u64, 2 * token);
}
