//! One guarded command, from the request to its exit code (design §9).
//!
//! The order that keeps design §4's promise 3, all of it under the lock:
//!
//! 1. read the state and judge the token;
//! 2. end the command of an older token and prove it dead, also one that the state does not know of;
//! 3. make the keeper, which starts nothing yet;
//! 4. write token and keeper to the disk, file and folder;
//! 5. give the lock up, then the keeper the word.
//!
//! * An older guard between 1 and 5 holds the lock: a newer one waits, then finds its keeper in the state.
//! * A keeper that has not started the command yet, with the word or without, is found in the state and killed like one that has.
//! * A guard killed before 4 leaves no trace; killed after it, a keeper that ends itself, and a record that the next guard
//!   proves dead. The token on the disk is then newer than any effect, never older.
//! * The lock is not held while the command runs: a newer token must be able to come in.

use std::{
    fs,
    io::{ErrorKind, Read, Write, stderr, stdout},
    os::{fd::AsFd, unix::net::UnixStream},
    thread::sleep,
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl,
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
        wait::waitpid,
    },
    unistd::Pid,
};
use supervisor::{
    fork::{Forked, fork_alone},
    process::Process,
};

use crate::{
    admission::{Admission, judge},
    attempt::Outcome,
    caller::Caller,
    earlier,
    error::GuardError,
    exit::Exit,
    file::{Lock, StateFile},
    keeper::{GO, Keeper, now},
    request::Request,
    state::{Place, Running, State},
    toll::Toll,
    unrecorded,
    words::{say, shown},
};

/// Signals that are the command's: what a caller, a terminal or a service manager may send.
const PASSED_ON: [Signal; 6] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];
/// Between two looks at a process for which the kernel gives no descriptor (Linux before 5.3).
const LOOK: Duration = Duration::from_millis(200);

/// Asks to be admitted, and runs the command where it is.
pub(crate) fn run(request: &Request, file: &StateFile) -> Result<Exit, GuardError> {
    let here = Place::here()?;
    let within = std::env::var(earlier::MARK).ok();
    let mut caller = Caller::default();
    let mut told = false;
    loop {
        let lock = file.lock()?;
        // Time has passed at the lock: nothing is started for nobody.
        if caller.left() {
            return Ok(Exit::of_signal(Signal::SIGHUP as i32));
        }
        let state = file.read(&lock)?;
        let (end, done) = match judge(&state, request, within.as_deref())? {
            Admission::Done(step) => {
                say_done(request, &step.at);
                return Ok(Exit::DONE);
            }
            Admission::Behind(running) => {
                if running.place == here
                    && let Some(keeper) = earlier::keeper(&running)
                {
                    lock.release()?;
                    if !told {
                        told = true;
                        say(&format!(
                            "waiting for step {} of the same token, which runs since {} (process {})",
                            shown(&running.step),
                            shown(&running.since),
                            running.keeper
                        ));
                    }
                    if !wait(&keeper, &mut caller) {
                        return Ok(Exit::of_signal(Signal::SIGHUP as i32));
                    }
                    continue;
                }
                (Some(running), None)
            }
            Admission::Enter {
                end,
                done,
                version_there,
            } => {
                if version_there {
                    say(&format!(
                        "warning: this target is at version {} already, from an earlier deployment; going on",
                        shown(&request.version)
                    ));
                }
                (end, done)
            }
        };
        if let Some(running) = end {
            earlier::end(&running, &here)?;
            say(&format!(
                "nothing is left of step {} of token {}, which had not ended",
                shown(&running.step),
                running.token
            ));
        }
        // The look costs 8 µs a process of this host: none where the state is as a guard left it.
        if !file.is_as_written(&lock) {
            unrecorded::end(request, file, &state, &here)?;
        }
        let mut admitted = state;
        admitted.admit(request, &now());
        if let Some(step) = done {
            file.write(&lock, &admitted)?;
            say_done(request, &step.at);
            return Ok(Exit::DONE);
        }
        return enter(request, file, lock, admitted, (here, within), caller);
    }
}

fn say_done(request: &Request, at: &str) {
    say(&format!(
        "step {} of deployment {} was done at {}: not run again",
        shown(&request.step),
        shown(&request.deployment),
        shown(at)
    ));
}

