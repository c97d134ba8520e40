//! The state file on disk, and the lock beside it.
//!
//! Responsible for: one writer at a time, a change that is whole or not there after a crash, and never writing through
//! something that is not the state. Not responsible for what the state says.

use std::{
    fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::libc::{O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};

use crate::{
    error::GuardError,
    state::{State, Unreadable},
    words::say,
};

/// How long a guard waits for another that holds the lock: many times what one needs, ending a tree included.
const PATIENCE: Duration = Duration::from_secs(60);
/// After so long a wait, it is told.
const QUIET: Duration = Duration::from_secs(5);
/// Between two tries.
const RETRY: Duration = Duration::from_millis(5);
/// No state is larger; a file that is cannot be ours.
const LARGEST: u64 = 4 * 1024 * 1024;
/// What the lock file holds once a state was written: then a state that is gone is no new target.
const WRITTEN: &[u8] = b"a state was written\n";

/// Where the state is.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    folder: PathBuf,
}

/// The right to change the state. It is given up by [`Lock::release`], or by the end of every process that holds it.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl StateFile {
    /// The state at `path`, whose folder must be there.
    pub(crate) fn at(path: &Path) -> StateFile {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        StateFile {
            path: path.to_owned(),
            folder,
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        self.folder.join(name)
    }

    /// Waits for the lock. It is a file of its own, made once and never replaced: the state is replaced at every write,
    /// and a lock on it would be a lock on a file that is gone.
    ///
    /// # Errors
    /// Where another guard holds it for 60 s, or the disk fails.
    pub(crate) fn lock(&self) -> Result<Lock, GuardError> {
        self.lock_within(PATIENCE, QUIET, say)
    }

    fn lock_within(
        &self,
        patience: Duration,
        quiet: Duration,
        tell: impl Fn(&str),
    ) -> Result<Lock, GuardError> {
        // Before anything is made beside it.
        self.check_kind()?;
        let path = self.beside(".lock");
        let failed = |what, source| file_error(what, &path, source);
        let begun = Instant::now();
        let mut told = false;
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                // The command must not inherit it: it would hold the lock for as long as it runs.
                .custom_flags(O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
                .open(&path)
                .map_err(|source| failed("open the lock", source))?;
            match file.try_lock() {
                Ok(()) => {
                    // Another file may stand there by now, where somebody removed ours: then this lock binds nobody.
                    let ours = file.metadata().map_err(|e| failed("look at the lock", e))?;
                    let there = fs::symlink_metadata(&path);
                    if there.is_ok_and(|t| t.dev() == ours.dev() && t.ino() == ours.ino()) {
                        return Ok(Lock { file });
                    }
                }
                Err(TryLockError::WouldBlock) => {
                    let waited = begun.elapsed();
                    if waited >= patience {
                        return Err(GuardError::Locked {
                            holder: holder(&file),
                            path,
                            seconds: patience.as_secs(),
                        });
                    }
                    if waited >= quiet && !told {
                        told = true;
                        tell(&format!(
                            "waiting for the lock {}, which {} holds; given up in {} s",
                            path.display(),
                            holder(&file),
                            patience.saturating_sub(waited).as_secs()
                        ));
                    }
                    std::thread::sleep(RETRY);
                }
                Err(TryLockError::Error(source)) => return Err(failed("lock", source)),
            }
        }
    }

    /// Whose state it is, where the same path is another file in a container: the folder and the name.
    pub(crate) fn place(&self) -> (&Path, &std::ffi::OsStr) {
        (&self.folder, self.path.file_name().unwrap_or_default())
    }

    /// The path, for texts.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The state for whoever only looks; a new one where this target never had any. Makes nothing and waits for nothing.
    pub(crate) fn show(&self) -> Result<State, GuardError> {
        let lock = self.beside(".lock");
        if let Some(state) = self.look()? {
            return Ok(state);
        }
        fs::symlink_metadata(&self.folder)
            .map_err(|source| file_error("find the folder of the state", &self.path, source))?;
        match fs::symlink_metadata(&lock) {
            // Its first write may have come between the two looks.
            Ok(there) if there.len() > 0 => self.look()?.ok_or_else(|| self.gone()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(file_error("look at the lock", &lock, error))
            }
            _ => Ok(State::new()),
        }
    }

    /// Whether the state is the very file that a guard wrote last: then it says what runs.
    pub(crate) fn is_as_written(&self, lock: &Lock) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|there| lock.knows(&there))
    }

    fn gone(&self) -> GuardError {
        GuardError::Gone {
            path: self.path.clone(),
        }
    }

    /// The state; `None` where there is no file. Needs no lock: a write replaces the file whole.
    pub(crate) fn look(&self) -> Result<Option<State>, GuardError> {
        self.check_kind()?;
        let failed = |source| file_error("read the state", &self.path, source);
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
            .open(&self.path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let corrupt = |why: String| GuardError::Corrupt {
            path: self.path.clone(),
            why,
        };
        if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
            return Err(corrupt("it is larger than any state".into()));
        }
        State::parse(&bytes).map(Some).map_err(|why| match why {
            Unreadable::NewerSchema(schema) => GuardError::NewerSchema {
                path: self.path.clone(),
                schema,
            },
            why => corrupt(why.to_string()),
        })
    }

    /// The state under the lock; a new one where this target never had any.
    pub(crate) fn read(&self, lock: &Lock) -> Result<State, GuardError> {
        match self.look()? {
            Some(state) => Ok(state),
            None if lock.knows_a_state()? => Err(self.gone()),
            None => Ok(State::new()),
        }
    }

    /// Replaces the state: afterwards it is on the disk, whole, whatever happens to this host.
    pub(crate) fn write(&self, lock: &Lock, state: &State) -> Result<(), GuardError> {
        let new = self.beside(".new");
        let text = state
            .text()
            .map_err(|error| file_error("write", &new, error.into()))?;
        // Of a guard that was killed while it wrote.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(file_error("replace", &new, error));
            }
            _ => {}
        }
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .custom_flags(O_NOFOLLOW | O_CLOEXEC)
            .open(&new)
            .and_then(|mut file| {
                // Whatever the umask says: others may read what the target is at.
                file.set_permissions(Permissions::from_mode(0o644))?;
                file.write_all(text.as_bytes())?;
                file.sync_all()
            });
        if let Err(error) = written {
            let _left = fs::remove_file(&new);
            return Err(file_error("write", &new, error));
        }
        fs::rename(&new, &self.path).map_err(|error| file_error("replace", &self.path, error))?;
        // The new name is on the disk only once the folder is.
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| file_error("write to the disk the folder", &self.folder, error))?;
        fs::symlink_metadata(&self.path)
            .and_then(|there| lock.remember_a_state(&there))
            .map_err(|error| file_error("write", &self.beside(".lock"), error))
    }

    /// Refuses what is no regular file. `rename` would replace it, and what reads it elsewhere would see nothing of that.
    fn check_kind(&self) -> Result<(), GuardError> {
        let kind = match fs::symlink_metadata(&self.path) {
            Ok(there) => there.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(file_error("look at the state", &self.path, error)),
        };
        let what = if kind.is_file() {
            return Ok(());
        } else if kind.is_symlink() {
            "a symbolic link"
        } else if kind.is_dir() {
            "a folder"
        } else if kind.is_fifo() {
            "a named pipe"
        } else {
            "no regular file"
        };
        Err(GuardError::NotAFile {
            path: self.path.clone(),
            what,
        })
    }
}

