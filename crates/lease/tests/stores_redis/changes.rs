//! Being told of changes.

use std::time::Duration;

use lease::{
    LockName,
    store::{Snapshot, Store, Version, redis::RedisStore},
    testing::writes::{announced, append, claim, heartbeat, moment},
};
use test_servers::{Redis, RedisSetup};
use tokio::time::{Instant, timeout};

use crate::{
    places::{PATIENT, lock, store, store_of, url, won},
    proxy::Proxy,
};

/// Longer than any test waits: who returns before was told.
const FOREVER: Duration = Duration::from_secs(3600);

const CHANNEL: &str = "baton:{o%2Fr%2Fproduction}:changed";

async fn told(store: &RedisStore, seen: Version) {
    timeout(3 * PATIENT, store.changed(seen, FOREVER))
        .await
        .expect("it is told of the change");
}

/// Waits until so many listen to the lock.
async fn listeners(server: &Redis, count: usize) {
    let deadline = Instant::now() + 3 * PATIENT;
    let wanted = format!("{CHANNEL}\n{count}");
    while server.command(&["PUBSUB", "NUMSUB", CHANNEL]) != wanted {
        assert!(Instant::now() < deadline, "waited for {count} listeners");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn every_kind_of_write_by_another_wakes_who_waits() {
    let server = Redis::start();
    let (waiter, writer) = (store(&url(&server)), store(&url(&server)));
    for build in [
        |seen: &Snapshot| claim(&lock(), seen),
        |seen: &Snapshot| heartbeat(&lock(), seen),
        |seen: &Snapshot| append(seen, moment(2), vec![announced(1)]),
    ] {
        let seen = waiter.read().await.unwrap();
        let write = async {
            listeners(&server, 1).await;
            won(&writer, build(&seen)).await
        };
        tokio::join!(told(&waiter, seen.version.clone()), write);
    }
}

#[tokio::test]
async fn the_least_user_is_told_too() {
    let server = Redis::start_with(&RedisSetup {
        config: crate::access::users(),
        ..RedisSetup::default()
    });
    let address = crate::access::as_least(&server);
    let (waiter, writer) = (store(&address), store(&address));
    let seen = waiter.read().await.unwrap();
    let mut wait = Box::pin(told(&waiter, seen.version.clone()));
    // The default user of the command line may not ask who listens: a write every now and then until one is heard.
    let mut writing = seen;
    loop {
        tokio::select! {
            () = &mut wait => break,
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
        won(&writer, claim(&lock(), &writing)).await;
        writing = writer.read().await.unwrap();
    }
}

#[tokio::test]
async fn a_change_between_the_read_and_the_first_wait_is_not_lost() {
    let server = Redis::start();
    let (waiter, writer) = (store(&url(&server)), store(&url(&server)));
    let seen = waiter.read().await.unwrap();
    won(&writer, claim(&lock(), &seen)).await;
    told(&waiter, seen.version).await;
}

#[tokio::test]
async fn a_change_between_two_waits_is_not_lost() {
    let server = Redis::start();
    let (waiter, writer) = (store(&url(&server)), store(&url(&server)));
    let empty = waiter.read().await.unwrap();
    won(&writer, claim(&lock(), &empty)).await;
    told(&waiter, empty.version).await;
    for _ in 0..20 {
        let seen = waiter.read().await.unwrap();
        won(&writer, heartbeat(&lock(), &seen)).await;
        told(&waiter, seen.version).await;
    }
}

#[tokio::test]
async fn a_change_while_the_subscription_is_broken_is_not_lost() {
    let server = Redis::start();
    let (waiter, writer) = (store(&url(&server)), store(&url(&server)));
    let mut seen = waiter.read().await.unwrap();
    for _ in 0..3 {
        let breaking = async {
            listeners(&server, 1).await;
            assert_eq!(server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]), "1");
            won(&writer, claim(&lock(), &seen)).await
        };
        tokio::join!(told(&waiter, seen.version.clone()), breaking);
        seen = waiter.read().await.unwrap();
    }
}

#[tokio::test]
async fn a_subscription_that_has_fallen_silent_is_made_anew() {
    let server = Redis::start();
    let proxy = Proxy::start(server.port).await;
    let waiter = store_of(lock(), &proxy.url(), Duration::from_secs(1));
    let writer = store(&url(&server));
    let seen = crate::places::read_soon(&waiter).await;
    let silence = async {
        listeners(&server, 1).await;
        proxy.lose_answers();
        // It is missed by a question that goes unanswered.
        won(&writer, claim(&lock(), &seen)).await
    };
    tokio::join!(told(&waiter, seen.version.clone()), silence);
}

#[tokio::test]
async fn who_waits_in_vain_waits_to_the_end_and_asks_the_server_once() {
    let server = Redis::start();
    let waiter = store(&url(&server));
    let elsewhere = LockName::new("o/r/staging").unwrap();
    let other = store_of(elsewhere.clone(), &url(&server), PATIENT);
    won(&waiter, claim(&lock(), &Snapshot::default())).await;
    let seen = waiter.read().await.unwrap();
    let asked = || {
        let stats = server.command(&["INFO", "commandstats"]);
        let line = stats
            .lines()
            .find_map(|l| l.strip_prefix("cmdstat_hmget:calls="));
        line.and_then(|l| l.split(',').next()?.parse::<u64>().ok())
            .unwrap_or(0)
    };
    // Until the subscription stands, and once more to confirm.
    tokio::join!(
        waiter.changed(seen.version.clone(), Duration::from_secs(1)),
        listeners(&server, 1)
    );
    waiter
        .changed(seen.version.clone(), Duration::from_millis(500))
        .await;
    let before = asked();
    for _ in 0..5 {
        let begin = Instant::now();
        waiter
            .changed(seen.version.clone(), Duration::from_millis(100))
            .await;
        assert!(begin.elapsed() >= Duration::from_millis(100));
    }
    assert_eq!(
        asked(),
        before,
        "what was confirmed once is not asked again"
    );
    // Another lock's change is none of this one's.
    let begin = Instant::now();
    tokio::join!(
        waiter.changed(seen.version.clone(), Duration::from_millis(300)),
        won(&other, claim(&elsewhere, &Snapshot::default()))
    );
    assert!(begin.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn the_subscription_ends_with_the_store() {
    let server = Redis::start();
    let waiter = store(&url(&server));
    let seen = waiter.read().await.unwrap();
    listeners(&server, 0).await;
    tokio::join!(
        waiter.changed(seen.version, Duration::from_secs(1)),
        listeners(&server, 1)
    );
    drop(waiter);
    listeners(&server, 0).await;
}
