//! Which series each metric has at one moment.
//!
//! Counters are those of one role: each role's group holds what that role did, so that sums over both are right. Gauges
//! are the same for both.

use std::{collections::BTreeMap, time::Duration};

use ledger::{Counter, DURATION_BUCKETS, Labels, Role, Timestamp, Tip, seconds};

/// Labels of what happened somewhere.
pub(crate) const WHERE: &[&str] = &["workflow", "branch", "runner_group"];
/// The same with the reason of a failure.
pub(crate) const WHERE_AND_WHY: &[&str] = &["workflow", "branch", "runner_group", "failure_reason"];
/// The label of a takeover.
pub(crate) const WHY: &[&str] = &["reason"];
/// The label of a preflight check.
pub(crate) const CHECK: &[&str] = &["check_type"];
/// The label of a health gate.
pub(crate) const SERVICE: &[&str] = &["service"];
/// Labels of what is newest.
pub(crate) const LINE: &[&str] = &["workflow", "branch"];

/// The window of the figures, in days.
const WINDOW: u32 = 30;

/// What a text is made of. The same moment gives the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The ledger's state.
    pub tip: &'a Tip,
    /// The newest day of the figures.
    pub now: Timestamp,
    /// How many deployments wait behind another.
    pub queue_depth: u64,
}

/// The value of one series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Count(u64),
    Gauge(f64),
    Durations {
        /// Cumulative, by [`DURATION_BUCKETS`].
        buckets: [u64; DURATION_BUCKETS.len()],
        count: u64,
        sum: Duration,
    },
}

/// The series of one metric, by the values of its labels in their order.
pub(crate) type Samples = BTreeMap<Vec<String>, Value>;

/// A label's value as Prometheus can read it: its parser takes a NUL for the end of the text, and loses the whole scrape.
pub(crate) fn readable(value: &str) -> String {
    value.replace('\0', "\u{fffd}")
}

/// Adds a series. Two with the same labels would make a gateway refuse the whole push: totals add up, of two gauges the
/// second counts.
fn add(samples: &mut Samples, labels: Vec<String>, value: Value) {
    match (samples.get_mut(&labels), value) {
        (Some(Value::Count(sum)), Value::Count(more)) => *sum += more,
        (
            Some(Value::Durations {
                buckets,
                count,
                sum,
            }),
            Value::Durations {
                buckets: more_buckets,
                count: more,
                sum: longer,
            },
        ) => {
            for (bucket, more) in buckets.iter_mut().zip(more_buckets) {
                *bucket += more;
            }
            *count += more;
            *sum += longer;
        }
        (_, value) => {
            samples.insert(labels, value);
        }
    }
}

/// The values of the labels with these names; what a total does not have is empty.
fn values(labels: &Labels, names: &[&str]) -> Vec<String> {
    let value = |name: &&str| labels.get(*name).map(|value| readable(value));
    names
        .iter()
        .map(|name| value(name).unwrap_or_default())
        .collect()
}

/// Whether a total is what `role` did. One without a role is the primary's, as a party without one is.
fn is_of(labels: &Labels, role: Role) -> bool {
    match labels.get(crate::names::ROLE) {
        Some(named) => *named == role.to_string(),
        None => role == Role::default(),
    }
}

fn counts(counters: &[Counter], names: &[&str], role: Role) -> Samples {
    let mut samples = Samples::new();
    for counter in counters.iter().filter(|c| is_of(&c.labels, role)) {
        add(
            &mut samples,
            values(&counter.labels, names),
            Value::Count(counter.value),
        );
    }
    samples
}

pub(crate) fn attempts(moment: &Moment<'_>, role: Role) -> Samples {
    counts(&moment.tip.totals.attempts, WHERE, role)
}

pub(crate) fn successes(moment: &Moment<'_>, role: Role) -> Samples {
    counts(&moment.tip.totals.successes, WHERE, role)
}

pub(crate) fn failures(moment: &Moment<'_>, role: Role) -> Samples {
    counts(&moment.tip.totals.failures, WHERE_AND_WHY, role)
}

pub(crate) fn failovers(moment: &Moment<'_>, role: Role) -> Samples {
    counts(&moment.tip.totals.failovers, WHY, role)
}

