//! The probe: an image that exists.

use tokio::time::Instant;

use super::{Reference, Registry};
use crate::{Answer, Observation, Probe, ProbeFuture};

/// Asks a registry for one image.
#[derive(Clone, Debug)]
pub struct ImageProbe {
    /// Who asks.
    pub registry: Registry,
    /// What must exist.
    pub reference: Reference,
}

impl Probe for ImageProbe {
    fn identity(&self) -> String {
        format!("image {}", self.reference)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, seen) = match self.registry.manifest(&self.reference, deadline).await {
                Ok(manifest) => (
                    Answer::Pass,
                    format!(
                        "exists, {}",
                        manifest.digest.as_deref().unwrap_or("without a digest")
                    ),
                ),
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
