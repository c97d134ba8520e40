//! What must hold in every state.

use lease::{
    Phase, Record,
    protocol::{Command, Conclusion, Effect, Rerun},
    store::Write,
};
use ledger::{DeploymentState, Entry, Event, FailureReason, Outcome, TakeoverReason};

use crate::{
    guard::Target,
    host::{Host, Life, Tree},
    scenario::{Part, Scenario},
    world::World,
};

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    OneOwner,
    TokensGrow,
    Alone,
    Guarded,
    OneEnd,
    AfterTheEnd,
    FreshLease,
    Healthy,
    Truth,
    Ends,
    Seen,
    Barred,
}

/// What is known of the past, as far as a promise is about it.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Judge {
    pub(crate) broken: Option<Rule>,
    /// Who claimed with which token, in the order in which the claims took effect: (token, deployment, candidate).
    owners: Vec<(u64, String, u32)>,
    /// The largest token that the lease ever had.
    largest: u64,
    /// The newest token that a guarded target admitted, and the place of its claim among `owners`.
    admitted: Option<(u64, usize)>,
    /// The store has forgotten what it had acknowledged: no promise that rests on it holds any more.
    pub(crate) set_back: bool,
    /// What the target's guard remembers, and what the target has seen.
    pub(crate) target: Target,
}

impl Judge {
    pub(crate) fn broken(&mut self, rule: Rule) {
        self.broken.get_or_insert(rule);
    }
}

impl World {
    /// A write is about to take effect.
    pub(crate) fn judge_write(&mut self, scenario: &Scenario, who: usize, write: &Write) {
        for entry in &write.entries {
            self.judge_entry(scenario, entry);
        }
        if let Some(record) = &write.record {
            self.judge_record(record);
            self.judge_claim(scenario, who, record);
        }
    }

    fn judge_record(&mut self, record: &Record) {
        let stands = self.store.record.as_ref().map(|r| (r.token, r.phase));
        let token = record.token;
        let held = stands.map_or(0, |(token, _)| token);
        let goes_back = token != held && token <= self.judge.largest;
        if token < held || (goes_back && !self.judge.set_back) {
            self.judge.broken(Rule::TokensGrow);
        }
        self.judge.largest = self.judge.largest.max(token);
        if matches!(record.phase, Phase::Deploying | Phase::Deployed) {
            let owner = (token, record.deployment.id.clone(), record.holder.candidate);
            let known = self.judge.owners.iter().find(|(t, ..)| *t == token);
            match known {
                Some(known) if *known != owner && !self.judge.set_back => {
                    self.judge.broken(Rule::OneOwner);
                }
                _ if self.judge.owners.contains(&owner) => {}
                _ => self.judge.owners.push(owner),
            }
        }
        // An end is an end: nothing more is written under its token.
        if stands.is_some_and(|(t, phase)| t == token && phase.is_terminal()) {
            self.judge.broken(Rule::OneEnd);
        }
    }

    /// A write of `who` is about to take effect that may be a claim: nobody claims who is barred by what stands there.
    fn judge_claim(&mut self, scenario: &Scenario, who: usize, record: &Record) {
        let stands = self.store.record.as_ref();
        let claims = matches!(record.phase, Phase::Deploying | Phase::Deployed)
            && stands.is_none_or(|r| r.token < record.token)
            // Who takes back what it has failed at runs nothing but `on-failure`.
            && stands.is_none_or(|r| r.holder != record.holder);
        let Some(config) = scenario.candidate(who).filter(|_| claims) else {
            return;
        };
        let tip = &self.store.tip;
        let state = tip.deployment(&record.deployment.id);
        let own = state.and_then(|s| s.announced.get(&config.me.candidate));
        let unfit = own.is_some_and(|c| c.unfit);
        let foreign = own.is_none_or(|c| c.instance != config.instance);
        let done = |s: &DeploymentState| s.outcome == Some(Outcome::Succeeded);
        let again = matches!(config.rerun, Rerun::Partial | Rerun::Alone)
            && !state.is_some_and(|s| s.claimed)
            && tip.earlier_attempt(&config.deployment).is_some_and(done);
        if unfit || foreign || again {
            self.judge.broken(Rule::Barred);
        }
    }

