//! Why entries do not stand in Loki.

use std::time::Duration;

use probes::{Answer, http::HttpError};

/// Why entries do not stand in Loki, or not known to. Texts fit "failed to …" and hold no credential; `said` is what the
/// server said, in one bounded line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LokiError {
    /// It was not asked, or did not answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It takes them from nobody: something about them is wrong.
    #[error(
        "push to {place}, which refuses the entries ({status}){}",
        behind(said)
    )]
    Refused {
        /// Its address.
        place: String,
        /// `400 Bad Request`.
        status: String,
        /// In its own words.
        said: String,
    },
    /// It does not take them from us: credentials or the tenant are wrong or missing.
    #[error(
        "push to {place}, which does not accept who asks ({status}){}",
        behind(said)
    )]
    Forbidden {
        /// Its address.
        place: String,
        /// `401 Unauthorized`, `403 Forbidden`.
        status: String,
        /// In its own words.
        said: String,
    },
    /// It takes no more at the moment (429).
    #[error(
        "push to {place}, which takes no more for now ({status}){}",
        behind(said)
    )]
    Busy {
        /// Its address.
        place: String,
        /// `429 Too Many Requests`.
        status: String,
        /// How long it asks to be left alone (RFC 9110 §10.2.3).
        retry_after: Option<Duration>,
        /// In its own words.
        said: String,
    },
    /// It failed itself (5xx).
    #[error("push to {place}, which failed ({status}){}", behind(said))]
    Server {
        /// Its address.
        place: String,
        /// `503 Service Unavailable`.
        status: String,
        /// In its own words.
        said: String,
    },
    /// Another answer than Loki gives: a redirect, or a page. The address is wrong, or something stands before it.
    #[error("push to {place}: its answer is not Loki's ({status}){}", behind(said))]
    NotLoki {
        /// Its address.
        place: String,
        /// `302 Found to http://…`.
        status: String,
        /// In its own words.
        said: String,
    },
}

impl LokiError {
    /// Whether the same may succeed later.
    pub fn may_pass(&self) -> bool {
        match self {
            LokiError::Busy { .. } | LokiError::Server { .. } => true,
            // What cannot be sent at all is unknown; certificates do not mend themselves.
            LokiError::Http(HttpError::Tls { .. }) => false,
            LokiError::Http(HttpError::Name(_)) => true,
            LokiError::Http(error) => error.answer() == Answer::Fail,
            LokiError::Refused { .. } | LokiError::Forbidden { .. } | LokiError::NotLoki { .. } => {
                false
            }
        }
    }

    /// How long it asks to be left alone, where it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            LokiError::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

fn behind(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}
