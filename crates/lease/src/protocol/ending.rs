//! How a holder whose tree is dead lets go of the lease, or goes on to its next attempt: what each end of an attempt, a
//! signal, a transfer and a passed deadline come to.

use std::time::Duration;

use ledger::{AttemptOutcome, Draft, Event, FailureReason, Outcome, TakeoverReason};

use super::{
    Candidate, Ended,
    candidate::Intent,
    holder::not_run,
    rows,
    stage::{Ending, Failing, Hold, Purpose, Stage, Stop, Then},
};
use crate::{Attempt, Phase, Record};

impl Candidate {
    /// A user's cancel and a runner's shutdown look the same (design §4).
    pub(super) fn when_signalled(&self, hold: &Hold) -> Option<Intent> {
        let (name, _) = self.signal.as_ref()?;
        let mut drafts = Vec::new();
        if !self.signal_told {
            drafts.push(self.say(
                hold,
                Event::Signalled {
                    signal: name.clone(),
                },
            ));
        }
        let record = match &hold.stage {
            // Already the deployment's end: cancelling it now would tell a lie.
            Stage::OnFailureEnded { .. } => return None,
            // Judged before the signal came to bear: the result stands.
            Stage::Judged { .. } => return None,
            Stage::StartOnFailure(failing) => {
                return Some(self.end_failed(hold, failing, Some(&not_run(name)), drafts));
            }
            Stage::FailedOver { .. } if !self.signal_told => {
                return Some(Intent::write(Purpose::Signalled, None, drafts));
            }
            Stage::FailedOver { .. } => return Some(Intent::Finish(self.signalled(name, false))),
            Stage::Ended { number, ended, .. }
            | Stage::Fenced {
                ended: Some((number, ended)),
            } => {
                drafts.push(rows::attempt_finished(&hold.record, *number, ended));
                if ended.outcome == AttemptOutcome::Succeeded && !self.config.await_gates {
                    let (record, drafts) = rows::succeeded(&hold.record, false, drafts);
                    return Some(Intent::write(
                        Purpose::End(Ending::Succeeded),
                        Some(record),
                        drafts,
                    ));
                }
                let command_done = ended.outcome == AttemptOutcome::Succeeded;
                Record {
                    command_done,
                    ..hold.record.clone()
                }
            }
            Stage::Start(number) if hold.record.attempt.running => {
                drafts.push(rows::attempt_finished(
                    &hold.record,
                    *number,
                    &not_run(name),
                ));
                hold.record.clone()
            }
            Stage::Stopped if !self.all_others_signalled() => return None,
            _ => hold.record.clone(),
        };
        if self.all_others_signalled() {
            let detail = format!("every candidate was told to stop ({name})");
            drafts.push(rows::finished(&record, Outcome::Cancelled, None, &detail));
            let record = rows::phase(&record, Phase::Cancelled);
            return Some(Intent::write(
                Purpose::End(Ending::Cancelled),
                Some(record),
                drafts,
            ));
        }
        Some(Intent::write(
            Purpose::End(Ending::Stopping),
            Some(rows::phase(&record, Phase::Stopping)),
            drafts,
        ))
    }

    pub(super) fn after_an_attempt(
        &self,
        now: Duration,
        hold: &Hold,
        number: u32,
        ended: &Ended,
        stop: Option<Stop>,
    ) -> Intent {
        let finished = rows::attempt_finished(&hold.record, number, ended);
        if ended.outcome == AttemptOutcome::Succeeded {
            return self.end_well(hold, vec![finished]);
        }
        if stop == Some(Stop::Transfer) || hold.record.phase == Phase::Transferring {
            return self.fail_over(
                hold,
                TakeoverReason::Manual,
                "a person asked for it",
                vec![finished],
            );
        }
        let timed_out = ended.outcome == AttemptOutcome::Timeout || stop == Some(Stop::Total);
        let another_fits = now + self.config.retry_wait < hold.claimed_at + self.config.timeout;
        if number < self.config.attempts && another_fits && stop.is_none() {
            let attempt = Attempt {
                number,
                running: false,
                running_for: ended.ran,
            };
            let record = Record {
                attempt,
                ..hold.record.clone()
            };
            return Intent::write(
                Purpose::Renew(Then::Wait(number + 1)),
                Some(record),
                vec![finished],
            );
        }
        let reason = if timed_out {
            TakeoverReason::PrimaryTimeout
        } else {
            TakeoverReason::PrimaryExitCode
        };
        let detail = match number {
            1 => ended.detail.clone(),
            n => format!("{} in attempt {n}", ended.detail),
        };
        self.give_up(hold, Some(&(number, ended.clone())), reason, &detail)
    }

    pub(super) fn end_well(&self, hold: &Hold, drafts: Vec<Draft>) -> Intent {
        let await_gates = self.config.await_gates;
        let (record, drafts) = rows::succeeded(&hold.record, await_gates, drafts);
        let ending = if await_gates {
            Ending::Deployed
        } else {
            Ending::Succeeded
        };
        Intent::write(Purpose::End(ending), Some(record), drafts)
    }

