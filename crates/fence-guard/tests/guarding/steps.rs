//! Done is keyed by deployment and step; the state says what the target is at.

use serde_json::Value;

use crate::target::{Target, call, end, stderr};

#[test]
fn a_done_step_is_not_run_again() {
    let target = Target::new();
    let step = call(7, "echo 7 >>log").step("migrate");
    assert!(target.run(&step).status.success());
    let again = target.run(&step);
    assert_eq!(again.status.code(), Some(0));
    assert!(
        stderr(&again).contains("step migrate of deployment o/r/7/1 was done at ")
            && stderr(&again).lines().count() == 1,
        "{}",
        stderr(&again)
    );
    assert_eq!(target.log(), ["7"]);
}

#[test]
fn a_command_without_a_name_is_its_own_step() {
    let target = Target::new();
    for script in ["echo a >>log", "echo b >>log", "echo a >>log"] {
        assert!(target.run(&call(7, script)).status.success());
    }
    assert_eq!(target.log(), ["a", "b"]);
}

#[test]
fn the_candidate_that_takes_over_goes_on_behind_what_is_done() {
    let target = Target::new();
    assert!(
        target
            .run(
                &call(7, "echo 7 >>log")
                    .deployment("d")
                    .version("v")
                    .step("one")
            )
            .status
            .success()
    );
    let took_over = target.run(
        &call(8, "echo 8 >>log")
            .deployment("d")
            .version("v")
            .step("one"),
    );
    assert_eq!(took_over.status.code(), Some(0));
    assert_eq!(target.log(), ["7"]);
    // And the older one is locked out from then on, although nothing ran.
    assert_eq!(target.state()["fencing_token"], 8);
    assert_eq!(
        target
            .run(
                &call(7, "echo 7 >>log")
                    .deployment("d")
                    .version("v")
                    .step("two")
            )
            .status
            .code(),
        Some(77)
    );
}

#[test]
fn a_failed_step_is_run_again() {
    let target = Target::new();
    let step = call(7, "echo 7 >>log; [ -e fine ]").step("one");
    assert_eq!(target.run(&step).status.code(), Some(1));
    assert!(target.state()["current_version"].is_null());
    std::fs::write(target.path("fine"), "").unwrap();
    assert_eq!(target.run(&step).status.code(), Some(0));
    assert_eq!(target.log(), ["7", "7"]);
    assert_eq!(target.state()["current_version"], "v7");
}

#[test]
fn a_version_that_is_there_already_is_deployed_again_with_a_warning() {
    let target = Target::new();
    assert!(
        target
            .run(&call(7, "echo 7 >>log").version("v1"))
            .status
            .success()
    );
    let again = target.run(&call(8, "echo 8 >>log").version("v1"));
    assert_eq!(again.status.code(), Some(0));
    assert!(
        stderr(&again).contains("warning: this target is at version v1 already"),
        "{}",
        stderr(&again)
    );
    assert_eq!(target.log(), ["7", "8"]);
    assert!(target.state()["previous_version"].is_null());
    // Once a deployment.
    let next = target.run(&call(8, "echo 8 >>log").version("v1").step("two"));
    assert!(!stderr(&next).contains("warning"), "{}", stderr(&next));
}

#[test]
fn a_roll_back_by_the_same_command_is_run() {
    let target = Target::new();
    let to = |version: &str| {
        call(8, "echo $BATON_VERSION >>log")
            .deployment("d")
            .version(version)
            .step("deploy")
    };
    assert!(target.run(&call(7, "true").version("v1")).status.success());
    for version in ["v2", "v1", "v2"] {
        assert!(target.run(&to(version)).status.success());
        assert_eq!(target.state()["current_version"], version);
    }
    assert_eq!(target.log(), ["v2", "v1", "v2"]);
    assert_eq!(target.state()["previous_version"], "v1");
}

