//! How commands start and end, and what must be dead before the next one starts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test ends where its preparation fails"
)]

mod support;

use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use support::{CONTAINMENTS, Run, epoch_now, signal, wait_for};

/// Runs `script` to its end. The note about its exit.
fn exit_of(containment: &str, script: &str) -> (Run, String) {
    let mut run = Run::new(containment, script);
    run.order("keep 5000");
    run.order("start -");
    run.note("TreeDead");
    let exited = run.note("Exited");
    (run, exited)
}

#[test]
fn the_exit_code_is_the_commands_own() {
    for containment in CONTAINMENTS {
        for code in [0, 1, 3, 137, 255] {
            let (_run, exited) = exit_of(containment, &format!("exit {code}"));
            assert!(
                exited.contains(&format!("code: Some({code}), signal: None")),
                "{exited}"
            );
        }
    }
}

#[test]
fn the_command_runs_as_a_run_step_does() {
    for (script, code) in [
        ("false; exit 0", 1),
        ("false | true; exit 0", 1),
        ("if read -r line; then exit 9; fi; exit 4", 4),
        ("[[ $PWD == \"$D\" ]]; exit 5", 5),
        ("if env | grep -q ^INPUT_; then exit 9; fi; exit 6", 6),
        ("if [[ -v BATON_WATCHDOG ]]; then exit 9; fi; exit 7", 7),
        // Nothing of the supervisor's or the watchdog's is open in it: no socket, no timer, no way into a cgroup.
        (
            "for fd in /proc/$$/fd/*; do case $(readlink $fd) in socket:*|anon_inode:*|*cgroup*) exit 9;; esac; done; exit 8",
            8,
        ),
        ("exec 2>&1; trap 'exit 10' TERM; kill $$; exit 9", 10),
        (
            "case $(ps -o sid= -p $$ 2>/dev/null || cut -d' ' -f6 /proc/$$/stat) in *$$) exit 11;; esac; exit 9",
            11,
        ),
    ] {
        let (_run, exited) = exit_of("auto", script);
        assert!(
            exited.contains(&format!("code: Some({code})")),
            "{script}: {exited}"
        );
    }
}

#[test]
fn death_by_a_signal_is_told_by_its_name() {
    for (script, name) in [
        ("kill -KILL $$", "SIGKILL"),
        ("kill -SEGV $$", "SIGSEGV"),
        ("kill -35 $$", "signal 35"),
    ] {
        let (_run, exited) = exit_of("auto", script);
        assert!(
            exited.contains(&format!("code: None, signal: Some({name:?})")),
            "{exited}"
        );
    }
    let (_run, exited) = exit_of("auto", "bash -c 'kill -KILL $$'; exit 0");
    assert!(exited.contains("code: Some(137)"), "{exited}");
}

#[test]
fn what_the_command_leaves_behind_is_ended_before_the_tree_is_called_dead() {
    for containment in CONTAINMENTS {
        for exit in [0, 1] {
            let (run, exited) = exit_of(
                containment,
                &format!(
                    r#"bash "$W" "$D" &
(setsid env -i /bin/bash "$W" "$D" &)
while [[ ! -s $D/grows ]]; do :; done
exit {exit}"#
                ),
            );
            assert!(exited.contains(&format!("code: Some({exit})")), "{exited}");
            run.is_dead();
            let dead = run.note("TreeDead");
            assert_ne!(dead, "TreeDead { killed_leftovers: 0 }");
        }
    }
}

#[test]
fn leftovers_that_heed_sigterm_get_the_grace_and_may_finish() {
    for containment in CONTAINMENTS {
        let (run, _exited) = exit_of(
            containment,
            r#"(trap 'echo last words >> "$D/words"; exit' TERM; : > "$D/ready"; while :; do sleep 0.01; done) &
while [[ ! -e $D/ready ]]; do sleep 0.01; done
exit 0"#,
        );
        assert_eq!(
            std::fs::read_to_string(run.path("words")).unwrap(),
            "last words\n"
        );
    }
}

#[test]
fn the_next_attempt_is_refused_until_the_tree_is_proven_dead() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, r#"trap '' TERM; bash "$W" "$D" & exit 1"#);
        run.order("keep 5000");
        run.order("start -");
        run.note("Started");
        run.order("start -");
        assert_eq!(
            run.note("refused"),
            "refused: start a command while the tree before it is not proven dead"
        );
        run.note("Exited");
        run.order("start -");
        run.nth_note(2, "refused");
        assert!(
            !run.has("TreeDead"),
            "the grace for what was left over is 300 ms: {:#?}",
            run.notes()
        );
        run.note("TreeDead");
        run.is_dead();
        run.order("start -");
        run.nth_note(2, "accepted");
        run.nth_note(2, "Started");
    }
}

#[test]
fn nothing_starts_without_a_live_deadline() {
    let mut run = Run::new("auto", "exit 0");
    run.order("start -");
    run.nth_note(1, "refused: start a command without a live deadline");
    run.order("feed 0");
    run.order("start -");
    run.nth_note(2, "refused: start a command without a live deadline");
    run.order("keep 5000");
    run.order("clear");
    run.order("start -");
    run.nth_note(3, "refused: start a command without a live deadline");
    run.order("keep 5000");
    run.order("start -");
    run.note("TreeDead");
}

