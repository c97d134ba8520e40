//! A candidate that holds the lease: its deadline, its attempts, its renewals, and how it lets go.

use std::time::Duration;

use ledger::{AttemptOutcome, DeploymentState, Draft, Event, Outcome, TakeoverReason};

use super::{
    Candidate, Command, Conclusion, Effect, Ended, STUCK_PATIENCE,
    candidate::Intent,
    lane::Sent,
    rows, rules,
    stage::{Ending, Failing, Hold, Lost, Purpose, Stage, Stop, Then},
    view::View,
};
use crate::{Attempt, Phase, Record, store::StoreError};

impl Candidate {
    /// Past D the tree is dead: SIGKILL, no grace (design §4 rule 2). The watchdog keeps the same deadline by itself.
    pub(super) fn enforce_deadline(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let total = self.config.timeout;
        let Some(hold) = &mut self.hold else { return };
        let past = now >= hold.deadline();
        match &mut hold.stage {
            Stage::Running { stop, .. } if past && !hold.fenced => *stop = Some(Stop::Fence),
            Stage::OnFailure { .. } | Stage::Judging if past && !hold.fenced => {}
            Stage::RetryWait { .. } if past => {
                hold.stage = Stage::Fenced { ended: None };
                return;
            }
            Stage::Running {
                stop: stop @ None, ..
            } if now >= hold.claimed_at + total => {
                *stop = Some(Stop::Total);
                out.push(Effect::Stop { now: false });
                return;
            }
            _ => return,
        }
        hold.fenced = true;
        out.push(Effect::Say(
            match hold.stage {
                Stage::Judging => "the lease could not be renewed in time: stopping the gates",
                _ => "the lease could not be renewed in time: killing the command",
            }
            .to_owned(),
        ));
        out.push(Effect::Stop { now: true });
    }

    pub(super) fn stop_for_signal(&mut self, again: bool, out: &mut Vec<Effect>) {
        let Some(hold) = &mut self.hold else { return };
        match &mut hold.stage {
            Stage::Running { stop, .. } => {
                stop.get_or_insert(Stop::Signal);
            }
            Stage::OnFailure { .. } | Stage::Judging => {}
            _ => return,
        }
        out.push(Effect::Stop { now: again });
    }

    /// The tree of the command is dead.
    pub(super) fn on_ended(&mut self, ended: Ended) {
        let Some(hold) = &mut self.hold else { return };
        hold.stuck = None;
        hold.stage = match std::mem::replace(&mut hold.stage, Stage::Stopped) {
            Stage::Running { number, stop, .. } if hold.fenced || stop == Some(Stop::Fence) => {
                // What had ended before the deadline killed it keeps its result.
                Stage::Fenced {
                    ended: Some((number, ended)),
                }
            }
            Stage::Running { number, stop, .. } => Stage::Ended {
                number,
                ended,
                stop,
            },
            Stage::OnFailure { failing, .. } => Stage::OnFailureEnded { failing, ended },
            other => other,
        };
    }

    pub(super) fn on_stuck(&mut self, now: Duration, detail: String, out: &mut Vec<Effect>) {
        let Some(hold) = &mut self.hold else { return };
        out.push(Effect::Say(format!(
            "the command's processes cannot be killed: {detail}"
        )));
        let since = hold.stuck.take().map_or(now, |(since, _)| since);
        hold.stuck = Some((since, detail));
    }

