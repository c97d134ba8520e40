//! Whom nobody needs to wake.

use baton_tests::{Run, Scene};
use nix::sys::signal::Signal;

use crate::{SOON, TAKEOVER, Ways, in_the_ledger, succeeds};

#[test]
fn nobody_is_woken_by_a_success() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    succeeds(&scene, &run);
    let ended = ways.of(scene.verdict(&run)).finish(SOON).expect(0);
    assert_eq!(ended.output("outcome"), "succeeded");
    ways.assert_told(0, 0, 0);
    assert_eq!(in_the_ledger(&scene), [0, 0, 0]);
}

#[test]
fn nobody_is_woken_by_a_takeover_that_succeeds() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    let script = "write deploy 0.1; ((BATON_FENCING_TOKEN == 2))";
    let mut legs = [1, 2].map(|n| scene.candidate(&run, n, script).start());
    legs[0].wait(TAKEOVER).expect(1);
    legs[1].wait(TAKEOVER).expect(0);
    ways.of(scene.verdict(&run)).finish(SOON).expect(0);
    ways.assert_told(0, 0, 0);
}

#[test]
fn nobody_is_woken_by_what_was_superseded() {
    let (scene, ways) = (Scene::new(), Ways::open());
    let (older, newer) = (Run::number(1), Run::number(2));
    succeeds(&scene, &newer);
    scene
        .candidate(&older, 1, "write deploy 0.1")
        .finish(SOON)
        .expect(0);
    let ended = ways.of(scene.verdict(&older)).finish(SOON).expect(0);
    assert_eq!(ended.output("outcome"), "superseded");
    ways.assert_told(0, 0, 0);
}

#[test]
fn nobody_is_woken_by_a_cancelled_run() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    let mut verdict = ways.of(scene.verdict(&run)).start();
    let mut leg = scene
        .candidate(&run, 1, "write deploy forever")
        .input("candidates", 1)
        .start();
    scene.target().await_start(1, "deploy", SOON);
    leg.signal(Signal::SIGINT);
    leg.wait(SOON);
    let ended = verdict.wait(TAKEOVER).expect(130);
    assert_eq!(ended.output("outcome"), "cancelled");
    ways.assert_told(0, 0, 0);
    assert_eq!(in_the_ledger(&scene), [0, 0, 0]);
}
