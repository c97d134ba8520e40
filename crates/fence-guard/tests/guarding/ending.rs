//! Trees that do not want to end.

use std::{fs, process::Command};

use nix::sys::signal::Signal;

use crate::target::{Target, acts, call, end, kill, overlaps, pid_in, stderr, until};

/// Children that leave the session, ignore what can be ignored, and fork on.
const STUBBORN: &str = r#"
trap '' TERM HUP INT
setsid sh -c 'trap "" TERM HUP; echo $$ >away; while :; do echo 7 >>log; done' &
(setsid setsid sh -c '(echo 7 >>log; while :; do (echo 7 >>log) & sleep 0.01; done) & exit 0' &)
echo 7 start >>log
while :; do sleep 1; done
"#;

#[test]
fn a_stubborn_tree_is_dead_before_a_newer_command_starts() {
    let target = Target::new();
    let older = target.start(&call(7, STUBBORN));
    target.await_line("7 start");
    let away = pid_in(&target, "away");
    let newer = target.run(&call(8, "echo 8 >>log; sleep 0.3; echo 8 >>log"));
    assert_eq!(newer.status.code(), Some(0), "{}", stderr(&newer));
    assert!(!acts(away));
    assert_eq!(end(older), Some(77));
    assert_eq!(overlaps(&target.log()), [""; 0]);
}

/// Processes that start another and end at once, as fast as they can: no look at `/proc` sees all of them.
/// They end by themselves, should the test fail.
const STORM: &str = r#"
for i in 1 2 3; do
    perl -e 'open(my $log, ">>", "log"); my $end = time + 30; while (time < $end) { if (fork) { exit } syswrite($log, "7\n") if $$ % 50 == 0 }' &
done
echo 7 start >>log
while :; do sleep 1; done
"#;

#[test]
fn a_fork_storm_is_dead_before_a_newer_command_starts() {
    for round in 0..5 {
        let target = Target::new();
        let older = target.start(&call(7, STORM));
        target.await_line("7 start");
        until("a storm", || (target.log().len() > 20).then_some(()));
        let newer = target.run(&call(8, "echo 8 >>log; sleep 0.5; echo 8 >>log"));
        assert_eq!(newer.status.code(), Some(0), "{}", stderr(&newer));
        assert_eq!(end(older), Some(77));
        assert_eq!(overlaps(&target.log()), [""; 0], "round {round}");
    }
}

