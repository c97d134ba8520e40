//! Processes of the primary that are killed, or stand still.

use std::time::Duration;

use baton_tests::{Process, Run, Scene, judge, patience, process, target};
use ledger::TakeoverReason;
use nix::sys::signal::Signal;

use crate::{SOON, TAKEOVER};

/// A primary that deploys for ever, and a standby that is ready.
fn deploying(scene: &Scene, run: &Run, script: &str) -> (Process, Process) {
    let primary = scene.candidate(run, 1, script).start();
    let standby = scene.candidate(run, 2, "write deploy 0.3").start();
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    (primary, standby)
}

/// The standby deploys, nothing overlaps, and the reason is this one.
fn taken_over(scene: &Scene, run: &Run, standby: &mut Process, reason: TakeoverReason) {
    let ended = standby.wait(TAKEOVER).expect(0);
    assert_eq!(ended.output("proceed"), "true");
    assert_eq!(ended.output("failover-reason"), reason.to_string());
    assert_eq!(ended.output("fencing-token"), "2");
    assert_eq!(scene.audit().takeovers(), [reason]);
    assert_eq!(scene.target().starts("deploy").len(), 2);
    judge::assert_sound(scene, &[&run.deployment()]);
}

/// Nothing of the primary's command is left, and it had gone before the standby's began.
fn dead_before_the_next(scene: &Scene) {
    let next = scene.target().await_start(2, "deploy", TAKEOVER);
    let last = scene.target().last(1).unwrap();
    assert!(last.at < next.at, "`{last}` is not before `{next}`");
}

#[test]
fn a_lost_runner_is_followed_by_the_standby() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let (mut primary, mut standby) = deploying(&scene, &run, "write deploy forever");
    primary.lose();
    primary.wait(SOON);
    taken_over(
        &scene,
        &run,
        &mut standby,
        TakeoverReason::PrimaryUnreachable,
    );
}

#[test]
fn a_killed_supervisors_command_is_dead_at_once_and_not_only_at_its_deadline() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let (mut primary, mut standby) = deploying(&scene, &run, "trap '' TERM; write deploy forever");
    let (audit, watchdog) = (scene.audit(), primary.watchdog());
    let claim = audit.commit("lease");
    patience::until(SOON, "a heartbeat", || {
        (audit.commit("lease") != claim).then_some(())
    });
    // The deadline of the claim is 2.4 s away, that of the heartbeat, where it has been heard of, 5.4 s.
    let killed = target::boottime();
    primary.signal(Signal::SIGKILL);
    primary.wait(SOON);
    patience::until(SOON, "the watchdog to kill the command", || {
        scene.writers().is_empty().then_some(())
    });
    let last = scene.target().last(1).unwrap();
    let lived = last.at.saturating_sub(killed);
    assert!(
        lived < Duration::from_millis(1800),
        "it lived for {lived:?}"
    );
    patience::until(SOON, "the watchdog to end", || {
        (!process::lives(watchdog)).then_some(())
    });
    taken_over(
        &scene,
        &run,
        &mut standby,
        TakeoverReason::PrimaryUnreachable,
    );
}

#[test]
fn a_stopped_supervisors_command_is_dead_before_the_standby_starts_and_the_continued_one_deploys_no_more()
 {
    let (scene, run) = (Scene::new(), Run::number(1));
    let (mut primary, mut standby) = deploying(&scene, &run, "trap '' TERM; write deploy forever");
    primary.signal(Signal::SIGSTOP);
    dead_before_the_next(&scene);
    primary.signal(Signal::SIGCONT);
    primary.wait(SOON).expect(1);
    taken_over(
        &scene,
        &run,
        &mut standby,
        TakeoverReason::PrimaryUnreachable,
    );
}

#[test]
fn a_killed_watchdog_ends_the_attempt_and_the_standby_goes_on() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let (mut primary, mut standby) = deploying(&scene, &run, "write deploy forever");
    process::send(primary.watchdog(), Signal::SIGKILL);
    primary.wait(TAKEOVER).expect(1);
    taken_over(&scene, &run, &mut standby, TakeoverReason::PrimaryExitCode);
}

#[test]
fn a_killed_watchdog_does_not_keep_the_supervisor_from_the_next_attempt() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let script = "if ((BATON_ATTEMPT == 1)); then write deploy forever; else write deploy 0.3; fi";
    let mut primary = scene
        .candidate(&run, 1, script)
        .input("attempts", 2)
        .start();
    scene.target().await_start(1, "deploy", SOON);
    process::send(primary.watchdog(), Signal::SIGKILL);
    let ended = primary.wait(TAKEOVER).expect(0);
    assert_eq!(ended.output("attempts"), "2");
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_stopped_watchdog_ends_the_attempt_and_the_standby_goes_on() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let (mut primary, mut standby) = deploying(&scene, &run, "write deploy forever");
    process::send(primary.watchdog(), Signal::SIGSTOP);
    dead_before_the_next(&scene);
    primary.wait(TAKEOVER).expect(1);
    taken_over(&scene, &run, &mut standby, TakeoverReason::PrimaryExitCode);
}

#[test]
fn a_killed_command_is_a_failure_and_the_standby_goes_on() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let (mut primary, mut standby) = deploying(&scene, &run, "write deploy forever");
    for pid in primary.tree() {
        process::send(pid, Signal::SIGKILL);
    }
    let ended = primary.wait(TAKEOVER).expect(1);
    assert!(ended.log().contains("SIGKILL"), "{}", ended.log());
    taken_over(&scene, &run, &mut standby, TakeoverReason::PrimaryExitCode);
}

#[test]
fn a_stopped_command_ends_with_its_timeout_and_the_standby_goes_on() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut primary = scene
        .candidate(&run, 1, "write deploy forever")
        .input("attempt-timeout", "3s")
        .input("grace", "500ms")
        .start();
    let mut standby = scene.candidate(&run, 2, "write deploy 0.3").start();
    scene.target().await_start(1, "deploy", SOON);
    for pid in primary.tree() {
        process::send(pid, Signal::SIGSTOP);
    }
    primary.wait(TAKEOVER).expect(1);
    taken_over(&scene, &run, &mut standby, TakeoverReason::PrimaryTimeout);
}

/// Promise 2 says no more: while its watchdog stands still, a tree is only as dead as it stands still itself. What it
/// does after SIGCONT until the watchdog has looked at the clock is for a fenced target to refuse.
#[test]
fn a_primary_that_stood_still_whole_is_killed_as_soon_as_it_goes_on() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let (mut primary, mut standby) = deploying(&scene, &run, "trap '' TERM; write deploy forever");
    let all: Vec<u32> = process::descendants(primary.pid())
        .into_iter()
        .chain([primary.pid()])
        .collect();
    for pid in &all {
        process::send(*pid, Signal::SIGSTOP);
    }
    let ended = standby.wait(TAKEOVER).expect(0);
    assert_eq!(ended.output("proceed"), "true");
    for pid in &all {
        process::send(*pid, Signal::SIGCONT);
    }
    primary.wait(SOON).expect(1);
    patience::until(SOON, "the old command to be dead", || {
        scene.writers().is_empty().then_some(())
    });
    assert_eq!(scene.target().starts("deploy").len(), 2);
    assert_eq!(scene.audit().ends(&run.deployment()).len(), 1);
}
