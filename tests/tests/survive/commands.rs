//! Deploy commands that do not want to end, or that leave something behind.

use baton_tests::{Run, Scene, judge, patience};
use ledger::TakeoverReason;
use nix::sys::signal::Signal;

use crate::{SOON, TAKEOVER};

/// A shell that cannot be told to stop, and around it processes that left their parent, their session and their
/// environment.
const STUBBORN: &str = r#"
trap '' TERM INT HUP
(setsid "$WRITER" "$TARGET" "$BATON_FENCING_TOKEN" session forever &)
((env -i "$WRITER" "$TARGET" "$BATON_FENCING_TOKEN" bare forever &) &)
write background forever &
write deploy forever
"#;

/// Waits until all four of [`STUBBORN`] write.
fn all_write(scene: &Scene) {
    for what in ["session", "bare", "background", "deploy"] {
        scene.target().await_start(1, what, SOON);
    }
}

#[test]
fn nothing_of_a_stubborn_command_outlives_its_timeout() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut primary = scene
        .candidate(&run, 1, STUBBORN)
        .input("attempt-timeout", "3s")
        .input("grace", "300ms")
        .start();
    let mut standby = scene.candidate(&run, 2, "write deploy 0.3").start();
    all_write(&scene);
    primary.wait(TAKEOVER).expect(1);
    standby.wait(TAKEOVER).expect(0);
    assert_eq!(scene.audit().takeovers(), [TakeoverReason::PrimaryTimeout]);
    assert_eq!(scene.writers(), [0; 0]);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn nothing_of_a_stubborn_command_outlives_its_supervisor() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let primary = scene.candidate(&run, 1, STUBBORN).start();
    let mut standby = scene.candidate(&run, 2, "write deploy 0.3").start();
    all_write(&scene);
    standby.says("is ready", SOON);
    primary.signal(Signal::SIGKILL);
    patience::until(SOON, "everything to be dead", || {
        scene.writers().is_empty().then_some(())
    });
    standby.wait(TAKEOVER).expect(0);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn nothing_of_a_stubborn_command_outlives_a_cancel_of_seven_seconds() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut primary = scene.candidate(&run, 1, STUBBORN).start();
    all_write(&scene);
    let told = std::time::Instant::now();
    primary.signal(Signal::SIGINT);
    primary.wait(SOON).expect(130);
    let took = told.elapsed();
    assert!(
        took.as_secs_f64() < 7.0,
        "GitHub kills after 10 s and wants to be told before: {took:?}"
    );
    assert_eq!(scene.writers(), [0; 0]);
}

#[test]
fn a_writer_left_in_the_background_is_ended_before_the_deployment_counts_as_succeeded() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let script = "write background forever & until grep -q background \"$TARGET\"; do :; done; write deploy 0.3";
    let ended = scene.candidate(&run, 1, script).finish(TAKEOVER).expect(0);
    assert_eq!(scene.writers(), [0; 0]);
    assert!(ended.log().contains("processes behind"), "{}", ended.log());
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_command_that_dies_by_a_signal_has_failed() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let script = "write deploy 0.1; kill -KILL $$";
    let ended = scene
        .candidate(&run, 1, script)
        .input("candidates", 1)
        .finish(TAKEOVER)
        .expect(1);
    assert_eq!(ended.output("outcome"), "failed");
    assert!(ended.summary().contains("SIGKILL"), "{}", ended.summary());
    judge::assert_sound(&scene, &[&run.deployment()]);
}
