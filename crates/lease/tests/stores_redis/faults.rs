//! Answers that are lost, servers that keep silent, end and come back.

use std::{sync::Arc, time::Duration};

use lease::{
    store::{History, Snapshot, Store, StoreError, Swap, redis::RedisStore},
    testing::writes::{announced, append, claim, heartbeat, moment},
};
use nix::sys::signal::Signal;
use test_servers::{Redis, RedisSetup, free_port};

use crate::{
    places::{PATIENT, lock, read_soon, store, store_of, swap, url, won},
    proxy::Proxy,
};

/// Long enough for an answer on a busy machine, as a rule; where it is not, the test asks again.
const IMPATIENT: Duration = Duration::from_millis(700);

/// Sends until there is a verdict.
async fn settled(store: &RedisStore, write: &Arc<lease::store::Write>) -> Swap {
    loop {
        match store.swap(Arc::clone(write)).await {
            Swap::Unknown(error) if error.is_passing() => {}
            swap => return swap,
        }
    }
}

fn has_timed_out<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::TimedOut { .. }))
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_won_by_its_resend_and_takes_effect_once() {
    let server = Redis::start();
    let proxy = Proxy::start(server.port).await;
    let store = store_of(lock(), &proxy.url(), IMPATIENT);
    let direct = crate::places::store(&url(&server));
    // From now on the server has the script.
    won(&direct, claim(&lock(), &Snapshot::default())).await;
    for build in [
        |seen: &Snapshot| claim(&lock(), seen),
        |seen: &Snapshot| heartbeat(&lock(), seen),
        |seen: &Snapshot| append(seen, moment(2), vec![announced(1)]),
    ] {
        let seen = read_soon(&store).await;
        let write = Arc::new(build(&seen));
        proxy.lose_answers();
        match store.swap(Arc::clone(&write)).await {
            Swap::Unknown(StoreError::TimedOut { after, .. }) => assert_eq!(after, IMPATIENT),
            other => panic!("{other:?}"),
        }
        let effect = read_soon(&direct).await;
        assert_ne!(effect, seen, "it took effect all the same");
        let Swap::Won(version) = settled(&store, &write).await else {
            panic!("the resend finds its own write there")
        };
        assert_eq!(version, effect.version);
        assert_eq!(read_soon(&direct).await, effect);
    }
    let history = direct.history(History::FromSeq(1)).await.unwrap();
    assert_eq!(history.len(), 5);
}

