//! Scripts that end, fail, hang and hide.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::Path, time::Duration};

use nix::sys::signal::Signal;
use probes::{
    Answer, Probe,
    command::{CommandError, CommandProbe, Ended, Exit, KEPT, Script, run},
    http::expectation::Pattern,
};
use test_servers::until;
use tokio::time::Instant;

/// Long enough on a busy machine; what is measured against it is a hang.
const ENOUGH: Duration = Duration::from_secs(20);

fn script(text: &str) -> Script {
    Script {
        name: "smoke".to_owned(),
        text: text.to_owned(),
        environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
        ..Script::default()
    }
}

async fn ended(script: &Script) -> Ended {
    run(script, Instant::now() + ENOUGH).await.unwrap()
}

/// Waits until the process whose number stands in `file` is gone.
fn gone(file: &Path) {
    let pid = until(ENOUGH, "a process number", || {
        let text = std::fs::read_to_string(file).ok()?;
        text.trim().parse::<u32>().ok()
    });
    until(ENOUGH, "its end", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
        // Gone, or dead and not waited for by whoever inherited it.
        stat.is_none_or(|stat| stat.contains(") Z ")).then_some(())
    });
}

#[tokio::test]
async fn a_script_runs_as_a_run_step_does_and_tells_code_and_signal() {
    let done = ended(&script("echo out; echo err >&2")).await;
    assert_eq!(
        (done.exit, done.output.as_str()),
        (Exit::Code(0), "out\nerr\n")
    );
    assert_eq!(ended(&script("exit 7")).await.exit, Exit::Code(7));
    // -e, and pipefail.
    let done = ended(&script("false; echo on")).await;
    assert_eq!((done.exit, done.output.as_str()), (Exit::Code(1), ""));
    assert_eq!(ended(&script("false | true")).await.exit, Exit::Code(1));
    let killed = ended(&script("kill -SEGV $$")).await.exit;
    assert_eq!(killed, Exit::Signal(Signal::SIGSEGV));
    assert_eq!(killed.to_string(), "killed by SIGSEGV");
}

#[tokio::test]
async fn the_environment_is_what_was_passed_in_and_the_input_is_empty() {
    let mut asked =
        script("env | grep -v ^_= | grep -v ^SHLVL= | grep -v ^PWD= | cut -d= -f1; cat; pwd");
    asked.environment.push(("ONLY".into(), "this".into()));
    let folder = tempfile::tempdir().unwrap();
    asked.folder = Some(folder.path().to_owned());
    let output = ended(&asked).await.output;
    let mut lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.pop(), folder.path().to_str());
    lines.sort_unstable();
    assert_eq!(lines, ["ONLY", "PATH"]);
}

#[tokio::test]
async fn the_whole_group_is_dead_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let text = format!(
        "trap '' TERM INT HUP; echo waiting; (trap '' TERM; sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait) & wait",
        file.display()
    );
    let asked = script(&text);
    const HOUR: Duration = Duration::from_secs(3600);
    let running = tokio::spawn(async move { run(&asked, Instant::now() + HOUR).await });
    while !file.exists() {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    tokio::time::advance(HOUR).await;
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, CommandError::TimedOut { .. }), "{error}");
    assert!(
        error.to_string().ends_with("it was killed: waiting"),
        "{error}"
    );
    gone(&file);
}

#[tokio::test]
async fn what_a_script_leaves_in_the_background_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let done = ended(&script(&format!(
        "sleep 600 & echo $! > {}; echo done",
        file.display()
    )))
    .await;
    assert_eq!((done.exit, done.output.as_str()), (Exit::Code(0), "done\n"));
    assert!(done.took < ENOUGH);
    gone(&file);
}

#[tokio::test]
async fn a_script_that_nobody_waits_for_any_more_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let asked = script(&format!(
        "echo $$ > {0}.new; mv {0}.new {0}; sleep 600",
        file.display()
    ));
    let running = tokio::spawn(async move { run(&asked, Instant::now() + ENOUGH).await });
    while !file.exists() {
        tokio::task::yield_now().await;
    }
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    gone(&file);
}

