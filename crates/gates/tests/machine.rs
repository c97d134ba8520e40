//! The gates `host` and `command`, from their YAML to what they see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::Path, time::Duration};

use actions_kit::{Environment, Redactor};
use gates::{Gate, Problem, Surroundings, file};
use probes::{Answer, Observation, resolver::Resolver};
use tokio::time::Instant;

const CANARY: &str = "canary-9d41c7";

fn around(workspace: &Path) -> Surroundings {
    Surroundings {
        workspace: workspace.to_owned(),
        environment: Environment::from([
            ("PATH", std::env::var("PATH").unwrap().as_str()),
            ("API_TOKEN", CANARY),
            ("REGION", "north"),
            ("INPUT_GITHUB_TOKEN", "of-the-action"),
        ]),
        redactor: Redactor::new(),
        resolver: Resolver::system(),
    }
}

fn read(text: &str, around: &Surroundings) -> Result<Gate, Vec<Problem>> {
    let mut gates = file::read(text, around)?;
    assert_eq!(gates.len(), 1);
    Ok(gates.remove(0))
}

async fn observed(gate: &str, around: &Surroundings) -> Observation {
    let gate = read(gate, around).unwrap();
    gate.probe
        .check(Instant::now() + Duration::from_secs(20))
        .await
}

/// What is wrong: the key's place and what was seen.
fn wrong(gate: &str) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let Err(problems) = read(gate, &around(folder.path())) else {
        panic!("nothing is wrong with {gate}");
    };
    for problem in &problems {
        assert!(problem.line.is_some(), "{problem:?}");
        assert!(!problem.wanted.is_empty() && !problem.mend.is_empty());
    }
    let pair = |problem: Problem| (problem.place, problem.seen);
    problems.into_iter().map(pair).collect()
}

#[tokio::test]
async fn a_host_gate_without_settings_looks_at_the_usual_file_systems_and_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let around = around(folder.path());
    let gate = read("- {name: machine, host: {}}", &around).unwrap();
    assert_eq!(
        gate.probe.identity(),
        format!("host disk / {}, memory", folder.path().display())
    );
}

#[tokio::test]
async fn the_shares_of_a_host_gate_are_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let around = around(folder.path());
    let seen = observed(
        "- {name: machine, host: {disk: 100, memory: 0.01%, paths: .}}",
        &around,
    )
    .await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(
        seen.seen.starts_with("memory ") && seen.seen.ends_with(", wanted below 0.01 %"),
        "{}",
        seen.seen
    );
    let seen = observed(
        "- {name: machine, host: {paths: [gone, /proc/gone]}}",
        &around,
    )
    .await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(
        seen.seen.contains(&format!(
            "failed to look at {}: there is no such path; failed to look at /proc/gone",
            folder.path().join("gone").display()
        )),
        "{}",
        seen.seen
    );
    assert_eq!(
        wrong("- {name: machine, host: {cpu: 0}}"),
        [("gate machine, host, `cpu`".to_owned(), "0 %".to_owned())]
    );
}

#[tokio::test]
async fn a_command_runs_as_a_run_step_in_the_workspace_with_the_steps_environment() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deploy")).unwrap();
    let around = around(folder.path());
    let gate = r#"
- name: smoke
  command:
    run: |
      set -u
      [ "$PWD" = "$HERE/deploy" ]
      [ "${REGION}" = south ]
      [ -z "${INPUT_GITHUB_TOKEN-}" ]
      false | true || echo "$REGION ${API_TOKEN:0:6}"
    working-directory: deploy
    env: {REGION: south, HERE: HERE_IS}
    output: (?m)^south canary$
"#
    .replace("HERE_IS", folder.path().to_str().unwrap());
    let seen = observed(&gate, &around).await;
    assert_eq!(
        (seen.answer, seen.seen.as_str()),
        (Answer::Pass, "exit code 0: south canary")
    );
}

#[tokio::test]
async fn no_variable_stands_in_a_commands_arguments_nor_in_what_is_told_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let around = around(folder.path());
    let gate = r#"
- name: login
  command:
    run: |
      tr '\0' ' ' < /proc/$$/cmdline > arguments; test "${API_TOKEN}" = "$OTHER"; exit 3
    env: {OTHER: "${API_TOKEN}"}
    exit-code: 4
"#;
    let gate = read(gate, &around).unwrap();
    assert!(!gate.probe.identity().contains(CANARY));
    let seen = gate
        .probe
        .check(Instant::now() + Duration::from_secs(20))
        .await;
    assert_eq!(
        (seen.answer, seen.seen.as_str()),
        (Answer::Fail, "exit code 3, wanted 4")
    );
    let arguments = std::fs::read_to_string(folder.path().join("arguments")).unwrap();
    assert!(
        arguments.starts_with("bash -eo pipefail -c tr "),
        "{arguments}"
    );
    assert!(!arguments.contains(CANARY), "{arguments}");
}

#[tokio::test]
async fn a_command_whose_time_is_up_fails_and_leaves_nothing_running() {
    let folder = tempfile::tempdir().unwrap();
    let around = around(folder.path());
    let gate = "- {name: slow, command: \"trap '' TERM; echo waiting; echo $$ > pid; sleep 600\"}";
    let gate = read(gate, &around).unwrap();
    let file = folder.path().join("pid");
    let seen = gate
        .probe
        .check(Instant::now() + Duration::from_secs(5))
        .await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(
        seen.seen.contains(" within 5.0 s: it was killed: waiting"),
        "{}",
        seen.seen
    );
    let pid = std::fs::read_to_string(file).unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    test_servers::until(Duration::from_secs(10), "its end", || {
        let stat = std::fs::read_to_string(&stat).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let seen = observed(
        "- {name: smoke, command: {run: ./smoke.sh, working-directory: gone}}",
        &around(folder.path()),
    )
    .await;
    assert_eq!(seen.answer, Answer::Unknown);
    assert_eq!(
        seen.seen,
        format!(
            "failed to start bash for ./smoke.sh: there is no folder {}",
            folder.path().join("gone").display()
        )
    );
}

#[test]
fn everything_that_is_wrong_with_a_command_is_told_at_once() {
    let gate = r#"
- name: smoke
  command:
    run: "true"
    exit-code: 256
    output: "(ready"
    env: {"A=B": x}
"#;
    let place = |key: &str| format!("gate smoke, command, `{key}`");
    let text = |text: &str| text.to_owned();
    let mut seen = wrong(gate);
    seen.sort();
    assert_eq!(
        seen,
        [
            (place("env"), text("`A=B`")),
            (place("exit-code"), text("256")),
            (place("output"), text("no regular expression")),
        ]
    );
    assert_eq!(
        wrong("- {name: smoke, command: \"\\n \\n\"}"),
        [(place("run"), text("nothing"))]
    );
    assert_eq!(
        wrong("- {name: smoke, command: {run: \"a\\0\", working-directory: \"b\\0\"}}"),
        [
            (place("run"), text("the character 0 in it")),
            (place("working-directory"), text("the character 0 in it")),
        ]
    );
}
