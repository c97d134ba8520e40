//! What must hold whatever happens: judged at every write, every start and every end.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lease::{
    Phase, Record,
    protocol::{AppenderEnd, Command, Conclusion},
};
use ledger::{
    Deployment, Entry, Event, FailureReason, GateStatus, Outcome, PreflightResult, TakeoverReason,
};

use crate::world::World;

/// A clock's reading is turned into true time and back; each turn costs less than this.
const ROUNDING: Duration = Duration::from_millis(1);

impl World {
    pub(crate) fn judge_record(&mut self, host: usize, record: &Record, entries: &[Entry]) {
        let before = self.store.record.clone();
        let held = before.as_ref().map_or(0, |r| r.token);
        let token = record.token;
        if token < held {
            self.problem(format!("the token fell from {held} to {token}"));
        }
        let holder = (record.deployment.id.clone(), record.holder.candidate);
        if matches!(record.phase, Phase::Deploying | Phase::Deployed) {
            let known = self
                .holders
                .entry(token)
                .or_insert_with(|| holder.clone())
                .clone();
            if known != holder {
                self.problem(format!("token {token} belongs to {known:?} and {holder:?}"));
            }
        }
        if token != held && token <= self.largest_token {
            self.problem(format!("token {token} is used again"));
        }
        let from = before
            .as_ref()
            .filter(|r| r.token == token)
            .map(|r| r.phase);
        let renews = match record.phase {
            // A gate failed, and `on-failure` begins.
            Phase::Deploying if from == Some(Phase::Deployed) => entries
                .iter()
                .any(|e| matches!(e.event, Event::OnFailureStarted)),
            Phase::Deploying => matches!(from, None | Some(Phase::Deploying)),
            Phase::Transferring => matches!(from, Some(Phase::Deploying | Phase::Transferring)),
            // The tree is dead, or the command is over.
            Phase::FailedOver
            | Phase::Stopping
            | Phase::Succeeded
            | Phase::Cancelled
            | Phase::Failed => from.is_none_or(|p| !p.is_terminal() && p != Phase::Held),
            Phase::Deployed => from != Some(Phase::FailedOver),
            Phase::Held => from.is_none(),
        };
        if !renews {
            self.problem(format!(
                "{} is written over {from:?} under token {token}",
                record.phase
            ));
        }
        self.largest_token = self.largest_token.max(token);
        if before.is_none_or(|r| r.phase != record.phase || r.token != token) {
            let name = self.hosts[host].name.clone();
            self.say(|| format!("  {name} writes {} token {token}", record.phase));
        }
    }

    pub(crate) fn judge_entry(&mut self, entry: &Entry) {
        let id = entry.deployment.id.clone();
        let own = entry.by.as_ref().map(|p| p.candidate);
        let of = |e: &&Entry| e.deployment.id == id;
        let same = self.chain.iter().filter(of).any(|e| {
            e.by.as_ref().map(|p| p.candidate) == own
                && match (&e.event, &entry.event) {
                    (Event::Queued { .. }, Event::Queued { .. }) => true,
                    (
                        Event::Announced { instance: a, .. },
                        Event::Announced { instance: b, .. },
                    ) => a == b,
                    (Event::Signalled { .. }, Event::Signalled { .. }) => true,
                    (Event::Approval { user: a, .. }, Event::Approval { user: b, .. }) => a == b,
                    _ => false,
                }
        });
        if same {
            self.problem(format!("{id} says twice: {}", entry.subject()));
        }
        let ended = self
            .chain
            .iter()
            .filter(of)
            .any(|e| matches!(e.event, Event::DeploymentFinished { .. }));
        let rolled_back = self
            .chain
            .iter()
            .filter(of)
            .any(|e| matches!(e.event, Event::OnFailureStarted));
        match &entry.event {
            Event::DeploymentFinished { .. } if ended => self.problem(format!("{id} ends twice")),
            Event::Gates { .. } if !self.gates(&id).is_empty() => {
                self.problem(format!("the gates of {id} are judged twice"));
            }
            Event::AttemptStarted { .. } if ended => {
                self.problem(format!("{id} is attempted after its end"))
            }
            Event::AttemptStarted { .. } if rolled_back => {
                self.problem(format!("{id} is attempted after on-failure"))
            }
            Event::OnFailureStarted if rolled_back => {
                self.problem(format!("{id} is rolled back twice"))
            }
            Event::OnFailureStarted if ended => {
                self.problem(format!("{id} is rolled back after its end"))
            }
            Event::Failover {
                from: Some(from),
                to,
                ..
            } if from.candidate == to.candidate => {
                self.problem(format!("{id} goes over from {from} to itself"));
            }
            Event::Failover {
                from: Some(from), ..
            } if self
                .store
                .record
                .as_ref()
                .is_none_or(|r| r.holder != *from || r.deployment.id != id) =>
            {
                self.problem(format!("{id} goes over from {from}, who does not hold it"));
            }
            Event::DeploymentFinished {
                reason: Some(FailureReason::Abandoned),
                ..
            } => self.judge_abandoned(&id),
            _ => {}
        }
        self.judge_superseding(entry);
        self.judge_fitness(entry);
    }

