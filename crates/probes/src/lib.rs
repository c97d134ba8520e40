//! Questions to the world outside: one protocol a file, one trait over all of them.
//!
//! Responsible for: asking once, within a deadline, and saying what was seen in one line. Not responsible for asking
//! again, for judging a release, or for reading inputs: that is the callers'.

pub mod docker;
pub mod http;
pub mod prometheus;
pub mod registry;

pub mod host;
pub mod command;
pub mod redis;
pub mod postgres;
pub mod dns;
pub mod icmp;
pub mod resolver;
pub mod sweep;
pub mod tls;
pub mod tcp;
mod probe;
mod stagger;

pub use probe::{Answer, Observation, Probe, ProbeFuture};
