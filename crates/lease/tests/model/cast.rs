//! Who plays: candidates, verdicts, people and their plans, with short times, so that paths are short.

use std::time::Duration;

use lease::{
    Phase, Policy, Timing,
    protocol::{CandidateConfig, PersonConfig, Request, WatcherConfig},
    testing::cast,
};
use ledger::{AttemptOutcome, DeploymentState, FailureReason, Outcome, TakeoverReason};

use crate::{
    clock::{Clock, Millis},
    scenario::{Fate, Member, Part, Plan, Scenario, Strike, millis},
    world::World,
};

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// With short times: paths are short.
pub(crate) fn candidate(timing: Timing, run: u64, number: u32, candidates: u32) -> CandidateConfig {
    let config = cast::candidate(timing, run, number, candidates);
    CandidateConfig {
        attempt_timeout: secs(60),
        retry_wait: secs(3),
        timeout: secs(120),
        primary_grace: secs(5),
        queue_timeout: secs(100),
        policy: Policy {
            gates_deadline: secs(20),
            pickup_timeout: secs(30),
            ..config.policy
        },
        ..config
    }
}

pub(crate) fn clock(who: u64, rate: u64) -> Clock {
    Clock {
        rate,
        offset: secs(10_000 * (who + 1)),
    }
}

pub(crate) fn works(takes: Millis) -> Plan {
    Plan {
        takes,
        outcome: AttemptOutcome::Succeeded,
        gates: None,
    }
}

pub(crate) fn fails(takes: Millis) -> Plan {
    Plan {
        outcome: AttemptOutcome::ExitCode,
        ..works(takes)
    }
}

impl Scenario {
    /// A world in which nothing goes wrong yet, with nobody in it.
    pub(crate) fn new(name: &'static str, timing: Timing) -> Self {
        Scenario {
            name,
            timing,
            cast: Vec::new(),
            reads: vec![Fate::Fast],
            swaps: vec![Fate::Fast],
            tells: Vec::new(),
            strikes: Vec::new(),
            faults: 0,
            slow: 0,
            slowest: 2_000,
            orders: false,
            timed: true,
            guarded: false,
            calm: None,
            sights: Vec::new(),
        }
    }

    /// One more member of the cast. Each begins a little after the one before it.
    fn with(mut self, part: Part, plan: Plan, begins: Option<Millis>) -> Self {
        let who = self.cast.len() as u64;
        self.cast.push(Member {
            part,
            begins: begins.map(|at| at + 130 * who),
            clock: clock(who, 1_000),
            plan,
        });
        self
    }

    /// Candidates of one deployment, numbered from 1, and what each one's command does.
    pub(crate) fn candidates(
        mut self,
        run: u64,
        begin: Millis,
        plans: &[Plan],
        adjust: impl Fn(&mut CandidateConfig),
    ) -> Self {
        for (number, plan) in (1..).zip(plans) {
            let mut config = candidate(self.timing, run, number, plans.len() as u32);
            adjust(&mut config);
            self = self.with(Part::Candidate(Box::new(config)), *plan, Some(begin));
        }
        self
    }

    pub(crate) fn verdict(self, run: u64, begin: Millis) -> Self {
        let config = WatcherConfig {
            pickup_timeout: secs(30),
            queue_timeout: secs(100),
            ..cast::watcher(self.timing, run)
        };
        self.with(Part::Watcher(Box::new(config)), works(0), Some(begin))
    }

    /// A person who may come at any moment.
    pub(crate) fn person(self, request: Request) -> Self {
        let config = PersonConfig {
            request,
            actor: "someone".to_owned(),
            reason: "wanted".to_owned(),
            deployment: None,
            resend_after: self.timing.resend_after,
        };
        self.with(Part::Person(config), works(0), None)
    }

    /// The same world with everything that can go wrong, two of it on one path. A world of more faults is about how many
    /// they are, and stays, and so does one that forgets, since every of its ends is long; one without any is about slow
    /// requests, and has one more.
    pub(crate) fn wide(mut self) -> Self {
        if self.faults == 0 {
            self.slow += 1;
            return self;
        }
        if self.faults > 2 || self.can_forget() {
            return self;
        }
        self.faults = 2;
        join(&mut self.reads, any_read());
        join(&mut self.swaps, any_swap(self.timing));
        join(&mut self.strikes, any_strike(self.timing));
        self
    }

    /// How fast the clocks run, one host after the other, in thousandths.
    pub(crate) fn rates(mut self, rates: &[u64]) -> Self {
        for (member, rate) in self.cast.iter_mut().zip(rates) {
            member.clock.rate = *rate;
        }
        self
    }
}