    /// Runs a command, if the lease is fresh; the deadline reaches the watchdog first.
    pub(super) fn start(
        &mut self,
        now: Duration,
        command: Command,
        number: u32,
        out: &mut Vec<Effect>,
    ) {
        let Some(hold) = &mut self.hold else { return };
        let timeout = match command {
            Command::Deploy => {
                let left = (hold.claimed_at + self.config.timeout).saturating_sub(now);
                self.config.attempt_timeout.min(left)
            }
            Command::OnFailure => self.config.attempt_timeout,
            // Each gate has a timeout of its own.
            Command::Gates => Duration::MAX,
        };
        hold.stage = match std::mem::replace(&mut hold.stage, Stage::Stopped) {
            Stage::StartOnFailure(failing) => Stage::OnFailure {
                failing,
                since: now,
            },
            Stage::StartGates => Stage::Judging,
            _ => Stage::Running {
                number,
                since: now,
                stop: None,
            },
        };
        hold.fenced = false;
        out.push(Effect::Feed(hold.deadline()));
        out.push(Effect::Start {
            command,
            number,
            token: hold.record.token,
            timeout,
        });
    }

    /// A write of the holder's own record took effect.
    pub(super) fn renewed(&mut self, now: Duration, sent: Sent<Purpose>, out: &mut Vec<Effect>) {
        let lease = self.config.policy.timing.lease;
        let overtaken = self.is_overtaken(&sent);
        let (Some(hold), Some(record)) = (&mut self.hold, sent.write.record.clone()) else {
            return;
        };
        hold.record = record;
        hold.renewed_at = hold.renewed_at.max(sent.first_sent);
        if hold.tree_lives() && !hold.fenced {
            out.push(Effect::Feed(hold.deadline()));
        }
        match sent.purpose {
            Purpose::Renew(Then::Wait(number)) => {
                let until = now + self.config.retry_wait;
                out.push(Effect::Say(format!("attempt {number} comes next")));
                hold.stage = Stage::RetryWait { number, until };
            }
            Purpose::Renew(Then::Run(number)) => hold.stage = Stage::Start(number),
            Purpose::Renew(Then::RunOnFailure(failing)) => {
                hold.stage = Stage::StartOnFailure(failing)
            }
            // Learnt so late that another took the gates over: what stands decides.
            Purpose::End(Ending::Deployed) if overtaken => {}
            Purpose::End(ending) => self.ended(now + lease, ending, out),
            _ => {}
        }
    }

    /// A lease that is as old as a heartbeat when the store has answered is renewed before anything starts under it. Behind
    /// a store that is always so slow that goes on until `timeout`, and not in silence.
    pub(super) fn say_what_keeps_it_from_starting(&self, now: Duration, out: &mut Vec<Effect>) {
        let heartbeat = self.config.policy.timing.heartbeat;
        let Some(hold) = self.hold.as_ref().filter(|hold| hold.is_to_start()) else {
            return;
        };
        let age = now.saturating_sub(hold.renewed_at);
        if age >= heartbeat {
            out.push(Effect::Say(format!(
                "the store took {age:.1?} to answer: nothing starts under a lease older than {heartbeat:?}; renewing it"
            )));
        }
    }

    fn ended(&mut self, claimable_until: Duration, ending: Ending, out: &mut Vec<Effect>) {
        let Some(hold) = &mut self.hold else { return };
        let token = hold.record.token;
        let conclusion = match ending {
            Ending::Succeeded => Conclusion::Proceed {
                token,
                finished: true,
                gates_only: false,
            },
            Ending::Deployed => Conclusion::Proceed {
                token,
                finished: false,
                gates_only: false,
            },
            Ending::Failed => {
                let state = self.view.as_ref().and_then(View::deployment);
                Conclusion::Over {
                    outcome: Outcome::Failed,
                    reason: state.and_then(|s| s.reason),
                    detail: state.map(|s| s.detail.clone()).unwrap_or_default(),
                    by_me: true,
                }
            }
            Ending::FailedOver => {
                let Some(last) = hold.record.failed_candidates.last() else {
                    return;
                };
                let (reason, detail) = (last.reason, last.detail.clone());
                out.push(Effect::Say(format!("handing over: {reason}, {detail}")));
                hold.stage = Stage::FailedOver {
                    reason,
                    detail,
                    until: claimable_until,
                };
                return;
            }
            Ending::Stopping => {
                hold.stage = Stage::Stopped;
                return;
            }
            Ending::Cancelled => {
                let name = self
                    .signal
                    .as_ref()
                    .map(|(name, _)| name.clone())
                    .unwrap_or_default();
                self.signalled(&name, true)
            }
            Ending::Held => {
                let state = self.view.as_ref().and_then(View::deployment);
                let detail = state.map(|s| s.detail.clone()).unwrap_or_default();
                Conclusion::Held {
                    deployment: self.config.deployment.id.clone(),
                    detail,
                }
            }
        };
        self.finish(conclusion, out);
    }

