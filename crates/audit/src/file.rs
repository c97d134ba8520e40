//! The audit trail as a file of JSON lines.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use ledger::{Entry, Timestamp};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use serde::Deserialize;

use crate::{
    backwards::Backwards,
    line::{Origin, line},
};

/// How every line begins.
const BEGINNING: &[u8] = b"{\"audit_id\":";
/// How long another process may hold the file. It writes for milliseconds; one that is stopped must not hold up a
/// deployment's end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many bytes are written at once.
const PIECE: usize = 1 << 20;

/// Why the file cannot be read or written. Texts fit "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Its folder is not there. It is not made: where a mount is missing, the trail would end up beneath it.
    #[error("find the folder of the events file, {}: {kind}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// What lies there is no file.
    #[error("use {} as the events file: it is a folder, a device or a pipe", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// It ends in no line of ours, nor in a part of one: cutting it would destroy what somebody else wrote.
    #[error("add to {}: what stands at its end is no part of an audit trail", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// What it holds of this lock is no part of the ledger's chain: the ledger was begun anew. Its audit ids begin again,
    /// so the same file cannot hold both.
    #[error(
        "add to {}: it holds events of another ledger of this lock; name a new file",
        path.display()
    )]
    OtherLedger {
        /// Which.
        path: PathBuf,
    },
    /// It is a link to a place whose folder is not there.
    #[error("open {}: the link leads to {}, which is not there", path.display(), to.display())]
    DanglingLink {
        /// Which.
        path: PathBuf,
        /// What the link says.
        to: PathBuf,
    },
    /// Another process did not let go of it.
    #[error("lock {}: another process held it for {} s", path.display(), after.as_secs())]
    Busy {
        /// Which.
        path: PathBuf,
        /// How long was waited.
        after: Duration,
    },
    /// The system refuses.
    #[error("{doing} {}: {kind}", path.display())]
    Io {
        /// `open`, `lock`, `read`, `write`.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        kind: io::ErrorKind,
    },
}

/// A file that events are added to, each once, however many processes add them at the same time.
#[derive(Clone, Debug)]
pub struct EventsFile {
    path: PathBuf,
    patience: Duration,
}

/// Of a line, what tells which entry it is.
#[derive(Deserialize)]
struct Place {
    audit_id: u64,
    at: Timestamp,
    lock: String,
    deployment_id: String,
}

impl Place {
    fn of(line: &[u8]) -> Option<Place> {
        serde_json::from_slice(line).ok()
    }

    /// Whether the line is that of `entry`. Its words may be those of another version, its time and its deployment are
    /// the entry's own.
    fn is_of(&self, entry: &Entry) -> bool {
        (self.audit_id, self.at, self.deployment_id.as_str())
            == (entry.seq, entry.at, entry.deployment.id.as_str())
    }
}

