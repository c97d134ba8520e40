//! What nobody can work with: wrong inputs, and two legs with one number.

use baton_tests::{Run, Scene};
use ledger::Event;

use crate::{REF, SOON, fails, told};

#[test]
fn every_wrong_input_is_named_at_once_and_the_ledger_hears_nothing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let inputs = [
        ("candidate", "7"),
        ("checks", "dokcer"),
        ("config", "spoon: 1"),
        ("cpu-percent-max", "many"),
        ("disk-gb-min", "-3"),
        ("docker-version-min", "new"),
        ("ignore", "network"),
        ("ignore-until", "2026-13-01"),
        ("images", "shop/APP:1"),
        ("inventory", "not/there"),
        ("on-active", "panic"),
        ("required", "runner.cpus"),
        ("role", "boss"),
        ("secrets", "not a name"),
        ("targets", "web1:ssh"),
    ];
    let step = inputs
        .iter()
        .fold(scene.preflight(&run, 1, REF), |step, (name, value)| {
            step.input(name, value)
        });
    let ended = step.finish(SOON).expect(64);
    let names = inputs.iter().map(|(name, _)| *name);
    for name in names.chain(["ignore-reason"]) {
        let told = [ended.log(), ended.summary()];
        assert!(
            told.iter().all(|text| text.contains(name)),
            "{name} in {told:#?}"
        );
    }
    assert!(!scene.repository().exists());
}

#[test]
fn a_second_leg_with_the_same_number_is_told_how_to_number_them_and_judges_nothing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    scene.preflight(&run, 1, REF).finish(SOON).expect(0);
    let before = scene.audit().commit("ledger");
    let ended = fails(scene.preflight(&run, 1, REF))
        .on("runner-z")
        .finish(SOON)
        .expect(64);
    assert_eq!(told(&ended), ("fail".to_owned(), String::new()));
    for said in [ended.log(), ended.summary()] {
        assert!(
            said.contains("runner-a") && said.contains("matrix: {candidate: [1, 2]}"),
            "{said}"
        );
    }
    assert_eq!(scene.audit().commit("ledger"), before);
    let announced = scene.audit().entries().into_iter();
    let announced = announced.filter(|entry| matches!(entry.event, Event::Announced { .. }));
    assert_eq!(announced.count(), 1);
}
