//! The caller's handle: launch the watchdog, feed the deadline, start and stop commands, hear what happened.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::prctl;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::cgroup::Cgroup;
use crate::command::{CommandSpec, Script};
use crate::error::SupervisorError;
use crate::event::Event;
use crate::guard::{Guard, Request, State};
use crate::output::{LineObserver, Output};
use crate::wire::{Channel, Order, ToSupervisor, ToWatchdog};
use crate::{boottime, process, watchdog};

/// How long a new watchdog may take to report ready.
const READY_WITHIN: Duration = Duration::from_secs(5);

/// Whether this process has a supervisor.
static LAUNCHED: AtomicBool = AtomicBool::new(false);

/// How trees are held together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Containment {
    /// A cgroup where one can be had, else the subreaper alone. [`Event::Started`] tells which.
    #[default]
    Auto,
    /// A cgroup, or nothing starts.
    Cgroup,
    /// The subreaper alone.
    Subreaper,
}

/// What holds for all commands of a supervisor.
pub struct Options {
    /// How long killing may take before the tree is reported alive (design §4, column "kill").
    pub kill_time: Duration,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// How trees are held together.
    pub containment: Containment,
    /// Where the command's file is written, for instance `$RUNNER_TEMP`.
    pub temp_dir: PathBuf,
    /// Sees each line of output.
    pub on_line: Option<LineObserver>,
}

/// How to end a running command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM to every process of the tree, grace, SIGKILL.
    Graceful,
    /// SIGKILL to every process of the tree.
    Now,
}

/// Runs commands one after the other under a watchdog. Dropping it kills what runs; [`Supervisor::shutdown`] also waits.
///
/// While it lives, this process must not start children in sessions of their own (process groups are fine): they would be
/// taken for orphans of the tree when the watchdog is lost.
#[derive(Debug)]
pub struct Supervisor {
    requests: mpsc::Sender<Request>,
    wake: Arc<EventFd>,
    /// Tells the thread not to wait for a tree that cannot be killed.
    quitting: Arc<AtomicBool>,
    events: UnboundedReceiver<Event>,
    output: Output,
    temp_dir: PathBuf,
    containment: Containment,
    grace: Duration,
    kill_time: Duration,
    deadline: Option<Duration>,
    /// A command was started and its tree has not been reported dead.
    unproven: bool,
    watchdog_lost: bool,
    watchdog_pid: u32,
    starts: u32,
}

impl Supervisor {
    /// Starts the watchdog and makes this process a subreaper, so that a killed watchdog's orphans come here. Blocks for the
    /// few milliseconds until the watchdog is ready.
    ///
    /// # Errors
    /// Any but those about starting a command. With [`Containment::Cgroup`] also when no cgroup can be made.
    pub fn launch(options: Options) -> Result<Self, SupervisorError> {
        // Without /proc no tree can be proven dead.
        process::scan().map_err(SupervisorError::Proc)?;
        if LAUNCHED.swap(true, Ordering::SeqCst) {
            return Err(SupervisorError::AlreadyLaunched);
        }
        Self::launch_only(options).inspect_err(|_| LAUNCHED.store(false, Ordering::SeqCst))
    }