    /// Whoever has seen a token takes no older one for what stands, and writes and runs nothing under one.
    pub(crate) fn judge_step(&mut self, who: usize, before: &Host, effects: &[Effect]) {
        let seen = self.hosts[who].newest_seen();
        let older = |effect: &Effect| match effect {
            Effect::Send(write) => write.record.as_ref().is_some_and(|r| r.token < seen),
            Effect::Start { token, .. } => *token < seen,
            _ => false,
        };
        if seen < before.newest_seen() || effects.iter().any(older) {
            self.judge.broken(Rule::Seen);
        }
    }

    fn judge_entry(&mut self, scenario: &Scenario, entry: &Entry) {
        let state = self.store.tip.deployment(&entry.deployment.id);
        let over = state.is_some_and(|s| s.outcome.is_some());
        let rolled_back = state.is_some_and(|s| s.on_failure_started);
        match &entry.event {
            Event::DeploymentFinished { .. } if over => self.judge.broken(Rule::OneEnd),
            Event::AttemptStarted { .. } | Event::OnFailureStarted if over || rolled_back => {
                self.judge.broken(Rule::AfterTheEnd);
            }
            Event::Failover {
                from: Some(from),
                reason: TakeoverReason::PrimaryUnreachable,
                ..
            } if self.is_well(scenario, &entry.deployment.id, from.candidate) => {
                self.judge.broken(Rule::Healthy);
            }
            Event::DeploymentFinished {
                reason: Some(FailureReason::Abandoned),
                ..
            } => {
                let holder = self.store.record.as_ref().map_or(0, |r| r.holder.candidate);
                if self.is_well(scenario, &entry.deployment.id, holder) {
                    self.judge.broken(Rule::Healthy);
                }
            }
            _ => {}
        }
    }

    /// Whether nothing ever befell the process of this candidate, and it is at work.
    fn is_well(&self, scenario: &Scenario, id: &str, candidate: u32) -> bool {
        let at = (0..self.hosts.len()).find(|who| {
            scenario.id(*who) == id
                && scenario
                    .candidate(*who)
                    .is_some_and(|c| c.me.candidate == candidate)
        });
        scenario.timed && at.is_some_and(|who| self.hosts[who].runs() && !self.hosts[who].touched)
    }

    /// Past D nothing is asked, and nobody healthy comes past D.
    pub(crate) fn judge_stop(&mut self, scenario: &Scenario, who: usize) {
        if scenario.timed && !self.hosts[who].touched {
            self.judge.broken(Rule::Healthy);
        }
    }

    pub(crate) fn judge_start(
        &mut self,
        scenario: &Scenario,
        who: usize,
        command: Command,
        token: u64,
    ) {
        let host = &self.hosts[who];
        let beside_its_own = host.tree.is_some();
        if beside_its_own {
            self.judge.broken(Rule::Alone);
        }
        let Some(config) = scenario.candidate(who) else {
            return;
        };
        let me = (token, config.deployment.id.clone(), config.me.candidate);
        if !self.judge.owners.contains(&me) {
            self.judge.broken(Rule::OneOwner);
        }
        if !scenario.timed {
            return;
        }
        let fresh = self.hosts[who].deadline > self.now;
        if !fresh {
            self.judge.broken(Rule::FreshLease);
        }
        if self.judge.set_back {
            return;
        }
        // Judging changes nothing: a process that stood still may find out late that another judges too.
        let deploys = |h: &&std::sync::Arc<Host>| {
            // What withstands its watchdog past the deadline is beyond every promise but the guard's.
            let counts =
                |t: &Tree| t.command != Command::Gates && (!t.stuck || h.deadline > self.now);
            h.tree.as_ref().is_some_and(counts)
        };
        if command != Command::Gates && self.hosts.iter().any(|h| deploys(&h)) {
            self.judge.broken(Rule::Alone);
        }
        let over = self.store.tip.deployment(&config.deployment.id);
        if over.is_some_and(|s| s.outcome.is_some()) {
            self.judge.broken(Rule::AfterTheEnd);
        }
    }

