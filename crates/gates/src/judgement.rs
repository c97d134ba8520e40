//! Judging gates: all at once, each with its own patience (design §8).
//!
//! Responsible for: when each gate is asked, how often, in which order, when that is enough, and how it then ended.
//! `State` decides that as a pure function of what happened and when; [`judge`] asks the probes and
//! keeps the time. Not responsible for what one question means (`probes`), nor for showing any of it.
//!
//! Every gate is judged to its own end, also when another has failed for good: a person who mends a release wants to
//! know all that is wrong with it.

mod course;
mod history;
mod runner;
mod state;

use std::time::Duration;

use actions_kit::Status;
use probes::Answer;

pub use runner::judge;

use crate::Gate;

/// How a list of gates is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many tries may be under way at the same moment; a gate that waits is none. Zero is taken for one.
    pub parallel: usize,
    /// A dry run: each is asked once and at once, without a delay and whatever it depends on, so that every answer is
    /// seen.
    pub once: bool,
}

/// What became of one gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// What was asked, for people, without a secret.
    pub target: String,
    /// How it ended: `unknown` where the last try was, where there was no try (blocked or stopped), and where it was
    /// stopped before its end; a gate that is not `required` ends as `warn` in place of `fail` and `unknown`.
    pub status: Status,
    /// Whether its failure fails the whole.
    pub required: bool,
    /// Why it ended so.
    pub end: End,
    /// What the last try saw, and for a gate that passed but not often enough how often in a row; empty where there was
    /// no try. It may hold what a server said: redact before showing.
    pub seen: String,
    /// How many tries there were, one that a stop cut off among them.
    pub tries: u32,
    /// How long the last try had been under way when a stop cut it off; it saw nothing.
    pub cut_off: Option<Duration>,
    /// How much of its time it waited for one of the [`Options::parallel`] turns. The wait for the first one takes
    /// nothing from its time and is not in here.
    pub queued: Duration,
    /// From the beginning of the judgement to its first try.
    pub began: Option<Duration>,
    /// From the beginning of the judgement to its end.
    pub ended: Duration,
    /// How long the last try took.
    pub last_try: Duration,
    /// What was seen in turn: one entry a change, the first ones and the last ones.
    pub history: Vec<Turn>,
}

/// From then on the tries saw this.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// From the beginning of the judgement to the first of these answers.
    pub at: Duration,
    /// How the try ended.
    pub answer: Answer,
    /// What it saw.
    pub seen: String,
    /// How many tries in a row saw the same.
    pub times: u32,
}

/// Why a gate ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It passed as often in a row as wanted, which is once in a dry run.
    Passed,
    /// It did not pass in its time, which counts from its first turn. It may end up to half a second before it is over,
    /// where no further try would have room.
    TimedOut {
        /// Its timeout.
        after: Duration,
    },
    /// It had its last try.
    TriesUsed {
        /// How many.
        tries: u32,
    },
    /// It failed so often in a row that it is not asked again.
    FailureLimit {
        /// How often.
        failures: u32,
    },
    /// A gate that it depends on, itself or through others, did not pass, required or not: it was never asked.
    Blocked {
        /// The one that was asked and did not pass.
        by: String,
    },
    /// The judgement was stopped before its end.
    Stopped,
    /// It was asked once, because no more was wanted.
    Once,
}

/// What became of all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// In the order of the file.
    pub gates: Vec<Judged>,
    /// From the first moment to the last.
    pub took: Duration,
    /// It was stopped before its end.
    pub stopped: bool,
}

impl Judgement {
    /// `Fail` where a required gate did not pass, whether it failed or is unknown; `Warn` where another did not; else
    /// `Pass`.
    pub fn status(&self) -> Status {
        let missed = |required| {
            self.gates
                .iter()
                .any(|gate| gate.required == required && gate.status != Status::Pass)
        };
        if missed(true) {
            Status::Fail
        } else if missed(false) {
            Status::Warn
        } else {
            Status::Pass
        }
    }
}

/// What a person who watches may want to read.
pub enum Progress<'a> {
    /// A try of a gate saw something else than the one before it, or was the first, and the gate goes on.
    Turned {
        /// The gate.
        gate: &'a Gate,
        /// How many tries there were.
        tries: u32,
        /// How this one ended.
        answer: Answer,
        /// What it saw.
        seen: &'a str,
        /// The wait until the next.
        next: Duration,
    },
    /// A gate ended.
    Ended(&'a Judged),
}