#[tokio::test]
async fn a_read_that_hangs_holds_up_no_swap() {
    let server = Redis::start();
    let proxy = Proxy::start(server.port).await;
    let store = store_of(lock(), &proxy.url(), PATIENT);
    let seen = store.read().await.unwrap();
    proxy.lose_answers();
    let mut read = store.read();
    tokio::select! {
        biased;
        read = &mut read => panic!("answered: {read:?}"),
        // By now it has the idle connection.
        () = std::future::ready(()) => {}
    }
    won(&store, claim(&lock(), &seen)).await;
    tokio::select! {
        biased;
        read = &mut read => panic!("answered: {read:?}"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn after_silence_the_next_request_has_a_fresh_connection() {
    let server = Redis::start();
    let proxy = Proxy::start(server.port).await;
    let store = store_of(lock(), &proxy.url(), IMPATIENT);
    let seen = read_soon(&store).await;
    proxy.lose_answers();
    assert!(has_timed_out(&store.read().await));
    assert_eq!(read_soon(&store).await, seen);
    assert!(proxy.accepted() >= 2);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced_without_a_word() {
    let server = Redis::start();
    let proxy = Proxy::start(server.port).await;
    let store = store_of(lock(), &proxy.url(), PATIENT);
    let mut seen = store.read().await.unwrap();
    for _ in 0..3 {
        proxy.cut();
        won(&store, claim(&lock(), &seen)).await;
        proxy.cut();
        seen = store.read().await.unwrap();
    }
    assert_eq!(seen.record.unwrap().token, 3);
}

#[tokio::test]
async fn who_reads_once_pays_one_connection_and_one_round_trip() {
    let server = Redis::start_with(&RedisSetup {
        config: "requirepass s3cret\n".to_owned(),
        ..RedisSetup::default()
    });
    let proxy = Proxy::start(server.port).await;
    let url = format!("redis://:s3cret@127.0.0.1:{}/2", proxy.port);
    assert_eq!(store(&url).read().await.unwrap(), Snapshot::default());
    assert_eq!((proxy.accepted(), proxy.questions()), (1, 1));
}

#[tokio::test]
async fn a_server_that_stands_still_times_out_and_is_used_again_when_it_goes_on() {
    let server = Redis::start();
    let store = store_of(lock(), &url(&server), IMPATIENT);
    won(&store, claim(&lock(), &read_soon(&store).await)).await;
    let seen = read_soon(&store).await;
    server.signal(Signal::SIGSTOP);
    let write = heartbeat(&lock(), &seen);
    let swap = swap(&store, write.clone()).await;
    assert!(
        matches!(swap, Swap::Unknown(StoreError::TimedOut { .. })),
        "{swap:?}"
    );
    assert!(has_timed_out(&store.read().await));
    server.signal(Signal::SIGCONT);
    let Swap::Won(version) = settled(&store, &Arc::new(write)).await else {
        panic!("nobody else has written")
    };
    assert_eq!(read_soon(&store).await.version, version);
}

#[tokio::test]
async fn a_server_that_is_away_is_told_with_its_address() {
    let port = free_port();
    let error = store(&format!("redis://127.0.0.1:{port}")).read().await;
    let error = error.unwrap_err();
    assert!(error.is_passing(), "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("127.0.0.1:{port}: refused")),
        "{error}"
    );
}

#[tokio::test]
async fn scripts_that_are_flushed_are_sent_again_and_otherwise_sent_once() {
    let server = Redis::start();
    let store = store(&url(&server));
    let calls = |command: &str| {
        let stats = server.command(&["INFO", "commandstats"]);
        let line = format!("cmdstat_{command}:calls=");
        let calls = stats
            .lines()
            .find_map(|l| l.strip_prefix(&line)?.split(',').next()?.parse().ok());
        calls.unwrap_or(0)
    };
    let mut seen = store.read().await.unwrap();
    for round in 1..=3 {
        for _ in 0..4 {
            won(&store, claim(&lock(), &seen)).await;
            seen = store.read().await.unwrap();
        }
        assert_eq!(
            (calls("eval"), calls("evalsha")),
            (round, 4 * round),
            "the name is the script's"
        );
        assert_eq!(server.command(&["SCRIPT", "FLUSH"]), "OK");
    }
}

#[tokio::test]
async fn a_server_that_syncs_always_keeps_every_acknowledged_write_over_sigkill() {
    let setup = RedisSetup {
        config: "appendonly yes\nappendfsync always\n".to_owned(),
        port: Some(free_port()),
        ..RedisSetup::default()
    };
    let mut server = Redis::start_with(&setup);
    let address = url(&server);
    let (told, mut acknowledged) = tokio::sync::watch::channel(Vec::new());
    let writer = tokio::spawn(async move {
        let store = store(&address);
        loop {
            let seen = read_soon(&store).await;
            let write = Arc::new(append(&seen, moment(1), vec![announced(1), announced(2)]));
            match settled(&store, &write).await {
                Swap::Won(_) => told.send_modify(|all| all.push(write.nonce.clone())),
                // An earlier send of it was followed by nobody's: there is only one writer.
                other => panic!("{other:?}"),
            }
        }
    });
    for round in 1..=4 {
        let enough = acknowledged.wait_for(|all: &Vec<String>| all.len() >= 20 * round);
        tokio::time::timeout(3 * PATIENT, enough)
            .await
            .expect("the series goes on")
            .unwrap();
        // In the middle of the series.
        server = tokio::task::spawn_blocking({
            let setup = setup.clone();
            move || server.restart_with(&setup)
        })
        .await
        .unwrap();
    }
    writer.abort();
    let _ended = writer.await;
    let acknowledged = acknowledged.borrow().clone();
    let store = store(&url(&server));
    // The server may be reading its file still.
    let tip = read_soon(&store).await.tip;
    let history = store.history(History::FromSeq(1)).await.unwrap();
    let seqs: Vec<u64> = history.iter().map(|entry| entry.seq).collect();
    assert_eq!(
        seqs,
        (1..=tip.seq).collect::<Vec<_>>(),
        "whole, and in order"
    );
    for nonce in &acknowledged {
        assert_eq!(
            history.iter().filter(|entry| entry.nonce == *nonce).count(),
            2,
            "{nonce}"
        );
    }
    assert!(acknowledged.len() >= 80);
}

#[tokio::test]
async fn a_long_chain_is_read_in_pages_from_either_end() {
    let server = Redis::start();
    let store = store(&url(&server));
    for minute in 0..9 {
        let seen = store.read().await.unwrap();
        let drafts = (0..111).map(announced).collect();
        // Three hours apart: the clocks of two writers may differ by one.
        won(&store, append(&seen, moment(180 * minute), drafts)).await;
    }
    let seqs = async |from| -> Vec<u64> {
        let history = store.history(from).await.unwrap();
        history.iter().map(|entry| entry.seq).collect()
    };
    assert_eq!(
        seqs(History::FromSeq(0)).await,
        (1..=999).collect::<Vec<_>>()
    );
    assert_eq!(
        seqs(History::FromSeq(250)).await,
        (250..=999).collect::<Vec<_>>()
    );
    assert_eq!(
        seqs(History::Since(moment(0))).await,
        (1..=999).collect::<Vec<_>>()
    );
    assert_eq!(
        seqs(History::Since(moment(180 * 6))).await,
        (667..=999).collect::<Vec<_>>()
    );
    let pages = server.command(&["INFO", "commandstats"]);
    assert!(pages.contains("cmdstat_xrevrange"), "{pages}");
}
