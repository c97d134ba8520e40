//! What somebody else put on our refs is refused with its mend, and left as it is.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use lease::{
    store::{Snapshot, Store, StoreError, Swap},
    testing::writes::{announced, append, claim, heartbeat, moment},
};

use crate::places::{disk, lock, open, options, swap, won};

const LEASE: &str = "refs/baton/o%2Fr%2Fproduction/lease";
const LEDGER: &str = "refs/baton/o%2Fr%2Fproduction/ledger";

#[tokio::test]
async fn foreign_things_on_either_ref_are_refused_by_name_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let lock = lock("o/r/production");
    let store = open(options(disk(folder.path()), lock.clone(), folder.path())).await;
    let path = folder.path().join("some where/store.git");
    for name in [LEASE, LEDGER] {
        for (object, says) in [
            (commit(&path, "readme.txt", "hello"), "holds no"),
            (
                commit(
                    &path,
                    if name == LEASE {
                        "record.json"
                    } else {
                        "tip.json"
                    },
                    "{\"schema\": 1,",
                ),
                "no",
            ),
            (commit(&path, "record.json", "{}"), "no"),
            (
                git(&path, &["hash-object", "-w", "--stdin"], "a blob"),
                "it is a blob",
            ),
            (tag(&path), "it is a tag"),
        ] {
            git(&path, &["update-ref", name, &object], "");
            let refused = store.read().await.unwrap_err();
            let StoreError::Foreign { what, detail } = &refused else {
                panic!("{refused}")
            };
            assert!(what.contains(name), "{what}");
            assert!(
                detail.contains(says) && detail.contains("git push"),
                "{detail}"
            );
            for write in [
                claim(&lock, &Snapshot::default()),
                if name == LEASE {
                    heartbeat(&lock, &Snapshot::default())
                } else {
                    append(&Snapshot::default(), moment(1), vec![announced(1)])
                },
            ] {
                let swap = swap(&store, write).await;
                assert!(matches!(swap, Swap::Lost), "{swap:?}");
            }
            assert_eq!(git(&path, &["rev-parse", name], ""), object);
            git(&path, &["update-ref", "-d", name], "");
        }
    }
    assert_eq!(store.read().await.unwrap(), Snapshot::default());
    won(&store, claim(&lock, &Snapshot::default())).await;
}

#[tokio::test]
async fn the_ledger_reads_as_an_audit_trail_and_the_lease_has_no_past() {
    let folder = tempfile::tempdir().unwrap();
    let lock = lock("o/r/production");
    let store = open(options(disk(folder.path()), lock.clone(), folder.path())).await;
    for _ in 0..2 {
        let seen = store.read().await.unwrap();
        won(&store, claim(&lock, &seen)).await;
    }
    let path = folder.path().join("some where/store.git");
    let log = git(
        &path,
        &["log", "--reverse", "--format=%an|%cI|%s", LEDGER],
        "",
    );
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(
        lines[0].starts_with("baton|2026-") && lines[0].contains("candidate 1"),
        "{}",
        lines[0]
    );
    assert!(
        lines[3].contains("deploy") && lines[3].ends_with("[o/r/2/1]"),
        "{}",
        lines[3]
    );
    let body = git(&path, &["log", "-1", "--format=%b", LEDGER], "");
    let entry: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&entry["seq"], &entry["event"]),
        (&4.into(), &"deployment_started".into())
    );
    let carried = git(&path, &["rev-list", "--max-count=2", LEASE], "");
    let tip = git(&path, &["rev-parse", LEDGER], "");
    assert!(
        carried.ends_with(&format!("\n{tip}")),
        "a lease that moved with the ledger carries it"
    );
    assert_eq!(
        git(&path, &["ls-tree", "--name-only", LEASE], ""),
        "record.json"
    );
    let seen = store.read().await.unwrap();
    won(&store, heartbeat(&lock, &seen)).await;
    assert_eq!(git(&path, &["rev-list", "--count", LEASE], ""), "1");
    assert_eq!(git(&path, &["fsck", "--strict", "--no-dangling"], ""), "");
}

#[tokio::test]
async fn an_event_of_a_newer_version_stays_in_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let lock = lock("o/r/production");
    let store = open(options(disk(folder.path()), lock.clone(), folder.path())).await;
    won(&store, claim(&lock, &Snapshot::default())).await;
    let path = folder.path().join("some where/store.git");
    let body = git(&path, &["log", "-1", "--format=%b", LEDGER], "")
        .replace("deployment_started", "sealed_by_a_notary");
    let parent = git(&path, &["rev-parse", LEDGER], "");
    let tree = format!("{LEDGER}^{{tree}}");
    let newer = git(
        &path,
        &["commit-tree", &tree, "-p", &parent, "-F", "-"],
        &format!("a newer thing\n\n{body}\n"),
    );
    git(&path, &["update-ref", LEDGER, &newer], "");
    let history = store
        .history(lease::store::History::FromSeq(1))
        .await
        .unwrap();
    assert_eq!(history.len(), 3);
    assert_eq!(history[2].event, ledger::Event::Unknown);
}

/// A commit with one file.
fn commit(repository: &Path, file: &str, content: &str) -> String {
    let blob = git(repository, &["hash-object", "-w", "--stdin"], content);
    let tree = git(
        repository,
        &["mktree"],
        &format!("100644 blob {blob}\t{file}\n"),
    );
    git(repository, &["commit-tree", &tree, "-m", "foreign"], "")
}

/// A tag object on a commit that looks like a lease.
fn tag(repository: &Path) -> String {
    let commit = commit(repository, "record.json", "{}");
    let text = format!(
        "object {commit}\ntype commit\ntag t\ntagger a <a@b.invalid> 1700000000 +0000\n\nt\n"
    );
    git(repository, &["mktag"], &text)
}

fn git(repository: &Path, arguments: &[&str], input: &str) -> String {
    let mut git = Command::new("git")
        .arg("--git-dir")
        .arg(repository)
        .args([
            "-c",
            "user.name=somebody",
            "-c",
            "user.email=somebody@example.invalid",
        ])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = git.wait_with_output().unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
