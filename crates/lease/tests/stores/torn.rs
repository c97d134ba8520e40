//! Half a swap: a git that dies between two refs, or shows itself there, loses nothing that was won.

use std::{
    fs::{self, File},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use lease::{
    LockName,
    store::{
        History, Snapshot, Store, StoreError, Swap, Version,
        git::{GitOptions, GitRemote, GitStore},
    },
    testing::{
        http_git::Server,
        writes::{announced, append, claim, heartbeat, moment},
    },
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::places::{TOKEN, disk, lock, open, options, served, swap, until, won};

/// Old enough for a lock file to be nobody's.
const OLD: Duration = Duration::from_secs(3600);

/// The two orders in which git moves the refs of a swap: by name where both are there, new ones last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Lease,
    Ledger,
}

impl First {
    /// The ref that is moved last.
    fn last(self) -> &'static str {
        match self {
            First::Lease => "ledger",
            First::Ledger => "lease",
        }
    }
}

/// A repository that a test looks at, and tears, behind the store's back.
struct Disk {
    repository: PathBuf,
    lock: LockName,
}

impl Disk {
    fn name(&self, part: &str) -> String {
        format!("refs/baton/{}/{part}", self.lock.encoded())
    }

    fn git(&self, arguments: &[&str]) -> String {
        let answer = Command::new("git")
            .arg("--git-dir")
            .arg(&self.repository)
            .args(arguments)
            .output()
            .unwrap();
        assert!(answer.status.success(), "{arguments:?}");
        String::from_utf8(answer.stdout).unwrap().trim().to_owned()
    }

    /// Puts a ref where it was before a swap.
    fn set_back(&self, part: &str, to: Option<&str>) {
        let name = self.name(part);
        match to {
            Some(to) => self.git(&["update-ref", &name, to]),
            None => self.git(&["update-ref", "-d", &name]),
        };
    }

    fn lock_file(&self, part: &str) -> PathBuf {
        self.repository.join(format!("{}.lock", self.name(part)))
    }

    /// Leaves the lock file of a git that died long ago, about to move `part` to `to`.
    fn leave_lock(&self, part: &str, to: &str) {
        fs::write(self.lock_file(part), format!("{to}\n")).unwrap();
        self.age_lock(part);
    }

    /// Makes the lock file that a git holds or has left look old.
    fn age_lock(&self, part: &str) {
        if let Ok(file) = File::open(self.lock_file(part)) {
            file.set_modified(SystemTime::now() - OLD).unwrap();
        }
    }

    /// What the refs say, asked of no store.
    fn version(&self) -> Version {
        let at = |part| {
            let found = self.git(&["for-each-ref", "--format=%(objectname)", &self.name(part)]);
            Some(found).filter(|f| !f.is_empty())
        };
        Version {
            lease: at("lease"),
            ledger: at("ledger"),
        }
    }

    /// Makes git stop before it moves `part`: it writes the ref's log first, and this log waits for a reader.
    fn stop_before(&self, part: &str) -> PathBuf {
        let log = self.repository.join("logs").join(self.name(part));
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        let made = Command::new("mkfifo").arg(&log).status().unwrap();
        assert!(made.success());
        log
    }

    /// The git that has moved one ref of a swap and is stopped before the other.
    async fn stopped(&self, before: &Version) -> Pid {
        until(|| async {
            let moved = self.version() != *before;
            self.receivers().first().copied().filter(|_| moved)
        })
        .await
    }

    /// The receiving gits that work here.
    fn receivers(&self) -> Vec<Pid> {
        let here = self.repository.canonicalize().unwrap();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|process| {
                let number = process.file_name().to_str()?.parse().ok()?;
                let folder = fs::read_link(process.path().join("cwd")).ok()?;
                let arguments = fs::read(process.path().join("cmdline")).ok()?;
                let receives = arguments.windows(12).any(|w| w == b"receive-pack");
                (folder == here && receives).then(|| Pid::from_raw(number))
            })
            .collect()
    }
}

