//! The end of a deployment, by the result of its gates.

use baton_tests::{Run, Scene, judge};
use ledger::{Event, FailureReason, GateStatus, Outcome};

use crate::{HEALTHY, SOON, deployed, standby};

#[test]
fn gates_that_pass_end_the_deployment_well_and_the_verdict_is_green() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut verdict = scene.verdict(&run).start();
    let mut other = standby(&scene, &run);
    deployed(&scene, &run);
    let gates = scene.gates(&run, 1, HEALTHY).input("junit", "gates.xml");
    let gates = gates.finish(SOON).expect(0);
    assert_eq!(
        (gates.output("result"), gates.output("failed")),
        ("pass".to_owned(), String::new())
    );
    for name in ["report", "junit"] {
        assert!(std::fs::metadata(gates.output(name)).is_ok(), "{name}");
    }
    let summary = gates.summary();
    for part in ["production", "✅", "api", "db"] {
        assert!(summary.contains(part), "{part:?} in:\n{summary}");
    }
    let judged = verdict.wait(SOON).expect(0);
    assert_eq!(judged.output("outcome"), "succeeded");
    other.wait(SOON).expect(0);
    let told = scene.audit().subjects();
    assert!(
        told.iter()
            .any(|line| line.contains("saw 2 health gates pass")),
        "{told:#?}"
    );
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_failed_gate_fails_the_deployment_with_the_evidence_and_rolls_back() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let before = Run::number(0);
    deployed(&scene, &before);
    scene.gates(&before, 1, HEALTHY).finish(SOON).expect(0);
    let mut verdict = scene.verdict(&run).start();
    scene
        .candidate(&run, 1, "write deploy 0.1")
        .input("await-gates", true)
        .input("version", "v8")
        .input(
            "on-failure",
            "write back 0.1; echo \"back from $BATON_VERSION under $BATON_FENCING_TOKEN\"",
        )
        .finish(SOON)
        .expect(0);
    let yaml = "
- {name: good, command: 'true'}
- {name: bad, command: 'echo no database; exit 3', max-tries: 2, backoff: 50ms}
- {name: extra, command: 'exit 1', max-tries: 1, required: false}
- {name: behind, command: 'true', depends-on: bad}
";
    let gates = scene.gates(&run, 1, yaml).finish(SOON).expect(1);
    assert_eq!(
        (gates.output("result"), gates.output("failed")),
        ("fail".to_owned(), "bad,behind".to_owned())
    );
    assert!(
        gates.log().contains("back from v8 under 2"),
        "{}",
        gates.log()
    );
    let summary = gates.summary();
    for part in ["no database", "exit code 3", "v7", "on-failure"] {
        assert!(summary.contains(part), "{part:?} in:\n{summary}");
    }
    assert_eq!(scene.target().starts("back").len(), 1);
    let judged = verdict.wait(SOON).expect(1);
    assert!(
        judged.summary().contains("no database"),
        "{}",
        judged.summary()
    );
    let ends = scene.audit().ends(&run.deployment());
    assert!(
        matches!(
            ends.as_slice(),
            [(Outcome::Failed, Some(FailureReason::Gates), _)]
        ),
        "{ends:?}"
    );
    let entries = scene.audit().entries();
    let told = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::Gates { gates } => Some(gates.clone()),
        _ => None,
    });
    let told: Vec<_> = told
        .unwrap()
        .into_iter()
        .map(|g| (g.service, g.status, g.tries))
        .collect();
    assert_eq!(
        told,
        [
            ("good".to_owned(), GateStatus::Pass, 1),
            ("bad".to_owned(), GateStatus::Fail, 2),
            ("extra".to_owned(), GateStatus::Warn, 1),
            ("behind".to_owned(), GateStatus::Unknown, 0),
        ]
    );
    judge::assert_sound(&scene, &[&run.deployment(), &before.deployment()]);
}

