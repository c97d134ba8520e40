//! The state that every ledger tip carries: what the protocol decides by, and the totals that metrics come from.
//!
//! A tip is a pure fold over the chain: [`Tip::extend`] is the only way to change it, and every store writes the tip in
//! the same swap as the entries that led to it (design §7).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    AlertState, AttemptOutcome, CandidateState, Day, Deployment, DeploymentState, Entry, Event,
    FailureReason, GateStatus, LastState, Outcome, Party, PreflightResult, Review, Timestamp,
    Totals, days, last,
};

/// The version of the tip's shape. A tip with a larger one is never overwritten. A new field that may be missing needs
/// no new version; a new value of an outcome or a reason does, because tips of this one hold them.
pub const SCHEMA: u32 = 1;

/// How many finished deployments a tip remembers, and as many that never ended (design §4 rule 2).
pub const DEPLOYMENTS_KEPT: usize = 100;

/// How many swaps a tip remembers by their nonce. Who asks looks for a swap of the last seconds; entries come at the
/// pace of attempts, so this reaches back hours.
pub const NONCES_KEPT: usize = 128;

/// How many pairs of workflow and ref a tip remembers; beyond, it forgets those that no remembered deployment belongs
/// to. Where every deployment is a tag there is a new pair each time.
pub const LINES_KEPT: usize = 300;

/// How many characters of a deployment's detail a tip keeps; the entry has all of it.
pub const DETAIL_KEPT: usize = 200;

/// The state after the newest entry of the chain. `Tip::default()` is that of an empty chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tip {
    /// The version of this shape.
    pub schema: u32,
    /// The place of the newest entry; 0 for an empty chain.
    pub seq: u64,
    /// When the chain began; tells a new ledger from an old one (`deployment_ledger_created_timestamp_seconds`).
    pub created: Timestamp,
    /// The largest fencing token that an entry carried: the token never restarts, even where the lease was deleted.
    pub token: u64,
    /// The nonces of the last [`NONCES_KEPT`] swaps, newest last.
    pub nonces: Vec<String>,
    /// Unfinished deployments and the last [`DEPLOYMENTS_KEPT`] finished ones, in the order of their first entry.
    pub deployments: Vec<DeploymentState>,
    /// By workflow and ref, the largest run number whose command ran (design §4 on superseded deployments).
    pub newest_ran: BTreeMap<String, u64>,
    /// The counters, since the chain began.
    pub totals: Totals,
    /// One aggregate a UTC day, the last 31 days, oldest first.
    pub days: Vec<Day>,
    /// What the newest judgement of the health gates came to: the gauges by service.
    #[serde(default)]
    pub gates: Vec<GateState>,
    /// What the newest deployments of every workflow and branch came to, at most [`LINES_KEPT`] of them; the one that
    /// ended last stands last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last: Vec<LastState>,
    /// What the first deployment of the chain was deployed to, and its repository: the labels of the lock's metrics, the
    /// same whoever pushes them.
    #[serde(default, skip_serializing_if = "Home::is_empty")]
    pub home: Home,
    /// What people were alerted to, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<AlertState>,
    /// By the fingerprint of a place that the chain is shipped to, the `seq` of the last entry that stands there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shipped: BTreeMap<String, u64>,
}

/// What a health gate came to when it was last judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateState {
    /// Its name.
    pub service: String,
    /// How it ended.
    pub status: GateStatus,
    /// From the beginning of the judgement to its end.
    #[serde(with = "crate::seconds", rename = "took_seconds")]
    pub took: Duration,
}

/// Whose chain it is: what its first deployment was of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// What its first deployment was deployed to; empty where that is not known.
    pub environment: String,
    /// The repository of its first deployment, `<owner>/<repo>`; empty where that is not known.
    pub repository: String,
}

impl Home {
    fn of(deployment: &Deployment) -> Home {
        Home {
            environment: deployment.environment.clone(),
            repository: deployment.repository().unwrap_or_default().to_owned(),
        }
    }

    fn is_empty(&self) -> bool {
        self.environment.is_empty() && self.repository.is_empty()
    }
}

/// An entry before it has its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The deployment it is about.
    pub deployment: Deployment,
    /// Who writes it; nobody for `verdict` and for people.
    pub by: Option<Party>,
    /// The fencing token in force; 0 where nobody has claimed.
    pub token: u64,
    /// What happened.
    pub event: Event,
}

