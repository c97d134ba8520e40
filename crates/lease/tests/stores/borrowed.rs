//! A repository on this disk is read where it is: nothing is fetched, and what cannot be read so is asked of git.

use std::{fs, path::Path, process::Command, sync::Arc};

use lease::{
    store::{Snapshot, Store, StoreError, Swap, git::GitStore},
    testing::writes::{claim, heartbeat},
};

use crate::places::{disk, lock, open, options, swap, won};

const LOCK: &str = "o/r/production";

/// A store that writes and one that only reads, of one repository.
async fn two(folder: &Path) -> (GitStore, GitStore) {
    let at = |scratch: &str| options(disk(folder), lock(LOCK), &folder.join(scratch));
    (open(at("writer")).await, open(at("reader")).await)
}

/// Runs git in the repository.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let out = Command::new("git")
        .arg("--git-dir")
        .arg(folder.join("some where/store.git"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

/// Puts a ref's own file there.
fn loose(folder: &Path, part: &str, commit: &str) {
    let file = folder.join("some where/store.git").join(reference(part));
    fs::write(file, format!("{commit}\n")).unwrap();
}

fn reference(part: &str) -> String {
    format!("refs/baton/{}/{part}", lock(LOCK).encoded())
}

/// The refs that were ever fetched into the scratch repositories below `scratch`.
fn fetched(scratch: &Path) -> Vec<String> {
    let mut fetched = Vec::new();
    for folder in fs::read_dir(scratch).unwrap().flatten() {
        let refs = folder.path().join("work.git/refs/baton");
        if refs.exists() {
            fetched.push(refs.display().to_string());
        }
    }
    fetched
}

#[tokio::test]
async fn what_is_new_is_read_without_a_fetch() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader) = two(folder.path()).await;
    assert_eq!(reader.read().await.unwrap(), Snapshot::default());
    won(&writer, claim(&lock(LOCK), &Snapshot::default())).await;
    let claimed = reader.read().await.unwrap();
    assert_eq!(claimed, writer.read().await.unwrap());
    won(&writer, heartbeat(&lock(LOCK), &claimed)).await;
    let beaten = reader.read().await.unwrap();
    assert_ne!(beaten.version.lease, claimed.version.lease);
    assert_eq!(beaten, writer.read().await.unwrap());
    assert_eq!(fetched(&folder.path().join("reader")), Vec::<String>::new());

    // And a write follows what was never fetched.
    won(&reader, heartbeat(&lock(LOCK), &beaten)).await;
}

#[tokio::test]
async fn a_write_that_comes_too_late_is_lost_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, late) = two(folder.path()).await;
    won(&writer, claim(&lock(LOCK), &Snapshot::default())).await;
    let claimed = writer.read().await.unwrap();
    let answer = swap(&late, claim(&lock(LOCK), &Snapshot::default())).await;
    assert!(matches!(answer, Swap::Lost), "{answer:?}");
    assert_eq!(writer.read().await.unwrap(), claimed);
    let made = fs::read_dir(folder.path().join("reader"))
        .unwrap()
        .flatten();
    let made: Vec<_> = made
        .filter(|scratch| scratch.path().join("work.git/refs/out").exists())
        .collect();
    assert!(made.is_empty(), "commits were made for it: {made:?}");
}

#[tokio::test]
async fn a_write_that_has_landed_is_found_so_when_it_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, _) = two(folder.path()).await;
    let write = Arc::new(claim(&lock(LOCK), &Snapshot::default()));
    let first = writer.swap(Arc::clone(&write)).await;
    let second = writer.swap(write).await;
    assert!(matches!(first, Swap::Won(_)), "{first:?}");
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
}

#[tokio::test]
async fn refs_that_were_packed_are_read_through_git() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader) = two(folder.path()).await;
    won(&writer, claim(&lock(LOCK), &Snapshot::default())).await;
    let loose = reader.read().await.unwrap();
    git(folder.path(), &["pack-refs", "--all", "--prune"]);
    assert_eq!(reader.read().await.unwrap(), loose);
    assert_eq!(fetched(&folder.path().join("reader")).len(), 1);
    won(&writer, heartbeat(&lock(LOCK), &loose)).await;
    let beaten = reader.read().await.unwrap();
    assert_eq!(beaten, writer.read().await.unwrap());
    assert_ne!(beaten, loose);
}

#[tokio::test]
async fn a_fetch_that_brings_nothing_new_does_not_stand_for_what_was_read_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader) = two(folder.path()).await;
    let lease = reference("lease");
    won(&writer, claim(&lock(LOCK), &Snapshot::default())).await;
    git(folder.path(), &["pack-refs", "--all", "--prune"]);
    // Fetched: the scratch repository's own refs are here.
    let claimed = reader.read().await.unwrap();
    won(&writer, heartbeat(&lock(LOCK), &claimed)).await;
    // Both loose again, so that this read fetches nothing.
    let ledger = claimed.version.ledger.clone().unwrap();
    loose(folder.path(), "ledger", &ledger);
    let beaten = reader.read().await.unwrap();
    assert_ne!(beaten, claimed);
    // Somebody puts an older copy back, whose refs are packed.
    git(
        folder.path(),
        &[
            "update-ref",
            &lease,
            claimed.version.lease.as_deref().unwrap(),
        ],
    );
    git(folder.path(), &["pack-refs", "--all", "--prune"]);
    assert_eq!(reader.read().await.unwrap(), claimed);
}

#[tokio::test]
async fn a_commit_that_is_missing_is_never_read_as_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader) = two(folder.path()).await;
    won(&writer, claim(&lock(LOCK), &Snapshot::default())).await;
    let claimed = reader.read().await.unwrap();
    for part in ["lease", "ledger"] {
        loose(folder.path(), part, &"a".repeat(40));
    }
    for _ in 0..2 {
        let refused = reader.read().await.unwrap_err();
        assert!(!matches!(refused, StoreError::Foreign { .. }), "{refused}");
    }
    let fresh = open(options(
        disk(folder.path()),
        lock(LOCK),
        &folder.path().join("fresh"),
    ))
    .await;
    fresh.read().await.unwrap_err();
    assert!(claimed.record.is_some());
}
