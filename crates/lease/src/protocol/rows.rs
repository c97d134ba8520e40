//! The rows of design §4's table as records and entries: what each write says. Pure builders; who may write which row
//! when is decided elsewhere.

use std::time::Duration;

use ledger::{
    AttemptOutcome, Deployment, Draft, Event, FailureReason, Outcome, Party, TakeoverReason,
    Timestamp,
};

use super::{CandidateConfig, Ended, view::View};
use crate::{Attempt, FailedCandidate, OnPrimaryLost, Phase, Record, record::SCHEMA};

/// A record and the entries that go with it.
pub(super) type Row = (Record, Vec<Draft>);

/// An entry by a candidate.
pub(super) fn draft(deployment: &Deployment, by: &Party, token: u64, event: Event) -> Draft {
    Draft {
        deployment: deployment.clone(),
        by: Some(by.clone()),
        token,
        event,
    }
}

/// An entry by `verdict` or a person.
pub(super) fn foreign(deployment: &Deployment, token: u64, event: Event) -> Draft {
    Draft {
        deployment: deployment.clone(),
        by: None,
        token,
        event,
    }
}

/// The next token: larger than every one in lease or ledger, so that it never restarts (design §4 rule 1).
pub(super) fn next_token(view: &View) -> u64 {
    view.record()
        .map_or(0, |r| r.token)
        .max(view.snapshot.tip.token)
        + 1
}

/// The attempt of a holder that died, recorded by who follows or closes (design §7).
fn lost_attempt(record: &Record, by: Option<&Party>, token: u64) -> Option<Draft> {
    record.attempt.running.then(|| Draft {
        deployment: record.deployment.clone(),
        by: by.cloned(),
        token,
        event: Event::AttemptFinished {
            party: record.holder.clone(),
            number: record.attempt.number,
            outcome: AttemptOutcome::Lost,
            detail: String::new(),
            ran: record.attempt.running_for,
            last_lines: Vec::new(),
        },
    })
}

/// A candidate claims: a free lease, or after another candidate of its deployment. `command_done` in the followed
/// record makes it a claim of the gates alone.
pub(super) fn claim(config: &CandidateConfig, view: &View, reason: Option<TakeoverReason>) -> Row {
    let token = next_token(view);
    let followed = view
        .record()
        .filter(|r| r.deployment.id == config.deployment.id && !r.phase.is_terminal());
    let gates = followed.is_some_and(|r| r.command_done);
    let mut failed_candidates = followed
        .map(|r| r.failed_candidates.clone())
        .unwrap_or_default();
    let mut drafts = Vec::new();
    let say = |event| draft(&config.deployment, &config.me, token, event);
    if let Some(record) = followed {
        drafts.extend(lost_attempt(record, Some(&config.me), token));
        if let Some(reason) = reason
            && !failed_candidates
                .iter()
                .any(|f| f.candidate == record.holder.candidate)
        {
            let detail = format!("record in phase {} was not renewed", record.phase);
            failed_candidates.push(FailedCandidate {
                candidate: record.holder.candidate,
                reason,
                detail,
            });
        }
    }
    if !view.deployment().is_some_and(|d| d.claimed) {
        drafts.push(say(Event::DeploymentStarted));
    }
    if let Some(reason) = reason {
        let from = followed.map(|r| r.holder.clone());
        drafts.push(say(Event::Failover {
            from,
            to: config.me.clone(),
            reason,
        }));
    }
    if !gates {
        drafts.push(say(Event::AttemptStarted { number: 1 }));
    }
    let record = Record {
        schema: SCHEMA,
        lock: config.lock.clone(),
        token,
        nonce: String::new(),
        deployment: config.deployment.clone(),
        phase: if gates {
            Phase::Deployed
        } else {
            Phase::Deploying
        },
        holder: config.me.clone(),
        failed_candidates,
        attempt: Attempt {
            number: u32::from(!gates),
            running: !gates,
            running_for: Duration::ZERO,
        },
        silence_allowed: if gates {
            config.policy.gates_deadline
        } else {
            config.policy.timing.lease
        },
        command_done: gates,
        policy: config.policy,
        written_at: Timestamp::default(),
    };
    (record, drafts)
}

