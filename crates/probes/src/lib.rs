//! Questions to the world outside: one protocol a file, one trait over all of them.
//!
//! Responsible for: asking once, within a deadline, and saying what was seen in one line. Not responsible for asking
//! again, for judging a release, or for reading inputs: that is the callers'.

pub mod http;

pub mod host;
mod probe;

pub use probe::{Answer, Observation, Probe, ProbeFuture};
