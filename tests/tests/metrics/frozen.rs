//! A step that is stopped between its reading of the ledger and its push, while the other leg pushes newer totals.

use std::{
    fs,
    time::{Duration, Instant},
};

use baton_tests::{Process, Run, Scene, patience, process};
use lease::testing::http_git::Mode;
use ledger::Role;
use nix::sys::signal::Signal;
use serde_json::Value;
use test_servers::{Prometheus, PrometheusSetup, Pushgateway};

use crate::{
    FRESH, SOON, deploy, exposition,
    front::{Behind, Front, Gate, Request},
    held::{assert_equal, held, sum},
    pass,
};

/// When the newest success ended, as a push has it: differs from one deployment to the next, and stands in both groups.
fn newest(text: &str) -> f64 {
    let all = exposition::read(text);
    let of = all.of("deployment_last_success_timestamp_seconds");
    of.into_values().fold(0.0, f64::max)
}

/// That every one of these pushes has the totals that stand at the gateway now.
fn assert_newest(pushes: &[Request], gateway: &Pushgateway) {
    let wanted = newest(&gateway.metrics());
    for push in pushes {
        let sent = newest(&push.body);
        assert!(sent >= wanted, "{} sends {sent}, not {wanted}", push.line);
    }
}

/// A further deployment, whose totals the other leg pushes.
fn newer_totals(scene: &Scene, run: &Run, gateway: &Pushgateway) {
    deploy(scene, run, "true");
    let other = scene
        .metrics(run, 1)
        .input("pushgateway-url", gateway.url());
    other.finish(SOON).expect(0);
    assert_equal(gateway, scene);
}

/// The verdict's step, which pushes to what stands before the gateway.
fn slow_leg(scene: &Scene, run: &Run, front: &Front) -> baton_tests::Step {
    scene
        .metrics_of_verdict(run)
        .input("pushgateway-url", front.url())
        .input("required", true)
}

fn thaw(mut step: Process) -> baton_tests::Ended {
    step.signal(Signal::SIGCONT);
    step.wait(SOON).expect(0)
}

#[test]
fn a_step_that_is_frozen_while_it_reads_sends_nothing_that_is_old_when_it_thaws() {
    let scene = Scene::new();
    let link = scene.link();
    let gateway = Pushgateway::start();
    let front = Front::of(Behind::Server(gateway.address));
    let [first, second] = [1, 2].map(Run::number);
    deploy(&scene, &first, "true");
    link.set(Mode::Slow(Duration::from_secs(1)));
    let step = slow_leg(&scene, &first, &front).over(&link).start();
    patience::until(SOON, "the question for the objects", || {
        let asked = link.take_requests();
        asked
            .iter()
            .any(|line| line.starts_with("POST"))
            .then_some(())
    });
    step.signal(Signal::SIGSTOP);
    let frozen = Instant::now();
    // The answer comes, and nobody takes it.
    patience::until(SOON, "git to end", || {
        process::descendants(step.pid()).is_empty().then_some(())
    });
    link.set(Mode::Serve);
    newer_totals(&scene, &second, &gateway);
    // No longer than that: a question to the store ends after ten seconds, and is then asked again in any case.
    pass(FRESH.saturating_sub(frozen.elapsed()));
    link.take_requests();
    assert_eq!(front.arrived().len(), 0);

    thaw(step);
    let pushes = front.arrived();
    assert_eq!(pushes.len(), 2, "both groups, once");
    assert_newest(&pushes, &gateway);
    let asked = link.take_requests();
    assert!(
        asked.len() > 2,
        "it read the ledger again, and once more after its push: {asked:?}"
    );
    assert_equal(&gateway, &scene);
}

#[test]
fn a_step_that_is_frozen_between_the_groups_sends_nothing_that_is_old_when_it_thaws() {
    let scene = Scene::new();
    let gateway = Pushgateway::start();
    let front = Front::of(Behind::Server(gateway.address));
    let [first, second] = [1, 2].map(Run::number);
    deploy(&scene, &first, "true");
    front.set(Gate::BeforeAnswer);
    let step = slow_leg(&scene, &first, &front).start();
    front.await_landed(1);
    step.signal(Signal::SIGSTOP);
    front.set(Gate::Open);
    newer_totals(&scene, &second, &gateway);
    pass(FRESH);
    assert_eq!(front.arrived().len(), 1);

    thaw(step);
    let pushes = front.arrived();
    assert_eq!(pushes.len(), 3, "both groups again");
    assert_newest(&pushes[1..], &gateway);
    assert_equal(&gateway, &scene);
}

