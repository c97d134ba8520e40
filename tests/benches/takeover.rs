//! From SIGKILL of the primary to the start of the secondary's command, at default timing with a git store on disk; from
//! a non-zero exit to the secondary's start; and the memory of those who wait and hold.
//!
//! What a user would have without baton: GitHub notices a lost runner after about ten minutes, and re-runs nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failure of the bench itself is a panic"
)]

mod leg;

use std::{process::ExitCode, thread, time::Duration};

/// Kills in all, and how many deployments run side by side: they mostly sleep.
const RUNS: u64 = 20;
const AT_ONCE: u64 = 10;

/// Seconds from kill to start, and the peaks of memory in KiB. The kill falls on another moment of the heartbeat's 10 s
/// in every run.
fn a_kill(run: u64) -> (f64, u64) {
    let deployment = leg::Deployment::new();
    let mut primary = deployment.leg(1, "sleep 300", &[]);
    deployment.await_begin(1, Duration::from_secs(30));
    let mut secondary = deployment.leg(2, "sleep 1", &[]);
    thread::sleep(Duration::from_millis(11_000 + run * 10_000 / RUNS));
    let everything = leg::tree(primary.id());
    let memory = everything
        .iter()
        .take(2)
        .chain([&secondary.id()])
        .filter_map(|pid| leg::peak_memory(*pid))
        .max()
        .unwrap_or_default();
    let killed = leg::wall();
    leg::kill(&everything);
    let began = deployment.await_begin(2, Duration::from_secs(60));
    assert!(secondary.wait().unwrap().success(), "{}", deployment.logs());
    let _dead = primary.wait();
    (began - killed, memory)
}

/// Seconds from the failing command's end to the secondary's start.
fn a_failure() -> f64 {
    let deployment = leg::Deployment::new();
    let once = [("attempts", "1")];
    let ending = format!(
        "sleep 4; echo 0 $EPOCHREALTIME >> {}; exit 3",
        deployment.target().display()
    );
    let mut primary = deployment.leg(1, &ending, &once);
    deployment.await_begin(1, Duration::from_secs(30));
    let mut secondary = deployment.leg(2, "true", &once);
    let failed = deployment.await_begin(0, Duration::from_secs(60));
    let began = deployment.await_begin(2, Duration::from_secs(60));
    assert!(secondary.wait().unwrap().success(), "{}", deployment.logs());
    assert!(!primary.wait().unwrap().success());
    began - failed
}

fn main() -> ExitCode {
    let (mut kills, mut memory) = (Vec::new(), 0);
    for batch in 0..RUNS / AT_ONCE {
        let runs: Vec<_> = (0..AT_ONCE)
            .map(|n| thread::spawn(move || a_kill(batch * AT_ONCE + n)))
            .collect();
        for run in runs {
            let (seconds, peak) = run.join().expect("a run ends well");
            kills.push(seconds);
            memory = memory.max(peak);
        }
    }
    let failures: Vec<_> = (0..5).map(|_| thread::spawn(a_failure)).collect();
    let failures: Vec<f64> = failures
        .into_iter()
        .map(|f| f.join().expect("a run ends well"))
        .collect();
    let worst = |figures: &[f64]| figures.iter().copied().fold(0.0, f64::max);
    let mut fine = leg::within(
        &format!("SIGKILL to the secondary's command, worst of {RUNS}"),
        worst(&kills),
        28.0,
        "s",
    );
    leg::beside("the same, median", leg::median(&mut kills), "s");
    leg::beside("the same, best", kills[0], "s");
    fine &= leg::within(
        "non-zero exit to the secondary's command, worst of 5",
        worst(&failures),
        3.0,
        "s",
    );
    fine &= leg::within(
        "resident memory of any of our processes, peak",
        memory as f64 / 1024.0,
        15.0,
        "MiB",
    );
    leg::beside(
        "GitHub alone: until it notices a lost runner, as documented",
        600.0,
        "s",
    );
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
