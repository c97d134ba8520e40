//! Who else is there: another deployment, the other leg of this one, a lock that is held.

use baton_tests::{Run, Scene, judge};

use crate::{QUICK, SOON, TAKEOVER, reported, told};

const ACTIVE: &str = "concurrency.active";

#[test]
fn behind_another_deployment_one_is_warned_and_queues_and_fails_only_where_it_is_to() {
    let (scene, first, second, third) =
        (Scene::new(), Run::number(1), Run::number(2), Run::number(3));
    let mut holder = scene
        .candidate(&first, 1, "write deploy release")
        .input("candidates", 1)
        .start();
    scene.target().await_start(1, "deploy", SOON);

    let refused = scene
        .preflight(&third, 1, ACTIVE)
        .input("on-active", "fail")
        .finish(SOON)
        .expect(5);
    assert_eq!(told(&refused), ("fail".to_owned(), ACTIVE.to_owned()));
    assert!(
        refused.log().contains(&first.deployment()),
        "{}",
        refused.log()
    );
    let warned = scene.preflight(&second, 1, ACTIVE).finish(SOON).expect(0);
    assert_eq!(told(&warned), ("warn".to_owned(), String::new()));
    assert_eq!(reported(&warned, ACTIVE)["status"], "warn");
    let mut queued = scene.candidate(&second, 1, QUICK).start();
    queued.says("waits behind", SOON);
    scene.release();
    for leg in [&mut holder, &mut queued] {
        assert_eq!(leg.wait(SOON).expect(0).output("outcome"), "succeeded");
    }
    judge::assert_sound(&scene, &[&first.deployment(), &second.deployment()]);
}

#[test]
fn the_other_leg_of_the_same_deployment_is_not_another_deployment() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut holder = scene.candidate(&run, 1, "write deploy release").start();
    scene.target().await_start(1, "deploy", SOON);
    let before = scene.audit().record().unwrap();
    let other = scene
        .preflight(&run, 2, ACTIVE)
        .input("on-active", "fail")
        .finish(SOON)
        .expect(0);
    assert_eq!(told(&other), ("pass".to_owned(), String::new()));
    let after = scene.audit().record().unwrap();
    assert_eq!(
        (before.token, before.phase, &before.holder),
        (after.token, after.phase, &after.holder)
    );
    scene.release();
    holder.wait(SOON).expect(0);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_held_lock_fails_always_and_the_mend_is_to_unlock_it() {
    let (scene, held, later) = (Scene::new(), Run::number(1), Run::number(2));
    let leg = |number| {
        scene
            .candidate(&held, number, "write deploy forever")
            .input("on-primary-lost", "hold")
            .start()
    };
    let (primary, mut standby) = (leg(1), leg(2));
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    primary.lose();
    standby.wait(TAKEOVER).expect(3);
    let ended = scene
        .preflight(&later, 1, ACTIVE)
        .input("on-active", "warn")
        .finish(SOON)
        .expect(5);
    let found = reported(&ended, ACTIVE);
    assert_eq!(found["status"], "fail");
    assert!(
        found["mend"].as_str().unwrap().contains("mode: unlock"),
        "{found:#}"
    );
    assert!(
        ended.summary().contains("mode: unlock"),
        "{}",
        ended.summary()
    );
}
