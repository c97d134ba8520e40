//! A state that is lost and mended by hand while an older command runs.

use std::{fs, process::Child};

use nix::sys::signal::Signal;

use crate::target::{Target, acts, call, end, keeper, kill, overlaps, pid_in, stderr, until};

/// Token 7's, which goes on for ever, and its process.
fn older(target: &Target) -> (Child, i32) {
    let script = "echo $$ >pid; echo 7 start >>log; while :; do echo 7 >>log; sleep 0.01; done";
    let older = target.start(&call(7, script));
    target.await_line("7 start");
    (older, pid_in(target, "pid"))
}

fn write(target: &Target, text: &str) {
    fs::write(target.path("state.json"), text).unwrap();
}

#[test]
fn an_older_command_is_ended_also_where_the_state_knows_nothing_of_it() {
    let by_hand = "{\"schema\": 1, \"fencing_token\": 7}\n";
    let restored = "{\"schema\": 1, \"fencing_token\": 6, \"deployment\": {\"id\": \"d\"}, \"running\": null}\n";
    for (text, lock) in [
        (Some(by_hand), true),
        (Some(restored), true),
        (Some(by_hand), false),
        (None, false),
    ] {
        let target = Target::new();
        let (guard, pid) = older(&target);
        match text {
            Some(text) => write(&target, text),
            None => fs::remove_file(target.path("state.json")).unwrap(),
        }
        if !lock {
            fs::remove_file(target.path("state.json.lock")).unwrap();
        }
        let newer = target.run(&call(8, "echo 8 >>log; sleep 0.2; echo 8 >>log"));
        let said = stderr(&newer);
        assert_eq!(newer.status.code(), Some(0), "{said}");
        assert!(
            said.contains(" of token 7 (process ") && said.contains("without the state's knowing"),
            "{said}"
        );
        assert!(!acts(pid));
        assert_eq!(overlaps(&target.log()), [""; 0]);
        assert_eq!(end(guard), Some(77));
    }
}

#[test]
fn an_older_command_that_cleared_its_environment_is_ended_too() {
    let target = Target::new();
    let script = "exec env -i sh -c 'echo $$ >pid; echo 7 start >>log; while :; do echo 7 >>log; sleep 0.01; done'";
    let guard = target.start(&call(7, script));
    target.await_line("7 start");
    write(&target, "{\"schema\": 1, \"fencing_token\": 7}\n");
    let newer = target.run(&call(8, "echo 8 >>log"));
    assert_eq!(newer.status.code(), Some(0), "{}", stderr(&newer));
    assert!(!acts(pid_in(&target, "pid")));
    assert_eq!(end(guard), Some(77));
    assert_eq!(overlaps(&target.log()), [""; 0]);
}

#[test]
fn a_newer_command_that_the_state_does_not_know_is_not_ended_for_an_older_token() {
    let target = Target::new();
    let (mut guard, pid) = older(&target);
    write(&target, "{\"schema\": 1, \"fencing_token\": 3}\n");
    let refused = target.run(&call(6, "echo 6 >>log"));
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(77), "{said}");
    assert!(
        said.contains("refused to admit token 6: process ")
            && said.contains(" keeps a command of token 7 here")
            && said.contains("write at least 7 into its fencing_token"),
        "{said}"
    );
    // The same token, of another runner.
    let refused = target.run(&call(7, "echo 7 other >>log").runner("runner-2"));
    assert_eq!(refused.status.code(), Some(77));
    assert!(stderr(&refused).contains("this token was given twice"));
    assert!(acts(pid));
    assert!(!target.log().contains(&"6".to_owned()));
    guard.kill().unwrap();
    guard.wait().unwrap();
    until("end of the command", || (!acts(pid)).then_some(()));
}

#[test]
fn the_command_of_another_state_is_left_alone() {
    let target = Target::new();
    let (guard, pid) = older(&target);
    let other = Target::new();
    // The same name in another folder, and another name in the same.
    assert!(other.run(&call(8, "true")).status.success());
    let mut beside = target.guard(&call(8, "true"));
    let words: Vec<_> = beside
        .get_args()
        .map(|word| word.to_string_lossy().replace("state.json", "other.json"))
        .collect();
    beside = std::process::Command::new(beside.get_program());
    assert!(beside.args(words).status().unwrap().success());
    assert!(acts(pid));
    kill(guard.id().cast_signed(), Signal::SIGTERM);
    assert_eq!(end(guard), Some(143));
}

#[test]
fn a_command_within_the_one_that_a_lost_state_guarded_is_refused_and_ends_nothing() {
    let target = Target::new();
    let guard = env!("CARGO_BIN_EXE_fence-guard");
    let script = format!(
        "echo '{{\"schema\": 1, \"fencing_token\": 7}}' >state.json; {guard} --state state.json --token 8 --deployment d --version v --runner r --by b -- echo inner; echo $? >code"
    );
    let outer = target.run(&call(7, &script));
    assert_eq!(fs::read_to_string(target.path("code")).unwrap(), "77\n");
    let said = stderr(&outer);
    assert!(
        said.contains("refused to run within the command that this same state guards"),
        "{said}"
    );
    // Its own end cannot be recorded, and that is what is said.
    assert_eq!(outer.status.code(), Some(69));
    assert!(
        said.contains("failed to record that the command ended with exit code 0: the state ")
            && !said.contains("meanwhile"),
        "{said}"
    );
}

#[test]
fn what_a_killed_keeper_left_is_told_after_the_state_was_lost_and_a_person_decides() {
    let target = Target::new();
    let script = "setsid sh -c 'echo $$ >away; while :; do sleep 0.05; done' & while [ ! -s away ]; do :; done; echo 7 start >>log; wait";
    let mut guard = target.start(&call(7, script));
    target.await_line("7 start");
    let (keeper, away) = (keeper(&target), pid_in(&target, "away"));
    // Neither is left to end it.
    kill(keeper, Signal::SIGSTOP);
    guard.kill().unwrap();
    guard.wait().unwrap();
    kill(keeper, Signal::SIGKILL);
    until("end of the keeper", || (!acts(keeper)).then_some(()));
    let by_hand = "{\"schema\": 1, \"fencing_token\": 7}\n";
    write(&target, by_hand);
    let refused = target.run(&call(8, "echo 8 >>log"));
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(77), "{said}");
    assert!(
        said.contains("refused to start anything beside process ")
            && said.contains("add \"running\": null to the state"),
        "{said}"
    );
    assert!(acts(away));
    assert_eq!(
        fs::read_to_string(target.path("state.json")).unwrap(),
        by_hand
    );
    // Either mend; here that it is a service.
    write(
        &target,
        "{\"schema\": 1, \"fencing_token\": 7, \"running\": null}\n",
    );
    assert_eq!(target.run(&call(8, "echo 8 >>log")).status.code(), Some(0));
    assert!(acts(away));
    assert_eq!(target.run(&call(9, "echo 9 >>log")).status.code(), Some(0));
    assert!(acts(away), "a later deployment does not ask again");
}