#[test]
fn a_reading_that_grew_old_while_the_connection_was_made_is_not_sent() {
    let scene = Scene::new();
    let gateway = Pushgateway::start();
    let mut front = Front::deaf(Behind::Server(gateway.address));
    let [first, second] = [1, 2].map(Run::number);
    deploy(&scene, &first, "true");
    let mut step = slow_leg(&scene, &first, &front).start();
    front.await_asked_in_vain();
    newer_totals(&scene, &second, &gateway);
    pass(FRESH);
    front.listen();
    let ended = step.wait(SOON).expect(0);
    assert!(ended.log().contains("out of date"), "{}", ended.log());
    let pushes = front.arrived();
    assert_eq!(pushes.len(), 2);
    assert_newest(&pushes, &gateway);
    assert_equal(&gateway, &scene);
}

/// A Prometheus with the shipped rules that looks every second.
fn prometheus(gateway: &Pushgateway) -> Prometheus {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../infrastructure/prometheus");
    let read = |name: &str| fs::read_to_string(format!("{folder}/{name}")).unwrap();
    let rules = ["totals.yml", "figures.yml", "alerts.yml"].map(|name| {
        let text = read(&format!("rules/{name}"));
        (
            name.to_owned(),
            text.replace("interval: 1m\n", "interval: 1s\n"),
        )
    });
    let config = read("prometheus.yml")
        .replace("1m", "1s")
        .replace("pushgateway.internal:9091", &gateway.address.to_string());
    Prometheus::start_with(&PrometheusSetup {
        config,
        rules: rules.to_vec(),
        ..PrometheusSetup::default()
    })
}

fn result(prometheus: &Prometheus, promql: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&prometheus.query(promql)).unwrap();
    assert_eq!(answer["status"], "success", "{promql}: {answer}");
    answer["data"]["result"].as_array().unwrap().clone()
}

fn until_shows(prometheus: &Prometheus, promql: &str, wanted: &str) {
    patience::until(SOON, format!("{promql} to be {wanted}"), || {
        let found = result(prometheus, promql);
        let value = found.first()?["value"][1].as_str()?.to_owned();
        (value == wanted).then_some(())
    });
}

#[test]
fn a_push_that_lands_after_a_newer_one_is_followed_by_the_newest_and_no_rule_steps_back_or_doubles()
{
    let scene = Scene::new();
    let gateway = Pushgateway::start();
    let front = Front::of(Behind::Server(gateway.address));
    let prometheus = prometheus(&gateway);
    let [first, second] = [1, 2].map(Run::number);
    newer_totals(&scene, &first, &gateway);
    let (shown, total) = (
        "sum(deployment_attempts_total)",
        "sum(role:deployment_attempts:total)",
    );
    until_shows(&prometheus, shown, "1");
    until_shows(&prometheus, total, "1");

    // It has sent what it read; the bytes are on their way.
    front.set(Gate::BeforeServer);
    let mut late = slow_leg(&scene, &first, &front).start();
    front.await_arrived(1);
    newer_totals(&scene, &second, &gateway);
    until_shows(&prometheus, total, "2");
    front.set(Gate::BeforeAnswer);
    front.await_landed(1);
    assert_eq!(
        sum(&held(&gateway), "deployment_attempts_total", Role::Primary),
        1.0,
        "the gateway steps back"
    );
    until_shows(&prometheus, shown, "1");
    front.set(Gate::Open);
    late.wait(SOON).expect(0);
    assert_equal(&gateway, &scene);
    until_shows(&prometheus, shown, "2");

    until_shows(&prometheus, "sum(deployment_attempts:growth1h)", "2");
    for series in [
        "role:deployment_attempts:total",
        "deployment_attempts:growth1h",
    ] {
        let course = result(&prometheus, &format!("{series}[10m]"));
        let values: Vec<f64> = course[0]["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value[1].as_str().unwrap().parse().unwrap())
            .collect();
        assert!(values.is_sorted(), "{series} steps back: {values:?}");
        assert_eq!(values.last(), Some(&2.0), "{series}: {values:?}");
    }
}
