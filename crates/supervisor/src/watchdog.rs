//! The watchdog: a small process of its own that holds the command's tree and kills it when nobody else does.
//!
//! It is this executable again, under another name. It knows no async runtime, no network and no lease: only a deadline
//! on `CLOCK_BOOTTIME`, a socket to its supervisor, and the tree.
//!
//! * At the deadline it kills the tree at once, whatever the supervisor does (design §4 rule 2).
//! * When the socket ends (the supervisor is dead), it kills the tree at once, proves it dead, and ends.
//! * No signal but SIGKILL and SIGSTOP reaches it: a cancelled job signals whole process groups.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::timerfd::TimerFd;
use nix::unistd::setsid;

use crate::boottime;
use crate::event::StartFailure;
use crate::tree::{Next, Tree};
use crate::wire::{Channel, Order, ToSupervisor, ToWatchdog};

/// The name it runs under, as `argv[0]` and in `/proc`.
pub(crate) const NAME: &str = "baton-watchdog";
/// Set to `1` in its environment, which is otherwise empty.
pub(crate) const MARKER: &str = "BATON_WATCHDOG";

/// Turns this process into the watchdog and never returns, if a supervisor started it as that; else does nothing.
///
/// Call it first of all in `main` of every binary that launches a [`crate::Supervisor`].
#[allow(clippy::exit)]
pub fn become_watchdog_if_asked() {
    let named = std::env::args_os()
        .next()
        .is_some_and(|name| name == OsStr::new(NAME));
    if named && std::env::var_os(MARKER).is_some() {
        // Whatever ended it, the supervisor sees the socket end and takes over; nobody reads a text from here.
        let Err(_seen_by_nobody) = Watchdog::enter().and_then(Watchdog::run);
        std::process::exit(70);
    }
}

/// Undoes an inherited "ignore" of SIGCHLD, under which the kernel would throw exit statuses away.
#[allow(unsafe_code)]
fn collect_children() -> io::Result<()> {
    // SAFETY: the default disposition installs no handler.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }?;
    Ok(())
}

struct Watchdog {
    channel: Channel<ToSupervisor, ToWatchdog>,
    child_ended: SignalFd,
    timer: TimerFd,
    deadline: Option<Duration>,
    tree: Option<Tree>,
    /// The folder of the command's file.
    scratch: Option<PathBuf>,
}

impl Watchdog {
    /// Leaves the supervisor's session, blocks signals, adopts orphans. Its standard input is the socket; its standard
    /// output and error are those of the command.
    fn enter() -> io::Result<Self> {
        SigSet::all().thread_block()?;
        collect_children()?;
        setsid()?;
        prctl::set_child_subreaper(true)?;
        prctl::set_name(c"baton-watchdog")?;
        // Keeps no file system from being unmounted.
        std::env::set_current_dir("/")?;
        let mut only_child = SigSet::empty();
        only_child.add(Signal::SIGCHLD);
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        let mut channel = Channel::new(UnixStream::from(socket))?;
        channel.send(&ToSupervisor::Ready)?;
        Ok(Self {
            channel,
            child_ended: SignalFd::with_flags(
                &only_child,
                SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC,
            )?,
            timer: boottime::timer()?,
            deadline: None,
            tree: None,
            scratch: None,
        })
    }

    #[allow(clippy::exit)]
    fn run(mut self) -> io::Result<Infallible> {
        loop {
            self.channel.flush();
            for message in self.channel.receive()? {
                self.obey(message)?;
            }
            if self.channel.is_closed() {
                match &mut self.tree {
                    Some(tree) => tree.kill_from(boottime::now()),
                    None => {
                        self.tidy();
                        std::process::exit(0);
                    }
                }
            }
            let next = self.advance()?;
            self.wait(next)?;
        }
    }

    fn obey(&mut self, message: ToWatchdog) -> io::Result<()> {
        match message {
            ToWatchdog::Start(order) => self.start(*order),
            ToWatchdog::Deadline(deadline) => {
                // Food that comes after the deadline does not save the tree.
                self.advance()?;
                self.deadline = deadline;
                Ok(())
            }
            ToWatchdog::Stop { now } => {
                // A command that had ended by itself before was not stopped.
                self.advance()?;
                if let Some(tree) = &mut self.tree {
                    tree.stop(now, boottime::now());
                }
                Ok(())
            }
            ToWatchdog::Ping => self.channel.send(&ToSupervisor::Alive),
        }
    }

    fn start(&mut self, order: Order) -> io::Result<()> {
        self.scratch = Some(order.scratch.clone().into());
        let now = boottime::now();
        let started = if self.tree.is_some() {
            Err(StartFailure::NoWatchdog)
        } else if self.deadline.is_none_or(|deadline| now >= deadline) {
            // The supervisor has checked that too, but it or this process may have been stopped since.
            Err(StartFailure::DeadlinePassed)
        } else {
            Tree::start(order, now)
        };
        match started {
            Ok((tree, message)) => {
                self.tree = Some(tree);
                self.channel.send(&message)
            }
            Err(failure) => self.channel.send(&ToSupervisor::NotStarted(failure)),
        }
    }

    fn advance(&mut self) -> io::Result<Next> {
        let Some(tree) = &mut self.tree else {
            return Ok(Next::At(None));
        };
        let mut say = Vec::new();
        let next = tree.advance(boottime::now(), self.deadline, &mut say);
        for message in say {
            self.channel.send(&message)?;
        }
        if next == Next::Dead {
            self.tree = None;
        }
        Ok(next)
    }

    /// Waits for a message, the end of a child, or the time that `next` says.
    fn wait(&self, next: Next) -> io::Result<()> {
        let (at, timeout) = match next {
            Next::At(at) => (at, PollTimeout::NONE),
            Next::Retry(after) => (
                None,
                PollTimeout::try_from(after).unwrap_or(PollTimeout::ZERO),
            ),
            // With no tree left, look again whether the supervisor is still there.
            Next::Dead => (None, PollTimeout::ZERO),
        };
        boottime::arm(&self.timer, at)?;
        let mut about_socket = PollFlags::POLLIN;
        about_socket.set(PollFlags::POLLOUT, self.channel.has_unsent());
        // A closed socket would be ready for ever.
        let socket =
            (!self.channel.is_closed()).then(|| PollFd::new(self.channel.as_fd(), about_socket));
        let mut fds: Vec<PollFd<'_>> = [self.child_ended.as_fd(), self.timer.as_fd()]
            .into_iter()
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .chain(socket)
            .collect();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        while let Some(_ended) = self.child_ended.read_signal()? {}
        Ok(())
    }

    /// Removes what the dead supervisor cannot.
    fn tidy(&self) {
        if let Some(scratch) = &self.scratch {
            let _gone = std::fs::remove_dir_all(scratch);
        }
    }
}