    /// Our record is gone from the store, or became `transferring`: a terminal phase or another's claim ends the hold.
    /// Both of them grow the token; whatever else stands there is a read that lags, or that tore lease from ledger.
    pub(super) fn compare_hold(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let Some((view, hold)) = self.view.as_ref().zip(self.hold.as_mut()) else {
            return;
        };
        let stands = view.record().cloned();
        let over = view.deployment().is_some_and(DeploymentState::finished);
        hold.lost = match stands {
            _ if hold.lost.is_some() => return,
            Some(stands) if hold.is_transferred_by(&stands) => {
                out.push(Effect::Say(
                    "a person asked for another candidate: stopping the command".to_owned(),
                ));
                hold.record = stands;
                if let Stage::Running {
                    stop: stop @ None, ..
                } = &mut hold.stage
                {
                    *stop = Some(Stop::Transfer);
                    out.push(Effect::Stop { now: false });
                }
                return;
            }
            Some(stands) if stands.token == hold.record.token && stands.phase.is_terminal() => {
                Some(Lost::To(stands.holder))
            }
            Some(stands) if stands.token <= hold.record.token => return,
            // Another deployment cannot follow one that has not ended.
            Some(stands) if stands.deployment.id != hold.record.deployment.id && !over => {
                Some(Lost::Removed)
            }
            Some(stands) => Some(Lost::To(stands.holder)),
            None if now >= hold.removed_at() => Some(Lost::Removed),
            _ => return,
        };
        if hold.tree_lives() && !hold.fenced {
            out.push(Effect::Say(
                match hold.stage {
                    Stage::Judging => "the lease is lost: stopping the gates",
                    _ => "the lease is lost: killing the command",
                }
                .to_owned(),
            ));
            hold.fenced = true;
            out.push(Effect::Stop { now: true });
        }
    }

