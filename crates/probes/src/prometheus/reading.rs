//! What a query came to.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

/// One series' value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The labels, `__name__` among them where the query kept it.
    pub labels: BTreeMap<String, String>,
    /// The value; may be `NaN` or infinite.
    pub value: f64,
    /// When the query was evaluated, in seconds since 1970 by the clock of Prometheus. Not when the value was scraped:
    /// [`Prometheus::ages`](super::Prometheus::ages) tells how old it is.
    pub evaluated_at: f64,
}

/// A whole result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answered {
    /// One a series; one without labels for a scalar.
    pub samples: Vec<Sample>,
    /// What Prometheus warns of, such as a remote store that did not answer.
    pub warnings: Vec<String>,
}

/// A result where one value was wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// One series with a number.
    Value(f64),
    /// No series: none was ever scraped, or its target has been away for longer than Prometheus looks back.
    Absent,
    /// One series whose value is `NaN`.
    NotANumber,
    /// More than one series: the query does not say which is meant.
    Several(usize),
}

impl Answered {
    /// The one value.
    pub fn reading(&self) -> Reading {
        match self.samples.as_slice() {
            [] => Reading::Absent,
            [sample] if sample.value.is_nan() => Reading::NotANumber,
            [sample] => Reading::Value(sample.value),
            several => Reading::Several(several.len()),
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reading::Value(value) => write!(f, "{value}"),
            Reading::Absent => f.write_str("no series"),
            Reading::NotANumber => f.write_str("NaN"),
            Reading::Several(count) => write!(f, "{count} series where one was wanted"),
        }
    }
}

/// The result as Prometheus writes it (<https://prometheus.io/docs/prometheus/latest/querying/api/>).
#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Data {
    /// `[[labels, value]…]`.
    Vector(Vec<Series>),
    /// One value.
    Scalar(Point),
}

#[derive(Deserialize)]
pub(super) struct Series {
    metric: BTreeMap<String, String>,
    // A native histogram has none.
    value: Option<Point>,
}

/// Time, and the value as text.
#[derive(Deserialize)]
pub(super) struct Point(f64, String);

impl Data {
    /// The samples; none where a value is no number as Prometheus writes them, or is a histogram.
    pub(super) fn samples(self) -> Option<Vec<Sample>> {
        match self {
            Data::Vector(all) => all
                .into_iter()
                .map(|series| sample(series.metric, series.value?))
                .collect(),
            Data::Scalar(point) => Some(vec![sample(BTreeMap::new(), point)?]),
        }
    }
}

fn sample(labels: BTreeMap<String, String>, Point(evaluated_at, text): Point) -> Option<Sample> {
    let value = match text.as_str() {
        "NaN" => f64::NAN,
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().ok()?,
    };
    Some(Sample {
        labels,
        value,
        evaluated_at,
    })
}
