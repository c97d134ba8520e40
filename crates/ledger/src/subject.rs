//! The one line that tells a person what an entry says: the subject of its commit, so that `git log` reads as an audit
//! trail.
//!
//! Words first; the ledger's own name of a reason follows in brackets, so that a line can be searched for by it.

use crate::{
    AlertKind, AttemptOutcome, Channel, Entry, Event, FailureReason, Gate, Outcome,
    PreflightResult, TakeoverReason,
};

/// The most characters of a subject before the deployment's id. Long texts stand whole in the entry.
const LONGEST: usize = 160;

impl Entry {
    /// One line in plain words, without a line break or another control character, the deployment last:
    /// `candidate 2 (secondary, runner-b) takes over from candidate 1 (primary, runner-a), which fell silent
    /// (primary_unreachable) [octo/shop/4711/1]`.
    pub fn subject(&self) -> String {
        let told = self.told();
        let mut line: String = told.chars().take(LONGEST).collect();
        if told.chars().nth(LONGEST).is_some() {
            line.push('…');
        }
        format!("{line} [{}]", self.deployment.id)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect()
    }

    /// The same without the deployment, uncut.
    pub fn told(&self) -> String {
        let who = self
            .by
            .as_ref()
            .map_or_else(|| "no candidate".to_owned(), ToString::to_string);
        match &self.event {
            Event::Announced { candidates, .. } => format!("{who} is ready, one of {candidates}"),
            Event::DeploymentStarted => {
                format!(
                    "{who} starts to deploy {} for {}",
                    self.deployment.version, self.deployment.actor
                )
            }
            Event::Queued { behind, holder } => {
                format!("{who} waits behind {behind}, which {holder} carries out")
            }
            Event::Preflight {
                result: PreflightResult::Pass,
                ..
            } => format!("{who} passed its preflight"),
            Event::Preflight {
                result: PreflightResult::Fail,
                failed,
            } if failed.is_empty() => {
                format!("{who} failed its preflight")
            }
            Event::Preflight {
                result: PreflightResult::Fail,
                failed,
            } => {
                format!("{who} failed its preflight: {}", failed.join(", "))
            }
            Event::Override {
                checks,
                reason,
                until,
                actor,
            } => {
                let until = until
                    .as_ref()
                    .map(|day| format!(" until {day}"))
                    .unwrap_or_default();
                format!(
                    "{who} goes on in spite of {}, as {actor} decided{until}{}",
                    checks.join(", "),
                    behind(reason)
                )
            }
            Event::Approval {
                environment,
                user,
                state,
                comment,
                waited,
                ..
            } => {
                let waited = waited
                    .map(|time| format!(" after {} s", time.as_secs()))
                    .unwrap_or_default();
                format!(
                    "review of {environment}: {state} by {user}{waited}{}",
                    behind(comment)
                )
            }
            Event::AttemptStarted { number } => format!("{who} runs attempt {number}"),
            Event::AttemptFinished {
                party,
                number,
                outcome,
                detail,
                ran,
                ..
            } => {
                let ended = match outcome {
                    AttemptOutcome::Succeeded => "succeeded",
                    AttemptOutcome::ExitCode | AttemptOutcome::Signal => "failed",
                    AttemptOutcome::Timeout => "took too long and was killed",
                    AttemptOutcome::Stopped => "was stopped",
                    AttemptOutcome::Fenced => "was killed because the lease could not be renewed",
                    AttemptOutcome::Lost => "was lost with its runner; it was last heard of",
                };
                format!(
                    "attempt {number} of {party} {ended} after {} s{}",
                    ran.as_secs(),
                    in_brackets(detail)
                )
            }
            Event::Failover {
                from: Some(from),
                to,
                reason,
            } => {
                format!("{to} takes over from {from}, {} ({reason})", which(*reason))
            }
            Event::Failover {
                from: None,
                to,
                reason,
            } => {
                format!(
                    "{to} takes over from the primary, {} ({reason})",
                    which(*reason)
                )
            }
            Event::TransferRequested { actor, reason } => {
                format!("{actor} asks for another candidate: {reason}")
            }
            Event::Signalled { signal } => format!("{who} was told to stop by {signal}"),
            Event::OnFailureStarted => {
                format!("{who} runs on-failure, and nobody deploys after it")
            }
            Event::OnFailureFinished {
                succeeded: true, ..
            } => format!("on-failure of {who} succeeded"),
            Event::OnFailureFinished { detail, .. } => {
                format!("on-failure of {who} failed{}", in_brackets(detail))
            }
            Event::Gates { gates } => gates_told(&who, gates),
            Event::Held { reason, detail } => {
                format!("held until a person decides ({reason}){}", behind(detail))
            }
            Event::DeploymentFinished {
                outcome,
                reason,
                detail,
            } => {
                let ended = match outcome {
                    Outcome::Succeeded => "succeeded",
                    Outcome::Failed => "failed",
                    Outcome::Cancelled => "was cancelled",
                    Outcome::Held => "is held until a person decides",
                    Outcome::Superseded => "was superseded by a later one",
                    Outcome::NeverClaimed => "never began",
                };
                let why = reason
                    .map(|r| format!(", {} ({r})", because(r)))
                    .unwrap_or_default();
                format!(
                    "deployment of {} {ended}{why}{}",
                    self.deployment.version,
                    behind(detail)
                )
            }
            Event::Alert { kind, claim, .. } => {
                let what = match kind {
                    AlertKind::DeploymentFailed => "that the deployment failed",
                    AlertKind::QueueDeep => "that the queue is deep",
                };
                let again = if *claim > 1 { ", once more" } else { "" };
                format!("people are about to be told {what}{again}")
            }
            Event::AlertSent { channels, .. } => {
                format!("people were told{}", ways(channels))
            }
            Event::AlertResolved { channels, .. } => {
                format!("people were told that it is over{}", ways(channels))
            }
            Event::AuditShipped { sink, to } => {
                format!("the ledger up to entry {to} stands at {sink}")
            }
            Event::Unknown => "something that a newer version recorded".to_owned(),
        }
    }
}

