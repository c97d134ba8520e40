//! What a deployment must survive, with real processes and a real store. What is proven at a lower level is not proven
//! here again; `tests/README.md` says which line is proven where.
//!
//! Timing is three tenths of the default (a lease of 6.6 s, a deadline of 5.4 s) unless a test says otherwise.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

mod cancelling;
mod candidates;
mod commands;
mod diagnosing;
mod ends;
mod foreign;
mod killing;
mod links;
mod people;
mod rerun;
mod runs;
mod secrets;

use std::time::Duration;

/// How long anything may take that should happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// How long a takeover may take with the short timing, on a busy machine.
const TAKEOVER: Duration = Duration::from_secs(60);
