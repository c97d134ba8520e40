//! The supervisor's side of the watch: a thread that talks to the watchdog and does not trust it.
//!
//! It runs beside the caller's async loop, so that neither a slow store nor a blocked log weakens the watch. It sweeps the
//! tree itself at the deadline, and takes over when the watchdog dies or is silent for too long.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;
use nix::sys::timerfd::TimerFd;
use tokio::sync::mpsc::UnboundedSender;

use crate::boottime;
use crate::cgroup::Cgroup;
use crate::command::Script;
use crate::event::{Event, Exit, StartFailure, WatchdogLoss, signal_name};
use crate::output::Output;
use crate::takeover::{Takeover, sweep};
use crate::wire::{Channel, Order, ToSupervisor, ToWatchdog};

/// How often the watchdog is asked whether it lives, while a command runs.
const PING_EVERY: Duration = Duration::from_millis(500);
/// How long it may leave that unanswered. Counted on a clock that stands still while the host is suspended.
const SILENCE: Duration = Duration::from_secs(3);
/// How long a dead tree's last output may take to be passed on.
const DRAIN: Duration = Duration::from_millis(500);
/// Between two kill passes after a takeover.
const RETRY: Duration = Duration::from_millis(2);
const RETRY_LATE: Duration = Duration::from_millis(200);

/// What the caller wants.
pub(crate) enum Request {
    Start {
        order: Box<Order>,
        script: Script,
        cgroup: Option<Cgroup>,
    },
    Deadline(Option<Duration>),
    Stop {
        now: bool,
    },
    Quit,
}

/// A command from its start until its tree is proven dead.
struct Running {
    top: Option<i32>,
    started: Duration,
    cgroup: Option<Cgroup>,
    /// Removed, with its folder, when the tree is dead.
    _script: Script,
    exited: bool,
    stopped: bool,
    /// Its deadline passed, whatever is fed now.
    expired: bool,
    /// Our own kill at the deadline was begun.
    swept: bool,
}

pub(crate) struct Guard {
    pub(crate) channel: Channel<ToWatchdog, ToSupervisor>,
    pub(crate) watchdog: Child,
    pub(crate) requests: Receiver<Request>,
    pub(crate) wake: Arc<EventFd>,
    pub(crate) quitting: Arc<AtomicBool>,
    pub(crate) timer: TimerFd,
    pub(crate) events: UnboundedSender<Event>,
    pub(crate) output: Output,
    pub(crate) kill_time: Duration,
    pub(crate) state: State,
}

/// What the thread knows.
#[derive(Default)]
pub(crate) struct State {
    deadline: Option<Duration>,
    running: Option<Running>,
    lost: bool,
    /// When the ping was sent that nothing has followed yet.
    unanswered: Option<Instant>,
    last_ping: Option<Instant>,
}

impl State {
    fn is_past_deadline(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| boottime::now() >= deadline)
    }
}

impl Guard {
    /// Runs until the caller quits or drops its handle; then the tree is killed.
    pub(crate) fn run(mut self) {
        loop {
            // Before reading what the watchdog said: if this process is stopped in between, the answer that came meanwhile is
            // read and counts, and silence is not taken for the watchdog's.
            let before = Instant::now();
            self.hear();
            if self.serve().is_break() {
                break;
            }
            self.judge(before);
            self.ping();
            if self.wait().is_err() {
                // Without poll there is no watch.
                self.lose(WatchdogLoss::Silent);
                break;
            }
        }
        self.quit();
    }

    fn tell(&self, event: Event) {
        // Nobody listens any more: then there is nobody to tell.
        let _unheard = self.events.send(event);
    }

    /// Takes in what the watchdog said.
    fn hear(&mut self) {
        if self.state.lost {
            return;
        }
        self.channel.flush();
        let Ok(messages) = self.channel.receive() else {
            return self.lose(WatchdogLoss::Silent);
        };
        for message in messages {
            self.state.unanswered = None;
            self.note(message);
        }
        if self.channel.is_closed() {
            self.lose(WatchdogLoss::Died);
        }
    }