#[test]
fn a_graceful_stop_reaches_every_process_and_kills_only_after_the_grace() {
    for containment in CONTAINMENTS {
        let script = r#"
(trap 'echo inner >> "$D/words"; exit' TERM; : > "$D/ready"; while :; do sleep 0.01; done) &
trap 'echo outer >> "$D/words"' TERM
bash "$W" "$D" || :
wait
trap '' TERM
bash "$W" "$D"
"#;
        let mut run = Run::new(containment, script);
        run.started();
        wait_for(
            || run.path("ready").exists(),
            || "the inner process".to_owned(),
        );
        run.order("stop");
        let exited = run.note("Exited");
        assert!(
            exited.contains("SIGKILL") && exited.contains("stopped: true"),
            "{exited}"
        );
        run.note("TreeDead");
        run.is_dead();
        let words = std::fs::read_to_string(run.path("words")).unwrap();
        assert!(
            words.contains("inner") && words.contains("outer"),
            "{words:?}"
        );
    }
}

#[test]
fn a_stop_at_once_gives_no_grace() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(
            containment,
            r#"trap 'echo heard >> "$D/words"' TERM; bash "$W" "$D""#,
        );
        run.started();
        run.order("now");
        assert!(run.note("Exited").contains("SIGKILL"));
        run.note("TreeDead");
        run.is_dead();
        assert!(!run.path("words").exists());
    }
}

#[test]
fn a_stopped_tree_hears_the_graceful_stop_too() {
    let mut run = Run::new("auto", r#"bash "$W" "$D""#);
    run.started();
    run.stop_tree();
    run.order("stop");
    assert!(run.note("Exited").contains("SIGTERM"), "{:#?}", run.notes());
}

#[test]
fn a_command_that_outlives_its_timeout_is_stopped_gracefully_and_reported_so() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, r#"bash "$W" "$D""#);
        run.order("keep 5000");
        run.order("start 300");
        let exited = run.note("Exited");
        assert!(
            exited.contains(r#"signal: Some("SIGTERM"), timed_out: true"#),
            "{exited}"
        );
        assert!(
            exited.contains("fenced: false") && exited.contains("stopped: false"),
            "{exited}"
        );
        run.note("TreeDead");
        run.is_dead();
    }
}

#[test]
fn a_command_that_exits_well_after_its_timeout_still_counts_as_timed_out() {
    let mut run = Run::new("auto", "trap 'exit 0' TERM; while :; do sleep 0.01; done");
    run.order("keep 5000");
    run.order("start 300");
    let exited = run.note("Exited");
    assert!(
        exited.contains("code: Some(0), signal: None, timed_out: true"),
        "{exited}"
    );
}

#[test]
fn a_chain_of_processes_that_each_fork_and_exit_cannot_outrun_the_kill() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(
            containment,
            r#"trap '' TERM; link() { echo $EPOCHREALTIME >> "$D/grows"; link & }; link; link; link; exec sleep 600"#,
        );
        run.started();
        run.order("now");
        run.note("TreeDead");
        run.is_dead();
    }
}

#[test]
fn a_working_directory_that_is_not_there_is_told_and_the_next_attempt_may_start() {
    let mut run = Run::new("auto", "exit 0");
    let folder = run.path("grows");
    std::fs::write(&folder, "").unwrap();
    run.order("keep 5000");
    run.order("elsewhere grows");
    let note = run.note("NotStarted");
    assert!(note.contains("is no directory"), "{note}");
    run.order("start -");
    run.note("TreeDead");
}

#[test]
fn leaving_the_supervisor_ends_the_command_and_the_watchdog() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, r#"trap '' TERM; bash "$W" "$D""#);
        run.started();
        run.order("quit");
        assert_eq!(run.note("shut down"), "shut down Ok(())");
        run.is_dead();
        assert!(!support::lives(run.watchdog));
    }
}

#[test]
fn no_folder_of_the_command_and_no_cgroup_is_left_after_its_end() {
    let mut run = Run::new(
        "cgroup",
        r#"[[ -e $D/once ]] && exit 0; : > "$D/once"; bash "$W" "$D""#,
    );
    let group = |number: u32, run: &Run| {
        support::cgroup_mount().join(format!("baton-{}-{number}", run.supervisor()))
    };
    run.started();
    assert!(
        group(1, &run).exists(),
        "the command is in no cgroup of its own"
    );
    signal(run.top(), SIGTERM);
    run.note("TreeDead");
    run.order("start -");
    run.nth_note(2, "TreeDead");
    assert!(!group(1, &run).exists() && !group(2, &run).exists());
    let left: Vec<_> = std::fs::read_dir(run.folder())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().starts_with("baton-command")),
        "{left:?}"
    );
}

#[test]
fn the_tree_is_dead_soon_after_the_deadline() {
    for containment in CONTAINMENTS {
        let mut worst: f64 = 0.0;
        for _ in 0..5 {
            let mut run = Run::new(containment, r#"bash "$W" "$D" & bash "$W" "$D""#);
            run.started();
            run.order("feed 200");
            let fed = epoch_now();
            run.note("TreeDead");
            worst = worst.max(run.last_append() - (fed + 0.2));
        }
        // The order takes a moment to be read, so this is an upper bound.
        eprintln!(
            "{containment}: from the deadline to the last append, worst of 5: {:.1} ms",
            worst * 1000.0
        );
        assert!(
            worst < 0.8,
            "{containment}: {worst} s, longer than the kill time"
        );
    }
}

#[test]
fn killing_the_top_process_of_a_stopped_supervisor_starts_nothing_new() {
    let mut run = Run::new("auto", r#"bash "$W" "$D""#);
    let top = run.started();
    signal(run.supervisor(), nix::sys::signal::Signal::SIGSTOP);
    signal(top, SIGKILL);
    run.dies();
    signal(run.supervisor(), nix::sys::signal::Signal::SIGCONT);
    run.note("TreeDead");
    assert_eq!(
        run.notes()
            .iter()
            .filter(|note| note.starts_with("Started"))
            .count(),
        1
    );
}
