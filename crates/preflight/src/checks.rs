//! The checks: each turns a measurement into a [`Finding`](crate::Finding). None of them reads the environment, an
//! input or a clock of its own.

pub mod active;
pub mod approval;
pub mod artifacts;
pub mod concurrency;
pub mod docker;
pub mod guardrails;
pub mod network;
pub mod registration;
pub mod runner;
pub mod secrets;
pub mod separate;
mod unanswered;