    fn awaits_gates(&self, id: &str) -> bool {
        self.hosts
            .iter()
            .filter(|h| h.deployment == id)
            .filter_map(|h| h.config.as_ref())
            .any(|config| config.await_gates)
    }

    /// What the gates of a deployment came to, each time that somebody told.
    fn gates(&self, id: &str) -> Vec<GateStatus> {
        let told = |e: &Entry| match &e.event {
            Event::Gates { gates } if e.deployment.id == id => gates.first().map(|g| g.status),
            _ => None,
        };
        self.chain.iter().filter_map(told).collect()
    }

    /// The candidates that have announced themselves and whose last preflight failed, as the chain tells.
    fn unfit(&self, id: &str) -> BTreeSet<u32> {
        let mut unfit = BTreeMap::new();
        for entry in self.chain.iter().filter(|e| e.deployment.id == id) {
            let Some(party) = &entry.by else { continue };
            match &entry.event {
                Event::Announced { .. } => {
                    unfit.entry(party.candidate).or_insert(false);
                }
                Event::Preflight { result, .. } => {
                    if let Some(is_unfit) = unfit.get_mut(&party.candidate) {
                        *is_unfit = *result == PreflightResult::Fail;
                    }
                }
                _ => {}
            }
        }
        unfit.retain(|_, is_unfit| *is_unfit);
        unfit.into_keys().collect()
    }

    /// Nobody claims whose last preflight failed; a primary is called unfit, and a deployment without a fit candidate,
    /// exactly where the chain says so.
    fn judge_fitness(&mut self, entry: &Entry) {
        let id = &entry.deployment.id;
        let unfit = self.unfit(id);
        let own = entry.by.as_ref().map_or(0, |p| p.candidate);
        let of = || self.chain.iter().filter(|e| e.deployment.id == *id);
        let says = |wanted: fn(&Event) -> bool| of().any(|e| wanted(&e.event));
        let claimed = says(|e| matches!(e, Event::DeploymentStarted));
        let candidates = of().filter_map(|e| match e.event {
            Event::Announced { candidates, .. } => Some(candidates),
            _ => None,
        });
        let all = candidates
            .max()
            .is_some_and(|n| (1..=n).all(|c| unfit.contains(&c)));
        let wrong = match &entry.event {
            Event::DeploymentStarted
            | Event::Failover { .. }
            | Event::AttemptStarted { number: 1 }
                if unfit.contains(&own) =>
            {
                "is claimed by a candidate whose preflight failed"
            }
            Event::Failover {
                from: None,
                reason: TakeoverReason::Preflight,
                ..
            } if unfit.is_empty() => "is taken over from a primary that is fit",
            Event::Preflight { .. } | Event::Approval { .. }
                if says(|e| matches!(e, Event::DeploymentFinished { .. })) =>
            {
                "is told of a preflight after its end"
            }
            Event::DeploymentFinished {
                reason: Some(FailureReason::Preflight),
                ..
            } if claimed || unfit.is_empty() => "ends for want of a fit candidate and had one",
            Event::DeploymentFinished {
                outcome: Outcome::NeverClaimed,
                ..
            } if all => "is called never claimed where no candidate was fit",
            _ => return,
        };
        let (id, subject) = (id.clone(), entry.subject());
        self.problem(format!("{id} {wrong}: {subject}"));
    }

