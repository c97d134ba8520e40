//! What this version cannot read is refused, and left as it is.

use std::{future::Future, sync::Arc};

use super::{fresh, lose, read, win};
use crate::{
    LockName, SCHEMA,
    store::{Snapshot, Store, StoreError, Write},
    testing::writes::{announced, append, claim, heartbeat, moment},
};

pub(super) async fn a_newer_record_is_refused_and_left<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("newer");
    let mut write = claim(&lock, &Snapshot::default());
    write.record.as_mut().unwrap().schema = SCHEMA + 1;
    refused_and_left(make, &lock, write, "newer version").await;
}

pub(super) async fn another_locks_record_is_refused_and_left<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("mine");
    let write = claim(&fresh("theirs"), &Snapshot::default());
    refused_and_left(make, &lock, write, "theirs").await;
}

pub(super) async fn a_newer_tip_is_refused_and_left<F>(make: &impl Fn(LockName) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let lock = fresh("tip");
    let mut write = append(&Snapshot::default(), moment(1), vec![announced(1)]);
    write.tip.schema = ledger::SCHEMA + 1;
    refused_and_left(make, &lock, write, "newer version").await;
}

async fn refused_and_left<F>(
    make: &impl Fn(LockName) -> F,
    lock: &LockName,
    planted: Write,
    says: &str,
) where
    F: Future<Output = Arc<dyn Store>>,
{
    let (planter, store) = (make(lock.clone()).await, make(lock.clone()).await);
    assert_eq!(read(&*store).await, Snapshot::default());
    let version = win(&*planter, planted.clone()).await;
    for store in [&planter, &store, &make(lock.clone()).await] {
        let error = store.read().await.expect_err("refuses to read it");
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        if planted.record.is_some() {
            lose(&**store, heartbeat(lock, &Snapshot::default())).await;
        }
        if !planted.entries.is_empty() {
            lose(
                &**store,
                append(&Snapshot::default(), moment(2), vec![announced(2)]),
            )
            .await;
        }
    }
    // It is still exactly what was planted: its own resend finds itself there.
    assert_eq!(win(&*planter, planted).await, version);
}
