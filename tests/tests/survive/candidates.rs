//! Candidates that come early, late, never, or in numbers; that fail, and that die without a word.

use baton_tests::{Run, Scene, judge};
use ledger::{Event, FailureReason, Outcome, TakeoverReason};

use crate::{SOON, TAKEOVER};

const ROLL_BACK: &str = "write on-failure 0.2";

#[test]
fn a_standby_that_starts_first_leaves_the_deployment_to_the_primary() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut standby = scene.candidate(&run, 2, "write deploy 0.3").start();
    standby.says("is ready", SOON);
    let ended = scene
        .candidate(&run, 1, "write deploy 0.3")
        .finish(SOON)
        .expect(0);
    assert_eq!(ended.output("runner"), "runner-a");
    let ended = standby.wait(SOON).expect(0);
    assert_eq!(
        (ended.output("proceed"), ended.output("runner")),
        ("false".to_owned(), "runner-a".to_owned())
    );
    assert_eq!(
        ended.summary().trim().lines().count(),
        1,
        "{}",
        ended.summary()
    );
    assert_eq!(scene.target().starts("deploy").len(), 1);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_primary_that_never_comes_is_replaced_after_its_grace() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let ended = scene
        .candidate(&run, 2, "write deploy 0.3")
        .input("primary-grace", "1s")
        .finish(TAKEOVER)
        .expect(0);
    assert_eq!(ended.output("failover-reason"), "primary_never_appeared");
    // And one that comes after all finds the work done.
    let late = scene
        .candidate(&run, 1, "write deploy 0.3")
        .finish(SOON)
        .expect(0);
    assert_eq!(
        (late.output("outcome"), late.output("proceed")),
        ("succeeded".to_owned(), "false".to_owned())
    );
    assert_eq!(scene.target().starts("deploy").len(), 1);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn the_standby_of_a_failed_primary_starts_within_a_poll_and_its_success_is_the_deployments() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut standby = scene
        .candidate(&run, 2, "write deploy 0.3")
        .input("on-failure", ROLL_BACK)
        .start();
    standby.says("is ready", SOON);
    let failed = scene
        .candidate(&run, 1, "write deploy 0.3; exit 7")
        .input("on-failure", ROLL_BACK)
        .finish(TAKEOVER)
        .expect(1);
    assert_eq!(
        (failed.output("outcome"), failed.output("proceed")),
        (String::new(), "false".to_owned())
    );
    assert!(
        failed.summary().contains("exit code 7"),
        "{}",
        failed.summary()
    );
    let ended = standby.wait(TAKEOVER).expect(0);
    assert_eq!(ended.output("failover-reason"), "primary_exit_code");
    assert_eq!(scene.target().starts("on-failure"), []);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn when_both_fail_the_deployment_fails_once_and_is_rolled_back_once() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let script = "write deploy 0.2; exit $((BATON_FENCING_TOKEN + 10))";
    let mut legs = [1, 2].map(|n| {
        scene
            .candidate(&run, n, script)
            .input("on-failure", ROLL_BACK)
            .start()
    });
    for leg in &mut legs {
        leg.wait(TAKEOVER).expect(1);
    }
    assert_eq!(scene.target().starts("deploy").len(), 2);
    let roll_backs = scene.target().starts("on-failure");
    assert_eq!(roll_backs.len(), 1);
    assert_eq!(
        roll_backs[0].token, 2,
        "it runs under the lease of the last"
    );
    let ends = scene.audit().ends(&run.deployment());
    assert!(
        matches!(ends.as_slice(), [(Outcome::Failed, Some(FailureReason::ExitCode), detail)] if detail.contains("exit code 12")),
        "{ends:?}"
    );
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn attempts_are_used_up_before_the_lease_is_handed_over() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut standby = scene.candidate(&run, 2, "write deploy 0.2").start();
    let mut primary = scene
        .candidate(&run, 1, "write deploy 0.2; exit 1")
        .input("attempts", 3)
        .start();
    primary.wait(TAKEOVER).expect(1);
    let ended = standby.wait(TAKEOVER).expect(0);
    assert_eq!(ended.output("attempts"), "4");
    let tokens: Vec<u64> = scene
        .target()
        .starts("deploy")
        .iter()
        .map(|l| l.token)
        .collect();
    assert_eq!(tokens, [1, 1, 1, 2]);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_failed_primary_whose_standby_has_died_silently_rolls_back_once_and_fails() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut primary = scene
        .candidate(&run, 1, "write deploy release; exit 5")
        .input("on-failure", ROLL_BACK)
        .start();
    let mut standby = scene.candidate(&run, 2, "write deploy 0.3").start();
    standby.says("is ready", SOON);
    standby.lose();
    standby.wait(SOON);
    scene.release();
    let ended = primary.wait(TAKEOVER).expect(1);
    assert_eq!(ended.output("outcome"), "failed");
    assert_eq!(scene.target().starts("deploy").len(), 1);
    let roll_backs: Vec<u64> = scene
        .target()
        .starts("on-failure")
        .iter()
        .map(|l| l.token)
        .collect();
    assert_eq!(
        roll_backs,
        [2],
        "the lease was taken back under a new token"
    );
    let ends = scene.audit().ends(&run.deployment());
    assert!(
        matches!(
            ends.as_slice(),
            [(Outcome::Failed, Some(FailureReason::ExitCode), _)]
        ),
        "{ends:?}"
    );
    judge::assert_sound(&scene, &[&run.deployment()]);
    // A standby that comes only now runs nothing any more.
    let late = scene
        .candidate(&run, 2, "write deploy 0.3")
        .on("runner-z")
        .finish(SOON)
        .expect(1);
    assert_eq!(late.output("outcome"), "failed");
    assert_eq!(scene.target().starts("deploy").len(), 1);
}

