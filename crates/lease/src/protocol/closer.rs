//! When somebody else may end what nobody will: the closer's patience (design §4).

use std::time::Duration;

use ledger::{FailureReason, Outcome, TakeoverReason};

use super::{STOP_NOTICE, rows, view::View};
use crate::Phase;

/// The moment from which the record may be closed, if it stands as it does until then, and nothing more is heard of
/// its deployment. Nothing for a free lease and for `held`.
pub(super) fn may_close_at(view: &View) -> Option<Duration> {
    let record = view.record()?;
    let lease = record.policy.timing.lease;
    let state = view.snapshot.tip.deployment(&record.deployment.id);
    let patience = match record.phase {
        Phase::Deploying | Phase::Transferring | Phase::FailedOver => {
            let somebody_may_come = state.is_some_and(ledger::DeploymentState::awaits_announcement);
            let pickup = if somebody_may_come {
                record.policy.pickup_timeout
            } else {
                Duration::ZERO
            };
            (lease * 3).max(pickup)
        }
        Phase::Stopping => STOP_NOTICE + lease,
        Phase::Deployed => record.policy.gates_deadline + lease * 3,
        Phase::Held | Phase::Succeeded | Phase::Failed | Phase::Cancelled => return None,
    };
    Some(view.progress_since + patience)
}

/// What the closer writes once its patience is over.
pub(super) fn close(view: &View) -> Option<rows::Row> {
    let record = view.record()?;
    let state = view.snapshot.tip.deployment(&record.deployment.id);
    let signalled_last = state.is_some_and(|s| s.signalled_last);
    let holder = &record.holder;
    if record.phase == Phase::Stopping || signalled_last {
        let detail = format!("{holder} was told to stop, and nobody went on");
        return rows::ended_by_others(view, Outcome::Cancelled, None, &detail);
    }
    if rows::holds(record) {
        let detail = format!(
            "nothing was heard of {holder} any more, in phase {}",
            record.phase
        );
        return rows::held(view, None, TakeoverReason::PrimaryUnreachable, &detail);
    }
    let (reason, detail) = match record.phase {
        Phase::Deployed => (
            FailureReason::GatesMissing,
            format!("the command succeeded on {holder}, but no health-gates step judged it"),
        ),
        phase => (
            FailureReason::Abandoned,
            format!(
                "nothing was heard of {holder} any more, in phase {phase}, and nobody took over"
            ),
        ),
    };
    rows::ended_by_others(view, Outcome::Failed, Some(reason), &detail)
}
