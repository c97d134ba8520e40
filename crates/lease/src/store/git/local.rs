//! The bare repository on a disk of this host: made when absent, healed after a killed git, kept small.
//!
//! For processes of one host. A network file system works as far as git does on it; locks left by another host's killed
//! git are then healed by age alone.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{command::Git, failure::Judge, scratch};
use crate::store::StoreError;

/// Appended to the configuration of a repository that we make. Git's own clean-up would run inside somebody's push, at
/// any moment; ours runs after a deployment's end.
const CONFIG: &str = "[gc]\n\tauto = 0\n[receive]\n\tautogc = false\n\tdenyNonFastForwards = false\n\
                      [baton]\n\tstore = true\n";

/// How a repository that is only half made is named, beside its place.
const UNFINISHED: &str = ".baton-new-";

/// A lock file of a ref lives for milliseconds. One of this age whose repository no living git works in was left by a
/// killed one; the takeover that follows such a kill must not wait for it longer than it waits anyway.
const ABANDONED: Duration = Duration::from_secs(5);

/// Where it cannot be seen what other users' gits work in, only this age proves that a lock is nobody's: every git of
/// ours is killed within seconds, and no push takes as long.
const LONG_ABANDONED: Duration = Duration::from_secs(600);

/// Unreachable objects and unfinished pushes older than this are nobody's any more.
const UNREACHABLE: Duration = Duration::from_secs(3600);

/// With this many packs they are made one.
const MANY_PACKS: usize = 20;

/// Makes the repository at `path` where there is nothing, or an empty folder. Several processes may do so at once.
pub(super) async fn make_when_absent(
    path: &Path,
    git: &Git,
    judge: &Judge,
) -> Result<(), StoreError> {
    match look(path) {
        Place::Repository => return Ok(()),
        Place::Free => {}
        Place::Taken => {
            let detail = format!(
                "{} exists and is not a git repository; name another path",
                path.display()
            );
            return Err(judge.local(detail));
        }
    }
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent)
        .map_err(|e| judge.disk(&format!("make {}", parent.display()), &e))?;
    let unfinished = unfinished(parent, path).map_err(|e| judge.disk("draw a random name", &e))?;
    let made = make(path, &unfinished, git, judge).await;
    if made.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    made
}

async fn make(path: &Path, unfinished: &Path, git: &Git, judge: &Judge) -> Result<(), StoreError> {
    scratch::init(unfinished, git, judge).await?;
    let config = unfinished.join("config");
    let write = || -> io::Result<()> {
        let text = fs::read_to_string(&config)? + CONFIG;
        fs::write(&config, text)
    };
    write().map_err(|e| judge.disk(&format!("write {}", config.display()), &e))?;
    match fs::rename(unfinished, path) {
        Ok(()) => Ok(()),
        // Another process was first; its repository is as good as ours.
        Err(_) if is_repository(path) => {
            let _ = fs::remove_dir_all(unfinished);
            Ok(())
        }
        Err(error) => Err(judge.disk(
            &format!("put the new repository at {}", path.display()),
            &error,
        )),
    }
}

fn unfinished(parent: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(parent.join(format!(
        "{UNFINISHED}{name}-{:016x}",
        u64::from_ne_bytes(random)
    )))
}

/// What is at a path where the store should be.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Nothing, or an empty folder.
    Free,
    /// What git would take for a repository, bare or not.
    Repository,
    /// Something else.
    Taken,
}

/// Looks in this order: what another process puts there between the two looks is a whole repository.
fn look(path: &Path) -> Place {
    if is_free(path) {
        Place::Free
    } else if is_repository(path) {
        Place::Repository
    } else {
        Place::Taken
    }
}

/// Whether git would take `path` for a repository, bare or not.
fn is_repository(path: &Path) -> bool {
    let looks = |p: &Path| {
        p.join("HEAD").is_file() && p.join("objects").is_dir() && p.join("refs").is_dir()
    };
    looks(path) || looks(&path.join(".git"))
}

/// Whether a repository may be put at `path`.
fn is_free(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Lock files of refs that a killed git left behind. Nobody else finds or removes them as long as this is held.
#[derive(Debug)]
pub(super) struct Abandoned {
    locks: Vec<PathBuf>,
    /// Healers take turns by a lock of their own: between a look at the file and its removal, nobody else can have
    /// removed it and let a new one in its place.
    _turn: File,
}

impl Abandoned {
    /// Finds them in a lock's `folder` (`refs/baton/<lock>`); nothing while a lock may be somebody's, or another process
    /// is at it.
    ///
    /// Removing the lock of a git that lives would break the compare-and-swap, so a lock must be old *and* no living git
    /// may work in the repository: a push's receiving side has its working directory there, and one that was suspended
    /// is still seen.
    pub(super) fn find(path: &Path, folder: &str) -> Option<Self> {
        let turn = File::create(path.join("baton-heal.turn")).ok()?;
        turn.try_lock().ok()?;
        let age = match works_in(path) {
            Presence::Some => return None,
            Presence::None => ABANDONED,
            Presence::Unknown => LONG_ABANDONED,
        };
        let locks = fs::read_dir(path.join(folder))
            .ok()?
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "lock"))
            .chain([path.join("packed-refs.lock")])
            .filter(|p| scratch::is_older(p, age))
            .collect();
        Some(Abandoned { locks, _turn: turn })
    }

    /// The files.
    pub(super) fn locks(&self) -> &[PathBuf] {
        &self.locks
    }

    /// Removes them. The `prepared` one becomes its ref instead, by the same rename that the dead git did not reach.
    pub(super) fn clear(self, prepared: Option<&Path>) {
        for lock in &self.locks {
            if prepared == Some(lock) {
                let _ = fs::rename(lock, lock.with_extension(""));
            } else {
                let _ = fs::remove_file(lock);
            }
        }
    }
}