/// The same record, to be renewed.
pub(super) fn heartbeat(record: &Record, running_for: Duration) -> Record {
    let attempt = Attempt {
        running_for,
        ..record.attempt
    };
    Record {
        attempt,
        ..record.clone()
    }
}

/// The end of an attempt of the holder's own.
pub(super) fn attempt_finished(record: &Record, number: u32, ended: &Ended) -> Draft {
    let event = Event::AttemptFinished {
        party: record.holder.clone(),
        number,
        outcome: ended.outcome,
        detail: ended.detail.clone(),
        ran: ended.ran,
        last_lines: ended.last_lines.clone(),
    };
    draft(&record.deployment, &record.holder, record.token, event)
}

/// The holder's own record with another phase and no attempt under way.
pub(super) fn phase(record: &Record, phase: Phase) -> Record {
    let attempt = Attempt {
        running: false,
        ..record.attempt
    };
    Record {
        phase,
        attempt,
        ..record.clone()
    }
}

/// The holder's command succeeded: the end, or the gates.
pub(super) fn succeeded(record: &Record, await_gates: bool, mut drafts: Vec<Draft>) -> Row {
    if await_gates {
        let silence_allowed = record.policy.gates_deadline;
        let record = Record {
            silence_allowed,
            command_done: true,
            ..phase(record, Phase::Deployed)
        };
        return (record, drafts);
    }
    drafts.push(finished(record, Outcome::Succeeded, None, ""));
    (
        Record {
            command_done: true,
            ..phase(record, Phase::Succeeded)
        },
        drafts,
    )
}

/// The end of the holder's own deployment.
pub(super) fn finished(
    record: &Record,
    outcome: Outcome,
    reason: Option<FailureReason>,
    detail: &str,
) -> Draft {
    let event = Event::DeploymentFinished {
        outcome,
        reason,
        detail: detail.to_owned(),
    };
    draft(&record.deployment, &record.holder, record.token, event)
}

/// The holder gives up and leaves the deployment to the others.
pub(super) fn failed_over(record: &Record, reason: TakeoverReason, detail: &str) -> Record {
    let mut next = phase(record, Phase::FailedOver);
    next.failed_candidates
        .retain(|f| f.candidate != record.holder.candidate);
    next.failed_candidates.push(FailedCandidate {
        candidate: record.holder.candidate,
        reason,
        detail: detail.to_owned(),
    });
    next
}

/// Nobody goes on until a person decides. Written by the holder itself, or by whoever would otherwise follow it; a new
/// token keeps a holder that comes back from renewing.
pub(super) fn held(
    view: &View,
    by: Option<&Party>,
    reason: TakeoverReason,
    detail: &str,
) -> Option<Row> {
    let record = view.record()?;
    let token = next_token(view);
    let mut drafts: Vec<_> = lost_attempt(record, by, token).into_iter().collect();
    drafts.push(Draft {
        deployment: record.deployment.clone(),
        by: by.cloned(),
        token,
        event: Event::Held {
            reason,
            detail: detail.to_owned(),
        },
    });
    Some((
        Record {
            token,
            ..phase(record, Phase::Held)
        },
        drafts,
    ))
}

/// Ends the record's deployment from outside: a closer or a person.
pub(super) fn ended_by_others(
    view: &View,
    outcome: Outcome,
    reason: Option<FailureReason>,
    detail: &str,
) -> Option<Row> {
    let record = view.record()?;
    let token = next_token(view);
    let mut drafts: Vec<_> = lost_attempt(record, None, token).into_iter().collect();
    let event = Event::DeploymentFinished {
        outcome,
        reason,
        detail: detail.to_owned(),
    };
    drafts.push(foreign(&record.deployment, token, event));
    let end = if outcome == Outcome::Cancelled {
        Phase::Cancelled
    } else {
        Phase::Failed
    };
    Some((
        Record {
            token,
            ..phase(record, end)
        },
        drafts,
    ))
}

/// Whether the record's policy forbids to run anything again silently.
pub(super) fn holds(record: &Record) -> bool {
    record.policy.on_primary_lost == OnPrimaryLost::Hold
}
