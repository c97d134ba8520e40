//! Why the supervisor could not be set up or would not start a command.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::cgroup::CgroupError;

/// Why a call on the supervisor was refused or failed. Texts are fragments that fit "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// One process holds at most one supervisor: orphans of a lost watchdog are told apart by process, not by supervisor.
    #[error("launch a second supervisor in one process")]
    AlreadyLaunched,
    /// The kernel refused `PR_SET_CHILD_SUBREAPER`.
    #[error("become a subreaper: {0}")]
    Subreaper(#[source] Errno),
    /// `/proc` is missing or hides processes, so that a dead tree could not be proven dead.
    #[error("read processes from /proc: {0}")]
    Proc(#[source] io::Error),
    /// Pipes, sockets, timers or threads could not be had.
    #[error("set up {what}: {source}")]
    Resource {
        /// What was wanted.
        what: &'static str,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// The watchdog could not be started.
    #[error("start the watchdog: {0}")]
    SpawnWatchdog(#[source] io::Error),
    /// The watchdog did not report ready; most likely [`crate::become_watchdog_if_asked`] is not called first in `main`.
    #[error("hear from the watchdog after starting it")]
    WatchdogNotReady,
    /// A cgroup was demanded and cannot be had.
    #[error("prepare a cgroup: {0}")]
    Cgroup(#[from] CgroupError),
    /// The command could not be written to its file.
    #[error("write the command to a file below {}: {source}", dir.display())]
    Script {
        /// The folder given for temporary files.
        dir: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// No deadline was fed, or it has passed: nothing may run without a live lease (design §4 rule 2).
    #[error("start a command without a live deadline")]
    NoLiveDeadline,
    /// The previous tree is not proven dead (design §6).
    #[error("start a command while the tree before it is not proven dead")]
    TreeNotProvenDead,
    /// The watchdog is gone; launch a new supervisor.
    #[error("start a command without a watchdog")]
    NoWatchdog,
}