    fn note(&mut self, message: ToSupervisor) {
        match message {
            ToSupervisor::Ready | ToSupervisor::Alive => {}
            ToSupervisor::Started { pid, contained } => {
                if let Some(running) = &mut self.state.running {
                    running.top = Some(pid);
                    if contained == crate::Contained::Subreaper
                        && let Some(unused) = running.cgroup.take()
                    {
                        unused.remove();
                    }
                }
                self.tell(Event::Started {
                    pid: pid.cast_unsigned(),
                    contained,
                });
            }
            ToSupervisor::NotStarted(failure) => {
                self.forget();
                self.tell(Event::NotStarted(failure));
            }
            ToSupervisor::Exited {
                status,
                timed_out,
                stopped,
                fenced,
                ran,
            } => {
                let status = ExitStatus::from_raw(status);
                let mut swept = false;
                if let Some(running) = &mut self.state.running {
                    running.exited = true;
                    // Our kill at the deadline can be a hair before the watchdog's, which then sees only a death.
                    swept = running.swept && status.code() != Some(0);
                }
                self.tell(Event::Exited(exit(
                    Some(status),
                    timed_out,
                    stopped,
                    fenced || swept,
                    ran,
                )));
            }
            ToSupervisor::TreeDead { killed_leftovers } => {
                self.forget();
                self.tell(Event::TreeDead { killed_leftovers });
            }
            ToSupervisor::TreeAlive { survivors } => self.tell(Event::TreeAlive { survivors }),
        }
    }

    /// The tree is dead: nothing of it is left to keep, and all that it wrote is in the pipes.
    fn forget(&mut self) {
        if let Some(running) = self.state.running.take()
            && let Some(cgroup) = running.cgroup
        {
            cgroup.remove();
        }
        self.output.drain(DRAIN);
    }

    /// Does what the caller asks. Breaks when the caller is done.
    fn serve(&mut self) -> ControlFlow<()> {
        let _count = self.wake.read();
        loop {
            match self.requests.try_recv() {
                Ok(Request::Start {
                    order,
                    script,
                    cgroup,
                }) => self.start(order, script, cgroup),
                Ok(Request::Deadline(deadline)) => {
                    // Food that comes after the deadline does not save the tree (design §4 rule 2).
                    let expired = self.state.is_past_deadline();
                    if let Some(running) = &mut self.state.running {
                        running.expired |= expired;
                    }
                    self.state.deadline = deadline;
                    self.say(&ToWatchdog::Deadline(deadline));
                }
                Ok(Request::Stop { now }) => {
                    if let Some(running) = &mut self.state.running {
                        running.stopped |= !running.exited;
                    }
                    self.say(&ToWatchdog::Stop { now });
                }
                Err(TryRecvError::Empty) => return ControlFlow::Continue(()),
                Ok(Request::Quit) | Err(TryRecvError::Disconnected) => {
                    return ControlFlow::Break(());
                }
            }
        }
    }

    fn start(&mut self, order: Box<Order>, script: Script, cgroup: Option<Cgroup>) {
        if self.state.lost {
            if let Some(cgroup) = cgroup {
                cgroup.remove();
            }
            return self.tell(Event::NotStarted(StartFailure::NoWatchdog));
        }
        self.state.running = Some(Running {
            top: None,
            started: boottime::now(),
            cgroup,
            _script: script,
            exited: false,
            stopped: false,
            expired: false,
            swept: false,
        });
        self.say(&ToWatchdog::Start(order));
    }

    fn say(&mut self, message: &ToWatchdog) {
        if !self.state.lost && self.channel.send(message).is_err() {
            // Only a message that cannot be written as JSON, or is larger than 4 GiB.
            self.lose(WatchdogLoss::Silent);
        }
    }

    /// Keeps the deadline beside the watchdog, and judges its silence.
    fn judge(&mut self, before: Instant) {
        let past = self.state.is_past_deadline();
        let Some(running) = &mut self.state.running else {
            return;
        };
        running.expired |= past;
        if running.expired {
            sweep(self.watchdog.id().cast_signed(), running.cgroup.as_ref());
            if !std::mem::replace(&mut running.swept, true) {
                // Asked anew, so that it is judged from the deadline on.
                self.state.unanswered = Some(Instant::now());
                return self.say(&ToWatchdog::Ping);
            }
        }
        // Past the deadline there is no time for patience: the whole of it is the kill time (design §4 rule 4).
        let patience = if running.swept {
            SILENCE.min(self.kill_time / 4)
        } else {
            SILENCE
        };
        if self
            .state
            .unanswered
            .is_some_and(|sent| before.saturating_duration_since(sent) > patience)
        {
            self.lose(WatchdogLoss::Silent);
        }
    }

