//! Store traffic in steady state: what one deployment with a standby pushes while its command runs, at default timing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failure of the bench itself is a panic"
)]

mod leg;

use std::{fs, process::ExitCode, thread, time::Duration};

/// How long the steady state is watched.
const WATCHED: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let deployment = leg::Deployment::new();
    let pushes = deployment.counting_store();
    let mut holder = deployment.leg(1, "sleep 300", &[]);
    let began = deployment.await_begin(1, Duration::from_secs(30));
    let mut standby = deployment.leg(2, "true", &[]);
    // Past the announcements.
    thread::sleep(Duration::from_secs(5));
    let from = leg::wall();
    thread::sleep(WATCHED);
    let to = leg::wall();
    let everything: Vec<u32> = leg::tree(holder.id())
        .into_iter()
        .chain(leg::tree(standby.id()))
        .collect();
    leg::kill(&everything);
    let (_one, _two) = (holder.wait(), standby.wait());
    let text = fs::read_to_string(pushes).unwrap_or_default();
    let times: Vec<f64> = text.lines().filter_map(|l| l.parse().ok()).collect();
    assert!(
        times.iter().any(|t| *t < began + 1.0),
        "the store counts no pushes"
    );
    let counted = times.iter().filter(|t| (from..to).contains(*t)).count();
    let fine = leg::within(
        "pushes a minute in steady state",
        counted as f64 * 60.0 / (to - from),
        6.0,
        "",
    );
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
