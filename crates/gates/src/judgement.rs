//! Judging gates: all at once, each with its own patience.

use std::{future::Future, time::Duration};

use actions_kit::Status;
use probes::Answer;

use crate::Gate;

/// How a list of gates is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many are asked at the same moment.
    pub parallel: usize,
    /// Each is asked once, and that is all.
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
    /// How it ended. A gate that is not `required` ends as `warn` where it would have failed or is not known.
    pub status: Status,
    /// Whether its failure fails the whole.
    pub required: bool,
    /// Why it ended so.
    pub end: End,
    /// What the last try saw; empty where there was none. It may hold what a server said: redact before showing.
    pub seen: String,
    /// How many tries there were.
    pub tries: u32,
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
    /// From the beginning of the judgement.
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
    /// It passed as often in a row as wanted.
    Passed,
    /// Its time was up.
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
    /// A gate that it depends on did not pass: it was never asked.
    Blocked {
        /// Which one.
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
    /// `Fail` where a required gate did not pass, `Warn` where another did not, else `Pass`.
    pub fn status(&self) -> Status {
        Status::Fail
    }
}

/// What a person who watches may want to read.
pub enum Progress<'a> {
    /// A try of a gate saw something else than the one before it, and the gate goes on.
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

/// Judges `gates`; `progress` is told what happens meanwhile. When `stopped` comes first, every try under way is dropped
/// and what is known so far is returned.
pub async fn judge(
    _gates: &[Gate],
    _options: &Options,
    _progress: impl FnMut(Progress<'_>),
    _stopped: impl Future<Output = ()>,
) -> Judgement {
    Judgement {
        gates: Vec::new(),
        took: Duration::ZERO,
        stopped: false,
    }
}
