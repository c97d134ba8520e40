//! The private repository that a process makes its commits in and fetches into; it lives as long as the store.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{command::Git, failure::Judge};
use crate::store::StoreError;

/// How a scratch folder's name begins once its owner has it locked.
const PREFIX: &str = "baton-git-";

/// How it begins for the moment before.
const UNOWNED_PREFIX: &str = "baton-git.new-";

/// The file that the owner keeps locked.
const OWNER: &str = "owner";

/// A folder that nobody owned after this long was left by a process that died while making it.
const UNOWNED: Duration = Duration::from_secs(3600);

/// A folder with the repositories of one process. Dropping it removes it; what a killed process left behind is removed
/// by the next one that opens a store with the same parent folder.
#[derive(Debug)]
pub(super) struct Scratch {
    root: PathBuf,
    /// Locked as long as the process lives: the kernel gives the lock back however it dies.
    _owner: File,
}

impl Scratch {
    /// A new folder inside `parent`, with an empty bare repository for reads and swaps.
    pub(super) async fn new(parent: &Path, git: &Git, judge: &Judge) -> Result<Self, StoreError> {
        let scratch = Self::folder(parent).map_err(|e| {
            judge.disk(
                &format!("make a scratch folder in {}", parent.display()),
                &e,
            )
        })?;
        init(&scratch.repository(), git, judge).await?;
        Ok(scratch)
    }

    fn folder(parent: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        sweep(parent);
        let unowned = tempfile::Builder::new()
            .prefix(UNOWNED_PREFIX)
            .tempdir_in(parent)?;
        let owner = File::create(unowned.path().join(OWNER))?;
        owner.lock()?;
        let unowned = unowned.keep();
        let name = unowned
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        let root = parent.join(name.replacen(UNOWNED_PREFIX, PREFIX, 1));
        fs::rename(&unowned, &root)?;
        Ok(Scratch {
            root,
            _owner: owner,
        })
    }

    /// The repository for reads and swaps.
    pub(super) fn repository(&self) -> PathBuf {
        self.root.join("work.git")
    }

    /// Lets the repository for reads and swaps use the objects of the bare repository at `path`, so that nothing needs to be
    /// fetched from it (gitrepository-layout(5), `objects/info/alternates`). Says whether it does.
    ///
    /// What is pruned there meanwhile is unreachable and an hour old: nothing that a read or a swap follows.
    pub(super) fn borrow(&self, path: &Path) -> bool {
        let borrow = || -> io::Result<bool> {
            let objects = path.canonicalize()?.join("objects");
            let line = objects.to_str().filter(|o| !o.contains('\n'));
            let Some(line) = line.filter(|_| objects.is_dir()) else {
                return Ok(false);
            };
            let info = self.repository().join("objects/info");
            fs::create_dir_all(&info)?;
            fs::write(info.join("alternates"), format!("{line}\n"))?;
            Ok(true)
        };
        borrow().unwrap_or(false)
    }

    /// The repository that history is fetched into: deepening it there leaves the other's shallow boundary alone.
    pub(super) fn history(&self) -> PathBuf {
        self.root.join("history.git")
    }

    /// The repository that half a swap is fetched into and completed from: for the same reason.
    pub(super) fn halves(&self) -> PathBuf {
        self.root.join("halves.git")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Makes an empty bare repository without hooks. The object format is named: it is GitHub's, whatever this git's
/// default is.
pub(super) async fn init(path: &Path, git: &Git, judge: &Judge) -> Result<(), StoreError> {
    let parent = path.parent().unwrap_or(path);
    let arguments: [&std::ffi::OsStr; 7] = [
        "init".as_ref(),
        "--quiet".as_ref(),
        "--bare".as_ref(),
        "--template=".as_ref(),
        "--object-format=sha1".as_ref(),
        "--initial-branch=main".as_ref(),
        path.as_os_str(),
    ];
    let answer = git
        .run(parent, arguments, &[])
        .await
        .map_err(|e| judge.not_run(&e))?;
    if answer.status.success() {
        Ok(())
    } else {
        Err(judge.local(judge.tell(&answer.stderr)))
    }
}

/// Removes the lock files that a killed git left in `folder` and below. For folders that no living git works in.
pub(super) fn remove_locks(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "lock") {
            let _ = fs::remove_file(path);
        } else if entry.file_type().is_ok_and(|t| t.is_dir()) {
            remove_locks(&path);
        }
    }
}

/// Removes the folders of processes that are gone.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let gone = if name.starts_with(PREFIX) {
            File::open(entry.path().join(OWNER)).is_ok_and(|owner| owner.try_lock().is_ok())
        } else {
            name.starts_with(UNOWNED_PREFIX) && is_older(&entry.path(), UNOWNED)
        };
        if gone {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether `path` was last changed longer ago than `age`, by this host's clock.
pub(super) fn is_older(path: &Path, age: Duration) -> bool {
    fs::symlink_metadata(path)
        .and_then(|m| m.modified())
        .is_ok_and(|at| {
            SystemTime::now()
                .duration_since(at)
                .is_ok_and(|old| old > age)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_processes_folder_is_swept_and_a_living_ones_is_left() {
        let parent = tempfile::tempdir().unwrap();
        let living = Scratch::folder(parent.path()).unwrap();
        let dead = parent.path().join("baton-git-dead");
        fs::create_dir(&dead).unwrap();
        File::create(dead.join(OWNER)).unwrap();
        let other = Scratch::folder(parent.path()).unwrap();
        assert!(living.root.exists());
        assert!(!dead.exists());
        let root = other.root.clone();
        drop(other);
        assert!(!root.exists());
    }
}
