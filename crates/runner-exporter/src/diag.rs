//! A runner's folder of logs, `_diag`: the listener's newest log, read as it grows, and the time of the newest job's.
//!
//! Responsible for: choosing the files and reading only what is new of them. Not responsible for what lines mean: see
//! `session`.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::session::{Session, Verdict};

/// What is read from the end of a log at first; eight times as much where no line of it tells.
const TAIL: u64 = 64 * 1024;
/// The most that is read at a time. Logs have pages of 8 MB.
const MOST: u64 = 16 * 1024 * 1024;
/// A listing is trusted as long as the folder's time stands, once that time is past: two files made within one tick
/// of the clock leave the same time.
const SETTLED: Duration = Duration::from_secs(2);
/// A file written later than now by more than this is from before the clock was set back.
const AHEAD: Duration = Duration::from_secs(60);

/// Why `_diag` tells nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiagError {
    #[error("read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("find a log of the listener in {}", path.display())]
    Empty { path: PathBuf },
}

/// What is known of one runner's logs.
#[derive(Debug, Default)]
pub(crate) struct Diag {
    listed: Option<Listed>,
    read: Option<Reading>,
}

#[derive(Debug)]
struct Listed {
    /// The folder's own time.
    changed: SystemTime,
    settled: bool,
    /// The listener's logs, the newest first.
    runner: Vec<OsString>,
    /// The newest job's log.
    worker: Option<OsString>,
}

/// How far one log was read.
#[derive(Debug)]
struct Reading {
    name: OsString,
    inode: u64,
    offset: u64,
    at: Instant,
    session: Session,
}

/// What the logs say now.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) verdict: Verdict,
    pub(crate) version: Option<String>,
}

