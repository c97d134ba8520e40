//! Ends an earlier guarded command and proves it dead, before anything newer happens.
//!
//! The proof. Everything that the command starts descends from its keeper, a subreaper, for as long as the keeper lives
//! (prctl(2)). So the keeper is told to end it all, and does not end before it has no child left: that is the proof. Looks
//! at `/proc` alone are none: processes that start another and end at once are missed by look after look. A keeper that
//! keeps nothing (yet, or any more) is **stopped** instead, so that it starts nothing after we looked, and killed.
//!
//! The guard is never stopped: `sudo` around it would stop itself along with it, and nobody would wake that up again. Nor
//! need it be: it starts nothing, and does not end while another guard holds the lock.
//!
//! Where the keeper is gone already, killed together with its guard, what may be left is found by the mark that every
//! process of the tree has in its environment, and by the session that the keeper led.
//!
//! Not responsible for what a process did through others: a service manager, a container's daemon.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{errno::Errno, sys::signal::Signal};
use supervisor::process::{self, Process};

use crate::{
    error::{GuardError, Survival},
    state::{Place, Running},
    toll::Toll,
    unrecorded::keeps,
};

/// The variable that marks every process of a guarded command: the mark of its guard, behind those of guards of other
/// states that this one runs within.
pub(crate) const MARK: &str = "BATON_FENCE_MARK";
/// What tells a keeper to end its tree, prove it dead, and record nothing.
pub(crate) const DISMISSED: Signal = Signal::SIGUSR2;
/// Between two marks.
const BETWEEN: char = ',';
/// How long a process may take to obey SIGSTOP or SIGKILL before it counts as one that does not.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a process that this one may not signal has to end by itself, once all around it is dead.
const COURTESY: Duration = Duration::from_secs(1);
/// How long a tree may go on forking, as fast as it is killed.
const STORM: Duration = Duration::from_secs(40);
/// Between two looks.
const RETRY: Duration = Duration::from_millis(2);
/// Programs that run another and stop themselves when it is stopped.
const AROUND: [&str; 5] = ["sudo", "runuser", "su", "doas", "script"];

/// The keeper, where it lives.
pub(crate) fn keeper(running: &Running) -> Option<Process> {
    Process::read(running.keeper).filter(|p| p.started == running.started && !p.is_over())
}

/// Ends what `running` records. On success nothing of it can act any more.
///
/// # Errors
/// Where that cannot be proven; what could be killed was killed, and the state is as it was.
pub(crate) fn end(running: &Running, here: &Place) -> Result<(), GuardError> {
    let mut toll = Toll::default();
    let ended = end_recorded(running, here, &mut toll);
    ended.map_err(|why| GuardError::NotProvenDead {
        step: running.step.clone(),
        token: running.token,
        fate: toll.fate(&why),
        why,
    })
}

fn end_recorded(running: &Running, here: &Place, toll: &mut Toll) -> Result<(), Survival> {
    if !running.place.is_visible(here)? {
        return Ok(());
    }
    if let Some(keeper) = keeper(running) {
        end_kept(&keeper, toll)?;
    }
    if let Some(guard) = guard(running) {
        // Orphans of a keeper that was killed came to it. It lives on, to tell its caller.
        end_below(guard.pid, running.started, toll)?;
        let_go_on(&guard);
    }
    end_marked(running, toll)
}

/// Ends a keeper and all that it keeps.
pub(crate) fn end_kept(keeper: &Process, toll: &mut Toll) -> Result<(), Survival> {
    if keeps(keeper.pid) {
        dismiss(keeper, toll)?;
    } else {
        // It has not started the command yet, or proven it dead already.
        while_stopped(keeper, || end_below(keeper.pid, keeper.started, toll))?;
    }
    repeat(toll, || Some(vec![keeper.clone()]))
}

/// Has the keeper end its tree and prove that nothing is left.
fn dismiss(keeper: &Process, toll: &mut Toll) -> Result<(), Survival> {
    send(keeper, DISMISSED)?;
    send(keeper, Signal::SIGCONT)?;
    let mut patience = Patience::new();
    loop {
        // It keeps nothing any more once it is about to record the end.
        if !keeps(keeper.pid) || keeper.is_over() {
            return Ok(());
        }
        let all = process::scan().unwrap_or_default();
        let left: Vec<Process> = process::descendants(&all, keeper.pid, |_| false)
            .into_iter()
            .filter(|process| !process.is_over())
            .cloned()
            .collect();
        patience.kill(&left, toll)?;
        // Where nothing is left, the keeper itself does not go on.
        patience.end(left.first().unwrap_or(keeper))?;
        sleep(RETRY);
    }
}

