//! Exit codes, signals, a caller that goes away.

use std::{io::Write, process::Stdio};

use nix::sys::signal::Signal;

use crate::target::{Target, acts, call, end, kill, pid_in, stderr, until};

#[test]
fn the_commands_own_exit_code_comes_back_but_never_one_of_the_guards() {
    let target = Target::new();
    for (code, expected) in [
        (0, 0),
        (1, 1),
        (3, 3),
        (64, 1),
        (69, 1),
        (77, 1),
        (126, 126),
        (255, 255),
    ] {
        let ended = target.run(&call(7, &format!("exit {code}")));
        assert_eq!(ended.status.code(), Some(expected), "{code}");
        assert_eq!(
            stderr(&ended).contains("one of the guard's own"),
            code != expected,
            "{code}"
        );
    }
}

#[test]
fn a_program_that_is_not_there_is_127_and_one_that_is_none_126() {
    let target = Target::new();
    let mut absent = call(7, "");
    absent.command = vec!["no-such-program".into()];
    let ended = target.run(&absent);
    assert_eq!(ended.status.code(), Some(127));
    assert!(
        stderr(&ended)
            .contains("failed to start no-such-program: there is no such program in PATH"),
        "{}",
        stderr(&ended)
    );
    std::fs::write(target.path("text"), "no program").unwrap();
    absent.command = vec!["./text".into()];
    assert_eq!(target.run(&absent).status.code(), Some(126));
    assert!(target.state()["running"].is_null());
}

#[test]
fn a_script_whose_interpreter_is_missing_is_told_so() {
    use std::os::unix::fs::PermissionsExt;
    let target = Target::new();
    let mut script = call(7, "");
    script.command = vec!["./script".into()];
    for (line, expected) in [
        (
            "#!/no/such -e\n",
            "its interpreter /no/such is not on this host\n",
        ),
        (
            "#!/bin/sh\r\n",
            "its interpreter /bin/sh is not on this host; its first line ends with a carriage return",
        ),
    ] {
        std::fs::write(target.path("script"), line).unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(target.path("script"), mode).unwrap();
        let ended = target.run(&script);
        assert_eq!(ended.status.code(), Some(126));
        let said = stderr(&ended);
        assert!(
            said.contains(&format!("failed to start ./script: {expected}")),
            "{said}"
        );
    }
}

#[test]
fn a_death_by_signal_is_a_failure_with_its_number() {
    let target = Target::new();
    assert_eq!(
        target.run(&call(7, "kill -SEGV $$")).status.code(),
        Some(139)
    );
    assert!(target.state()["current_version"].is_null());
}

#[test]
fn input_and_output_go_through() {
    let target = Target::new();
    let mut guard = target
        .guard(&call(7, "cat; echo problem >&2"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    guard
        .stdin
        .take()
        .unwrap()
        .write_all(b"a tar, say")
        .unwrap();
    let ended = guard.wait_with_output().unwrap();
    assert_eq!(ended.stdout, b"a tar, say");
    assert_eq!(ended.stderr, b"problem\n");
}

#[test]
fn signals_to_the_guard_reach_the_command() {
    for (signal, name) in [
        (Signal::SIGTERM, "TERM"),
        (Signal::SIGINT, "INT"),
        (Signal::SIGHUP, "HUP"),
    ] {
        let target = Target::new();
        let script = format!(
            "trap 'echo {name} >>log; exit 5' {name}; echo start >>log; while :; do sleep 0.02; done"
        );
        let guard = target.start(&call(7, &script));
        target.await_line("start");
        kill(guard.id().cast_signed(), signal);
        assert_eq!(end(guard), Some(5), "{name}");
        assert_eq!(target.log(), ["start", name]);
    }
}

#[test]
fn a_command_whose_caller_has_gone_without_a_signal_gets_sighup() {
    let target = Target::new();
    let script = "exec >/dev/null 2>&1; trap 'echo HUP >>log; exit 5' HUP; echo start >>log; while :; do sleep 0.02; done";
    let mut guard = target
        .guard(&call(7, script))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    target.await_line("start");
    // One of two outputs closed is a caller who does not care for it.
    drop(guard.stdout.take());
    drop(guard.stderr.take());
    assert_eq!(end(guard), Some(5));
    assert_eq!(target.log(), ["start", "HUP"]);
}

#[test]
fn one_closed_output_alone_ends_nothing() {
    let target = Target::new();
    let mut guard = target
        .guard(&call(
            7,
            "echo start >>log; while [ ! -e go ]; do sleep 0.02; done; echo end >>log",
        ))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    target.await_line("start");
    drop(guard.stdout.take());
    std::fs::write(target.path("go"), "").unwrap();
    assert_eq!(guard.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(target.log(), ["start", "end"]);
}

#[test]
fn a_killed_guards_command_is_dead_although_it_ignores_every_signal() {
    let target = Target::new();
    let mut guard = target.start(&call(
        7,
        "trap '' TERM INT HUP; echo $$ >pid; while :; do sleep 1; done",
    ));
    let pid = pid_in(&target, "pid");
    guard.kill().unwrap();
    guard.wait().unwrap();
    until("end of the command", || (!acts(pid)).then_some(()));
}

#[test]
fn nothing_of_a_guard_is_left_when_it_ends() {
    let target = Target::new();
    // The keeper is the command's parent.
    assert!(target.run(&call(7, "echo $PPID >pid")).status.success());
    let keeper = pid_in(&target, "pid");
    assert!(!std::path::Path::new(&format!("/proc/{keeper}")).exists());
}