impl Diag {
    /// Reads what is new. `folder` is `_diag` itself.
    pub(crate) fn look(&mut self, folder: &Path) -> Result<Told, DiagError> {
        self.list(folder)?;
        let newest = self
            .listed
            .as_ref()
            .and_then(|listed| listed.runner.first().cloned());
        let Some(name) = newest else {
            return Err(DiagError::Empty {
                path: folder.to_owned(),
            });
        };
        let path = folder.join(&name);
        let failed = |source| DiagError::Read {
            path: path.clone(),
            source,
        };
        let mut file = File::open(&path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?;
        let now = Instant::now();
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs()
            .cast_signed();

        let known = self.read.take().filter(|read| {
            let new = there.len().saturating_sub(read.offset);
            read.name == name
                && read.inode == there.ino()
                && read.offset <= there.len()
                && new <= MOST
        });
        let mut reading = match known {
            Some(mut read) => {
                let unseen = now.saturating_duration_since(read.at);
                read.offset += take(&mut file, read.offset, &mut read.session).map_err(failed)?;
                read.session.read_at(now, wall, Some(unseen));
                read
            }
            None => {
                let mut session = from_the_end(&mut file, there.len()).map_err(failed)?;
                if !session.0.tells() {
                    self.page_before(folder, &mut session.0);
                }
                session.0.read_at(now, wall, None);
                Reading {
                    name,
                    inode: there.ino(),
                    offset: session.1,
                    at: now,
                    session: session.0,
                }
            }
        };
        reading.at = now;
        let told = Told {
            verdict: reading.session.verdict(now),
            version: reading.session.version.clone(),
        };
        self.read = Some(reading);
        Ok(told)
    }

    /// When the newest job's log was last written, which is when the job ended, unless it runs. Seconds since 1970.
    pub(crate) fn last_job(&self, folder: &Path) -> Option<f64> {
        let name = self.listed.as_ref()?.worker.as_ref()?;
        let written = fs::metadata(folder.join(name)).ok()?.modified().ok()?;
        Some(written.duration_since(UNIX_EPOCH).ok()?.as_secs_f64())
    }

    /// A log of several pages goes on in a new file, which says nothing of the connection until something happens.
    fn page_before(&self, folder: &Path, session: &mut Session) {
        let before = self.listed.as_ref().and_then(|listed| listed.runner.get(1));
        let read = || -> io::Result<Session> {
            let Some(before) = before else {
                return Ok(Session::default());
            };
            let mut file = File::open(folder.join(before))?;
            let length = file.metadata()?.len();
            Ok(from_the_end(&mut file, length)?.0)
        };
        if let Ok(before) = read() {
            let version = session.version.take();
            *session = before;
            session.version = version.or(session.version.take());
        }
    }

    fn list(&mut self, folder: &Path) -> Result<(), DiagError> {
        let failed = |source| DiagError::Read {
            path: folder.to_owned(),
            source,
        };
        let changed = fs::metadata(folder)
            .and_then(|there| there.modified())
            .map_err(failed)?;
        let known = self.listed.as_ref();
        if known.is_some_and(|listed| listed.settled && listed.changed == changed) {
            return Ok(());
        }
        let now = SystemTime::now();
        let mut runner = Vec::new();
        let mut worker: Option<(SystemTime, OsString)> = None;
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let bytes = name.as_encoded_bytes();
            let (is_runner, is_worker) =
                (bytes.starts_with(b"Runner_"), bytes.starts_with(b"Worker_"));
            if !(is_runner || is_worker) || !bytes.ends_with(b".log") {
                continue;
            }
            // It may be gone by now: old logs are cleared away.
            let Ok(written) = entry.metadata().and_then(|file| file.modified()) else {
                continue;
            };
            if is_runner {
                runner.push((written, name));
            } else if worker
                .as_ref()
                .is_none_or(|(newest, other)| (*newest, other) < (written, &name))
            {
                worker = Some((written, name));
            }
        }
        let ahead = |written: SystemTime| written.duration_since(now).is_ok_and(|by| by > AHEAD);
        // Whatever lies in the future comes last.
        runner.sort_by(|(a, a_name), (b, b_name)| {
            (ahead(*a), b, b_name).cmp(&(ahead(*b), a, a_name))
        });
        self.listed = Some(Listed {
            changed,
            settled: now.duration_since(changed).is_ok_and(|ago| ago > SETTLED),
            runner: runner.into_iter().map(|(_, name)| name).collect(),
            worker: worker.map(|(_, name)| name),
        });
        Ok(())
    }
}

/// Reads the end of a log, as much of it as is needed to tell; and how far that is.
fn from_the_end(file: &mut File, length: u64) -> io::Result<(Session, u64)> {
    let mut tail = TAIL;
    loop {
        let start = length.saturating_sub(tail.min(MOST));
        let mut session = Session::default();
        let read = take(file, start, &mut session)?;
        if session.tells() || start == 0 || tail >= MOST {
            if start > 0 && session.version.is_none() {
                session.version = version(file)?;
            }
            return Ok((session, start + read));
        }
        tail *= 8;
    }
}

/// The listener's version stands at the beginning of its log.
fn version(file: &mut File) -> io::Result<Option<String>> {
    let mut session = Session::default();
    file.seek(SeekFrom::Start(0))?;
    let mut text = Vec::new();
    file.take(TAIL).read_to_end(&mut text)?;
    for line in text.split(|byte| *byte == b'\n') {
        session.line(&String::from_utf8_lossy(line));
    }
    Ok(session.version)
}

/// Takes in the whole lines from `offset` on, and says how many bytes they were: a line that is being written is
/// left for the next time.
fn take(file: &mut File, offset: u64, session: &mut Session) -> io::Result<u64> {
    file.seek(SeekFrom::Start(offset))?;
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text)?;
    let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else {
        return Ok(0);
    };
    for line in text[..end].split(|byte| *byte == b'\n') {
        session.line(&String::from_utf8_lossy(line));
    }
    Ok(end as u64 + 1)
}

#[cfg(test)]
#[path = "diag_tests.rs"]
mod tests;
