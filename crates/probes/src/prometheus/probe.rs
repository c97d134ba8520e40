//! The probe: a query whose one value lies in a range.

use std::ops::RangeInclusive;

use tokio::time::Instant;

use super::{Prometheus, Reading};
use crate::{Answer, Observation, Probe, ProbeFuture};

/// Asks one Prometheus one query.
#[derive(Clone, Debug)]
pub struct PrometheusProbe {
    /// Who is asked.
    pub prometheus: Prometheus,
    /// The query, which must come to one series.
    pub query: String,
    /// The values that are well.
    pub wanted: RangeInclusive<f64>,
}

impl Probe for PrometheusProbe {
    fn identity(&self) -> String {
        format!("prometheus {} {}", self.prometheus.place(), self.query)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, seen) = match self.prometheus.query(&self.query, deadline).await {
                Ok(answered) => match answered.reading() {
                    Reading::Value(value) if self.wanted.contains(&value) => {
                        (Answer::Pass, value.to_string())
                    }
                    Reading::Value(value) => (
                        Answer::Fail,
                        format!(
                            "{value}, outside {} to {}",
                            self.wanted.start(),
                            self.wanted.end()
                        ),
                    ),
                    // Without one value nothing is known of what the query asks about.
                    reading @ (Reading::Absent | Reading::NotANumber | Reading::Several(_)) => {
                        (Answer::Unknown, reading.to_string())
                    }
                },
                Err(error) => (error.answer(), format!("failed to {error}")),
            };
            Observation {
                answer,
                seen,
                took: begun.elapsed(),
            }
        })
    }
}
