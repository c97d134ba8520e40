//! What the last days came to, whole and half against half (design §7, §8).
//!
//! Responsible for the numbers. What they should be stands in [`targets`](crate::targets).

use std::{collections::BTreeMap, time::Duration};

use crate::{Day, Timestamp, Tip, days};

/// What some days came to: the figures of the job summary and of the 30-day gauges (design §7, §8). A ratio of nothing
/// is no figure. What was cancelled, superseded or is held is no success and no failure, nor are its takeovers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Deployments that ended `succeeded`, `failed` or `never_claimed`.
    pub deployments: u64,
    /// Of those, the share that succeeded, from 0 to 1.
    pub success_ratio: Option<f64>,
    /// What 95 % of the deployments that anybody claimed took at most, from the first claim to the end (nearest rank).
    pub duration_p95: Option<Duration>,
    /// By less than this the 95th percentile may really be shorter: a second, or more where a day has more different
    /// durations than it keeps. Zero where there is no figure.
    pub duration_precision: Duration,
    /// Takeovers of deployments that ended.
    pub failovers: u64,
    /// Of those, the share that a successful deployment came of, from 0 to 1. Of a deployment with two takeovers, one
    /// at most.
    pub failover_success_ratio: Option<f64>,
}

impl Tip {
    /// The figures of the last `window_days` whole UTC days, that of `now` the last; at most
    /// [`DAYS_KEPT`](crate::DAYS_KEPT) are known.
    pub fn figures(&self, now: Timestamp, window_days: u32) -> Figures {
        of(&self.window(now, window_days))
    }

    /// The figures of the earlier and of the later half of the same window. Of an odd number of days the first belongs
    /// to neither.
    pub fn half_figures(&self, now: Timestamp, window_days: u32) -> (Figures, Figures) {
        let window = self.window(now, window_days);
        let half = window.len() / 2;
        let halves = &window[window.len() - 2 * half..];
        (of(&halves[..half]), of(&halves[half..]))
    }

    /// Each day of the same window, oldest first, also those on which nothing happened. What a fast clock put into the
    /// day after counts to the last.
    pub fn window(&self, now: Timestamp, window_days: u32) -> Vec<Day> {
        days::window(&self.days, now, window_days)
    }
}

fn of(days: &[Day]) -> Figures {
    let mut sum = Day::default();
    days.iter().for_each(|day| sum.add(day));
    let deployments = sum.succeeded + sum.failed;
    let duration_p95 = p95(&sum.durations);
    let precision = Duration::from_secs(sum.rounded_to.max(1));
    Figures {
        deployments,
        success_ratio: ratio(sum.succeeded, deployments),
        duration_p95,
        duration_precision: duration_p95.map(|_| precision).unwrap_or_default(),
        failovers: sum.failovers,
        failover_success_ratio: ratio(sum.failovers_succeeded.min(sum.failovers), sum.failovers),
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn p95(durations: &BTreeMap<u64, u64>) -> Option<Duration> {
    let count: u64 = durations.values().sum();
    let rank = (u128::from(count) * 95).div_ceil(100);
    let mut below = 0;
    durations
        .iter()
        .find(|(_, times)| {
            below += u128::from(**times);
            below >= rank
        })
        .map(|(seconds, _)| Duration::from_secs(*seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DAYS_KEPT;

    /// 2026-11-21T12:00:00Z
    const NOON: u64 = 1_795_262_400_000;
    const DAY: u64 = 86_400_000;

    fn at(days_later: i64) -> Timestamp {
        Timestamp(
            NOON.checked_add_signed(days_later * DAY as i64)
                .expect("a moment"),
        )
    }

    fn figures(days: &[Day], now: Timestamp, window_days: u32) -> Figures {
        tip(days).figures(now, window_days)
    }

    fn tip(days: &[Day]) -> Tip {
        Tip {
            days: days.to_vec(),
            ..Tip::default()
        }
    }

    fn full() -> Vec<Day> {
        let mut days = Vec::new();
        for later in 0..DAYS_KEPT as i64 {
            days::of(&mut days, at(later)).succeeded = 1;
        }
        days
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
        days::of(&mut days, at(0)).succeeded = 1;
        days::of(&mut days, at(1)).succeeded = 1;
        days::of(&mut days, at(2)).failed = 1;
        assert_eq!(
            figures(&days, at(0), 30).deployments,
            2,
            "the day after is one of a clock that is a little fast"
        );
    }

    #[test]
    fn ratios_are_shares_of_what_there_was() {
        let mut days = Vec::new();
        *days::of(&mut days, at(0)) = Day {
            succeeded: 3,
            failed: 1,
            failovers: 4,
            failovers_succeeded: 1,
            ..days::of(&mut Vec::new(), at(0)).clone()
        };
        let seen = figures(&days, at(0), 30);
        assert_eq!(
            (seen.success_ratio, seen.failover_success_ratio),
            (Some(0.75), Some(0.25))
        );
        assert_eq!(seen.duration_p95, None);
        days::of(&mut days, at(1)).failovers_succeeded = 9;
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
            days::of(&mut days, at(seconds as i64 % 3)).took(Duration::from_secs(seconds));
        }
        assert_eq!(
            figures(&days, at(2), 30).duration_p95,
            Some(Duration::from_secs(19))
        );
        days::of(&mut days, at(0)).took(Duration::from_millis(99_999));
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

    #[test]
    fn the_percentile_says_how_precise_it_is() {
        let mut days = Vec::new();
        days::of(&mut days, at(0)).took(Duration::from_secs(61));
        let exact = figures(&days, at(0), 30);
        assert_eq!(exact.duration_precision, Duration::from_secs(1));
        for seconds in 1..=600 {
            days::of(&mut days, at(1)).took(Duration::from_secs(seconds));
        }
        let coarse = figures(&days, at(1), 30);
        assert_eq!(coarse.duration_precision, Duration::from_secs(10));
        assert_eq!(coarse.duration_p95, Some(Duration::from_secs(570)));
        let earlier = figures(&days[..1], at(0), 1);
        assert_eq!(earlier.duration_precision, Duration::from_secs(1));
        assert_eq!(figures(&[], at(0), 30).duration_precision, Duration::ZERO);
    }

    #[test]
    fn the_halves_of_a_window_share_no_day() {
        let mut days = Vec::new();
        for back in 0..31 {
            days::of(&mut days, at(-back)).succeeded = 1 << back;
        }
        let halves = |count| {
            let (earlier, later) = tip(&days).half_figures(at(0), count);
            (earlier.deployments, later.deployments)
        };
        assert_eq!(halves(2), (0b10, 0b1));
        assert_eq!(halves(3), (0b10, 0b1));
        assert_eq!(halves(4), (0b1100, 0b11));
        assert_eq!(halves(30), (0x7FFF << 15, 0x7FFF));
        assert_eq!(halves(31), (0x7FFF << 15, 0x7FFF));
        assert_eq!(halves(1), (0, 0));
        assert_eq!(halves(0), (0, 0));
    }
}