impl EventsFile {
    /// The file at `path`, which need not be there yet: the first line makes it.
    ///
    /// # Errors
    /// [`FileError::Folder`] and [`FileError::NotAFile`].
    pub fn open(path: impl Into<PathBuf>) -> Result<EventsFile, FileError> {
        let path = path.into();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let refused = |kind| FileError::Folder {
            folder: folder.to_owned(),
            kind,
        };
        let found = folder.metadata().map_err(|error| refused(error.kind()))?;
        if !found.is_dir() {
            return Err(refused(io::ErrorKind::NotADirectory));
        }
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(FileError::NotAFile { path });
        }
        Ok(EventsFile {
            path,
            patience: PATIENCE,
        })
    }

    /// The newest audit id of `lock` in the file, read from its end; nothing where none is there, and the caller chooses
    /// what to begin with. A line that is not whole does not count.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn last(&self, lock: &str) -> Result<Option<u64>, FileError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.refused("open", &error)),
        };
        let read = || {
            let mut lines = Backwards::of(&file)?;
            let _unfinished = lines.line()?;
            newest(&mut lines, lock)
        };
        let found = read().map_err(|error| self.refused("read", &error))?;
        Ok(found.map(|place| place.audit_id))
    }

    /// Whether `entries`, which were read from the ledger after [`EventsFile::last`] said `last`, may go on where the file
    /// ends. A ledger whose chain does not reach as far as `last` cannot be the one that the file is of.
    ///
    /// # Errors
    /// [`FileError::OtherLedger`].
    pub fn reached(&self, last: u64, entries: &[Entry]) -> Result<(), FileError> {
        match entries.last() {
            Some(newest) if newest.seq >= last => Ok(()),
            _ => Err(self.other_ledger()),
        }
    }

    /// Adds those of `entries`, in the chain's order, that are newer than what the file holds of this lock, and says how
    /// many those were. They are on the disk when it returns. A new file is for its owner to write and its group to
    /// read.
    ///
    /// Where the entry of the file's last line of this lock is among `entries`, it must be the same: so the caller gives
    /// them from [`EventsFile::last`] on, not from behind it.
    ///
    /// A line that a killed process left unfinished is cut off first.
    ///
    /// # Errors
    /// Any of [`FileError`].
    pub fn append(&self, entries: &[Entry], origin: &Origin) -> Result<usize, FileError> {
        let file = self.locked()?;
        let mut lines = Backwards::of(&file).map_err(|error| self.refused("read", &error))?;
        let unfinished = lines
            .line()
            .map_err(|error| self.refused("read", &error))?
            .unwrap_or_default();
        let whole = self.mend(&file, &unfinished, &mut lines)?;
        let last = match whole.filter(|place| place.lock == origin.lock) {
            Some(place) => Some(place),
            None => {
                newest(&mut lines, &origin.lock).map_err(|error| self.refused("read", &error))?
            }
        };
        if let Some(last) = &last
            && let Some(same) = entries.iter().find(|entry| entry.seq == last.audit_id)
            && !last.is_of(same)
        {
            return Err(self.other_ledger());
        }
        self.write(&file, entries, origin, last.map(|place| place.audit_id))
            .map_err(|error| self.refused("write", &error))
    }

    /// Ends the last line, or cuts off what there is of it. The newest line that is whole then, where it was looked at: the
    /// one that only lacked its end, else the first of `before`, the lines before it.
    fn mend(
        &self,
        mut file: &File,
        unfinished: &[u8],
        before: &mut Backwards<'_>,
    ) -> Result<Option<Place>, FileError> {
        if unfinished.is_empty() {
            return Ok(None);
        }
        // A file system that lost power may have made a file longer without writing into it.
        let written = unfinished
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        let torn = &unfinished[..written];
        if torn == unfinished
            && let Some(place) = Place::of(torn)
        {
            file.write_all(b"\n")
                .map_err(|error| self.refused("write", &error))?;
            return Ok(Some(place));
        }
        let before = before
            .line()
            .map_err(|error| self.refused("read", &error))?;
        let first = before.is_none();
        let before = before.as_deref().and_then(Place::of);
        // A part that might be anybody's is ours behind a line of ours; and at a file's beginning, unless there is no more
        // of it than what somebody else may have left, too.
        let ours = torn.starts_with(BEGINNING)
            || BEGINNING.starts_with(torn)
                && (before.is_some() || first && torn == unfinished && torn.len() > 1);
        if !ours {
            return Err(FileError::Foreign {
                path: self.path.clone(),
            });
        }
        file.metadata()
            .and_then(|found| file.set_len(found.len() - unfinished.len() as u64))
            .map_err(|error| self.refused("write", &error))?;
        Ok(before)
    }

    fn write(
        &self,
        mut file: &File,
        entries: &[Entry],
        origin: &Origin,
        last: Option<u64>,
    ) -> io::Result<usize> {
        let mut last = last.unwrap_or_default();
        let mut added = 0;
        let mut text = String::new();
        for entry in entries {
            if entry.seq <= last {
                continue;
            }
            last = entry.seq;
            added += 1;
            text.push_str(&line(entry, origin));
            text.push('\n');
            if text.len() >= PIECE {
                file.write_all(text.as_bytes())?;
                text.clear();
            }
        }
        file.write_all(text.as_bytes())?;
        if added > 0 {
            file.sync_data()?;
        }
        Ok(added)
    }

    /// The file at the path, locked against every other process that adds to it.
    fn locked(&self) -> Result<Flock<File>, FileError> {
        let begun = Instant::now();
        loop {
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o640)
                .open(&self.path)
                .map_err(|error| self.not_opened(&error))?;
            let opened = file
                .metadata()
                .map_err(|error| self.refused("open", &error))?;
            if !opened.is_file() {
                return Err(FileError::NotAFile {
                    path: self.path.clone(),
                });
            }
            let file = self.lock(file, begun)?;
            // Log rotation may have moved it away while another process held it.
            let there = self.path.metadata();
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (opened.dev(), opened.ino())) {
                return Ok(file);
            }
        }
    }

    fn lock(&self, mut file: File, begun: Instant) -> Result<Flock<File>, FileError> {
        const PAUSE: Duration = Duration::from_millis(10);
        loop {
            file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => return Ok(file),
                Err((file, Errno::EWOULDBLOCK | Errno::EINTR)) => file,
                Err((_file, errno)) => return Err(self.refused("lock", &errno.into())),
            };
            if begun.elapsed() >= self.patience {
                return Err(FileError::Busy {
                    path: self.path.clone(),
                    after: self.patience,
                });
            }
            // The system has no lock with a deadline.
            std::thread::sleep(PAUSE);
        }
    }

    fn not_opened(&self, error: &io::Error) -> FileError {
        match self.path.read_link() {
            Ok(to) if error.kind() == io::ErrorKind::NotFound => FileError::DanglingLink {
                path: self.path.clone(),
                to,
            },
            _ => self.refused("open", error),
        }
    }

    fn other_ledger(&self) -> FileError {
        FileError::OtherLedger {
            path: self.path.clone(),
        }
    }

    fn refused(&self, doing: &'static str, error: &io::Error) -> FileError {
        FileError::Io {
            doing,
            path: self.path.clone(),
            kind: error.kind(),
        }
    }
}

/// The first of `lines` that is of `lock`; what is no line of ours is passed over.
fn newest(lines: &mut Backwards<'_>, lock: &str) -> io::Result<Option<Place>> {
    while let Some(line) = lines.line()? {
        if let Some(place) = Place::of(&line)
            && place.lock == lock
        {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_is_stopped_holds_nobody_up_for_ever() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("events.jsonl");
        let mut events = EventsFile::open(&path).expect("a place");
        events.patience = Duration::from_millis(30);
        let held = events.locked().expect("a lock");
        let error = events
            .append(&[], &Origin::default())
            .expect_err("it is held");
        assert!(matches!(error, FileError::Busy { .. }), "{error}");
        drop(held);
        assert_eq!(events.append(&[], &Origin::default()), Ok(0));
    }
}
