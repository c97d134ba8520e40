//! The command's tree as the watchdog holds it: started, timed, ended, proven dead.
//!
//! The watchdog is the parent of the top process and the subreaper of all that descends from it, and starts nothing else;
//! so "no child left" is the proof that no descendant is left.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{getppid, setsid, write};

use crate::cgroup::Cgroup;
use crate::event::{Contained, StartFailure, Survivor};
use crate::process::{self, Process};
use crate::reap::{self, Reaped};
use crate::wire::{Order, ToSupervisor};

/// Between two kill passes while the tree should be dying.
const RETRY: Duration = Duration::from_millis(2);
/// Between two kill passes once the kill time is over: there is nothing more to win, so spare the host.
const RETRY_LATE: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// SIGTERM was sent; SIGKILL follows.
    Terminating {
        kill_at: Duration,
    },
    Killing {
        since: Duration,
        reported: bool,
    },
}

/// When to look at the tree again, if no child ends before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// At this time since boot, if at any.
    At(Option<Duration>),
    /// After this while: it is being killed.
    Retry(Duration),
    /// Never: it is dead, and reported so.
    Dead,
}

#[derive(Debug)]
pub(crate) struct Tree {
    watchdog: i32,
    top: i32,
    cgroup: Option<Cgroup>,
    started: Duration,
    timeout_at: Option<Duration>,
    grace: Duration,
    kill_time: Duration,
    phase: Phase,
    exited: bool,
    timed_out: bool,
    stopped: bool,
    fenced: bool,
    leftovers: usize,
    /// Pids that we may not signal.
    denied: HashSet<i32>,
}

impl Tree {
    /// Starts the command. The caller has checked that the deadline has not passed.
    pub(crate) fn start(order: Order, now: Duration) -> Result<(Self, ToSupervisor), StartFailure> {
        let cgroup = order.cgroup.map(|path| Cgroup::at(PathBuf::from(path)));
        let top = spawn(
            order.file.into(),
            order.cwd.into(),
            order.env,
            cgroup.as_ref(),
            order.cgroup_required,
        )
        .map_err(|error| StartFailure::Spawn(error.to_string()))?;
        // Where a cgroup was only hoped for, the process may have been refused: then it is no proof of anything.
        let cgroup = cgroup.filter(|cgroup| is_in(top, cgroup));
        let contained = if cgroup.is_some() {
            Contained::Cgroup
        } else {
            Contained::Subreaper
        };
        let tree = Self {
            watchdog: std::process::id().cast_signed(),
            top,
            cgroup,
            started: now,
            timeout_at: order.timeout.map(|timeout| now.saturating_add(timeout)),
            grace: order.grace,
            kill_time: order.kill_time,
            phase: Phase::Running,
            exited: false,
            timed_out: false,
            stopped: false,
            fenced: false,
            leftovers: 0,
            denied: HashSet::new(),
        };
        Ok((
            tree,
            ToSupervisor::Started {
                pid: top,
                contained,
            },
        ))
    }

    /// Ends the tree because the supervisor asks for it.
    pub(crate) fn stop(&mut self, at_once: bool, now: Duration) {
        self.stopped |= !self.exited;
        if at_once {
            self.kill_from(now);
        } else if self.phase == Phase::Running {
            self.terminate(now);
        }
    }