/// A lock with a ledger, and with a lease where the lease is to move first; a store of it, and what it holds.
async fn begun(first: First, remote: GitRemote, scratch: &Path) -> (GitStore, LockName, Snapshot) {
    let lock = lock("o/r/production");
    let store = open(options(remote, lock.clone(), scratch)).await;
    let empty = store.read().await.unwrap();
    match first {
        First::Lease => won(&store, claim(&lock, &empty)).await,
        First::Ledger => won(&store, append(&empty, moment(1), vec![announced(1)])).await,
    };
    let seen = store.read().await.unwrap();
    (store, lock, seen)
}

/// Completed by readers of all kinds, a torn swap is what its writer wanted, and the store goes on as if nothing had been.
async fn is_made_whole(remote: &GitRemote, disk: &Disk, store: &GitStore, whole: &Snapshot) {
    let scratch = tempfile::tempdir().unwrap();
    let stranger = open(options(remote.clone(), disk.lock.clone(), scratch.path())).await;
    assert_eq!(stranger.read().await.unwrap(), *whole);
    assert_eq!(disk.version(), whole.version, "on the disk itself");
    assert_eq!(store.read().await.unwrap(), *whole);
    let entries = store.history(History::FromSeq(1)).await.unwrap();
    assert_eq!(entries.len() as u64, whole.tip.seq);
    won(store, heartbeat(&disk.lock, whole)).await;
    let seen = stranger.read().await.unwrap();
    won(&stranger, claim(&disk.lock, &seen)).await;
    disk.git(&["fsck", "--strict", "--no-dangling"]);
}

#[tokio::test]
async fn half_a_swap_on_disk_is_completed_by_whoever_reads_it() {
    for first in [First::Lease, First::Ledger] {
        for locked in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let remote = disk(folder.path());
            let (store, lock, seen) = begun(first, remote.clone(), folder.path()).await;
            let write = claim(&lock, &seen);
            let version = won(&store, write).await;
            let whole = store.read().await.unwrap();
            let disk = Disk {
                repository: remote.local_path().unwrap().to_owned(),
                lock,
            };
            let (old, new) = match first {
                First::Lease => (&seen.version.ledger, version.ledger),
                First::Ledger => (&seen.version.lease, version.lease),
            };
            disk.set_back(first.last(), old.as_deref());
            if locked {
                disk.leave_lock(first.last(), &new.unwrap());
            }
            is_made_whole(&remote, &disk, &store, &whole).await;
            assert!(!disk.lock_file(first.last()).exists());
        }
    }
}

#[tokio::test]
async fn half_a_swap_behind_http_is_completed_by_whoever_reads_it() {
    for first in [First::Lease, First::Ledger] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), TOKEN).unwrap();
        let (store, lock, seen) = begun(first, served(&server), folder.path()).await;
        let write = claim(&lock, &seen);
        won(&store, write).await;
        let whole = store.read().await.unwrap();
        let disk = Disk {
            repository: server.repository(),
            lock,
        };
        let old = match first {
            First::Lease => &seen.version.ledger,
            First::Ledger => &seen.version.lease,
        };
        disk.set_back(first.last(), old.as_deref());
        is_made_whole(&served(&server), &disk, &store, &whole).await;
    }
}

#[tokio::test]
async fn a_lease_that_another_server_moved_last_is_completed_too() {
    let folder = tempfile::tempdir().unwrap();
    let remote = disk(folder.path());
    let (store, lock, seen) = begun(First::Lease, remote.clone(), folder.path()).await;
    let write = claim(&lock, &seen);
    won(&store, write).await;
    let whole = store.read().await.unwrap();
    let disk = Disk {
        repository: remote.local_path().unwrap().to_owned(),
        lock,
    };
    disk.set_back("lease", seen.version.lease.as_deref());
    is_made_whole(&remote, &disk, &store, &whole).await;
}

