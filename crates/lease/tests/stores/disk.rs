//! The bare repository on disk: made by whoever comes first, healed after a kill, kept small.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Barrier},
    time::{Duration, SystemTime},
};

use lease::{
    store::{
        History, Snapshot, Store, StoreError, Swap,
        git::{GitRemote, GitStore},
    },
    testing::writes::{claim, heartbeat},
};

use crate::places::{disk, lock, open, options, swap, won};

#[test]
fn two_legs_that_make_the_store_at_once_share_it() {
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let start = Arc::new(Barrier::new(2));
        let legs: Vec<_> = (0..2)
            .map(|_| {
                let (start, folder) = (Arc::clone(&start), folder.path().to_owned());
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    start.wait();
                    runtime.block_on(async {
                        let lock = lock("o/r/production");
                        let store = open(options(
                            disk(&folder),
                            lock.clone(),
                            &folder.join("scratch"),
                        ))
                        .await;
                        let swap = swap(&store, claim(&lock, &Snapshot::default())).await;
                        (matches!(swap, Swap::Won(_)), store.read().await.unwrap())
                    })
                })
            })
            .collect();
        let ends: Vec<_> = legs.into_iter().map(|leg| leg.join().unwrap()).collect();
        assert!(!(ends[0].0 && ends[1].0), "both won round {round}");
        assert_eq!(
            ends[0].1.tip.seq.max(ends[1].1.tip.seq),
            2,
            "nobody's claim took effect in round {round}"
        );
        let beside: Vec<_> = fs::read_dir(folder.path().join("some where"))
            .unwrap()
            .flatten()
            .collect();
        assert_eq!(
            beside.len(),
            1,
            "half-made repositories were left: {beside:?}"
        );
    }
}

#[tokio::test]
async fn a_new_store_has_the_users_own_permissions_and_no_clean_up_of_gits() {
    let folder = tempfile::tempdir().unwrap();
    let _store = at(folder.path()).await;
    let path = folder.path().join("some where/store.git");
    let plain = folder.path().join("plain");
    fs::create_dir(&plain).unwrap();
    let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), mode(&plain));
    let config = fs::read_to_string(path.join("config")).unwrap();
    assert!(config.contains("auto = 0") && config.contains("autogc = false"));
}

#[tokio::test]
async fn an_empty_folder_becomes_the_store_and_anything_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some where/store.git");
    fs::create_dir_all(&path).unwrap();
    assert_eq!(
        at(folder.path()).await.read().await.unwrap(),
        Snapshot::default()
    );

    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("letter.txt"), "dear").unwrap();
    for path in [taken.clone(), taken.join("letter.txt")] {
        let remote = GitRemote::local(path).unwrap();
        let refused = GitStore::open(options(remote, lock("x"), folder.path()))
            .await
            .unwrap_err();
        assert!(
            matches!(&refused, StoreError::Local { detail, .. } if detail.contains("not a git repo")),
            "{refused}"
        );
    }
    assert_eq!(
        fs::read_to_string(taken.join("letter.txt")).unwrap(),
        "dear"
    );
}

#[tokio::test]
async fn a_lock_file_of_a_killed_git_stands_in_the_way_of_one_send_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = at(folder.path()).await;
    let lock = lock("o/r/production");
    won(&store, claim(&lock, &Snapshot::default())).await;
    let left = locked(folder.path(), Duration::from_secs(3600));
    let seen = store.read().await.unwrap();
    let beat = heartbeat(&lock, &seen);
    let first = swap(&store, beat.clone()).await;
    assert!(
        matches!(&first, Swap::Unknown(e) if e.is_passing()),
        "{first:?}"
    );
    assert!(!left.exists());
    won(&store, beat).await;
}

#[tokio::test]
async fn a_fresh_lock_file_is_left_to_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let store = at(folder.path()).await;
    let lock = lock("o/r/production");
    won(&store, claim(&lock, &Snapshot::default())).await;
    let seen = store.read().await.unwrap();
    let held = locked(folder.path(), Duration::ZERO);
    for _ in 0..2 {
        let swap = swap(&store, heartbeat(&lock, &seen)).await;
        assert!(
            matches!(&swap, Swap::Unknown(e) if e.is_passing()),
            "{swap:?}"
        );
        assert!(held.exists());
    }
    assert_eq!(store.read().await.unwrap(), seen);
}

