//! The ledger: its order, its history and its tip.

use std::{future::Future, sync::Arc, time::Duration};

use ledger::{Event, Outcome, Timestamp};

use super::{fresh, read, win};
use crate::{
    LockName,
    store::{History, Store},
    testing::writes::{announced, append, claim, heartbeat, moment, told},
};

pub(super) async fn entries_keep_their_order_over_swaps<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("order");
    let (one, other) = (make(lock.clone()).await, make(lock.clone()).await);
    let mut written = Vec::new();
    for (store, many) in [(&one, 1), (&other, 7), (&one, 3)] {
        let seen = read(&**store).await;
        let write = append(&seen, moment(1), (1..=many).map(announced).collect());
        written.extend(write.entries.clone());
        win(&**store, write.clone()).await;
        let now = read(&*other).await;
        assert_eq!((now.tip, now.record), (write.tip, None));
    }
    assert_eq!(
        written.iter().map(|e| e.seq).collect::<Vec<_>>(),
        (1..=11).collect::<Vec<_>>()
    );
    assert_eq!(one.history(History::FromSeq(1)).await.unwrap(), written);
    assert_eq!(other.history(History::FromSeq(0)).await.unwrap(), written);
}

pub(super) async fn history_is_cut_where_asked<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("history");
    let store = make(lock.clone()).await;
    for minutes in [100, 200, 300, 400] {
        let seen = read(&*store).await;
        win(
            &*store,
            append(
                &seen,
                moment(minutes),
                vec![announced(minutes), announced(minutes + 1)],
            ),
        )
        .await;
    }
    let seqs = async |from| {
        store
            .history(from)
            .await
            .unwrap()
            .iter()
            .map(|e| e.seq)
            .collect::<Vec<_>>()
    };
    assert_eq!(seqs(History::FromSeq(7)).await, [7, 8]);
    assert_eq!(seqs(History::FromSeq(9)).await, [0u64; 0]);
    assert_eq!(seqs(History::Since(moment(300))).await, [5, 6, 7, 8]);
    assert_eq!(
        seqs(History::Since(Timestamp(moment(300).0 + 1))).await,
        [7, 8]
    );
    assert_eq!(seqs(History::Since(moment(401))).await, [0u64; 0]);
    assert_eq!(
        seqs(History::Since(Timestamp(0))).await,
        (1..=8).collect::<Vec<_>>()
    );
}

pub(super) async fn a_nonce_is_found_in_the_tip_after_later_writes<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("nonce");
    let store = make(lock.clone()).await;
    let write = claim(&lock, &read(&*store).await);
    win(&*store, write.clone()).await;
    for run in 0..5 {
        let seen = read(&*store).await;
        let later = if run % 2 == 0 {
            append(&seen, moment(9), vec![announced(run)])
        } else {
            heartbeat(&lock, &seen)
        };
        win(&*store, later).await;
    }
    assert!(read(&*make(lock).await).await.tip.has_nonce(&write.nonce));
}

pub(super) async fn a_large_tip_and_many_entries_in_one_swap_survive<F>(
    make: &impl Fn(LockName) -> F,
) where
    F: Future<Output = Arc<dyn Store>>,
{
    const DEPLOYMENTS: u64 = 120;
    let lock = fresh("large");
    let store = make(lock.clone()).await;
    let finished = |run: u64| Event::DeploymentFinished {
        outcome: if run.is_multiple_of(3) {
            Outcome::Failed
        } else {
            Outcome::Succeeded
        },
        reason: None,
        detail: "a detail of some length, with ünicode \u{1F6A2} and \"quotes\", ".repeat(6),
    };
    let drafts = |run: u64| {
        [
            announced(run),
            told(run, run, Event::DeploymentStarted),
            told(run, run, finished(run)),
        ]
    };
    let write = append(
        &read(&*store).await,
        moment(1),
        (1..=DEPLOYMENTS).flat_map(drafts).collect(),
    );
    let mut totals = write.clone();
    // As many label sets as a busy organisation has.
    for n in 0..300 {
        let labels = [
            ("workflow".to_owned(), format!("w{n}.yml")),
            ("branch".to_owned(), "main".to_owned()),
        ];
        totals.tip.totals.attempts.push(ledger::Counter {
            labels: labels.into(),
            value: u64::MAX - n,
        });
    }
    if let Some(histogram) = totals.tip.totals.durations.first_mut() {
        histogram.sum = Duration::from_millis(86_400_000_123);
    }
    win(&*store, totals.clone()).await;
    let other = make(lock.clone()).await;
    assert_eq!(read(&*other).await.tip, totals.tip);
    assert_eq!(
        other.history(History::FromSeq(1)).await.unwrap(),
        totals.entries
    );
    assert_eq!(
        other
            .history(History::FromSeq(3 * DEPLOYMENTS - 1))
            .await
            .unwrap()
            .len(),
        2
    );
    let seen = read(&*other).await;
    win(&*other, append(&seen, moment(2), vec![announced(1)])).await;
    assert_eq!(read(&*store).await.tip.seq, 3 * DEPLOYMENTS + 1);
}