/// Wakes up a guard that somebody stopped, and what stopped itself along with it.
fn let_go_on(guard: &Process) {
    let stopped = |process: &Process| matches!(process.state, 'T' | 't');
    // Whom this process may not signal, its user can.
    let _sent = guard.signal(Signal::SIGCONT);
    let mut parent = guard.parent;
    while stopped(guard)
        && let Some(around) = Process::read(parent).filter(|p| AROUND.contains(&p.name.as_str()))
    {
        if stopped(&around) {
            let _sent = around.signal(Signal::SIGCONT);
        }
        parent = around.parent;
    }
}

fn guard(running: &Running) -> Option<Process> {
    Process::read(running.guard).filter(|p| p.started == running.guard_started && !p.is_over())
}

/// Kills all below `root` that is not older than the keeper: what a guard was the parent of before is not the command's.
pub(crate) fn end_below(root: i32, since: u64, toll: &mut Toll) -> Result<(), Survival> {
    repeat(toll, || {
        let all = process::scan().ok()?;
        let below = process::descendants(&all, root, |p| p.started < since);
        Some(below.into_iter().cloned().collect())
    })
}

/// Does it while `process` is stopped. It stays so, unless this fails: then it goes on and collects what was killed.
fn while_stopped(
    process: &Process,
    act: impl FnOnce() -> Result<(), Survival>,
) -> Result<(), Survival> {
    let done = stop(process).and_then(|()| act());
    if done.is_err() {
        // The state still names it.
        let _sent = process.signal(Signal::SIGCONT);
    }
    done
}

/// Stops the keeper: once it is seen stopped, it starts nothing.
fn stop(keeper: &Process) -> Result<(), Survival> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        send(keeper, Signal::SIGSTOP)?;
        match Process::read(keeper.pid) {
            Some(now) if now.started == keeper.started && !matches!(now.state, 'T' | 't') => {
                if now.is_over() {
                    return Ok(());
                }
            }
            _ => return Ok(()),
        }
        if Instant::now() >= deadline {
            return Err(unkillable(keeper));
        }
        sleep(RETRY);
    }
}

/// Ends what has the mark or is in the session, and what descends from those.
fn end_marked(running: &Running, toll: &mut Toll) -> Result<(), Survival> {
    let deadline = Instant::now() + COURTESY;
    loop {
        match end_marked_once(running, toll)? {
            None => return Ok(()),
            // The command's first process bears no mark before it has become the command, and dies with the keeper.
            Some(_) if Instant::now() < deadline => sleep(RETRY),
            Some(Process { pid, name, .. }) => return Err(Survival::Suspect { pid, name }),
        }
    }
}

/// A process in the session that has no mark, where there is one.
fn end_marked_once(running: &Running, toll: &mut Toll) -> Result<Option<Process>, Survival> {
    let own = std::process::id().cast_signed();
    let mut suspect = None;
    repeat(toll, || {
        let all = process::scan().ok()?;
        // Nothing that is older than the keeper can be of its tree.
        let younger = |p: &&Process| p.pid != own && p.started >= running.started && !p.is_over();
        let marked: Vec<&Process> = all
            .iter()
            .filter(younger)
            .filter(|p| has_mark(p, &running.mark))
            .collect();
        suspect = all
            .iter()
            .filter(younger)
            .find(|p| is_suspect(p, running, &all) && !has_mark(p, &running.mark))
            .cloned();
        let below = marked
            .iter()
            .flat_map(|p| process::descendants(&all, p.pid, |p| p.pid == own));
        Some(marked.iter().copied().chain(below).cloned().collect())
    })?;
    Ok(suspect)
}

/// Whether it is in the keeper's session. The session's number is not given to another for as long as it has a member;
/// where its leader lives and is not the keeper, it has been given to another.
fn is_suspect(process: &Process, running: &Running, all: &[Process]) -> bool {
    process.session == running.keeper
        && all
            .iter()
            .find(|p| p.pid == running.keeper)
            .is_none_or(|leader| leader.started == running.started)
}