#[tokio::test]
async fn a_writer_whose_swap_is_half_there_finds_that_it_has_won() {
    for first in [First::Lease, First::Ledger] {
        let folder = tempfile::tempdir().unwrap();
        let remote = disk(folder.path());
        let (store, lock, seen) = begun(first, remote.clone(), folder.path()).await;
        let disk = Disk {
            repository: remote.local_path().unwrap().to_owned(),
            lock: lock.clone(),
        };
        for reads_first in [false, true] {
            let seen = if reads_first {
                store.read().await.unwrap()
            } else {
                seen.clone()
            };
            let write = Arc::new(claim(&lock, &seen));
            let Swap::Won(version) = store.swap(Arc::clone(&write)).await else {
                panic!("nobody else writes")
            };
            let old = match first {
                First::Lease => &seen.version.ledger,
                First::Ledger => &seen.version.lease,
            };
            disk.set_back(first.last(), old.as_deref());
            if reads_first {
                let back = store.read().await.unwrap();
                assert_eq!(back.record, write.record);
                assert!(back.tip.has_nonce(&write.nonce));
            }
            let resent = store.swap(write).await;
            assert!(matches!(resent, Swap::Won(v) if v == version));
            assert_eq!(disk.version(), version);
        }
    }
}

#[tokio::test]
async fn a_git_that_dies_between_two_refs_loses_nothing_though_its_writer_never_comes_back() {
    for first in [First::Lease, First::Ledger] {
        // The one leaves its lock file, the other removes it and dies as well.
        for signal in [Signal::SIGKILL, Signal::SIGTERM] {
            let folder = tempfile::tempdir().unwrap();
            let remote = disk(folder.path());
            let (store, lock, seen) = begun(first, remote.clone(), folder.path()).await;
            let disk = Disk {
                repository: remote.local_path().unwrap().to_owned(),
                lock: lock.clone(),
            };
            let log = disk.stop_before(first.last());
            let write = claim(&lock, &seen);
            let (sent, ()) = tokio::join!(swap(&store, write.clone()), async {
                kill(disk.stopped(&seen.version).await, signal).unwrap();
            });
            assert!(matches!(sent, Swap::Unknown(_)), "{sent:?}");
            drop(store);
            fs::remove_file(log).unwrap();
            let torn = disk.version();
            let moved = [
                torn.lease != seen.version.lease,
                torn.ledger != seen.version.ledger,
            ];
            assert_eq!(
                moved,
                [first == First::Lease, first == First::Ledger],
                "it tore"
            );
            let left = disk.lock_file(first.last());
            assert_eq!(left.exists(), signal == Signal::SIGKILL);
            disk.age_lock(first.last());
            let other = open(options(remote.clone(), lock, folder.path())).await;
            let whole = other.read().await.unwrap();
            assert_eq!(whole.record, write.record);
            assert_eq!(whole.tip, write.tip);
            is_made_whole(&remote, &disk, &other, &whole).await;
        }
    }
}

#[tokio::test]
async fn an_append_that_waits_behind_a_dead_gits_lock_does_not_go_over_the_missing_half() {
    let folder = tempfile::tempdir().unwrap();
    let remote = disk(folder.path());
    let (store, lock, seen) = begun(First::Lease, remote.clone(), folder.path()).await;
    // Read before the tear; it never reads again.
    let late = append(&seen, moment(9), vec![announced(9)]);
    let version = won(&store, claim(&lock, &seen)).await;
    let disk = Disk {
        repository: remote.local_path().unwrap().to_owned(),
        lock,
    };
    disk.set_back("ledger", seen.version.ledger.as_deref());
    disk.leave_lock("ledger", version.ledger.as_deref().unwrap());
    let first = swap(&store, late.clone()).await;
    assert!(matches!(first, Swap::Unknown(_)), "{first:?}");
    assert!(matches!(swap(&store, late).await, Swap::Lost));
    assert_eq!(disk.version(), version);
}