#[tokio::test]
async fn a_daemon_that_keeps_the_output_open_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let text = format!(
        "setsid bash -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600' & until [ -e {0} ]; do :; done; echo started",
        file.display()
    );
    let done = ended(&script(&text)).await;
    assert_eq!(
        (done.exit, done.output.as_str()),
        (Exit::Code(0), "started\n")
    );
    // It left the group, which is its right; the test ends it.
    let pid = std::fs::read_to_string(&file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn output_without_end_is_read_on_and_its_end_is_kept() {
    let done = ended(&script("head -c 5000000 /dev/zero | tr '\\0' x; echo end")).await;
    assert!(done.output.ends_with("xxend\n"));
    assert_eq!(done.output.len(), KEPT);
}

#[tokio::test]
async fn the_last_line_is_seen_and_a_secret_in_it_is_not() {
    let mut asked = script("echo first; echo \"login with $TOKEN failed\"; exit 3");
    asked.environment.push(("TOKEN".into(), "canary".into()));
    asked.secrets.push("canary".to_owned());
    let probe = CommandProbe::new(asked);
    let seen = probe.check(Instant::now() + ENOUGH).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert_eq!(seen.seen, "exit code 3: login with *** failed");
    assert_eq!(probe.identity(), "command smoke");
    assert!(!format!("{probe:?}").contains("canary"));
    let well = CommandProbe::new(script("true"));
    assert_eq!(
        well.check(Instant::now() + ENOUGH).await.answer,
        Answer::Pass
    );
}

/// All of them on one thread, as the gates of one file are asked.
#[tokio::test]
async fn of_many_scripts_at_once_none_loses_a_line() {
    for round in 0..5 {
        let mut running = tokio::task::JoinSet::new();
        for number in 0..30 {
            // The last line alone, and output that fills the pipe, on either output.
            let text = match number % 3 {
                0 => format!("echo last {number}"),
                1 => format!("head -c 70000 /dev/zero | tr '\\0' x; echo; echo last {number} >&2"),
                _ => format!("echo last {number}; exit 1"),
            };
            running.spawn(async move { (number, ended(&script(&text)).await) });
        }
        while let Some(done) = running.join_next().await {
            let (number, done) = done.unwrap();
            assert!(
                done.output.ends_with(&format!("last {number}\n")),
                "round {round}, script {number}: {} with {:?}",
                done.exit,
                done.output
            );
        }
    }
}

#[tokio::test]
async fn a_script_that_cannot_be_started_says_nothing_of_the_target() {
    let mut asked = script("true");
    asked.folder = Some("/no/such/folder".into());
    let error = run(&asked, Instant::now() + ENOUGH).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "start bash for smoke: there is no folder /no/such/folder"
    );
    assert_eq!(error.answer(), Answer::Unknown);
}

/// Every process that has this text in its arguments.
fn running(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().parse::<u32>();
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        if let Ok(pid) = pid
            && arguments.contains(text)
        {
            found.push(pid);
        }
    }
    found
}

#[tokio::test]
async fn a_twice_forked_child_and_one_that_ignores_every_signal_end_with_the_script() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    // The middle process ends at once: the child's parent is no longer of this script.
    let done = ended(&script(&format!(
        "( (trap '' TERM INT HUP QUIT PIPE; while :; do sleep 600; done) & echo $! > {0}; exit 0 ); kill 0",
        file.display()
    )))
    .await;
    assert_eq!(done.exit, Exit::Signal(Signal::SIGTERM));
    gone(&file);
}

/// Set in the run of this file that [`a_script_dies_with_the_process_that_runs_it`] kills.
const RUNS_FOR_EVER: &str = "PROBES_TEST_RUNS";