#[test]
fn on_failure_is_run_under_the_lease_and_a_standby_that_comes_meanwhile_deploys_nothing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut primary = scene
        .candidate(&run, 1, "write deploy 0.2; exit 5")
        .input("on-failure", "write on-failure 9")
        .start();
    scene.target().await_start(1, "on-failure", TAKEOVER);
    let late = scene
        .candidate(&run, 2, "write deploy 0.3")
        .finish(TAKEOVER)
        .expect(1);
    assert_eq!(late.output("outcome"), "failed");
    assert!(primary.runs(), "the late one does not wait for its chance");
    primary.wait(TAKEOVER).expect(1);
    assert_eq!(scene.target().starts("deploy").len(), 1);
    assert_eq!(scene.target().starts("on-failure").len(), 1);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_holder_that_dies_during_on_failure_is_not_followed_by_another_deployment_of_the_same_run() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let both_fail = "write deploy 0.2; exit 5";
    let mut primary = scene.candidate(&run, 1, both_fail).start();
    let mut standby = scene
        .candidate(&run, 2, both_fail)
        .input("on-failure", "write on-failure forever")
        .start();
    scene.target().await_start(1, "on-failure", TAKEOVER);
    standby.lose();
    standby.wait(SOON);
    primary.wait(TAKEOVER).expect(1);
    let verdict = scene.verdict(&run).finish(TAKEOVER).expect(1);
    assert_eq!(verdict.output("outcome"), "failed");
    assert_eq!(scene.target().starts("deploy").len(), 2);
    assert_eq!(scene.target().starts("on-failure").len(), 1);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn three_candidates_are_tried_one_after_the_other() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let script = "write deploy 0.2; ((BATON_FENCING_TOKEN == 3))";
    let mut legs = [1, 2, 3].map(|n| {
        scene
            .candidate(&run, n, script)
            .input("candidates", 3)
            .start()
    });
    let codes: Vec<Option<i32>> = legs.iter_mut().map(|leg| leg.wait(TAKEOVER).code).collect();
    assert_eq!(
        codes.iter().filter(|c| **c == Some(0)).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(codes[0], Some(1));
    let tokens: Vec<u64> = scene
        .target()
        .starts("deploy")
        .iter()
        .map(|l| l.token)
        .collect();
    assert_eq!(tokens, [1, 2, 3]);
    assert_eq!(
        scene.audit().takeovers(),
        [TakeoverReason::PrimaryExitCode; 2]
    );
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn three_candidates_survive_the_loss_of_two() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let script =
        "if ((BATON_FENCING_TOKEN == 3)); then write deploy 0.3; else write deploy forever; fi";
    let mut legs = [1, 2, 3].map(|n| {
        scene
            .candidate(&run, n, script)
            .input("candidates", 3)
            .start()
    });
    for count in [1, 2] {
        scene.target().await_start(count, "deploy", TAKEOVER);
        let holder = scene.audit().record().unwrap().holder.candidate as usize;
        for leg in &legs {
            leg.says("is ready", SOON);
        }
        legs[holder - 1].lose();
    }
    scene.target().await_start(3, "deploy", TAKEOVER);
    let holder = scene.audit().record().unwrap().holder.candidate as usize;
    legs[holder - 1].wait(TAKEOVER).expect(0);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn two_dead_hosts_do_not_keep_a_later_deployment_waiting_for_long() {
    let (scene, first, second) = (Scene::new(), Run::number(1), Run::number(2));
    let dying = [1, 2].map(|n| scene.candidate(&first, n, "write deploy forever").start());
    scene.target().await_start(1, "deploy", SOON);
    dying[1].says("is ready", SOON);
    let mut later = scene.candidate(&second, 1, "write deploy 0.3").start();
    later.says("waits behind", SOON);
    for leg in &dying {
        leg.lose();
    }
    // 3 x L and a claim, far from the 30 minutes of `queue-timeout`.
    let ended = later.wait(TAKEOVER).expect(0);
    assert_eq!(ended.output("outcome"), "succeeded");
    let ends = scene.audit().ends(&first.deployment());
    assert!(
        matches!(
            ends.as_slice(),
            [(Outcome::Failed, Some(FailureReason::Abandoned), _)]
        ),
        "{ends:?}"
    );
    judge::assert_sound(&scene, &[&first.deployment(), &second.deployment()]);
    // Who judges the first run learns the same.
    let verdict = scene.verdict(&first).finish(SOON).expect(1);
    assert!(
        verdict.summary().contains("abandoned"),
        "{}",
        verdict.summary()
    );
}

#[test]
fn a_second_leg_with_the_same_number_is_told_so_and_deploys_nothing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut first = scene.candidate(&run, 1, "write deploy release").start();
    scene.target().await_start(1, "deploy", SOON);
    let ended = scene
        .candidate(&run, 1, "write deploy 0.3")
        .on("runner-z")
        .finish(SOON)
        .expect(64);
    assert!(ended.log().contains("candidate"), "{}", ended.log());
    scene.release();
    first.wait(SOON).expect(0);
    assert_eq!(scene.target().starts("deploy").len(), 1);
    let announced = scene
        .audit()
        .entries()
        .iter()
        .filter(|e| matches!(e.event, Event::Announced { .. }))
        .count();
    assert_eq!(announced, 1);
    judge::assert_sound(&scene, &[&run.deployment()]);
}
