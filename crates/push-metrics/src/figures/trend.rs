//! One half of a window against the other.

use std::time::Duration;

/// A trend is told from this many deployments, or takeovers, in each half on: of fewer, one more or less would turn it.
pub const TOLD_FROM: u64 = 5;

/// Ratios that are less than this apart are the same.
const SAME_RATIO: f64 = 0.01;

/// Durations that are less than this share of the earlier one apart are the same.
const SAME_DURATION: f64 = 0.05;

/// Where a figure goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the better.
    Better,
    /// To the worse.
    Worse,
    /// Nowhere.
    Same,
    /// There is too little to tell: fewer than [`TOLD_FROM`] in one half.
    TooLittle,
}

/// How the later half of a window compares with the earlier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend<T> {
    /// Where it goes.
    pub direction: Direction,
    /// The figure of the earlier half, where there is one.
    pub earlier: Option<T>,
    /// The figure of the later half, where there is one.
    pub later: Option<T>,
}

impl Trend<f64> {
    /// Of ratios with what each is a ratio of; a larger one is better.
    pub(super) fn of_ratios(earlier: Option<(f64, u64)>, later: Option<(f64, u64)>) -> Self {
        Trend::of(earlier, later, |earlier, later| {
            // A hair's breadth less than the tolerance: 0.96 - 0.95 is not quite 0.01 in binary.
            beyond(later - earlier, SAME_RATIO - 1e-9)
        })
    }
}

impl Trend<Duration> {
    /// Of durations with how many deployments each is of; a shorter one is better. Nothing below `precision` is told.
    pub(super) fn of_durations(
        earlier: Option<(Duration, u64)>,
        later: Option<(Duration, u64)>,
        precision: Duration,
    ) -> Self {
        Trend::of(earlier, later, |earlier, later| {
            let same = earlier.mul_f64(SAME_DURATION).max(precision);
            beyond(
                earlier.as_secs_f64() - later.as_secs_f64(),
                same.as_secs_f64(),
            )
        })
    }
}

fn beyond(gain: f64, same: f64) -> Direction {
    if gain >= same {
        Direction::Better
    } else if -gain >= same {
        Direction::Worse
    } else {
        Direction::Same
    }
}

impl<T: Copy> Trend<T> {
    fn of(
        earlier: Option<(T, u64)>,
        later: Option<(T, u64)>,
        judge: impl Fn(T, T) -> Direction,
    ) -> Self {
        let direction = match (earlier, later) {
            (Some((earlier, some)), Some((later, more))) if some.min(more) >= TOLD_FROM => {
                judge(earlier, later)
            }
            _ => Direction::TooLittle,
        };
        Trend {
            direction,
            earlier: earlier.map(|(figure, _)| figure),
            later: later.map(|(figure, _)| figure),
        }
    }

    /// The same trend in another unit.
    pub(super) fn map<U>(self, unit: impl Fn(T) -> U) -> Trend<U> {
        Trend {
            direction: self.direction,
            earlier: self.earlier.map(&unit),
            later: self.later.map(&unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_gets_better_when_it_grows_by_a_hundredth_or_more() {
        let told = |earlier, later| {
            Trend::of_ratios(Some((earlier, TOLD_FROM)), Some((later, TOLD_FROM))).direction
        };
        assert_eq!(told(0.95, 0.96), Direction::Better);
        assert_eq!(told(0.96, 0.95), Direction::Worse);
        assert_eq!(told(0.95, 0.9599), Direction::Same);
        assert_eq!(told(1.0, 1.0), Direction::Same);
        assert_eq!(told(0.0, 1.0), Direction::Better);
    }

    #[test]
    fn a_duration_gets_better_when_it_shrinks_by_more_than_what_is_told() {
        let told = |earlier, later, precision| {
            let seconds = Duration::from_secs;
            Trend::of_durations(
                Some((seconds(earlier), 9)),
                Some((seconds(later), 9)),
                seconds(precision),
            )
            .direction
        };
        assert_eq!(told(600, 570, 1), Direction::Better);
        assert_eq!(told(600, 571, 1), Direction::Same);
        assert_eq!(told(600, 630, 1), Direction::Worse);
        assert_eq!(told(600, 570, 60), Direction::Same);
        assert_eq!(told(600, 540, 60), Direction::Better);
        assert_eq!(told(3, 2, 1), Direction::Better);
        assert_eq!(told(0, 0, 1), Direction::Same);
    }

    #[test]
    fn a_trend_needs_enough_in_both_halves() {
        let enough = Some((0.5, TOLD_FROM));
        for (earlier, later) in [
            (None, None),
            (enough, None),
            (None, enough),
            (enough, Some((0.9, TOLD_FROM - 1))),
            (Some((0.9, TOLD_FROM - 1)), enough),
        ] {
            let trend = Trend::of_ratios(earlier, later);
            assert_eq!(trend.direction, Direction::TooLittle);
            assert_eq!(trend.earlier, earlier.map(|(ratio, _)| ratio));
            assert_eq!(trend.later, later.map(|(ratio, _)| ratio));
        }
    }
}