#[test]
fn a_roll_back_under_another_name_undoes_what_was_done() {
    let target = Target::new();
    for (step, version) in [("deploy", "v2"), ("roll-back", "v1"), ("deploy", "v2")] {
        let call = call(8, "echo $BATON_VERSION >>log").deployment("d");
        assert!(
            target
                .run(&call.version(version).step(step))
                .status
                .success()
        );
    }
    assert_eq!(target.log(), ["v2", "v1", "v2"]);
}

#[test]
fn the_state_has_the_fields_that_the_design_names_and_keeps_unknown_ones() {
    let target = Target::new();
    assert!(target.run(&call(7, "true")).status.success());
    let mut state = target.state();
    state["site"] = "berlin".into();
    state["deployment"]["ticket"] = 12.into();
    std::fs::write(target.path("state.json"), format!("{state}\n")).unwrap();
    assert!(target.run(&call(7, "echo").step("two")).status.success());
    let state = target.state();
    assert_eq!(state["site"], "berlin");
    assert_eq!(state["deployment"]["ticket"], 12);
    assert!(target.run(&call(8, "true")).status.success());
    let state = target.state();
    for (field, value) in [
        ("schema", Value::from(1)),
        ("fencing_token", 8.into()),
        ("current_version", "v8".into()),
        ("previous_version", "v7".into()),
        ("deploy_runner", "runner-1".into()),
        ("deployed_by", "octocat".into()),
        ("site", "berlin".into()),
        ("running", Value::Null),
    ] {
        assert_eq!(state[field], value, "{field}");
    }
    for field in ["last_deploy_timestamp", "deploy_start"] {
        assert!(state[field].as_str().unwrap().ends_with('Z'), "{field}");
    }
    assert_eq!(state["deployment"]["id"], "o/r/8/1");
    assert_eq!(state["deployment"]["steps"].as_object().unwrap().len(), 1);
}

#[test]
fn a_second_command_of_the_same_token_waits_for_the_first() {
    let target = Target::new();
    let first = target.start(
        &call(
            7,
            "echo 7 start >>log; while [ ! -e go ]; do sleep 0.02; done; echo 7 end >>log",
        )
        .step("one"),
    );
    target.await_line("7 start");
    let mut second = target.guard(&call(7, "echo 7 second >>log").step("two"));
    let mut second = second.stderr(std::process::Stdio::piped()).spawn().unwrap();
    // Its line about waiting comes first.
    let mut errors = second.stderr.take().unwrap();
    let mut said = [0; 40];
    std::io::Read::read_exact(&mut errors, &mut said).unwrap();
    assert!(said.starts_with(b"fence-guard: waiting for step one"));
    std::fs::write(target.path("go"), "").unwrap();
    assert_eq!(end(first), Some(0));
    assert_eq!(end(second), Some(0));
    assert_eq!(target.log(), ["7 start", "7 end", "7 second"]);
}

#[test]
fn the_same_step_twice_at_once_runs_once() {
    let target = Target::new();
    let step = call(7, "echo 7 >>log; sleep 0.3").step("one");
    let guards: Vec<_> = (0..5).map(|_| target.start(&step)).collect();
    for guard in guards {
        assert_eq!(end(guard), Some(0));
    }
    assert_eq!(target.log(), ["7"]);
}

#[test]
fn the_command_gets_what_the_deployment_is_and_no_descriptor_of_the_guard() {
    let target = Target::new();
    let script = "echo $BATON_FENCING_TOKEN $BATON_DEPLOYMENT_ID $BATON_VERSION $BATON_RUNNER $BATON_ACTOR >>log; ls /proc/self/fd | wc -l >>log";
    assert!(target.run(&call(7, script)).status.success());
    // As many as without a guard: cargo itself may leave some to its children.
    let unguarded = std::process::Command::new("sh")
        .args(["-c", "ls /proc/self/fd | wc -l >>log"])
        .current_dir(target.folder.path())
        .output()
        .unwrap();
    assert!(unguarded.status.success());
    let log = target.log();
    assert_eq!(log[0], "7 o/r/7/1 v7 runner-1 octocat");
    assert_eq!(log[1], log[2]);
}