/// Everything that can become of a request to a store of this timing: a write may land before D, between D and L, and
/// after L.
pub(crate) fn any_swap(timing: Timing) -> Vec<Fate> {
    let (d, l) = (millis(timing.deadline), millis(timing.lease));
    vec![
        Fate::Fast,
        Fate::LostBefore,
        Fate::LostAfter,
        Fate::Late(d * 2 / 3),
        Fate::Late((d + l) / 2),
        Fate::Late(l + 1_500),
    ]
}

/// The worst of it: what no resend mends in time.
pub(crate) fn worst_swaps(timing: Timing) -> Vec<Fate> {
    let (d, l) = (millis(timing.deadline), millis(timing.lease));
    vec![Fate::Fast, Fate::LostAfter, Fate::Late((d + l) / 2)]
}

/// A pause between D and L, and partitions past D and past L.
pub(crate) fn lasting_strikes(timing: Timing) -> Vec<Strike> {
    let (d, l) = (millis(timing.deadline), millis(timing.lease));
    vec![
        Strike::Freeze((d + l) / 2),
        Strike::CutOff(d),
        Strike::CutBack(l * 2),
    ]
}

/// The same, and a crash.
pub(crate) fn worst_strikes(timing: Timing) -> Vec<Strike> {
    let mut all = lasting_strikes(timing);
    all.insert(0, Strike::Crash);
    all
}

pub(crate) fn any_read() -> Vec<Fate> {
    vec![
        Fate::Fast,
        Fate::LostBefore,
        Fate::Stale,
        Fate::TornLedger,
        Fate::TornLease,
    ]
}

/// A crash, and pauses and partitions shorter than D, between D and L, and longer than both.
pub(crate) fn any_strike(timing: Timing) -> Vec<Strike> {
    let (d, l) = (millis(timing.deadline), millis(timing.lease));
    vec![
        Strike::Crash,
        Strike::Freeze(d / 2),
        Strike::Freeze((d + l) / 2),
        Strike::Freeze(l * 3),
        Strike::CutOff(d),
        Strike::CutOff(l * 2),
        Strike::CutBack(d),
        Strike::CutBack(l * 2),
    ]
}

/// Something was taken over.
pub(crate) fn taken_over(_: &Scenario, world: &World) -> bool {
    world.store.tip.deployments.iter().any(|d| d.failovers > 0)
}

fn join<T: PartialEq>(some: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !some.contains(&one) {
            some.push(one);
        }
    }
}

fn outcomes(world: &World) -> impl Iterator<Item = (Outcome, Option<FailureReason>)> + '_ {
    let ended = |d: &DeploymentState| Some((d.outcome?, d.reason));
    world.store.tip.deployments.iter().filter_map(ended)
}

pub(crate) fn succeeded(_: &Scenario, world: &World) -> bool {
    outcomes(world).any(|(outcome, _)| outcome == Outcome::Succeeded)
}

pub(crate) fn failed(_: &Scenario, world: &World) -> bool {
    outcomes(world).any(|(outcome, _)| outcome == Outcome::Failed)
}

pub(crate) fn cancelled(_: &Scenario, world: &World) -> bool {
    outcomes(world).any(|(outcome, _)| outcome == Outcome::Cancelled)
}

pub(crate) fn superseded(_: &Scenario, world: &World) -> bool {
    outcomes(world).any(|(outcome, _)| outcome == Outcome::Superseded)
}

pub(crate) fn abandoned(_: &Scenario, world: &World) -> bool {
    outcomes(world).any(|(_, reason)| reason == Some(FailureReason::Abandoned))
}

pub(crate) fn gates_missing(_: &Scenario, world: &World) -> bool {
    outcomes(world).any(|(_, reason)| reason == Some(FailureReason::GatesMissing))
}

pub(crate) fn rolled_back(_: &Scenario, world: &World) -> bool {
    let done = |d: &DeploymentState| d.on_failure_succeeded == Some(true);
    world.store.tip.deployments.iter().any(done)
}

pub(crate) fn held(_: &Scenario, world: &World) -> bool {
    let record = world.store.record.as_ref();
    record.is_some_and(|r| r.phase == Phase::Held)
}

pub(crate) fn transferred(_: &Scenario, world: &World) -> bool {
    let deployments = &world.store.tip.deployments;
    let manual = |d: &DeploymentState| d.last_failover == Some(TakeoverReason::Manual);
    deployments.iter().any(manual)
}

pub(crate) fn everybody_queued(_: &Scenario, world: &World) -> bool {
    world.store.tip.queue_depth() > 0
}

/// Two trees live at once: what only a guard keeps apart.
pub(crate) fn two_live(_: &Scenario, world: &World) -> bool {
    world.hosts.iter().filter(|h| h.tree.is_some()).count() > 1
}

/// A process was killed because it could not renew.
pub(crate) fn fenced(_: &Scenario, world: &World) -> bool {
    let dying = |h: &std::sync::Arc<crate::host::Host>| {
        h.runs() && h.tree.as_ref().is_some_and(|t| t.dead.is_some())
    };
    world.hosts.iter().any(dying)
}
