//! What people ask for: holding instead of running again, unlocking, moving a deployment by hand.

use baton_tests::{Run, Scene, judge, patience};
use lease::Phase;
use ledger::{FailureReason, Outcome, TakeoverReason};

use crate::{SOON, TAKEOVER};

#[test]
fn a_lost_primary_under_hold_is_not_followed_until_a_person_unlocks() {
    let (scene, run, later) = (Scene::new(), Run::number(1), Run::number(2));
    let leg = |n| {
        scene
            .candidate(&run, n, "write deploy forever")
            .input("on-primary-lost", "hold")
            .start()
    };
    let (primary, mut standby) = (leg(1), leg(2));
    let mut verdict = scene.verdict(&run).start();
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    let mut waiting = scene.candidate(&later, 1, "write deploy 0.2").start();
    waiting.says("waits behind", SOON);
    primary.lose();
    let held = standby.wait(TAKEOVER).expect(3);
    assert_eq!(
        (held.output("outcome"), held.output("proceed")),
        ("held".to_owned(), "false".to_owned())
    );
    assert_eq!(verdict.wait(SOON).expect(3).output("outcome"), "held");
    assert_eq!(
        waiting.wait(SOON).expect(3).output("outcome"),
        "held",
        "a waiting leg does not wait for a person"
    );
    assert_eq!(scene.target().starts("deploy").len(), 1);
    assert_eq!(scene.audit().record().unwrap().phase, Phase::Held);

    let unlocked = scene
        .person("unlock")
        .input("reason", "checked by hand")
        .finish(SOON)
        .expect(0);
    assert_eq!(unlocked.output("deployment-id"), run.deployment());
    let ends = scene.audit().ends(&run.deployment());
    assert!(
        matches!(ends.as_slice(), [(Outcome::Failed, Some(FailureReason::Held), detail)] if detail.contains("checked by hand")),
        "{ends:?}"
    );
    let next = Run::number(3);
    scene
        .candidate(&next, 1, "write deploy 0.2")
        .finish(SOON)
        .expect(0);
    assert_eq!(scene.target().starts("deploy").len(), 2);
    judge::assert_sound(&scene, &[&run.deployment(), &next.deployment()]);
}

#[test]
fn a_failing_command_under_hold_still_goes_to_the_standby() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let script = "write deploy 0.2; ((BATON_FENCING_TOKEN == 2))";
    let mut legs = [1, 2].map(|n| {
        scene
            .candidate(&run, n, script)
            .input("on-primary-lost", "hold")
            .start()
    });
    legs[0].wait(TAKEOVER).expect(1);
    legs[1].wait(TAKEOVER).expect(0);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_transfer_stops_the_command_before_the_other_candidate_runs_it() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut primary = scene
        .candidate(&run, 1, "trap '' TERM; write deploy forever")
        .input("grace", "300ms")
        .start();
    let mut standby = scene.candidate(&run, 2, "write deploy 0.3").start();
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    scene
        .person("transfer")
        .input("reason", "runner-a goes into repair")
        .finish(SOON)
        .expect(0);
    primary.wait(TAKEOVER).expect(1);
    let ended = standby.wait(TAKEOVER).expect(0);
    assert_eq!(ended.output("failover-reason"), "manual");
    assert_eq!(scene.audit().takeovers(), [TakeoverReason::Manual]);
    assert!(
        scene
            .audit()
            .subjects()
            .iter()
            .any(|s| s.contains("runner-a goes into repair"))
    );
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_transfer_that_nobody_can_take_is_refused_and_changes_nothing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut leg = scene
        .candidate(&run, 1, "write deploy release")
        .input("candidates", 1)
        .start();
    scene.target().await_start(1, "deploy", SOON);
    let refused = scene
        .person("transfer")
        .input("reason", "why not")
        .finish(SOON)
        .expect(1);
    assert!(
        refused.log().contains("no candidate is left"),
        "{}",
        refused.log()
    );
    scene.release();
    leg.wait(SOON).expect(0);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn unlocking_what_is_not_held_is_refused() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let nothing = scene
        .person("unlock")
        .input("reason", "x")
        .finish(SOON)
        .expect(1);
    assert!(
        nothing.log().contains("nothing was ever deployed"),
        "{}",
        nothing.log()
    );
    scene
        .candidate(&run, 1, "write deploy 0.1")
        .finish(SOON)
        .expect(0);
    let before = scene.audit().commit("lease");
    let refused = scene
        .person("unlock")
        .on("second")
        .input("reason", "x")
        .finish(SOON)
        .expect(1);
    assert!(refused.log().contains("not held"), "{}", refused.log());
    assert_eq!(scene.audit().commit("lease"), before);
}

#[test]
fn a_person_who_names_another_deployment_is_refused() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut primary = scene.candidate(&run, 1, "write deploy release").start();
    let mut standby = scene.candidate(&run, 2, "write deploy 0.3").start();
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    let refused = scene
        .person("transfer")
        .input("reason", "x")
        .input("deployment-id", "octo/shop/1/1")
        .finish(SOON)
        .expect(1);
    assert!(
        refused.log().contains("not with octo/shop/1/1"),
        "{}",
        refused.log()
    );
    scene.release();
    primary.wait(SOON).expect(0);
    standby.wait(SOON).expect(0);
    patience::until(SOON, "one deployment", || {
        (scene.target().starts("deploy").len() == 1).then_some(())
    });
}
