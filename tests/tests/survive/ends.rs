//! What every mode tells at the end: outputs, summary, and the gates that nobody judges.

use std::time::Duration;

use baton_tests::{Run, Scene, judge, patience};
use ledger::{FailureReason, Outcome};

use crate::{SOON, TAKEOVER};

#[test]
fn the_leg_that_deployed_and_the_verdict_tell_the_whole_story() {
    let (scene, run) = (Scene::new(), Run::number(7));
    let script = "write deploy 0.3; echo \"url=https://shop.example/$BATON_VERSION\" >>\"$BATON_OUTPUT\"; echo 'no pair' >>\"$BATON_OUTPUT\"; ((BATON_FENCING_TOKEN == 2))";
    let mut verdict = scene.verdict(&run).start();
    let mut standby = scene
        .candidate(&run, 2, script)
        .input("version", "v7")
        .start();
    standby.says("is ready", SOON);
    scene
        .candidate(&run, 1, script)
        .input("version", "v7")
        .finish(TAKEOVER)
        .expect(1);
    let deployed = standby.wait(TAKEOVER).expect(0);
    for (name, value) in [
        ("outcome", "succeeded"),
        ("proceed", "true"),
        ("failover", "true"),
        ("failover-reason", "primary_exit_code"),
        ("runner", "runner-b"),
        ("fencing-token", "2"),
        ("deployment-id", &run.deployment()),
        ("attempts", "2"),
        ("results", r#"{"url":"https://shop.example/v7"}"#),
    ] {
        assert_eq!(deployed.output(name), value, "output {name}");
    }
    assert!(deployed.output("duration-seconds").parse::<u64>().is_ok());
    let judged = verdict.wait(SOON).expect(0);
    assert_eq!(
        (judged.output("outcome"), judged.output("proceed")),
        ("succeeded".to_owned(), "false".to_owned())
    );
    assert_eq!(judged.output("runner"), "runner-b");
    for summary in [deployed.summary(), judged.summary()] {
        for part in [
            "v7",
            "runner-a",
            "runner-b",
            "exit code 1",
            "```mermaid",
            "| attempt |",
        ] {
            assert!(summary.contains(part), "{part:?} in:\n{summary}");
        }
    }
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn the_ledger_reads_as_an_audit_trail() {
    let (scene, run) = (Scene::new(), Run::number(1));
    scene
        .candidate(&run, 1, "write deploy 0.2")
        .input("version", "v1")
        .finish(SOON)
        .expect(0);
    let told = scene.audit().subjects();
    let expected = [
        "is ready, one of 2",
        "starts to deploy v1 for mona",
        "runs attempt 1",
        "succeeded",
        "deployment of v1 succeeded",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (line, part) in told.iter().zip(expected) {
        assert!(
            line.contains(part) && line.ends_with("[octo/shop/4701/1]"),
            "{part:?} in {line:?}"
        );
    }
}

#[test]
fn a_deployment_whose_gates_nobody_judges_fails_as_gates_missing_and_ran_once() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let leg = |n| {
        scene
            .candidate(&run, n, "write deploy 0.3")
            .input("await-gates", true)
            .input("gates-deadline", "1s")
            .input("lease-time", "4400ms")
            .start()
    };
    let (mut primary, mut standby) = (leg(1), leg(2));
    let deployed = primary.wait(SOON).expect(0);
    assert_eq!(
        (deployed.output("outcome"), deployed.output("proceed")),
        ("deployed".to_owned(), "true".to_owned())
    );
    let verdict = scene.verdict(&run).finish(TAKEOVER).expect(1);
    assert_eq!(verdict.output("outcome"), "failed");
    assert!(
        verdict.summary().contains("health-gates"),
        "{}",
        verdict.summary()
    );
    let ends = scene.audit().ends(&run.deployment());
    assert!(
        matches!(
            ends.as_slice(),
            [(Outcome::Failed, Some(FailureReason::GatesMissing), _)]
        ),
        "{ends:?}"
    );
    standby.wait(SOON);
    assert_eq!(scene.target().starts("deploy").len(), 1);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn the_status_is_for_people_and_for_programs() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let empty = scene.person("status").finish(SOON).expect(0);
    assert!(empty.log().contains("never deployed"), "{}", empty.log());
    let mut leg = scene
        .candidate(&run, 1, "write deploy release")
        .input("version", "v1")
        .start();
    scene.target().await_start(1, "deploy", SOON);
    let mut watching = scene.person("status").on("watcher").flag("--watch").start();
    watching.says("deploying, token 1", SOON);
    let json = scene
        .person("status")
        .on("program")
        .flag("--json")
        .finish(SOON)
        .expect(0)
        .log();
    let status: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(status["record"]["phase"], "deploying");
    assert_eq!(status["record"]["holder"]["runner"], "runner-a");
    scene.release();
    leg.wait(SOON).expect(0);
    watching.says("last deployments, newest first", SOON);
    watching.signal(nix::sys::signal::Signal::SIGINT);
    watching.wait(SOON).expect(130);
}

#[test]
fn an_early_step_leaves_a_file_that_only_its_user_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut leg = scene.candidate(&run, 1, "write deploy 0.5").start();
    let file = leg.folder().join("temp/baton/candidate.json");
    let mode = patience::until(SOON, "the candidate file", || {
        Some(file.metadata().ok()?.permissions().mode())
    });
    assert_eq!(mode & 0o777, 0o600);
    leg.wait(SOON).expect(0);
    let left: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(left["fencing_token"], 1, "{left}");
    assert_eq!(left["outcome"], "succeeded", "{left}");
}

#[test]
fn a_command_gets_what_it_needs_to_know_and_none_of_our_inputs() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let script = "env -0 >\"$GITHUB_WORKSPACE/env\"; write deploy 0.1";
    let leg = scene
        .candidate(&run, 1, script)
        .input("version", "v1")
        .input("attempts", 2);
    let mut leg = leg
        .input("github-token", "secret-of-the-job")
        .variable("DEPLOY_KEY", "kept")
        .start();
    leg.wait(Duration::from_secs(20)).expect(0);
    let env = std::fs::read_to_string(leg.folder().join("work/env")).unwrap();
    let has = |line: &str| env.split('\0').any(|l| l == line);
    let id = run.deployment();
    for line in [
        "BATON_FENCING_TOKEN=1",
        &format!("BATON_DEPLOYMENT_ID={id}"),
        "BATON_ENVIRONMENT=production",
        "BATON_VERSION=v1",
        "BATON_ROLE=primary",
        "BATON_RUNNER=runner-a",
        "BATON_ACTOR=mona",
        "BATON_ATTEMPT=1",
        "DEPLOY_KEY=kept",
    ] {
        assert!(has(line), "{line} in {env:?}");
    }
    assert!(env.contains("BATON_OUTPUT=/"));
    assert!(
        !env.contains("INPUT_") && !env.contains("secret-of-the-job"),
        "{env:?}"
    );
}
