//! A store that cannot be read: since when, and what people are told of it, once when it begins and once when it is over.

use std::time::Duration;

use crate::store::StoreError;

/// The reads in a row that failed.
#[derive(Clone, Debug, PartialEq, Hash, Default)]
pub(super) struct Outage {
    since: Option<(Duration, StoreError)>,
}

impl Outage {
    /// A read failed. What to say of it, where it is the first.
    pub(super) fn failed(&mut self, now: Duration, error: StoreError) -> Option<String> {
        let told = self
            .since
            .is_none()
            .then(|| format!("{error}; trying again"));
        let since = self.since.take().map_or(now, |(since, _)| since);
        self.since = Some((since, error));
        told
    }

    /// A read was answered. What to say of it, where those before it failed.
    pub(super) fn ended(&mut self) -> Option<String> {
        let failed = self.since.take().is_some();
        failed.then(|| "the store answers again".to_owned())
    }

    /// Since when no read was answered, and the newest error.
    pub(super) fn since(&self) -> Option<&(Duration, StoreError)> {
        self.since.as_ref()
    }
}
