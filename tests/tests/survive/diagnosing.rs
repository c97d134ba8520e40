//! What a leg leaves behind on its host: diagnostics where it did not end well, and the command's output.

use std::{fs, path::PathBuf};

use baton_tests::{Ended, Run, Scene, judge};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{SOON, TAKEOVER};

/// The bundle that the step's output names.
fn bundle(ended: &Ended) -> (PathBuf, Value, String) {
    let folder = PathBuf::from(ended.output("diagnostics"));
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let json = serde_json::from_str(&read("diagnostics.json")).unwrap();
    let text = read("diagnostics.txt");
    (folder, json, text)
}

fn candidate_file(folder: &std::path::Path) -> Value {
    let text = fs::read_to_string(folder.join("temp/baton/candidate.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_leg_that_failed_names_a_bundle_and_one_that_did_not_names_none() {
    let (scene, run) = (Scene::new(), Run::number(1));
    // The mask comes after the line that it is for.
    let script = "write deploy 0.2; echo \"attempt $BATON_ATTEMPT has own-5d81f0c2\"; echo '::add-mask::own-5d81f0c2'; \
                  exit $((7 * (2 - BATON_FENCING_TOKEN)))";
    let mut standby = scene.candidate(&run, 2, script).start();
    standby.says("is ready", SOON);
    let mut primary = scene
        .candidate(&run, 1, script)
        .input("attempts", 2)
        .input("retry-wait", "1s")
        .start();
    let failed = primary.wait(TAKEOVER).expect(1);
    let well = standby.wait(TAKEOVER).expect(0);

    let (folder, json, text) = bundle(&failed);
    assert!(folder.starts_with(primary.folder().join("temp/baton")));
    assert_eq!(json["about"]["deployment"], run.deployment());
    assert_eq!(json["about"]["runner"], "runner-a");
    let lines = json["last_lines"].as_array().unwrap();
    assert!(lines.contains(&"attempt 2 has ***".into()), "{lines:?}");
    let history = json["history"].as_array().unwrap();
    assert!(
        history.iter().any(|entry| entry["event"] == "failover"),
        "{history:?}"
    );
    let ours = u64::from(std::process::id());
    let told = json["processes"]["told"].as_array().unwrap();
    assert!(told.iter().any(|one| one["pid"] == ours) || told.len() == 400);
    assert!(text.contains("exit code 7"), "{text}");
    assert!(failed.log().contains("diagnostics of this host are in"));

    let left = candidate_file(primary.folder());
    assert_eq!(left["diagnostics"], folder.display().to_string());
    assert_eq!(left["stood_by"], false);
    let output = fs::read_to_string(left["command_output"].as_str().unwrap()).unwrap();
    let lines: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for attempt in [1, 2] {
        let line =
            serde_json::json!({"attempt": attempt, "line": format!("attempt {attempt} has ***")});
        assert!(lines.contains(&line), "{line} in {output}");
    }
    assert!(!output.contains("own-5d81f0c2"));

    assert_eq!(well.output("diagnostics"), "");
    let left = candidate_file(standby.folder());
    assert_eq!(
        (&left["diagnostics"], &left["stood_by"]),
        (&Value::Null, &false.into())
    );
    assert!(left["command_output"].is_string());
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_standby_that_had_nothing_to_do_says_so_and_leaves_nothing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut standby = scene.candidate(&run, 2, "write deploy 0.2").start();
    standby.says("is ready", SOON);
    scene
        .candidate(&run, 1, "write deploy 0.2")
        .finish(SOON)
        .expect(0);
    let ended = standby.wait(SOON).expect(0);
    assert_eq!(ended.output("diagnostics"), "");
    let left = candidate_file(standby.folder());
    assert_eq!(left["stood_by"], true);
    assert_eq!(
        (&left["command_output"], &left["diagnostics"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        !standby
            .folder()
            .join("temp/baton/command-output.jsonl")
            .exists()
    );
}

#[test]
fn a_leg_that_is_told_to_stop_leaves_its_output_and_takes_no_time_for_diagnostics() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut leg = scene
        .candidate(&run, 1, "echo begun; write deploy forever")
        .input("candidates", 1)
        .start();
    scene.target().await_start(1, "deploy", SOON);
    leg.signal(Signal::SIGINT);
    let ended = leg.wait(SOON).expect(130);
    assert_eq!(ended.output("diagnostics"), "");
    let left = candidate_file(leg.folder());
    assert_eq!(left["stood_by"], false);
    let output = fs::read_to_string(left["command_output"].as_str().unwrap()).unwrap();
    assert_eq!(
        output.lines().next(),
        Some(r#"{"attempt":1,"line":"begun"}"#)
    );
}

#[test]
fn a_store_that_cannot_be_reached_is_worth_a_look_at_the_host_too() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let nobody = test_servers::free_port();
    let ended = scene
        .candidate(&run, 1, "write deploy 0.2")
        .input("store", format!("git+http://127.0.0.1:{nobody}/x.git"))
        .input("github-token", "canary-5d81f0c2b7e9")
        .input("queue-timeout", "2s")
        .finish(TAKEOVER)
        .expect(69);
    let (_, json, text) = bundle(&ended);
    assert_eq!(json["network"][0]["what"], "the store");
    let missing = json["network"][0]["connected"]["missing"].as_str().unwrap();
    assert!(missing.contains("refused"), "{missing}");
    assert!(json["history"]["missing"].is_string());
    assert!(!text.contains("canary"));
}

#[test]
fn a_signal_ends_the_look_at_a_host_that_hangs() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let deaf = test_servers::Deaf::start();
    let mut leg = scene
        .candidate(&run, 1, "write deploy 0.2; exit 7")
        .input("candidates", 1)
        .variable("DOCKER_HOST", format!("tcp://{}", deaf.address()))
        .start();
    leg.says("looking at this host", TAKEOVER);
    leg.signal(Signal::SIGTERM);
    let ended = leg.wait(SOON).expect(1);
    assert_eq!(ended.output("diagnostics"), "");
    assert!(
        ended.log().contains("the diagnostics are left out"),
        "{}",
        ended.log()
    );
    assert_eq!(ended.output("outcome"), "failed");
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_a_warning_and_the_exit_code_stays() {
    let (scene, run) = (Scene::new(), Run::number(1));
    // The command itself takes the folder away: what comes later finds a file there.
    let script =
        "write deploy 0.2; rm -r \"$RUNNER_TEMP/baton\"; touch \"$RUNNER_TEMP/baton\"; exit 7";
    let ended = scene
        .candidate(&run, 1, script)
        .input("candidates", 1)
        .finish(TAKEOVER)
        .expect(1);
    assert_eq!(ended.output("diagnostics"), "");
    assert!(
        ended.log().contains("failed to leave the diagnostics"),
        "{}",
        ended.log()
    );
    assert_eq!(ended.output("outcome"), "failed");
}
