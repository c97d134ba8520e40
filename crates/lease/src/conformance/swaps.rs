//! The compare-and-swap of lease and ledger.

use std::{future::Future, sync::Arc, time::Duration};

use super::{fresh, lose, read, renamed, settled, win};
use crate::{
    LockName,
    store::{History, Snapshot, Store},
    testing::writes::{announced, append, claim, heartbeat, moment},
};

pub(super) async fn an_unused_lock_reads_as_empty<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let store = make(fresh("empty")).await;
    assert_eq!(read(&*store).await, Snapshot::default());
    assert_eq!(store.history(History::FromSeq(1)).await.unwrap(), []);
    assert_eq!(store.history(History::Since(moment(0))).await.unwrap(), []);
}

pub(super) async fn a_claim_on_nothing_is_won_and_read_back_whole<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("claim");
    let (store, other) = (make(lock.clone()).await, make(lock.clone()).await);
    let write = claim(&lock, &read(&*store).await);
    let version = win(&*store, write.clone()).await;
    let wanted = Snapshot {
        record: write.record,
        tip: write.tip,
        version,
    };
    assert_eq!(read(&*store).await, wanted);
    assert_eq!(read(&*other).await, wanted);
}

pub(super) async fn the_second_of_two_writers_loses<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("second");
    let (first, second) = (make(lock.clone()).await, make(lock.clone()).await);
    let seen = read(&*second).await;
    let write = claim(&lock, &seen);
    let late = renamed(write.clone());
    win(&*first, write.clone()).await;
    lose(&*second, late).await;
    let now = read(&*second).await;
    assert_eq!(
        (now.record, now.tip),
        (write.record.clone(), write.tip.clone())
    );
    // The same once more with the lease alone, over a record that is there.
    let seen = read(&*first).await;
    win(&*second, heartbeat(&lock, &seen)).await;
    lose(&*first, heartbeat(&lock, &seen)).await;
}

pub(super) async fn the_same_write_sent_twice_wins_twice_and_takes_effect_once<F>(
    make: &impl Fn(LockName) -> F,
) where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("twice");
    let store = make(lock.clone()).await;
    for build in [
        |lock: &LockName, seen: &Snapshot| claim(lock, seen),
        |lock: &LockName, seen: &Snapshot| heartbeat(lock, seen),
        |_: &LockName, seen: &Snapshot| append(seen, moment(2), vec![announced(1)]),
    ] {
        let write = Arc::new(build(&lock, &read(&*store).await));
        let first = settled(&*store, &write).await.expect("the first send wins");
        let after_first = read(&*store).await;
        let second = settled(&*store, &write)
            .await
            .expect("the second send wins");
        assert_eq!(first, second);
        // Another process may find that what the write follows is gone, which decides nothing; but it never wins anew.
        let other = make(lock.clone()).await;
        let third = settled(&*other, &Arc::new((*write).clone())).await;
        assert!(third.is_none_or(|third| third == first));
        assert_eq!(read(&*store).await, after_first);
    }
    let history = store.history(History::FromSeq(1)).await.unwrap();
    assert_eq!(history.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3]);
}

pub(super) async fn a_resend_after_a_later_write_changes_nothing<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("resend");
    let store = make(lock.clone()).await;
    let write = Arc::new(claim(&lock, &read(&*store).await));
    settled(&*store, &write).await.expect("the claim wins");
    let seen = read(&*store).await;
    win(&*store, claim(&lock, &seen)).await;
    let later = read(&*store).await;
    // What the answer is does not matter (design §4 rule 2), but it must not be a new effect.
    let _ = settled(&*store, &write).await;
    assert_eq!(read(&*store).await, later);
}

pub(super) async fn a_heartbeat_ignores_the_ledgers_moves<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("heartbeat");
    let (holder, other) = (make(lock.clone()).await, make(lock.clone()).await);
    win(&*holder, claim(&lock, &Snapshot::default())).await;
    let seen = read(&*holder).await;
    win(
        &*other,
        append(&read(&*other).await, moment(3), vec![announced(9)]),
    )
    .await;
    let beat = heartbeat(&lock, &seen);
    let version = win(&*holder, beat.clone()).await;
    assert_eq!(
        version.ledger, seen.version.ledger,
        "the part that was not written keeps the version expected"
    );
    let now = read(&*holder).await;
    assert_eq!((now.record, now.tip.seq), (beat.record, 3));
    assert_ne!(now.version.ledger, seen.version.ledger);
}