/// Whether a git works in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    None,
    Some,
    /// Another user's git is there whose working directory cannot be seen.
    Unknown,
}

fn works_in(path: &Path) -> Presence {
    let (Ok(path), Ok(processes)) = (path.canonicalize(), fs::read_dir("/proc")) else {
        return Presence::Unknown;
    };
    let mut presence = Presence::None;
    for process in processes.flatten() {
        let is_number = process
            .file_name()
            .to_str()
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        let is_git = || {
            // The kernel's name of the process; a git may be `git`, `git-receive-pack` or `receive-pack`.
            fs::read_to_string(process.path().join("comm"))
                .is_ok_and(|n| n.starts_with("git") || n.starts_with("receive-pack"))
        };
        if !is_number || !is_git() {
            continue;
        }
        match fs::read_link(process.path().join("cwd")) {
            Ok(folder) if folder.starts_with(&path) => return Presence::Some,
            Ok(_) => {}
            // It has ended meanwhile, or it is a zombie.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => presence = Presence::Unknown,
        }
    }
    presence
}

/// Removes what heartbeats left behind and packs the rest, in a repository that we made. One process at a time.
pub(super) async fn tidy(path: &Path, git: &Git) {
    let ours =
        fs::read_to_string(path.join("config")).is_ok_and(|config| config.contains("[baton]"));
    let Ok(turn) = File::create(path.join("baton-tidy.turn")) else {
        return;
    };
    if !ours || turn.try_lock().is_err() {
        return;
    }
    if let Some(parent) = path.parent() {
        remove_old(parent, UNFINISHED);
    }
    remove_old(&path.join("objects"), "tmp_objdir-");
    let expire = format!("--expire={}.seconds.ago", UNREACHABLE.as_secs());
    let prune: [&OsStr; 4] = [
        "--git-dir=.".as_ref(),
        "prune".as_ref(),
        expire.as_ref(),
        "--".as_ref(),
    ];
    let _ = git.run(path, prune, &[]).await;
    // Loose objects that are reachable go into one more pack; now and then all packs become one. Not --geometric: it
    // packs what is unreachable too, which is then never pruned.
    let packs = fs::read_dir(path.join("objects/pack"))
        .into_iter()
        .flatten()
        .flatten();
    let packs = packs
        .filter(|e| e.path().extension().is_some_and(|x| x == "pack"))
        .count();
    let expire = format!("--unpack-unreachable={}.seconds.ago", UNREACHABLE.as_secs());
    let mut repack = vec!["--git-dir=.", "repack", "-d", "-q"];
    if packs >= MANY_PACKS {
        repack.extend(["-A", &expire]);
    }
    let _ = git.run(path, repack, &[]).await;
}

fn remove_old(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let named = entry
            .file_name()
            .to_str()
            .is_some_and(|n| n.starts_with(prefix));
        if named && scratch::is_older(&entry.path(), UNREACHABLE) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::SystemTime,
    };

    use super::*;

    fn lock_of_age(folder: &Path, name: &str, age: Duration) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let lock = folder.join(name);
        let file = File::create(&lock).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        lock
    }

    fn clear(repository: &Path) {
        if let Some(abandoned) = Abandoned::find(repository, "refs/baton/x") {
            abandoned.clear(None);
        }
    }

    #[test]
    fn a_repository_that_appears_between_two_looks_is_never_taken_for_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |kind: &str, round: usize| folder.path().join(format!("{kind}-{round}"));
        let awaited = AtomicUsize::new(0);
        let mut seen = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..500 {
                    let ready = at("ready", round);
                    fs::create_dir_all(ready.join("objects")).unwrap();
                    fs::create_dir_all(ready.join("refs")).unwrap();
                    fs::write(ready.join("HEAD"), "ref: refs/heads/main\n").unwrap();
                    while awaited.load(Ordering::Acquire) < round {
                        std::hint::spin_loop();
                    }
                    fs::rename(ready, at("store", round)).unwrap();
                }
            });
            for round in 0..500 {
                awaited.store(round, Ordering::Release);
                let store = at("store", round);
                let mut looks = std::iter::repeat_with(|| look(&store));
                seen.extend(looks.find(|place| *place != Place::Free));
            }
        });
        assert_eq!(seen.len(), 500);
        assert!(seen.iter().all(|place| *place == Place::Repository));
    }

    #[test]
    fn a_killed_gits_lock_is_removed_and_a_fresh_one_is_left() {
        let repository = tempfile::tempdir().unwrap();
        let folder = repository.path().join("refs/baton/x");
        let dead = lock_of_age(&folder, "lease.lock", LONG_ABANDONED * 2);
        let living = lock_of_age(&folder, "ledger.lock", Duration::ZERO);
        clear(repository.path());
        assert!(!dead.exists());
        assert!(living.exists());
    }

    #[test]
    fn an_old_lock_is_left_while_a_git_works_in_the_repository() {
        let repository = tempfile::tempdir().unwrap();
        let old = lock_of_age(
            &repository.path().join("refs/baton/x"),
            "lease.lock",
            LONG_ABANDONED * 2,
        );
        let mut git = std::process::Command::new("git")
            .args(["hash-object", "--stdin"])
            .current_dir(repository.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // The kernel names a process after its program a moment after the program was started.
        let name = format!("/proc/{}/comm", git.id());
        while !fs::read_to_string(&name).unwrap().starts_with("git") {
            std::thread::yield_now();
        }
        clear(repository.path());
        let left = old.exists();
        drop(git.stdin.take());
        git.wait().unwrap();
        assert!(left);
        clear(repository.path());
        assert!(!old.exists());
    }
}