    /// What the holder does next.
    pub(super) fn holding(&mut self, now: Duration) -> Intent {
        let heartbeat = self.config.policy.timing.heartbeat;
        let Some(hold) = &self.hold else {
            return Intent::Until(Duration::MAX);
        };
        if let Some(lost) = &hold.lost {
            return self.lost(now, hold, lost);
        }
        if hold.tree_lives() {
            return self.while_the_tree_lives(now, hold);
        }
        if let Some(intent) = self.when_signalled(hold) {
            return intent;
        }
        let due = hold.sent_at + heartbeat;
        let renew = || renewal(hold, now, Then::GoOn, Vec::new());
        match &hold.stage {
            Stage::Start(number) if hold.record.phase == Phase::Transferring => {
                let finished =
                    rows::attempt_finished(&hold.record, *number, &not_run("a transfer"));
                self.fail_over(
                    hold,
                    TakeoverReason::Manual,
                    "a person asked for it",
                    vec![finished],
                )
            }
            Stage::RetryWait { .. } if hold.record.phase == Phase::Transferring => self.fail_over(
                hold,
                TakeoverReason::Manual,
                "a person asked for it",
                Vec::new(),
            ),
            // The command is done: the gates are next, in a step of their own, however late the claim was answered.
            Stage::Start(_) if hold.record.command_done => Intent::Finish(Conclusion::Proceed {
                token: hold.record.token,
                finished: false,
                gates_only: true,
            }),
            Stage::Start(number) if now >= hold.claimed_at + self.config.timeout => {
                let ended = Ended {
                    outcome: AttemptOutcome::Timeout,
                    detail: "no time was left to run it".to_owned(),
                    ran: Duration::ZERO,
                    last_lines: Vec::new(),
                };
                let detail = ended.detail.clone();
                self.give_up(
                    hold,
                    Some(&(*number, ended)),
                    TakeoverReason::PrimaryTimeout,
                    &detail,
                )
            }
            // A claim or a renewal that was answered late is renewed before anything starts.
            Stage::Start(number) if now < hold.renewed_at + heartbeat => {
                Intent::Start(Command::Deploy, *number)
            }
            Stage::StartOnFailure(_) if now < hold.renewed_at + heartbeat => {
                Intent::Start(Command::OnFailure, 1)
            }
            Stage::StartGates if now < hold.renewed_at + heartbeat => {
                Intent::Start(Command::Gates, 1)
            }
            Stage::Start(_) | Stage::StartOnFailure(_) | Stage::StartGates => renew(),
            Stage::Judged { gates, failed } => self.after_judging(hold, gates, failed.as_ref()),
            Stage::Ended {
                number,
                ended,
                stop,
            } => self.after_an_attempt(now, hold, *number, ended, *stop),
            Stage::RetryWait { number, until } if now >= *until => {
                let attempt = Attempt {
                    number: *number,
                    running: true,
                    running_for: Duration::ZERO,
                };
                let record = Record {
                    attempt,
                    ..hold.record.clone()
                };
                let started = self.say(hold, Event::AttemptStarted { number: *number });
                Intent::write(
                    Purpose::Renew(Then::Run(*number)),
                    Some(record),
                    vec![started],
                )
            }
            Stage::RetryWait { .. } if now >= due => renew(),
            Stage::RetryWait { until, .. } => Intent::Until(due.min(*until)),
            Stage::OnFailureEnded { failing, ended } => {
                self.end_failed(hold, failing, Some(ended), Vec::new())
            }
            Stage::FailedOver {
                reason,
                detail,
                until,
            } => {
                if now >= *until || !self.another_is_left(hold) {
                    let failing = Failing {
                        reason: (*reason).into(),
                        detail: detail.clone(),
                    };
                    self.take_back(hold, &failing)
                } else {
                    Intent::Until(*until)
                }
            }
            Stage::Stopped => Intent::Until(Duration::MAX),
            Stage::Fenced { ended } => self.tell_what_came_of_it(hold, ended.as_ref()),
            Stage::Running { .. } | Stage::OnFailure { .. } | Stage::Judging => {
                Intent::Until(hold.deadline())
            }
        }
    }

    fn lost(&self, now: Duration, hold: &Hold, lost: &Lost) -> Intent {
        if hold.tree_lives() && !self.gives_the_tree_up(now) {
            return Intent::Until(
                hold.stuck
                    .as_ref()
                    .map_or(Duration::MAX, |(since, _)| *since + STUCK_PATIENCE),
            );
        }
        let to = match lost {
            Lost::To(party) => party,
            Lost::Removed => {
                let detail = format!("it was removed while {} held it", self.config.me);
                let what = format!("the lease of {}", self.config.lock);
                return Intent::Finish(Conclusion::StoreLost(StoreError::Foreign { what, detail }));
            }
        };
        let state = self.view.as_ref().and_then(View::deployment);
        // Another may have been so quick that it has deployed already: that does not make this candidate's part a success.
        let rescuer = state
            .filter(|s| s.outcome == Some(Outcome::Succeeded))
            .and_then(|s| s.holder.as_ref())
            .filter(|holder| holder.candidate != self.config.me.candidate);
        let to = rescuer.unwrap_or(to);
        if let (None, Some((state, outcome))) = (rescuer, state.and_then(|s| Some((s, s.outcome?))))
        {
            let (reason, detail) = (state.reason, state.detail.clone());
            return Intent::Finish(Conclusion::Over {
                outcome,
                reason,
                detail,
                by_me: false,
            });
        }
        // The lock may be with a later deployment since, and held for that one.
        let held = self.view.as_ref().and_then(View::record).is_some_and(|r| {
            r.phase == Phase::Held && r.deployment.id == hold.record.deployment.id
        });
        if held {
            let detail = state.map(|s| s.detail.clone()).unwrap_or_default();
            return Intent::Finish(Conclusion::Held {
                deployment: self.config.deployment.id.clone(),
                detail,
            });
        }
        if let (Stage::Stopped, Some((name, _))) = (&hold.stage, &self.signal) {
            return Intent::Finish(self.signalled(name, false));
        }
        Intent::Finish(match &hold.stage {
            Stage::FailedOver { reason, detail, .. } => Conclusion::HandedOver {
                reason: *reason,
                detail: detail.clone(),
                to: to.clone(),
            },
            _ => Conclusion::LostLease { to: to.clone() },
        })
    }