fn gates_told(who: &str, gates: &[Gate]) -> String {
    let failed: Vec<&str> = gates
        .iter()
        .filter(|gate| gate.status.failed())
        .map(|gate| gate.service.as_str())
        .collect();
    let all = gates.len();
    let plural = if all == 1 { "" } else { "s" };
    match failed.as_slice() {
        [] => format!("{who} saw {all} health gate{plural} pass"),
        failed => format!(
            "{who} saw {} of {all} health gate{plural} fail: {}",
            failed.len(),
            failed.join(", ")
        ),
    }
}

fn ways(channels: &[Channel]) -> String {
    let named: Vec<String> = channels
        .iter()
        .map(|channel| match (channel.told, channel.detail.is_empty()) {
            (true, true) => channel.channel.clone(),
            (true, false) => format!("{} {}", channel.channel, channel.detail),
            (false, _) => format!("{} failed{}", channel.channel, in_brackets(&channel.detail)),
        })
        .collect();
    if named.is_empty() {
        String::new()
    } else {
        format!(": {}", named.join(", "))
    }
}

fn in_brackets(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    }
}

fn behind(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(": {detail}")
    }
}

/// What became of the candidate that somebody takes over from.
fn which(reason: TakeoverReason) -> &'static str {
    match reason {
        TakeoverReason::PrimaryExitCode => "whose command failed",
        TakeoverReason::PrimaryTimeout => "whose command took too long",
        TakeoverReason::PrimaryUnreachable => "which fell silent",
        TakeoverReason::PrimaryStopped => "whose runner was told to stop",
        TakeoverReason::PrimaryNeverAppeared => "which never appeared",
        TakeoverReason::Preflight => "which failed its preflight",
        TakeoverReason::Manual => "as a person asked",
    }
}

fn because(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::ExitCode => "because its command failed",
        FailureReason::Timeout => "because its command took too long",
        FailureReason::Unreachable => "because its last candidate lost the store",
        FailureReason::Preflight => "because no candidate passed its preflight",
        FailureReason::Gates => "because a health gate failed",
        FailureReason::GatesMissing => "because nobody came to judge its gates",
        FailureReason::Abandoned => "because every candidate fell silent",
        FailureReason::NeverClaimed => "because nobody claimed it in time",
        FailureReason::Held => "because a person ended it",
        FailureReason::Manual => "because nobody was left to take the transfer",
    }
}
