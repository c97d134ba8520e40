//! A server that refuses, is away, is slow or lags.

use std::time::{Duration, Instant};

use lease::{
    store::{
        History, Snapshot, Store, StoreError, Swap,
        git::{Credentials, GitOptions},
    },
    testing::{
        http_git::{Mode, Server},
        writes::{announced, append, claim, heartbeat, moment},
    },
};

use crate::places::{TOKEN, claimed, lock, open, options, served, swap, won};

#[tokio::test]
async fn a_wrong_token_is_refused_within_a_second_and_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let lock = lock("o/r/production");
    for credentials in [Some(Credentials::token("canary-wrong")), None] {
        let options = options(served(&server), lock.clone(), folder.path());
        let store = open(GitOptions {
            credentials,
            ..options
        })
        .await;
        let started = Instant::now();
        let refused = store.read().await.unwrap_err();
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "{:?}",
            started.elapsed()
        );
        assert!(matches!(refused, StoreError::Denied { .. }), "{refused}");
        assert!(!format!("{refused} {refused:?} {store:?}").contains("canary"));
        let swap = swap(&store, claim(&lock, &Snapshot::default())).await;
        let Swap::Unknown(StoreError::Denied { detail, .. }) = swap else {
            panic!("{swap:?}")
        };
        assert!(!detail.contains("canary"));
    }
    let right = open(options(served(&server), lock, folder.path())).await;
    assert_eq!(right.read().await.unwrap(), Snapshot::default());
}

#[tokio::test]
async fn a_server_that_is_away_is_out_of_reach_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, seen) = claimed(&server, folder.path()).await;
    server.set(Mode::Refuse);
    while tokio::net::TcpStream::connect(address(&server))
        .await
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
    assert!(matches!(
        store.read().await,
        Err(StoreError::Unreachable { .. })
    ));
    let beat = heartbeat(&lock, &seen);
    let swap_away = swap(&store, beat.clone()).await;
    assert!(
        matches!(swap_away, Swap::Unknown(StoreError::Unreachable { .. })),
        "{swap_away:?}"
    );
    server.set(Mode::Serve);
    while tokio::net::TcpStream::connect(address(&server))
        .await
        .is_err()
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.read().await.unwrap(), seen);
    won(&store, beat.clone()).await;
    assert_eq!(store.read().await.unwrap().record, beat.record);
}

#[tokio::test]
async fn a_server_that_never_answers_costs_the_request_timeout_and_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, seen) = claimed(&server, folder.path()).await;
    drop(store);
    let timeout = Duration::from_millis(500);
    let impatient = GitOptions {
        request_timeout: timeout,
        ..options(served(&server), lock.clone(), folder.path())
    };
    let store = open(impatient).await;
    server.set(Mode::Silent);
    for _ in 0..2 {
        let started = Instant::now();
        let (read, sent) = tokio::join!(store.read(), swap(&store, heartbeat(&lock, &seen)));
        assert!(
            matches!(read, Err(StoreError::TimedOut { after, .. }) if after == timeout),
            "{read:?}"
        );
        assert!(
            matches!(sent, Swap::Unknown(StoreError::TimedOut { .. })),
            "{sent:?}"
        );
        assert!(started.elapsed() < timeout * 3, "{:?}", started.elapsed());
    }
    server.set(Mode::Serve);
    let patient = open(options(served(&server), lock, folder.path())).await;
    assert_eq!(patient.read().await.unwrap(), seen);
    // The scratch repository of the store whose gits were killed is as good as before.
    let again = crate::places::until(|| async { store.read().await.ok() }).await;
    assert_eq!(again, seen);
}

#[tokio::test]
async fn a_slow_server_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, _) = claimed(&server, folder.path()).await;
    server.set(Mode::Slow(Duration::from_millis(200)));
    let seen = store.read().await.unwrap();
    let write = claim(&lock, &seen);
    won(&store, write.clone()).await;
    assert_eq!(store.read().await.unwrap().tip, write.tip);
}