    fn while_the_tree_lives(&self, now: Duration, hold: &Hold) -> Intent {
        if let Some((_, left)) = hold.stuck.as_ref().filter(|_| self.gives_the_tree_up(now)) {
            // Nothing may follow a tree that is not proven dead, neither here nor elsewhere: a person decides.
            let detail = format!("processes of the command cannot be killed: {left}");
            return self.hold_for_a_person(TakeoverReason::PrimaryUnreachable, &detail, Vec::new());
        }
        if hold.fenced && hold.stuck.is_none() {
            // The tree will be dead in a moment. Renewing until then would only keep the others waiting.
            return Intent::Until(Duration::MAX);
        }
        if let (Some((name, _)), false) = (&self.signal, self.signal_told) {
            let told = self.say(
                hold,
                Event::Signalled {
                    signal: name.clone(),
                },
            );
            return renewal(hold, now, Then::SignalTold, vec![told]);
        }
        let due = hold.sent_at + self.config.policy.timing.heartbeat;
        if now >= due {
            return renewal(hold, now, Then::GoOn, Vec::new());
        }
        let stuck = hold
            .stuck
            .as_ref()
            .map_or(Duration::MAX, |(since, _)| *since + STUCK_PATIENCE);
        Intent::Until(due.min(hold.claimed_at + self.config.timeout).min(stuck))
    }

    /// Whether waiting any longer for the tree's death is of no use.
    pub(super) fn gives_the_tree_up(&self, now: Duration) -> bool {
        let stuck = self.hold.as_ref().and_then(|h| h.stuck.as_ref());
        stuck.is_some_and(|(since, _)| now >= *since + STUCK_PATIENCE || self.signal.is_some())
    }

    pub(super) fn say(&self, hold: &Hold, event: Event) -> Draft {
        rows::draft(
            &self.config.deployment,
            &self.config.me,
            hold.record.token,
            event,
        )
    }

    pub(super) fn another_is_left(&self, hold: &Hold) -> bool {
        let state = self.view.as_ref().and_then(View::deployment);
        let candidates = state
            .map_or(0, |s| s.candidates)
            .max(self.config.candidates);
        rules::another_is_left(self.config.me.candidate, candidates, &hold.record, state)
    }

    pub(super) fn all_others_signalled(&self) -> bool {
        let state = self.view.as_ref().and_then(View::deployment);
        state.is_some_and(|s| s.all_others_signalled(self.config.me.candidate))
    }
}

/// The same record with a fresh nonce, and whatever else is to be said. A heartbeat says nothing: it swaps the lease
/// alone.
fn renewal(hold: &Hold, now: Duration, then: Then, drafts: Vec<Draft>) -> Intent {
    let record = rows::heartbeat(&hold.record, hold.running_for(now));
    Intent::write(Purpose::Renew(then), Some(record), drafts)
}

/// The end of a command that was recorded as started and was stopped before it was.
pub(super) fn not_run(why: &str) -> Ended {
    Ended {
        outcome: AttemptOutcome::Stopped,
        detail: format!("not run: {why}"),
        ran: Duration::ZERO,
        last_lines: Vec::new(),
    }
}
