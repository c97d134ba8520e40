//! A moment as text for Prometheus: exposition format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use ledger::{DURATION_BUCKETS, Role, seconds};
use prometheus::{
    TextEncoder,
    proto::{Bucket, Counter, Gauge, Histogram, LabelPair, MetricFamily, MetricType},
};

use crate::{
    Group, Kind, METRICS, Metric, Subject,
    names::ROLE,
    samples::{Moment, Value},
};

/// The media type of a text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The encoder refuses a family.
    #[error("write the metrics as text: {0}")]
    Encode(#[from] prometheus::Error),
}

/// The text of one role's group: the counters of what that role did, and all gauges. The gateway adds the group's labels.
///
/// # Errors
/// [`TextError::Encode`].
pub fn text(moment: &Moment<'_>, role: Role) -> Result<String, TextError> {
    encode(moment, &[(role, Vec::new())])
}

/// The text of both roles in one file, for node_exporter's textfile collector
/// (<https://github.com/prometheus/node_exporter#textfile-collector>): each family once, without timestamps, and with the
/// labels of its group on every series. A scrape puts its own `job` on them, so that none is written.
///
/// # Errors
/// [`TextError::Encode`].
pub fn textfile(subject: &Subject, moment: &Moment<'_>) -> Result<String, TextError> {
    let groups = [Role::Primary, Role::Secondary].map(|role| {
        let group = Group {
            subject: subject.clone(),
            role,
        };
        (role, group.labels().to_vec())
    });
    encode(moment, &groups)
}

/// Each role with the labels of its group that the text must carry.
type Groups<'a> = &'a [(Role, Vec<(&'static str, String)>)];

fn encode(moment: &Moment<'_>, groups: Groups<'_>) -> Result<String, TextError> {
    let families: Vec<MetricFamily> = METRICS
        .iter()
        .filter_map(|metric| family(metric, moment, groups))
        .collect();
    Ok(TextEncoder::new().encode_to_string(&families)?)
}

/// The family of `metric`; nothing where it has no series, which the format cannot say.
fn family(metric: &Metric, moment: &Moment<'_>, groups: Groups<'_>) -> Option<MetricFamily> {
    let mut series = Vec::new();
    for (role, group) in groups {
        for (values, value) in (metric.samples)(moment, *role) {
            let labels = metric
                .labels
                .iter()
                .copied()
                .zip(values)
                .chain([(ROLE, role.to_string())])
                .chain(group.iter().cloned())
                .map(|(name, value)| pair(name, value))
                .collect();
            series.push(one(labels, value));
        }
    }
    if series.is_empty() {
        return None;
    }
    let mut family = MetricFamily::default();
    family.set_name(metric.name.to_owned());
    family.set_help(metric.help.to_owned());
    family.set_field_type(match metric.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    family.set_metric(series);
    Some(family)
}

fn pair(name: &str, value: String) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value);
    pair
}

fn one(labels: Vec<LabelPair>, value: Value) -> prometheus::proto::Metric {
    let mut series = prometheus::proto::Metric::from_label(labels);
    match value {
        Value::Count(value) => {
            let mut counter = Counter::default();
            counter.set_value(value as f64);
            series.set_counter(counter);
        }
        Value::Gauge(value) => {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            series.set_gauge(gauge);
        }
        Value::Durations {
            buckets,
            count,
            sum,
        } => {
            let bucket = |(bound, cumulative): (u64, u64)| {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(bound as f64);
                bucket.set_cumulative_count(cumulative);
                bucket
            };
            let mut histogram = Histogram::default();
            // The encoder adds +Inf.
            histogram.set_bucket(
                DURATION_BUCKETS
                    .into_iter()
                    .zip(buckets)
                    .map(bucket)
                    .collect(),
            );
            histogram.set_sample_count(count);
            histogram.set_sample_sum(seconds::from_duration(sum));
            series.set_histogram(histogram);
        }
    }
    series
}
