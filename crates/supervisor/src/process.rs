//! Processes as `/proc` shows them, and signals that cannot hit a stranger.
//!
//! Not responsible for which processes make up a tree: see `tree` (the watchdog's view) and `takeover` (the supervisor's).

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;

/// One process (thread group), from `/proc/<pid>/stat` (proc_pid_stat(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number in this pid namespace.
    pub pid: i32,
    /// The number of its parent; 0 where that is outside this pid namespace.
    pub parent: i32,
    /// The session it belongs to: the pid of the process that began it.
    pub session: i32,
    /// `Z` for a zombie. A zombie may still have running threads, so it is signalled like any other.
    pub state: char,
    /// Ticks since boot when it started: with the pid, its identity.
    pub started: u64,
    /// The name of its program, cut by the kernel to 15 bytes.
    pub name: String,
}

impl Process {
    /// Whether its main thread has ended.
    pub fn is_zombie(&self) -> bool {
        self.state == 'Z' || self.state == 'X'
    }

    /// Whether nothing of it can run any more: gone, or a zombie without another thread.
    pub fn is_over(&self) -> bool {
        let Some(now) = Self::read(self.pid).filter(|now| now.started == self.started) else {
            return true;
        };
        now.is_zombie()
            && fs::read_dir(format!("/proc/{}/task", self.pid))
                .is_ok_and(|threads| threads.count() <= 1)
    }

    /// A descriptor that becomes readable when it ends (pidfd_open(2)); `None` where the kernel gives none. The caller
    /// reads the process anew after this, to see that the pid was not another's by then.
    pub fn pidfd(&self) -> Option<OwnedFd> {
        pidfd_open(self.pid).ok()
    }

    /// Reads one process; `None` when it is gone.
    pub fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(stat: &[u8]) -> Option<Self> {
        let stat = String::from_utf8_lossy(stat);
        // The name stands in parentheses and may itself hold spaces and parentheses.
        let (pid, rest) = stat.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let mut fields = rest.split_ascii_whitespace();
        Some(Self {
            pid: pid.parse().ok()?,
            name: name.to_owned(),
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
            // After the parent comes the process group; the start time is field 22, counted from 1.
            session: fields.nth(1)?.parse().ok()?,
            started: fields.nth(15)?.parse().ok()?,
        })
    }

    /// Sends `signal` to this very process. A process that is gone counts as signalled.
    ///
    /// Pids are reused; the descriptor pins the process, and the start time read after that proves that it is the one
    /// that was seen.
    ///
    /// # Errors
    /// `EPERM` where this process may not signal it.
    pub fn signal(&self, signal: Signal) -> Result<(), Errno> {
        let pidfd = match pidfd_open(self.pid) {
            Ok(pidfd) => Some(pidfd),
            Err(Errno::ESRCH) => return Ok(()),
            // Linux before 5.3, a seccomp filter, or no descriptor left: the check of the start time alone must do.
            Err(_) => None,
        };
        if Self::read(self.pid).is_none_or(|now| now.started != self.started) {
            return Ok(());
        }
        let sent = match pidfd {
            Some(pidfd) => pidfd_send_signal(&pidfd, signal),
            None => nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid), signal),
        };
        match sent {
            Err(Errno::ESRCH) => Ok(()),
            sent => sent,
        }
    }
}

/// All processes of this pid namespace.
///
/// # Errors
/// Where `/proc` cannot be read.
pub fn scan() -> io::Result<Vec<Process>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok())
            && let Some(process) = Process::read(pid)
        {
            processes.push(process);
        }
    }
    Ok(processes)
}

/// Those of `all` that descend from `root` (itself left out), parents before children. Where `pass_over` says so, a
/// process is left out together with everything below it.
pub fn descendants(
    all: &[Process],
    root: i32,
    pass_over: impl Fn(&Process) -> bool,
) -> Vec<&Process> {
    let mut children: HashMap<i32, Vec<&Process>> = HashMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found: Vec<&Process> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        // Removed, so that a parent seen twice (a snapshot is not atomic) cannot make a loop.
        for process in children.remove(&parent).unwrap_or_default() {
            if !pass_over(process) {
                found.push(process);
                parents.push(process.pid);
            }
        }
    }
    found
}

#[allow(unsafe_code)]
fn pidfd_open(pid: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: pidfd_open(2) takes two integers and touches no memory of ours.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[allow(unsafe_code)]
fn pidfd_send_signal(pidfd: &OwnedFd, signal: Signal) -> Result<(), Errno> {
    // SAFETY: pidfd_send_signal(2) accepts a null siginfo (then it acts as kill(2)) and reads nothing else of ours.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal as libc::c_int,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    Errno::result(sent).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32) -> Process {
        Process {
            pid,
            parent,
            session: 1,
            state: 'S',
            started: 0,
            name: String::new(),
        }
    }

    fn pids(processes: &[&Process]) -> Vec<i32> {
        let mut pids: Vec<_> = processes.iter().map(|process| process.pid).collect();
        pids.sort_unstable();
        pids
    }

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let stat = b"42 (a) R (b) S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1000 2 3";
        let process = Process::parse(stat).unwrap();
        assert_eq!(
            process,
            Process {
                pid: 42,
                parent: 7,
                session: 9,
                state: 'S',
                started: 123_456,
                name: "a) R (b".to_owned()
            }
        );
    }

    #[test]
    fn the_own_process_is_among_all_with_its_session_and_parent() {
        let own = std::process::id().cast_signed();
        let all = scan().unwrap();
        let found = all.iter().find(|process| process.pid == own).unwrap();
        assert_eq!(found.parent, nix::unistd::getppid().as_raw());
        assert_eq!(found.session, nix::unistd::getsid(None).unwrap().as_raw());
    }

    #[test]
    fn descendants_are_found_at_any_depth_and_in_any_order_of_pids() {
        let all = [
            process(5, 9),
            process(9, 1),
            process(7, 5),
            process(2, 1),
            process(3, 2),
            process(8, 77),
        ];
        assert_eq!(pids(&descendants(&all, 9, |_| false)), [5, 7]);
        assert_eq!(pids(&descendants(&all, 1, |_| false)), [2, 3, 5, 7, 9]);
        assert_eq!(
            pids(&descendants(&all, 1, |process| process.pid == 9)),
            [2, 3]
        );
    }

    #[test]
    fn a_snapshot_with_a_loop_of_parents_still_ends() {
        let all = [process(5, 6), process(6, 5)];
        assert_eq!(pids(&descendants(&all, 5, |_| false)), [5, 6]);
    }

    #[test]
    fn a_process_with_another_start_time_is_not_signalled() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let seen = Process::read(child.id().cast_signed()).unwrap();
        let stranger = Process {
            started: seen.started + 1,
            ..seen.clone()
        };
        stranger.signal(Signal::SIGKILL).unwrap();
        assert!(
            child.try_wait().unwrap().is_none(),
            "a process with the same pid was killed"
        );
        seen.signal(Signal::SIGKILL).unwrap();
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap()),
            Some(9)
        );
        seen.signal(Signal::SIGKILL).unwrap();
    }
}