    fn launch_only(options: Options) -> Result<Self, SupervisorError> {
        prctl::set_child_subreaper(true).map_err(SupervisorError::Subreaper)?;
        if options.containment == Containment::Cgroup {
            Cgroup::create(0)?.remove();
        }
        let sinks = own_output().map_err(resource("standard output"))?;
        let (output, ends) =
            Output::start(sinks, options.on_line).map_err(resource("pipes for the output"))?;
        let (ours, theirs) = UnixStream::pair().map_err(resource("a socket"))?;
        let mut watchdog = Command::new("/proc/self/exe")
            .arg0(watchdog::NAME)
            .env_clear()
            .env(watchdog::MARKER, "1")
            .stdin(OwnedFd::from(theirs))
            .stdout(ends.stdout)
            .stderr(ends.stderr)
            .spawn()
            .map_err(SupervisorError::SpawnWatchdog)?;
        let watchdog_pid = watchdog.id();
        let mut channel = Channel::new(ours).map_err(resource("a socket"))?;
        if !is_ready(&mut channel) {
            let _gone = watchdog.kill().and_then(|()| watchdog.wait());
            output.close();
            return Err(SupervisorError::WatchdogNotReady);
        }
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|errno| resource("an event counter")(errno.into()))?;
        let wake = Arc::new(wake);
        let (requests, received) = mpsc::channel();
        let (told, events) = unbounded_channel();
        let quitting = Arc::new(AtomicBool::new(false));
        let timer = boottime::timer().map_err(resource("a timer"))?;
        let guard = Guard {
            channel,
            watchdog,
            requests: received,
            wake: Arc::clone(&wake),
            quitting: Arc::clone(&quitting),
            timer,
            events: told,
            output: output.clone(),
            kill_time: options.kill_time,
            state: State::default(),
        };
        std::thread::Builder::new()
            .name("guard".to_owned())
            .stack_size(256 << 10)
            .spawn(move || {
                // Kept until a next supervisor may be launched: the end of the events tells `shutdown` so.
                let _last = guard.events.clone();
                guard.run();
                LAUNCHED.store(false, Ordering::SeqCst);
            })
            .map_err(resource("a thread"))?;
        Ok(Self {
            requests,
            wake,
            quitting,
            events,
            output,
            temp_dir: options.temp_dir,
            containment: options.containment,
            grace: options.grace,
            kill_time: options.kill_time,
            deadline: None,
            unproven: false,
            watchdog_lost: false,
            watchdog_pid,
            starts: 0,
        })
    }

    /// Sets the time since boot ([`boottime::now`]) by which the tree is dead unless fed again: design §4's D, counted from
    /// the first send of the last acknowledged renewal. A running command whose deadline has passed is not saved by it.
    pub fn feed(&mut self, deadline: Duration) {
        self.deadline = Some(deadline);
        self.request(Request::Deadline(Some(deadline)));
    }

    /// Takes the right to start back, once the lease is given up. A tree that is not proven dead keeps its deadline.
    pub fn clear_deadline(&mut self) {
        self.deadline = None;
        if !self.unproven {
            self.request(Request::Deadline(None));
        }
    }

    /// Starts a command; [`Event::Started`] or [`Event::NotStarted`] follows.
    ///
    /// # Errors
    /// [`SupervisorError::NoLiveDeadline`], [`SupervisorError::TreeNotProvenDead`], [`SupervisorError::NoWatchdog`],
    /// [`SupervisorError::Script`], and with [`Containment::Cgroup`] [`SupervisorError::Cgroup`]. Nothing runs then.
    pub fn start(&mut self, command: CommandSpec) -> Result<(), SupervisorError> {
        if self.unproven {
            return Err(SupervisorError::TreeNotProvenDead);
        }
        if self.watchdog_lost {
            return Err(SupervisorError::NoWatchdog);
        }
        if self
            .deadline
            .is_none_or(|deadline| boottime::now() >= deadline)
        {
            return Err(SupervisorError::NoLiveDeadline);
        }
        let script = Script::write(&self.temp_dir, &command.script).map_err(|source| {
            SupervisorError::Script {
                dir: self.temp_dir.clone(),
                source,
            }
        })?;
        self.starts += 1;
        let cgroup = self.make_cgroup()?;
        let order = Order {
            file: script.file().as_os_str().into(),
            scratch: script.dir().as_os_str().into(),
            cwd: command.cwd.as_os_str().into(),
            env: command
                .kept_env()
                .map(|(name, value)| (name.as_os_str().into(), value.as_os_str().into()))
                .collect(),
            cgroup: cgroup
                .as_ref()
                .map(|cgroup| cgroup.path().as_os_str().into()),
            cgroup_required: self.containment == Containment::Cgroup,
            timeout: command.timeout,
            grace: self.grace,
            kill_time: self.kill_time,
        };
        self.unproven = true;
        self.request(Request::Start {
            order: Box::new(order),
            script,
            cgroup,
        });
        Ok(())
    }

    fn make_cgroup(&self) -> Result<Option<Cgroup>, SupervisorError> {
        match self.containment {
            Containment::Subreaper => Ok(None),
            Containment::Auto => Ok(Cgroup::create(self.starts).ok()),
            Containment::Cgroup => Ok(Some(Cgroup::create(self.starts)?)),
        }
    }

    /// Ends the running command; its exit and its tree's death are reported as events. Nothing happens when none runs.
    pub fn stop(&mut self, how: Stop) {
        self.request(Request::Stop {
            now: how == Stop::Now,
        });
    }

    /// The next event, or never. Cancel-safe.
    pub async fn next_event(&mut self) -> Event {
        let Some(event) = self.events.recv().await else {
            return std::future::pending().await;
        };
        match event {
            Event::TreeDead { .. } | Event::NotStarted(_) => self.unproven = false,
            Event::WatchdogLost(_) => self.watchdog_lost = true,
            _ => {}
        }
        event
    }

    /// The last 200 lines of output over all commands, each cut at 4 KiB. Secrets are in it if the command wrote them.
    #[must_use]
    pub fn tail(&self) -> Vec<String> {
        self.output.tail()
    }

    /// Every finished line since the last call that is still kept, both streams together, oldest first: the newest 2,000,
    /// at most 1 MiB, each cut at 4 KiB. They are kept no longer, not for [`Supervisor::tail`] either.
    pub fn take_lines(&self) -> Vec<String> {
        self.output.take_lines()
    }

    /// Ends what the command left in mid-line, in the lines that [`Supervisor::tail`] keeps, and tells whether it left
    /// any: then whatever is written to our own output next must begin with a line end. For when the tree is dead.
    pub fn finish_lines(&self) -> bool {
        self.output.finish_lines()
    }

    /// Whether a command was started whose tree has not been reported dead.
    #[must_use]
    pub fn tree_unproven(&self) -> bool {
        self.unproven
    }

    /// Process id of the watchdog.
    #[must_use]
    pub fn watchdog_pid(&self) -> u32 {
        self.watchdog_pid
    }

    /// Kills what runs, ends the watchdog, and waits for both, at most twice the kill time and a little. A new supervisor can
    /// be launched afterwards.
    ///
    /// # Errors
    /// [`SupervisorError::TreeNotProvenDead`] when a process of the tree may be left.
    pub async fn shutdown(mut self) -> Result<(), SupervisorError> {
        self.quit();
        // The thread ends the stream of events when it ends.
        while let Some(event) = self.events.recv().await {
            if matches!(event, Event::TreeDead { .. } | Event::NotStarted(_)) {
                self.unproven = false;
            }
        }
        if self.unproven {
            Err(SupervisorError::TreeNotProvenDead)
        } else {
            Ok(())
        }
    }

    fn quit(&self) {
        self.quitting.store(true, Ordering::SeqCst);
        self.request(Request::Quit);
    }

    fn request(&self, request: Request) {
        // When the thread has ended, the watchdog is lost and an event has told so.
        let _unheard = self.requests.send(request);
        let _woken = self.wake.write(1);
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.quit();
    }
}

fn resource(what: &'static str) -> impl FnOnce(io::Error) -> SupervisorError {
    move |source| SupervisorError::Resource { what, source }
}

fn own_output() -> io::Result<[OwnedFd; 2]> {
    Ok([
        io::stdout().as_fd().try_clone_to_owned()?,
        io::stderr().as_fd().try_clone_to_owned()?,
    ])
}

/// Waits for the watchdog's first word.
fn is_ready(channel: &mut Channel<ToWatchdog, ToSupervisor>) -> bool {
    let until = Instant::now() + READY_WITHIN;
    while !channel.is_closed() {
        let Ok(messages) = channel.receive() else {
            return false;
        };
        if let Some(first) = messages.first() {
            return matches!(first, ToSupervisor::Ready);
        }
        let Some(left) = until.checked_duration_since(Instant::now()) else {
            return false;
        };
        let mut fds = [PollFd::new(channel.as_fd(), PollFlags::POLLIN)];
        let _ready = poll(
            &mut fds,
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX),
        );
    }
    false
}