impl Tip {
    /// The chain's next entries and the tip after them. The entries share `nonce`, the swap's, and `at`.
    pub fn extend(&self, nonce: &str, at: Timestamp, drafts: Vec<Draft>) -> (Vec<Entry>, Tip) {
        let mut tip = self.clone();
        if drafts.is_empty() {
            return (Vec::new(), tip);
        }
        tip.schema = SCHEMA;
        if tip.seq == 0 {
            tip.created = at;
            tip.home = drafts
                .first()
                .map(|draft| Home::of(&draft.deployment))
                .unwrap_or_default();
        }
        let mut entries = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let entry = Entry {
                seq: tip.seq + 1,
                nonce: nonce.to_owned(),
                at,
                deployment: draft.deployment,
                by: draft.by,
                token: draft.token,
                event: draft.event,
            };
            tip.apply(&entry);
            entries.push(entry);
        }
        tip.nonces.push(nonce.to_owned());
        let surplus = tip.nonces.len().saturating_sub(NONCES_KEPT);
        tip.nonces.drain(..surplus);
        (entries, tip)
    }

    /// The deployment with this id.
    pub fn deployment(&self, id: &str) -> Option<&DeploymentState> {
        self.deployments
            .iter()
            .rev()
            .find(|d| d.deployment.id == id)
    }

    /// Whether a swap with this nonce is in the chain, as far back as the tip remembers.
    pub fn has_nonce(&self, nonce: &str) -> bool {
        self.nonces.iter().rev().any(|n| n == nonce)
    }

    /// The newest attempt of the same run before `deployment`, as far as recorded.
    pub fn earlier_attempt(&self, deployment: &Deployment) -> Option<&DeploymentState> {
        self.deployments
            .iter()
            .filter(|d| {
                d.deployment.run == deployment.run
                    && d.deployment.id != deployment.id
                    && d.deployment.run_attempt < deployment.run_attempt
            })
            .max_by_key(|d| d.deployment.run_attempt)
    }

    /// The deployment whose command was started last, by the order of the chain.
    pub fn last_that_ran(&self) -> Option<&DeploymentState> {
        self.deployments
            .iter()
            .filter(|d| d.command_ran)
            .max_by_key(|d| d.ran_seq)
    }

    /// The largest run number of `deployment`'s workflow and ref whose command ran.
    pub fn newest_ran(&self, deployment: &Deployment) -> Option<u64> {
        self.newest_ran.get(&deployment.line()).copied()
    }

    /// How many unfinished deployments wait behind another.
    pub fn queue_depth(&self) -> usize {
        self.deployments.iter().filter(|d| d.waits()).count()
    }

    fn apply(&mut self, entry: &Entry) {
        self.seq = entry.seq;
        self.token = self.token.max(entry.token);
        if entry.event.is_bookkeeping() {
            return self.keep_books(entry);
        }
        let at = entry.at;
        let state = deployment_mut(&mut self.deployments, &entry.deployment, entry.seq);
        state.last_seq = entry.seq;
        state.signalled_last = matches!(entry.event, Event::Signalled { .. });
        let own = entry.by.as_ref().map(|p| p.candidate);
        match &entry.event {
            Event::Announced {
                candidates,
                instance,
            } => {
                state.candidates = state.candidates.max(*candidates);
                // A leg that comes after the end takes part in nothing.
                if let Some(party) = entry.by.as_ref().filter(|_| !state.finished()) {
                    state
                        .announced
                        .entry(party.candidate)
                        .or_insert_with(|| CandidateState {
                            party: party.clone(),
                            instance: instance.clone(),
                            announced_seq: entry.seq,
                            announced_at: at,
                            signalled: false,
                            unfit: false,
                            queued_behind: None,
                        });
                }
            }
            Event::DeploymentStarted => {
                state.claimed = true;
                // An earlier step may have announced it before it knew the version.
                if state.started_at.is_none() {
                    state.deployment.clone_from(&entry.deployment);
                    state.started_at = Some(at);
                }
                state.holder.clone_from(&entry.by);
            }
            Event::Queued { behind, .. } => {
                if let Some(candidate) = own.and_then(|n| state.announced.get_mut(&n)) {
                    candidate.queued_behind = Some(behind.clone());
                }
            }
            Event::Preflight { result, failed } => {
                // The last word counts, before and after a claim: a runner that was mended in between is fit, and its
                // leg must not be told otherwise by the moment at which another claimed. It grants nothing: every claim
                // covers the tip that it was decided by, so nobody claims past a word that it has not seen. Without an
                // announcement there is no candidate to be unfit.
                if let Some(candidate) = own.and_then(|n| state.announced.get_mut(&n)) {
                    candidate.unfit = *result == PreflightResult::Fail;
                }
                self.totals.preflight(entry, failed);
            }
            Event::AttemptStarted { .. } => {
                state.command_ran = true;
                state.ran_seq = entry.seq;
                let newest = self.newest_ran.entry(entry.deployment.line()).or_default();
                *newest = (*newest).max(entry.deployment.run_number);
            }
            Event::AttemptFinished { party, outcome, .. } => {
                state.command_done |= *outcome == AttemptOutcome::Succeeded;
                self.totals.attempt(&entry.deployment, party);
            }
            Event::Failover { to, reason, .. } => {
                state.last_failover = Some(*reason);
                state.holder = Some(to.clone());
                state.failovers += 1;
                self.totals.failover(to, *reason);
            }
            Event::Signalled { .. } => {
                if let Some(candidate) = own.and_then(|n| state.announced.get_mut(&n)) {
                    candidate.signalled = true;
                }
            }
            Event::Held { detail, .. } => state.detail = kept(detail),
            Event::OnFailureStarted => state.on_failure_started = true,
            Event::OnFailureFinished { succeeded, .. } => {
                state.on_failure_succeeded = Some(*succeeded);
            }
            Event::Gates { gates } => {
                state.gates_judged = true;
                self.totals.gates(entry, gates);
                self.gates = gates
                    .iter()
                    .map(|gate| GateState {
                        service: gate.service.clone(),
                        status: gate.status,
                        took: gate.took,
                    })
                    .collect();
            }
            Event::DeploymentFinished {
                outcome,
                reason,
                detail,
            } => {
                self.finish(entry, *outcome, *reason, detail);
            }
            Event::Approval {
                environment,
                user,
                state: said,
                ..
            } => {
                if !state.finished() {
                    state.reviews.insert(Review {
                        environment: environment.clone(),
                        user: user.clone(),
                        state: said.clone(),
                    });
                }
            }
            Event::Override { .. }
            | Event::TransferRequested { .. }
            | Event::Alert { .. }
            | Event::AlertSent { .. }
            | Event::AlertResolved { .. }
            | Event::AuditShipped { .. }
            | Event::Unknown => {}
        }
        self.forget();
    }

    /// A deployment ends once: a second end of the same deployment changes nothing.
    fn finish(
        &mut self,
        entry: &Entry,
        outcome: Outcome,
        reason: Option<FailureReason>,
        detail: &str,
    ) {
        let state = deployment_mut(&mut self.deployments, &entry.deployment, entry.seq);
        if state.finished() {
            return;
        }
        state.outcome = Some(outcome);
        state.reason = reason;
        state.detail = kept(detail);
        state.finished_at = Some(entry.at);
        state.announced.clear();
        state.reviews.clear();
        if let Some(holder) = &mut state.holder {
            holder.boot_id.clear();
        }
        let duration = state.started_at.map(|started| entry.at.since(started));
        let (failover, failovers) = (state.last_failover, state.failovers);
        // Who closes for a dead holder counts under the holder's role and group (design §7).
        let party = state
            .holder
            .clone()
            .or_else(|| entry.by.clone())
            .unwrap_or_default();
        let day = days::of(&mut self.days, entry.at);
        match outcome {
            Outcome::Succeeded => {
                day.succeeded += 1;
                // Here and not when they happen: a takeover before midnight and its success after it stand in one day,
                // and one that is still under way is no failure yet.
                day.failovers += u64::from(failovers);
                self.totals.success(&entry.deployment, &party);
                if let Some(reason) = failover {
                    day.failovers_succeeded += 1;
                    self.totals.failover_success(&party, reason);
                }
            }
            Outcome::Failed | Outcome::NeverClaimed => {
                day.failed += 1;
                day.failovers += u64::from(failovers);
                let reason = reason.unwrap_or(FailureReason::NeverClaimed);
                self.totals.failure(&entry.deployment, &party, reason);
            }
            Outcome::Cancelled | Outcome::Held | Outcome::Superseded => {}
        }
        if let (Some(duration), Outcome::Succeeded | Outcome::Failed) = (duration, outcome) {
            day.took(duration);
            self.totals.duration(&entry.deployment, &party, duration);
        }
        last::note(
            &mut self.last,
            &entry.deployment,
            entry.at,
            outcome,
            duration,
        );
    }

    /// Keeps the tip small. What went longest without a sign of life goes first, so never what the newest entry is
    /// about.
    fn forget(&mut self) {
        forget_the_oldest(&mut self.deployments, DeploymentState::finished);
        forget_the_oldest(&mut self.deployments, |d| !d.finished());
        if self.newest_ran.len() > LINES_KEPT {
            let remembered: BTreeSet<String> = self
                .deployments
                .iter()
                .map(|d| d.deployment.line())
                .collect();
            self.newest_ran.retain(|line, _| remembered.contains(line));
        }
    }
}

fn kept(detail: &str) -> String {
    detail.chars().take(DETAIL_KEPT).collect()
}

fn deployment_mut<'a>(
    deployments: &'a mut Vec<DeploymentState>,
    deployment: &Deployment,
    seq: u64,
) -> &'a mut DeploymentState {
    let at = deployments
        .iter()
        .rposition(|d| d.deployment.id == deployment.id)
        .unwrap_or_else(|| {
            deployments.push(DeploymentState {
                deployment: deployment.clone(),
                first_seq: seq,
                ..DeploymentState::default()
            });
            deployments.len() - 1
        });
    &mut deployments[at]
}

fn forget_the_oldest(
    deployments: &mut Vec<DeploymentState>,
    which: impl Fn(&DeploymentState) -> bool,
) {
    while deployments.iter().filter(|d| which(d)).count() > DEPLOYMENTS_KEPT {
        let oldest = deployments
            .iter()
            .enumerate()
            .filter(|(_, d)| which(d))
            .min_by_key(|(_, d)| d.last_seq);
        if let Some((at, _)) = oldest {
            deployments.remove(at);
        }
    }
}
