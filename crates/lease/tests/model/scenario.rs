//! A small world to explore: who takes part, what may go wrong, and how much of it.

use std::time::Duration;

use lease::{
    Timing,
    protocol::{CandidateConfig, PersonConfig, WatcherConfig},
};
use ledger::AttemptOutcome;

use crate::{
    clock::{Clock, Millis},
    world::World,
};

/// What can happen to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives at once and is answered soon after.
    Fast,
    /// It arrives when all but its time is over.
    ArrivesSlowly,
    /// It arrives at once, and the answer takes all the time that it may.
    ReturnsSlowly,
    /// It never arrives; there is no answer.
    LostBefore,
    /// It arrives at once; there is no answer.
    LostAfter,
    /// It arrives so long after it was sent that its sender was told that there is no answer.
    Late(Millis),
    /// A read that shows what stood there before the last change.
    Stale,
    /// A read that shows the lease as it is and the ledger as it was before the last change.
    TornLedger,
    /// The other way round.
    TornLease,
    /// News of a change that comes at once, and once more later.
    Twice(Millis),
}

/// What can happen to a process or a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// SIGKILL.
    Crash,
    /// The process stands still for so long. Its watchdog does not, where the world keeps its timing.
    Freeze(Millis),
    /// Nothing arrives at the store for so long.
    CutOff(Millis),
    /// No answer comes back from the store for so long.
    CutBack(Millis),
    /// SIGINT to one candidate; it is killed 10 s later.
    Signal,
    /// SIGINT to every candidate of its deployment at once.
    SignalAll,
    /// A dormant person begins.
    Person,
    /// A process is told of a change, and there was none.
    Tell,
    /// The store forgets what it has acknowledged.
    SetBack(Forgotten),
    /// What the process runs will not die when it should, for so long.
    Stick(Millis),
    /// A preflight of the leg says whether it is fit.
    Preflight { fit: bool },
}

/// What a store that is set back forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgotten {
    /// The newest write: a replica took over that had not seen it.
    NewestWrite,
    /// Everything from the newest claim on: it was restored from a copy.
    NewestClaim,
}

/// What a member of the cast is told.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Candidate(Box<CandidateConfig>),
    Watcher(Box<WatcherConfig>),
    Person(PersonConfig),
}

/// How what a candidate runs behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) takes: Millis,
    pub(crate) outcome: AttemptOutcome,
    /// How long the gates are judged and whether they pass, where a gates step follows.
    pub(crate) gates: Option<(Millis, bool)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) part: Part,
    /// Nothing for a person who is not there yet.
    pub(crate) begins: Option<Millis>,
    pub(crate) clock: Clock,
    pub(crate) plan: Plan,
}

/// A question of whether something can come about at all, so that a model that explores nothing is found out.
pub(crate) type Sight = (&'static str, fn(&Scenario, &World) -> bool);

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) timing: Timing,
    pub(crate) cast: Vec<Member>,
    pub(crate) reads: Vec<Fate>,
    pub(crate) swaps: Vec<Fate>,
    /// What may become of the news of a change; nothing where the store does not tell of changes.
    pub(crate) tells: Vec<Fate>,
    pub(crate) strikes: Vec<Strike>,
    /// How many faults one path may hold.
    pub(crate) faults: u8,
    /// How many slow requests besides.
    pub(crate) slow: u8,
    /// How long a slow request takes.
    pub(crate) slowest: Millis,
    /// Whether what happens at one moment happens in any order.
    pub(crate) orders: bool,
    /// Watchdogs keep the deadline, and trees die within the kill time. Without it nothing of that is so, and only the
    /// target's guard is left.
    pub(crate) timed: bool,
    /// What the command does goes through the target's guard, which refuses it.
    pub(crate) guarded: bool,
    /// What must hold besides, in what goes wrong here.
    pub(crate) calm: Option<fn(&World) -> bool>,
    /// What must be seen at least once.
    pub(crate) sights: Vec<Sight>,
}

impl Scenario {
    /// How long a request takes that is in no trouble.
    pub(crate) const SOON: Millis = 100;

    /// After this time everything is over, or never will be.
    pub(crate) const HORIZON: Millis = 1_800_000;

    pub(crate) fn id(&self, who: usize) -> &str {
        match &self.cast[who].part {
            Part::Candidate(config) => &config.deployment.id,
            Part::Watcher(config) => &config.deployment.id,
            Part::Person(_) => "",
        }
    }

    pub(crate) fn candidate(&self, who: usize) -> Option<&CandidateConfig> {
        match &self.cast[who].part {
            Part::Candidate(config) => Some(config),
            Part::Watcher(_) | Part::Person(_) => None,
        }
    }

    pub(crate) fn label(&self, who: usize) -> String {
        match &self.cast[who].part {
            Part::Candidate(config) => format!("{}#{}", config.deployment.id, config.me.candidate),
            Part::Watcher(config) => format!("{}#verdict", config.deployment.id),
            Part::Person(_) => "person".to_owned(),
        }
    }

    /// Whether the store may be set back like this.
    pub(crate) fn forgets(&self, what: Forgotten) -> bool {
        self.strikes.contains(&Strike::SetBack(what))
    }

    /// Whether the store may be set back at all.
    pub(crate) fn can_forget(&self) -> bool {
        self.strikes
            .iter()
            .any(|strike| matches!(strike, Strike::SetBack(_)))
    }

    /// How long a killed tree lives on, at most.
    pub(crate) fn kill(&self) -> Millis {
        if self.timed {
            millis(self.timing.kill)
        } else {
            2 * millis(self.timing.lease)
        }
    }
}

pub(crate) fn millis(time: Duration) -> Millis {
    time.as_millis() as Millis
}
