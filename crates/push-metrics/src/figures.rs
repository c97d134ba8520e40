//! The figures of the last days for people: a table and a chart for the job summary, outputs, and JSON.
//!
//! Responsible for the words and signs. The numbers are the ledger's ([`Tip::figures`]), and so are the targets
//! ([`ledger::targets`]).

mod chart;
mod table;
mod trend;

use std::time::Duration;

use actions_kit::Summary;
use audit::Origin;
use ledger::{
    Day, Figures, Timestamp, Tip,
    targets::{self, Standing},
};
use serde_json::{Value, json};

pub use trend::{Direction, TOLD_FROM, Trend};

/// The version of the shape of [`Report::json`].
pub const SCHEMA: u32 = 1;

/// The figures of one lock at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    origin: Origin,
    at: Timestamp,
    figures: Figures,
    earlier: Figures,
    later: Figures,
    days: Vec<Day>,
}

impl Report {
    /// What `tip` says of the last `window_days` whole UTC days, that of `now` the last. The tip knows
    /// [`DAYS_KEPT`](ledger::DAYS_KEPT) days: a longer window is as long as that. Reads the tip alone, so it takes the
    /// same time however old the ledger is.
    pub fn new(tip: &Tip, now: Timestamp, window_days: u32, origin: &Origin) -> Report {
        let (earlier, later) = tip.half_figures(now, window_days);
        Report {
            origin: origin.clone(),
            at: now,
            figures: tip.figures(now, window_days),
            earlier,
            later,
            days: tip.window(now, window_days),
        }
    }

    /// The figures of the whole window.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// How the success rate of the later half of the window compares with that of the earlier.
    pub fn success_trend(&self) -> Trend<f64> {
        let told = |half: &Figures| half.success_ratio.map(|ratio| (ratio, half.deployments));
        Trend::of_ratios(told(&self.earlier), told(&self.later))
    }

    /// The same of the duration's 95th percentile.
    pub fn duration_trend(&self) -> Trend<Duration> {
        let told = |half: &Figures| half.duration_p95.map(|p95| (p95, half.deployments));
        let precision = self.figures.duration_precision;
        Trend::of_durations(told(&self.earlier), told(&self.later), precision)
    }

    /// The same of the takeovers.
    pub fn failover_trend(&self) -> Trend<f64> {
        let told = |half: &Figures| {
            half.failover_success_ratio
                .map(|ratio| (ratio, half.failovers))
        };
        Trend::of_ratios(told(&self.earlier), told(&self.later))
    }

    /// Heading, table and chart, for the job summary.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::new();
        table::write(self, &mut summary);
        summary.mermaid(&chart::by_day(&self.days, &self.origin.environment));
        summary
    }

    /// The action's outputs: ratios with four digits behind the point, whole seconds, and nothing where there is no
    /// figure. No ratio is rounded up onto its target.
    pub fn outputs(&self) -> [(&'static str, String); 4] {
        let Figures {
            deployments,
            success_ratio,
            duration_p95,
            failover_success_ratio,
            ..
        } = self.figures;
        let ratio = |ratio: Option<f64>, target| {
            ratio.map_or_else(String::new, |ratio| {
                format!("{:.4}", rounded(ratio, target, 10_000.0))
            })
        };
        let seconds = duration_p95.map_or_else(String::new, |p95| p95.as_secs().to_string());
        let failover = ratio(failover_success_ratio, targets::FAILOVER_SUCCESS_RATIO);
        [
            ("deployments", deployments.to_string()),
            (
                "success-ratio",
                ratio(success_ratio, targets::SUCCESS_RATIO),
            ),
            ("duration-p95-seconds", seconds),
            ("failover-success-ratio", failover),
        ]
    }

    /// The same for programs:
    ///
    /// | field | what |
    /// | --- | --- |
    /// | `schema` | 1; a new field needs no new number |
    /// | `environment`, `repository`, `lock` | whose figures they are |
    /// | `at` | when they were read, RFC 3339 |
    /// | `from`, `to`, `window_days` | the first and the last UTC day, and how many there are |
    /// | `deployments`, `failovers` | how many ended `succeeded`, `failed` or `never_claimed`, and their takeovers |
    /// | `success_ratio`, `duration_p95_seconds`, `failover_success_ratio` | one object each |
    /// | `days` | one object a day: `day`, `succeeded`, `failed`, `failovers`, `failovers_succeeded` |
    ///
    /// A figure's object: `value` (a ratio from 0 to 1 or seconds; null where there is none), `target`, `standing`
    /// (`met`, `missed`, `no_data`) and `trend` with `direction` (`better`, `worse`, `same`, `too_little`), `earlier` and
    /// `later`. That of the duration has `precision_seconds` too: by less than this it may really be shorter.
    pub fn json(&self) -> Value {
        let Figures {
            deployments,
            success_ratio,
            duration_p95,
            duration_precision,
            failovers,
            failover_success_ratio,
        } = self.figures;
        let mut duration = figure(
            duration_p95.map(|p95| p95.as_secs()),
            targets::DURATION_P95.as_secs(),
            self.figures.duration_p95_standing(),
            self.duration_trend().map(|p95| p95.as_secs()),
        );
        duration["precision_seconds"] = json!(duration_precision.as_secs());
        let days = self.days.iter().map(|day| {
            json!({
                "day": day.day,
                "succeeded": day.succeeded,
                "failed": day.failed,
                "failovers": day.failovers,
                "failovers_succeeded": day.failovers_succeeded,
            })
        });
        json!({
            "schema": SCHEMA,
            "environment": self.origin.environment,
            "repository": self.origin.repository,
            "lock": self.origin.lock,
            "at": self.at,
            "from": self.days.first().map(|day| &day.day),
            "to": self.days.last().map(|day| &day.day),
            "window_days": self.days.len(),
            "deployments": deployments,
            "failovers": failovers,
            "success_ratio": figure(
                success_ratio,
                targets::SUCCESS_RATIO,
                self.figures.success_ratio_standing(),
                self.success_trend(),
            ),
            "duration_p95_seconds": duration,
            "failover_success_ratio": figure(
                failover_success_ratio,
                targets::FAILOVER_SUCCESS_RATIO,
                self.figures.failover_success_ratio_standing(),
                self.failover_trend(),
            ),
            "days": days.collect::<Vec<_>>(),
        })
    }
}

fn figure<T: serde::Serialize>(
    value: Option<T>,
    target: T,
    standing: Standing,
    trend: Trend<T>,
) -> Value {
    json!({
        "value": value,
        "target": target,
        "standing": standing,
        "trend": {
            "direction": trend.direction,
            "earlier": trend.earlier,
            "later": trend.later,
        },
    })
}

/// `ratio` in steps of one `steps`th: to the nearest, but not onto a target that it misses.
fn rounded(ratio: f64, target: f64, steps: f64) -> f64 {
    let nearest = (ratio * steps).round() / steps;
    if ratio < target && nearest >= target {
        (ratio * steps).floor() / steps
    } else {
        nearest
    }
}

#[cfg(test)]
mod tests;
