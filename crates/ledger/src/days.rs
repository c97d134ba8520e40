//! One aggregate a UTC day: the source of the 30-day figures, at a cost that does not grow with the ledger's age.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How many days a tip keeps.
pub const DAYS_KEPT: usize = 31;

/// How many different durations a day keeps. A day with more of them rounds all of them up to larger steps, so that a
/// tip stays small however often is deployed.
pub const DURATIONS_KEPT: usize = 64;

/// The steps that a day's durations are rounded up to, in seconds, finest first. Each is a multiple of the one before,
/// so that rounding again is the same as rounding once; those up to the target of 10 minutes divide it, so that no
/// rounding carries a duration across it.
const STEPS: [u64; 9] = [1, 5, 10, 30, 60, 300, 600, 1800, 3600];

/// What happened on one UTC day. A deployment and its takeovers belong to the day of its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// `2026-11-21`
    pub day: String,
    /// Deployments that ended `succeeded`.
    pub succeeded: u64,
    /// Deployments that ended `failed` or `never_claimed`.
    pub failed: u64,
    /// Takeovers within those deployments.
    pub failovers: u64,
    /// Deployments that ended `succeeded` after a takeover.
    pub failovers_succeeded: u64,
    /// How many deployments took how many seconds, rounded up; at most [`DURATIONS_KEPT`] different ones.
    pub durations: BTreeMap<u64, u64>,
    /// The durations are rounded up to multiples of this many seconds; 0 stands for whole seconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rounded_to: u64,
}

/// Nothing is written of a day whose durations are exact to the second: nearly every day is one.
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands in a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Day {
    pub(crate) fn took(&mut self, duration: Duration) {
        let begun = u64::from(duration.subsec_nanos() > 0);
        let seconds = duration.as_secs().saturating_add(begun);
        self.count(seconds, 1);
        while self.durations.len() > DURATIONS_KEPT {
            let finest = self.rounded_to.max(1);
            self.rounded_to = STEPS
                .into_iter()
                .find(|step| *step > finest)
                .unwrap_or(finest.saturating_mul(2));
            for (seconds, times) in std::mem::take(&mut self.durations) {
                self.count(seconds, times);
            }
        }
    }

    fn count(&mut self, seconds: u64, times: u64) {
        let step = self.rounded_to.max(1);
        let rounded = seconds.div_ceil(step).saturating_mul(step);
        *self.durations.entry(rounded).or_default() += times;
    }

    /// Counts what happened on `other` too.
    pub(crate) fn add(&mut self, other: &Day) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.failovers += other.failovers;
        self.failovers_succeeded += other.failovers_succeeded;
        for (seconds, times) in &other.durations {
            *self.durations.entry(*seconds).or_default() += times;
        }
        self.rounded_to = self.rounded_to.max(other.rounded_to);
    }
}

/// The `count` whole UTC days up to that of `now`, at most [`DAYS_KEPT`], oldest first; days on which nothing happened
/// are among them. What a fast clock put into the day after counts to the last; what stands further ahead does not.
pub(crate) fn window(days: &[Day], now: Timestamp, count: u32) -> Vec<Day> {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let count = u64::from(count).min(DAYS_KEPT as u64);
    let mut window: Vec<Day> = (0..count)
        .rev()
        .map(|back| Day {
            day: Timestamp(now.0.saturating_sub(back * DAY)).day(),
            ..Day::default()
        })
        .collect();
    // A clock at the very beginning or end of time has the same day more than once.
    window.dedup_by(|a, b| a.day == b.day);
    let after = Timestamp(now.0.saturating_add(DAY)).day();
    for known in days {
        let place = window.iter().position(|day| day.day == known.day);
        let place = place.or_else(|| window.len().checked_sub(1).filter(|_| known.day == after));
        if let Some(day) = place.and_then(|at| window.get_mut(at)) {
            day.add(known);
        }
    }
    window
}

