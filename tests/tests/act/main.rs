//! Whole workflows, run by act in host mode: both legs and the verdict as real jobs on this machine.
//!
//! What happened is read from the target's log, the ledger and the job summaries, never from act's own output, which
//! also calls a job well that it left out (design §11).

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod ci_local;
mod consumer;
mod gates;
mod pipeline;
mod running;
mod trial;
