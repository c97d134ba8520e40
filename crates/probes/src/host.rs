//! What this machine has left: CPU, memory, disk.
//!
//! Responsible for: measuring as the kernel reports it, and, inside a control group with a limit, against that limit: a
//! runner in a container has what its container was given, not what the host has (design §8). Not responsible for
//! saying how much is enough: a [`HostProbe`] is told.
//!
//! Sizes are bytes, and a GB is 10⁹ of them, as in the threshold `disk_gb_min`.

mod cgroup;
mod cpu;
mod disk;
mod memory;
mod mounts;
mod probe;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use cpu::{CpuSample, CpuUse};
pub use disk::Disk;
pub use memory::MemoryUse;
pub use probe::{HostProbe, Paths};

/// The bytes of a GB, as disks and thresholds count them.
pub const GB: f64 = 1e9;

/// The machine that this process runs on.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

/// Whose number a measurement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The whole machine's, from `/proc`.
    Machine,
    /// That of a control group with a limit of its own, by its path below the hierarchy's mount, `/` for the mount
    /// itself, which is what a container sees of its own group.
    Cgroup(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Machine => out.write_str("the machine"),
            Source::Cgroup(path) => write!(out, "the control group {path}"),
        }
    }
}

/// Why the machine could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A file of the kernel's that should be there cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the kernel's does not say what it says everywhere else.
    #[error("understand {}: no {wanted} in it", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
    /// No time passed on the CPUs between two looks: the window was too short, or a sandbox answers with fixed numbers.
    #[error("measure CPU use: {} did not change between two looks", path.display())]
    StandsStill {
        /// Which.
        path: PathBuf,
    },
    /// The path whose disk was asked for is not there.
    #[error("look at {}: there is no such path", path.display())]
    NoSuchPath {
        /// Which.
        path: PathBuf,
    },
    /// This user may not look at the path.
    #[error("look at {}: this user may not", path.display())]
    NoPermission {
        /// Which.
        path: PathBuf,
    },
    /// The file system did not answer: a server that is away, or a dying disk.
    #[error("look at {}: its file system did not answer in time", path.display())]
    TimedOut {
        /// Which.
        path: PathBuf,
    },
    /// The path's file system could not be asked.
    #[error("look at {}: {source}", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Default for Host {
    fn default() -> Host {
        Host::new()
    }
}

impl Host {
    /// This machine.
    pub fn new() -> Host {
        Host::rooted_at("/")
    }

    /// A machine whose `proc` and `sys/fs/cgroup` lie below `root`: another root that is mounted here, or a recording.
    pub fn rooted_at(root: impl Into<PathBuf>) -> Host {
        Host { root: root.into() }
    }

    /// Where an absolute path of the machine lies here.
    fn place(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn read(&self, path: impl AsRef<Path>) -> Result<String, HostError> {
        let path = self.place(path);
        std::fs::read_to_string(&path).map_err(|source| HostError::Read { path, source })
    }

    /// As [`Host::read`], and `None` where there is no such file.
    fn read_if_there(&self, path: impl AsRef<Path>) -> Result<Option<String>, HostError> {
        match self.read(path) {
            Ok(text) => Ok(Some(text)),
            Err(HostError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// The number behind `key` in a file of `key value` lines, such as `cpu.stat`, `memory.stat` and, with its colon,
/// `/proc/meminfo`.
fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(key))
            .then(|| words.next()?.parse().ok())
            .flatten()
    })
}