fn has_mark(process: &Process, mark: &str) -> bool {
    marks_of(process.pid).is_some_and(|marks| carries(&marks, mark))
}

/// The marks that a process has in its environment.
pub(crate) fn marks_of(pid: i32) -> Option<String> {
    // Unreadable is another user's, whom the mark cannot show: then only its parents and its session can.
    let all = fs::read(format!("/proc/{pid}/environ")).ok()?;
    all.split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="))
        .map(|marks| String::from_utf8_lossy(marks).into_owned())
}

/// Whether the variable's value has this mark.
pub(crate) fn carries(marks: &str, mark: &str) -> bool {
    each(marks).any(|known| known == mark)
}

/// The marks of the variable's value, the outermost guard's first.
pub(crate) fn each(marks: &str) -> impl Iterator<Item = &str> {
    marks.split(BETWEEN)
}

/// The variable's value for a command with this mark, started by a process that has `outer`.
pub(crate) fn marks(outer: Option<&str>, mark: &str) -> String {
    outer.map_or_else(
        || mark.to_owned(),
        |outer| format!("{outer}{BETWEEN}{mark}"),
    )
}

/// Kills what `find` finds until it finds nothing that can run, twice in a row: `/proc` is not read in one instant, and a
/// process could start another behind the reader's back and end before the reader comes to it.
fn repeat(toll: &mut Toll, mut find: impl FnMut() -> Option<Vec<Process>>) -> Result<(), Survival> {
    // Where /proc hides what is another user's (hidepid), the first process of all is hidden, too.
    if Process::read(1).is_none() {
        return Err(Survival::Blind);
    }
    let mut patience = Patience::new();
    let mut clean = 0;
    loop {
        let found = find();
        let seen = found.is_some();
        let left: Vec<Process> = found
            .into_iter()
            .flatten()
            .filter(|process| !process.is_over())
            .collect();
        patience.kill(&left, toll)?;
        clean = if seen && left.is_empty() {
            clean + 1
        } else {
            0
        };
        if clean >= 2 {
            return Ok(());
        }
        match left.first() {
            Some(process) => patience.end(process)?,
            None if !seen && patience.is_over() => {
                return Err(Survival::Unkillable {
                    pid: 0,
                    name: "/proc cannot be read".into(),
                });
            }
            None => {}
        }
        if clean == 0 {
            sleep(RETRY);
        }
    }
}

/// How long it is worth trying.
struct Patience {
    begun: Instant,
    deadline: Instant,
    /// Since when nothing is left but what this process may not signal.
    alone: Option<Instant>,
}

impl Patience {
    fn new() -> Patience {
        let begun = Instant::now();
        Patience {
            begun,
            deadline: begun + PATIENCE,
            alone: None,
        }
    }

    /// Kills them, and fails where one of another user's outlives the others.
    fn kill(&mut self, left: &[Process], toll: &mut Toll) -> Result<(), Survival> {
        let mut denied = None;
        let mut signalled = false;
        for process in left {
            // A tree that goes on forking is not one that hangs.
            if toll.note(process) {
                self.deadline = Instant::now() + PATIENCE;
            }
            match send(process, Signal::SIGKILL) {
                Err(why) => denied = denied.or(Some(why)),
                Ok(()) => signalled = true,
            }
        }
        let now = Instant::now();
        match denied {
            Some(why) if !signalled => {
                if now >= *self.alone.get_or_insert(now) + COURTESY {
                    return Err(why);
                }
            }
            _ => self.alone = None,
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Fails where `left` has gone on for too long.
    fn end(&self, left: &Process) -> Result<(), Survival> {
        if self.is_over() {
            return Err(unkillable(left));
        }
        if self.begun.elapsed() >= STORM {
            return Err(Survival::Forking {
                pid: left.pid,
                name: left.name.clone(),
            });
        }
        Ok(())
    }
}

fn send(process: &Process, signal: Signal) -> Result<(), Survival> {
    match process.signal(signal) {
        Err(Errno::EPERM) => Err(Survival::Denied {
            pid: process.pid,
            name: process.name.clone(),
        }),
        // Whatever else fails shows when it goes on.
        _ => Ok(()),
    }
}

fn unkillable(process: &Process) -> Survival {
    Survival::Unkillable {
        pid: process.pid,
        name: process.name.clone(),
    }
}
