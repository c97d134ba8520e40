//! A simulated host: one process of the protocol, its clock, and the tree of its command.

use std::time::Duration;

use lease::protocol::{
    Alarm, Appender, Candidate, CandidateConfig, Command, Conclusion, Effect, Input, Now, Person,
    Watcher,
};
use ledger::Party;

use crate::rate::Clock;

/// What runs on a host.
pub(crate) enum Actor {
    Candidate(Box<Candidate>),
    Watcher(Box<Watcher>),
    Person(Box<Person>),
    Appender(Box<Appender>),
    Alarm(Box<Alarm>),
}

impl Actor {
    pub(crate) fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        match self {
            Actor::Candidate(actor) => actor.step(now, nonce, input),
            Actor::Watcher(actor) => actor.step(now, nonce, input),
            Actor::Person(actor) => actor.step(now, nonce, input),
            Actor::Appender(actor) => actor.step(now, nonce, input),
            Actor::Alarm(actor) => actor.step(now, nonce, input),
        }
    }

    pub(crate) fn wake_at(&self) -> Duration {
        match self {
            Actor::Candidate(actor) => actor.wake_at(),
            Actor::Watcher(actor) => actor.wake_at(),
            Actor::Person(actor) => actor.wake_at(),
            Actor::Appender(actor) => actor.wake_at(),
            Actor::Alarm(actor) => actor.wake_at(),
        }
    }
}

/// How one command behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) takes: Duration,
    pub(crate) succeeds: bool,
}

/// How the health gates of a leg behave that goes on to them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gates {
    /// From `proceed` to the gates step.
    pub(crate) begins_after: Duration,
    pub(crate) takes: Duration,
    pub(crate) pass: bool,
}

/// How everything that a candidate runs behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) deploy: Run,
    pub(crate) on_failure: Run,
    /// Nothing where no gates step follows.
    pub(crate) gates: Option<Gates>,
    /// How long a killed tree of the command withstands SIGKILL, where it does.
    pub(crate) withstands: Option<Duration>,
}

pub(crate) struct Tree {
    pub(crate) token: u64,
    pub(crate) command: Command,
    pub(crate) generation: u64,
    pub(crate) started: Duration,
    pub(crate) deadline: Duration,
    pub(crate) dying: bool,
    /// The supervisor stops it before it is done.
    pub(crate) times_out: bool,
    /// It withstands SIGKILL: nothing that runs on this host can be blamed for it.
    pub(crate) stuck: bool,
}

pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) deployment: String,
    /// The candidate that runs here; nothing for `verdict` and people.
    pub(crate) party: Option<Party>,
    /// What that candidate was told: its preflight speaks for it.
    pub(crate) config: Option<CandidateConfig>,
    /// When its process starts: true time.
    pub(crate) begins: Duration,
    pub(crate) actor: Actor,
    pub(crate) plan: Plan,
    pub(crate) clock: Clock,
    pub(crate) tree: Option<Tree>,
    pub(crate) generation: u64,
    pub(crate) frozen_until: Duration,
    /// The whole host stands still until then: process, watchdog and tree.
    pub(crate) suspended_until: Duration,
    pub(crate) cut_until: Duration,
    pub(crate) waiting: Vec<Input>,
    pub(crate) alive: bool,
    /// A fault has struck it, or a person has interfered with it.
    pub(crate) touched: bool,
    pub(crate) conclusion: Option<Conclusion>,
    /// Its process is the gates step of the leg.
    pub(crate) judges: bool,
    pub(crate) deadline: Duration,
    /// When this host sent reads, and first sent writes of the lease alone: true time.
    pub(crate) reads: Vec<Duration>,
    pub(crate) heartbeats: Vec<Duration>,
}

impl Host {
    pub(crate) fn is_verdict(&self) -> bool {
        matches!(self.actor, Actor::Watcher(_))
    }

    pub(crate) fn is_candidate(&self) -> bool {
        matches!(self.actor, Actor::Candidate(_))
    }

    /// Whether it records that people were told.
    pub(crate) fn is_voice(&self) -> bool {
        self.name.ends_with("#told")
    }

    /// Whether it judges gates at this moment.
    pub(crate) fn judges_now(&self) -> bool {
        self.tree
            .as_ref()
            .is_some_and(|t| t.command == Command::Gates)
    }

    /// Whether the host stands still, or has only just come back and not had the time to kill what it must.
    pub(crate) fn was_suspended(&self, now: Duration, kill: Duration) -> bool {
        !self.suspended_until.is_zero()
            && now <= self.suspended_until + kill + Duration::from_millis(1)
    }
}
