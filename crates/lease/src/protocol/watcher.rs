//! `verdict`: watches a deployment from outside and gives the run its true conclusion; ends what nobody else will.

use std::time::Duration;

use ledger::{DeploymentState, Draft, Event, FailureReason, Outcome};

use super::{
    Conclusion, Effect, Input, Now, Rerun, STOP_NOTICE, STORE_PATIENCE, Verdict, WatcherConfig,
    closer,
    lane::{Fate, Lane},
    outage::Outage,
    rows, rules,
    set_back::SetBack,
    view::View,
};
use crate::{
    Phase, Record, Timing,
    store::{Snapshot, StoreError},
};

/// `verdict`'s state.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Watcher {
    config: WatcherConfig,
    lane: Lane<()>,
    view: Option<View>,
    started: Option<Duration>,
    closed_it: bool,
    /// How many deployments waited behind another when it was last told.
    waiting: usize,
    reading: bool,
    read_sent: Option<Duration>,
    outage: Outage,
    set_back: SetBack,
    wake: Duration,
    over: bool,
}

#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, and moved once: a box would only add an allocation"
)]
enum Intent {
    Write(Option<Record>, Vec<Draft>),
    Judge(Verdict),
    Watch(ledger::Deployment),
    Until(Duration),
}

impl Watcher {
    /// A watcher that has not begun.
    pub fn new(config: WatcherConfig) -> Self {
        Watcher {
            config,
            lane: Lane::new(),
            view: None,
            started: None,
            closed_it: false,
            waiting: 0,
            reading: false,
            read_sent: None,
            outage: Outage::default(),
            set_back: SetBack::default(),
            wake: Duration::ZERO,
            over: false,
        }
    }

    /// When `step` wants to be called with [`Input::Tick`] at the latest, on CLOCK_BOOTTIME.
    pub fn wake_at(&self) -> Duration {
        self.wake
    }

    /// What was last seen of the store.
    pub fn seen(&self) -> Option<&Snapshot> {
        self.view.as_ref().map(|v| &v.snapshot)
    }

