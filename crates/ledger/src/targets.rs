//! What the figures should be, said in this one place.
//!
//! Not responsible for alert rules: they look at other spans of time.

use std::time::Duration;

use crate::Figures;

/// The share of deployments that should succeed.
pub const SUCCESS_RATIO: f64 = 0.95;

/// What 95 % of the deployments should take at most.
pub const DURATION_P95: Duration = Duration::from_secs(10 * 60);

/// The share of takeovers that a successful deployment should come of.
pub const FAILOVER_SUCCESS_RATIO: f64 = 0.90;

/// How many deployments may wait behind another before a person is told.
pub const QUEUE_DEPTH: usize = 3;

/// How a figure stands against its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As good as it should be, or better.
    Met,
    /// Not.
    Missed,
    /// There is no figure.
    NoData,
}

impl Standing {
    fn of<T>(figure: Option<T>, met: impl Fn(T) -> bool) -> Standing {
        match figure.map(met) {
            Some(true) => Standing::Met,
            Some(false) => Standing::Missed,
            None => Standing::NoData,
        }
    }
}

impl Figures {
    /// Against [`SUCCESS_RATIO`].
    pub fn success_ratio_standing(&self) -> Standing {
        Standing::of(self.success_ratio, |ratio| ratio >= SUCCESS_RATIO)
    }

    /// Against [`DURATION_P95`]. Durations are rounded up in steps that divide the target, so this is exact however
    /// coarse the percentile is.
    pub fn duration_p95_standing(&self) -> Standing {
        Standing::of(self.duration_p95, |p95| p95 <= DURATION_P95)
    }

    /// Against [`FAILOVER_SUCCESS_RATIO`].
    pub fn failover_success_ratio_standing(&self) -> Standing {
        Standing::of(self.failover_success_ratio, |ratio| {
            ratio >= FAILOVER_SUCCESS_RATIO
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_on_its_target_meets_it_and_the_smallest_step_beyond_misses_it() {
        let success = |part: u32, whole: u32| {
            let success_ratio = Some(f64::from(part) / f64::from(whole));
            Figures {
                success_ratio,
                ..Figures::default()
            }
            .success_ratio_standing()
        };
        for whole in (20..=2000).step_by(20) {
            let target = whole / 20 * 19;
            assert_eq!(success(target, whole), Standing::Met, "{whole}");
            assert_eq!(success(target - 1, whole), Standing::Missed, "{whole}");
        }
        let failover = |part: u32, whole: u32| {
            let failover_success_ratio = Some(f64::from(part) / f64::from(whole));
            Figures {
                failover_success_ratio,
                ..Figures::default()
            }
            .failover_success_ratio_standing()
        };
        for whole in (10..=1000).step_by(10) {
            let target = whole / 10 * 9;
            assert_eq!(failover(target, whole), Standing::Met, "{whole}");
            assert_eq!(failover(target - 1, whole), Standing::Missed, "{whole}");
        }
        let p95 = |seconds| {
            let duration_p95 = Some(Duration::from_secs(seconds));
            Figures {
                duration_p95,
                ..Figures::default()
            }
            .duration_p95_standing()
        };
        assert_eq!((p95(600), p95(601)), (Standing::Met, Standing::Missed));
    }

    #[test]
    fn no_figure_neither_meets_nor_misses_its_target() {
        let none = Figures::default();
        assert_eq!(
            [
                none.success_ratio_standing(),
                none.duration_p95_standing(),
                none.failover_success_ratio_standing()
            ],
            [Standing::NoData; 3]
        );
    }
}
