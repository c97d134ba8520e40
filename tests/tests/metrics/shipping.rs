//! The audit trail at Loki: only what is new, everything at least once, and the same sample whoever ships it.

use std::collections::BTreeMap;

use baton_tests::{Run, Scene, Step};
use ledger::Event;
use serde_json::Value;

use crate::{
    SOON, TRIED, deploy,
    front::{Behind, Front, Gate},
};

fn taking() -> Front {
    Front::of(Behind::Words(204, String::new()))
}

fn ship(scene: &Scene, run: &Run, loki: &Front) -> Step {
    scene
        .metrics_of_verdict(run)
        .input("loki-url", loki.url())
        .input("loki-tenant", "team-a")
        .input("required", true)
}

/// Every sample of these requests by its audit id: time, line and metadata. The same event is always the same sample.
fn samples(front: &Front, from: usize) -> BTreeMap<u64, String> {
    let mut all = BTreeMap::new();
    for request in &front.arrived()[from..] {
        assert_eq!(request.line, "POST /loki/api/v1/push");
        assert_eq!(request.header("x-scope-orgid"), Some("team-a"));
        let body: Value = serde_json::from_str(&request.body).unwrap();
        for stream in body["streams"].as_array().unwrap() {
            let labels: Vec<&String> = stream["stream"].as_object().unwrap().keys().collect();
            assert_eq!(labels.len(), 4, "bounded: {labels:?}");
            if stream["stream"]["event"] == "output" {
                continue;
            }
            for value in stream["values"].as_array().unwrap() {
                let line: Value = serde_json::from_str(value[1].as_str().unwrap()).unwrap();
                let sample = format!("{}{value}", stream["stream"]);
                let id = line["audit_id"].as_u64().unwrap();
                let known = all.entry(id).or_insert_with(|| sample.clone());
                assert_eq!(*known, sample, "the same sample again");
            }
        }
    }
    all
}

/// How far the ledger says that the trail was shipped, each time.
fn recorded(scene: &Scene) -> Vec<u64> {
    let entries = scene.audit().entries();
    let to = |event: &Event| match event {
        Event::AuditShipped { to, .. } => Some(*to),
        _ => None,
    };
    entries
        .iter()
        .filter_map(|entry| to(&entry.event))
        .collect()
}

/// The ids of the deployments' own events.
fn told(scene: &Scene) -> Vec<u64> {
    let entries = scene.audit().entries();
    let own = entries.iter().filter(|e| !e.event.is_bookkeeping());
    own.map(|e| e.seq).collect()
}

#[test]
fn a_second_step_ships_only_what_is_new() {
    let (scene, loki) = (Scene::new(), taking());
    let [first, second] = [1, 2].map(Run::number);
    deploy(&scene, &first, "true");
    ship(&scene, &first, &loki).finish(SOON).expect(0);
    let all = told(&scene);
    assert_eq!(samples(&loki, 0).into_keys().collect::<Vec<_>>(), all);
    assert_eq!(recorded(&scene), [*all.last().unwrap()]);

    let before = loki.arrived().len();
    ship(&scene, &first, &loki).finish(SOON).expect(0);
    assert_eq!(loki.arrived().len(), before, "nothing is new");
    deploy(&scene, &second, "exit 3");
    ship(&scene, &second, &loki).finish(SOON).expect(0);
    let newer: Vec<u64> = samples(&loki, before).into_keys().collect();
    assert_eq!([all, newer].concat(), told(&scene));
    assert_eq!(recorded(&scene).len(), 2);
}

#[test]
fn a_loki_that_is_away_leaves_no_record_and_the_next_step_ships_all_of_it() {
    let (scene, loki) = (Scene::new(), taking());
    let [first, second] = [1, 2].map(Run::number);
    deploy(&scene, &first, "true");
    loki.answer_by(Behind::Words(503, "no".to_owned()));
    let ended = ship(&scene, &first, &loki)
        .input("required", false)
        .finish(TRIED)
        .expect(0);
    assert_eq!(ended.output("result"), "incomplete");
    for part in ["❌ Loki", "503", "What now"] {
        assert!(
            ended.summary().contains(part),
            "{part}: {}",
            ended.summary()
        );
    }
    assert!(recorded(&scene).is_empty());
    loki.answer_by(Behind::Words(204, String::new()));
    let before = loki.arrived().len();
    deploy(&scene, &second, "true");
    ship(&scene, &second, &loki).finish(SOON).expect(0);
    assert_eq!(
        samples(&loki, before).into_keys().collect::<Vec<_>>(),
        told(&scene)
    );
    assert_eq!(recorded(&scene).len(), 1);
}

#[test]
fn a_step_that_dies_before_it_recorded_what_it_shipped_is_followed_by_the_same_samples() {
    let (scene, loki) = (Scene::new(), taking());
    let run = Run::number(1);
    deploy(&scene, &run, "true");
    loki.set(Gate::BeforeAnswer);
    let dies = ship(&scene, &run, &loki).start();
    loki.await_landed(1);
    dies.lose();
    drop(dies);
    loki.set(Gate::Open);
    assert!(recorded(&scene).is_empty());
    ship(&scene, &run, &loki).finish(SOON).expect(0);
    assert_eq!(
        samples(&loki, 0).into_keys().collect::<Vec<_>>(),
        told(&scene)
    );
    assert!(loki.arrived().len() > told(&scene).len());
}

