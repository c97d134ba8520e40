//! New processes of a program that has one thread and no runtime: a copy of itself, and a command that dies with it.
//!
//! Responsible for the two calls that are unsafe elsewhere. Not responsible for what the processes do: see `fence-guard`.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{ForkResult, fork, getpid, getppid};

/// Which of the two the caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forked {
    /// The one that called; the other's pid.
    Parent(i32),
    /// The copy.
    Child,
}

/// Makes a copy of this process (fork(2)).
///
/// # Errors
/// `EDEADLK` where this process has another thread, whose locks would stay locked in the copy for ever; else the kernel's refusal.
#[allow(unsafe_code)]
pub fn fork_alone() -> io::Result<Forked> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(Errno::EDEADLK.into());
    }
    // SAFETY: this is the only thread, so nobody holds a lock that the copy could wait for, and nobody can start
    // another thread between the look and the call.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(Forked::Parent(child.as_raw())),
        ForkResult::Child => Ok(Forked::Child),
    }
}

/// Starts `command` so that the kernel kills it when this process ends (`PR_SET_PDEATHSIG`; a program that is setuid clears
/// that), in a process group of its own, with no signal blocked. Its pid; the caller collects it with [`crate::reap`].
///
/// # Errors
/// Those of [`Command::spawn`].
#[allow(unsafe_code)]
pub fn spawn_bound(command: &mut Command) -> io::Result<i32> {
    let parent = getpid();
    let in_child = move || {
        SigSet::empty().thread_set_mask()?;
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above.
        if getppid() != parent {
            return Err(Errno::ESRCH.into());
        }
        Ok(())
    };
    command.process_group(0);
    // SAFETY: the closure runs between fork and exec. It makes only direct system calls (sigmask, prctl, getppid), all
    // async-signal-safe, and neither allocates nor takes a lock; errors are made of plain numbers.
    unsafe { command.pre_exec(in_child) };
    Ok(command.spawn()?.id().cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_several_threads_is_not_copied() {
        // The test runner's own thread waits for this one.
        let error = fork_alone().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::EDEADLK as i32));
    }
}