#[tokio::test]
async fn a_servers_own_failure_is_passing_and_its_refusal_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, seen) = claimed(&server, folder.path()).await;
    for (status, passing) in [
        (500, true),
        (502, true),
        (503, true),
        (429, true),
        (403, false),
        (404, false),
    ] {
        server.set(Mode::Status(status));
        let read = store.read().await.unwrap_err();
        assert_eq!(read.is_passing(), passing, "{status}: {read}");
        let swap = swap(&store, heartbeat(&lock, &seen)).await;
        assert!(
            matches!(&swap, Swap::Unknown(e) if e.is_passing() == passing),
            "{status}: {swap:?}"
        );
    }
    server.set(Mode::Serve);
    assert_eq!(store.read().await.unwrap(), seen);
}

#[tokio::test]
async fn a_stale_snapshot_wins_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, old) = claimed(&server, folder.path()).await;
    let other = open(options(served(&server), lock.clone(), folder.path())).await;
    server.freeze().unwrap();
    other.read().await.unwrap();
    won(&other, claim(&lock, &old)).await;
    let now = other.read().await.unwrap();
    assert_eq!(store.read().await.unwrap(), now);
    server.set(Mode::Stale);
    // A replica that lags: the reader goes back to what it had seen before.
    assert_eq!(store.read().await.unwrap(), old);
    for write in [
        claim(&lock, &old),
        heartbeat(&lock, &old),
        append(&old, moment(1), vec![announced(3)]),
    ] {
        let swap = swap(&store, write).await;
        assert!(matches!(swap, Swap::Lost), "{swap:?}");
    }
    server.set(Mode::Serve);
    assert_eq!(store.read().await.unwrap(), now);
}

#[tokio::test]
async fn a_first_read_costs_three_requests_and_one_that_finds_nothing_new_or_a_swap_two() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, seen) = claimed(&server, folder.path()).await;
    let other = open(options(served(&server), lock.clone(), folder.path())).await;
    let requests = |at_most: usize| {
        let seen = server.take_requests();
        assert!(
            !seen.is_empty() && seen.len() <= at_most,
            "more than {at_most}: {seen:?}"
        );
    };
    server.take_requests();
    other.read().await.unwrap();
    // Who is there, which refs, and the objects: the first read is one fetch.
    requests(3);
    other.read().await.unwrap();
    requests(2);
    let entries = other.history(History::FromSeq(2)).await.unwrap();
    assert_eq!(entries[0].seq, 2);
    requests(3);
    won(&store, heartbeat(&lock, &seen)).await;
    requests(2);
    // Two more when something moved: git asks what is in common, and then for the rest.
    let seen = other.read().await.unwrap();
    requests(4);
    won(&store, claim(&lock, &seen)).await;
    server.take_requests();
    other.read().await.unwrap();
    requests(4);
    other.read().await.unwrap();
    requests(2);
}

fn address(server: &Server) -> String {
    let url = server.url();
    url.trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn a_read_between_the_two_parts_of_a_swap_is_repeated_before_the_swap_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, seen) = claimed(&server, folder.path()).await;
    let other = open(options(served(&server), lock.clone(), folder.path())).await;
    other.read().await.unwrap();
    let version = won(&store, claim(&lock, &seen)).await;
    let whole = store.read().await.unwrap();
    // As a server shows it that has moved the lease, and is about to move the ledger.
    let name = format!("refs/baton/{}/ledger", lock.encoded());
    let set = |to: &str| {
        let mut git = std::process::Command::new("git");
        let set = git
            .arg("--git-dir")
            .arg(server.repository())
            .args(["update-ref", &name, to])
            .status();
        assert!(set.unwrap().success());
    };
    set(&seen.version.ledger.unwrap());
    server.take_requests();
    assert_eq!(other.read().await.unwrap(), whole);
    let requests = server.take_requests();
    let listings = requests.iter().filter(|r| r.starts_with("GET"));
    let looks = listings
        .take_while(|r| r.contains("git-upload-pack"))
        .count();
    assert_eq!(looks, 5, "four looks, and the fetch of what is missing");
    assert_eq!((whole.version.clone(), whole.tip.seq), (version, 4));
    assert_eq!(other.read().await.unwrap(), whole);
    server.take_requests();
    other.read().await.unwrap();
    let listings = server
        .take_requests()
        .iter()
        .filter(|r| r.starts_with("GET"))
        .count();
    assert_eq!(listings, 1, "a whole state is read once");
}
