//! The last lines of the runner's own logs: its listener's, and its worker's, which carries this very job out.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use ledger::Timestamp;
use nix::libc;
use probes::foreign;
use serde::Serialize;
use tokio::time::Instant;

use crate::{Part, Subject, part::apart};

/// How many lines of each are told.
const LINES: usize = 200;
/// How long a line may be, in characters.
const LINE: usize = 500;
/// How much of a log's end is read.
const END: u64 = 256 << 10;
/// How many names in `_diag` are looked at.
const NAMES: usize = 20_000;

/// The logs of the runner that this job is of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Logs {
    /// The newest `_diag/Runner_*.log`: the listener, which takes jobs and renews their lock at GitHub.
    pub listener: Part<Tail>,
    /// The newest `_diag/Worker_*.log`: the process that runs the job's steps.
    pub worker: Part<Tail>,
}

/// The end of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tail {
    /// The file.
    pub path: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// When it was written to last.
    pub modified: Timestamp,
    /// Its last lines, at most 200 of 500 characters, oldest first.
    pub lines: Vec<String>,
}

/// Reads them.
pub(crate) async fn read(subject: &Subject, deadline: Instant) -> Part<Logs> {
    let roots = subject.runner_roots();
    apart("the runner's logs", deadline, move || {
        let folder = roots
            .into_iter()
            .map(|root| root.join("_diag"))
            .find(|folder| folder.is_dir());
        match folder {
            Some(folder) => logs(&folder),
            None => Part::none("no folder `_diag` lies above the runner's temporary folder: this is no runner's own host"),
        }
    })
    .await
}

fn logs(folder: &Path) -> Part<Logs> {
    let names: Vec<String> = match fs::read_dir(folder) {
        Ok(listed) => listed
            .flatten()
            .take(NAMES)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.ends_with(".log"))
            .collect(),
        Err(error) => {
            return Part::failed(format_args!("list {}: {error}", folder.display()));
        }
    };
    // The names carry the time of their beginning: Runner_20261121-083500-utc.log.
    let newest = |kind: &str| {
        let newest = names.iter().filter(|name| name.starts_with(kind)).max();
        match newest {
            Some(name) => {
                let path = folder.join(name);
                tail(&path)
                    .map_err(|error| {
                        format!(
                            "read {}: {error}",
                            foreign::bounded(&path.to_string_lossy(), 200)
                        )
                    })
                    .into()
            }
            None => Part::none(format!("no {kind}*.log lies in {}", folder.display())),
        }
    };
    Part::Had(Logs {
        listener: newest("Runner_"),
        worker: newest("Worker_"),
    })
}

fn tail(path: &Path) -> io::Result<Tail> {
    // Neither through a link, which leads elsewhere, nor waiting for a writer, which a pipe would.
    let mut file: File = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let data = file.metadata()?;
    if !data.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let from = data.len().saturating_sub(END);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(END).read_to_end(&mut bytes)?;
    let modified = data
        .modified()?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(Tail {
        path: path.to_owned(),
        bytes: data.len(),
        modified: Timestamp(u64::try_from(modified.as_millis()).unwrap_or(u64::MAX)),
        lines: lines(&bytes, from > 0),
    })
}

/// The last lines. `cut`: the bytes begin in the middle of the file.
fn lines(bytes: &[u8], cut: bool) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<&str> = text.lines().collect();
    let mut first_is_cut = cut;
    if cut && lines.len() > 1 {
        lines.remove(0);
        first_is_cut = false;
    }
    let from = lines.len().saturating_sub(LINES);
    lines[from..]
        .iter()
        .enumerate()
        .map(|(place, line)| {
            if first_is_cut && place == 0 {
                // The mark tells whoever hides secrets that one may begin before it.
                let rest = line.trim_start_matches(char::REPLACEMENT_CHARACTER);
                foreign::bounded(&format!("…{rest}"), LINE)
            } else {
                foreign::bounded(line, LINE)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_that_was_cut_the_first_line_is_left_out_unless_it_is_the_only_one() {
        assert_eq!(lines(b"half\nwhole\r\nlast", true), ["whole", "last"]);
        assert_eq!(lines(b"whole\nlast\n", false), ["whole", "last"]);
        assert_eq!(lines(b"\xa9rest", true), ["…rest"]);
        assert_eq!(lines(b"", true), Vec::<String>::new());
    }
}
