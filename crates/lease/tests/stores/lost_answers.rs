//! Pushes that take effect without an answer, or long after the client gave up.

use std::{sync::Arc, time::Duration};

use lease::{
    store::{
        History, Store, StoreError, Swap,
        git::{GitOptions, GitStore},
    },
    testing::{
        http_git::{Mode, Server},
        writes::{claim, heartbeat},
    },
};

use crate::places::{TOKEN, claimed, open, options, served, swap, until, won};

/// Long enough for a git to send a push on a busy machine, short enough to wait for.
const IMPATIENT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_push_whose_answer_is_lost_is_found_and_its_resend_wins() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, seen) = claimed(&server, folder.path()).await;
    for write in [claim(&lock, &seen), heartbeat(&lock, &seen)] {
        let before = store.read().await.unwrap();
        let write = Arc::new(lease::store::Write {
            expected: before.version.clone(),
            ..write
        });
        server.set(Mode::LoseAnswer);
        let lost = store.swap(Arc::clone(&write)).await;
        assert!(
            matches!(lost, Swap::Unknown(StoreError::Unreachable { .. })),
            "{lost:?}"
        );
        server.set(Mode::Serve);
        let now = store.read().await.unwrap();
        assert_eq!(now.record, write.record, "it took effect");
        let Swap::Won(version) = store.swap(write).await else {
            panic!("the resend finds itself there")
        };
        assert_eq!(version, now.version);
        assert_eq!(store.read().await.unwrap(), now);
    }
    assert_eq!(store.history(History::FromSeq(1)).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_push_that_is_applied_after_the_client_gave_up_takes_effect_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (patient, lock, seen) = claimed(&server, folder.path()).await;
    let store = impatient(&server, folder.path()).await;
    store.read().await.unwrap();
    let done = server.pushed();
    let write = Arc::new(claim(&lock, &seen));
    server.set(Mode::HoldPush);
    let unanswered = store.swap(Arc::clone(&write)).await;
    assert!(
        matches!(unanswered, Swap::Unknown(StoreError::TimedOut { .. })),
        "{unanswered:?}"
    );
    assert_eq!(server.held(), 1, "the server has the push");
    assert_eq!(
        patient.read().await.unwrap(),
        seen,
        "and has not applied it"
    );
    server.set(Mode::Serve);
    server.pushes(done + 1).await;
    let now = patient.read().await.unwrap();
    assert_eq!((&now.record, &now.tip), (&write.record, &write.tip));
    let resent = until(|| async { settled(store.swap(Arc::clone(&write)).await) }).await;
    assert!(matches!(resent, Swap::Won(version) if version == now.version));
    assert_eq!(patient.read().await.unwrap(), now);
}

#[tokio::test]
async fn a_late_push_over_somebody_elses_write_has_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (patient, lock, seen) = claimed(&server, folder.path()).await;
    let store = impatient(&server, folder.path()).await;
    store.read().await.unwrap();
    let late = Arc::new(claim(&lock, &seen));
    server.set(Mode::HoldPush);
    let unanswered = store.swap(Arc::clone(&late)).await;
    assert!(
        matches!(unanswered, Swap::Unknown(StoreError::TimedOut { .. })),
        "{unanswered:?}"
    );
    assert_eq!(server.held(), 1);
    // The other's push arrives behind the server's back, before the late one is let go.
    let disk = lease::store::git::GitRemote::local(server.repository()).unwrap();
    let other = open(options(disk, lock.clone(), folder.path())).await;
    other.read().await.unwrap();
    let theirs = claim(&lock, &seen);
    won(&other, theirs.clone()).await;
    let done = server.pushed();
    server.set(Mode::Serve);
    server.pushes(done + 1).await;
    let now = patient.read().await.unwrap();
    assert_eq!((&now.record, &now.tip), (&theirs.record, &theirs.tip));
    let resent = until(|| async { settled(store.swap(Arc::clone(&late)).await) }).await;
    assert!(matches!(resent, Swap::Lost), "{resent:?}");
    let refused = swap(&patient, (*late).clone()).await;
    assert!(matches!(refused, Swap::Lost), "{refused:?}");
}

#[tokio::test]
async fn four_held_sends_and_a_read_beside_them_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, seen) = claimed(&server, folder.path()).await;
    let done = server.pushed();
    let write = Arc::new(claim(&lock, &seen));
    server.set(Mode::HoldPush);
    let store = Arc::new(store);
    let mut sends = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (store, write) = (Arc::clone(&store), Arc::clone(&write));
        sends.spawn(async move { store.swap(write).await });
    }
    until(|| async { (server.held() == 4).then_some(()) }).await;
    assert_eq!(store.read().await.unwrap(), seen);
    server.set(Mode::Serve);
    // A held push is answered by nothing; an HTTP library that then sends it once more is told that the ref has moved.
    for sent in sends.join_all().await {
        assert!(
            matches!(
                sent,
                Swap::Lost | Swap::Unknown(StoreError::Unreachable { .. })
            ),
            "{sent:?}"
        );
    }
    server.pushes(done + 4).await;
    let Swap::Won(version) = store.swap(Arc::clone(&write)).await else {
        panic!("the resend finds itself there")
    };
    let now = store.read().await.unwrap();
    assert_eq!((now.version, now.tip), (version, write.tip.clone()));
    assert_eq!(store.history(History::FromSeq(1)).await.unwrap().len(), 4);
}

async fn impatient(server: &Server, folder: &std::path::Path) -> GitStore {
    let options = options(
        served(server),
        crate::places::lock("o/r/production"),
        folder,
    );
    open(GitOptions {
        request_timeout: IMPATIENT,
        ..options
    })
    .await
}

/// Nothing where the request went unanswered and is to be made again.
fn settled(swap: Swap) -> Option<Swap> {
    if let Swap::Unknown(_) = swap {
        None
    } else {
        Some(swap)
    }
}

#[tokio::test]
async fn one_write_is_the_same_commits_in_every_process() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, seen) = claimed(&server, folder.path()).await;
    let other = open(options(served(&server), lock.clone(), folder.path())).await;
    assert_eq!(other.read().await.unwrap(), seen);
    let write = claim(&lock, &seen);
    let version = won(&store, write.clone()).await;
    // The other makes the commits anew, and finds them there.
    assert_eq!(won(&other, write).await, version);
}
