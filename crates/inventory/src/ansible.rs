//! `ansible-inventory --list`: started, bounded in time and size, and its answer read.
//!
//! Ansible runs executable inventories and plugins itself; that is what its user asked for.

use std::{
    ffi::{OsStr, OsString},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

use crate::{
    answer::{self, Answer},
    error::InventoryError,
    words_of_ansible::harmless,
};

/// The largest answer that is read.
const LARGEST_ANSWER: u64 = 256 * 1024 * 1024;

/// How much of what it says about itself is read.
const LARGEST_WORDS: u64 = 64 * 1024;

/// What came back, and what was said beside it.
pub(crate) struct Spoken {
    pub(crate) answer: Answer,
    /// Its warnings, without what may be a secret; empty where it had none.
    pub(crate) words: String,
}

/// Asks `ansible-inventory`, found on the PATH of `environment`, for the inventory at `path`.
///
/// # Errors
/// It is not installed, took too long (it is killed then, with what it started), or failed.
pub(crate) async fn list(
    path: &Path,
    environment: &[(OsString, OsString)],
    limit: Duration,
) -> Result<Spoken, InventoryError> {
    let program = find(environment).ok_or(InventoryError::NotInstalled)?;
    // In one word: a path may start with a dash.
    let mut source = OsString::from("--inventory=");
    source.push(path);
    let failed = |error: std::io::Error| InventoryError::Ansible {
        words: format!("it cannot be run: {error}"),
    };
    let mut child = Command::new(program)
        .arg(source)
        .arg("--list")
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    // Held over every way out, also when the caller no longer waits.
    let mut tree = Tree(child.id());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let whole = async {
        let (answer, words) = tokio::try_join!(
            collect(stdout, LARGEST_ANSWER),
            collect(stderr, LARGEST_WORDS)
        )?;
        Ok::<_, std::io::Error>((answer, words, child.wait().await?))
    };
    let ended = tokio::time::timeout(limit, whole).await;
    if let Ok(Ok(_)) = &ended {
        // Reaped: the number may be another process's from now on.
        tree.0 = None;
    }
    drop(tree);
    let (json, words, status) = ended
        .map_err(|_| InventoryError::TimedOut { limit })?
        .map_err(failed)?;
    let words = harmless(&String::from_utf8_lossy(&words));
    if !status.success() {
        let words = if words.is_empty() {
            format!("it ended with {status}")
        } else {
            words
        };
        return Err(InventoryError::Ansible { words });
    }
    let answer = answer::read(&json).map_err(|error| InventoryError::Ansible {
        // Its place only: the text around it may be anything.
        words: format!(
            "its answer is not the JSON of an inventory (line {})",
            error.line()
        ),
    })?;
    Ok(Spoken { answer, words })
}

fn find(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let path = environment
        .iter()
        .rev()
        .find(|(name, _)| name == OsStr::new("PATH"))?;
    std::env::split_paths(&path.1)
        .map(|folder| folder.join("ansible-inventory"))
        .find(|file| {
            std::fs::metadata(file)
                .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        })
}

async fn collect(
    stream: Option<impl AsyncRead + Unpin>,
    most: u64,
) -> Result<Vec<u8>, std::io::Error> {
    let mut found = Vec::new();
    if let Some(mut stream) = stream {
        (&mut stream).take(most).read_to_end(&mut found).await?;
        // The rest is let through, so that the other side can end.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    }
    Ok(found)
}

/// The process group that was started, and what else descends from it; killed when dropped.
struct Tree(Option<u32>);

impl Drop for Tree {
    fn drop(&mut self) {
        let Some(root) = self.0 else {
            return;
        };
        let root = Pid::from_raw(root.cast_signed());
        // A child may have left the group. Twice: one that is born meanwhile is found in the second turn.
        for _turn in 0..2 {
            for process in descendants(root) {
                let _gone = kill(process, Signal::SIGKILL);
            }
            let _gone = killpg(root, Signal::SIGKILL);
        }
    }
}

fn descendants(root: Pid) -> Vec<Pid> {
    let parents: Vec<(Pid, Pid)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let process: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The command's name stands in parentheses and may hold any.
            let parent: i32 = stat
                .rsplit_once(')')?
                .1
                .split_whitespace()
                .nth(1)?
                .parse()
                .ok()?;
            Some((Pid::from_raw(process), Pid::from_raw(parent)))
        })
        .collect();
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(process, _)| *process),
        );
        at += 1;
    }
    found.split_off(1)
}
