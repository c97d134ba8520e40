//! The checks that ask GitHub, against a server that plays it.

#![allow(clippy::unwrap_used)]

mod approval;
mod budget;
mod concurrency;
mod guardrails;
mod play;
mod registration;
mod secrets;
