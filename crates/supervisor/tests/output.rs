//! What the command writes comes through at once, is kept for the incident, and never holds up a kill.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test ends where its preparation fails"
)]

mod support;

use std::io::Read;
use std::process::Stdio;

use support::{Run, epoch_now};

fn piped(script: &str) -> Run {
    Run::with("auto", script, |command| {
        command.stdout(Stdio::piped());
    })
}

#[test]
fn a_line_without_an_end_appears_at_once() {
    let mut run = piped("printf 'Password? '; exec sleep 600");
    let mut stdout = run.stdout();
    run.order("keep 5000");
    run.order("start -");
    let mut prompt = [0; 10];
    stdout.read_exact(&mut prompt).unwrap();
    assert_eq!(&prompt, b"Password? ");
    assert!(!run.has("Exited"));
}

#[test]
fn standard_output_and_error_stay_apart_and_arrive_whole() {
    let mut run = Run::with(
        "auto",
        "for ((i = 0; i < 20000; i++)); do echo \"out $i\"; echo \"err $i\" >&2; done",
        |command| {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        },
    );
    let mut streams = [String::new(), String::new()];
    run.order("keep 5000");
    run.order("start -");
    let (mut out, mut err) = (run.stdout(), run.child.stderr.take().unwrap());
    std::thread::scope(|scope| {
        let [first, second] = &mut streams;
        scope.spawn(move || out.read_to_string(first).unwrap());
        scope.spawn(move || err.read_to_string(second).unwrap());
        run.note("TreeDead");
        run.order("quit");
    });
    for (stream, name) in streams.iter().zip(["out", "err"]) {
        let expected: String = (0..20000).map(|i| format!("{name} {i}\n")).collect();
        assert!(
            *stream == expected,
            "{name}: {} of {} bytes",
            stream.len(),
            expected.len()
        );
    }
}

#[test]
fn the_last_200_lines_are_there_when_the_tree_is_dead() {
    let mut run = Run::new(
        "auto",
        "for ((i = 0; i < 50000; i++)); do echo \"line $i\"; done; printf unfinished",
    );
    run.order("keep 5000");
    run.order("start -");
    run.note("TreeDead");
    run.order("tail");
    assert_eq!(
        run.note("tail"),
        r#"tail 200 Some("line 49801") Some("unfinished")"#
    );
}

#[test]
fn the_tree_is_reported_dead_after_its_last_output_was_passed_on() {
    // More than our standard output takes unread, less than the command's pipe holds.
    let mut run = piped("printf '%300000s' x; echo; echo last");
    let mut stdout = run.stdout();
    run.order("keep 5000");
    run.order("start -");
    run.note("Exited");
    // Nothing can be awaited that should not happen; patience with a slow reader is 500 ms.
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!run.has("TreeDead"), "{:#?}", run.notes());
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    run.note("TreeDead");
    run.order("tail");
    assert!(run.note("tail").contains(r#"Some("last")"#));
    run.order("quit");
    assert!(reader.join().unwrap().ends_with("x\nlast\n"));
}

#[test]
fn an_observer_sees_the_lines() {
    let mut run = Run::new(
        "auto",
        "echo 'observe: ::add-mask::x'; echo 'observe: error' >&2; echo other",
    );
    run.order("keep 5000");
    run.order("start -");
    run.note("TreeDead");
    let mut lines: Vec<String> = std::fs::read_to_string(run.path("lines"))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    assert_eq!(lines, ["observe: ::add-mask::x", "observe: error"]);
}

#[test]
fn a_reader_that_does_not_read_holds_up_neither_stop_nor_deadline() {
    for (order, sign) in [("now", "stopped: true"), ("feed 100", "fenced: true")] {
        let mut run =
            piped("while :; do echo $EPOCHREALTIME >> \"$D/grows\"; printf '%65536s' x; done");
        // Held, never read: the pipe fills up and then everybody's writing blocks.
        let _unread = run.stdout();
        run.order("keep 5000");
        run.order("start -");
        support::wait_for(|| run.size() > 0, || "the command to write".to_owned());
        let mut size = run.size();
        support::wait_for(
            || {
                let before = std::mem::replace(&mut size, run.size());
                std::thread::sleep(std::time::Duration::from_millis(50));
                before == run.size()
            },
            || "the command to block on its output".to_owned(),
        );
        let asked = epoch_now();
        run.order(order);
        assert!(run.note("Exited").contains(sign), "{:#?}", run.notes());
        run.note("TreeDead");
        let took = epoch_now() - asked;
        assert!(took < 2.5, "{order}: {took} s");
        run.is_dead();
    }
}

#[test]
fn a_reader_that_went_away_does_not_break_the_command() {
    let mut run = piped("for ((i = 0; i < 100000; i++)); do echo \"line $i\"; done; exit 0");
    drop(run.stdout());
    run.order("keep 5000");
    run.order("start -");
    run.note("TreeDead");
    assert!(
        run.note("Exited").contains("code: Some(0)"),
        "{:#?}",
        run.notes()
    );
    run.order("tail");
    assert!(run.note("tail").contains("line 99999"));
}
