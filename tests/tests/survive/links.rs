//! A store that does not answer, answers late, or has applied what it did not answer.

use std::time::{Duration, Instant};

use baton_tests::{Process, Run, Scene, judge, patience, scene};
use lease::testing::http_git::{Mode, Server};
use ledger::TakeoverReason;

use crate::{SOON, TAKEOVER};

/// The time of an outage that must cost nothing, of the default deadline of 18 s.
const SURVIVED: Duration = Duration::from_secs(5);

/// Keeps the link in this mode for a time.
fn hold(link: &Server, mode: Mode, lasts: Duration) {
    link.set(mode);
    let until = Instant::now() + lasts;
    patience::until(lasts + SOON, "the end of an outage", || {
        (Instant::now() >= until).then_some(())
    });
    link.set(Mode::Serve);
}

/// Waits until the holder has renewed its lease once more.
fn heartbeat(scene: &Scene) {
    let audit = scene.audit();
    let before = audit.commit("lease");
    patience::until(SOON, "a heartbeat", || {
        (audit.commit("lease") != before).then_some(())
    });
}

/// A primary behind a link of its own, and a standby at the disk; the primary deploys.
fn linked(scene: &Scene, run: &Run, link: &Server, script: &str) -> (Process, Process) {
    let primary = scene.candidate(run, 1, script).over(link).start();
    let standby = scene.candidate(run, 2, "write deploy 0.3").start();
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    (primary, standby)
}

fn the_first_alone_deployed(
    scene: &Scene,
    run: &Run,
    primary: &mut Process,
    standby: &mut Process,
) {
    let ended = primary.wait(TAKEOVER).expect(0);
    assert_eq!(ended.output("proceed"), "true");
    standby.wait(TAKEOVER).expect(0);
    assert_eq!(scene.target().starts("deploy").len(), 1);
    judge::assert_sound(scene, &[&run.deployment()]);
}

#[test]
fn five_seconds_without_an_answer_around_a_heartbeat_cost_nothing_at_default_timing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    let step = |n, script| scene.candidate(&run, n, script).default_of(&["lease-time"]);
    let mut primary = step(1, "write deploy 17").over(&link).start();
    let mut standby = step(2, "write deploy 0.3").start();
    let claimed = scene.target().await_start(1, "deploy", SOON);
    // From 8 s to 13 s after the claim: the heartbeat of the tenth second falls into it.
    patience::until(SOON, "the eighth second", || {
        let last = scene.target().last(1)?;
        (last.at >= claimed.at + Duration::from_secs(8)).then_some(())
    });
    hold(&link, Mode::Silent, SURVIVED);
    the_first_alone_deployed(&scene, &run, &mut primary, &mut standby);
}

#[test]
fn a_short_outage_at_any_point_of_the_cycle_costs_nothing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    // Half of the default timing, so half of five seconds; and beginning later in every cycle.
    let step = |n, script| scene.candidate(&run, n, script).input("lease-time", "11s");
    let mut primary = step(1, "write deploy 17").over(&link).start();
    let mut standby = step(2, "write deploy 0.3").start();
    scene.target().await_start(1, "deploy", SOON);
    for (later, mode) in [
        (0, Mode::Silent),
        (1500, Mode::Refuse),
        (3000, Mode::Silent),
    ] {
        heartbeat(&scene);
        hold(&link, Mode::Serve, Duration::from_millis(later));
        hold(&link, mode, SURVIVED / 2);
    }
    the_first_alone_deployed(&scene, &run, &mut primary, &mut standby);
}

#[test]
fn a_primary_cut_off_for_longer_than_its_deadline_is_dead_before_the_standby_starts() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    let (mut primary, mut standby) =
        linked(&scene, &run, &link, "trap '' TERM; write deploy forever");
    link.set(Mode::Silent);
    let next = scene.target().await_start(2, "deploy", TAKEOVER);
    let last = scene.target().last(1).unwrap();
    assert!(last.at < next.at, "`{last}` is not before `{next}`");
    link.set(Mode::Serve);
    standby.wait(TAKEOVER).expect(0);
    let ended = primary.wait(SOON).expect(1);
    assert!(
        ended.log().contains("could not be renewed in time"),
        "{}",
        ended.log()
    );
    assert_eq!(ended.output("proceed"), "false");
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_store_away_from_everybody_ends_the_command_and_the_deployment_goes_on_when_it_is_back() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    let script =
        "if ((BATON_FENCING_TOKEN == 1)); then write deploy forever; else write deploy 0.3; fi";
    let mut primary = scene.candidate(&run, 1, script).over(&link).start();
    let mut standby = scene.candidate(&run, 2, script).over(&link).start();
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    link.set(Mode::Refuse);
    patience::until(TAKEOVER, "the command to be dead", || {
        scene.writers().is_empty().then_some(())
    });
    assert_eq!(scene.target().starts("deploy").len(), 1);
    link.set(Mode::Serve);
    standby.wait(TAKEOVER).expect(0);
    primary.wait(TAKEOVER);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn pushes_that_are_applied_and_never_answered_keep_the_lease() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    let (mut primary, mut standby) = linked(&scene, &run, &link, "write deploy 10");
    link.set(Mode::LoseAnswer);
    the_first_alone_deployed(&scene, &run, &mut primary, &mut standby);
    assert!(
        link.pushed() > 4,
        "{} pushes lost their answers",
        link.pushed()
    );
}

