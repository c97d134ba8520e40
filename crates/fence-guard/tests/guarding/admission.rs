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
fn one_token_given_to_two_runners_is_refused_to_the_second() {
    let target = Target::new();
    let of = |runner: &str, step: &str| {
        call(8, &format!("echo {runner} {step} >>log"))
            .runner(runner)
            .step(step)
    };
    assert!(target.run(&of("runner-1", "one")).status.success());
    let before = target.state();
    // Neither a step that is done nor one that is not.
    for step in ["one", "two"] {
        let refused = target.run(&of("runner-2", step));
        assert_eq!(refused.status.code(), Some(77));
        let said = stderr(&refused);
        assert!(
            said.contains(
                "refused to admit token 8 of runner runner-2: here it is the token of runner runner-1, so this token was given twice"
            ) && said.contains("mend: nothing at this target"),
            "{said}"
        );
    }
    assert_eq!(target.state(), before);
    // The first goes on, and tries again what it likes; a newer token is anyone's.
    assert!(target.run(&of("runner-1", "two")).status.success());
    let next = call(9, "echo next >>log").runner("runner-2");
    assert!(target.run(&next).status.success());
    assert_eq!(target.log(), ["runner-1 one", "runner-1 two", "next"]);
}

#[test]
fn one_token_given_to_two_runners_does_not_end_the_firsts_command() {
    let target = Target::new();
    let first = target.start(&call(
        8,
        "echo 8 start >>log; while [ ! -e go ]; do sleep 0.02; done; echo 8 end >>log",
    ));
    target.await_line("8 start");
    let second = target.run(&call(8, "echo second >>log").runner("runner-2"));
    assert_eq!(second.status.code(), Some(77), "{}", stderr(&second));
    std::fs::write(target.path("go"), "").unwrap();
    assert_eq!(end(first), Some(0));
    assert_eq!(target.log(), ["8 start", "8 end"]);
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

#[test]
fn a_guard_within_the_command_of_another_state_works_and_ends_with_it() {
    let outer = Target::new();
    let inner = outer.path("inner.json");
    let guard = env!("CARGO_BIN_EXE_fence-guard");
    let within = |token: u64, script: &str| {
        format!(
            "{guard} --state {} --token {token} --deployment i/{token} --version v --runner r --by b -- sh -c '{script}'",
            inner.display()
        )
    };
    let done = outer.run(&call(7, &within(3, "echo 7 inner >>log")));
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let older = outer.start(&call(
        8,
        &within(
            4,
            "echo \\$\\$ >pid; while :; do echo 8 >>log; sleep 0.01; done",
        )
        .replace("\\$", "$"),
    ));
    let pid = pid_in(&outer, "pid");
    // A newer token of the outer state ends the inner guard's command along with it.
    let newer = outer.run(&call(9, "echo 9 >>log"));
    assert_eq!(newer.status.code(), Some(0), "{}", stderr(&newer));
    assert!(!crate::target::acts(pid));
    assert_eq!(end(older), Some(77));
    assert_eq!(overlaps(&outer.log()), [""; 0]);
    // And the inner state goes on with the same token, and with a newer one.
    for token in [4, 5] {
        let again =
            outer.run(&call(9, &within(token, "echo 9 again >>log")).step(&token.to_string()));
        assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    }
}
