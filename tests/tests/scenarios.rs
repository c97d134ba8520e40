//! `make scenarios`: what a dry run tells is what is played, it does nothing, a failure is told as one, and nothing is
//! left of what was started.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use baton_tests::{binaries, patience, process};
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// How long a whole scenario may take on a busy machine.
const LONG: Duration = Duration::from_secs(600);

const NAMES: [&str; 4] = ["healthy", "failover", "two-at-once", "interruption"];

fn scenarios() -> Command {
    Command::new(env!("CARGO_BIN_EXE_scenarios"))
}

/// The folder of the programs that are played with.
fn programs() -> PathBuf {
    // Those that are not there yet are built.
    let all = [
        binaries::preflight(),
        binaries::runner_failover(),
        binaries::health_gates(),
        binaries::push_metrics(),
        binaries::fence_guard(),
    ];
    all[0].parent().unwrap().to_owned()
}

/// Plays in a temporary folder of its own, with these programs.
fn playing(folder: &Path, programs: &Path) -> Command {
    let mut command = scenarios();
    command
        .env("TMPDIR", folder)
        .env("BATON_BIN_DIR", programs)
        .stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What a dry run of these tells. It could start nothing: neither programs nor a temporary folder can be found.
fn dry_run(names: &[&str]) -> String {
    let nowhere = "/nonexistent/baton-scenarios";
    let output = scenarios()
        .args(names)
        .arg("--dry-run")
        .env_clear()
        .envs([
            ("PATH", nowhere),
            ("TMPDIR", nowhere),
            ("BATON_BIN_DIR", nowhere),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(!Path::new(nowhere).exists());
    assert!(output.stderr.is_empty(), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The sentences of a dry run.
fn sentences(told: &str) -> Vec<&str> {
    let numbered = told.lines().filter_map(|line| line.split_once(". "));
    numbered
        .filter(|(number, _)| number.trim().parse::<u32>().is_ok())
        .map(|(_, sentence)| sentence)
        .collect()
}

/// Whatever lives in this folder or names it.
fn alive(folder: &Path) -> Vec<u32> {
    let mut all = process::working_in(folder);
    all.extend(process::with_argument(folder.to_str().unwrap()));
    all
}

#[test]
fn a_dry_run_tells_every_step_of_every_scenario_and_can_do_nothing() {
    let told = dry_run(&[]);
    for name in NAMES {
        assert!(told.contains(&format!("\n{name}: ")) || told.starts_with(&format!("{name}: ")));
        let alone = dry_run(&[name]);
        assert!(sentences(&alone).len() >= 8, "{alone}");
        assert!(alone.starts_with(&format!("{name}: ")), "{alone}");
        let steps = alone.trim_end_matches("Nothing was done.\n");
        assert!(told.contains(steps), "{steps} is not in:\n{told}");
    }
    assert!(told.ends_with("\nNothing was done.\n"), "{told}");
}

#[test]
fn the_healthy_scenario_passes_and_does_what_its_dry_run_told_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let output = playing(folder.path(), &programs())
        .arg("healthy")
        .output()
        .unwrap();
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    let dry = dry_run(&["healthy"]);
    let played: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split_once(" s  "))
        .filter(|(stamp, said)| stamp.trim().parse::<f64>().is_ok() && !said.starts_with("  → "))
        .map(|(_, sentence)| sentence)
        .collect();
    assert_eq!(played, sentences(&dry));
    let last = said.lines().rfind(|line| !line.is_empty()).unwrap();
    assert!(last.starts_with("pass  healthy "), "{last}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(alive(folder.path()), [0; 0]);
}

#[test]
fn a_production_that_refuses_every_release_fails_the_scenario_and_ends_it_with_1() {
    let (folder, broken) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let real = programs();
    for name in [
        "preflight",
        "runner-failover",
        "health-gates",
        "push-metrics",
    ] {
        symlink(real.join(name), broken.path().join(name)).unwrap();
    }
    let guard = broken.path().join("fence-guard");
    fs::write(
        &guard,
        "#!/bin/sh\necho 'nobody may release here' >&2\nexit 77\n",
    )
    .unwrap();
    fs::set_permissions(&guard, fs::Permissions::from_mode(0o755)).unwrap();
    let output = playing(folder.path(), broken.path())
        .arg("healthy")
        .output()
        .unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("\nFAIL  healthy "), "{said}");
    assert!(said.contains("began no deployment"), "{said}");
    assert_eq!(alive(folder.path()), [0; 0]);
}

#[test]
fn programs_that_are_not_there_fail_the_scenario_and_the_next_one_is_played_all_the_same() {
    let folder = TempDir::new().unwrap();
    let output = playing(folder.path(), folder.path())
        .args(["healthy", "failover"])
        .output()
        .unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for name in ["healthy", "failover"] {
        // Once behind the scenario, once at the end of all.
        assert_eq!(
            said.matches(&format!("\nFAIL  {name} ")).count(),
            2,
            "{said}"
        );
    }
}

#[test]
fn whoever_interrupts_a_scenario_ends_everything_that_it_started() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut playing = playing(&temporary, &programs())
        .arg("interruption")
        .stdout(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let said = || fs::read_to_string(&log).unwrap();
    patience::until(LONG, "a deployment", || {
        said().contains("the release began").then_some(())
    });
    assert!(alive(&temporary).len() >= 3);
    process::send(playing.id(), Signal::SIGINT);
    let status = patience::until(LONG, "its end", || playing.try_wait().unwrap());
    assert_eq!(status.code(), Some(130), "{}", said());
    assert!(said().ends_with("interrupted: everything that was started is ended\n"));
    patience::until(LONG, "the end of all of it", || {
        alive(&temporary).is_empty().then_some(())
    });
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn a_scenario_that_there_is_not_is_64_and_those_that_there_are_are_named() {
    let output = scenarios().arg("earthquake").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = text(&output);
    assert!(said.contains("no scenario called earthquake"), "{said}");
    for name in NAMES {
        assert!(said.contains(&format!("\n  {name} ")), "{name}: {said}");
    }
}
