//! Why a query has no result.

use crate::{Answer, http::HttpError};

/// Why a query has no result. Texts fit "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrometheusError {
    /// The address, the credentials or the certificates cannot be used.
    #[error("prepare to ask Prometheus: failed to {0}")]
    Setup(HttpError),
    /// The connection failed.
    #[error("ask Prometheus at {at}: failed to {source}")]
    Unreachable {
        /// Its address.
        at: String,
        /// How.
        source: HttpError,
    },
    /// It wants other credentials (401), or does not let them (403).
    #[error("get access to Prometheus at {at}: {status}")]
    Denied {
        /// Its address.
        at: String,
        /// Status and its words.
        status: String,
    },
    /// It refuses the query, or fails at it, in its own words.
    #[error("get a result from Prometheus at {at}: {kind}: {words}")]
    Refused {
        /// Its address.
        at: String,
        /// `bad_data`, `timeout`, `execution`, `unavailable`, …
        kind: String,
        /// Its own words.
        words: String,
    },
    /// A status that says nothing of the query.
    #[error("get a result from Prometheus at {at}: {status}")]
    Status {
        /// Its address.
        at: String,
        /// Status and its words.
        status: String,
    },
    /// What answers is no Prometheus, or its answer broke off.
    #[error("find Prometheus at {at}: what answers there is not its JSON ({seen})")]
    NotPrometheus {
        /// Its address.
        at: String,
        /// What came instead.
        seen: String,
    },
    /// The query's result is a range, a text or a histogram.
    #[error(
        "read the result of Prometheus at {at}: it is neither a vector nor a scalar of numbers"
    )]
    NotNumbers {
        /// Its address.
        at: String,
    },
}

impl PrometheusError {
    /// What the error means for a probe: nothing is known of what was asked about.
    pub fn answer(&self) -> Answer {
        Answer::Unknown
    }
}