#[tokio::test]
async fn a_living_git_between_two_refs_is_left_alone_and_its_half_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let remote = disk(folder.path());
    let (store, lock, seen) = begun(First::Lease, remote.clone(), folder.path()).await;
    let disk = Disk {
        repository: remote.local_path().unwrap().to_owned(),
        lock: lock.clone(),
    };
    let other = open(options(remote, lock.clone(), folder.path())).await;
    let log = disk.stop_before("ledger");
    let (sent, _reader) = tokio::join!(swap(&store, claim(&lock, &seen)), async {
        disk.stopped(&seen.version).await;
        disk.age_lock("ledger");
        let shown = other.read().await;
        assert!(matches!(&shown, Err(e) if e.is_passing()), "{shown:?}");
        assert!(disk.lock_file("ledger").exists());
        let_go(&log)
    });
    let Swap::Won(version) = sent else {
        panic!("{sent:?}")
    };
    fs::remove_file(log).unwrap();
    assert_eq!(other.read().await.unwrap().version, version);
}

#[tokio::test]
async fn a_push_that_is_given_up_is_not_cut_off_between_two_refs() {
    let folder = tempfile::tempdir().unwrap();
    let remote = disk(folder.path());
    let (_, lock, seen) = begun(First::Lease, remote.clone(), folder.path()).await;
    let disk = Disk {
        repository: remote.local_path().unwrap().to_owned(),
        lock: lock.clone(),
    };
    let store = impatient(remote, &lock, folder.path()).await;
    store.read().await.unwrap();
    let log = disk.stop_before("ledger");
    let write = claim(&lock, &seen);
    let sent = swap(&store, write.clone()).await;
    assert!(
        matches!(sent, Swap::Unknown(StoreError::TimedOut { .. })),
        "{sent:?}"
    );
    assert_ne!(disk.version().lease, seen.version.lease, "it was between");
    assert_eq!(disk.version().ledger, seen.version.ledger);
    let _reader = let_go(&log);
    until(|| async { (disk.version().ledger != seen.version.ledger).then_some(()) }).await;
    until(|| async { disk.receivers().is_empty().then_some(()) }).await;
    assert!(!disk.lock_file("ledger").exists());
    fs::remove_file(log).unwrap();
    let now = store.read().await.unwrap();
    assert_eq!((now.record, now.tip), (write.record, write.tip));
}

#[tokio::test]
async fn a_receiver_that_hangs_after_its_push_was_given_up_is_killed_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let remote = disk(folder.path());
    let (_, lock, seen) = begun(First::Lease, remote.clone(), folder.path()).await;
    let disk = Disk {
        repository: remote.local_path().unwrap().to_owned(),
        lock: lock.clone(),
    };
    let store = impatient(remote, &lock, folder.path()).await;
    let _log = disk.stop_before("ledger");
    let sent = swap(&store, claim(&lock, &seen)).await;
    assert!(matches!(sent, Swap::Unknown(_)), "{sent:?}");
    assert_eq!(disk.receivers().len(), 1, "it hangs");
    until(|| async { disk.receivers().is_empty().then_some(()) }).await;
}

#[tokio::test]
async fn half_a_swap_that_carries_no_other_is_shown_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let remote = disk(folder.path());
    let (store, lock, seen) = begun(First::Lease, remote.clone(), folder.path()).await;
    won(&store, claim(&lock, &seen)).await;
    let disk = Disk {
        repository: remote.local_path().unwrap().to_owned(),
        lock,
    };
    let name = disk.name("lease");
    let message = disk.git(&["log", "-1", "--format=%B", &name]);
    let orphan = disk.git(&[
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@x",
        "commit-tree",
        "-m",
        &message,
        &format!("{name}^{{tree}}"),
    ]);
    disk.set_back("lease", Some(&orphan));
    disk.set_back("ledger", seen.version.ledger.as_deref());
    let shown = store.read().await.unwrap();
    assert_eq!(shown.version.lease, Some(orphan));
    assert_eq!(shown.version.ledger, seen.version.ledger);
}

