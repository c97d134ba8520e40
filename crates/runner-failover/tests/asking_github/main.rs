//! The modes that ask GitHub's API and touch no lock, as a runner starts them: exit codes, outputs, summaries.
//!
//! GitHub is played by a server of the test; Prometheus is a real one.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

mod expire;
mod select;
mod step;
