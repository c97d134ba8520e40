//! Questions to the world outside: one protocol a file, one trait over all of them.
//!
//! Responsible for: asking once, within a deadline, and saying what was seen in one line. Not responsible for asking
//! again, for judging a release, or for reading inputs: that is the callers'.

pub mod docker;
pub mod flow;
pub mod http;
pub mod prometheus;
pub mod registry;

mod aside;
pub mod command;
pub mod dns;
pub mod foreign;
pub mod host;
pub mod icmp;
pub mod percent;
pub mod postgres;
mod probe;
pub mod redis;
pub mod resolver;
mod stagger;
pub mod sweep;
pub mod tcp;
pub mod tls;

pub use probe::{Answer, Observation, Probe, ProbeFuture};
