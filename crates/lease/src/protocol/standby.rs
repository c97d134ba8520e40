//! A candidate that does not hold the lease: announcing itself, waiting, queueing, and claiming.

use std::time::Duration;

use ledger::{DeploymentState, Event, FailureReason, Outcome, TakeoverReason};

use super::{
    Candidate, Conclusion, candidate::Intent, closer, rows, rules, stage::Purpose, view::View,
};
use crate::{Phase, Record};

impl Candidate {
    /// What a candidate without the lease does next.
    pub(super) fn waiting(&self, now: Duration, started: Duration) -> Intent {
        let Some(view) = &self.view else {
            return Intent::Until(Duration::MAX);
        };
        let config = &self.config;
        let me = config.me.candidate;
        let state = view.deployment();
        let claimed = state.is_some_and(|s| s.claimed);
        if let Some((outcome, reason, detail)) = rules::end_of(view) {
            return Intent::Finish(Conclusion::Over {
                outcome,
                reason,
                detail,
                by_me: self.ended_it,
            });
        }
        let mine = state.and_then(|s| s.announced.get(&me));
        let taken = rules::number_taken(state, me, &config.instance);
        if let Some((name, _)) = &self.signal {
            // An earlier step of this leg may have announced it.
            let untold = mine.is_some_and(|c| !c.signalled) && !self.signal_told;
            if untold && taken.is_none() {
                let event = Event::Signalled {
                    signal: name.clone(),
                };
                return self.append(Purpose::Signalled, view, event);
            }
            return Intent::Finish(self.signalled(name, false));
        }
        if let Some(by) = taken {
            return Intent::Finish(Conclusion::NumberTaken { by: by.clone() });
        }
        let tip = &view.snapshot.tip;
        if !claimed
            && let Some(earlier) = rules::deployed_already(config.rerun, &config.deployment, tip)
        {
            return Intent::Finish(Conclusion::AlreadyDeployed {
                deployment: earlier.deployment.id.clone(),
                certain: config.rerun != super::Rerun::Unknown,
            });
        }
        let live = view.record().filter(|r| !r.phase.is_terminal());
        let under_way = live.is_some_and(|r| r.deployment.id == config.deployment.id);
        if !under_way && let Some(newer) = rules::superseded_by(config, &view.snapshot.tip) {
            let detail = format!(
                "run number {newer} of the same workflow and ref has been deployed already"
            );
            return self.end_unclaimed(view, Outcome::Superseded, None, detail);
        }
        if mine.is_none() {
            let event = Event::Announced {
                candidates: config.candidates,
                instance: config.instance.clone(),
            };
            return self.append(Purpose::Announce, view, event);
        }
        if let Some(state) = state.filter(|s| s.unfit(me)) {
            let candidates = state.candidates.max(config.candidates);
            if !claimed && (1..=candidates).all(|c| state.unfit(c)) {
                let detail = "no candidate is fit to deploy".to_owned();
                return self.end_unclaimed(
                    view,
                    Outcome::Failed,
                    Some(FailureReason::Preflight),
                    detail,
                );
            }
            return Intent::Finish(Conclusion::Unfit);
        }
        match live {
            Some(record) if under_way => self.standing_by(now, view, record),
            Some(record) => self.queueing(now, started, view, record),
            None => self.facing_a_free_lease(now, started, view),
        }
    }

    /// The record is another candidate's of our own deployment.
    fn standing_by(&self, now: Duration, view: &View, record: &Record) -> Intent {
        let me = self.config.me.candidate;
        let state = view.deployment();
        if record.phase == Phase::Held {
            let detail = state.map(|s| s.detail.clone()).unwrap_or_default();
            return Intent::Finish(Conclusion::Held {
                deployment: record.deployment.id.clone(),
                detail,
            });
        }
        if record.failed_candidates.iter().any(|f| f.candidate == me) {
            return Intent::Finish(Conclusion::LostLease {
                to: record.holder.clone(),
            });
        }
        if record.holder.candidate == me && record.phase != Phase::FailedOver {
            // An earlier process of this number, whose tree nobody here can prove dead, or a second leg with it.
            return Intent::Finish(Conclusion::NumberTaken {
                by: record.holder.clone(),
            });
        }
        if state.is_some_and(|s| s.on_failure_started) {
            return Intent::Finish(Conclusion::RollingBack {
                on: record.holder.clone(),
            });
        }
        let Some((at, reason)) = rules::follow_at(record, view.record_since) else {
            return Intent::Until(Duration::MAX);
        };
        if now < at {
            return Intent::Until(at);
        }
        let runs_again = !record.command_done && record.phase != Phase::FailedOver;
        if runs_again && rows::holds(record) {
            let detail = format!("{} was lost in phase {}", record.holder, record.phase);
            return match rows::held(view, Some(&self.config.me), reason, &detail) {
                Some((record, drafts)) => Intent::write(Purpose::Hold, Some(record), drafts),
                None => Intent::Until(Duration::MAX),
            };
        }
        self.claim(view, Some(reason), record.command_done)
    }