    /// What a step that only adds to the ledger says at its end is true.
    pub(crate) fn judge_told(&mut self, index: usize, end: &AppenderEnd) {
        let (name, id) = (
            self.hosts[index].name.clone(),
            self.hosts[index].deployment.clone(),
        );
        self.say(|| {
            let end = match end {
                AppenderEnd::Done(_) => "done".to_owned(),
                end => format!("{end:?}"),
            };
            format!("{name} ends: {end}")
        });
        let told = match end {
            AppenderEnd::Done(_) if self.hosts[index].is_voice() => true,
            // Who it spoke for is the host that its name begins with.
            AppenderEnd::Done(seen) => {
                let me = self
                    .hosts
                    .iter()
                    .find(|h| h.is_candidate() && name == format!("{}#preflight", h.name))
                    .and_then(|h| h.party.clone());
                let stands = self.chain.iter().any(|e| {
                    e.deployment.id == id
                        && e.by == me
                        && matches!(e.event, Event::Preflight { .. })
                });
                stands && seen.tip.deployment(&id).is_some()
            }
            AppenderEnd::Finished { outcome, .. } => self.outcome(&id) == Some(*outcome),
            AppenderEnd::NumberTaken { .. } => false,
            AppenderEnd::StoreLost(_) => true,
        };
        if !told {
            self.problem(format!("{name} says {end:?}, and that is not so"));
        }
    }

    /// Among several deployments of one workflow and ref, no lower number runs its command after a higher one.
    fn judge_superseding(&mut self, entry: &Entry) {
        let line = |d: &Deployment| (d.workflow.clone(), d.git_ref.clone());
        let (deployment, Event::AttemptStarted { .. }) = (&entry.deployment, &entry.event) else {
            return;
        };
        if deployment.run_attempt > 1 || deployment.trigger == "workflow_dispatch" {
            return;
        }
        let newer = self.chain.iter().find(|e| {
            matches!(e.event, Event::AttemptStarted { .. })
                && line(&e.deployment) == line(deployment)
                && e.deployment.run_number > deployment.run_number
        });
        if let Some(newer) = newer.map(|e| e.deployment.id.clone()) {
            self.problem(format!("{} runs after {newer}", deployment.id));
        }
    }

    /// Nobody healthy is called abandoned.
    fn judge_abandoned(&mut self, id: &str) {
        let Some(record) = self.store.record.as_ref().filter(|r| r.deployment.id == id) else {
            return;
        };
        let holder = record.holder.clone();
        let healthy = self.hosts.iter().any(|h| {
            h.deployment == id && h.party.as_ref() == Some(&holder) && h.alive && !h.touched
        });
        let benign = self.weather.lost_percent == 0 && self.weather.late_percent == 0;
        let waits = self
            .hosts
            .iter()
            .any(|h| h.party.as_ref() == Some(&holder) && h.conclusion.is_none());
        if healthy && waits && benign {
            self.problem(format!("{id} is called abandoned, but {holder} is well"));
        }
    }

