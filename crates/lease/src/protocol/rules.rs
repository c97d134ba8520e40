//! Who may do what: the conditions in design §4's table, each as one function.

use std::time::Duration;

use ledger::{
    Deployment, DeploymentState, FailureReason, Outcome, Party, Role, TakeoverReason, Tip,
};

use super::{CandidateConfig, PRIMARY_READY_WITHIN, Rerun, STOP_NOTICE, view::View};
use crate::{Phase, Record};

/// Whether `candidate` is *left*: within `candidates`, and neither failed, unfit nor signalled.
pub(super) fn is_left(
    candidate: u32,
    candidates: u32,
    record: Option<&Record>,
    state: Option<&DeploymentState>,
) -> bool {
    let failed =
        record.is_some_and(|r| r.failed_candidates.iter().any(|f| f.candidate == candidate));
    let out = state.is_some_and(|s| s.unfit(candidate) || s.signalled(candidate));
    (1..=candidates).contains(&candidate) && !failed && !out
}

/// Whether any candidate but `me` is left.
pub(super) fn another_is_left(
    me: u32,
    candidates: u32,
    record: &Record,
    state: Option<&DeploymentState>,
) -> bool {
    (1..=candidates).any(|c| c != me && is_left(c, candidates, Some(record), state))
}

/// Who has the number of a candidate, where that is another process than `instance`.
pub(super) fn number_taken<'a>(
    state: Option<&'a DeploymentState>,
    candidate: u32,
    instance: &str,
) -> Option<&'a Party> {
    let known = state?.announced.get(&candidate)?;
    (known.instance != instance).then_some(&known.party)
}

/// How the watched deployment ended, why, and one sentence for people, where it has: the ledger says so, or the lease,
/// whose own phase tells as much.
pub(super) fn end_of(view: &View) -> Option<(Outcome, Option<FailureReason>, String)> {
    let by_ledger = |s: &DeploymentState| Some((s.outcome?, s.reason, s.detail.clone()));
    view.deployment()
        .and_then(by_ledger)
        .or_else(|| Some((view.ended()?, None, String::new())))
}

/// Whether a later run of the same workflow and ref has run its command already.
pub(super) fn superseded_by(config: &CandidateConfig, tip: &Tip) -> Option<u64> {
    tip.newest_ran(&config.deployment)
        .filter(|newest| config.can_be_superseded() && *newest > config.deployment.run_number)
}

/// An earlier attempt of the same run whose success makes this one deploy nothing (design §4): for a partial re-run
/// every one, where GitHub cannot be asked only one that is still the last that ran. An attempt that was announced, never
/// claimed, and ended by nobody deployed nothing by this very rule: what it went by counts.
pub(super) fn deployed_already<'a>(
    rerun: Rerun,
    deployment: &Deployment,
    tip: &'a Tip,
) -> Option<&'a DeploymentState> {
    let mut earlier = tip.earlier_attempt(deployment)?;
    while !earlier.claimed && !earlier.finished() {
        earlier = tip.earlier_attempt(&earlier.deployment)?;
    }
    if earlier.outcome != Some(Outcome::Succeeded) {
        return None;
    }
    match rerun {
        Rerun::First | Rerun::Full => None,
        Rerun::Partial | Rerun::Alone => Some(earlier),
        Rerun::Unknown => tip
            .last_that_ran()
            .filter(|last| last.deployment.id == earlier.deployment.id),
    }
}

/// When a candidate may claim a free lease, and the reason where that is a takeover.
pub(super) fn free_claim_at(
    config: &CandidateConfig,
    view: &View,
    started: Duration,
) -> (Duration, Option<TakeoverReason>) {
    if config.me.role == Role::Primary {
        return (Duration::ZERO, None);
    }
    let since = view.free_since.map_or(started, |free| free.max(started));
    let primaries: Vec<_> = view
        .deployment()
        .into_iter()
        .flat_map(|d| d.announced.values())
        .filter(|c| c.party.role == Role::Primary && c.party.candidate != config.me.candidate)
        .collect();
    if primaries.is_empty() {
        (
            since + config.primary_grace,
            Some(TakeoverReason::PrimaryNeverAppeared),
        )
    } else if primaries.iter().any(|c| !c.unfit && !c.signalled) {
        let held_back = config.primary_grace.max(PRIMARY_READY_WITHIN);
        (since + held_back, Some(TakeoverReason::PrimaryUnreachable))
    } else if primaries.iter().all(|c| c.unfit) {
        (Duration::ZERO, Some(TakeoverReason::Preflight))
    } else {
        // A cancel reaches the legs one after the other: this one may be signalled next.
        let told = view.watched_since + STOP_NOTICE;
        (
            told.max(since + config.primary_grace),
            Some(TakeoverReason::PrimaryStopped),
        )
    }
}

/// When a standby of the same deployment may follow the holder of `record`, seen first at `since`; nothing where the
/// phase is not one to follow. The whole silence counts from when *we* saw the record (design §4 rule 3).
pub(super) fn follow_at(record: &Record, since: Duration) -> Option<(Duration, TakeoverReason)> {
    match record.phase {
        Phase::Deploying | Phase::Transferring | Phase::Deployed => Some((
            since + record.silence_allowed,
            TakeoverReason::PrimaryUnreachable,
        )),
        Phase::Stopping => Some((since + STOP_NOTICE, TakeoverReason::PrimaryStopped)),
        Phase::FailedOver => {
            let reason = record
                .failed_candidates
                .last()
                .map_or(TakeoverReason::PrimaryUnreachable, |f| f.reason);
            Some((Duration::ZERO, reason))
        }
        Phase::Held | Phase::Succeeded | Phase::Failed | Phase::Cancelled => None,
    }
}
