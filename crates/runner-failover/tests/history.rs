//! `status --history` against a real git store, as a person starts it.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

use std::{
    io::{BufRead, BufReader, Read as _},
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
    time::{Duration, SystemTime},
};

use lease::{
    LockName,
    store::{
        Snapshot, Store, Swap,
        git::{GitOptions, GitRemote, GitStore},
    },
    testing::writes::{announced, append, told},
};
use ledger::{Event, Outcome, Timestamp};
use tempfile::TempDir;

const LOCK: &str = "octo/shop/production";

/// How many entries one swap writes.
const BATCH: u64 = 500;

fn wall() -> Timestamp {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    Timestamp(now.as_millis() as u64)
}

fn ago(time: Duration) -> Timestamp {
    Timestamp(wall().0 - time.as_millis() as u64)
}

async fn open(folder: &Path) -> GitStore {
    GitStore::open(GitOptions {
        remote: GitRemote::local(folder.join("store.git")).unwrap(),
        lock: LockName::new(LOCK).unwrap(),
        credentials: None,
        request_timeout: Duration::from_secs(60),
        poll: Duration::from_secs(1),
        scratch_parent: folder.to_owned(),
    })
    .await
    .unwrap()
}

/// Deployments of two entries each, `from` ago and then one a minute.
async fn deployed(store: &GitStore, mut seen: Snapshot, runs: u64, from: Duration) -> Snapshot {
    let began = ago(from);
    for first in (0..runs).step_by(BATCH as usize / 2) {
        let at = Timestamp(began.0 + first * 60_000);
        let drafts = (first..runs.min(first + BATCH / 2)).flat_map(|run| {
            let end = Event::DeploymentFinished {
                outcome: Outcome::Succeeded,
                reason: None,
                detail: String::new(),
            };
            [announced(run), told(run, 1, end)]
        });
        let write = Arc::new(append(&seen, at, drafts.collect()));
        match store.swap(write).await {
            Swap::Won(_) => seen = store.read().await.unwrap(),
            other => panic!("{other:?}"),
        }
    }
    seen
}

fn status(folder: &Path, more: &[&str]) -> Command {
    program("status", folder, more)
}

fn program(mode: &str, folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runner-failover"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("RUNNER_TEMP", folder)
        .args([mode, "--environment", "production", "--lock-name", LOCK])
        .arg(format!(
            "--store=git+file://{}",
            folder.join("store.git").display()
        ))
        .args(more)
        .stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// One deployment 20 days ago, one 2 hours ago.
async fn two() -> TempDir {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    let seen = store.read().await.unwrap();
    let seen = deployed(&store, seen, 1, Duration::from_secs(20 * 86_400)).await;
    deployed(&store, seen, 1, Duration::from_secs(2 * 3600)).await;
    folder
}

#[tokio::test]
async fn the_history_reaches_back_as_far_as_asked_oldest_first() {
    let folder = two().await;
    for (back, events) in [("30d", 4), ("1d", 2), ("1h", 0)] {
        let output = status(folder.path(), &["--history", back])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let text = text(&output);
        let lines: Vec<&str> = text.lines().filter(|l| l.contains("  #")).collect();
        assert_eq!(lines.len(), events, "{back}: {text}");
        assert!(lines.is_sorted(), "{text}");
        let last = text.lines().last().unwrap();
        let wanted = if events == 0 {
            "nothing happened since "
        } else {
            " succeeded, 0 failed"
        };
        assert!(last.contains(wanted), "{text}");
    }
}

#[tokio::test]
async fn as_json_every_line_is_one_of_the_audit_trail() {
    let folder = two().await;
    let output = status(folder.path(), &["--history=30d", "--json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: Vec<_> = lines.iter().map(|line| line["audit_id"].as_u64()).collect();
    assert_eq!(ids, [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(lines[0]["lock"], LOCK);
    assert_eq!(lines[3]["event"], "deployment_finished");
}

#[tokio::test]
async fn in_a_workflow_the_summary_has_the_history_too() {
    let folder = two().await;
    let summary = folder.path().join("summary.md");
    let output = status(folder.path(), &["--history=30d"])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(
        summary.starts_with("### History of octo/shop/production\n"),
        "{summary}"
    );
    assert_eq!(summary.matches("  #").count(), 4, "{summary}");
}

#[test]
fn history_and_watch_do_not_go_together_and_a_span_has_its_bounds() {
    let folder = TempDir::new().unwrap();
    for wrong in [
        ["--history=30d", "--watch"].as_slice(),
        &["--history=59m"],
        &["--history=401d"],
        &["--history=soon"],
    ] {
        let output = status(folder.path(), wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{wrong:?}");
        assert!(text(&output).contains("  history\n"), "{}", text(&output));
    }
    let of_another_mode = ["--history=30d", "--reason=because"];
    let other_mode = program("unlock", folder.path(), &of_another_mode)
        .output()
        .unwrap();
    assert_eq!(other_mode.status.code(), Some(64));
}

#[test]
fn a_store_that_is_not_there_is_named_and_not_made() {
    let folder = TempDir::new().unwrap();
    let output = status(folder.path(), &["--history=30d"]).output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", text(&output));
    let told = text(&output);
    assert!(told.contains("no repository is there"), "{told}");
    assert!(!folder.path().join("store.git").exists());
}

#[tokio::test]
async fn a_slow_reader_gets_all_of_a_long_history_and_one_that_goes_away_is_no_failure() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    let seen = store.read().await.unwrap();
    let runs = 2000;
    deployed(&store, seen, runs, Duration::from_secs(3 * 86_400)).await;
    let began = std::time::Instant::now();
    let mut child = status(folder.path(), &["--history=30d"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    println!("first of {} lines after {:?}", 2 * runs, began.elapsed());
    // Longer than the last words of any mode may take; the pipe is full all the while.
    let full = tokio::time::timeout(Duration::from_secs(4), async {
        loop {
            assert_eq!(child.try_wait().unwrap(), None, "it waits for its reader");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(full.await.is_err());
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert_eq!(
        rest.lines().count() as u64,
        2 * runs,
        "all but the first, and the count"
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let mut child = status(folder.path(), &["--history=30d"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
