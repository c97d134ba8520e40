//! Whatever goes wrong, however many see it: one person, woken once, with the right words.

use std::time::Duration;

use baton_tests::{Run, Scene, Step};
use serde_json::Value;
use test_servers::Alertmanager;

use crate::{SOON, TAKEOVER, Ways, assert_holds, fails, in_the_ledger, people::Room};

#[test]
fn three_verdicts_at_once_and_a_fourth_later_tell_one_failure_once_by_every_way() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    let receiver = Room::open();
    let alertmanager = Alertmanager::start(&receiver.url());
    let verdict = |runner: &str| {
        let step = scene.verdict(&run).on(runner);
        ways.of(step).input("alertmanager-url", &alertmanager.url)
    };
    fails(&scene, &run);
    let mut verdicts = ["x", "y", "z"].map(|runner| verdict(runner).start());
    let ended = verdicts
        .each_mut()
        .map(|verdict| verdict.wait(TAKEOVER).expect(1));
    let late = verdict("late").finish(SOON).expect(1);
    ways.assert_told(1, 1, 0);
    let alerts = receiver.is_told(&["firing"]);
    assert_eq!(alerts[0]["labels"]["deployment"], run.deployment());
    assert_eq!(in_the_ledger(&scene), [1, 1, 0]);
    let told = |text: &str| text.contains("alert: told by another process");
    let others = ended.iter().filter(|one| told(&one.summary())).count();
    assert_eq!(others, 2, "of three, one says that it told it");
    assert!(told(&late.summary()), "{}", late.summary());
    for one in ended.iter().chain([&late]) {
        assert_eq!(one.output("outcome"), "failed");
    }
}

#[test]
fn where_every_leg_is_killed_verdict_ends_the_deployment_and_wakes_a_person_once() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    let legs = [1, 2].map(|n| scene.candidate(&run, n, "write deploy forever").start());
    scene.target().await_start(1, "deploy", SOON);
    legs[1].says("is ready", SOON);
    let mut verdict = ways.of(scene.verdict(&run)).start();
    verdict.says("judging", SOON);
    for leg in &legs {
        leg.lose();
    }
    let ended = verdict.wait(TAKEOVER).expect(1);
    assert_eq!(ended.output("outcome"), "failed");
    ways.assert_told(1, 1, 0);
    assert_eq!(in_the_ledger(&scene), [1, 1, 0]);
    let told = ways.webhook.heard_once();
    assert_says(&told, "abandoned", "abandoned", "all of them fell silent");
}

/// What was told of a failure.
#[track_caller]
fn assert_says(told: &Value, title: &str, reason: &str, what_now: &str) {
    let text = |member: &str| told[member].as_str().unwrap().to_owned();
    assert_holds(&text("title"), &[title, "production"]);
    assert_eq!(text("reason"), reason, "{told:#}");
    assert_holds(&text("what_now"), &[what_now]);
    assert_holds(&text("text"), &[title, what_now]);
}

/// Judges `run` and returns the one thing that was told.
#[track_caller]
fn judged(ways: &Ways, verdict: Step, code: i32, outcome: &str) -> Value {
    let ended = ways.of(verdict).finish(TAKEOVER).expect(code);
    assert_eq!(ended.output("outcome"), outcome);
    assert_holds(&ended.summary(), &["alert, webhook", "alert, issue"]);
    ways.assert_told(1, 1, 0);
    let issue = ways.github.issues().remove(0);
    let told = ways.webhook.heard_once();
    assert_eq!(told["outcome"], outcome);
    let body = issue["body"].as_str().unwrap().replace('\\', "");
    assert_holds(
        &body,
        &[
            told["title"].as_str().unwrap(),
            told["what_now"].as_str().unwrap(),
        ],
    );
    told
}