    /// Takes in what happened at `now` and returns what must be done. `nonce` must be fresh for every call.
    pub fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.over {
            return out;
        }
        let started = *self.started.get_or_insert(now.boot);
        match input {
            Input::Changed if !self.reading => self.read_sent = None,
            Input::Read(answer) => self.on_read(now.boot, answer, &mut out),
            Input::Swapped { nonce, result } => {
                if let Some((sent, version)) = self.lane.answered(&nonce, result) {
                    self.closed_it = true;
                    if let Some(view) = &mut self.view {
                        view.wrote(&sent.write, version, now.boot);
                    }
                }
            }
            _ => {}
        }
        let waiting = self
            .view
            .as_ref()
            .map_or(0, |v| v.snapshot.tip.queue_depth());
        if waiting != self.waiting {
            self.waiting = waiting;
            out.push(Effect::Waiting(waiting));
        }
        self.advance(now, started, nonce, &mut out);
        out
    }

    fn on_read(
        &mut self,
        now: Duration,
        answer: Result<Snapshot, StoreError>,
        out: &mut Vec<Effect>,
    ) {
        self.reading = false;
        let snapshot = match answer {
            Ok(snapshot) => snapshot,
            Err(error) => {
                return out.extend(self.outage.failed(now, error).map(Effect::Say));
            }
        };
        out.extend(self.outage.ended().map(Effect::Say));
        if let Some(view) = self.view.as_ref().filter(|v| v.is_older(&snapshot)) {
            let told = self.set_back.shows_less(now, view, &snapshot);
            return out.extend(told.map(Effect::Say));
        }
        out.extend(self.set_back.caught_up().map(Effect::Say));
        let ours = snapshot
            .record
            .as_ref()
            .is_some_and(|r| self.lane.remembered(&r.nonce).is_some());
        if ours || matches!(self.lane.fate(&snapshot), Fate::Won(_)) {
            self.closed_it = true;
        }
        match &mut self.view {
            Some(view) => view.accept(snapshot, now),
            None => self.view = Some(View::new(&self.config.deployment.id, snapshot, now)),
        }
    }

    fn advance(&mut self, now: Now, started: Duration, nonce: &str, out: &mut Vec<Effect>) {
        let mut until = Duration::MAX;
        loop {
            if let Some(error) = self.out_of_patience(now.boot) {
                return self.finish(Conclusion::StoreLost(error), out);
            }
            if self.lane.is_busy() {
                out.extend(
                    self.lane
                        .resend(now.boot, self.config.resend_after)
                        .map(Effect::Send),
                );
                break;
            }
            let Some(view) = &self.view else { break };
            match self.decide(now.boot, started, view) {
                Intent::Write(record, drafts) => {
                    out.push(Effect::Send(self.lane.write(
                        now,
                        nonce,
                        (),
                        view,
                        record,
                        drafts,
                    )));
                    break;
                }
                Intent::Judge(verdict) => return self.finish(Conclusion::Judged(verdict), out),
                Intent::Watch(deployment) => {
                    out.push(Effect::Say(format!(
                        "no candidate runs again: judging {}",
                        deployment.id
                    )));
                    let snapshot = view.snapshot.clone();
                    self.view = Some(View::new(&deployment.id, snapshot, now.boot));
                    self.config.deployment = deployment;
                }
                Intent::Until(at) => {
                    until = at;
                    break;
                }
            }
        }
        let soon = self.lane.must_read_soon(now.boot, STORE_PATIENCE);
        let every = if soon {
            self.config.resend_after / 4
        } else {
            self.config.poll
        };
        let due = self.read_sent.map_or(now.boot, |sent| sent + every);
        if !self.reading && due <= now.boot {
            self.reading = true;
            self.read_sent = Some(now.boot);
            out.push(Effect::Read);
        }
        self.wake = [
            Some(until),
            Some(due),
            self.lane.resend_at(self.config.resend_after),
            self.set_back.until(self.timing()),
        ]
        .into_iter()
        .flatten()
        .filter(|at| *at > now.boot)
        .min()
        .unwrap_or(now.boot + self.config.poll);
    }

    fn finish(&mut self, conclusion: Conclusion, out: &mut Vec<Effect>) {
        self.over = true;
        out.push(Effect::Finish(Box::new(conclusion)));
    }

    fn out_of_patience(&self, now: Duration) -> Option<StoreError> {
        if let Some(error) = &self.lane.final_error {
            return Some(error.clone());
        }
        if let Some((since, error)) = self.lane.unanswered()
            && now >= since + self.config.queue_timeout.max(STORE_PATIENCE)
        {
            return Some(error);
        }
        let set_back = self
            .set_back
            .is_final(now, self.view.as_ref(), self.timing());
        if set_back.is_some() {
            return set_back;
        }
        let (since, error) = self.outage.since()?;
        let patience = if self.view.is_none() {
            // The run's true conclusion is worth waiting for: a candidate may be deploying all the while.
            self.config.pickup_timeout
        } else {
            self.config.queue_timeout.max(STORE_PATIENCE)
        };
        (now >= *since + patience || !error.is_passing()).then(|| error.clone())
    }

    /// What those obey whom it watches; the slowest row until one has claimed.
    fn timing(&self) -> Timing {
        let record = self.view.as_ref().and_then(View::record);
        record.map_or(Timing::GIT, |r| r.policy.timing)
    }

    fn decide(&self, now: Duration, started: Duration, view: &View) -> Intent {
        let state = view.deployment();
        if let Some((state, outcome)) = state.and_then(|s| Some((s, s.outcome?))) {
            return Intent::Judge(self.verdict(state, outcome));
        }
        match (view.own(), state) {
            (Some(record), _) if !record.phase.is_terminal() => {
                self.watch(now, view, record, state)
            }
            (Some(record), _) => self.without_the_ledger(now, view, record),
            (_, Some(state)) if !state.announced.is_empty() => {
                self.await_claim(now, started, view, state)
            }
            _ => self.await_announcement(now, started, view),
        }
    }

    /// The lease tells an end that the ledger does not: a read between the two, which the next one mends, or a store that
    /// was restored by hand. The run gets its conclusion either way.
    fn without_the_ledger(&self, now: Duration, view: &View, record: &Record) -> Intent {
        let at = view.record_since + record.policy.timing.lease;
        match record.phase.outcome() {
            Some(outcome) if now >= at => Intent::Judge(Verdict {
                deployment: record.deployment.id.clone(),
                outcome,
                reason: None,
                detail: "the ledger does not tell how it ended; the lease does".to_owned(),
                closed_it: self.closed_it,
            }),
            _ => Intent::Until(at),
        }
    }

    fn verdict(&self, state: &DeploymentState, outcome: Outcome) -> Verdict {
        Verdict {
            deployment: state.deployment.id.clone(),
            outcome,
            reason: state.reason,
            detail: state.detail.clone(),
            closed_it: self.closed_it,
        }
    }

    /// The deployment is under way.
    fn watch(
        &self,
        now: Duration,
        view: &View,
        record: &Record,
        state: Option<&DeploymentState>,
    ) -> Intent {
        if record.phase == Phase::Held {
            return Intent::Judge(Verdict {
                deployment: record.deployment.id.clone(),
                outcome: Outcome::Held,
                reason: None,
                detail: state.map(|s| s.detail.clone()).unwrap_or_default(),
                closed_it: self.closed_it,
            });
        }
        let Some(at) = closer::may_close_at(view) else {
            return Intent::Until(Duration::MAX);
        };
        if now < at {
            return Intent::Until(at);
        }
        match closer::close(view) {
            Some((record, drafts)) => Intent::Write(Some(record), drafts),
            None => Intent::Until(Duration::MAX),
        }
    }

    /// Candidates have announced themselves, and none has claimed.
    fn await_claim(
        &self,
        now: Duration,
        started: Duration,
        view: &View,
        state: &DeploymentState,
    ) -> Intent {
        if state.claimed {
            // The lease does not show it any more: somebody removed it, and whoever is left may claim it again.
            let at = view.record_since.max(view.watched_since) + self.config.pickup_timeout;
            let detail = "its lease was removed, and nobody claimed it again";
            return if now < at {
                Intent::Until(at)
            } else {
                self.end_unclaimed(Outcome::Failed, Some(FailureReason::Abandoned), detail)
            };
        }
        let (rerun, tip) = (self.config.rerun, &view.snapshot.tip);
        if let Some(earlier) = rules::deployed_already(rerun, &state.deployment, tip) {
            // Its legs deploy nothing, by the same rule: their preflights announced them. Should one know better of what
            // kind this run is, it claims within that time.
            let at = started + self.config.pickup_timeout;
            return if now < at {
                Intent::Until(at)
            } else {
                Intent::Watch(earlier.deployment.clone())
            };
        }
        let out = |n: &u32| state.signalled(*n) || state.unfit(*n);
        if state.announced.keys().all(out) {
            // Nobody who is there will claim; a candidate that is not there yet gets its time to come.
            let cancelled = state.announced.keys().any(|n| state.signalled(*n));
            let at = match (state.awaits_announcement(), cancelled) {
                (false, _) => now,
                (true, true) => view.watched_since + STOP_NOTICE + Timing::GIT.lease,
                (true, false) => started + self.config.pickup_timeout,
            };
            if now < at {
                return Intent::Until(at);
            }
            return if cancelled {
                self.end_unclaimed(
                    Outcome::Cancelled,
                    None,
                    "every candidate was told to stop before it claimed",
                )
            } else {
                self.end_unclaimed(
                    Outcome::Failed,
                    Some(FailureReason::Preflight),
                    "no candidate is fit to deploy",
                )
            };
        }
        let at = view.announced_since.unwrap_or(started) + self.config.queue_timeout;
        if now < at {
            return Intent::Until(at);
        }
        let waited = humantime::format_duration(self.config.queue_timeout);
        let detail = format!("announced, but not claimed within {waited}");
        self.end_unclaimed(
            Outcome::NeverClaimed,
            Some(FailureReason::NeverClaimed),
            &detail,
        )
    }

    /// No candidate has announced itself.
    fn await_announcement(&self, now: Duration, started: Duration, view: &View) -> Intent {
        let tip = &view.snapshot.tip;
        let rerun = self.config.rerun;
        let at = started + self.config.pickup_timeout;
        let earlier = tip.earlier_attempt(&self.config.deployment);
        let judged_before = match rerun {
            // Candidates must come: an earlier attempt's success says nothing of this one.
            Rerun::First | Rerun::Full => None,
            Rerun::Alone => earlier,
            // The jobs that run again may be legs or not; those that are decide by the same rule.
            Rerun::Partial => earlier.filter(|_| now >= at),
            Rerun::Unknown => rules::deployed_already(rerun, &self.config.deployment, tip)
                .or_else(|| earlier.filter(|_| now >= at)),
        };
        if let Some(earlier) = judged_before {
            return Intent::Watch(earlier.deployment.clone());
        }
        if now < at {
            return Intent::Until(at);
        }
        let waited = humantime::format_duration(self.config.pickup_timeout);
        let detail = format!("no candidate appeared within {waited}");
        self.end_unclaimed(
            Outcome::NeverClaimed,
            Some(FailureReason::NeverClaimed),
            &detail,
        )
    }

    fn end_unclaimed(
        &self,
        outcome: Outcome,
        reason: Option<FailureReason>,
        detail: &str,
    ) -> Intent {
        let event = Event::DeploymentFinished {
            outcome,
            reason,
            detail: detail.to_owned(),
        };
        Intent::Write(None, vec![rows::foreign(&self.config.deployment, 0, event)])
    }
}
