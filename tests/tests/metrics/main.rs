//! Metrics and the audit trail with real processes, a real store and a real Pushgateway: what stands at the gateway, in the
//! file and at Loki equals the ledger, whatever happens to the step that takes it there.
//!
//! The ledger's totals are folded here once more from `git log`, behind the step's back. What each text says is proven in
//! `crates/metrics` and `crates/audit`, the rules in `prometheus_rules`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's own set-up; a panic is its failure"
)]

mod away;
#[path = "../../../crates/metrics/tests/exposition/mod.rs"]
mod exposition;
mod front;
mod frozen;
mod held;
mod killed;
mod names;
mod queued;
mod secrets;
mod shipping;
mod standby;
mod wrong;

use std::time::Duration;

use baton_tests::{Run, Scene};

/// How long anything may take that should happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// How long a step may take that tries for as long as it may.
const TRIED: Duration = Duration::from_secs(120);

/// How old a reading may be when a push of it begins.
const FRESH: Duration = push_metrics::pushing::Limits::STEP.fresh_for;

/// A deployment of one leg, which ends `succeeded`, or `failed` where the script fails.
fn deploy(scene: &Scene, run: &Run, script: &str) {
    let code = i32::from(script != "true");
    scene
        .candidate(run, 1, script)
        .input("candidates", 1)
        .finish(SOON)
        .expect(code);
}

/// Lets this much time pass: what is proven is that something does not happen meanwhile, or that it is too old after it.
fn pass(time: Duration) {
    let end = std::time::Instant::now() + time;
    baton_tests::patience::until(time + SOON, "time to pass", || {
        (std::time::Instant::now() >= end).then_some(())
    });
}