#[test]
fn a_deployment_that_nobody_begins_wakes_a_person() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    let verdict = scene.verdict(&run).input("pickup-timeout", "1s");
    let told = judged(&ways, verdict, 75, "never_claimed");
    assert_says(
        &told,
        "never began",
        "never_claimed",
        "two runners with the wanted labels",
    );
}

#[test]
fn a_deployment_that_is_held_wakes_a_person() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    let leg = scene
        .candidate(&run, 1, "write deploy forever")
        .input("on-primary-lost", "hold")
        .input("pickup-timeout", "1s")
        .start();
    scene.target().await_start(1, "deploy", SOON);
    leg.lose();
    let told = judged(&ways, scene.verdict(&run), 3, "held");
    assert_says(&told, "are held", "", "`mode: unlock`");
}

#[test]
fn failed_gates_wake_a_person_and_are_named() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    deployed(&scene, &run, "5m");
    let gates = "[{name: shop-api, command: 'exit 4', timeout: 1s}, {name: db, command: 'true'}]";
    scene.gates(&run, 1, gates).finish(SOON).expect(1);
    let told = judged(&ways, scene.verdict(&run), 1, "failed");
    assert_says(&told, "failed (gates)", "gates", "not healthy");
    let failed = told["failed_gates"].as_array().unwrap();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["name"], "shop-api");
}

#[test]
fn gates_that_nobody_judges_wake_a_person() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    deployed(&scene, &run, "1s");
    let told = judged(&ways, scene.verdict(&run), 1, "failed");
    assert_says(
        &told,
        "gates_missing",
        "gates_missing",
        "`health-gates` step",
    );
}

/// A leg whose command has succeeded and whose gates come next.
fn deployed(scene: &Scene, run: &Run, gates_deadline: &str) {
    scene
        .candidate(run, 1, "write deploy 0.1")
        .input("candidates", 1)
        .input("await-gates", true)
        .input("gates-deadline", gates_deadline)
        .finish(SOON)
        .expect(0);
}

#[test]
fn failed_preflights_of_every_leg_wake_a_person_and_are_named() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    for number in [1, 2] {
        let unfit = scene.preflight(&run, number, "ref.allowed");
        unfit.input("branches", "release/*").finish(SOON).expect(6);
    }
    let told = judged(&ways, scene.verdict(&run), 1, "failed");
    assert_says(&told, "preflight", "preflight", "ref.allowed");
    let failed = told["failed_checks"].as_array().unwrap();
    assert_eq!(failed.len(), 2, "{failed:?}");
    for (check, runner) in failed.iter().zip(["runner-a", "runner-b"]) {
        assert_eq!(check["name"], "ref.allowed");
        assert_holds(check["seen"].as_str().unwrap(), &[runner]);
    }
}

#[test]
fn a_verdict_killed_while_it_tells_is_followed_by_another_after_a_minute_under_the_same_key() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    fails(&scene, &run);
    ways.webhook.answers_after(Duration::from_secs(600));
    let verdict = |runner: &str| {
        let step = scene.verdict(&run).on(runner);
        ways.of(step).input("incident-issue", false)
    };
    let first = verdict("first").start();
    let before = ways.webhook.hears(1, SOON);
    first.lose();
    ways.webhook.answers_after(Duration::ZERO);
    assert_eq!(in_the_ledger(&scene), [1, 0, 0]);
    let begin = std::time::Instant::now();
    let mut second = verdict("second").start();
    second.says("another process is about to tell", SOON);
    let after = ways.webhook.hears(2, Duration::from_secs(90));
    assert!(
        begin.elapsed() >= Duration::from_secs(60),
        "{:?}",
        begin.elapsed()
    );
    second.wait(SOON).expect(1);
    assert_eq!(before["key"], after["key"]);
    assert_eq!(before["title"], after["title"]);
    assert_eq!(in_the_ledger(&scene), [2, 1, 0]);
    verdict("third").finish(SOON).expect(1);
    assert_eq!(ways.webhook.heard().len(), 2);
}
