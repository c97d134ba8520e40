//! How much room a path's file system has.

use std::{
    io,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    sys::statvfs::{FsFlags, statvfs},
};
use tokio::{sync::oneshot, time::Instant};

use super::{GB, Host, HostError, mounts};

/// The file system that a path lies on.
#[derive(Clone, Debug, PartialEq)]
pub struct Disk {
    /// The path with its symbolic links followed.
    pub path: PathBuf,
    /// Where the file system is mounted.
    pub mount: PathBuf,
    /// Its type: `ext4`, `overlay`, `tmpfs`; empty where the kernel names none.
    pub kind: String,
    /// Bytes that this user may still write: without what is kept for root, where this user is another.
    pub free: u64,
    /// Bytes in use; with `free` they are less than `total` where some are kept for root.
    pub used: u64,
    /// Bytes in all.
    pub total: u64,
    /// Files that may still be made; `None` where the file system does not count them.
    pub inodes_free: Option<u64>,
    /// Files in all; `None` as above.
    pub inodes: Option<u64>,
    /// Mounted without the right to write.
    pub read_only: bool,
}

impl Disk {
    /// Free room in GB of 10⁹ bytes.
    pub fn free_gb(&self) -> f64 {
        self.free as f64 / GB
    }

    /// How much of what this user may have is used, 0 to 100: as `df` counts, without rounding.
    pub fn percent(&self) -> f64 {
        share(self.used, self.used.saturating_add(self.free))
    }

    /// How much of the files that the file system can hold there are, 0 to 100; `None` where it does not count them.
    pub fn inodes_percent(&self) -> Option<f64> {
        let (free, all) = (self.inodes_free?, self.inodes?);
        Some(share(all.saturating_sub(free), all))
    }
}

/// Nothing of nothing is full: no file can be written to it.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        100.0
    } else {
        part as f64 / whole as f64 * 100.0
    }
}

impl Host {
    /// The room on the file system that `path` lies on, links followed; `overlay` answers for the folder that is written
    /// to, and `tmpfs` for its own limit.
    ///
    /// # Errors
    ///
    /// The path is not there, may not be looked at, or its file system does not answer by `deadline`. A thread then
    /// stays behind that the kernel does not let go of; it does not keep the process from ending.
    pub async fn disk(&self, path: &Path, deadline: Instant) -> Result<Disk, HostError> {
        let (answer, answered) = oneshot::channel();
        let host = self.clone();
        let asked = path.to_owned();
        // A thread of its own, since a network file system whose server is away holds whoever asks, for ever: tokio's
        // own threads are waited for when the program ends.
        std::thread::Builder::new()
            .name("statvfs".to_owned())
            .spawn(move || {
                let _nobody_waits = answer.send(host.look_at(&asked));
            })
            .map_err(|source| HostError::Path {
                path: path.to_owned(),
                source,
            })?;
        let timed_out = || HostError::TimedOut {
            path: path.to_owned(),
        };
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(Ok(disk)) => disk,
            Ok(Err(_)) | Err(_) => Err(timed_out()),
        }
    }

    fn look_at(&self, path: &Path) -> Result<Disk, HostError> {
        let failed = |source: io::Error| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                    HostError::NoSuchPath { path }
                }
                io::ErrorKind::PermissionDenied => HostError::NoPermission { path },
                _ => HostError::Path { path, source },
            }
        };
        let real = path.canonicalize().map_err(failed)?;
        let space = loop {
            match statvfs(&real) {
                Err(Errno::EINTR) => {}
                other => break other.map_err(|errno| failed(errno.into()))?,
            }
        };
        let mounts = mounts::mounts(self)?;
        let mount = mounts::containing(&mounts, &real);
        let block = space.fragment_size();
        Ok(Disk {
            mount: mount.map_or_else(|| PathBuf::from("/"), |mount| mount.point.clone()),
            kind: mount.map(|mount| mount.kind.clone()).unwrap_or_default(),
            free: space.blocks_available().saturating_mul(block),
            used: space
                .blocks()
                .saturating_sub(space.blocks_free())
                .saturating_mul(block),
            total: space.blocks().saturating_mul(block),
            // btrfs and others make inodes as they are needed, and say zero of zero.
            inodes_free: (space.files() > 0).then(|| space.files_available()),
            inodes: (space.files() > 0).then(|| space.files()),
            read_only: space.flags().contains(FsFlags::ST_RDONLY),
            path: real,
        })
    }
}