pub(super) async fn an_append_ignores_the_leases_moves<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("append");
    let (holder, other) = (make(lock.clone()).await, make(lock.clone()).await);
    win(&*holder, claim(&lock, &Snapshot::default())).await;
    let seen = read(&*other).await;
    let beat = heartbeat(&lock, &seen);
    win(&*holder, beat.clone()).await;
    let version = win(&*other, append(&seen, moment(3), vec![announced(9)])).await;
    assert_eq!(
        version.lease, seen.version.lease,
        "the part that was not written keeps the version expected"
    );
    let now = read(&*holder).await;
    assert_eq!((now.record, now.tip.seq), (beat.record, 3));
}

pub(super) async fn a_swap_of_both_loses_when_either_moved_and_leaves_nothing_of_it<F>(
    make: &impl Fn(LockName) -> F,
) where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("both");
    let (one, other) = (make(lock.clone()).await, make(lock.clone()).await);
    win(&*one, claim(&lock, &Snapshot::default())).await;
    for move_the_lease in [true, false] {
        let seen = read(&*one).await;
        let foreign = match move_the_lease {
            true => heartbeat(&lock, &seen),
            false => append(&seen, moment(4), vec![announced(9)]),
        };
        win(&*other, foreign).await;
        let before = read(&*other).await;
        let history = other.history(History::FromSeq(1)).await.unwrap();
        lose(&*one, claim(&lock, &seen)).await;
        assert_eq!(read(&*other).await, before);
        assert_eq!(other.history(History::FromSeq(1)).await.unwrap(), history);
    }
}

pub(super) async fn versions_are_equal_exactly_when_nothing_was_written<F>(
    make: &impl Fn(LockName) -> F,
) where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("versions");
    let (one, other) = (make(lock.clone()).await, make(lock.clone()).await);
    let mut versions = vec![read(&*one).await.version];
    for step in 0..6 {
        let seen = read(&*one).await;
        let write = match step % 3 {
            0 => claim(&lock, &seen),
            1 => heartbeat(&lock, &seen),
            _ => append(&seen, moment(5), vec![announced(9)]),
        };
        let won = win(&*one, write).await;
        let (first, second, third) = (read(&*one).await, read(&*one).await, read(&*other).await);
        assert_eq!(first, second);
        assert_eq!(first, third);
        assert_eq!(first.version, won);
        assert!(!versions.contains(&won), "{won:?} came back");
        versions.push(won);
    }
}

pub(super) async fn a_stale_version_never_wins<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("stale");
    let (one, other) = (make(lock.clone()).await, make(lock.clone()).await);
    let mut earlier = vec![read(&*one).await];
    for _ in 0..3 {
        let seen = read(&*one).await;
        win(&*one, claim(&lock, &seen)).await;
        earlier.push(read(&*one).await);
    }
    let newest = earlier.pop().unwrap();
    for seen in &earlier {
        for store in [&one, &other] {
            lose(&**store, claim(&lock, seen)).await;
            lose(&**store, heartbeat(&lock, seen)).await;
            lose(&**store, append(seen, moment(6), vec![announced(9)])).await;
        }
    }
    assert_eq!(read(&*other).await, newest);
}

pub(super) async fn two_locks_do_not_touch_each_other<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let outer = fresh("outer");
    let inner = LockName::new(format!("{outer}/lease")).unwrap();
    let (one, other) = (make(outer.clone()).await, make(inner.clone()).await);
    let write = claim(&outer, &read(&*one).await);
    win(&*one, write.clone()).await;
    assert_eq!(read(&*other).await, Snapshot::default());
    win(&*other, claim(&inner, &Snapshot::default())).await;
    let seen = read(&*other).await;
    win(&*other, claim(&inner, &seen)).await;
    assert_eq!(read(&*one).await.record, write.record);
    assert_eq!(read(&*other).await.record.unwrap().token, 2);
}

pub(super) async fn a_difficult_name_is_a_lock_like_any_other<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = LockName::new(format!(
        "{}/prod eu/1..x~^:?*[\\@{{é'\"%2F.lock",
        fresh("difficult")
    ))
    .unwrap();
    let store = make(lock.clone()).await;
    for token in 1..=2 {
        let write = claim(&lock, &read(&*store).await);
        win(&*store, write.clone()).await;
        let now = read(&*store).await;
        assert_eq!(now.record, write.record);
        assert_eq!(now.record.unwrap().token, token);
    }
    assert_eq!(store.history(History::FromSeq(1)).await.unwrap().len(), 4);
}

pub(super) async fn waiting_for_a_change_ends<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("changed");
    let store = make(lock.clone()).await;
    let seen = read(&*store).await;
    let wait = store.changed(seen.version, Duration::from_millis(50));
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .expect("waiting ends where nothing changes");
}
