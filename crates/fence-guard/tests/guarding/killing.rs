//! SIGKILL at any moment.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::target::{Target, acts, call, kill, overlaps, stderr, until};

#[test]
fn a_guard_killed_at_any_moment_leaves_a_state_that_the_next_one_understands() {
    let target = Target::new();
    let begun = Instant::now();
    assert!(target.run(&call(1, "echo 1 start >>log")).status.success());
    // Kills are spread over twice the time that a whole run takes here.
    let whole = begun.elapsed();
    let rounds = 120_u32;
    for round in 0..rounds {
        let token = u64::from(round) + 2;
        let mut guard = target.start(&call(
            token,
            &format!("echo {token} start >>log; sleep 0.01; echo {token} end >>log"),
        ));
        match round % 4 {
            0 => target.await_line(&format!("{token} start")),
            1 => until("record of the command", || {
                (running_token(&target) == Some(token) || target.state()["fencing_token"] == token)
                    .then_some(())
            }),
            // The moment of the kill, not a wait for something.
            _ => sleep(whole * 2 * round / rounds),
        }
        guard.kill().unwrap();
        guard.wait().unwrap();
        let status = target.status(&["--json"]);
        assert!(
            status.status.success(),
            "after {round}: {}",
            stderr(&status)
        );
    }
    let last = target.run(&call(1000, "echo 1000 >>log"));
    assert_eq!(last.status.code(), Some(0), "{}", stderr(&last));
    assert_eq!(overlaps(&target.log()), [""; 0]);
}

#[test]
fn a_keeper_killed_at_any_moment_leaves_nothing_that_acts() {
    let target = Target::new();
    for round in 0..40_u64 {
        let token = round + 1;
        let mut guard = target.start(&call(
            token,
            &format!("while :; do echo {token} >>log; sleep 0.01; done"),
        ));
        until("record of the command", || {
            (running_token(&target) == Some(token)).then_some(())
        });
        let keeper = target.state()["running"]["keeper"].as_i64().unwrap();
        sleep(Duration::from_micros(250 * round));
        let keeper = i32::try_from(keeper).unwrap();
        let (first, second) = if round % 2 == 0 {
            (keeper, guard.id().cast_signed())
        } else {
            (guard.id().cast_signed(), keeper)
        };
        kill(first, Signal::SIGKILL);
        // It may have ended by the first.
        let _gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(second), Signal::SIGKILL);
        guard.wait().unwrap();
        assert!(target.status(&[]).status.success());
        until("end of the keeper", || (!acts(keeper)).then_some(()));
    }
    assert_eq!(
        target.run(&call(1000, "echo 1000 >>log")).status.code(),
        Some(0)
    );
    assert_eq!(overlaps(&target.log()), [""; 0]);
}

/// The token of the command that the state records, where there is a state.
fn running_token(target: &Target) -> Option<u64> {
    let state = std::fs::read(target.path("state.json")).ok()?;
    let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
    state["running"]["token"].as_u64()
}
