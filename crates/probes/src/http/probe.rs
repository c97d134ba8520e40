//! The probe: one request, and what its answer must be.

use tokio::time::Instant;

use super::{Client, Expectation, Request};
use crate::{Answer, Observation, Probe, ProbeFuture};

/// Asks one address.
#[derive(Clone, Debug)]
pub struct HttpProbe {
    /// Who asks.
    pub client: Client,
    /// What is asked.
    pub request: Request,
    /// What must be answered.
    pub expectation: Expectation,
}

impl Probe for HttpProbe {
    fn identity(&self) -> String {
        let doubt = self.client.doubt(&self.request).unwrap_or_default();
        format!("http {:?}{doubt}", self.request)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, seen) = match self.client.ask(&self.request, deadline).await {
                Ok(response) => match self.expectation.judge_by(&response, deadline).await {
                    Ok(Ok(())) => (Answer::Pass, response.summary()),
                    Ok(Err(missing)) => (Answer::Fail, missing),
                    Err(error) => (
                        Answer::Unknown,
                        format!("{}; failed to {error}", response.summary()),
                    ),
                },
                Err(error) => (error.answer(), format!("failed to {error}")),
            };
            let doubt = self.client.doubt(&self.request).unwrap_or_default();
            Observation {
                answer,
                seen: format!("{seen}{doubt}"),
                took: begun.elapsed(),
            }
        })
    }
}
