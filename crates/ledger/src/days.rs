//! One aggregate a UTC day: the source of the 30-day figures, at a cost that does not grow with the ledger's age.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How many days a tip keeps.
pub const DAYS_KEPT: usize = 31;

/// What happened on one UTC day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// `2026-11-21`
    pub day: String,
    /// Deployments that ended `succeeded`.
    pub succeeded: u64,
    /// Deployments that ended `failed` or `never_claimed`.
    pub failed: u64,
    /// Takeovers.
    pub failovers: u64,
    /// Deployments that ended `succeeded` after a takeover.
    pub failovers_succeeded: u64,
    /// How many deployments took how many whole seconds: percentiles from it are exact to the second.
    pub durations: BTreeMap<u64, u64>,
}

impl Day {
    pub(crate) fn took(&mut self, duration: Duration) {
        *self.durations.entry(duration.as_secs()).or_default() += 1;
    }
}

/// The aggregate of the day of `at`, made where it is missing; days past [`DAYS_KEPT`] are dropped. A moment before
/// the newest day (a writer's slow clock) counts to its own day where that is kept, else to the oldest kept one.
pub(crate) fn of(days: &mut Vec<Day>, at: Timestamp) -> &mut Day {
    let day = at.day();
    let at = match days.binary_search_by(|d| d.day.cmp(&day)) {
        Ok(at) => at,
        Err(0) if days.len() >= DAYS_KEPT => 0,
        Err(at) => {
            days.insert(at, Day { day, ..Day::default() });
            if days.len() > DAYS_KEPT {
                days.remove(0);
                at - 1
            } else {
                at
            }
        }
    };
    &mut days[at]
}
