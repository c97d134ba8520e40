//! The keeper: the process between the guard and the command. It outlives both.
//!
//! It leads the command's session and is the subreaper of all that descends from it, so "no child left" is the proof that
//! the tree is dead. It ends the tree when the guard dies, passes signals on, and records the end in the state.
//!
//! It is a copy of the guard made while the lock is held, and starts the command only on the guard's word, which comes
//! after its own number is on the disk. A guard that dies before that word leaves a keeper that starts nothing.

use std::{
    io::{ErrorKind, Read, Write},
    os::{
        fd::AsFd,
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    process::{Command, ExitStatus},
    time::{Duration, Instant, SystemTime},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl,
        signal::{SigSet, Signal, killpg},
        signalfd::{SfdFlags, SignalFd},
    },
    unistd::{Pid, getpgid, getpgrp, getpid, setsid},
};
use supervisor::{
    fork::spawn_bound,
    process::{self, Process},
    reap::{self, Reaped},
};

use crate::{
    attempt::Outcome,
    earlier::{DISMISSED, MARK, marks},
    error::GuardError,
    exit::Exit,
    file::StateFile,
    request::Request,
    start, toll, unrecorded,
    words::say,
};

/// The guard's word that the command may start; every other byte is a signal to pass on.
pub(crate) const GO: u8 = 0;
/// What is left behind by the command has this long between SIGTERM and SIGKILL, as on a runner.
const GRACE: Duration = Duration::from_secs(3);
/// Between two looks while the tree is being ended.
const RETRY: Duration = Duration::from_millis(20);
/// How long after SIGKILL it is told that something goes on.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same, where this process may not signal all of it.
const COURTESY: Duration = Duration::from_secs(1);

/// What the keeper needs to know.
pub(crate) struct Keeper {
    pub(crate) request: Request,
    pub(crate) state: StateFile,
    /// In the state beside the keeper's number, and in the environment of the command.
    pub(crate) mark: String,
    /// The marks that the guard itself has.
    pub(crate) within: Option<String>,
    /// The guard. Its end closes this.
    pub(crate) guard: UnixStream,
    /// Whether a guard of a newer token has said so: the tree is ended, and nothing recorded.
    pub(crate) dismissed: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Running,
    Terminating(Instant),
    Killing { since: Instant, told: bool },
}

impl Keeper {
    /// Keeps the command until nothing of it is left. The guard gets the code to end with.
    pub(crate) fn keep(mut self) -> Exit {
        let exit = match self.run() {
            Ok(Some(exit)) => exit,
            // The guard died before its word: nothing was started. Or a newer one waits for this very end.
            Ok(None) => return Exit::UNAVAILABLE,
            Err(error) => {
                error.tell();
                error.exit()
            }
        };
        let _guard_gone = self.guard.write_all(&[exit.0]);
        exit
    }

