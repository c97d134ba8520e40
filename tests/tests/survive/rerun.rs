//! Runs that are run again: whole, in part, or `verdict` alone. GitHub's list of jobs tells them apart; without it the
//! ledger decides.

use baton_tests::{Run, Scene, Step, github::JobList, judge};

use crate::{SOON, TAKEOVER};

const QUICK: &str = "write deploy 0.2";

/// A step that can ask this list.
fn asking(step: Step, list: &JobList) -> Step {
    step.variable("GITHUB_API_URL", list.url())
        .input("github-token", "token-of-the-job")
}

/// A deployment that succeeded on its first attempt.
fn succeeded(scene: &Scene, run: &Run) {
    scene.candidate(run, 1, QUICK).finish(SOON).expect(0);
    scene.candidate(run, 2, QUICK).finish(SOON).expect(0);
    assert_eq!(scene.target().starts("deploy").len(), 1);
}

#[test]
fn a_whole_run_that_is_run_again_deploys_again() {
    let (scene, run) = (Scene::new(), Run::number(1));
    succeeded(&scene, &run);
    let again = run.clone().attempt(2);
    let list = JobList::start(&[
        ("deploy (1)", Some("runner-a"), true),
        ("deploy (2)", Some("runner-b"), true),
        ("verdict", Some("hosted"), true),
    ]);
    let mut standby = asking(scene.candidate(&again, 2, QUICK), &list).start();
    let ended = asking(scene.candidate(&again, 1, QUICK), &list)
        .finish(TAKEOVER)
        .expect(0);
    assert_eq!(ended.output("proceed"), "true", "{}", ended.log());
    standby.wait(TAKEOVER).expect(0);
    asking(scene.verdict(&again), &list).finish(SOON).expect(0);
    assert_eq!(scene.target().starts("deploy").len(), 2);
    judge::assert_sound(&scene, &[&run.deployment(), &again.deployment()]);
}

#[test]
fn a_failed_leg_that_is_run_again_alone_deploys_nothing_where_the_other_had_deployed() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut standby = scene.candidate(&run, 2, QUICK).start();
    standby.says("is ready", SOON);
    scene
        .candidate(&run, 1, "exit 1")
        .finish(TAKEOVER)
        .expect(1);
    standby.wait(TAKEOVER).expect(0);
    // Something newer was deployed since: the ledger alone would deploy now.
    let newer = Run::number(2);
    scene.candidate(&newer, 1, QUICK).finish(SOON).expect(0);
    let again = run.clone().attempt(2);
    let list = JobList::start(&[
        ("deploy (1)", Some("runner-a"), true),
        ("deploy (2)", Some("runner-b"), false),
    ]);
    let ended = asking(scene.candidate(&again, 1, QUICK), &list)
        .finish(SOON)
        .expect(0);
    assert_eq!(
        (ended.output("outcome"), ended.output("proceed")),
        ("succeeded".to_owned(), "false".to_owned())
    );
    assert!(
        ended.log().contains("nothing was deployed"),
        "{}",
        ended.log()
    );
    assert_eq!(scene.target().starts("deploy").len(), 2);
}

#[test]
fn a_failed_leg_that_is_run_again_alone_deploys_where_nobody_had() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut legs = [1, 2].map(|n| scene.candidate(&run, n, "exit 1").start());
    for leg in &mut legs {
        leg.wait(TAKEOVER).expect(1);
    }
    let again = run.clone().attempt(2);
    let list = JobList::start(&[
        ("deploy (1)", Some("runner-a"), true),
        ("deploy (2)", Some("runner-b"), false),
    ]);
    let ended = asking(scene.candidate(&again, 1, QUICK), &list)
        .finish(TAKEOVER)
        .expect(0);
    assert_eq!(ended.output("proceed"), "true", "{}", ended.log());
    assert_eq!(scene.target().starts("deploy").len(), 1);
}

#[test]
fn where_github_cannot_be_asked_a_re_run_of_what_was_deployed_last_deploys_nothing_and_says_so() {
    let (scene, run) = (Scene::new(), Run::number(1));
    succeeded(&scene, &run);
    let again = run.clone().attempt(2);
    let ended = scene.candidate(&again, 1, QUICK).finish(SOON).expect(0);
    assert_eq!(ended.output("proceed"), "false");
    assert!(
        ended.log().contains("the ledger decides") && ended.log().contains("nothing was deployed"),
        "{}",
        ended.log()
    );
    assert_eq!(scene.target().starts("deploy").len(), 1);
}

#[test]
fn where_github_cannot_be_asked_a_re_run_of_an_older_deployment_rolls_back() {
    let (scene, run, newer) = (Scene::new(), Run::number(1), Run::number(2));
    succeeded(&scene, &run);
    scene.candidate(&newer, 1, QUICK).finish(SOON).expect(0);
    let again = run.clone().attempt(2);
    let ended = scene.candidate(&again, 1, QUICK).finish(SOON).expect(0);
    assert_eq!(ended.output("proceed"), "true", "{}", ended.log());
    assert_eq!(scene.target().starts("deploy").len(), 3);
    judge::assert_sound(
        &scene,
        &[&run.deployment(), &newer.deployment(), &again.deployment()],
    );
}

#[test]
fn a_verdict_that_is_run_again_alone_gives_the_newest_recorded_outcome() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut legs = [1, 2].map(|n| scene.candidate(&run, n, "exit 1").start());
    for leg in &mut legs {
        leg.wait(TAKEOVER).expect(1);
    }
    let again = run.clone().attempt(2);
    let list = JobList::start(&[
        ("deploy (1)", Some("runner-a"), false),
        ("deploy (2)", Some("runner-b"), false),
        ("verdict", Some("hosted"), true),
    ]);
    let verdict = asking(scene.verdict(&again), &list).finish(SOON).expect(1);
    assert_eq!(verdict.output("outcome"), "failed");
    assert_eq!(verdict.output("deployment-id"), run.deployment());
}
