//! The leg that judges is lost, stopped or cut off: the gates go over to the other one, and nothing is deployed again.

use std::time::Duration;

use baton_tests::{Run, Scene, judge, patience};
use lease::{Phase, testing::http_git::Mode};
use ledger::{Event, Outcome, TakeoverReason};
use nix::sys::signal::Signal;

use crate::{HEALTHY, SOON, TAKEOVER, UNTIL_HEALTHY, deployed, heal, standby};

#[test]
fn the_lease_is_renewed_while_the_gates_are_judged() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut other = standby(&scene, &run);
    deployed(&scene, &run);
    let mut gates = scene.gates(&run, 1, UNTIL_HEALTHY).start();
    gates.says("judges the gates", SOON);
    let first = scene.audit().record().unwrap();
    // More than two lease times: who is not heard of is followed within one.
    let until = std::time::Instant::now() + Duration::from_secs(14);
    patience::within_reach(SOON, || (std::time::Instant::now() >= until).then_some(()));
    let later = scene.audit().record().unwrap();
    assert_eq!((later.phase, later.token), (Phase::Deployed, first.token));
    assert_ne!(later.nonce, first.nonce);
    assert!(other.runs());
    heal(&scene);
    gates.wait(SOON).expect(0);
    other.wait(SOON).expect(0);
    assert_eq!(scene.target().starts("deploy").len(), 1);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_lost_judge_is_followed_and_the_standby_judges_without_deploying() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut verdict = scene.verdict(&run).start();
    let mut other = standby(&scene, &run);
    deployed(&scene, &run);
    let mut gates = scene.gates(&run, 1, UNTIL_HEALTHY).start();
    gates.says("judges the gates", SOON);
    gates.lose();
    gates.wait(SOON);
    let taken = other.wait(TAKEOVER).expect(0);
    assert_eq!(
        (taken.output("outcome"), taken.output("proceed")),
        ("deployed".to_owned(), "true".to_owned())
    );
    assert_eq!(taken.output("failover-reason"), "primary_unreachable");
    scene.gates(&run, 2, HEALTHY).finish(SOON).expect(0);
    assert_eq!(scene.target().starts("deploy").len(), 1);
    verdict.wait(SOON).expect(0);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_judge_that_is_told_to_stop_ends_clean_with_the_results_so_far() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut other = standby(&scene, &run);
    deployed(&scene, &run);
    let yaml = format!("{UNTIL_HEALTHY}- {{name: fine, command: 'true'}}\n");
    let mut gates = scene.gates(&run, 1, &yaml).start();
    gates.says("fine", SOON);
    gates.says("api", SOON);
    let told = std::time::Instant::now();
    gates.signal(Signal::SIGTERM);
    let stopped = gates.wait(SOON).expect(143);
    assert!(
        told.elapsed() < Duration::from_secs(7),
        "{:?}",
        told.elapsed()
    );
    assert_eq!(stopped.output("result"), "stopped");
    let summary = stopped.summary();
    assert!(
        summary.contains("fine") && summary.contains("api"),
        "{summary}"
    );
    let taken = other.wait(TAKEOVER).expect(0);
    assert_eq!(taken.output("failover-reason"), "primary_stopped");
    scene.gates(&run, 2, HEALTHY).finish(SOON).expect(0);
    let entries = scene.audit().entries();
    let reasons: Vec<_> = entries
        .iter()
        .filter_map(|e| match &e.event {
            Event::Failover { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [TakeoverReason::PrimaryStopped]);
    assert_eq!(scene.target().starts("deploy").len(), 1);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_run_that_is_cancelled_during_its_gates_ends_cancelled() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut verdict = scene.verdict(&run).start();
    let mut other = standby(&scene, &run);
    deployed(&scene, &run);
    let mut gates = scene.gates(&run, 1, UNTIL_HEALTHY).start();
    gates.says("judges the gates", SOON);
    other.signal(Signal::SIGINT);
    gates.signal(Signal::SIGINT);
    gates.wait(SOON).expect(130);
    other.wait(SOON).expect(130);
    verdict.wait(TAKEOVER).expect(130);
    let ends = scene.audit().ends(&run.deployment());
    assert!(
        matches!(ends.as_slice(), [(Outcome::Cancelled, ..)]),
        "{ends:?}"
    );
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn gates_that_an_outage_of_the_store_stopped_are_judged_anew() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    scene
        .candidate(&run, 1, "write deploy 0.1")
        .input("await-gates", true)
        .input("candidates", 1)
        .over(&link)
        .finish(SOON)
        .expect(0);
    let mut gates = scene.gates(&run, 1, UNTIL_HEALTHY).over(&link).start();
    gates.says("judges the gates", SOON);
    link.set(Mode::Silent);
    gates.says("stopping the gates", SOON);
    link.set(Mode::Serve);
    heal(&scene);
    gates.wait(TAKEOVER).expect(0);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_judge_that_was_cut_off_while_another_took_over_says_so() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    let mut other = standby(&scene, &run);
    scene
        .candidate(&run, 1, "write deploy 0.1")
        .input("await-gates", true)
        .over(&link)
        .finish(SOON)
        .expect(0);
    let mut gates = scene.gates(&run, 1, UNTIL_HEALTHY).over(&link).start();
    gates.says("judges the gates", SOON);
    link.set(Mode::Silent);
    other.wait(TAKEOVER).expect(0);
    link.set(Mode::Serve);
    let lost = gates.wait(TAKEOVER).expect(1);
    assert!(
        lost.summary().contains("candidate 2") && lost.summary().contains("What now"),
        "{}",
        lost.summary()
    );
    scene.gates(&run, 2, HEALTHY).finish(SOON).expect(0);
    judge::assert_sound(&scene, &[&run.deployment()]);
}
