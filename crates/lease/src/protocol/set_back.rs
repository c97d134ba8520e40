//! A store that shows less than it did: a replica that lags for a moment, or a store that was emptied, restored from a
//! backup, or failed over without its newest writes.
//!
//! The first kind passes and is not worth a word; the second never does. Whoever has seen the newer state neither acts on
//! the older (design §4 rule 1) nor waits for it without end.

use std::time::Duration;

use super::view::View;
use crate::{
    Timing,
    store::{Snapshot, StoreError},
};

/// The reads in a row that showed less than was seen before them.
#[derive(Clone, Debug, PartialEq, Hash, Default)]
pub(super) struct SetBack {
    since: Option<Duration>,
    told: bool,
}

impl SetBack {
    /// A read showed what was seen before, or more. What to say, if anything.
    pub(super) fn caught_up(&mut self) -> Option<String> {
        let told = std::mem::take(self).told;
        told.then(|| "the store shows again what it showed before".to_owned())
    }

    /// A read showed less. What to say of it: an answer to a read that was sent before the newest write says nothing, so
    /// the second in a row speaks.
    pub(super) fn shows_less(
        &mut self,
        now: Duration,
        seen: &View,
        shown: &Snapshot,
    ) -> Option<String> {
        let again = self.since.is_some();
        self.since.get_or_insert(now);
        if !again || std::mem::replace(&mut self.told, true) {
            return None;
        }
        let (shown, seen) = (described(shown), described(&seen.snapshot));
        Some(format!(
            "the store shows {shown} where {seen} stood: was it set back? asking again"
        ))
    }

    /// What to call it, where nobody waits for it any longer.
    pub(super) fn is_final(
        &self,
        now: Duration,
        seen: Option<&View>,
        timing: Timing,
    ) -> Option<StoreError> {
        self.until(timing).filter(|until| now >= *until)?;
        let seen = described(&seen?.snapshot);
        let detail = format!(
            "they show less than {seen}, which stood there: the store was set back, by a failover that lost writes, a \
             restored backup or a person. Look what runs on the target; then run the job again, which goes by what the \
             store shows now"
        );
        let what = "lease and ledger".to_owned();
        Some(StoreError::Foreign { what, detail })
    }

    /// Until when it is waited for: until whoever holds is dead, and whoever would follow has waited.
    pub(super) fn until(&self, timing: Timing) -> Option<Duration> {
        self.since
            .map(|since| since + timing.deadline + timing.lease)
    }
}

/// What people are shown of a snapshot.
fn described(snapshot: &Snapshot) -> String {
    let entry = match snapshot.tip.seq {
        0 => "no entry".to_owned(),
        seq => format!("entry {seq}"),
    };
    match &snapshot.record {
        Some(record) => format!("{entry} and token {} ({})", record.token, record.phase),
        None => format!("{entry} and no lease"),
    }
}