    fn run(&mut self) -> Result<Option<Exit>, GuardError> {
        let failed = |what| move |errno: Errno| system(what, errno.into());
        // Signals of the caller's terminal and session are the guard's business.
        setsid().map_err(failed("begin a session"))?;
        prctl::set_child_subreaper(true).map_err(failed("become a subreaper"))?;
        SigSet::all()
            .thread_set_mask()
            .map_err(failed("block signals"))?;
        let mut ended = SigSet::empty();
        ended.add(Signal::SIGCHLD);
        ended.add(DISMISSED);
        let ended = SignalFd::with_flags(&ended, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .map_err(failed("await the command's end"))?;
        if self.hear() != Some(GO) {
            return Ok(None);
        }
        // From here to the record of its end it can be found also by who lost the state.
        unrecorded::show_as_keeper(true);
        let top = match spawn_bound(&mut self.command()) {
            Ok(top) => top,
            Err(error) => {
                let (why, exit) = start::fault(&self.request.command, &error);
                say(&format!("failed to start {why}"));
                return self.record(Outcome::NotStarted, exit).map(Some);
            }
        };
        let status = self.watch(top, &ended)?;
        if self.dismissed {
            return Ok(None);
        }
        let exit = self.exit_of(status);
        let outcome = if exit == Exit::DONE {
            Outcome::Succeeded
        } else {
            Outcome::Failed
        };
        self.record(outcome, exit)
            .inspect_err(|error| {
                if !matches!(error, GuardError::RecordGone { .. }) {
                    say(&format!(
                        "the command ended with exit code {}, and that could not be recorded: its step counts as not done",
                        exit.0
                    ));
                }
            })
            .map(Some)
    }

    fn command(&self) -> Command {
        let request = &self.request;
        let mut words = request.command.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command
            .args(words)
            .env("BATON_FENCING_TOKEN", request.token.to_string())
            .env("BATON_DEPLOYMENT_ID", &request.deployment)
            .env("BATON_VERSION", &request.version)
            .env("BATON_RUNNER", &request.runner)
            .env("BATON_ACTOR", &request.by)
            .env(MARK, marks(self.within.as_deref(), &self.mark));
        command
    }

    /// One byte of the guard; `None` when it is dead.
    fn hear(&mut self) -> Option<u8> {
        let mut byte = [0];
        loop {
            match self.guard.read(&mut byte) {
                Ok(1) => return Some(byte[0]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => return None,
            }
        }
    }

    /// Until the tree is dead. How its top process ended.
    fn watch(&mut self, top: i32, ended: &SignalFd) -> Result<ExitStatus, GuardError> {
        let mut phase = Phase::Running;
        let mut status: Option<ExitStatus> = None;
        let mut guard_lives = true;
        loop {
            let over = collect(top, &mut status);
            self.notice(ended);
            if over && let Some(status) = status {
                return Ok(status);
            }
            if self.dismissed && !matches!(phase, Phase::Killing { .. }) {
                phase = killing();
            }
            if let (Some(status), Phase::Running) = (status, phase) {
                phase = Phase::Terminating(Instant::now() + GRACE);
                tell_of_leftovers(status);
                for process in below() {
                    // SIGCONT: a stopped process would not see the other.
                    let _sent = process
                        .signal(Signal::SIGTERM)
                        .and_then(|()| process.signal(Signal::SIGCONT));
                }
            }
            phase = match phase {
                Phase::Terminating(until) if Instant::now() >= until => killing(),
                phase => phase,
            };
            if let Phase::Killing { since, told } = phase {
                let left = below();
                let mut denied = false;
                for process in &left {
                    kill_group(process);
                    denied |= process.signal(Signal::SIGKILL) == Err(Errno::EPERM);
                }
                let patience = if denied { COURTESY } else { PATIENCE };
                if !told && since.elapsed() >= patience && !left.is_empty() {
                    phase = Phase::Killing { since, told: true };
                    let who = toll::names(&left);
                    GuardError::TreeAlive { who }.tell();
                }
            }
            if !self.sleep(phase, ended, guard_lives)? {
                continue;
            }
            match self.hear() {
                Some(number) => {
                    // Not collected yet, so the number is still the command's.
                    if let (None, Ok(signal)) = (&status, Signal::try_from(i32::from(number))) {
                        let _sent = killpg(Pid::from_raw(top), signal);
                    }
                }
                None => {
                    guard_lives = false;
                    phase = killing();
                }
            }
        }
    }

    /// Sleeps until a child ends, the guard says something (then `true`), or it is time to look again.
    fn sleep(&self, phase: Phase, ended: &SignalFd, guard_lives: bool) -> Result<bool, GuardError> {
        let timeout = match phase {
            Phase::Running => PollTimeout::NONE,
            _ => PollTimeout::try_from(RETRY).unwrap_or(PollTimeout::ZERO),
        };
        let mut places = vec![PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
        if guard_lives {
            places.push(PollFd::new(self.guard.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut places, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(system("await the command", errno.into())),
        }
        let heard = places.get(1).and_then(PollFd::any).unwrap_or(false);
        Ok(heard)
    }

    /// Empties the descriptor, or it would be readable for ever.
    fn notice(&mut self, ended: &SignalFd) {
        while let Ok(Some(signal)) = ended.read_signal() {
            self.dismissed |= i32::try_from(signal.ssi_signo) == Ok(DISMISSED as i32);
        }
    }

    fn exit_of(&self, status: ExitStatus) -> Exit {
        if let Some(signal) = status.signal() {
            return Exit::of_signal(signal);
        }
        let exit = Exit(
            status
                .code()
                .and_then(|c| u8::try_from(c).ok())
                .unwrap_or(1),
        );
        if exit.is_reserved() {
            say(&format!(
                "the command ended with exit code {}, which is one of the guard's own: reported as 1",
                exit.0
            ));
            return Exit::COMMAND_FAILED;
        }
        exit
    }

    /// Records the end, where the state still names this keeper. The tree is dead.
    fn record(&self, outcome: Outcome, exit: Exit) -> Result<Exit, GuardError> {
        // Whoever looks from now on sees a keeper that keeps nothing any more.
        unrecorded::show_as_keeper(false);
        let lock = self.state.lock()?;
        let mut state = self.state.read(&lock)?;
        // Whoever admits a newer token kills the keeper first. A state that was changed by hand is left alone, too.
        if state.running.as_ref().is_none_or(|r| r.mark != self.mark) {
            return Err(GuardError::RecordGone {
                path: self.state.path().to_owned(),
                code: exit.0,
                newest: state.fencing_token,
            });
        }
        state.finish(&self.request.version, outcome, Some(exit.0), &now());
        self.state.write(&lock, &state)?;
        lock.release()?;
        Ok(exit)
    }
}

/// The time, for people: UTC, RFC 3339.
pub(crate) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

fn tell_of_leftovers(status: ExitStatus) {
    let left: Vec<Process> = below().into_iter().filter(|p| !p.is_over()).collect();
    if left.is_empty() {
        return;
    }
    let how = match status.signal() {
        Some(signal) => format!("was ended by signal {signal}"),
        None => "has ended".into(),
    };
    say(&format!(
        "the command {how} and left {} process{} behind, which {} to end too: {}; a service is started by the host's \
         service manager",
        left.len(),
        if left.len() == 1 { "" } else { "es" },
        if left.len() == 1 { "has" } else { "have" },
        toll::names(&left)
    ));
}

fn killing() -> Phase {
    Phase::Killing {
        since: Instant::now(),
        told: false,
    }
}

/// Kills the process group of a child at once, whatever it starts meanwhile: a fork fails where a signal waits.
///
/// Only of a child: dead or not, its number and its group's are nobody else's before it is collected. Whoever is in that
/// group descends from this process, which leads a session and starts nothing in its own group.
fn kill_group(child: &Process) {
    if child.parent != getpid().as_raw() {
        return;
    }
    if let Ok(group) = getpgid(Some(Pid::from_raw(child.pid)))
        && group != getpgrp()
    {
        // Of several, some may be another user's.
        let _sent = killpg(group, Signal::SIGKILL);
    }
}

/// What descends from this process.
fn below() -> Vec<Process> {
    let own = std::process::id().cast_signed();
    let all = process::scan().unwrap_or_default();
    process::descendants(&all, own, |_| false)
        .into_iter()
        .cloned()
        .collect()
}

/// Collects what has ended. Whether nothing is left.
fn collect(top: i32, status: &mut Option<ExitStatus>) -> bool {
    loop {
        match reap::any() {
            Reaped::Child(pid, ended) if pid == top => *status = Some(ended),
            Reaped::Child(..) => {}
            Reaped::NoneEnded => return false,
            Reaped::NoChild => return true,
        }
    }
}

fn system(what: &'static str, source: std::io::Error) -> GuardError {
    GuardError::System { what, source }
}
