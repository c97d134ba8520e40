//! The protocol of design §4 as a pure function: what a candidate, `verdict` or a person does next, given what they
//! know and what has just happened.
//!
//! Responsible for: every row of the lease's table, the holder's deadline, resending and reading back of writes, and
//! all waiting. Nothing here has a clock, does I/O or draws random numbers: time, nonces and answers are handed to
//! `step`, and what must be done comes back as [`Effect`]s. The same code is tested by hand, explored under simulated
//! faults, and shipped.
//!
//! Not responsible for: carrying effects out (the shell in the binaries), killing processes (`supervisor`).
//!
//! The timing argument, once: a holder's tree lives at most until D after the *first send* of its last acknowledged
//! write, plus the kill time. A standby waits L from when it *first saw* the record of that write, which cannot be
//! before that first send. Clocks differ by at most a tenth in rate, and D + kill <= L / 1.1 ([`crate::Timing::check`]),
//! so the tree is dead before the standby's claim can be sent.

mod alarm;
mod appender;
mod candidate;
mod closer;
mod conclusion;
mod config;
mod ending;
mod gates;
mod holder;
mod lane;
mod outage;
mod pace;
mod person;
mod rows;
mod rules;
mod set_back;
mod stage;
mod standby;
mod view;
mod watcher;

use std::{sync::Arc, time::Duration};

use ledger::Timestamp;

pub use alarm::{ALERT_UNSENT, Alarm, AlarmConfig, AlarmEnd};
pub use appender::{Appender, AppenderConfig, AppenderEnd};
pub use candidate::Candidate;
pub use conclusion::{Conclusion, Verdict};
pub use config::{CandidateConfig, GatesConfig, Rerun, Task, WatcherConfig};
pub use person::{Person, PersonConfig, PersonEnd, Request};
pub use watcher::Watcher;

use crate::store::{Snapshot, StoreError, Swap, Write};

/// How long an announced primary that does not claim holds the others back (design §4).
pub const PRIMARY_READY_WITHIN: Duration = Duration::from_secs(60);

/// How long a standby that sees `stopping` waits to be signalled itself (design §4): a cancel reaches both legs within
/// seconds.
pub const STOP_NOTICE: Duration = Duration::from_secs(10);

/// How long a candidate may go on working after SIGINT before it must be gone: GitHub sends SIGTERM 7.5 s after SIGINT
/// and kills 2.5 s later (design §6).
pub const SIGNAL_BUDGET: Duration = Duration::from_millis(6500);

/// How long the first read of the store may fail before the store counts as out of reach.
pub const STORE_PATIENCE: Duration = Duration::from_secs(60);

/// How long a tree may resist SIGKILL before the lock is put on hold for a person.
pub const STUCK_PATIENCE: Duration = Duration::from_secs(30);

/// The time of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// CLOCK_BOOTTIME of this host: every decision.
    pub boot: Duration,
    /// The wall clock: written down for people, never decided by.
    pub wall: Timestamp,
}

/// What has just happened.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, and moved once: a box would only add an allocation"
)]
#[derive(Clone, Debug)]
pub enum Input {
    /// Time has passed, or nothing has happened yet.
    Tick,
    /// The store says that something may have changed.
    Changed,
    /// A read was answered.
    Read(Result<Snapshot, StoreError>),
    /// A send of the write with this nonce was answered.
    Swapped {
        /// The write's nonce.
        nonce: String,
        /// The answer.
        result: SwapAnswer,
    },
    /// The command's process tree has come to its end: the top process has exited and nothing of the tree is left.
    Ended(Ended),
    /// The judging of the gates has come to its end, and nothing of it goes on.
    Judged(Judged),
    /// The command is over, but its tree cannot be killed.
    Stuck {
        /// Which processes are left, for people.
        detail: String,
    },
    /// This process was told to stop.
    Signal {
        /// `SIGINT` or `SIGTERM`.
        name: String,
    },
}

/// [`Swap`] without its error's place in memory: a value that can be compared and copied.
#[derive(Clone, Debug)]
pub enum SwapAnswer {
    /// See [`Swap::Won`].
    Won(crate::store::Version),
    /// See [`Swap::Lost`].
    Lost,
    /// See [`Swap::Unknown`].
    Unknown(StoreError),
}

impl From<Swap> for SwapAnswer {
    fn from(swap: Swap) -> Self {
        match swap {
            Swap::Won(version) => SwapAnswer::Won(version),
            Swap::Lost => SwapAnswer::Lost,
            Swap::Unknown(error) => SwapAnswer::Unknown(error),
        }
    }
}

/// How the command ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ended {
    /// The kind of end.
    pub outcome: ledger::AttemptOutcome,
    /// One phrase for people: `exit code 3`, `SIGKILL`.
    pub detail: String,
    /// How long it ran.
    pub ran: Duration,
    /// The last lines of its output, where it did not succeed.
    pub last_lines: Vec<String>,
}

/// What the gates came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// Every required gate passed.
    Passed {
        /// All of them.
        gates: Vec<ledger::Gate>,
    },
    /// A required gate did not.
    Failed {
        /// All of them.
        gates: Vec<ledger::Gate>,
        /// One phrase for people: which, and what was seen.
        detail: String,
    },
    /// They were stopped before there was a result ([`Effect::Stop`]).
    Stopped,
}

/// What the shell must do now, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a read to the store and hand the answer back.
    Read,
    /// Send this write to the store, beside any other sends of it, and hand the answer back.
    Send(Arc<Write>),
    /// The tree may live until this moment of CLOCK_BOOTTIME. Comes before every [`Effect::Start`].
    Feed(Duration),
    /// Run the deploy command or `on-failure`, or judge the gates.
    Start {
        /// Which of them.
        command: Command,
        /// The attempt's number, from 1.
        number: u32,
        /// The fencing token it runs under.
        token: u64,
        /// How long it may take.
        timeout: Duration,
    },
    /// End the tree: SIGTERM, grace, SIGKILL; without grace where `now` is set.
    Stop {
        /// SIGKILL at once.
        now: bool,
    },
    /// Something a person watching may want to read.
    Say(String),
    /// So many deployments wait behind another; told by `verdict` whenever it has changed.
    Waiting(usize),
    /// This process' part is over. Nothing follows.
    Finish(Box<Conclusion>),
}

/// Which command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The input `run`.
    Deploy,
    /// The input `on-failure`.
    OnFailure,
    /// No command of the user's: the gates are judged. What came of it is an [`Input::Judged`].
    Gates,
}
