//! One process of the model and what runs on its host.

use std::hash::{Hash, Hasher};

use lease::protocol::{Candidate, Command, Conclusion, Effect, Input, Now, Person, Watcher};
use lease::store::Snapshot;
use ledger::{AttemptOutcome, Timestamp};

use crate::{
    clock::{Clock, Millis, Relative},
    scenario::Scenario,
};

/// Which machine of the protocol runs.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Actor {
    Candidate(Box<Candidate>),
    Watcher(Box<Watcher>),
    Person(Box<Person>),
}

/// Where a process is between its beginning and its end.
#[derive(Clone, Debug)]
pub(crate) enum Life {
    /// It begins when a person asks for it.
    Dormant,
    /// It begins then.
    Begins(Millis),
    Runs,
    /// Killed from outside: no word came from it.
    Crashed,
    Over(Option<Box<Conclusion>>),
}

/// The processes of a command.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) token: u64,
    pub(crate) command: Command,
    /// When it is over by itself, and how.
    pub(crate) ends: Millis,
    pub(crate) outcome: AttemptOutcome,
    /// When it is dead, where it was killed.
    pub(crate) dead: Option<Millis>,
    /// It will not die when it should, for so long.
    pub(crate) sticks: Option<Millis>,
    /// It should be dead, and is not.
    pub(crate) stuck: bool,
}

impl Tree {
    /// What lives until then lives for ever.
    pub(crate) const NEVER: Millis = 2 * Scenario::HORIZON;
}

/// What a host cannot do for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wire {
    /// Nothing arrives at the store.
    NothingArrives,
    /// Everything arrives, and no answer comes back.
    NothingReturns,
}

#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) actor: Actor,
    pub(crate) life: Life,
    pub(crate) clock: Clock,
    pub(crate) tree: Option<Tree>,
    /// The watchdog's deadline for the tree.
    pub(crate) deadline: Millis,
    /// The process stands still until then.
    pub(crate) frozen: Millis,
    pub(crate) cut: Option<(Millis, Wire)>,
    /// How many writes it has made: tells apart two that say the same.
    pub(crate) writes: u32,
    /// A fault has struck it, or a person.
    pub(crate) touched: bool,
    /// It was told to stop.
    pub(crate) signalled: bool,
    /// It is the gates step of its leg.
    pub(crate) judges: bool,
}

impl Host {
    pub(crate) fn runs(&self) -> bool {
        matches!(self.life, Life::Runs)
    }

    pub(crate) fn is_candidate(&self) -> bool {
        matches!(self.actor, Actor::Candidate(_))
    }

    /// Whether it asks the store to be told of changes.
    pub(crate) fn watches(&self) -> bool {
        self.runs()
            && match &self.actor {
                Actor::Candidate(actor) => actor.waits_for_others() && actor.seen().is_some(),
                Actor::Watcher(actor) => actor.seen().is_some(),
                Actor::Person(_) => false,
            }
    }

    /// The largest token that it has seen.
    pub(crate) fn newest_seen(&self) -> u64 {
        let seen = match &self.actor {
            Actor::Candidate(actor) => actor.seen(),
            Actor::Watcher(actor) => actor.seen(),
            Actor::Person(_) => None,
        };
        let token = |s: &Snapshot| s.record.as_ref().map_or(0, |r| r.token).max(s.tip.token);
        seen.map_or(0, token)
    }

    /// When the process wants to be woken, in true time.
    pub(crate) fn wakes(&self) -> Millis {
        let wake = match &self.actor {
            Actor::Candidate(actor) => actor.wake_at(),
            Actor::Watcher(actor) => actor.wake_at(),
            Actor::Person(actor) => actor.wake_at(),
        };
        self.clock.truth(wake)
    }

    pub(crate) fn step(&mut self, at: Millis, nonce: &str, input: Input) -> Vec<Effect> {
        let now = Now {
            boot: self.clock.local(at),
            wall: Timestamp(0),
        };
        match &mut self.actor {
            Actor::Candidate(actor) => actor.step(now, nonce, input),
            Actor::Watcher(actor) => actor.step(now, nonce, input),
            Actor::Person(actor) => {
                let effects = actor.step(now, nonce, input);
                if actor.end().is_some() {
                    self.life = Life::Over(None);
                }
                effects
            }
        }
    }

    /// Whatever decides what this host does from `now` on.
    pub(crate) fn hash_at<H: Hasher>(&self, now: Millis, state: &mut H) {
        std::mem::discriminant(&self.life).hash(state);
        match &self.life {
            Life::Begins(at) => at.saturating_sub(now).hash(state),
            Life::Runs => {
                self.actor
                    .hash(&mut Relative::new(state, self.clock.local(now)));
                self.writes.hash(state);
                self.frozen.saturating_sub(now).hash(state);
                let cut = self.cut.filter(|(until, _)| *until > now);
                cut.map(|(until, wire)| (until - now, wire)).hash(state);
            }
            // Judged when everything is over.
            Life::Over(conclusion) => conclusion
                .as_deref()
                .map(std::mem::discriminant)
                .hash(state),
            Life::Dormant | Life::Crashed => {}
        }
        (self.touched, self.signalled, self.judges).hash(state);
        if let Some(tree) = &self.tree {
            let soon = |at: Millis| match at {
                Tree::NEVER => at,
                at => at.saturating_sub(now),
            };
            (tree.token, tree.command as u8, tree.outcome as u8).hash(state);
            (soon(tree.ends), tree.dead.map(soon), soon(self.deadline)).hash(state);
            (tree.sticks, tree.stuck).hash(state);
        }
    }
}