#[test]
fn on_failure_that_fails_is_told_too() {
    let (scene, run) = (Scene::new(), Run::number(1));
    scene
        .candidate(&run, 1, "write deploy 0.1")
        .input("await-gates", true)
        .input("on-failure", "echo \"with $DEPLOYTOKEN\"; exit 9")
        .finish(SOON)
        .expect(0);
    let yaml = "[{name: bad, command: 'exit 3', max-tries: 1}]";
    let gates = scene
        .gates(&run, 1, yaml)
        .variable("DEPLOYTOKEN", "canary-5d81f0c2")
        .finish(SOON)
        .expect(1);
    assert!(gates.summary().contains("with ***"), "{}", gates.summary());
    assert!(
        gates.summary().contains("nobody knows what is live"),
        "{}",
        gates.summary()
    );
    let told = scene.audit().subjects();
    assert!(
        told.iter()
            .any(|l| l.contains("on-failure of") && l.contains("exit code 9")),
        "{told:#?}"
    );
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_deployment_that_did_not_await_its_gates_is_refused_by_the_inputs_name() {
    let (scene, run) = (Scene::new(), Run::number(1));
    scene
        .candidate(&run, 1, "write deploy 0.1")
        .finish(SOON)
        .expect(0);
    let gates = scene.gates(&run, 1, HEALTHY).finish(SOON).expect(64);
    assert!(gates.log().contains("await-gates"), "{}", gates.log());
    let alone = scene.gates(&run, 1, HEALTHY).input("store", "none");
    alone.finish(SOON).expect(0);
}

#[test]
fn another_environment_than_the_legs_is_refused() {
    let (scene, run) = (Scene::new(), Run::number(1));
    deployed(&scene, &run);
    let other = scene
        .gates(&run, 1, HEALTHY)
        .input("environment", "staging");
    let refused = other.finish(SOON).expect(64);
    assert!(
        refused.log().contains("`staging`") && refused.log().contains("`production`"),
        "{}",
        refused.log()
    );
    assert!(scene.audit().ends(&run.deployment()).is_empty());
}

#[test]
fn gates_are_judged_once_a_deployment() {
    let (scene, run) = (Scene::new(), Run::number(1));
    deployed(&scene, &run);
    scene.gates(&run, 1, HEALTHY).finish(SOON).expect(0);
    let again = scene.gates(&run, 1, HEALTHY).finish(SOON).expect(64);
    assert!(again.log().contains("judged already"), "{}", again.log());
}

#[test]
fn a_leg_that_does_not_carry_the_deployment_judges_nothing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut other = standby(&scene, &run);
    deployed(&scene, &run);
    scene.gates(&run, 1, HEALTHY).finish(SOON).expect(0);
    other.wait(SOON).expect(0);
    let yaml = "[{name: never, command: 'touch \"$GITHUB_WORKSPACE/../../asked\"'}]";
    let gates = scene.gates(&run, 2, yaml).finish(SOON).expect(0);
    assert_eq!(gates.output("result"), "skipped");
    assert!(
        gates.summary().contains("does not carry"),
        "{}",
        gates.summary()
    );
    assert!(!scene.folder().join("asked").exists());
}

#[test]
fn a_dry_run_binds_nobody() {
    let (scene, run) = (Scene::new(), Run::number(1));
    deployed(&scene, &run);
    let yaml = "[{name: bad, command: 'exit 3'}, {name: good, command: 'true'}]";
    let dry = scene.gates(&run, 1, yaml).input("dry-run", true);
    let dry = dry.finish(SOON).expect(0);
    assert_eq!(dry.output("result"), "fail");
    assert!(scene.audit().ends(&run.deployment()).is_empty());
    scene.gates(&run, 1, HEALTHY).finish(SOON).expect(0);
}

#[test]
fn a_secret_of_a_gate_reaches_nothing_that_is_left_behind() {
    const CANARY: &str = "canary-9%41@b/c+d";
    let (scene, run) = (Scene::new(), Run::number(1));
    deployed(&scene, &run);
    let yaml = "
- name: talks
  command: {run: 'echo \"it is $LOGIN_SECRET\"; exit 1', env: {LOGIN_SECRET: '${API_TOKEN}'}}
  max-tries: 2
  backoff: 50ms
- name: web
  http: {url: 'http://u:${API_TOKEN}@127.0.0.1:1/x?key=${API_TOKEN}', headers: {X-Key: '${API_TOKEN}'}}
  max-tries: 1
";
    let gates = scene
        .gates(&run, 1, yaml)
        .variable("API_TOKEN", CANARY)
        .input("junit", "gates.xml")
        .input("report", "gates.json");
    let gates = gates.finish(SOON);
    let left = [
        gates.log(),
        gates.summary(),
        gates.output_file(),
        scene.audit().subjects().join("\n"),
        serde_json::to_string(&scene.audit().entries()).unwrap(),
    ];
    let work = scene.folder().join("runner-a-of-4701-1/work");
    let files = ["gates.xml", "gates.json"].map(|name| std::fs::read_to_string(work.join(name)));
    for text in left.into_iter().chain(files.map(Result::unwrap_or_default)) {
        assert!(!text.contains("canary-9"), "{text}");
    }
}