/// The aggregate of the day of `at`, made where it is missing; days past [`DAYS_KEPT`] are dropped. A moment before
/// the newest day (a writer's slow clock) counts to its own day where that is kept, else to the oldest kept one.
pub(crate) fn of(days: &mut Vec<Day>, at: Timestamp) -> &mut Day {
    let day = at.day();
    let at = match days.binary_search_by(|d| d.day.cmp(&day)) {
        Ok(at) => at,
        Err(0) if days.len() >= DAYS_KEPT => 0,
        Err(at) => {
            days.insert(
                at,
                Day {
                    day,
                    ..Day::default()
                },
            );
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

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T12:00:00Z
    const NOON: u64 = 1_795_262_400_000;
    const DAY: u64 = 86_400_000;

    fn at(days_later: i64) -> Timestamp {
        Timestamp(
            NOON.checked_add_signed(days_later * DAY as i64)
                .expect("a moment"),
        )
    }

    fn names(days: &[Day]) -> Vec<&str> {
        days.iter().map(|d| d.day.as_str()).collect()
    }

    fn full() -> Vec<Day> {
        let mut days = Vec::new();
        for later in 0..DAYS_KEPT as i64 {
            of(&mut days, at(later)).succeeded = 1;
        }
        days
    }

    #[test]
    fn the_days_stand_in_their_order_whatever_order_they_come_in() {
        let mut days = Vec::new();
        for later in [3, 0, 2, 1, 3, 0] {
            of(&mut days, at(later)).succeeded += 1;
        }
        assert_eq!(
            names(&days),
            ["2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24"]
        );
        assert_eq!(
            days.iter().map(|d| d.succeeded).collect::<Vec<_>>(),
            [2, 1, 1, 2]
        );
    }

    #[test]
    fn a_new_day_takes_the_place_of_the_oldest() {
        let mut days = full();
        of(&mut days, at(DAYS_KEPT as i64)).succeeded = 7;
        assert_eq!(days.len(), DAYS_KEPT);
        assert_eq!(days.first().map(|d| d.day.as_str()), Some("2026-11-22"));
        assert_eq!(
            days.last().map(|d| (d.day.as_str(), d.succeeded)),
            Some(("2026-12-22", 7))
        );
    }

    #[test]
    fn a_slow_clock_counts_to_its_own_day_or_to_the_oldest_kept_one() {
        let mut days = full();
        of(&mut days, at(5)).succeeded += 1;
        assert_eq!(days[5].succeeded, 2);
        let before = names(&days)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        of(&mut days, at(-400)).succeeded += 1;
        assert_eq!(
            names(&days),
            before,
            "a clock that is far behind makes no room for itself"
        );
        assert_eq!(days[0].succeeded, 2);
    }

    #[test]
    fn a_slow_clock_in_a_gap_of_full_days_gets_its_day_and_the_oldest_goes() {
        let mut days = full();
        days.remove(10);
        of(&mut days, at(40));
        of(&mut days, at(10)).failed = 3;
        assert_eq!(days.len(), DAYS_KEPT);
        assert!(days.is_sorted_by(|a, b| a.day < b.day));
        assert_eq!(
            days.iter().find(|d| d.failed == 3).map(|d| d.day.as_str()),
            Some("2026-12-01")
        );
    }

    #[test]
    fn a_window_has_every_day_once_also_those_on_which_nothing_happened() {
        let mut days = Vec::new();
        of(&mut days, at(-30)).succeeded = 1;
        of(&mut days, at(-2)).failed = 2;
        of(&mut days, at(0)).succeeded = 3;
        of(&mut days, at(1)).succeeded = 4;
        of(&mut days, at(2)).succeeded = 500;
        for (count, named, succeeded) in
            [(1, 1, 7), (2, 2, 7), (30, 30, 7), (31, 31, 8), (365, 31, 8)]
        {
            let window = window(&days, at(0), count);
            assert_eq!(window.len(), named, "{count} days");
            assert!(window.is_sorted_by(|a, b| a.day < b.day), "{count} days");
            assert_eq!(window.last().map(|d| d.day.as_str()), Some("2026-11-21"));
            let sum: u64 = window.iter().map(|d| d.succeeded).sum();
            assert_eq!(sum, succeeded, "{count} days");
        }
        assert_eq!(window(&days, at(0), 0), []);
    }

    #[test]
    fn a_window_begins_and_ends_with_whole_utc_days() {
        let mut days = Vec::new();
        let midnight = Timestamp(NOON + DAY / 2);
        let before = Timestamp(midnight.0 - 1);
        of(&mut days, before).failed += 1;
        of(&mut days, midnight).succeeded += 1;
        let counted = |now, count| {
            let sum = |day: &Day| (day.succeeded, day.failed);
            window(&days, now, count)
                .iter()
                .map(sum)
                .collect::<Vec<_>>()
        };
        assert_eq!(counted(midnight, 1), [(1, 0)]);
        assert_eq!(counted(Timestamp(midnight.0 + DAY - 1), 1), [(1, 0)]);
        assert_eq!(counted(midnight, 2), [(0, 1), (1, 0)]);
    }

    #[test]
    fn a_clock_at_either_end_of_time_counts_nothing_twice() {
        for end in [Timestamp(0), Timestamp(u64::MAX)] {
            let mut days = Vec::new();
            of(&mut days, end).succeeded = 1;
            let window = window(&days, end, 30);
            assert_eq!(window.iter().map(|d| d.succeeded).sum::<u64>(), 1);
        }
    }

    #[test]
    fn durations_are_exact_to_the_second_as_long_as_there_are_few() {
        let mut day = Day::default();
        for seconds in 0..DURATIONS_KEPT as u64 {
            day.took(Duration::from_secs(1000 + 7 * seconds));
        }
        assert_eq!((day.durations.len(), day.rounded_to), (DURATIONS_KEPT, 0));
        assert!(day.durations.keys().all(|s| (s - 1000) % 7 == 0));
        let text = serde_json::to_string(&day).expect("JSON");
        assert!(!text.contains("rounded_to"), "{text}");
    }

    #[test]
    fn a_duration_is_never_made_shorter_than_it_was() {
        let mut day = Day::default();
        for millis in [0, 1, 1000, 599_999, 600_000, 600_001] {
            day.took(Duration::from_millis(millis));
        }
        let wanted = BTreeMap::from([(0, 1), (1, 2), (600, 2), (601, 1)]);
        assert_eq!(day.durations, wanted);
    }

    #[test]
    fn ten_thousand_deployments_of_one_day_stay_small_and_keep_their_side_of_every_target() {
        let mut day = Day::default();
        let seconds = |n: u64| 1 + n * 7919 % 1200;
        for n in 0..10_000 {
            day.took(Duration::from_secs(seconds(n)));
        }
        assert!(day.durations.len() <= DURATIONS_KEPT);
        assert_eq!(day.durations.values().sum::<u64>(), 10_000);
        assert_eq!(day.rounded_to, 30);
        let within = |bound| (0..10_000).filter(|n| seconds(*n) <= bound).count() as u64;
        for bound in [60, 300, 600] {
            let kept: u64 = day.durations.range(..=bound).map(|(_, n)| n).sum();
            assert_eq!(kept, within(bound), "at most {bound} s");
        }
        let size = serde_json::to_string(&day).expect("JSON").len();
        assert!(size < 1024, "{size} bytes");
    }

    #[test]
    fn every_step_is_a_multiple_of_the_one_before_and_none_goes_across_the_target() {
        assert!(STEPS.is_sorted_by(|finer, coarser| finer < coarser && coarser % finer == 0));
        let target = crate::targets::DURATION_P95.as_secs();
        let below = STEPS.into_iter().filter(|step| *step <= target);
        assert!(below.clone().all(|step| target.is_multiple_of(step)));
        assert_eq!(below.max(), Some(target));
    }

    #[test]
    fn durations_of_any_length_end_in_few_steps() {
        let mut day = Day::default();
        for n in 0..500 {
            day.took(Duration::from_secs(n * 86_400));
        }
        day.took(Duration::MAX);
        assert!(day.durations.len() <= DURATIONS_KEPT);
        assert_eq!(day.durations.values().sum::<u64>(), 501);
    }
}
