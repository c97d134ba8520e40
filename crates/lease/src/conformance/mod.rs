//! What every store must do (design §5): one suite, run against each.
//!
//! A check uses locks of its own, so that a place can be shared by all of them and by earlier runs. A store under test
//! answers within its request timeout; a check that needs an answer for certain asks for it again.

// This is test code that lives in the library so that other crates can use it: a failed check is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod chain;
mod foreign;
mod races;
mod swaps;

use std::{future::Future, sync::Arc};

use crate::{
    LockName,
    store::{Snapshot, Store, Swap, Version, Write},
    testing::writes::nonce,
};

/// Runs the whole suite. `make` opens a store for a lock; each call stands for another process at the same place.
///
/// # Panics
/// When the store does not do what it must.
pub async fn run<M, F, S>(make: M)
where
    M: Fn(LockName) -> F,
    F: Future<Output = S>,
    S: Store + 'static,
{
    let make = |lock: LockName| {
        let store = make(lock);
        async { Arc::new(store.await) as Arc<dyn Store> }
    };
    swaps::an_unused_lock_reads_as_empty(&make).await;
    swaps::a_claim_on_nothing_is_won_and_read_back_whole(&make).await;
    swaps::the_second_of_two_writers_loses(&make).await;
    swaps::the_same_write_sent_twice_wins_twice_and_takes_effect_once(&make).await;
    swaps::a_resend_after_a_later_write_changes_nothing(&make).await;
    swaps::a_heartbeat_ignores_the_ledgers_moves(&make).await;
    swaps::an_append_ignores_the_leases_moves(&make).await;
    swaps::a_swap_of_both_loses_when_either_moved_and_leaves_nothing_of_it(&make).await;
    swaps::versions_are_equal_exactly_when_nothing_was_written(&make).await;
    swaps::a_stale_version_never_wins(&make).await;
    swaps::two_locks_do_not_touch_each_other(&make).await;
    swaps::a_difficult_name_is_a_lock_like_any_other(&make).await;
    swaps::waiting_for_a_change_ends(&make).await;
    chain::entries_keep_their_order_over_swaps(&make).await;
    chain::history_is_cut_where_asked(&make).await;
    chain::a_nonce_is_found_in_the_tip_after_later_writes(&make).await;
    chain::a_large_tip_and_many_entries_in_one_swap_survive(&make).await;
    races::of_two_racing_writers_exactly_one_takes_effect(&make).await;
    races::many_sends_of_one_write_at_once_take_effect_once(&make).await;
    races::reads_beside_sends_see_whole_states(&make).await;
    foreign::a_newer_record_is_refused_and_left(&make).await;
    foreign::another_locks_record_is_refused_and_left(&make).await;
    foreign::a_newer_tip_is_refused_and_left(&make).await;
}

/// How often a request that went unanswered is made again.
const TRIES: usize = 20;

/// A lock that no other check or run uses.
fn fresh(name: &str) -> LockName {
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).unwrap();
    LockName::new(format!("o/r/{name}-{:x}", u64::from_ne_bytes(random))).unwrap()
}

/// Sends until there is a verdict: on a busy machine a request may go unanswered, which proves nothing.
async fn settled(store: &dyn Store, write: &Arc<Write>) -> Option<Version> {
    let mut sends = 0;
    loop {
        sends += 1;
        match store.swap(Arc::clone(write)).await {
            Swap::Won(version) => return Some(version),
            Swap::Lost => return None,
            Swap::Unknown(error) if error.is_passing() && sends < TRIES => {}
            Swap::Unknown(error) => panic!("{sends} sends of a write came to nothing: {error}"),
        }
    }
}

/// Sends a write that must win.
async fn win(store: &dyn Store, write: Write) -> Version {
    let write = Arc::new(write);
    settled(store, &write)
        .await
        .expect("the write should have won")
}

/// Sends a write that must lose.
async fn lose(store: &dyn Store, write: Write) {
    let write = Arc::new(write);
    assert_eq!(
        settled(store, &write).await,
        None,
        "the write should have lost"
    );
}

async fn read(store: &dyn Store) -> Snapshot {
    let mut reads = 0;
    loop {
        reads += 1;
        match store.read().await {
            Ok(snapshot) => return snapshot,
            Err(error) if error.is_passing() && reads < TRIES => {}
            Err(error) => panic!("{reads} reads came to nothing: {error}"),
        }
    }
}

/// `write` as somebody else would send it: other content, other nonce, the same expectation.
fn renamed(mut write: Write) -> Write {
    write.nonce = nonce();
    if let Some(record) = &mut write.record {
        record.nonce.clone_from(&write.nonce);
    }
    for entry in &mut write.entries {
        entry.nonce.clone_from(&write.nonce);
    }
    if let Some(newest) = write.tip.nonces.last_mut() {
        newest.clone_from(&write.nonce);
    }
    write
}
