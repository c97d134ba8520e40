//! Without a deployment: wait until healthy, in any workflow and at a terminal.

use std::time::{Duration, Instant};

use baton_tests::{Run, Scene};
use nix::sys::signal::Signal;

use crate::{HEALTHY, SOON, UNTIL_HEALTHY, heal};

#[test]
fn it_waits_until_all_is_healthy() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut gates = scene.gates(&run, 1, UNTIL_HEALTHY).start();
    gates.says("asked again", SOON);
    heal(&scene);
    let healthy = Instant::now();
    let ended = gates.wait(SOON).expect(0);
    assert!(healthy.elapsed() < Duration::from_secs(5));
    assert_eq!(ended.output("result"), "pass");
    assert!(!scene.repository().exists(), "nobody asked for a ledger");
}

#[test]
fn a_signal_ends_it_with_the_results_so_far() {
    let (scene, run) = (Scene::new(), Run::number(1));
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let mut gates = scene.gates(&run, 1, UNTIL_HEALTHY).start();
        gates.says("asked again", SOON);
        gates.signal(signal);
        let ended = gates.wait(SOON).expect(code);
        assert_eq!(ended.output("result"), "stopped");
        assert!(
            ended.summary().contains("exit code 1"),
            "{}",
            ended.summary()
        );
    }
}

#[test]
fn a_step_that_has_nothing_to_judge_says_what_to_give_it() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let none = scene.gates(&run, 1, "").finish(SOON).expect(64);
    assert!(none.log().contains("api-url"), "{}", none.log());
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_line() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let yaml = "- name: a\n  htp: x\n- name: b\n  command: 'true'\n  timeot: 5m\n";
    let wrong = scene
        .gates(&run, 1, yaml)
        .input("timeout", "soon")
        .finish(SOON)
        .expect(64);
    for part in [
        "line 2",
        "line 5",
        "did you mean `http`?",
        "did you mean `timeout`?",
        "soon",
    ] {
        assert!(wrong.log().contains(part), "{part:?} in {}", wrong.log());
    }
}

#[test]
fn what_another_leg_left_in_a_shared_folder_is_not_taken_for_ones_own_and_said() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let deployed = scene
        .candidate(&run, 2, "write deploy 0.1")
        .input("await-gates", true)
        .input("primary-runner", "*")
        .finish(SOON)
        .expect(0);
    let temp = scene.folder().join("runner-b-of-4701-1/temp");
    let gates = scene
        .gates(&run, 1, HEALTHY)
        .variable("RUNNER_TEMP", temp.display());
    let gates = gates.finish(SOON).expect(0);
    assert!(gates.log().contains("not this leg"), "{}", gates.log());
    assert!(scene.audit().ends(&run.deployment()).is_empty());
    assert_eq!(deployed.output("proceed"), "true");
}