    /// D runs from the first send of the last acknowledged renewal (design §4 rule 2).
    pub(crate) fn judge_deadline(&mut self, index: usize, deadline: Duration) {
        let clock = self.hosts[index].clock;
        let sent = |(host, sent, applied): &(usize, Duration, bool)| {
            (*host == index && *applied).then_some(*sent)
        };
        let newest = self.renewals.values().filter_map(sent).max();
        let latest = newest.map_or(Duration::ZERO, |sent| {
            clock.local(sent) + self.timing.deadline + ROUNDING
        });
        if deadline > latest {
            let name = self.hosts[index].name.clone();
            self.problem(format!(
                "{name} lets its tree live until {deadline:?}, but D is at {latest:?}"
            ));
        }
    }

    pub(crate) fn judge_start(&mut self, index: usize, command: Command, token: u64) {
        let host = &self.hosts[index];
        let (name, deployment) = (host.name.clone(), host.deployment.clone());
        let late = host.deadline <= self.now;
        let kill = self.timing.kill;
        let others: Vec<_> = self
            .hosts
            .iter()
            .filter(|h| {
                // Judging changes nothing: a frozen process may find out late that another judges too.
                h.tree.as_ref().is_some_and(|t| !t.stuck)
                    && !h.judges_now()
                    && !h.was_suspended(self.now, kill)
            })
            .map(|h| h.name.clone())
            .collect();
        if !others.is_empty() {
            self.problem(format!(
                "{name} starts {command:?} while the tree of {others:?} lives"
            ));
        }
        if self.hosts[index].tree.is_some() {
            self.problem(format!("{name} starts {command:?} beside its own tree"));
        }
        if let Some(outcome) = self.outcome(&deployment) {
            self.problem(format!(
                "{name} starts {command:?} after its deployment ended {outcome}"
            ));
        }
        let owner = self.holders.get(&token).cloned();
        let me = self.hosts[index]
            .party
            .as_ref()
            .map(|p| (deployment, p.candidate));
        if late || owner != me {
            self.problem(format!(
                "{name} starts {command:?} without a fresh lease under token {token}"
            ));
        }
    }

    /// What a process says at its end is true.
    pub(crate) fn judge_conclusion(&mut self, index: usize, conclusion: &Conclusion) {
        let host = &self.hosts[index];
        let (name, id) = (host.name.clone(), host.deployment.clone());
        let outcome = self.outcome(&id);
        let said = |wanted: &dyn Fn(&Entry) -> bool| self.chain.iter().any(wanted);
        let tree = host.tree.as_ref().is_some_and(|t| !t.stuck);
        let me = host.party.clone();
        let told = match conclusion {
            Conclusion::Proceed { finished: true, .. } => outcome == Some(Outcome::Succeeded),
            Conclusion::Proceed { .. }
            | Conclusion::QueueTimeout { .. }
            | Conclusion::StoreLost(_) => true,
            // The lease's own phase tells as much as the ledger.
            Conclusion::Over { outcome: said, .. } => outcome == Some(*said),
            Conclusion::HandedOver { to, .. } => said(&|e| {
                e.deployment.id == id
                    && match &e.event {
                        Event::Failover { to: t, .. } => t.candidate == to.candidate,
                        // Where the lease was removed, a primary claims it like a free one.
                        Event::AttemptStarted { .. } => {
                            self.lost_records.contains(&id) && e.by.as_ref() == Some(to)
                        }
                        _ => false,
                    }
            }),
            Conclusion::LostLease { to } => me.as_ref().is_none_or(|m| m.candidate != to.candidate),
            Conclusion::Held { deployment, .. } => {
                said(&|e| e.deployment.id == *deployment && matches!(e.event, Event::Held { .. }))
            }
            Conclusion::AlreadyDeployed { deployment, .. } => {
                self.outcome(deployment) == Some(Outcome::Succeeded)
            }
            Conclusion::Signalled { cancelled, .. } => {
                !cancelled || outcome == Some(Outcome::Cancelled)
            }
            Conclusion::NumberTaken { .. } => me.is_some(),
            Conclusion::Unfit => said(&|e| {
                let failed = matches!(
                    e.event,
                    Event::Preflight {
                        result: PreflightResult::Fail,
                        ..
                    }
                );
                e.deployment.id == id && e.by == me && failed
            }),
            Conclusion::RollingBack { .. } => {
                said(&|e| e.deployment.id == id && matches!(e.event, Event::OnFailureStarted))
            }
            Conclusion::Judged(verdict) => match verdict.outcome {
                Outcome::Held => said(&|e| {
                    e.deployment.id == verdict.deployment
                        && matches!(
                            e.event,
                            Event::Held { .. }
                                | Event::DeploymentFinished {
                                    outcome: Outcome::Held,
                                    ..
                                }
                        )
                }),
                said => self.outcome(&verdict.deployment) == Some(said),
            },
        };
        if !told {
            self.problem(format!(
                "{name} says {conclusion:?}, but the end is {outcome:?}"
            ));
        }
        if tree {
            self.problem(format!("{name} ended while its tree lives"));
        }
        if let Conclusion::Proceed { token, .. } = conclusion
            && !self.hosts[index].judges
            && !self.proceeded.insert((id.clone(), *token))
        {
            self.problem(format!("two legs of {id} go on under token {token}"));
        }
    }