pub(crate) fn failover_successes(moment: &Moment<'_>, role: Role) -> Samples {
    counts(&moment.tip.totals.failover_successes, WHY, role)
}

pub(crate) fn preflight_failures(moment: &Moment<'_>, role: Role) -> Samples {
    counts(&moment.tip.totals.preflight_failures, CHECK, role)
}

pub(crate) fn gate_failures(moment: &Moment<'_>, role: Role) -> Samples {
    counts(&moment.tip.totals.gate_failures, SERVICE, role)
}

pub(crate) fn durations(moment: &Moment<'_>, role: Role) -> Samples {
    let mut samples = Samples::new();
    let all = &moment.tip.totals.durations;
    for histogram in all.iter().filter(|h| is_of(&h.labels, role)) {
        let value = Value::Durations {
            buckets: histogram.buckets,
            count: histogram.count,
            sum: histogram.sum,
        };
        add(&mut samples, values(&histogram.labels, WHERE), value);
    }
    samples
}

/// A name that was judged twice is as healthy as its worst.
pub(crate) fn gate_status(moment: &Moment<'_>, _role: Role) -> Samples {
    let mut worst: BTreeMap<String, bool> = BTreeMap::new();
    for gate in &moment.tip.gates {
        *worst.entry(readable(&gate.service)).or_default() |= gate.status.failed();
    }
    worst
        .into_iter()
        .map(|(service, failed)| (vec![service], Value::Gauge(if failed { 0.0 } else { 1.0 })))
        .collect()
}

pub(crate) fn gate_durations(moment: &Moment<'_>, _role: Role) -> Samples {
    let mut longest: BTreeMap<String, Duration> = BTreeMap::new();
    for gate in &moment.tip.gates {
        let took = longest.entry(readable(&gate.service)).or_default();
        *took = gate.took.max(*took);
    }
    longest
        .into_iter()
        .map(|(service, took)| (vec![service], Value::Gauge(seconds::from_duration(took))))
        .collect()
}

/// One series without labels, or none: a gauge that has no value is absent, never NaN.
fn figure(value: Option<f64>) -> Samples {
    value
        .map(|value| (Vec::new(), Value::Gauge(value)))
        .into_iter()
        .collect()
}

pub(crate) fn queue_depth(moment: &Moment<'_>, _role: Role) -> Samples {
    figure(Some(moment.queue_depth as f64))
}

pub(crate) fn success_ratio(moment: &Moment<'_>, _role: Role) -> Samples {
    figure(moment.tip.figures(moment.now, WINDOW).success_ratio)
}

pub(crate) fn duration_p95(moment: &Moment<'_>, _role: Role) -> Samples {
    let p95 = moment.tip.figures(moment.now, WINDOW).duration_p95;
    figure(p95.map(seconds::from_duration))
}

pub(crate) fn failover_success_ratio(moment: &Moment<'_>, _role: Role) -> Samples {
    figure(
        moment
            .tip
            .figures(moment.now, WINDOW)
            .failover_success_ratio,
    )
}

/// An empty chain has no beginning.
pub(crate) fn ledger_created(moment: &Moment<'_>, _role: Role) -> Samples {
    figure((moment.tip.seq > 0).then(|| timestamp(moment.tip.created)))
}

pub(crate) fn last_success(moment: &Moment<'_>, _role: Role) -> Samples {
    newest(moment, |last| last.succeeded_at.map(timestamp))
}

pub(crate) fn last_duration(moment: &Moment<'_>, _role: Role) -> Samples {
    newest(moment, |last| last.took.map(seconds::from_duration))
}

fn newest(moment: &Moment<'_>, value: impl Fn(&ledger::LastState) -> Option<f64>) -> Samples {
    let mut samples = Samples::new();
    for last in &moment.tip.last {
        if let Some(value) = value(last) {
            let labels = vec![readable(&last.workflow), readable(&last.branch)];
            add(&mut samples, labels, Value::Gauge(value));
        }
    }
    samples
}

/// Seconds since 1970-01-01 UTC.
fn timestamp(at: Timestamp) -> f64 {
    at.0 as f64 / 1000.0
}
