//! A host's time and randomness: CLOCK_BOOTTIME is the simulation's time at a rate of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lease::{protocol::Now, shell::Host, store::StoreFuture};
use ledger::Timestamp;

pub(crate) use crate::rate::Clock;

/// The simulation's time: what the judge goes by, and no actor sees.
pub(crate) fn truth() -> Duration {
    turmoil::sim_elapsed().unwrap()
}

/// Waits for a moment of the simulation's time.
pub(crate) async fn sleep_until(at: Duration) {
    tokio::time::sleep(at.saturating_sub(truth())).await;
}

impl Clock {
    /// How long a span of local time takes.
    pub(crate) fn takes(self, span: Duration) -> Duration {
        let micros = (span.as_micros() as u64).saturating_mul(1000) / self.rate;
        Duration::from_micros(micros)
    }
}

/// One process' view of time, and its nonces.
pub(crate) struct SimHost {
    pub(crate) clock: Clock,
    /// Different for every process.
    pub(crate) process: String,
    pub(crate) nonces: Arc<AtomicU64>,
}

impl Host for SimHost {
    fn now(&self) -> Now {
        let truth = truth();
        Now {
            boot: self.clock.local(truth),
            wall: Timestamp(1_700_000_000_000 + truth.as_millis() as u64),
        }
    }

    fn nonce(&self) -> String {
        let number = self.nonces.fetch_add(1, Ordering::Relaxed);
        format!("{}.{number}", self.process)
    }

    fn sleep_until(&self, boot: Duration) -> StoreFuture<'_, ()> {
        Box::pin(sleep_until(self.clock.truth(boot)))
    }
}
