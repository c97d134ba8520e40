//! What the supervisor does itself when the watchdog cannot be trusted to: kill the tree, and prove it dead.
//!
//! When the watchdog dies, its orphans come to the supervisor, which is a subreaper too. The supervisor has children of its
//! own (`git`), which must live and whose status others await. They are told apart by session: every process of the tree
//! is in a session begun by the watchdog or later, and no process can join a session that it was not born into
//! (setsid(2)), while the supervisor's own children share its session. A child of its own that begins a session counts as
//! part of the tree, so it must not start one.

use std::collections::HashSet;
use std::io;
use std::process::{Child, ExitStatus};

use nix::errno::Errno;
use nix::sys::signal::Signal;

use crate::cgroup::Cgroup;
use crate::event::Survivor;
use crate::process::{self, Process};
use crate::reap::{self, Reaped};
use crate::tree;

/// Kills what descends from a live watchdog, once, and leaves the watchdog to collect it.
pub(crate) fn sweep(watchdog: i32, cgroup: Option<&Cgroup>) {
    if let Some(cgroup) = cgroup {
        // Where it fails, the signals below stand.
        let _killed = cgroup.kill();
    }
    let all = process::scan().unwrap_or_default();
    for process in process::descendants(&all, watchdog, |_| false) {
        // What fails here is the watchdog's to report.
        let _sent = process.signal(Signal::SIGKILL);
    }
}

/// The killing of one tree, and of the watchdog that held it.
pub(crate) struct Takeover<'a> {
    watchdog: &'a mut Child,
    cgroup: Option<&'a Cgroup>,
    top: Option<i32>,
    own_pid: i32,
    own_session: i32,
    /// How the top process ended, once it was collected here.
    pub(crate) status: Option<ExitStatus>,
    denied: HashSet<i32>,
    left: Vec<Process>,
    clean_looks: u32,
}

impl<'a> Takeover<'a> {
    pub(crate) fn new(
        watchdog: &'a mut Child,
        cgroup: Option<&'a Cgroup>,
        top: Option<i32>,
    ) -> Self {
        let own_pid = std::process::id().cast_signed();
        Self {
            watchdog,
            cgroup,
            top,
            own_pid,
            own_session: nix::unistd::getsid(None).map_or(0, nix::unistd::Pid::as_raw),
            status: None,
            denied: HashSet::new(),
            left: Vec::new(),
            clean_looks: 0,
        }
    }

    /// Kills and collects once. Whether the tree and the watchdog are dead.
    ///
    /// `/proc` is not read in one instant: a process could fork behind the reader's back and die before the reader comes to
    /// it. Two looks in a row must find nothing.
    pub(crate) fn pass(&mut self) -> bool {
        if let Some(cgroup) = self.cgroup {
            let _killed = cgroup.kill();
        }
        // First the watchdog, so that it starts nothing more and its orphans come here. It may be stopped: SIGKILL ends it.
        let watchdog_gone =
            self.watchdog.kill().is_ok() && !matches!(self.watchdog.try_wait(), Ok(None));
        let looked = self.look();
        let emptied = self
            .cgroup
            .is_none_or(|cgroup| matches!(cgroup.populated(), Ok(false)));
        let clean = watchdog_gone && emptied && looked.is_ok() && self.left.is_empty();
        self.clean_looks = if clean { self.clean_looks + 1 } else { 0 };
        self.clean_looks >= 2
    }

    fn look(&mut self) -> io::Result<()> {
        let all = process::scan()?;
        let watchdog = self.watchdog.id().cast_signed();
        let tree = process::descendants(&all, self.own_pid, |process| {
            process.session == self.own_session
        });
        self.left = tree
            .into_iter()
            .filter(|process| process.pid != watchdog)
            .cloned()
            .collect();
        for process in &self.left {
            if process.signal(Signal::SIGKILL) == Err(Errno::EPERM) {
                self.denied.insert(process.pid);
            }
        }
        for process in self
            .left
            .iter()
            .filter(|process| process.parent == self.own_pid)
        {
            if let Reaped::Child(pid, status) = reap::one(process.pid)
                && Some(pid) == self.top
            {
                self.status = Some(status);
            }
        }
        Ok(())
    }

    pub(crate) fn survivors(&self) -> Vec<Survivor> {
        tree::survivors(self.left.clone(), &self.denied)
    }
}