#[test]
fn two_steps_at_once_ship_every_event_and_the_same_samples() {
    let (scene, loki) = (Scene::new(), taking());
    let run = Run::number(1);
    deploy(&scene, &run, "true");
    loki.set(Gate::BeforeServer);
    let leg = scene
        .metrics(&run, 1)
        .input("loki-url", loki.url())
        .input("loki-tenant", "team-a");
    let mut steps = [ship(&scene, &run, &loki).start(), leg.start()];
    // Both have read the ledger and know of nobody else.
    loki.await_arrived(2);
    loki.set(Gate::Open);
    for step in &mut steps {
        step.wait(SOON).expect(0);
    }
    assert_eq!(
        samples(&loki, 0).into_keys().collect::<Vec<_>>(),
        told(&scene)
    );
    assert_eq!(loki.arrived().len(), 2 * told(&scene).len());
    let recorded = recorded(&scene);
    assert_eq!(recorded, [*told(&scene).last().unwrap()]);
}

#[test]
fn the_commands_output_is_shipped_where_asked_and_masked() {
    let (scene, loki) = (Scene::new(), taking());
    let run = Run::number(1);
    // One that the command masks, one that the deploying step knows, and one that this step alone knows.
    let (masked, known, own) = (
        "own-secret-93c7e1",
        "canary-5d81f0c2b7e9",
        "canary-loki-93c7e1a4b2",
    );
    let script = format!(
        "echo '::add-mask::{masked}'; echo \"key is {masked}\"; echo \"token is {known}\"; echo \"auth is {own}\"; echo done"
    );
    scene
        .candidate(&run, 1, &script)
        .input("candidates", 1)
        .input("github-token", known)
        .finish(SOON)
        .expect(0);
    let ended = scene
        .metrics(&run, 1)
        .input("loki-url", loki.url())
        .input("loki-tenant", "team-a")
        .input("loki-auth", format!("me:{own}"))
        .input("loki-output", true)
        .input("github-token", known)
        .finish(SOON)
        .expect(0);
    let bodies: Vec<String> = loki.arrived().into_iter().map(|r| r.body).collect();
    let output: Vec<&String> = bodies.iter().filter(|b| b.contains("\"output\"")).collect();
    assert_eq!(output.len(), 1, "{}", ended.log());
    for line in ["key is ***", "token is ***", "auth is ***", "done"] {
        assert!(output[0].contains(line), "{line}: {}", output[0]);
    }
    for body in &bodies {
        let shown = [masked, known, own]
            .into_iter()
            .find(|one| body.contains(one));
        assert_eq!(shown, None, "{body}");
    }
    assert!(
        ended.summary().contains("lines of the command's output"),
        "{}",
        ended.summary()
    );
}

#[test]
fn events_that_are_too_old_for_loki_are_a_warning_with_the_mend_and_are_not_shipped_again() {
    let (scene, loki) = (Scene::new(), taking());
    let run = Run::number(1);
    deploy(&scene, &run, "true");
    let words = "entry for stream '{environment=\"production\"}' has timestamp too old: 2026-11-01T00:00:00Z, oldest \
                 acceptable timestamp is: 2026-11-14T00:00:00Z";
    loki.answer_by(Behind::Words(400, words.to_owned()));
    let ended = ship(&scene, &run, &loki).finish(SOON).expect(0);
    assert_eq!(ended.output("result"), "pass");
    assert!(ended.summary().contains("⚠️ Loki"), "{}", ended.summary());
    let log = ended.log();
    let warned = log.lines().any(|line| {
        line.starts_with("::warning")
            && line.contains("too old")
            && line.contains("reject_old_samples_max_age")
    });
    assert!(warned, "{log}");
    let before = loki.arrived().len();
    ship(&scene, &run, &loki).finish(SOON).expect(0);
    assert_eq!(loki.arrived().len(), before);
}

#[test]
fn a_loki_that_refuses_is_shown_with_its_words_and_fails_where_required() {
    let (scene, loki) = (Scene::new(), taking());
    let run = Run::number(1);
    deploy(&scene, &run, "true");
    // What a 400 is about is looked for, an entry at a time and not for long.
    let refusals = [(401, "no such user", 1), (400, "a label is invalid", 20)];
    for (status, words, most) in refusals {
        loki.answer_by(Behind::Words(status, words.to_owned()));
        let before = loki.arrived().len();
        let ended = ship(&scene, &run, &loki).finish(SOON).expect(1);
        let asked = loki.arrived().len() - before;
        assert!(asked <= most, "it was asked {asked} times");
        assert!(ended.log().contains(words), "{}", ended.log());
    }
    assert!(recorded(&scene).is_empty());
}