    fn claim(&self, view: &View, reason: Option<TakeoverReason>, gates: bool) -> Intent {
        let (record, drafts) = rows::claim(&self.config, view, reason);
        let purpose = if gates {
            Purpose::ClaimGates
        } else {
            Purpose::Claim
        };
        Intent::write(purpose, Some(record), drafts)
    }

    /// The record is another deployment's.
    fn queueing(&self, now: Duration, started: Duration, view: &View, record: &Record) -> Intent {
        let behind = &record.deployment.id;
        let over = view
            .snapshot
            .tip
            .deployment(behind)
            .is_some_and(DeploymentState::finished);
        if record.phase == Phase::Held && !over {
            let detail = format!("the lock is held by {behind}: a person must `unlock` it");
            return self.end_unclaimed(view, Outcome::Held, None, detail);
        }
        // Once is enough to know that it waits; behind whom, from then on, the lease tells.
        if self.queued_behind.is_none() {
            let event = Event::Queued {
                behind: behind.clone(),
                holder: record.holder.runner.clone(),
            };
            return self.append(Purpose::Queue(behind.clone()), view, event);
        }
        let close_at = closer::may_close_at(view).unwrap_or(Duration::MAX);
        if now >= close_at
            && let Some((record, drafts)) = closer::close(view)
        {
            return Intent::write(Purpose::Close, Some(record), drafts);
        }
        self.until_queue_timeout(now, started, view, close_at, Some(behind))
    }

    /// Nobody holds the lease.
    fn facing_a_free_lease(&self, now: Duration, started: Duration, view: &View) -> Intent {
        let (mut at, reason) = rules::free_claim_at(&self.config, view, started);
        if let Some(state) = view.deployment().filter(|s| s.on_failure_started) {
            let on = state
                .holder
                .clone()
                .unwrap_or_else(|| self.config.me.clone());
            return Intent::Finish(Conclusion::RollingBack { on });
        }
        if view.record().is_none() && view.snapshot.tip.token > 0 {
            // Somebody removed the lease. Its last holder may not know yet: it gets the time to find out.
            at = at.max(view.record_since + self.config.policy.timing.lease);
        }
        if now >= at {
            return self.claim(view, reason, false);
        }
        self.until_queue_timeout(now, started, view, at, None)
    }

    fn until_queue_timeout(
        &self,
        now: Duration,
        started: Duration,
        view: &View,
        next: Duration,
        behind: Option<&String>,
    ) -> Intent {
        let give_up = started + self.config.queue_timeout;
        if now < give_up {
            return Intent::Until(next.min(give_up));
        }
        let last = view.deployment().and_then(DeploymentState::last_announced);
        // Where it was claimed, and the lease does not show it, `verdict` ends it.
        let claimed = view.deployment().is_some_and(|s| s.claimed);
        if !claimed && last.is_none_or(|last| last == self.config.me.candidate) {
            let waited = humantime::format_duration(self.config.queue_timeout);
            let detail = match behind {
                Some(behind) => format!("waited {waited} behind {behind}"),
                None => format!("waited {waited} for the primary"),
            };
            let reason = Some(FailureReason::NeverClaimed);
            return self.end_unclaimed(view, Outcome::NeverClaimed, reason, detail);
        }
        Intent::Finish(Conclusion::QueueTimeout {
            behind: behind.cloned(),
        })
    }

    fn append(&self, purpose: Purpose, view: &View, event: Event) -> Intent {
        let token = view.token_in_force();
        let draft = rows::draft(&self.config.deployment, &self.config.me, token, event);
        Intent::write(purpose, None, vec![draft])
    }

    fn end_unclaimed(
        &self,
        view: &View,
        outcome: Outcome,
        reason: Option<FailureReason>,
        detail: String,
    ) -> Intent {
        self.append(
            Purpose::EndUnclaimed,
            view,
            Event::DeploymentFinished {
                outcome,
                reason,
                detail,
            },
        )
    }
}
