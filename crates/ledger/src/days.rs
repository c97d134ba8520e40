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

/// What the last days came to: the figures of the job summary and of the 30-day gauges (design §7, §8). A ratio of
/// nothing is no figure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Deployments that ended `succeeded`, `failed` or `never_claimed`.
    pub deployments: u64,
    /// Of those, the share that succeeded, from 0 to 1.
    pub success_ratio: Option<f64>,
    /// What 95 % of the deployments took at most, from the first claim to the end, to the second (nearest rank).
    pub duration_p95: Option<Duration>,
    /// Of the takeovers, the share that a successful deployment came of, from 0 to 1.
    pub failover_success_ratio: Option<f64>,
}

/// The figures of `window_days` whole UTC days, that of `now` the last. What a fast clock put into the day after counts
/// too; what stands further ahead does not.
pub(crate) fn figures(days: &[Day], now: Timestamp, window_days: u32) -> Figures {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let first = Timestamp(
        now.0
            .saturating_sub(u64::from(window_days.saturating_sub(1)) * DAY),
    )
    .day();
    let last = Timestamp(now.0.saturating_add(DAY)).day();
    let mut sum = Day::default();
    for day in days
        .iter()
        .filter(|d| window_days > 0 && (&first..=&last).contains(&&d.day))
    {
        sum.succeeded += day.succeeded;
        sum.failed += day.failed;
        sum.failovers += day.failovers;
        sum.failovers_succeeded += day.failovers_succeeded;
        for (seconds, times) in &day.durations {
            *sum.durations.entry(*seconds).or_default() += times;
        }
    }
    let deployments = sum.succeeded + sum.failed;
    Figures {
        deployments,
        success_ratio: ratio(sum.succeeded, deployments),
        duration_p95: p95(&sum.durations),
        // A takeover just before midnight may succeed just after it.
        failover_success_ratio: ratio(sum.failovers_succeeded.min(sum.failovers), sum.failovers),
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn p95(durations: &BTreeMap<u64, u64>) -> Option<Duration> {
    let count: u64 = durations.values().sum();
    let rank = (count * 95).div_ceil(100);
    let mut below = 0;
    durations
        .iter()
        .find(|(_, times)| {
            below += *times;
            below >= rank
        })
        .map(|(seconds, _)| Duration::from_secs(*seconds))
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
    fn no_deployments_have_no_figures() {
        assert_eq!(figures(&[], at(0), 30), Figures::default());
        assert_eq!(figures(&full(), at(0), 0), Figures::default());
    }

    #[test]
    fn figures_are_those_of_the_window_alone() {
        let days = full();
        let now = at(DAYS_KEPT as i64 - 1);
        assert_eq!(figures(&days, now, 1).deployments, 1);
        assert_eq!(figures(&days, now, 30).deployments, 30);
        assert_eq!(figures(&days, now, 365).deployments, DAYS_KEPT as u64);
        assert_eq!(
            figures(&days, at(100), 30).deployments,
            0,
            "what is long past is in no window"
        );
    }

    #[test]
    fn a_clock_far_ahead_is_in_no_window() {
        let mut days = Vec::new();
        of(&mut days, at(0)).succeeded = 1;
        of(&mut days, at(1)).succeeded = 1;
        of(&mut days, at(2)).failed = 1;
        assert_eq!(
            figures(&days, at(0), 30).deployments,
            2,
            "the day after is one of a clock that is a little fast"
        );
    }

    #[test]
    fn ratios_are_shares_of_what_there_was() {
        let mut days = Vec::new();
        *of(&mut days, at(0)) = Day {
            succeeded: 3,
            failed: 1,
            failovers: 4,
            failovers_succeeded: 1,
            ..of(&mut Vec::new(), at(0)).clone()
        };
        let seen = figures(&days, at(0), 30);
        assert_eq!(
            (seen.success_ratio, seen.failover_success_ratio),
            (Some(0.75), Some(0.25))
        );
        assert_eq!(seen.duration_p95, None);
        of(&mut days, at(1)).failovers_succeeded = 9;
        assert_eq!(
            figures(&days, at(1), 30).failover_success_ratio,
            Some(1.0),
            "never more than all"
        );
    }

    #[test]
    fn the_95th_percentile_is_the_nearest_rank_over_all_days() {
        let mut days = Vec::new();
        for seconds in 1..=20_u64 {
            of(&mut days, at(seconds as i64 % 3)).took(Duration::from_secs(seconds));
        }
        assert_eq!(
            figures(&days, at(2), 30).duration_p95,
            Some(Duration::from_secs(19))
        );
        of(&mut days, at(0)).took(Duration::from_millis(99_999));
        assert_eq!(
            figures(&days, at(2), 30).duration_p95,
            Some(Duration::from_secs(20))
        );
        let one = [Day {
            durations: BTreeMap::from([(7, 1)]),
            ..days[0].clone()
        }];
        assert_eq!(
            figures(&one, at(0), 30).duration_p95,
            Some(Duration::from_secs(7))
        );
    }
}
