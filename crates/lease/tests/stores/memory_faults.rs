//! The faults of the store in memory, which simulations rest on.

use std::time::Duration;

use lease::{
    store::{
        Snapshot, Store, StoreError, Swap,
        memory::{Memory, ReadFault, SwapFault},
    },
    testing::writes::{claim, heartbeat},
};

use crate::places::{lock, swap, won};

const SHORT: Duration = Duration::from_millis(20);

fn away() -> StoreError {
    StoreError::Unreachable {
        place: "memory".into(),
        detail: "unplugged".into(),
    }
}

#[tokio::test]
async fn a_failed_swap_has_no_effect_and_a_lost_answer_has_one() {
    let (memory, lock) = (Memory::default(), lock("o/r/production"));
    let store = memory.store(lock.clone(), SHORT);
    let write = claim(&lock, &Snapshot::default());
    memory.spoil_swap(SwapFault::Fail(away()));
    memory.spoil_swap(SwapFault::Hang);
    memory.spoil_swap(SwapFault::LoseAnswer);
    assert!(matches!(swap(&store, write.clone()).await, Swap::Unknown(e) if e == away()));
    assert!(matches!(
        swap(&store, write.clone()).await,
        Swap::Unknown(StoreError::TimedOut { .. })
    ));
    assert_eq!(store.read().await.unwrap(), Snapshot::default());
    assert!(matches!(
        swap(&store, write.clone()).await,
        Swap::Unknown(StoreError::TimedOut { .. })
    ));
    let now = store.read().await.unwrap();
    assert_eq!(now.record, write.record);
    assert_eq!(won(&store, write).await, now.version);
}

#[tokio::test]
async fn a_late_swap_takes_effect_when_it_arrives_if_it_then_may() {
    let (memory, lock) = (Memory::default(), lock("o/r/production"));
    let store = memory.store(lock.clone(), SHORT);
    let write = claim(&lock, &Snapshot::default());
    memory.spoil_swap(SwapFault::Late);
    assert!(matches!(
        swap(&store, write.clone()).await,
        Swap::Unknown(_)
    ));
    assert_eq!(store.read().await.unwrap(), Snapshot::default());
    assert_eq!(memory.apply_late(), 1);
    let seen = store.read().await.unwrap();
    assert_eq!(seen.record, write.record);
    memory.spoil_swap(SwapFault::Late);
    assert!(matches!(
        swap(&store, heartbeat(&lock, &seen)).await,
        Swap::Unknown(_)
    ));
    won(&store, claim(&lock, &seen)).await;
    assert_eq!(memory.apply_late(), 0);
}

#[tokio::test]
async fn a_spoilt_read_fails_hangs_or_shows_an_earlier_state() {
    let (memory, lock) = (Memory::default(), lock("o/r/production"));
    let store = memory.store(lock.clone(), SHORT);
    won(&store, claim(&lock, &Snapshot::default())).await;
    let earlier = store.read().await.unwrap();
    won(&store, heartbeat(&lock, &earlier)).await;
    memory.spoil_read(ReadFault::Fail(away()));
    memory.spoil_read(ReadFault::Hang);
    memory.spoil_read(ReadFault::Stale(1));
    memory.spoil_read(ReadFault::Stale(2));
    assert_eq!(store.read().await, Err(away()));
    assert!(matches!(
        store.read().await,
        Err(StoreError::TimedOut { .. })
    ));
    assert_eq!(store.read().await.unwrap(), earlier);
    assert_eq!(store.read().await.unwrap(), Snapshot::default());
    assert_ne!(store.read().await.unwrap(), earlier);
}

#[tokio::test]
async fn a_change_wakes_who_waits_for_it() {
    let (memory, lock) = (Memory::default(), lock("o/r/production"));
    let (waiting, writing) = (
        memory.store(lock.clone(), SHORT),
        memory.store(lock.clone(), SHORT),
    );
    let wait = waiting.changed(Default::default(), Duration::from_secs(60));
    let write = won(&writing, claim(&lock, &Snapshot::default()));
    let both = async { tokio::join!(wait, write) };
    tokio::time::timeout(Duration::from_secs(10), both)
        .await
        .expect("the write ends the wait");
}
