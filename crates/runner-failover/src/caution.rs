//! Tells what people should know of the surroundings of a candidate that the protocol has no use for: of its store, once, when
//! a deployment begins to rely on it; and that this process stood still, where that explains what became of its lease.

use std::{sync::Arc, time::Duration};

use lease::{
    protocol::{Candidate, Effect, Input, Now},
    shell::Actor,
    store::{Snapshot, Store},
};
use leg::Voice;

/// A candidate that warns of its store when it is given the lease, and says where it was suspended.
pub(crate) struct Cautious<'a> {
    candidate: Candidate,
    store: Arc<dyn Store>,
    voice: &'a Voice,
    warned: bool,
    /// So much later than wanted it is no busy machine any more: a lease does not outlive it.
    long: Duration,
    /// The longest that it was stepped later than it wanted.
    stood_still: Duration,
}

impl<'a> Cautious<'a> {
    /// The same candidate, over `store`; who is stepped later than wanted by `long` stood still.
    pub(crate) fn new(
        candidate: Candidate,
        store: &Arc<dyn Store>,
        long: Duration,
        voice: &'a Voice,
    ) -> Self {
        Cautious {
            long,
            stood_still: Duration::ZERO,
            candidate,
            store: Arc::clone(store),
            voice,
            warned: false,
        }
    }

    /// The longest time for which this process was not run, where that is long: it was suspended, or its host was.
    pub(crate) fn stood_still(&self) -> Option<Duration> {
        Some(self.stood_still).filter(|time| *time >= self.long)
    }

    /// What is worth a line where it is stepped at `now` and wanted to be long before.
    fn woke_up(&mut self, now: Duration) -> Option<Effect> {
        // Not stepped before.
        let wanted = Some(self.candidate.wake_at()).filter(|wanted| !wanted.is_zero())?;
        let late = now.saturating_sub(wanted);
        self.stood_still = self.stood_still.max(late);
        (late >= self.long).then(|| {
            Effect::Say(format!(
                "this process stood still for {} s: it was suspended, or this host was",
                late.as_secs()
            ))
        })
    }

    /// What was last seen of the store.
    pub(crate) fn seen(&self) -> Option<&Snapshot> {
        self.candidate.seen()
    }
}

impl Actor for Cautious<'_> {
    fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        let woke_up = self.woke_up(now.boot);
        let effects = self.candidate.step(now, nonce, input);
        let starts = |effect: &Effect| matches!(effect, Effect::Start { .. });
        if !self.warned && effects.iter().any(starts) {
            self.warned = true;
            if let Some(warning) = self.store.warning() {
                self.voice.warning(&warning);
            }
        }
        woke_up.into_iter().chain(effects).collect()
    }

    fn wake_at(&self) -> Duration {
        self.candidate.wake_at()
    }

    fn watches(&self) -> Option<&Snapshot> {
        Actor::watches(&self.candidate)
    }
}
