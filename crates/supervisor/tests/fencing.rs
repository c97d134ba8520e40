//! The tree dies at the deadline, or at once, whoever of supervisor, watchdog and tree is killed or stopped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test ends where its preparation fails"
)]

mod support;

use nix::sys::signal::Signal::{SIGCONT, SIGKILL, SIGSTOP, SIGTERM};
use support::{CONTAINMENTS, KILL_TIME, Run, epoch_now, lives, signal, state, wait_for};

/// Appends for ever, also from the background, from another session without environment, and deaf to SIGTERM.
const STUBBORN: &str = r#"
trap '' TERM INT HUP
bash "$W" "$D" &
setsid env -i /bin/bash "$W" "$D" &
(setsid bash -c 'trap "" TERM; bash "$W" "$D" & exit 0' &)
bash "$W" "$D"
"#;

/// The writers of `STUBBORN` and what runs them.
fn all_four_write(run: &Run) {
    wait_for(
        || run.tree().len() >= 5,
        || format!("four writers, there are {:?}", run.tree()),
    );
}

#[test]
fn a_killed_supervisor_takes_the_tree_with_it_at_once() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, STUBBORN);
        run.started();
        all_four_write(&run);
        signal(run.supervisor(), SIGKILL);
        let killed = epoch_now();
        run.dies();
        let took = run.last_append() - killed;
        assert!(
            took < 1.0,
            "{containment}: the last append came {took} s after the kill"
        );
        wait_for(
            || !lives(run.watchdog),
            || "the watchdog to end after its work".to_owned(),
        );
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
}

#[test]
fn a_stopped_supervisor_has_its_tree_killed_at_the_deadline_and_learns_of_it_when_continued() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, STUBBORN);
        run.started_with("keep 700");
        all_four_write(&run);
        let fed = epoch_now();
        signal(run.supervisor(), SIGSTOP);
        run.grows();
        run.dies();
        let after_deadline = run.last_append() - (fed + 0.7);
        assert!(
            after_deadline > -0.4,
            "{containment}: killed {after_deadline} s before its deadline"
        );
        assert!(
            after_deadline < KILL_TIME as f64 / 1000.0,
            "{containment}: {after_deadline} s after the deadline"
        );
        assert_eq!(
            state(run.supervisor()),
            Some('T'),
            "the supervisor was not to run"
        );
        signal(run.supervisor(), SIGCONT);
        assert!(
            run.note("Exited").contains("fenced: true"),
            "{:#?}",
            run.notes()
        );
        run.note("TreeDead");
        assert!(!run.has("WatchdogLost"), "{:#?}", run.notes());
    }
}

#[test]
fn a_killed_watchdog_is_noticed_and_the_tree_killed_by_the_supervisor() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, STUBBORN);
        run.order("child");
        let child: u32 = run
            .note("child ")
            .split_once(' ')
            .unwrap()
            .1
            .parse()
            .unwrap();
        run.started();
        all_four_write(&run);
        signal(run.watchdog, SIGKILL);
        assert_eq!(run.note("WatchdogLost"), "WatchdogLost(Died)");
        run.note("TreeDead");
        run.is_dead();
        assert!(run.note("Exited").contains("SIGKILL"), "{:#?}", run.notes());
        assert!(lives(child), "a child of the supervisor's own was killed");
        signal(child, SIGKILL);
        run.order("start -");
        assert_eq!(
            run.note("refused"),
            "refused: start a command without a watchdog"
        );
        run.order("launch");
        run.nth_note(2, "ready ");
        run.order("keep 5000");
        run.order("start -");
        run.nth_note(2, "Started");
        run.grows();
    }
}

#[test]
fn a_stopped_watchdog_is_noticed_and_the_tree_killed_by_the_supervisor() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, STUBBORN);
        run.started();
        all_four_write(&run);
        signal(run.watchdog, SIGSTOP);
        let stopped = epoch_now();
        assert_eq!(run.note("WatchdogLost"), "WatchdogLost(Silent)");
        run.note("TreeDead");
        run.is_dead();
        let took = run.last_append() - stopped;
        assert!(
            took < 5.0,
            "{containment}: the last append came {took} s after the stop"
        );
        assert!(!lives(run.watchdog));
    }
}

#[test]
fn a_watchdog_stopped_before_the_deadline_does_not_save_the_tree() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, STUBBORN);
        run.started();
        all_four_write(&run);
        run.order("feed 300");
        signal(run.watchdog, SIGSTOP);
        let stopped = epoch_now();
        run.note("TreeDead");
        let proven = epoch_now() - (stopped + 0.3);
        // Half a second for a busy machine.
        assert!(
            proven < KILL_TIME as f64 / 1000.0 + 0.5,
            "{containment}: proven {proven} s after the deadline"
        );
        run.is_dead();
        let after_deadline = run.last_append() - (stopped + 0.3);
        assert!(
            after_deadline < KILL_TIME as f64 / 1000.0,
            "{containment}: {after_deadline} s after the deadline"
        );
        assert!(
            run.note("Exited").contains("fenced: true"),
            "{:#?}",
            run.notes()
        );
    }
}