    /// What must hold when everything is over.
    pub(crate) fn judge_the_end(&mut self) {
        if !self.is_quiet() {
            self.problem("somebody still waits".to_owned());
        }
        let ids: BTreeSet<_> = self
            .hosts
            .iter()
            .map(|h| h.deployment.clone())
            .filter(|id| !id.is_empty())
            .collect();
        for id in ids {
            self.judge_deployment(&id);
        }
    }

    fn judge_deployment(&mut self, id: &str) {
        let gates = self.gates(id);
        let done = self.outcome(id) == Some(Outcome::Succeeded);
        if done && self.awaits_gates(id) && gates != [GateStatus::Pass] {
            self.problem(format!("{id} is called done, but its gates are {gates:?}"));
        }
        // Held, even where the record was removed after that: it is a person's now.
        let held = self
            .chain
            .iter()
            .any(|e| e.deployment.id == id && matches!(e.event, Event::Held { .. }));
        let live = self
            .record()
            .is_some_and(|r| !r.phase.is_terminal() && r.deployment.id == id);
        let ends = self.outcome(id).is_some() || held;
        let of = || self.hosts.iter().filter(|h| h.deployment == id);
        let judged = of().any(|h| {
            let elsewhere =
                matches!(&h.conclusion, Some(Conclusion::Judged(v)) if v.deployment != id);
            h.is_verdict()
                && h.alive
                && !elsewhere
                && !matches!(h.conclusion, Some(Conclusion::StoreLost(_)))
        });
        let carried_on = of().any(|h| {
            let gone = matches!(
                h.conclusion,
                Some(
                    Conclusion::Proceed {
                        finished: false,
                        ..
                    } | Conclusion::RollingBack { .. }
                        | Conclusion::HandedOver { .. }
                        | Conclusion::AlreadyDeployed { .. }
                        | Conclusion::NumberTaken { .. }
                )
            );
            h.is_candidate() && h.alive && !h.touched && !gone
        });
        let orphaned = self.lost_records.contains(id);
        if !ends && (judged || (carried_on && !orphaned)) {
            self.problem(format!("{id} never ended"));
        }
        let count = |wanted: fn(&Event) -> bool| {
            self.chain
                .iter()
                .filter(|e| e.deployment.id == id && wanted(&e.event))
                .count()
        };
        let started = count(|e| matches!(e, Event::AttemptStarted { .. }));
        let finished = count(|e| matches!(e, Event::AttemptFinished { .. }));
        let under_way = usize::from(live && self.record().is_some_and(|r| r.attempt.running));
        if started != finished + under_way && !orphaned {
            self.problem(format!(
                "{id}: {started} attempts started, {finished} finished"
            ));
        }
    }
}
