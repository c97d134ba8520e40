//! The probe: one request, and what its answer must be.

use std::{fmt, ops::RangeInclusive};

use tokio::time::Instant;

use super::{Client, Request, Response};
use crate::{Answer, Observation, Probe, ProbeFuture};

/// What an answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The statuses that are well: `[200..=299]`, `[200..=200, 404..=404]`.
    pub status: Vec<RangeInclusive<u16>>,
    /// What the body must hold somewhere.
    pub contains: Option<String>,
}

impl Default for Wanted {
    /// Any status of success.
    fn default() -> Self {
        Wanted {
            status: vec![200..=299],
            contains: None,
        }
    }
}

impl Wanted {
    /// Whether `response` is as wanted; if not, what is missing.
    ///
    /// # Errors
    /// What is missing, in words that follow the status. The body is not repeated: it may hold anything.
    pub fn judge(&self, response: &Response) -> Result<(), String> {
        if !self
            .status
            .iter()
            .any(|range| range.contains(&response.status))
        {
            return Err(format!("wanted {self}"));
        }
        match &self.contains {
            Some(text) if !contains(&response.body, text.as_bytes()) => {
                let cut = if response.cut {
                    format!(" in its first {} bytes", response.body.len())
                } else {
                    String::new()
                };
                Err(format!("without the wanted text{cut}"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Wanted {
    /// The statuses: `200-299, 404`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.status.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}", range.start())?;
            if range.start() != range.end() {
                write!(f, "-{}", range.end())?;
            }
        }
        Ok(())
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

/// Asks one address.
#[derive(Clone, Debug)]
pub struct HttpProbe {
    /// Who asks.
    pub client: Client,
    /// What is asked.
    pub request: Request,
    /// What must be answered.
    pub wanted: Wanted,
}

impl Probe for HttpProbe {
    fn identity(&self) -> String {
        format!("http {:?}", self.request)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, seen) = match self.client.ask(&self.request, deadline).await {
                Ok(response) => {
                    let what = format!(
                        "{} after {} ms",
                        response.status_line(),
                        response.took.as_millis()
                    );
                    match self.wanted.judge(&response) {
                        Ok(()) => (Answer::Pass, what),
                        Err(missing) => (Answer::Fail, format!("{what}, {missing}")),
                    }
                }
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
