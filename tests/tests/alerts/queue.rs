//! A queue that is too deep, at the lease and at GitHub.

use baton_tests::{Process, Run, Scene, Step, patience};
use ledger::Event;

use crate::{SOON, TAKEOVER, TOKEN, Ways, assert_holds, github::GROUP, in_the_ledger, succeeds};

/// A run with one leg, which writes until the scene releases it. At default timing: ten processes at one store on a busy
/// machine keep no shorter lease alive.
fn leg(scene: &Scene, number: u64) -> Process {
    scene
        .candidate(&Run::number(number), 1, "write deploy release")
        .default_of(&["lease-time"])
        .input("candidates", 1)
        .start()
}

#[test]
fn more_than_three_waiting_at_the_lease_wake_a_person_once_though_every_verdict_sees_it() {
    let (scene, ways) = (Scene::new(), Ways::open());
    let verdict = |number: u64| ways.of(scene.verdict(&Run::number(number)));
    let mut legs = vec![leg(&scene, 1)];
    scene.target().await_start(1, "deploy", SOON);
    let mut verdicts: Vec<Process> = (1..=3).map(|n| verdict(n).start()).collect();
    for number in 2..=4 {
        let waiting = leg(&scene, number);
        waiting.says("waits behind", SOON);
        legs.push(waiting);
    }
    for verdict in &verdicts {
        verdict.says("judging", SOON);
    }
    assert_eq!(in_the_ledger(&scene), [0, 0, 0], "three may wait");
    legs.push(leg(&scene, 5));
    let told = ways.webhook.hears(1, SOON);
    verdicts.extend((4..=5).map(|n| verdict(n).start()));
    scene
        .audit()
        .await_entry(SOON, "that people were told", |entry| {
            matches!(entry.event, Event::AlertSent { .. })
        });
    let text = |member: &str| told[member].as_str().unwrap().to_owned();
    assert_eq!(text("kind"), "queue_deep");
    assert_holds(&text("title"), &["4 deployments to production wait"]);
    assert_holds(
        &text("detail"),
        &["octo/shop/4701/1", "octo/shop/4702/1", "octo/shop/4705/1"],
    );
    assert_holds(&text("what_now"), &["`mode: status`"]);

    scene.release();
    for leg in &mut legs {
        leg.wait(TAKEOVER).expect(0);
    }
    for verdict in &mut verdicts {
        verdict.wait(TAKEOVER).expect(0);
    }
    // Of five runs, the first alone had four behind it. Short again, each that saw it open may say so.
    let heard = ways.webhook.heard();
    let firing = heard.iter().filter(|told| told["status"] == "firing");
    assert_eq!(firing.count(), 1, "{heard:#?}");
    assert_holds(&format!("{heard:?}"), &["resolved", "is short again"]);
    assert_eq!(in_the_ledger(&scene), [1, 1, 1]);
}

/// The verdict of a run whose group is known.
fn in_the_group(ways: &Ways, step: Step) -> Step {
    ways.of(step).input("concurrency-group", GROUP)
}

#[test]
fn five_runs_waiting_in_githubs_group_wake_a_person_until_it_is_short_again() {
    let (scene, ways) = (Scene::new(), Ways::open());
    let verdict = |number: u64| in_the_group(&ways, scene.verdict(&Run::number(number)));
    ways.github.pending(Ok(5));
    let mut first = verdict(1).start();
    let told = ways.webhook.hears(1, SOON);
    assert_eq!(told["kind"], "queue_deep");
    assert_holds(told["title"].as_str().unwrap(), &["5 deployments"]);
    succeeds(&scene, &Run::number(1));
    let ended = first.wait(SOON).expect(0);
    assert_holds(&ended.summary(), &["alert of a deep queue, webhook"]);
    assert_eq!(in_the_ledger(&scene), [1, 1, 0], "five still wait");

    ways.github.pending(Ok(2));
    succeeds(&scene, &Run::number(2));
    let ended = verdict(2).finish(SOON).expect(0);
    assert_holds(&ended.summary(), &["all-clear, webhook"]);
    assert_eq!(in_the_ledger(&scene), [1, 1, 1]);
    assert_eq!(ways.webhook.heard().len(), 2);
}

#[test]
fn a_github_that_does_not_say_who_waits_breaks_nothing() {
    for status in [403, 404, 500] {
        let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
        ways.github.pending(Err(status));
        let mut verdict = in_the_group(&ways, scene.verdict(&run)).start();
        verdict.says("judging", SOON);
        if status != 404 {
            verdict.says("does not say who waits", SOON);
        }
        succeeds(&scene, &run);
        let ended = verdict.wait(SOON).expect(0);
        assert_eq!(ended.output("outcome"), "succeeded");
        assert!(
            !ended
                .log()
                .replace("::add-mask::", "")
                .contains(&format!("Bearer {TOKEN}"))
        );
        ways.assert_told(0, 0, 0);
    }
}

#[test]
fn a_deep_queue_does_not_keep_a_failure_from_being_told() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    ways.github.pending(Ok(9));
    let mut verdict = in_the_group(&ways, scene.verdict(&run)).start();
    ways.webhook.hears(1, SOON);
    crate::fails(&scene, &run);
    verdict.wait(SOON).expect(1);
    let kinds = patience::until(SOON, "both", || {
        let heard = ways.webhook.heard();
        let kind = |told: &serde_json::Value| told["kind"].as_str().unwrap().to_owned();
        (heard.len() == 2).then(|| heard.iter().map(kind).collect::<Vec<_>>())
    });
    assert_eq!(kinds, ["queue_deep", "deployment_failed"]);
    assert_eq!(in_the_ledger(&scene), [2, 2, 0]);
}
