//! Collecting dead children, with their status as the kernel gave it.
//!
//! `nix`'s `waitpid` fails on a death by a real-time signal, so the raw call is made here.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::errno::Errno;
use nix::libc;

/// What there was to collect.
#[derive(Debug, PartialEq, Eq)]
pub enum Reaped {
    /// This child ended and is gone.
    Child(i32, ExitStatus),
    /// There are children, and none of them has ended.
    NoneEnded,
    /// There is no such child at all. Asked for any child, of a subreaper: it has no descendant left, since every
    /// descendant has an ancestor among the children and orphans become children (prctl(2), `PR_SET_CHILD_SUBREAPER`).
    NoChild,
}

/// Collects any child of this process. Only for a process that starts nothing whose status another part awaits.
pub fn any() -> Reaped {
    wait(-1)
}

/// Collects the child `pid`.
pub(crate) fn one(pid: i32) -> Reaped {
    debug_assert!(pid > 0, "a process group would be collected");
    wait(pid)
}

#[allow(unsafe_code)]
fn wait(pid: i32) -> Reaped {
    loop {
        let mut status: libc::c_int = 0;
        // __WALL: children made by clone(2) with another exit signal than SIGCHLD count as well.
        // SAFETY: `status` is a valid place for the one integer that waitpid(2) writes.
        let pid = unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG | libc::__WALL) };
        match Errno::result(pid) {
            Ok(0) => return Reaped::NoneEnded,
            Ok(pid) => return Reaped::Child(pid, ExitStatus::from_raw(status)),
            Err(Errno::EINTR) => {}
            Err(_) => return Reaped::NoChild,
        }
    }
}
