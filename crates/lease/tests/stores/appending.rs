//! A step that only adds to the ledger, driven by the shell against stores that lose answers and are written by others.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use lease::{
    protocol::{Appender, AppenderConfig, AppenderEnd, Command, Input, Now},
    shell::{self, Hands, Host},
    store::{
        History, Store, StoreFuture,
        memory::{Memory, SwapFault},
    },
};
use ledger::{Deployment, Event, Party, PreflightResult, Timestamp};

use crate::places::lock;

const SHORT: Duration = Duration::from_millis(20);

/// The clock of this process, and nonces that nobody else makes.
struct Here {
    began: Instant,
    name: u32,
    nonces: AtomicU64,
}

impl Host for Here {
    fn now(&self) -> Now {
        Now {
            boot: self.began.elapsed(),
            wall: Timestamp(1_795_250_100_000),
        }
    }

    fn nonce(&self) -> String {
        format!(
            "leg-{}-{}",
            self.name,
            self.nonces.fetch_add(1, Ordering::Relaxed)
        )
    }

    fn sleep_until(&self, boot: Duration) -> StoreFuture<'_, ()> {
        let left = boot.saturating_sub(self.began.elapsed());
        Box::pin(tokio::time::sleep(left))
    }
}

/// Nothing runs beside it.
struct Idle;

impl Hands for Idle {
    fn feed(&mut self, _: Duration) {}
    fn start(&mut self, _: Command, _: u32, _: u64, _: Duration) {}
    fn stop(&mut self, _: bool) {}
    fn say(&mut self, _: &str) {}
    fn next(&mut self) -> impl Future<Output = Input> {
        pending()
    }
}

/// The preflight of one leg, to its end.
async fn preflight(store: Arc<dyn Store>, number: u32) -> Option<AppenderEnd> {
    let instance = format!("instance-{number}");
    let announced = Event::Announced {
        candidates: 2,
        instance: instance.clone(),
    };
    let passed = Event::Preflight {
        result: PreflightResult::Pass,
        failed: Vec::new(),
    };
    let mut appender = Appender::new(AppenderConfig {
        deployment: Deployment {
            id: "o/r/1/1".to_owned(),
            ..Deployment::default()
        },
        by: Some(Party {
            candidate: number,
            ..Party::default()
        }),
        instance,
        events: vec![announced, passed],
        resend_after: SHORT,
        patience: Duration::from_secs(10),
    });
    let here = Here {
        began: Instant::now(),
        name: number,
        nonces: AtomicU64::new(0),
    };
    let conclusion = shell::run(&mut appender, &store, SHORT, &here, &mut Idle).await;
    assert_eq!(conclusion, None, "it ends by itself");
    appender.end().cloned()
}

#[tokio::test]
async fn legs_that_tell_at_once_over_a_store_that_loses_answers_are_all_heard_once() {
    let memory = Memory::default();
    for _ in 0..3 {
        memory.spoil_swap(SwapFault::LoseAnswer);
    }
    let store: Arc<dyn Store> = Arc::new(memory.store(lock("o/r/production"), SHORT));
    let legs = [1, 2].map(|number| preflight(Arc::clone(&store), number));
    let [first, second] = legs;
    let (first, second) = tokio::join!(first, second);
    for end in [first, second] {
        assert!(matches!(end, Some(AppenderEnd::Done(_))), "{end:?}");
    }
    let chain = store.history(History::FromSeq(1)).await.unwrap();
    let mut told: Vec<_> = chain
        .iter()
        .map(|e| (e.by.as_ref().map(|p| p.candidate), e.event.clone()))
        .map(|(by, event)| (by, matches!(event, Event::Preflight { .. })))
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            (Some(1), false),
            (Some(1), true),
            (Some(2), false),
            (Some(2), true)
        ]
    );
    assert_eq!(store.read().await.unwrap().record, None);
}