/// Steps 3 to 5 of the order above, then waits for the end.
fn enter(
    request: &Request,
    file: &StateFile,
    lock: Lock,
    mut state: State,
    (here, within): (Place, Option<String>),
    caller: Caller,
) -> Result<Exit, GuardError> {
    let mark = fs::read_to_string("/proc/sys/kernel/random/uuid")
        .map_err(|source| system("make a mark for the command", source))
        .and_then(|unique| unrecorded::mark(unique.trim(), file))?;
    let (mut near, far) = UnixStream::pair().map_err(|source| system("make a socket", source))?;
    // From here on a signal is the command's; before, it simply ended this process.
    let signals = take_signals()?;
    prctl::set_child_subreaper(true).map_err(|errno| system("become a subreaper", errno.into()))?;
    let keeper = match fork_alone().map_err(|source| system("start a process", source))? {
        Forked::Child => {
            lock.forget_copy();
            drop(near);
            drop(signals);
            let keeper = Keeper {
                request: request.clone(),
                state: file.clone(),
                mark,
                within,
                guard: far,
                dismissed: false,
            };
            return Ok(keeper.keep());
        }
        Forked::Parent(keeper) => keeper,
    };
    drop(far);
    let own = std::process::id().cast_signed();
    let started = |pid| {
        Process::read(pid).map(|p| p.started).ok_or_else(|| {
            system(
                "find a process of its own in /proc",
                ErrorKind::NotFound.into(),
            )
        })
    };
    let running = Running {
        token: request.token,
        step: request.step.clone(),
        version: Some(request.version.clone()),
        since: now(),
        keeper,
        started: started(keeper)?,
        guard: own,
        guard_started: started(own)?,
        mark,
        place: here,
    };
    state.running = Some(running.clone());
    // Where this fails, `near` is closed, and the keeper ends without having started anything.
    file.write(&lock, &state)?;
    // The lock first: whoever takes it finds the keeper in the state, and nothing waits for a guard that stands still here.
    lock.release()?;
    // A keeper that is dead by now does not answer below.
    let _dead = near.write_all(&[GO]);
    let answer = attend(near, &signals, caller);
    // Nothing of the guard outlives it, not even a dead process that nobody collects.
    let _collected = waitpid(Pid::from_raw(keeper), None);
    match answer? {
        Some(exit) => Ok(exit),
        None => settle(request, file, &running),
    }
}

/// Blocks the signals that are passed on, and reads them instead.
fn take_signals() -> Result<SignalFd, GuardError> {
    let set: SigSet = PASSED_ON.into_iter().collect();
    set.thread_block()
        .and_then(|()| SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK))
        .map_err(|errno| system("receive signals", errno.into()))
}

/// Passes on signals, and the loss of the caller as SIGHUP, until the keeper says how it ended; `None` where it was
/// killed before.
fn attend(
    mut keeper: UnixStream,
    signals: &SignalFd,
    mut caller: Caller,
) -> Result<Option<Exit>, GuardError> {
    loop {
        let (output, errors) = (stdout(), stderr());
        let mut places = vec![
            PollFd::new(keeper.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        places.extend(caller.outputs(output.as_fd(), errors.as_fd()));
        match poll(&mut places, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(system("await the command", errno.into())),
        }
        let answered = places[0].any().unwrap_or(false);
        let mut received = Vec::new();
        while let Ok(Some(signal)) = signals.read_signal() {
            received.extend(u8::try_from(signal.ssi_signo));
        }
        if caller.left() {
            received.push(Signal::SIGHUP as u8);
        }
        // A keeper that is dead by now shows below.
        let _dead = keeper.write_all(&received);
        if answered {
            let mut code = [0];
            return match keeper.read(&mut code) {
                Ok(1) => Ok(Some(Exit(code[0]))),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                _ => Ok(None),
            };
        }
    }
}

/// After the keeper was killed: by a newer guard, or by somebody else.
fn settle(request: &Request, file: &StateFile, running: &Running) -> Result<Exit, GuardError> {
    let own = std::process::id().cast_signed();
    let mut toll = Toll::default();
    // What the keeper left came to this process, a subreaper.
    let ended = earlier::end_below(own, running.started, &mut toll);
    // Also where that failed: another guard that ends it at this moment finds it below this process for as long as it lives.
    let lock = file.lock()?;
    let mut state = file.read(&lock)?;
    if state.fencing_token > request.token {
        return Err(GuardError::Overtaken {
            token: request.token,
            newest: state.fencing_token,
        });
    }
    ended.map_err(|why| GuardError::LeftAlive {
        fate: toll.fate(&why),
        why,
    })?;
    if state.running.as_ref() == Some(running) {
        state.finish(&request.version, Outcome::Killed, None, &now());
        file.write(&lock, &state)?;
    }
    Err(GuardError::KeeperKilled)
}

/// Waits for the end of `keeper`. `false` when the caller has gone before.
fn wait(keeper: &Process, caller: &mut Caller) -> bool {
    let pidfd = keeper.pidfd();
    while !keeper.is_over() {
        if caller.left() {
            return false;
        }
        match &pidfd {
            Some(pidfd) => {
                let (output, errors) = (stdout(), stderr());
                let mut places = vec![PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
                places.extend(caller.outputs(output.as_fd(), errors.as_fd()));
                // What fails here is looked at again.
                let _some = poll(&mut places, PollTimeout::from(u16::MAX));
            }
            None => sleep(LOOK),
        }
    }
    true
}

fn system(what: &'static str, source: std::io::Error) -> GuardError {
    GuardError::System { what, source }
}
