//! When it is over, those who were woken are told so, and nobody else.

use baton_tests::{Run, Scene};
use test_servers::Alertmanager;

use crate::{SOON, TAKEOVER, Ways, assert_holds, fails, in_the_ledger, people::Room, succeeds};

#[test]
fn the_next_success_resolves_the_alert_comments_on_the_issue_and_closes_it_where_asked() {
    let (scene, ways) = (Scene::new(), Ways::open());
    let receiver = Room::open();
    let alertmanager = Alertmanager::start(&receiver.url());
    let verdict = |run: &Run| {
        ways.of(scene.verdict(run))
            .input("alertmanager-url", &alertmanager.url)
            .input("close-incident", true)
    };
    let failing = [Run::number(1), Run::number(2)];
    for run in &failing {
        fails(&scene, run);
        verdict(run).finish(SOON).expect(1);
    }
    // One issue for the environment: the second failure is a comment on it.
    ways.assert_told(2, 1, 1);
    receiver.is_told(&["firing", "firing"]);

    let fine = Run::number(3);
    succeeds(&scene, &fine);
    let ended = verdict(&fine).finish(TAKEOVER).expect(0);
    assert_eq!(ended.output("outcome"), "succeeded");
    assert_holds(
        &ended.summary(),
        &["all-clear, alertmanager", "all-clear, issue"],
    );
    let alerts = receiver.is_told(&["firing", "firing", "resolved", "resolved"]);
    let of = |alert: &serde_json::Value| alert["labels"]["deployment"].clone();
    let resolved: Vec<_> = alerts[2..].iter().map(of).collect();
    for run in &failing {
        assert!(resolved.contains(&run.deployment().into()), "{resolved:?}");
    }
    let heard = ways.webhook.heard();
    assert_eq!(heard.len(), 4);
    assert_eq!(heard[3]["status"], "resolved");
    assert_eq!(heard[3]["resolved_by"]["deployment"], fine.deployment());
    let comments = ways.github.comments();
    assert_eq!(comments.len(), 2, "one comment says that it is over");
    assert_holds(&comments[1], &["v3"]);
    assert_eq!(ways.github.issues()[0]["state"], "closed");
    assert_eq!(in_the_ledger(&scene), [2, 2, 2]);

    // Nobody is told again, whoever asks.
    verdict(&fine).finish(SOON).expect(0);
    let later = Run::number(4);
    succeeds(&scene, &later);
    let quiet = verdict(&later).finish(SOON).expect(0);
    assert!(
        !quiet.summary().contains("all-clear"),
        "{}",
        quiet.summary()
    );
    assert_eq!(ways.webhook.heard().len(), 4);
    assert_eq!(ways.github.comments().len(), 2);
    assert_eq!(in_the_ledger(&scene), [2, 2, 2]);
}

#[test]
fn without_close_incident_the_issue_is_commented_on_and_stays_open() {
    let (scene, ways) = (Scene::new(), Ways::open());
    let (failing, fine) = (Run::number(1), Run::number(2));
    fails(&scene, &failing);
    ways.of(scene.verdict(&failing)).finish(SOON).expect(1);
    succeeds(&scene, &fine);
    ways.of(scene.verdict(&fine)).finish(SOON).expect(0);
    ways.assert_told(2, 1, 1);
    assert_eq!(ways.github.issues()[0]["state"], "open");
}

#[test]
fn a_success_that_is_judged_again_calls_no_later_failure_off() {
    let (scene, ways) = (Scene::new(), Ways::open());
    let (fine, failing) = (Run::number(1), Run::number(2));
    succeeds(&scene, &fine);
    ways.of(scene.verdict(&fine)).finish(SOON).expect(0);
    ways.assert_told(0, 0, 0);
    fails(&scene, &failing);
    ways.of(scene.verdict(&failing)).finish(SOON).expect(1);
    ways.of(scene.verdict(&fine)).finish(SOON).expect(0);
    ways.assert_told(1, 1, 0);
    assert_eq!(in_the_ledger(&scene), [1, 1, 0]);
}

#[test]
fn an_all_clear_that_nobody_hears_is_told_by_the_next_success() {
    let (scene, ways) = (Scene::new(), Ways::open());
    let verdict = |run: &Run| ways.of(scene.verdict(run)).input("incident-issue", false);
    fails(&scene, &Run::number(1));
    verdict(&Run::number(1)).finish(SOON).expect(1);
    ways.webhook.answers(403);
    succeeds(&scene, &Run::number(2));
    verdict(&Run::number(2)).finish(SOON).expect(0);
    assert_eq!(in_the_ledger(&scene), [1, 1, 0]);
    ways.webhook.answers(200);
    succeeds(&scene, &Run::number(3));
    verdict(&Run::number(3)).finish(SOON).expect(0);
    assert_eq!(in_the_ledger(&scene), [1, 1, 1]);
    assert_eq!(ways.webhook.heard()[2]["status"], "resolved");
}