#[tokio::test]
async fn a_script_dies_with_the_process_that_runs_it() {
    if let Some(file) = std::env::var_os(RUNS_FOR_EVER) {
        let file = Path::new(&file).display().to_string();
        let text = format!(
            "trap '' TERM HUP INT; (trap '' TERM HUP INT; sleep 600 & echo $! > {file}.new; mv {file}.new {file}; wait) & wait"
        );
        let _never = run(&script(&text), Instant::now() + Duration::from_secs(600)).await;
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let mut itself = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_script_dies_with_the_process_that_runs_it"])
        .env(RUNS_FOR_EVER, &file)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until(ENOUGH, "the script", || file.exists().then_some(()));
    itself.kill().unwrap();
    itself.wait().unwrap();
    gone(&file);
    let text = file.display().to_string();
    until(ENOUGH, "the end of all", || {
        running(&text).is_empty().then_some(())
    });
}

#[tokio::test]
async fn a_hundred_megabytes_and_bytes_that_are_no_text_are_one_short_line() {
    let done = ended(&script(
        "head -c 100000000 /dev/zero | tr '\\0' x; echo; echo end",
    ))
    .await;
    assert!(done.output.ends_with("xx\nend\n"));
    assert_eq!(done.output.len(), KEPT);

    let probe = CommandProbe::new(script(
        "printf 'up\\xff\\xfe\\0\\x1b[2J \\x1b[31mred\\x1b[0m\\n\\n'; head -c 5000 /dev/zero | tr '\\0' y",
    ));
    let seen = probe.check(Instant::now() + ENOUGH).await;
    assert_eq!(seen.answer, Answer::Pass);
    assert_eq!(seen.seen, format!("exit code 0: …{}…", "y".repeat(200)));
    let probe = CommandProbe::new(script(
        "printf '10 %%\\r90 %%\\r\\xff\\0\\x1b[2J \\x1b[31mred\\x1b[0m\\n\\n'; exit 4",
    ));
    let seen = probe.check(Instant::now() + ENOUGH).await;
    assert_eq!(seen.seen, "exit code 4: \u{fffd}\\0\\u{1b}[2J red");
}

#[tokio::test]
async fn the_wanted_exit_code_and_output_decide() {
    let with = |text: &str, exit_code, output: Option<&str>| CommandProbe {
        exit_code,
        output: output.map(|output| Pattern::new(output).unwrap()),
        ..CommandProbe::new(script(text))
    };
    for (probe, answer, seen) in [
        (
            with("echo 3 of 3; exit 3", 3, None),
            Answer::Pass,
            "exit code 3: 3 of 3",
        ),
        (
            with("echo well", 3, None),
            Answer::Fail,
            "exit code 0, wanted 3: well",
        ),
        (
            with("echo ready; echo bye", 0, Some("(?m)^ready$")),
            Answer::Pass,
            "exit code 0: bye",
        ),
        (
            with("true | grep -c x", 1, Some("^0$")),
            Answer::Pass,
            "exit code 1: 0",
        ),
        (
            with("echo not ready", 0, Some("^ready$")),
            Answer::Fail,
            "exit code 0, printed last: not ready, wanted a match of ^ready$",
        ),
        (
            with("true", 0, Some("^ready$")),
            Answer::Fail,
            "exit code 0, printed nothing, wanted a match of ^ready$",
        ),
        (
            with("kill -KILL $$", 0, None),
            Answer::Fail,
            "killed by SIGKILL",
        ),
    ] {
        let observed = probe.check(Instant::now() + ENOUGH).await;
        assert_eq!((observed.answer, observed.seen.as_str()), (answer, seen));
    }
    // The shell around a program that died.
    let seen = with("bash -c 'kill -SEGV $$'; true", 0, None)
        .check(Instant::now() + ENOUGH)
        .await
        .seen;
    assert!(seen.starts_with("exit code 139 (SIGSEGV): "), "{seen}");
}
