//! The step that judges the gates: it takes up the lease that an earlier step of its leg left as `deployed`, renews it
//! like any holder while it judges, and ends the deployment by the result (design §4).
//!
//! Past D the judging stops like a command would; as nothing was deployed by it, it simply begins anew once the lease
//! could be renewed after all.

use std::time::Duration;

use ledger::{Event, FailureReason, Gate};

use super::{
    Candidate, Conclusion, Effect, Judged, STORE_PATIENCE,
    candidate::Intent,
    lane::Sent,
    rules,
    stage::{Failing, Hold, Purpose, Stage},
};
use crate::{Phase, Record, store::StoreError};

impl Candidate {
    /// What the step does before the lease is in its hands.
    pub(super) fn taking_up(&self, now: Duration, started: Duration, token: u64) -> Intent {
        let Some(view) = &self.view else {
            return Intent::Until(Duration::MAX);
        };
        if let Some((outcome, reason, detail)) = rules::end_of(view) {
            return Intent::Finish(Conclusion::Over {
                outcome,
                reason,
                detail,
                by_me: false,
            });
        }
        // Reads may lag: one that does not show the claim of the step before this one proves nothing. Larger tokens do.
        let shown = view.own().filter(|r| r.token >= token);
        let settled = |r: &Record| r.token > token || r.phase == Phase::Deployed;
        let Some(record) = shown.filter(|r| settled(r)) else {
            let give_up = started + STORE_PATIENCE;
            if now < give_up {
                return Intent::Until(give_up);
            }
            return Intent::Finish(Conclusion::StoreLost(StoreError::Foreign {
                what: format!("the lease of {}", self.config.lock),
                detail: format!(
                    "it is not with {} under token {token}, as the step before this one left it",
                    self.config.deployment.id
                ),
            }));
        };
        let state = view.deployment();
        if record.phase == Phase::Held {
            let detail = state.map(|s| s.detail.clone()).unwrap_or_default();
            return Intent::Finish(Conclusion::Held {
                deployment: record.deployment.id.clone(),
                detail,
            });
        }
        if state.is_some_and(|s| s.on_failure_started) {
            return Intent::Finish(Conclusion::RollingBack {
                on: record.holder.clone(),
            });
        }
        if record.token > token || record.holder.candidate != self.config.me.candidate {
            return Intent::Finish(Conclusion::LostLease {
                to: record.holder.clone(),
            });
        }
        let record = Record {
            silence_allowed: record.policy.timing.lease,
            ..record.clone()
        };
        Intent::write(Purpose::TakeUp, Some(record), Vec::new())
    }

    /// The first renewal took effect: who this is and what binds it stands in the record.
    pub(super) fn took_up(&mut self, sent: Sent<Purpose>, out: &mut Vec<Effect>) {
        let Some(record) = sent.write.record.clone() else {
            return;
        };
        self.config.deployment.clone_from(&record.deployment);
        self.config.me.clone_from(&record.holder);
        self.config.policy = record.policy;
        out.push(Effect::Say(format!(
            "{} judges the gates, token {}",
            record.holder, record.token
        )));
        self.hold = Some(Hold::from_claim(&sent, record, Stage::StartGates));
    }

    /// The judging is over.
    pub(super) fn on_judged(&mut self, judged: Judged) {
        let Some(hold) = &mut self.hold else { return };
        if hold.stage != Stage::Judging {
            return;
        }
        hold.stage = match judged {
            // What was judged before the deadline or a signal stopped it keeps its result.
            Judged::Passed { gates } => Stage::Judged {
                gates,
                failed: None,
            },
            Judged::Failed { gates, detail } => Stage::Judged {
                gates,
                failed: Some(detail),
            },
            // Judged anew as soon as the lease is fresh, unless a signal or another's claim comes first.
            Judged::Stopped => Stage::StartGates,
        };
    }

    /// The end of the deployment, or `on-failure` first.
    pub(super) fn after_judging(
        &self,
        hold: &Hold,
        gates: &[Gate],
        failed: Option<&String>,
    ) -> Intent {
        let gates = gates.to_vec();
        let told = vec![self.say(hold, Event::Gates { gates })];
        match failed {
            None => self.end_well(hold, told),
            Some(detail) => {
                let failing = Failing {
                    reason: FailureReason::Gates,
                    detail: detail.clone(),
                };
                self.roll_back_or_end(hold, &failing, told)
            }
        }
    }
}