    /// A tree that lives may act on its target at any moment. The target's guard takes a token that is as new as the
    /// newest it has taken. Once a later claim's has acted, no earlier claim's gets past it.
    pub(crate) fn judge_targets(&mut self, scenario: &Scenario) {
        // Where a token was given twice, the order of the claims is no order of tokens.
        if self.judge.set_back {
            return;
        }
        let claim = |token: u64, who: usize| {
            let config = scenario.candidate(who)?;
            let me = (token, config.deployment.id.clone(), config.me.candidate);
            self.judge.owners.iter().position(|owner| *owner == me)
        };
        let mut acting = Vec::new();
        for (who, host) in self.hosts.iter().enumerate() {
            if let Some(tree) = host.tree.as_ref().filter(|t| t.command != Command::Gates) {
                acting.extend(claim(tree.token, who).map(|place| (tree.token, place)));
            }
        }
        let before = self.judge.admitted;
        let newest = acting
            .iter()
            .copied()
            .chain(before)
            .max_by_key(|(_, place)| *place);
        let past_the_guard = acting
            .iter()
            .any(|(token, place)| newest.is_some_and(|(t, p)| *place < p && *token >= t));
        if past_the_guard {
            self.judge.broken(Rule::Guarded);
        }
        self.judge.admitted = newest;
    }

    /// What a process says at its end is so.
    pub(crate) fn judge_conclusion(&mut self, scenario: &Scenario, who: usize, said: &Conclusion) {
        let tip = &self.store.tip;
        let outcome = |id: &str| tip.deployment(id).and_then(|d| d.outcome);
        let own = outcome(scenario.id(who));
        let is_so = match said {
            Conclusion::Proceed { finished: true, .. } => own == Some(Outcome::Succeeded),
            Conclusion::Over { outcome, .. } => own == Some(*outcome),
            Conclusion::Signalled { cancelled, .. } => {
                !cancelled || own == Some(Outcome::Cancelled)
            }
            Conclusion::Judged(verdict) if verdict.outcome != Outcome::Held => {
                outcome(&verdict.deployment) == Some(verdict.outcome)
            }
            Conclusion::NumberTaken { .. } => self.is_a_second(scenario, who),
            Conclusion::Held { .. } => self.is_held(scenario.id(who)) || own.is_some(),
            _ => true,
        };
        // A tree that outlives its process is one that nobody ends.
        let orphan = self.hosts[who].tree.as_ref().is_some_and(|t| !t.stuck);
        if scenario.timed && !self.judge.set_back && (!is_so || orphan) {
            self.judge.broken(Rule::Truth);
        }
    }

    /// Whether another process is the same candidate.
    fn is_a_second(&self, scenario: &Scenario, who: usize) -> bool {
        let same = |other: &usize| {
            let number = |who: usize| scenario.candidate(who).map(|c| c.me.candidate);
            *other != who
                && scenario.id(*other) == scenario.id(who)
                && number(*other) == number(who)
        };
        (0..self.hosts.len()).any(|other| same(&other))
    }

    /// Whether nothing more can happen.
    pub(crate) fn is_over(&self) -> bool {
        let idle = |host: &Host| {
            matches!(host.life, Life::Dormant | Life::Crashed | Life::Over(_))
                && host.tree.as_ref().is_none_or(|t| t.ends == Tree::NEVER)
        };
        self.mail.is_empty() && self.undecided.is_empty() && self.hosts.iter().all(|h| idle(h))
    }

    /// Whether every deployment that somebody was there for has ended, or waits for a person.
    pub(crate) fn ended_well(&self, scenario: &Scenario) -> bool {
        (0..self.hosts.len()).all(|who| {
            let id = scenario.id(who);
            self.has_ended(id) || self.judge.set_back || !self.was_there(scenario, who)
        })
    }

    pub(crate) fn has_ended(&self, id: &str) -> bool {
        let outcome = self.store.tip.deployment(id).and_then(|d| d.outcome);
        outcome.is_some() || self.is_held(id)
    }

    pub(crate) fn is_held(&self, id: &str) -> bool {
        let held = |r: &Record| r.phase == Phase::Held && r.deployment.id == id;
        self.store.record.as_ref().is_some_and(held)
    }

    /// Whether this process ought to have seen to the end of its deployment.
    fn was_there(&self, scenario: &Scenario, who: usize) -> bool {
        let host = &self.hosts[who];
        let Life::Over(Some(conclusion)) = &host.life else {
            return false;
        };
        match &scenario.cast[who].part {
            Part::Watcher(_) => !matches!(**conclusion, Conclusion::StoreLost(_)),
            Part::Candidate(_) => {
                !host.touched
                    && !matches!(
                        **conclusion,
                        Conclusion::Proceed {
                            finished: false,
                            ..
                        } | Conclusion::RollingBack { .. }
                            | Conclusion::HandedOver { .. }
                            | Conclusion::AlreadyDeployed { .. }
                            | Conclusion::NumberTaken { .. }
                            | Conclusion::Unfit
                    )
            }
            Part::Person(_) => false,
        }
    }
}