#[test]
fn supervisor_and_watchdog_stopped_together_kill_the_tree_as_soon_as_either_runs_again() {
    for containment in CONTAINMENTS {
        for first in ["supervisor", "watchdog"] {
            let mut run = Run::new(containment, STUBBORN);
            run.started_with("keep 700");
            all_four_write(&run);
            signal(run.supervisor(), SIGSTOP);
            signal(run.watchdog, SIGSTOP);
            let deadline = epoch_now() + 0.7;
            wait_for(
                || run.size() > 0 && run.last_append() > deadline + 0.1,
                || "the deadline to pass".to_owned(),
            );
            let continued = epoch_now();
            signal(
                if first == "supervisor" {
                    run.supervisor()
                } else {
                    run.watchdog
                },
                SIGCONT,
            );
            run.dies();
            let took = run.last_append() - continued;
            assert!(
                took < KILL_TIME as f64 / 1000.0,
                "{containment}, {first} first: {took} s"
            );
        }
    }
}

#[test]
fn a_killed_tree_is_a_failure_by_signal_and_is_reported_dead() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, STUBBORN);
        let top = run.started();
        all_four_write(&run);
        signal(top, SIGKILL);
        let exited = run.note("Exited");
        assert!(
            exited.contains(r#"signal: Some("SIGKILL")"#) && exited.contains("fenced: false"),
            "{exited}"
        );
        run.note("TreeDead");
        run.is_dead();
    }
}

#[test]
fn a_stopped_tree_dies_at_the_deadline_all_the_same() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, STUBBORN);
        run.started();
        all_four_write(&run);
        run.stop_tree();
        run.order("feed 100");
        run.note("TreeDead");
        run.is_dead();
        assert!(
            run.note("Exited").contains("fenced: true"),
            "{:#?}",
            run.notes()
        );
    }
}

#[test]
fn supervisor_and_tree_killed_together_leave_nothing() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, STUBBORN);
        let top = run.started();
        all_four_write(&run);
        signal(run.supervisor(), SIGKILL);
        signal(top, SIGKILL);
        run.dies();
        wait_for(|| !lives(run.watchdog), || "the watchdog to end".to_owned());
    }
}

#[test]
fn supervisor_and_tree_stopped_together_are_fenced_by_the_watchdog() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, STUBBORN);
        run.started_with("keep 700");
        all_four_write(&run);
        signal(run.supervisor(), SIGSTOP);
        run.stop_tree();
        run.dies();
        signal(run.supervisor(), SIGCONT);
        run.note("TreeDead");
    }
}

#[test]
fn the_watchdog_and_the_command_do_not_hear_signals_for_the_supervisors_group() {
    let mut run = Run::new("auto", r#"bash "$W" "$D""#);
    run.started();
    let group = nix::unistd::Pid::from_raw(-i32::try_from(run.supervisor()).unwrap());
    nix::sys::signal::kill(group, SIGTERM).unwrap();
    run.note("received SIGTERM");
    nix::sys::signal::kill(support::pid_of(run.watchdog), SIGTERM).unwrap();
    run.grows();
    assert!(
        lives(run.watchdog) && !run.has("Exited"),
        "{:#?}",
        run.notes()
    );
    run.order("stop");
    assert!(run.note("Exited").contains("SIGTERM"), "{:#?}", run.notes());
}

#[test]
fn feeding_keeps_a_command_alive_far_past_its_first_deadline() {
    let mut run = Run::new("auto", r#"bash "$W" "$D""#);
    run.order("keep 400");
    run.order("start -");
    run.top();
    let started = epoch_now();
    wait_for(
        || run.size() > 0 && run.last_append() > started + 1.5,
        || "1.5 s of work".to_owned(),
    );
    assert!(!run.has("Exited"), "{:#?}", run.notes());
    // And without food it ends.
    run.order("feed 50");
    assert!(
        run.note("Exited").contains("fenced: true"),
        "{:#?}",
        run.notes()
    );
}

#[test]
fn killing_the_supervisors_whole_group_does_not_reach_the_watchdog_which_kills_the_tree() {
    for containment in CONTAINMENTS {
        let mut run = Run::new(containment, STUBBORN);
        run.started();
        all_four_write(&run);
        let group = nix::unistd::Pid::from_raw(-i32::try_from(run.supervisor()).unwrap());
        nix::sys::signal::kill(group, SIGKILL).unwrap();
        run.dies();
        wait_for(
            || !lives(run.watchdog),
            || "the watchdog to end after its work".to_owned(),
        );
    }
}

#[test]
fn supervisor_and_watchdog_killed_in_one_instant_take_the_top_process_with_them() {
    let mut run = Run::new("subreaper", r#"exec bash "$W" "$D""#);
    run.started();
    // Stopped first, so that neither can act on the other's death.
    for pid in [run.supervisor(), run.watchdog] {
        signal(pid, SIGSTOP);
        wait_for(|| state(pid) == Some('T'), || format!("{pid} to stop"));
    }
    signal(run.supervisor(), SIGKILL);
    signal(run.watchdog, SIGKILL);
    run.dies();
}
