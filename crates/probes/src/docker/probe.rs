//! The probe: a daemon, not older than wanted.

use tokio::time::Instant;

use super::{Endpoint, Engine, Version, daemon};
use crate::{Answer, Observation, Probe, ProbeFuture};

/// Asks one daemon for its version.
#[derive(Clone, Debug)]
pub struct DockerProbe {
    /// Where it is asked.
    pub endpoint: Endpoint,
    /// The oldest version that is well: `20.10`.
    pub minimum: Version,
}

impl Probe for DockerProbe {
    fn identity(&self) -> String {
        format!("docker {}", self.endpoint)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, seen) = match daemon(&self.endpoint, deadline).await {
                Ok(found) => {
                    let at = format!("(API {}) at {}", found.api_version, self.endpoint);
                    match found.engine {
                        Engine::Podman => (
                            Answer::Unknown,
                            format!(
                                "Podman {} {at}, whose versions are not Docker's",
                                found.version
                            ),
                        ),
                        Engine::Docker if found.version < self.minimum => (
                            Answer::Fail,
                            format!("Docker {} {at}, older than {}", found.version, self.minimum),
                        ),
                        Engine::Docker => (Answer::Pass, format!("Docker {} {at}", found.version)),
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