/// Sends go on while their receivers are killed at any moment, also just between two refs.
#[tokio::test]
async fn no_acknowledged_write_is_lost_while_receivers_are_killed_at_any_moment() {
    const LASTING: Duration = Duration::from_secs(15);
    let folder = tempfile::tempdir().unwrap();
    let remote = disk(folder.path());
    let (mut store, lock, _) = begun(First::Lease, remote.clone(), folder.path()).await;
    let disk = Disk {
        repository: remote.local_path().unwrap().to_owned(),
        lock: lock.clone(),
    };
    let begun_at = Instant::now();
    let (mut rounds, mut torn, mut acknowledged) = (0u64, 0, Vec::new());
    while begun_at.elapsed() < LASTING {
        rounds += 1;
        let seen = store.read().await.unwrap();
        let write = Arc::new(match rounds % 3 {
            0 => append(&seen, moment(rounds), vec![announced(rounds)]),
            _ => claim(&lock, &seen),
        });
        let log = (write.record.is_some() && rounds % 4 == 1).then(|| disk.stop_before("ledger"));
        let (sent, ()) = tokio::join!(store.swap(Arc::clone(&write)), async {
            if log.is_some() {
                let receiver = disk.stopped(&seen.version).await;
                kill(receiver, Signal::SIGKILL).unwrap();
            } else if rounds % 4 != 0 {
                // Somewhere in the life of a push, which takes some tens of milliseconds.
                let moment = Duration::from_micros(rounds * 7919 % 40_000);
                tokio::time::sleep(moment).await;
                for receiver in disk.receivers() {
                    let _ = kill(receiver, Signal::SIGKILL);
                }
            }
        });
        if let Some(log) = log {
            fs::remove_file(log).unwrap();
        }
        let now = disk.version();
        let both = write.record.is_some();
        let moved = [
            now.lease != seen.version.lease,
            now.ledger != seen.version.ledger,
        ];
        torn += usize::from(both && moved[0] != moved[1]);
        for part in ["lease", "ledger"] {
            disk.age_lock(part);
        }
        if matches!(sent, Swap::Won(_)) || moved[0] || moved[1] {
            acknowledged.push(write.nonce.clone());
        }
        // Its writer is gone; somebody else reads. A lock that was left is an old one to it.
        store = open(options(remote.clone(), lock.clone(), folder.path())).await;
        let whole = store.read().await.unwrap();
        assert!(
            !both
                || whole.tip.has_nonce(&write.nonce)
                    == (whole.record.as_ref().map(|r| &r.nonce) == Some(&write.nonce)),
            "round {rounds} is half there"
        );
        if whole.version == seen.version {
            // Nothing of it is there: a lock that stands is in the way of the next one only once.
            let _ = swap(&store, heartbeat(&lock, &whole)).await;
        }
    }
    assert!(torn > 0 && rounds > torn as u64, "{torn} of {rounds} tore");
    let entries = store.history(History::FromSeq(1)).await.unwrap();
    let last = store.read().await.unwrap();
    let numbers: Vec<u64> = entries.iter().map(|e| e.seq).collect();
    assert_eq!(numbers, (1..=last.tip.seq).collect::<Vec<_>>());
    for nonce in acknowledged {
        assert!(entries.iter().any(|e| e.nonce == nonce), "{nonce} is lost");
    }
}

/// A store that gives a push up long before it is killed in the end.
async fn impatient(remote: GitRemote, lock: &LockName, scratch: &Path) -> GitStore {
    let options = options(remote, lock.clone(), scratch);
    open(GitOptions {
        request_timeout: Duration::from_secs(2),
        ..options
    })
    .await
}

/// Lets a git go on that [`Disk::stop_before`] has stopped, and every later one as long as the answer is kept. Does not
/// wait for one, as a reader does otherwise.
fn let_go(log: &Path) -> File {
    let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
    File::options()
        .read(true)
        .custom_flags(nonblocking)
        .open(log)
        .unwrap()
}
