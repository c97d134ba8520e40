//! Who is let in.

use crate::target::{Target, call, end, overlaps, pid_in, stderr};
use nix::sys::signal::Signal;

#[test]
fn an_older_token_is_refused_and_nothing_changes() {
    let target = Target::new();
    assert!(target.run(&call(8, "echo 8 >>log")).status.success());
    let before = target.state();
    let refused = target.run(&call(7, "echo 7 >>log"));
    assert_eq!(refused.status.code(), Some(77));
    let said = stderr(&refused);
    assert!(
        said.contains(
            "refused to admit token 7: this target has admitted token 8, of deployment o/r/8/1"
        ) && said.contains("mend: "),
        "{said}"
    );
    assert_eq!(target.log(), ["8"]);
    assert_eq!(target.state(), before);
}

#[test]
fn a_token_that_goes_backwards_stays_refused_until_it_passes_the_newest() {
    let target = Target::new();
    for (token, expected) in [(5, 0), (6, 0), (4, 77), (5, 77), (3, 77), (7, 0)] {
        let call = call(token, &format!("echo {token} >>log"));
        assert_eq!(target.run(&call).status.code(), Some(expected), "{token}");
    }
    assert_eq!(target.log(), ["5", "6", "7"]);
}

#[test]
fn a_token_belongs_to_one_deployment() {
    let target = Target::new();
    assert!(
        target
            .run(&call(8, "true").deployment("a"))
            .status
            .success()
    );
    let refused = target.run(&call(8, "echo 8 >>log").deployment("b"));
    assert_eq!(refused.status.code(), Some(77));
    assert!(stderr(&refused).contains(
        "refused to admit token 8 of deployment b: here it is the token of deployment a"
    ));
    assert!(target.log().is_empty());
}

#[test]
fn a_newer_token_ends_the_older_command_before_its_own_starts() {
    let target = Target::new();
    let older = target.start(&call(
        7,
        "echo 7 start >>log; while :; do echo 7 >>log; done",
    ));
    target.await_line("7 start");
    let newer = target.run(&call(8, "echo 8 >>log; sleep 0.2; echo 8 >>log"));
    assert_eq!(newer.status.code(), Some(0), "{}", stderr(&newer));
    assert_eq!(end(older), Some(77));
    assert!(
        target
            .errors(7)
            .contains("refused to go on with token 7: token 8 was admitted meanwhile"),
        "{}",
        target.errors(7)
    );
    assert_eq!(overlaps(&target.log()), [""; 0]);
    assert_eq!(target.log().last().unwrap(), "8");
    assert_eq!(target.state()["running"], serde_json::Value::Null);
}

#[test]
fn an_older_guard_that_is_stopped_with_its_command_never_acts_again() {
    let target = Target::new();
    let script = "echo $$ >pid; echo 7 start >>log; while :; do echo 7 >>log; sleep 0.01; done";
    let older = target.start(&call(7, script));
    target.await_line("7 start");
    let guard = older.id().cast_signed();
    let keeper = i32::try_from(target.state()["running"]["keeper"].as_i64().unwrap()).unwrap();
    for pid in [guard, keeper, pid_in(&target, "pid")] {
        crate::target::kill(pid, Signal::SIGSTOP);
    }
    let newer = target.run(&call(8, "echo 8 >>log"));
    assert_eq!(newer.status.code(), Some(0), "{}", stderr(&newer));
    // Everything that was stopped goes on, where it is still there.
    for pid in [keeper, pid_in(&target, "pid")] {
        assert!(
            !crate::target::acts(pid),
            "process {pid} of the older command lives"
        );
    }
    crate::target::kill(guard, Signal::SIGCONT);
    assert_eq!(end(older), Some(77));
    assert_eq!(overlaps(&target.log()), [""; 0]);
}

#[test]
fn a_command_within_a_guarded_command_is_refused_instead_of_waiting_for_itself() {
    let target = Target::new();
    let guard = env!("CARGO_BIN_EXE_fence-guard");
    let inner = format!(
        "{guard} --state state.json --token 8 --deployment o/r/8/1 --version v8 --runner r --by b -- echo inner; echo $? >code"
    );
    let outer = target.run(&call(8, &inner));
    assert!(
        stderr(&outer).contains("refused to run within the command that this same state guards")
    );
    assert_eq!(
        std::fs::read_to_string(target.path("code")).unwrap(),
        "77\n"
    );
}
