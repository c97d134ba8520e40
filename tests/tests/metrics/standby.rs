//! Who pushes: the leg that carried something out, one whose preflight failed, and the verdict; never an idle standby.

use std::{collections::BTreeSet, process::Command};

use baton_tests::{Run, Scene};
use ledger::Role;
use test_servers::Pushgateway;

use crate::{
    SOON, deploy,
    front::{Behind, Front},
    held::{assert_equal, held, sum},
};

#[test]
fn a_standby_that_had_nothing_to_do_asks_nobody_and_says_one_line() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut standby = scene.candidate(&run, 2, "true").start();
    standby.says("is ready", SOON);
    scene.candidate(&run, 1, "true").finish(SOON).expect(0);
    standby.wait(SOON).expect(0);
    let [store, gateway, loki] = [(); 3].map(|()| Front::of(Behind::Words(500, String::new())));
    let ended = scene
        .metrics(&run, 2)
        .input("store", format!("git+{}/store.git", store.url()))
        .input("pushgateway-url", gateway.url())
        .input("loki-url", loki.url())
        .input("events-file", scene.folder().join("events.jsonl").display())
        .input("required", true)
        .finish(SOON)
        .expect(0);
    assert_eq!(ended.output("result"), "skipped");
    assert_eq!(
        ended.summary().trim().lines().count(),
        1,
        "{}",
        ended.summary()
    );
    for front in [store, gateway, loki] {
        assert_eq!(front.connections(), 0);
    }
    assert!(!scene.folder().join("events.jsonl").exists());
    // What it would have done otherwise.
    let other = scene
        .metrics(&run, 1)
        .input("store", "git+http://127.0.0.1:1/store.git");
    other.start().says("trying again", SOON);
}

#[test]
fn a_leg_whose_preflight_failed_pushes() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let gateway = Pushgateway::start();
    scene
        .preflight(&run, 1, "ref.allowed")
        .input("branches", "release/*")
        .finish(SOON)
        .expect(6);
    let ended = scene
        .metrics(&run, 1)
        .default_of(&["environment", "store"])
        .input("pushgateway-url", gateway.url())
        .finish(SOON)
        .expect(0);
    assert_eq!(ended.output("result"), "pass");
    let name = "preflight_check_failures_total";
    assert_eq!(sum(&held(&gateway), name, Role::Primary), 1.0);
}

#[test]
fn the_verdicts_step_pushes_both_groups() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let gateway = Pushgateway::start();
    deploy(&scene, &run, "true");
    scene.verdict(&run).finish(SOON).expect(0);
    let ended = scene
        .metrics_of_verdict(&run)
        .input("pushgateway-url", gateway.url())
        .finish(SOON)
        .expect(0);
    assert_eq!(ended.output("result"), "pass");
    assert_equal(&gateway, &scene);
    let groups: serde_json::Value = serde_json::from_str(&gateway.groups()).unwrap();
    let instances: BTreeSet<&str> = groups["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["labels"]["instance"].as_str().unwrap())
        .collect();
    assert_eq!(
        instances,
        BTreeSet::from(["runner-primary", "runner-secondary"])
    );
}

#[test]
fn an_empty_ledger_is_nothing_to_push_and_no_failure() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let made = Command::new("git")
        .args(["init", "--quiet", "--bare"])
        .arg(scene.repository())
        .status();
    assert!(made.unwrap().success());
    let gateway = Front::of(Behind::Words(500, String::new()));
    let ended = scene
        .metrics_of_verdict(&run)
        .input("pushgateway-url", gateway.url())
        .input("required", true)
        .finish(SOON)
        .expect(0);
    assert_eq!(ended.output("result"), "pass");
    let log = ended.log();
    assert!(
        log.lines().any(|line| line.starts_with("::warning")),
        "{log}"
    );
    assert_eq!(gateway.connections(), 0);
}