#[test]
fn a_success_whose_answer_is_lost_while_another_deployment_claims_is_still_a_success() {
    let (scene, first, second) = (Scene::new(), Run::number(1), Run::number(2));
    let link = scene.link();
    let mut holder = scene
        .candidate(&first, 1, "write deploy release")
        .over(&link)
        .input("candidates", 1)
        .start();
    scene.target().await_start(1, "deploy", SOON);
    let mut queued = scene
        .candidate(&second, 1, "write deploy 0.3")
        .input("candidates", 1)
        .start();
    queued.says("waits behind", SOON);
    // The last push is applied, and no read tells its writer so before the other has the lock.
    link.set(Mode::LoseAnswer);
    scene.release();
    scene.audit().await_entry(SOON, "the first success", |e| {
        e.deployment.id == first.deployment()
            && matches!(e.event, ledger::Event::DeploymentFinished { .. })
    });
    link.set(Mode::Silent);
    queued.wait(TAKEOVER).expect(0);
    link.set(Mode::Serve);
    let ended = holder.wait(SOON).expect(0);
    assert_eq!(ended.output("proceed"), "true", "{}", ended.log());
    assert_eq!(ended.output("outcome"), "succeeded");
    judge::assert_sound(&scene, &[&first.deployment(), &second.deployment()]);
}

#[test]
fn a_heartbeat_that_arrives_after_the_takeover_changes_nothing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    let (mut primary, mut standby) = linked(&scene, &run, &link, "write deploy forever");
    let pushed = link.pushed();
    link.set(Mode::HoldPush);
    scene.target().await_start(2, "deploy", TAKEOVER);
    assert!(link.held() > 0, "a heartbeat is held back");
    link.set(Mode::Serve);
    patience::until(SOON, "the late heartbeats", || {
        (link.held() == 0 && link.pushed() > pushed).then_some(())
    });
    standby.wait(TAKEOVER).expect(0);
    primary.wait(SOON);
    assert_eq!(
        scene.audit().takeovers(),
        [TakeoverReason::PrimaryUnreachable]
    );
    assert_eq!(scene.audit().record().unwrap().token, 2);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_standby_that_is_shown_an_old_state_takes_nothing_from_a_healthy_primary() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    let mut primary = scene.candidate(&run, 1, "write deploy 14").start();
    let mut standby = scene
        .candidate(&run, 2, "write deploy 0.3")
        .over(&link)
        .start();
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    // Files of git's that come and go can be in the way of a copy.
    patience::until(SOON, "a copy of the store", || link.freeze().ok());
    link.take_requests();
    link.set(Mode::Stale);
    // The lease looks silent to it: it tries to claim, and is refused.
    patience::until(SOON, "an attempt to claim", || {
        link.take_requests()
            .iter()
            .any(|r| r.contains("git-receive-pack"))
            .then_some(())
    });
    link.set(Mode::Serve);
    the_first_alone_deployed(&scene, &run, &mut primary, &mut standby);
    assert_eq!(scene.audit().takeovers(), []);
}

#[test]
fn a_slow_store_is_kept_up_with() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    link.set(Mode::Slow(Duration::from_millis(100)));
    let (mut primary, mut standby) = linked(&scene, &run, &link, "write deploy 8");
    the_first_alone_deployed(&scene, &run, &mut primary, &mut standby);
}

#[test]
fn a_store_that_is_never_there_ends_with_69() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    link.set(Mode::Refuse);
    let ended = scene
        .candidate(&run, 1, "write deploy 0.3")
        .over(&link)
        .input("queue-timeout", "2s")
        .finish(SOON)
        .expect(69);
    assert_eq!(ended.output("outcome"), "");
    assert_eq!(ended.output("proceed"), "false");
    assert!(!ended.log().contains(scene::TOKEN), "{}", ended.log());
    assert_eq!(scene.target().lines(), []);
}

#[test]
fn a_wrong_token_ends_with_69_and_is_shown_nowhere() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    let canary = "wrong-token-0b5e93";
    let ended = scene
        .candidate(&run, 1, "write deploy 0.3")
        .over(&link)
        .input("github-token", canary)
        .finish(SOON)
        .expect(69);
    for told in [ended.log(), ended.summary(), ended.output_file()] {
        // Telling the runner to mask it is what keeps it from every other log.
        let shown = told
            .lines()
            .any(|l| l.contains(canary) && !l.starts_with("::add-mask::"));
        assert!(!shown, "{told}");
    }
}