    /// Goes on from SIGKILL, whatever came before.
    pub(crate) fn kill_from(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Killing { .. }) {
            self.phase = Phase::Killing {
                since: now,
                reported: false,
            };
        }
    }

    /// Does what is due: collects the dead, keeps deadline, timeout and grace, kills, reports. `deadline` is the lease's
    /// (design §4 rule 2): past it there is no grace.
    pub(crate) fn advance(
        &mut self,
        now: Duration,
        deadline: Option<Duration>,
        say: &mut Vec<ToSupervisor>,
    ) -> Next {
        if self.collect(now, say) {
            return self.dead(say);
        }
        if self.exited && self.phase == Phase::Running {
            self.leftovers = self.alive().len();
            self.terminate(now);
        }
        if deadline.is_some_and(|deadline| now >= deadline) {
            self.fenced |= !self.exited && !matches!(self.phase, Phase::Killing { .. });
            self.kill_from(now);
        }
        if self.phase == Phase::Running && self.timeout_at.is_some_and(|at| now >= at) {
            self.timed_out = true;
            self.terminate(now);
        }
        if matches!(self.phase, Phase::Terminating { kill_at } if now >= kill_at) {
            self.kill_from(now);
        }
        match self.phase {
            Phase::Running => Next::At(earliest(deadline, self.timeout_at)),
            Phase::Terminating { kill_at } => Next::At(earliest(deadline, Some(kill_at))),
            Phase::Killing { since, reported } => {
                self.kill();
                if self.collect(now, say) {
                    return self.dead(say);
                }
                let late = now >= since.saturating_add(self.kill_time);
                if late && !reported {
                    self.phase = Phase::Killing {
                        since,
                        reported: true,
                    };
                    say.push(ToSupervisor::TreeAlive {
                        survivors: self.survivors(),
                    });
                }
                Next::Retry(if late { RETRY_LATE } else { RETRY })
            }
        }
    }

    /// Collects what has ended. Whether nothing is left: no child, so no descendant, and nobody in the cgroup.
    fn collect(&mut self, now: Duration, say: &mut Vec<ToSupervisor>) -> bool {
        loop {
            match reap::any() {
                Reaped::Child(pid, status) if pid == self.top && !self.exited => {
                    self.exited = true;
                    say.push(ToSupervisor::Exited {
                        status: status.into_raw(),
                        timed_out: self.timed_out,
                        stopped: self.stopped,
                        fenced: self.fenced,
                        ran: now.saturating_sub(self.started),
                    });
                }
                Reaped::Child(..) => {}
                Reaped::NoneEnded => return false,
                Reaped::NoChild => {
                    // Unreadable is not empty.
                    return self
                        .cgroup
                        .as_ref()
                        .is_none_or(|cgroup| matches!(cgroup.populated(), Ok(false)));
                }
            }
        }
    }

    fn dead(&mut self, say: &mut Vec<ToSupervisor>) -> Next {
        if let Some(cgroup) = &self.cgroup {
            cgroup.remove();
        }
        say.push(ToSupervisor::TreeDead {
            killed_leftovers: self.leftovers,
        });
        Next::Dead
    }

    /// SIGTERM to every process, and SIGCONT, without which a stopped one would not see it.
    fn terminate(&mut self, now: Duration) {
        self.phase = Phase::Terminating {
            kill_at: now.saturating_add(self.grace),
        };
        let tree = self.alive();
        for process in &tree {
            // What may not be signalled shows when killing.
            let _sent = process
                .signal(Signal::SIGTERM)
                .and_then(|()| process.signal(Signal::SIGCONT));
        }
    }

    fn kill(&mut self) {
        if let Some(cgroup) = &self.cgroup {
            // Where it fails, the signals below and the proof still stand.
            let _killed = cgroup.kill();
        }
        for process in self.descendants() {
            if process.signal(Signal::SIGKILL) == Err(Errno::EPERM) {
                self.denied.insert(process.pid);
            }
        }
    }

    fn descendants(&self) -> Vec<Process> {
        let all = process::scan().unwrap_or_default();
        process::descendants(&all, self.watchdog, |_| false)
            .into_iter()
            .cloned()
            .collect()
    }

    fn alive(&self) -> Vec<Process> {
        let mut tree = self.descendants();
        tree.retain(|process| !process.is_zombie());
        tree
    }

    fn survivors(&self) -> Vec<Survivor> {
        survivors(self.descendants(), &self.denied)
    }
}

/// What to tell of processes that are still there.
pub(crate) fn survivors(processes: Vec<Process>, denied: &HashSet<i32>) -> Vec<Survivor> {
    processes
        .into_iter()
        .map(|process| Survivor {
            pid: process.pid.cast_unsigned(),
            denied: denied.contains(&process.pid),
            name: process.name,
        })
        .collect()
}

fn earliest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.into_iter().chain(b).min()
}

fn is_in(pid: i32, cgroup: &Cgroup) -> bool {
    let Some(name) = cgroup.path().file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    std::fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| {
        groups
            .lines()
            .any(|line| line.starts_with("0::") && line.ends_with(&format!("/{name}")))
    })
}

/// Starts `bash` as a `run:` step does, in its own session, and in `cgroup`.
#[allow(unsafe_code)]
fn spawn(
    file: OsString,
    cwd: PathBuf,
    env: Vec<(crate::wire::Text, crate::wire::Text)>,
    cgroup: Option<&Cgroup>,
    cgroup_required: bool,
) -> io::Result<i32> {
    if !cwd.is_dir() {
        return Err(io::Error::other(format!(
            "{} is no directory",
            cwd.display()
        )));
    }
    let entrance = match cgroup.map(Cgroup::entrance) {
        Some(Err(error)) if cgroup_required => return Err(error),
        entrance => entrance.and_then(Result::ok),
    };
    let watchdog = nix::unistd::getpid();
    let mut command = Command::new("bash");
    command
        .args(["--noprofile", "--norc", "-eo", "pipefail"])
        .arg(file)
        .current_dir(cwd)
        .env_clear()
        .envs(
            env.into_iter()
                .map(|(name, value)| (OsString::from(name), OsString::from(value))),
        )
        .stdin(Stdio::null());
    let in_child = move || {
        // First of all, so that no process of the tree is ever outside.
        if let Some(entrance) = &entrance
            && let Err(errno) = write(entrance, b"0")
            && cgroup_required
        {
            return Err(errno.into());
        }
        // The watchdog's blocked signals are inherited; the command must hear SIGTERM.
        SigSet::empty().thread_set_mask()?;
        // Away from our session: signals for our group do not reach it, and the supervisor tells the tree by its session.
        setsid()?;
        // One more net: the top process dies with the watchdog even where nobody else is left to kill it.
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if getppid() != watchdog {
            return Err(Errno::ESRCH.into());
        }
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec. It makes only direct system calls (write, sigmask, setsid, prctl, getppid), all
    // async-signal-safe, and neither allocates nor takes a lock; errors are made of plain numbers.
    unsafe { command.pre_exec(in_child) };
    // The handle is dropped: the watchdog collects all its children itself.
    Ok(command.spawn()?.id().cast_signed())
}