#[tokio::test]
async fn tidying_removes_what_heartbeats_left_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = at(folder.path()).await;
    let lock = lock("o/r/production");
    won(&store, claim(&lock, &Snapshot::default())).await;
    for _ in 0..5 {
        let seen = store.read().await.unwrap();
        won(&store, heartbeat(&lock, &seen)).await;
    }
    let objects = folder.path().join("some where/store.git/objects");
    let before = store.read().await.unwrap();
    store.tidy().await;
    let young = loose(&objects).len();
    assert!(
        young >= 10,
        "young unreachable objects may belong to a push that is under way"
    );
    for object in loose(&objects) {
        age(&object, Duration::from_secs(2 * 3600));
    }
    // On a busy machine git may be given up before it is done: the next time goes on.
    let mut left = loose(&objects);
    for _ in 0..10 {
        store.tidy().await;
        left = loose(&objects);
        if left.is_empty() {
            break;
        }
    }
    assert!(
        left.is_empty(),
        "all that is reachable is packed, the rest is gone: {left:?}"
    );
    let other = at(folder.path()).await;
    assert_eq!(other.read().await.unwrap(), before);
    assert_eq!(other.history(History::FromSeq(1)).await.unwrap().len(), 2);
    won(&store, claim(&lock, &before)).await;
}

#[tokio::test]
async fn a_repository_that_somebody_else_made_is_used_and_not_tidied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some where/store.git");
    let made = std::process::Command::new("git")
        .args(["init", "--quiet", "--bare"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    let store = at(folder.path()).await;
    let lock = lock("o/r/production");
    for _ in 0..3 {
        let seen = store.read().await.unwrap();
        won(&store, heartbeat(&lock, &seen)).await;
    }
    let objects = loose(&path.join("objects"));
    for object in &objects {
        age(object, Duration::from_secs(2 * 3600));
    }
    store.tidy().await;
    assert_eq!(loose(&path.join("objects")), objects);
}

async fn at(folder: &Path) -> GitStore {
    open(options(
        disk(folder),
        lock("o/r/production"),
        &folder.join("scratch"),
    ))
    .await
}

/// A lock file on the lease's ref, as a git killed this long ago leaves it.
fn locked(folder: &Path, ago: Duration) -> PathBuf {
    let refs = folder.join("some where/store.git/refs/baton");
    let lease = fs::read_dir(refs)
        .unwrap()
        .flatten()
        .next()
        .unwrap()
        .path()
        .join("lease.lock");
    File::create(&lease).unwrap();
    age(&lease, ago);
    lease
}

fn age(path: &Path, by: Duration) {
    // Objects are read-only; a file's owner may still set its times.
    let file = File::open(path).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
}

fn loose(objects: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(objects)
        .unwrap()
        .flatten()
        .filter(|e| e.file_name().len() == 2);
    let mut found: Vec<_> = folders
        .flat_map(|f| fs::read_dir(f.path()).unwrap().flatten())
        .map(|e| e.path())
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_look_at_a_store_in_which_nothing_moved_asks_git_nothing_and_one_after_a_write_shows_it()
{
    let folder = tempfile::tempdir().unwrap();
    let (store, other) = (at(folder.path()).await, at(folder.path()).await);
    let lock = lock("o/r/production");
    let empty = store.read().await.unwrap();
    won(&store, claim(&lock, &empty)).await;
    let seen = store.read().await.unwrap();
    let (objects, away) = (
        folder.path().join("some where/store.git/objects"),
        folder.path().join("away"),
    );
    // Without its objects git serves nothing.
    fs::rename(&objects, &away).unwrap();
    assert_eq!(store.read().await.unwrap(), seen);
    assert!(other.read().await.is_err(), "git could still be asked");
    fs::rename(&away, &objects).unwrap();
    let before = other.read().await.unwrap();
    won(&other, heartbeat(&lock, &before)).await;
    let after = store.read().await.unwrap();
    assert_ne!(after.version.lease, seen.version.lease);
    assert_eq!(after, other.read().await.unwrap());
}
