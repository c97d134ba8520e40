//! What a job does whose first step is `preflight` and whose second is `runner-failover`: real processes, a real store,
//! both steps in the folders of one runner. What each check sees is proven beside the checks; here they only fail or
//! pass, so none of them looks at the machine of the test.
//!
//! Timing is three tenths of the default, as in `survive`.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

mod active;
mod cancelling;
mod handover;
mod host;
mod overriding;
mod store;
mod wrong;

use std::time::Duration;

use baton_tests::{Ended, Step};
use serde_json::Value;

/// How long anything may take that should happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// How long a takeover may take with the short timing, on a busy machine.
const TAKEOVER: Duration = Duration::from_secs(60);

const QUICK: &str = "write deploy 0.2";

/// A check that asks nobody, and [`fails`] or passes as a test wants it.
const REF: &str = "ref.allowed";

/// The exit code of [`REF`]'s group.
const REF_FAILED: i32 = 6;

/// Lets [`REF`] fail.
fn fails(step: Step) -> Step {
    step.input("branches", "release/*")
}

/// The outputs `result` and `failed`.
fn told(ended: &Ended) -> (String, String) {
    (ended.output("result"), ended.output("failed"))
}

/// The report that it left for people.
fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.left("preflight.json")).unwrap()
}

/// What the report says of a check.
fn reported(ended: &Ended, id: &str) -> Value {
    let report = report(ended);
    let found = report["checks"].as_array().unwrap().iter();
    let mut found = found.filter(|check| check["id"] == id);
    found
        .next()
        .unwrap_or_else(|| panic!("no {id} in {report:#}"))
        .clone()
}