#[test]
fn after_a_restart_of_the_host_a_recorded_pid_is_anothers_who_is_left_alone() {
    let target = Target::new();
    assert!(target.run(&call(6, "true")).status.success());
    let guard = target.start(&call(7, "echo 7 start >>log; while :; do sleep 1; done"));
    target.await_line("7 start");
    let mut state = target.state();
    kill(guard.id().cast_signed(), Signal::SIGTERM);
    assert_eq!(end(guard), Some(143));
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    let pid = stranger.id();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let started: u64 = stat
        .rsplit(") ")
        .next()
        .unwrap()
        .split(' ')
        .nth(19)
        .unwrap()
        .parse()
        .unwrap();
    for (token, boot, ticks) in [
        // Another boot, in which even the time since boot is the same; this boot, in which the number was given anew.
        (8, Some("earlier"), started),
        (9, None, started - 1),
    ] {
        let running = &mut state["running"];
        running["keeper"] = pid.into();
        running["guard"] = pid.into();
        running["started"] = ticks.into();
        running["guard_started"] = ticks.into();
        if let Some(boot) = boot {
            running["boot"] = boot.into();
        } else {
            running["boot"] = fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .unwrap()
                .trim()
                .into();
        }
        fs::write(target.path("state.json"), format!("{state}\n")).unwrap();
        let status = String::from_utf8(target.status(&[]).stdout).unwrap();
        assert!(status.contains("of token 7 was cut off"), "{status}");
        let next = target.run(&call(token, "echo next >>log"));
        assert_eq!(next.status.code(), Some(0), "{}", stderr(&next));
        assert!(acts(i32::try_from(pid).unwrap()));
    }
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_killed_guard_takes_its_whole_tree_along() {
    let target = Target::new();
    let mut guard = target.start(&call(7, STUBBORN));
    target.await_line("7 start");
    let away = pid_in(&target, "away");
    guard.kill().unwrap();
    guard.wait().unwrap();
    until("end of the tree", || (!acts(away)).then_some(()));
    until("record of the end", || {
        target.state()["running"].is_null().then_some(())
    });
    // The same token may run the step again.
    let again = target.run(&call(7, "echo 7 again >>log"));
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
}

#[test]
fn a_killed_keeper_is_no_success_and_leaves_nothing() {
    let target = Target::new();
    let guard = target.start(&call(7, STUBBORN));
    target.await_line("7 start");
    let away = pid_in(&target, "away");
    let keeper = i32::try_from(target.state()["running"]["keeper"].as_i64().unwrap()).unwrap();
    kill(keeper, Signal::SIGKILL);
    assert_eq!(end(guard), Some(69));
    assert!(!acts(away));
    assert!(
        target
            .errors(7)
            .contains("the process that keeps it was killed")
    );
    assert!(target.state()["running"].is_null());
}

#[test]
fn what_guard_and_keeper_left_when_both_were_killed_is_ended_by_the_next_command() {
    for token in [7, 8] {
        let target = Target::new();
        let mut guard = target.start(&call(7, STUBBORN));
        target.await_line("7 start");
        let away = pid_in(&target, "away");
        let keeper = i32::try_from(target.state()["running"]["keeper"].as_i64().unwrap()).unwrap();
        // The keeper cannot end the tree while it is stopped.
        kill(keeper, Signal::SIGSTOP);
        guard.kill().unwrap();
        guard.wait().unwrap();
        kill(keeper, Signal::SIGKILL);
        assert!(
            acts(away),
            "a process that left the session has nobody left who ends it"
        );
        let next = target.run(&call(
            token,
            &format!("echo 9 >>log; sleep 0.3; echo {token} >>done"),
        ));
        assert_eq!(next.status.code(), Some(0), "{}", stderr(&next));
        assert!(!acts(away));
        assert_eq!(overlaps(&target.log()), [""; 0], "token {token}");
    }
}

#[test]
fn what_a_command_leaves_behind_is_ended_and_told() {
    let target = Target::new();
    let left = target.run(&call(
        7,
        "setsid sh -c 'echo $$ >away; exec sleep 60' >/dev/null 2>&1 & while [ ! -s away ]; do :; done",
    ));
    assert_eq!(left.status.code(), Some(0));
    assert!(
        stderr(&left).contains("left 1 process behind, which has to end too: "),
        "{}",
        stderr(&left)
    );
    assert!(!acts(pid_in(&target, "away")));
}

#[test]
fn a_process_in_the_same_session_without_the_mark_is_no_stranger_to_pass_over() {
    let target = Target::new();
    let script = "env -i sh -c 'echo $$ >away; exec sleep 60' & while [ ! -s away ]; do :; done; echo 7 start >>log; wait";
    let mut guard = target.start(&call(7, script));
    target.await_line("7 start");
    let away = pid_in(&target, "away");
    let keeper = i32::try_from(target.state()["running"]["keeper"].as_i64().unwrap()).unwrap();
    kill(keeper, Signal::SIGSTOP);
    guard.kill().unwrap();
    guard.wait().unwrap();
    kill(keeper, Signal::SIGKILL);
    until("end of the keeper", || (!acts(keeper)).then_some(()));
    let before = fs::read(target.path("state.json")).unwrap();
    let refused = target.run(&call(8, "echo 8 >>log"));
    assert_eq!(refused.status.code(), Some(77));
    let said = stderr(&refused);
    assert!(
        said.contains(&format!(
            "process {away} (sleep) may be one that it started"
        )) && said.contains("mend: look at it"),
        "{said}"
    );
    assert_eq!(fs::read(target.path("state.json")).unwrap(), before);
    // The mend.
    Command::new("kill")
        .args(["-9", &away.to_string()])
        .status()
        .unwrap();
    until("end of the last", || (!acts(away)).then_some(()));
    assert_eq!(target.run(&call(8, "echo 8 >>log")).status.code(), Some(0));
}

#[test]
fn a_command_of_another_host_or_container_is_never_taken_for_dead() {
    let target = Target::new();
    assert!(target.run(&call(6, "true")).status.success());
    let guard = target.start(&call(7, "echo 7 start >>log; while :; do sleep 1; done"));
    target.await_line("7 start");
    let state = target.state();
    for (field, why) in [
        ("boot", "was started on the host elsewhere"),
        ("pid_namespace", "in another container"),
    ] {
        let mut other = state.clone();
        other["running"][field] = "other".into();
        if field == "boot" {
            other["running"]["host"] = "elsewhere".into();
        }
        fs::write(target.path("state.json"), format!("{other}\n")).unwrap();
        let refused = target.run(&call(8, "echo 8 >>log"));
        assert_eq!(refused.status.code(), Some(77), "{field}");
        assert!(stderr(&refused).contains(why), "{}", stderr(&refused));
    }
    // Restarted since: all is dead. (Here it lives, and its keeper finds its record gone.)
    let mut restarted = state.clone();
    restarted["running"]["boot"] = "earlier".into();
    fs::write(target.path("state.json"), format!("{restarted}\n")).unwrap();
    assert_eq!(target.run(&call(8, "echo 8 >>log")).status.code(), Some(0));
    let keeper = i32::try_from(state["running"]["keeper"].as_i64().unwrap()).unwrap();
    kill(guard.id().cast_signed(), Signal::SIGTERM);
    assert_eq!(end(guard), Some(77));
    until("end of the keeper", || (!acts(keeper)).then_some(()));
}

/// A process without session, mark or parent of the command's, which acts for ever.
const HIDDEN: &str = "(env -i setsid sh -c 'echo $$ >away; while :; do echo 7 >>log; sleep 0.01; done' &) ; while [ ! -s away ]; do :; done; echo 7 start >>log; while :; do sleep 1; done";

#[test]
fn what_left_session_and_environment_is_found_below_its_keeper() {
    let target = Target::new();
    let mut guard = target.start(&call(7, HIDDEN));
    target.await_line("7 start");
    let away = pid_in(&target, "away");
    let keeper = i32::try_from(target.state()["running"]["keeper"].as_i64().unwrap()).unwrap();
    // So that the keeper does not end it by itself.
    kill(keeper, Signal::SIGSTOP);
    guard.kill().unwrap();
    guard.wait().unwrap();
    let newer = target.run(&call(8, "echo 8 >>log; sleep 0.2; echo 8 >>log"));
    assert_eq!(newer.status.code(), Some(0), "{}", stderr(&newer));
    assert!(!acts(away) && !acts(keeper));
    assert_eq!(overlaps(&target.log()), [""; 0]);
}

#[test]
fn what_left_session_and_environment_is_found_below_its_guard_when_the_keeper_was_killed() {
    let target = Target::new();
    let guard = target.start(&call(7, HIDDEN));
    target.await_line("7 start");
    let away = pid_in(&target, "away");
    let keeper = i32::try_from(target.state()["running"]["keeper"].as_i64().unwrap()).unwrap();
    // So that the guard does not end it by itself.
    kill(guard.id().cast_signed(), Signal::SIGSTOP);
    kill(keeper, Signal::SIGKILL);
    until("end of the keeper", || (!acts(keeper)).then_some(()));
    assert!(acts(away));
    let newer = target.run(&call(8, "echo 8 >>log; sleep 0.2; echo 8 >>log"));
    assert_eq!(newer.status.code(), Some(0), "{}", stderr(&newer));
    assert!(!acts(away));
    assert_eq!(overlaps(&target.log()), [""; 0]);
    // It was stopped for the look, and goes on to tell its caller.
    assert_eq!(end(guard), Some(77));
}