    pub(super) fn give_up(
        &self,
        hold: &Hold,
        ended: Option<&(u32, Ended)>,
        reason: TakeoverReason,
        detail: &str,
    ) -> Intent {
        let drafts: Vec<_> = ended
            .map(|(number, ended)| rows::attempt_finished(&hold.record, *number, ended))
            .into_iter()
            .collect();
        if self.another_is_left(hold) {
            return self.fail_over(hold, reason, detail, drafts);
        }
        let failing = Failing {
            reason: reason.into(),
            detail: detail.to_owned(),
        };
        self.roll_back_or_end(hold, &failing, drafts)
    }

    pub(super) fn roll_back_or_end(
        &self,
        hold: &Hold,
        failing: &Failing,
        mut drafts: Vec<Draft>,
    ) -> Intent {
        if !self.config.on_failure {
            return self.end_failed(hold, failing, None, drafts);
        }
        drafts.push(self.say(hold, Event::OnFailureStarted));
        let record = rows::phase(&hold.record, Phase::Deploying);
        Intent::write(
            Purpose::Renew(Then::RunOnFailure(failing.clone())),
            Some(record),
            drafts,
        )
    }

    pub(super) fn end_failed(
        &self,
        hold: &Hold,
        failing: &Failing,
        on_failure: Option<&Ended>,
        mut drafts: Vec<Draft>,
    ) -> Intent {
        // What a gate saw it would have seen from everywhere.
        let by_gates = failing.reason == FailureReason::Gates;
        let mut detail = if by_gates {
            failing.detail.clone()
        } else {
            format!("{} on {}", failing.detail, hold.record.holder)
        };
        if let Some(ended) = on_failure {
            let succeeded = ended.outcome == AttemptOutcome::Succeeded;
            let told = if succeeded {
                "on-failure succeeded".to_owned()
            } else {
                format!("on-failure: {}", ended.detail)
            };
            // The evidence of the gates is long, and a tip keeps the beginning.
            detail = if by_gates {
                format!("{told} after this: {detail}")
            } else {
                format!("{detail}; {told}")
            };
            drafts.push(self.say(
                hold,
                Event::OnFailureFinished {
                    succeeded,
                    detail: ended.detail.clone(),
                },
            ));
        }
        drafts.push(rows::finished(
            &hold.record,
            Outcome::Failed,
            Some(failing.reason),
            &detail,
        ));
        Intent::write(
            Purpose::End(Ending::Failed),
            Some(rows::phase(&hold.record, Phase::Failed)),
            drafts,
        )
    }

    pub(super) fn fail_over(
        &self,
        hold: &Hold,
        reason: TakeoverReason,
        detail: &str,
        drafts: Vec<Draft>,
    ) -> Intent {
        let record = rows::failed_over(&hold.record, reason, detail);
        Intent::write(Purpose::End(Ending::FailedOver), Some(record), drafts)
    }

    /// Nobody claimed what we left to the others: token + 1, `on-failure`, then `failed` with our own reason.
    pub(super) fn take_back(&self, hold: &Hold, failing: &Failing) -> Intent {
        let Some(view) = &self.view else {
            return Intent::Until(Duration::MAX);
        };
        let record = Record {
            token: rows::next_token(view),
            ..hold.record.clone()
        };
        let taken = Hold {
            record,
            ..hold.clone()
        };
        self.roll_back_or_end(&taken, failing, Vec::new())
    }

    /// Past D, with the tree dead: the finished result if there is one, else the others' turn (design §4).
    pub(super) fn tell_what_came_of_it(&self, hold: &Hold, ended: Option<&(u32, Ended)>) -> Intent {
        let drafts: Vec<_> = ended
            .map(|(number, ended)| rows::attempt_finished(&hold.record, *number, ended))
            .into_iter()
            .collect();
        if ended.is_some_and(|(_, e)| e.outcome == AttemptOutcome::Succeeded) {
            return self.end_well(hold, drafts);
        }
        let reason = TakeoverReason::PrimaryUnreachable;
        let detail = "the store was out of reach for too long";
        if rows::holds(&hold.record) {
            return self.hold_for_a_person(reason, detail, drafts);
        }
        self.fail_over(hold, reason, detail, drafts)
    }

    pub(super) fn hold_for_a_person(
        &self,
        reason: TakeoverReason,
        detail: &str,
        mut drafts: Vec<Draft>,
    ) -> Intent {
        let row = self
            .view
            .as_ref()
            .and_then(|v| rows::held(v, Some(&self.config.me), reason, detail));
        let Some((record, more)) = row else {
            return Intent::Until(Duration::MAX);
        };
        let told = !drafts.is_empty();
        drafts.extend(
            more.into_iter()
                .filter(|d| !told || !matches!(d.event, Event::AttemptFinished { .. })),
        );
        Intent::write(Purpose::End(Ending::Held), Some(record), drafts)
    }
}
