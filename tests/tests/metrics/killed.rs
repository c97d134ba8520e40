//! Steps that die at any moment, run twice, run at once, and gateways that lose what they knew.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use baton_tests::{Run, Scene, Step, judge};
use nix::sys::signal::Signal;
use serde_json::Value;
use test_servers::{Pushgateway, PushgatewaySetup, program};

use crate::{
    SOON, deploy, exposition,
    front::{Behind, Front},
    held::{assert_equal, fold, totals},
    pass,
};

/// How often a step is killed.
const KILLS: u64 = 40;

/// The step with everything that it can leave somewhere.
fn with_all(scene: &Scene, step: Step, gateway: &Pushgateway, loki: &Front) -> Step {
    step.input("pushgateway-url", gateway.url())
        .input("loki-url", loki.url())
        .input("events-file", scene.folder().join("events.jsonl").display())
        .input("textfile", scene.folder().join("baton.prom").display())
}

/// The audit ids in the file, in its order; every line is whole.
fn ids(file: &Path) -> Vec<u64> {
    let text = fs::read_to_string(file).unwrap_or_default();
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line ends"
    );
    let id = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["lock"], "octo/shop/production");
        line["audit_id"].as_u64().unwrap()
    };
    text.lines().map(id).collect()
}

/// A deployment whose primary fails and whose standby takes over.
fn take_over(scene: &Scene, run: &Run) {
    let mut standby = scene.candidate(run, 2, "true").start();
    standby.says("is ready", SOON);
    scene.candidate(run, 1, "exit 3").finish(SOON).expect(1);
    standby.wait(SOON).expect(0);
}

#[test]
fn after_kills_at_any_moment_one_whole_run_makes_gateway_and_files_equal_to_the_ledger() {
    let scene = Scene::new();
    let gateway = Pushgateway::start();
    let loki = Front::of(Behind::Words(204, String::new()));
    let step = |run: &Run| with_all(&scene, scene.metrics_of_verdict(run), &gateway, &loki);
    let (events, textfile) = (
        scene.folder().join("events.jsonl"),
        scene.folder().join("baton.prom"),
    );
    let mut run = Run::number(1);
    take_over(&scene, &run);
    let begun = Instant::now();
    step(&run).finish(SOON).expect(0);
    let usual = begun.elapsed().as_millis() as u64;

    let mut killed = 0;
    for kill in 0..KILLS {
        // Something new every now and then, or there would be nothing to lose.
        if kill % 8 == 0 {
            run = Run::number(2 + kill / 8);
            deploy(&scene, &run, if kill == 16 { "exit 3" } else { "true" });
        }
        let mut victim = step(&run).start();
        // Spread evenly, in an order that does not repeat: 17 and 40 have no divisor in common.
        pass(Duration::from_millis(usual * (kill * 17 % KILLS) / KILLS));
        victim.signal(Signal::SIGKILL);
        killed += u32::from(victim.wait(SOON).signal == Some(9));
        // A scrape at any moment sees a whole file.
        let shown = exposition::read(&fs::read_to_string(&textfile).unwrap());
        assert!(shown.series.len() > 20);
        assert!(
            fs::read_dir(scene.folder())
                .unwrap()
                .flatten()
                .all(|entry| {
                    let name = entry.file_name().into_string().unwrap();
                    !name.ends_with(".prom") || name == "baton.prom"
                })
        );
    }
    assert!(
        killed > 20,
        "{killed} of {KILLS} were killed before their end"
    );

    let before = scene.audit().entries();
    step(&run).finish(SOON).expect(0);
    assert_equal(&gateway, &scene);
    let entries = scene.audit().entries();
    fold(&entries);
    let told = ids(&events);
    assert!(
        told.len() >= before.len(),
        "{} of {}",
        told.len(),
        before.len()
    );
    assert!(told.iter().copied().eq(1..=told.len() as u64), "{told:?}");
    let text = fs::read_to_string(&textfile).unwrap();
    let mut wanted = totals(&crate::held::subject(), &entries);
    wanted = wanted
        .into_iter()
        .map(|((name, mut labels), value)| {
            labels.remove("job");
            ((name, labels), value)
        })
        .collect();
    let shown = exposition::read(&text).series;
    for (series, value) in &wanted {
        assert_eq!(shown.get(series), Some(value), "{series:?}");
    }
    assert_clean(&textfile);
    assert!(scene.audit().git(&["fsck", "--strict"]).is_some());
    let ids: Vec<String> = entries.iter().map(|e| e.deployment.id.clone()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    judge::assert_sound(&scene, &ids);
}

/// `promtool check metrics` has nothing to say of the file.
fn assert_clean(file: &Path) {
    let output = Command::new(program("promtool", &[], "prometheus"))
        .args(["check", "metrics"])
        .stdin(fs::File::open(file).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn twice_at_once_and_after_a_gateway_that_forgot_or_remembered_the_totals_are_the_ledgers() {
    for persistent in [true, false] {
        let scene = Scene::new();
        let mut gateway = Pushgateway::start_with(PushgatewaySetup {
            persistent,
            ..PushgatewaySetup::default()
        });
        let loki = Front::of(Behind::Words(204, String::new()));
        let mut run = Run::number(1);
        take_over(&scene, &run);
        let verdict = || with_all(&scene, scene.metrics_of_verdict(&run), &gateway, &loki);
        verdict().finish(SOON).expect(0);
        assert_equal(&gateway, &scene);
        verdict().finish(SOON).expect(0);
        assert_equal(&gateway, &scene);

        for number in 2..5 {
            run = Run::number(number);
            deploy(&scene, &run, if number == 3 { "exit 3" } else { "true" });
            let leg = scene.metrics(&run, 1);
            let steps = [leg, scene.metrics_of_verdict(&run)]
                .map(|step| with_all(&scene, step, &gateway, &loki).start());
            for mut step in steps {
                step.wait(SOON).expect(0);
            }
            assert_equal(&gateway, &scene);
            gateway.stop();
            gateway.start_again();
        }
        let step = with_all(&scene, scene.metrics_of_verdict(&run), &gateway, &loki);
        step.finish(SOON).expect(0);
        assert_equal(&gateway, &scene);
        let told = ids(&scene.folder().join("events.jsonl"));
        assert!(told.iter().copied().eq(1..=told.len() as u64), "{told:?}");
        fold(&scene.audit().entries());
    }
}
