//! A run that is cancelled, and a runner that is shut down: the same signals, to all legs or to one.

use std::{
    thread,
    time::{Duration, Instant},
};

use baton_tests::{Ended, Process, Run, Scene, judge, patience, process};
use lease::Phase;
use ledger::{Event, Outcome, TakeoverReason};
use nix::sys::signal::Signal;

use crate::{SOON, TAKEOVER};

/// GitHub's cancel: SIGINT, SIGTERM 7.5 s later, SIGKILL 2.5 s later, to the step alone. Stops where the step has ended.
fn cancel(leg: &mut Process) -> Ended {
    leg.signal(Signal::SIGINT);
    for (signal, after) in [(Signal::SIGTERM, 7.5), (Signal::SIGKILL, 2.5)] {
        let until = Instant::now() + Duration::from_secs_f64(after);
        let over = patience::within_reach(Duration::from_secs(60), || {
            (!leg.runs() || Instant::now() >= until).then_some(())
        });
        assert!(over.is_some());
        if !leg.runs() {
            break;
        }
        leg.signal(signal);
    }
    leg.wait(SOON)
}

#[test]
fn a_cancelled_run_ends_cancelled_within_seven_seconds_and_nobody_deploys_again() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let script = "trap '' INT TERM; write deploy forever";
    let mut legs = [1, 2].map(|n| scene.candidate(&run, n, script).start());
    let mut verdict = scene.verdict(&run).start();
    scene.target().await_start(1, "deploy", SOON);
    legs[1].says("is ready", SOON);
    // The legs are told one after the other: the standby must not take what is about to be stopped for itself too.
    let [primary, standby] = &mut legs;
    let ended = thread::scope(|scope| {
        let timed = |leg| {
            let told = Instant::now();
            (cancel(leg), told.elapsed())
        };
        let first = scope.spawn(move || timed(primary));
        scene.audit().await_phase(Phase::Stopping, 1, SOON);
        let it_has_looked = Duration::from_secs(1);
        patience::within_reach(it_has_looked, || None::<()>);
        let second = scope.spawn(move || timed(standby));
        [first, second].map(|leg| leg.join().unwrap())
    });
    for (leg, took) in ended {
        let leg = leg.expect(130);
        assert_eq!(leg.output("proceed"), "false");
        assert!(took < Duration::from_secs(7), "{took:?}");
    }
    assert_eq!(scene.writers(), [0; 0]);
    let ended = verdict.wait(TAKEOVER).expect(130);
    assert_eq!(ended.output("outcome"), "cancelled");
    assert!(matches!(
        scene.audit().ends(&run.deployment()).as_slice(),
        [(Outcome::Cancelled, ..)]
    ));
    assert_eq!(scene.target().starts("deploy").len(), 1);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn the_signals_of_a_shut_down_runner_end_in_a_takeover() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut primary = scene
        .candidate(&run, 1, "trap '' INT TERM; write deploy forever")
        .start();
    let mut standby = scene.candidate(&run, 2, "write deploy 0.3").start();
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    cancel(&mut primary).expect(130);
    assert_eq!(scene.writers(), [0; 0]);
    let ended = standby.wait(TAKEOVER).expect(0);
    assert_eq!(ended.output("failover-reason"), "primary_stopped");
    assert_eq!(scene.audit().takeovers(), [TakeoverReason::PrimaryStopped]);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_cancel_that_kills_the_whole_group_of_the_step_leaves_no_command_behind() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let primary = scene
        .candidate(&run, 1, "trap '' INT TERM; write deploy forever")
        .start();
    scene.target().await_start(1, "deploy", SOON);
    // A process id below zero is a group.
    let group = primary.pid().cast_signed().wrapping_neg();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(group), Signal::SIGKILL).unwrap();
    patience::until(SOON, "the command to be dead", || {
        scene.writers().is_empty().then_some(())
    });
}

#[test]
fn a_run_cancelled_while_it_waits_for_another_never_deploys() {
    let (scene, first, second) = (Scene::new(), Run::number(1), Run::number(2));
    let mut holder = scene
        .candidate(&first, 1, "write deploy release")
        .input("candidates", 1)
        .start();
    scene.target().await_start(1, "deploy", SOON);
    let mut waiting = [1, 2].map(|n| scene.candidate(&second, n, "write deploy 0.3").start());
    for leg in &waiting {
        leg.says("waits behind", SOON);
    }
    for leg in &mut waiting {
        leg.signal(Signal::SIGTERM);
    }
    for leg in &mut waiting {
        leg.wait(SOON).expect(143);
    }
    let verdict = scene.verdict(&second).finish(TAKEOVER).expect(130);
    assert_eq!(verdict.output("outcome"), "cancelled");
    scene.release();
    holder.wait(SOON).expect(0);
    assert_eq!(scene.target().starts("deploy").len(), 1);
    judge::assert_sound(&scene, &[&first.deployment(), &second.deployment()]);
}

#[test]
fn a_second_signal_leaves_the_command_no_grace() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut leg = scene
        .candidate(&run, 1, "trap '' INT TERM; write deploy forever")
        .input("grace", "1m")
        .start();
    scene.target().await_start(1, "deploy", SOON);
    leg.signal(Signal::SIGINT);
    leg.says("told to stop by SIGINT", SOON);
    leg.signal(Signal::SIGTERM);
    leg.wait(SOON).expect(143);
    assert_eq!(scene.writers(), [0; 0]);
    let signalled = scene
        .audit()
        .entries()
        .iter()
        .any(|e| matches!(e.event, Event::Signalled { .. }));
    assert!(signalled, "{:?}", scene.audit().subjects());
}

#[test]
fn a_verdict_that_is_told_to_stop_says_so_and_changes_nothing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut leg = scene
        .candidate(&run, 1, "write deploy release")
        .input("candidates", 1)
        .start();
    scene.target().await_start(1, "deploy", SOON);
    let mut verdict = scene.verdict(&run).start();
    verdict.says("judging", SOON);
    process::send(verdict.pid(), Signal::SIGTERM);
    verdict.wait(SOON).expect(143);
    scene.release();
    leg.wait(SOON).expect(0);
    judge::assert_sound(&scene, &[&run.deployment()]);
}
