//! A verdict that is told to stop.

use std::time::{Duration, Instant};

use baton_tests::{Run, Scene};
use nix::sys::signal::Signal;

use crate::{SOON, Ways, assert_holds, fails, in_the_ledger};

/// GitHub sends SIGTERM so long after SIGINT, and kills soon after.
const A_CANCEL: Duration = Duration::from_millis(7500);

#[test]
fn a_verdict_told_to_stop_while_it_tells_ends_in_time_with_the_deployments_own_result() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
        fails(&scene, &run);
        ways.webhook.answers_after(Duration::from_secs(600));
        let verdict = ways.of(scene.verdict(&run)).input("incident-issue", false);
        let mut verdict = verdict.start();
        ways.webhook.hears(1, SOON);
        let begin = Instant::now();
        verdict.signal(signal);
        let ended = verdict.wait(SOON).expect(1);
        assert!(begin.elapsed() < A_CANCEL, "{:?}", begin.elapsed());
        assert_eq!(ended.output("outcome"), "failed");
        assert_holds(
            &ended.summary(),
            &["failed", "told to stop by", "run the verdict again"],
        );
        assert_eq!(in_the_ledger(&scene), [1, 0, 0]);
    }
}

#[test]
fn a_verdict_told_to_stop_tells_to_the_end_where_the_answer_comes_soon() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    fails(&scene, &run);
    ways.webhook.answers_after(Duration::from_secs(1));
    let verdict = ways.of(scene.verdict(&run)).input("incident-issue", false);
    let mut verdict = verdict.start();
    ways.webhook.hears(1, SOON);
    verdict.signal(Signal::SIGTERM);
    let ended = verdict.wait(SOON).expect(1);
    assert_holds(&ended.summary(), &["✅ alert, webhook"]);
    assert_eq!(in_the_ledger(&scene), [1, 1, 0]);
}

#[test]
fn a_verdict_told_to_stop_while_it_watches_wakes_nobody_and_says_where_to_look() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    let _leg = scene.candidate(&run, 1, "write deploy forever").start();
    scene.target().await_start(1, "deploy", SOON);
    let mut verdict = ways.of(scene.verdict(&run)).start();
    verdict.says("judging", SOON);
    let begin = Instant::now();
    verdict.signal(Signal::SIGTERM);
    let ended = verdict.wait(SOON).expect(143);
    assert!(begin.elapsed() < A_CANCEL, "{:?}", begin.elapsed());
    assert_holds(&ended.summary(), &["mode: status"]);
    ways.assert_told(0, 0, 0);
}