    fn ping(&mut self) {
        let Some(running) = &self.state.running else {
            return;
        };
        // An answer that was under way at the deadline says nothing about the time after it.
        let every = if running.swept {
            PING_EVERY.min(self.kill_time / 8)
        } else {
            PING_EVERY
        };
        let due = self
            .state
            .last_ping
            .is_none_or(|last| last.elapsed() >= every);
        if due && self.state.unanswered.is_none() {
            let now = Instant::now();
            self.state.last_ping = Some(now);
            self.state.unanswered = Some(now);
            self.say(&ToWatchdog::Ping);
        }
    }

    /// Waits for the watchdog, the caller, the deadline, or the next ping.
    fn wait(&self) -> io::Result<()> {
        let running = self.state.running.as_ref();
        // Before the sweep the deadline itself wakes; after it, silence is judged in short steps.
        boottime::arm(
            &self.timer,
            running
                .filter(|running| !running.swept)
                .and(self.state.deadline),
        )?;
        let timeout = match running {
            None => PollTimeout::NONE,
            Some(Running { swept: true, .. }) => {
                PollTimeout::try_from(self.kill_time / 16).unwrap_or(PollTimeout::ZERO)
            }
            Some(_) => PollTimeout::try_from(PING_EVERY).unwrap_or(PollTimeout::ZERO),
        };
        let mut about_socket = PollFlags::POLLIN;
        about_socket.set(PollFlags::POLLOUT, self.channel.has_unsent());
        let mut fds = vec![
            PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.timer.as_fd(), PollFlags::POLLIN),
        ];
        if !self.state.lost {
            fds.push(PollFd::new(self.channel.as_fd(), about_socket));
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The watchdog is not to be relied on any more: end it, and what it held.
    fn lose(&mut self, how: WatchdogLoss) {
        if std::mem::replace(&mut self.state.lost, true) {
            return;
        }
        self.tell(Event::WatchdogLost(how));
        let Some(running) = self.state.running.take() else {
            let _gone = self.watchdog.kill().and_then(|()| self.watchdog.wait());
            return;
        };
        let mut takeover = Takeover::new(&mut self.watchdog, running.cgroup.as_ref(), running.top);
        let since = boottime::now();
        let mut told = false;
        while !takeover.pass() {
            let late = boottime::now() >= since.saturating_add(self.kill_time);
            if late && !told {
                told = true;
                let survivors = takeover.survivors();
                let _unheard = self.events.send(Event::TreeAlive { survivors });
            }
            if late && self.quitting.load(Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(if late { RETRY_LATE } else { RETRY });
        }
        let status = takeover.status;
        let ran = boottime::now().saturating_sub(running.started);
        let fenced = running.expired || self.state.is_past_deadline();
        if !running.exited {
            self.tell(Event::Exited(exit(
                status,
                false,
                running.stopped,
                fenced,
                ran,
            )));
        }
        if let Some(cgroup) = &running.cgroup {
            cgroup.remove();
        }
        self.output.drain(DRAIN);
        self.tell(Event::TreeDead {
            killed_leftovers: 0,
        });
    }

    /// Ends watchdog and tree.
    fn quit(mut self) {
        if !self.state.lost {
            // The watchdog takes the end of the socket for our death: it kills the tree, proves it dead, and ends well.
            self.channel.close();
            let until = Instant::now() + self.kill_time;
            let proven = loop {
                match self.watchdog.try_wait() {
                    Ok(Some(status)) if status.success() => break true,
                    Ok(None) if Instant::now() < until => std::thread::sleep(RETRY),
                    _ => break self.end_by_force(),
                }
            };
            self.output.drain(DRAIN);
            if proven && self.state.running.is_some() {
                self.tell(Event::TreeDead {
                    killed_leftovers: 0,
                });
            }
        }
        self.output.close();
    }

    /// Kills the tree without the watchdog, within the kill time. Whether it is dead.
    fn end_by_force(&mut self) -> bool {
        let running = self.state.running.as_ref();
        let cgroup = running.and_then(|running| running.cgroup.as_ref());
        let mut takeover = Takeover::new(
            &mut self.watchdog,
            cgroup,
            running.and_then(|running| running.top),
        );
        let until = Instant::now() + self.kill_time;
        loop {
            if takeover.pass() {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(RETRY);
        }
    }
}

fn exit(
    status: Option<ExitStatus>,
    timed_out: bool,
    stopped: bool,
    fenced: bool,
    ran: Duration,
) -> Exit {
    Exit {
        code: status.and_then(|status| status.code()),
        signal: status.and_then(|status| status.signal()).map(signal_name),
        timed_out,
        stopped,
        fenced,
        ran,
    }
}