impl Lock {
    /// Gives the lock up, for every process that has a copy of it.
    pub(crate) fn release(self) -> Result<(), GuardError> {
        self.file.unlock().map_err(|source| GuardError::System {
            what: "give up the lock",
            source,
        })
    }

    /// Forgets a copy that fork(2) made: the lock stays the other process's.
    pub(crate) fn forget_copy(self) {
        drop(self.file);
    }

    fn knows_a_state(&self) -> Result<bool, GuardError> {
        let length = self.file.metadata().map_err(|source| GuardError::System {
            what: "look at the lock",
            source,
        })?;
        Ok(length.len() > 0)
    }

    /// Also which file it is. That need not reach the disk: where it is lost, the state counts as changed.
    fn remember_a_state(&self, state: &Metadata) -> io::Result<()> {
        let first = self.file.metadata()?.len() == 0;
        let text = [WRITTEN, identity(state).as_bytes()].concat();
        self.file.write_all_at(&text, 0)?;
        self.file.set_len(text.len() as u64)?;
        if first {
            self.file.sync_all()?;
        }
        Ok(())
    }

    fn knows(&self, state: &Metadata) -> bool {
        let text = [WRITTEN, identity(state).as_bytes()].concat();
        let mut known = vec![0; text.len() + 1];
        let read = self.file.read_at(&mut known, 0);
        read.is_ok_and(|length| known[..length] == text)
    }
}

/// Which file it is, as the kernel tells files and their changes apart; no program can set the last of these.
fn identity(state: &Metadata) -> String {
    let (seconds, nanoseconds) = (state.ctime(), state.ctime_nsec());
    format!("{} {seconds}.{nanoseconds:09}\n", state.ino())
}

fn file_error(what: &'static str, path: &Path, source: io::Error) -> GuardError {
    GuardError::File {
        what,
        path: path.to_owned(),
        source,
    }
}

/// Who holds the lock, by the kernel's list (proc_locks(5)).
fn holder(file: &File) -> String {
    let inode = file.metadata().map_or(0, |there| there.ino()).to_string();
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks
        .lines()
        .filter(|line| !line.contains("->"))
        .find_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(4);
            let pid = fields.next()?;
            let place = fields.next()?;
            (place.rsplit(':').next()? == inode).then(|| format!("process {pid}"))
        })
        .unwrap_or_else(|| "another process".into())
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
