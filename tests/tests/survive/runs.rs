//! Several runs of one lock: which waits, which is passed over.

use baton_tests::{Run, Scene, judge};
use ledger::{Event, Outcome};

use crate::{SOON, TAKEOVER};

const QUICK: &str = "write deploy 0.2";

#[test]
fn an_older_run_that_comes_after_a_newer_one_is_superseded() {
    let (scene, older, newer) = (Scene::new(), Run::number(1), Run::number(2));
    scene.candidate(&newer, 1, QUICK).finish(SOON).expect(0);
    let ended = scene.candidate(&older, 1, QUICK).finish(SOON).expect(0);
    assert_eq!(
        (ended.output("outcome"), ended.output("proceed")),
        ("superseded".to_owned(), "false".to_owned())
    );
    assert!(
        ended.log().contains("::warning"),
        "it is said loudly: {}",
        ended.log()
    );
    let verdict = scene.verdict(&older).finish(SOON).expect(0);
    assert_eq!(verdict.output("outcome"), "superseded");
    assert_eq!(scene.target().starts("deploy").len(), 1);
    judge::assert_sound(&scene, &[&older.deployment(), &newer.deployment()]);
}

#[test]
fn an_older_run_deploys_where_it_is_allowed_to() {
    let (scene, older, newer) = (Scene::new(), Run::number(1), Run::number(2));
    scene.candidate(&newer, 1, QUICK).finish(SOON).expect(0);
    let allowed = scene
        .candidate(&older, 1, QUICK)
        .input("allow-older", true)
        .finish(SOON)
        .expect(0);
    assert_eq!(allowed.output("proceed"), "true");
    let asked = Run::number(0);
    let by_hand = scene
        .candidate(&asked, 1, QUICK)
        .variable("GITHUB_EVENT_NAME", "workflow_dispatch");
    assert_eq!(by_hand.finish(SOON).expect(0).output("proceed"), "true");
    assert_eq!(scene.target().starts("deploy").len(), 3);
}

#[test]
fn a_lower_number_of_another_workflow_is_not_superseded() {
    let (scene, newer) = (Scene::new(), Run::number(2));
    let other = Run::number(1).of_workflow("hotfix");
    scene.candidate(&newer, 1, QUICK).finish(SOON).expect(0);
    let ended = scene.candidate(&other, 1, QUICK).finish(SOON).expect(0);
    assert_eq!(ended.output("proceed"), "true");
    assert_eq!(scene.target().starts("deploy").len(), 2);
    judge::assert_sound(&scene, &[&newer.deployment(), &other.deployment()]);
}

#[test]
fn of_two_that_wait_the_lower_number_never_runs_after_the_higher() {
    let scene = Scene::new();
    let [first, second, third] = [1, 2, 3].map(Run::number);
    let mut holder = scene
        .candidate(&first, 1, "write deploy release")
        .input("candidates", 1)
        .start();
    scene.target().await_start(1, "deploy", SOON);
    let mut waiting = [&third, &second].map(|run| {
        scene
            .candidate(run, 1, QUICK)
            .input("candidates", 1)
            .start()
    });
    for leg in &waiting {
        leg.says("waits behind", SOON);
    }
    scene.release();
    holder.wait(SOON).expect(0);
    for leg in &mut waiting {
        leg.wait(TAKEOVER).expect(0);
    }
    let ran: Vec<u64> = scene
        .audit()
        .entries()
        .iter()
        .filter(|e| matches!(e.event, Event::AttemptStarted { .. }))
        .map(|e| e.deployment.run_number)
        .collect();
    assert!(ran.is_sorted(), "{ran:?}");
    let queued = scene
        .audit()
        .entries()
        .iter()
        .filter(|e| matches!(e.event, Event::Queued { .. }))
        .count();
    assert!(queued >= 2, "{:?}", scene.audit().subjects());
    judge::assert_sound(
        &scene,
        &[
            &first.deployment(),
            &second.deployment(),
            &third.deployment(),
        ],
    );
}

#[test]
fn the_second_leg_of_an_old_run_finds_its_work_done_after_a_newer_run_and_after_a_roll_back() {
    let (scene, old, new) = (Scene::new(), Run::number(1), Run::number(2));
    scene.candidate(&old, 1, QUICK).finish(SOON).expect(0);
    scene.candidate(&new, 1, QUICK).finish(SOON).expect(0);
    let late = scene.candidate(&old, 2, QUICK).finish(SOON).expect(0);
    assert_eq!(
        (late.output("outcome"), late.output("proceed")),
        ("succeeded".to_owned(), "false".to_owned())
    );
    let rolled_back = old.clone().attempt(2);
    scene
        .candidate(&rolled_back, 1, QUICK)
        .finish(SOON)
        .expect(0);
    let late = scene.candidate(&new, 2, QUICK).finish(SOON).expect(0);
    assert_eq!(late.output("proceed"), "false");
    assert_eq!(scene.target().starts("deploy").len(), 3);
    judge::assert_sound(
        &scene,
        &[
            &old.deployment(),
            &new.deployment(),
            &rolled_back.deployment(),
        ],
    );
}

#[test]
fn a_lock_that_is_not_free_in_time_ends_with_75() {
    let (scene, first, second) = (Scene::new(), Run::number(1), Run::number(2));
    let mut holder = scene
        .candidate(&first, 1, "write deploy release")
        .input("candidates", 1)
        .start();
    scene.target().await_start(1, "deploy", SOON);
    let ended = scene
        .candidate(&second, 1, QUICK)
        .input("candidates", 1)
        .input("queue-timeout", "2s")
        .finish(SOON)
        .expect(75);
    assert_eq!(ended.output("outcome"), "never_claimed");
    assert!(matches!(
        scene.audit().ends(&second.deployment()).as_slice(),
        [(Outcome::NeverClaimed, ..)]
    ));
    scene.verdict(&second).finish(SOON).expect(75);
    scene.release();
    holder.wait(SOON).expect(0);
    judge::assert_sound(&scene, &[&first.deployment(), &second.deployment()]);
}

#[test]
fn a_run_whose_legs_never_come_is_judged_after_the_pickup_timeout() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let ended = scene
        .verdict(&run)
        .input("pickup-timeout", "1s")
        .finish(SOON)
        .expect(75);
    assert_eq!(ended.output("outcome"), "never_claimed");
    // A leg that comes later finds it finished.
    let late = scene.candidate(&run, 1, QUICK).finish(SOON).expect(75);
    assert_eq!(late.output("proceed"), "false");
    assert_eq!(scene.target().lines(), []);
    judge::assert_sound(&scene, &[&run.deployment()]);
}
