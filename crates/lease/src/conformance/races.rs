//! Several writers and readers at once.

use std::{future::Future, sync::Arc};

use tokio::task::JoinSet;

use super::{fresh, read, renamed, settled, win};
use crate::{
    LockName,
    store::{History, Snapshot, Store, Swap},
    testing::writes::{announced, append, claim, moment},
};

/// How often two writers race.
const ROUNDS: usize = 20;

/// How many sends of one write are under way at once.
const SENDS: usize = crate::timing::SENDS_AT_ONCE;

pub(super) async fn of_two_racing_writers_exactly_one_takes_effect<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("race");
    let (one, other) = (make(lock.clone()).await, make(lock.clone()).await);
    for round in 0..ROUNDS {
        let (seen, also_seen) = (read(&*one).await, read(&*other).await);
        assert_eq!(seen, also_seen);
        let mine = Arc::new(claim(&lock, &seen));
        let theirs = Arc::new(renamed((*mine).clone()));
        let (my_swap, their_swap) =
            tokio::join!(one.swap(Arc::clone(&mine)), other.swap(Arc::clone(&theirs)));
        let won = |swap: &Swap| matches!(swap, Swap::Won(_));
        assert!(
            !(won(&my_swap) && won(&their_swap)),
            "both won round {round}"
        );
        // An answer that was lost is asked for again; nobody wins by that what the other has won.
        let (my_end, their_end) = (settled(&*one, &mine).await, settled(&*other, &theirs).await);
        assert_ne!(
            my_end.is_some(),
            their_end.is_some(),
            "round {round}: {my_swap:?} and {their_swap:?}"
        );
        assert!(!won(&my_swap) || my_end.is_some());
        assert!(!won(&their_swap) || their_end.is_some());
        let now = read(&*one).await;
        let winner = if my_end.is_some() { &mine } else { &theirs };
        assert_eq!(
            (now.record.as_ref(), &now.tip),
            (winner.record.as_ref(), &winner.tip)
        );
    }
    let history = one.history(History::FromSeq(1)).await.unwrap();
    assert_eq!(history.len(), 2 * ROUNDS);
}

pub(super) async fn many_sends_of_one_write_at_once_take_effect_once<F>(
    make: &impl Fn(LockName) -> F,
) where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("sends");
    let store = make(lock.clone()).await;
    let mut seen = Snapshot::default();
    for _ in 0..5 {
        let write = Arc::new(claim(&lock, &seen));
        let mut sends = JoinSet::new();
        for _ in 0..SENDS {
            let (store, write) = (Arc::clone(&store), Arc::clone(&write));
            sends.spawn(async move { store.swap(write).await });
        }
        let beside = store.read().await;
        assert!(beside.is_ok(), "a read beside the sends failed: {beside:?}");
        // A send that another one overtakes may be told that it lost; what counts is the state.
        sends.join_all().await;
        let version = settled(&*store, &write)
            .await
            .expect("a resend of what took effect wins");
        seen = read(&*store).await;
        assert_eq!((&seen.version, &seen.tip), (&version, &write.tip));
    }
    assert_eq!(store.history(History::FromSeq(1)).await.unwrap().len(), 10);
}

pub(super) async fn reads_beside_sends_see_whole_states<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("whole");
    let (writer, reader) = (make(lock.clone()).await, make(lock.clone()).await);
    win(&*writer, claim(&lock, &Snapshot::default())).await;
    let reads = async {
        let mut newest = 0;
        while newest <= ROUNDS as u64 {
            let seen = read(&*reader).await;
            let token = seen.record.as_ref().map_or(0, |r| r.token);
            // Every claim writes two entries: record and tip of one state belong together.
            assert_eq!(
                seen.tip.seq,
                token * 2,
                "a record and a tip of different swaps"
            );
            assert!(
                token >= newest,
                "a read went back from token {newest} to {token}"
            );
            newest = token;
            // A store that answers at once would leave the writer no turn.
            tokio::task::yield_now().await;
        }
    };
    let writes = async {
        for _ in 0..ROUNDS {
            let seen = read(&*writer).await;
            win(&*writer, claim(&lock, &seen)).await;
        }
    };
    tokio::join!(reads, writes);
    let seen = read(&*reader).await;
    win(&*reader, append(&seen, moment(1), vec![announced(1)])).await;
}
