//! The one trait: who is asked, and what was seen.

use std::{future::Future, pin::Pin, time::Duration};

use tokio::time::Instant;

/// What a probe returns; boxed, because a list of probes holds many protocols.
pub type ProbeFuture<'a> = Pin<Box<dyn Future<Output = Observation> + Send + 'a>>;

/// One question to one target.
pub trait Probe: Send + Sync {
    /// What is asked, for people: `tcp db.example:5432`. Never holds a secret.
    fn identity(&self) -> String;

    /// Asks once. Answers by `deadline` at the latest, whatever the target does, and leaves nothing running behind.
    fn check(&self, deadline: Instant) -> ProbeFuture<'_>;
}

/// Whether the target is as wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is.
    Pass,
    /// It answered, or did not answer in time, and is not as wanted.
    Fail,
    /// It could not be asked from here: no permission, no resolver, a rate limit. Never the target's own fault.
    Unknown,
}

/// What one question came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Whether the target is as wanted.
    pub answer: Answer,
    /// One line for people, without a line break and without a secret: `connection refused by 192.0.2.7:22`.
    pub seen: String,
    /// From the question to the answer.
    pub took: Duration,
}
