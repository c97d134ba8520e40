//! A candidate: one leg of the matrix, from its start to its end. This file takes in what happens and decides for a
//! candidate that does *not* hold the lease; [`super::holder`] decides for one that does.

use std::time::Duration;

use ledger::{DeploymentState, Draft, Event, FailureReason, Outcome, TakeoverReason};

use super::{
    CandidateConfig, Conclusion, Effect, Input, Now, SIGNAL_BUDGET, STORE_PATIENCE, SwapAnswer,
    closer,
    lane::{Fate, Lane, Sent},
    rows, rules,
    stage::{Hold, Purpose, Stage},
    view::View,
};
use crate::{
    Phase, Record,
    store::{Snapshot, StoreError},
};

/// A candidate's state. Cloning it forks the candidate, as a model checker does.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub(super) config: CandidateConfig,
    pub(super) lane: Lane<Purpose>,
    pub(super) view: Option<View>,
    pub(super) hold: Option<Hold>,
    /// The signal and when it came.
    pub(super) signal: Option<(String, Duration)>,
    pub(super) signal_told: bool,
    started: Option<Duration>,
    announced: bool,
    queued_behind: Option<String>,
    ended_it: bool,
    reading: bool,
    read_sent: Option<Duration>,
    failing_since: Option<(Duration, StoreError)>,
    wake: Duration,
    over: bool,
}

/// What a decision comes to.
pub(super) enum Intent {
    /// Put this into the store. Boxed: it is much larger than the others.
    Write(Box<(Purpose, Option<Record>, Vec<Draft>)>),
    /// Run a command, now.
    Start(super::Command, u32),
    /// Nothing more to do, ever.
    Finish(Conclusion),
    /// Nothing to do until then, unless something happens.
    Until(Duration),
}

impl Intent {
    pub(super) fn write(purpose: Purpose, record: Option<Record>, drafts: Vec<Draft>) -> Self {
        Intent::Write(Box::new((purpose, record, drafts)))
    }
}

impl Candidate {
    /// A candidate that has not begun.
    pub fn new(config: CandidateConfig) -> Self {
        Candidate {
            config,
            lane: Lane::new(),
            view: None,
            hold: None,
            signal: None,
            signal_told: false,
            started: None,
            announced: false,
            queued_behind: None,
            ended_it: false,
            reading: false,
            read_sent: None,
            failing_since: None,
            wake: Duration::ZERO,
            over: false,
        }
    }

    /// When `step` wants to be called with [`Input::Tick`] at the latest, on CLOCK_BOOTTIME.
    pub fn wake_at(&self) -> Duration {
        self.wake
    }

    /// Whether the candidate waits for something that others write: a store that can tell of changes is worth asking.
    pub fn waits_for_others(&self) -> bool {
        self.hold.is_none()
    }

    /// What was last seen of the store.
    pub fn seen(&self) -> Option<&Snapshot> {
        self.view.as_ref().map(|v| &v.snapshot)
    }

    /// Takes in what happened at `now` and returns what must be done. `nonce` must be fresh for every call; it names
    /// the write that this step may make.
    pub fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.over {
            return out;
        }
        let started = *self.started.get_or_insert(now.boot);
        self.enforce_deadline(now.boot, &mut out);
        match input {
            Input::Tick => {}
            Input::Changed => self.read_sent = self.read_sent.filter(|_| self.reading),
            Input::Read(answer) => self.on_read(now.boot, answer, &mut out),
            Input::Swapped { nonce, result } => self.on_swapped(now.boot, &nonce, result, &mut out),
            Input::Ended(ended) => self.on_ended(ended),
            Input::Stuck { detail } => self.on_stuck(now.boot, detail, &mut out),
            Input::Signal { name } => self.on_signal(now.boot, name, &mut out),
        }
        self.enforce_deadline(now.boot, &mut out);
        self.advance(now, started, nonce, &mut out);
        out
    }

    fn on_read(&mut self, now: Duration, answer: Result<Snapshot, StoreError>, out: &mut Vec<Effect>) {
        self.reading = false;
        let snapshot = match answer {
            Ok(snapshot) => snapshot,
            Err(error) => {
                if self.failing_since.is_none() {
                    out.push(Effect::Say(format!("{error}; trying again")));
                }
                let since = self.failing_since.take().map_or(now, |(since, _)| since);
                self.failing_since = Some((since, error));
                return;
            }
        };
        if self.failing_since.take().is_some() && self.view.is_some() {
            out.push(Effect::Say("the store answers again".to_owned()));
        }
        if self.is_stale(&snapshot) {
            return;
        }
        let fate = self.lane.fate(&snapshot);
        match &mut self.view {
            Some(view) => view.accept(snapshot, now),
            None => self.view = Some(View::new(&self.config.deployment.id, snapshot, now)),
        }
        if let Fate::Won(sent) = fate {
            self.acknowledged(now, sent, out);
        }
        self.compare_with_store(now, out);
    }

    /// Reads may lag (design §4 rule 1). A holder knows its own earlier nonces; nobody else can write them again.
    fn is_stale(&self, snapshot: &Snapshot) -> bool {
        let Some(view) = &self.view else { return false };
        if view.is_older(snapshot) {
            return true;
        }
        let (Some(hold), Some(record)) = (&self.hold, &snapshot.record) else { return false };
        record.token == hold.record.token
            && record.nonce != hold.record.nonce
            && !self.lane.is_pending(&record.nonce)
            && self.lane.remembered(&record.nonce).is_some()
    }

    fn on_swapped(&mut self, now: Duration, nonce: &str, answer: SwapAnswer, out: &mut Vec<Effect>) {
        let Some((sent, version)) = self.lane.answered(nonce, answer) else { return };
        if let Some(view) = &mut self.view {
            view.wrote(&sent.write, version, now);
        }
        self.acknowledged(now, sent, out);
    }

    /// A write of ours took effect.
    fn acknowledged(&mut self, now: Duration, sent: Sent<Purpose>, out: &mut Vec<Effect>) {
        match &sent.purpose {
            Purpose::Announce => {
                self.announced = true;
                out.push(Effect::Say(format!("{} is ready", self.config.me)));
            }
            Purpose::Queue(behind) => {
                self.queued_behind = Some(behind.clone());
                out.push(Effect::Say(format!("{} waits behind {behind}", self.config.me)));
            }
            Purpose::Signalled => self.signal_told = true,
            Purpose::EndUnclaimed => self.ended_it = true,
            Purpose::Close => out.push(Effect::Say("ended a deployment that nobody carried on".to_owned())),
            Purpose::Hold => out.push(Effect::Say("the lock is held for a person to decide".to_owned())),
            Purpose::Claim => self.claimed(sent, out),
            Purpose::ClaimGates if self.signal.is_some() => self.claimed(sent, out),
            Purpose::ClaimGates => {
                let token = sent.write.record.as_ref().map_or(0, |r| r.token);
                self.finish(Conclusion::Proceed { token, finished: false, gates_only: true }, out);
            }
            Purpose::Renew(_) | Purpose::End(_) => self.renewed(now, sent, out),
        }
    }

    fn claimed(&mut self, sent: Sent<Purpose>, out: &mut Vec<Effect>) {
        if let Some(record) = sent.write.record.clone() {
            out.push(Effect::Say(format!("{} holds the lease, token {}", self.config.me, record.token)));
            self.hold = Some(Hold::from_claim(&sent, record, Stage::Start(1)));
        }
    }

    /// Whether what the store shows fits what we believe to hold; a claim of ours that was given up may have landed.
    fn compare_with_store(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if self.over {
            return;
        }
        if self.hold.is_some() {
            return self.compare_hold(now, out);
        }
        let Some(record) = self.view.as_ref().and_then(View::record) else { return };
        if let Some(sent) = self.lane.remembered(&record.nonce).cloned()
            && matches!(sent.purpose, Purpose::Claim | Purpose::ClaimGates)
        {
            self.acknowledged(now, sent, out);
        }
    }

    fn on_signal(&mut self, now: Duration, name: String, out: &mut Vec<Effect>) {
        out.push(Effect::Say(format!("{} was told to stop by {name}", self.config.me)));
        let again = self.signal.is_some();
        self.signal.get_or_insert((name, now));
        self.stop_for_signal(again, out);
    }

    /// Decides until nothing more can be done now, then says when to look again.
    fn advance(&mut self, now: Now, started: Duration, nonce: &str, out: &mut Vec<Effect>) {
        let mut until = Duration::MAX;
        while !self.over {
            if let Some(conclusion) = self.out_of_patience(now.boot, started) {
                self.finish(conclusion, out);
                break;
            }
            if self.lane.is_busy() {
                self.resend(now.boot, out);
                break;
            }
            let intent = match (&self.hold, &self.view) {
                (Some(_), _) => self.holding(now.boot),
                (None, Some(_)) => self.waiting(now.boot, started),
                (None, None) => match &self.signal {
                    Some((name, _)) => Intent::Finish(self.signalled(name, false)),
                    None => Intent::Until(Duration::MAX),
                },
            };
            match intent {
                Intent::Write(write) => {
                    let (purpose, record, drafts) = *write;
                    if let Some(view) = &self.view {
                        if let (Some(hold), true) = (&mut self.hold, record.is_some()) {
                            hold.sent_at = now.boot;
                        }
                        out.push(Effect::Send(self.lane.write(now, nonce, purpose, view, record, drafts)));
                    }
                    break;
                }
                Intent::Start(command, number) => self.start(now.boot, command, number, out),
                Intent::Finish(conclusion) => self.finish(conclusion, out),
                Intent::Until(at) => {
                    until = at;
                    break;
                }
            }
        }
        if !self.over {
            let read_at = self.read_when_due(now.boot, out);
            self.wake = [Some(until), read_at, self.lane.resend_at(self.resend_after(now.boot)), self.patience_ends()]
                .into_iter()
                .chain([self.hold.as_ref().filter(|h| h.tree_lives()).map(Hold::deadline)])
                .flatten()
                .filter(|at| *at > now.boot)
                .min()
                .unwrap_or(now.boot + self.config.policy.timing.poll);
        }
    }

    fn resend(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let after = self.resend_after(now);
        if let Some(write) = self.lane.resend(now, after) {
            out.push(Effect::Send(write));
        }
    }

    /// Past D nothing is in a hurry any more: the store is asked at the pace of a poll.
    fn resend_after(&self, now: Duration) -> Duration {
        let timing = self.config.policy.timing;
        match &self.hold {
            Some(hold) if now >= hold.deadline() => timing.poll.max(timing.resend_after),
            _ => timing.resend_after,
        }
    }

    fn read_when_due(&mut self, now: Duration, out: &mut Vec<Effect>) -> Option<Duration> {
        if self.reading {
            return None;
        }
        let timing = self.config.policy.timing;
        let every = if self.lane.must_read {
            timing.resend_after / 4
        } else if self.hold.as_ref().is_none_or(Hold::watches) {
            timing.poll
        } else {
            return None;
        };
        let due = self.read_sent.map_or(now, |sent| sent + every);
        if due > now {
            return Some(due);
        }
        self.reading = true;
        self.read_sent = Some(now);
        out.push(Effect::Read);
        None
    }

    /// The ends that come whatever the store says.
    fn out_of_patience(&self, now: Duration, started: Duration) -> Option<Conclusion> {
        let tree_lives = self.hold.as_ref().is_some_and(Hold::tree_lives);
        if let Some((name, at)) = &self.signal
            && now >= *at + SIGNAL_BUDGET
            && !tree_lives
        {
            return Some(self.signalled(name, false));
        }
        if self.hold.is_some() {
            let read = self.failing_since.as_ref().map(|(since, error)| (*since, error));
            let (since, error) = self.lane.unanswered().or(read)?;
            let patience = self.config.queue_timeout.max(STORE_PATIENCE);
            return (!tree_lives && now >= since + patience).then(|| Conclusion::StoreLost(error.clone()));
        }
        if let Some(error) = &self.lane.final_error {
            return Some(Conclusion::StoreLost(error.clone()));
        }
        let (since, error) = self.failing_since.as_ref()?;
        let patience = if self.view.is_none() {
            STORE_PATIENCE.min(self.config.queue_timeout)
        } else {
            self.config.queue_timeout.max(STORE_PATIENCE)
        };
        let too_long = now >= *since + patience && now >= started + patience;
        (too_long || !error.is_passing()).then(|| Conclusion::StoreLost(error.clone()))
    }

    fn patience_ends(&self) -> Option<Duration> {
        self.signal.as_ref().map(|(_, at)| *at + SIGNAL_BUDGET)
    }

    pub(super) fn signalled(&self, name: &str, cancelled: bool) -> Conclusion {
        Conclusion::Signalled { name: name.to_owned(), held: self.hold.is_some(), cancelled }
    }

    pub(super) fn finish(&mut self, conclusion: Conclusion, out: &mut Vec<Effect>) {
        self.over = true;
        out.push(Effect::Finish(Box::new(conclusion)));
    }

    /// What a candidate without the lease does next.
    fn waiting(&self, now: Duration, started: Duration) -> Intent {
        let Some(view) = &self.view else { return Intent::Until(Duration::MAX) };
        let config = &self.config;
        let me = config.me.candidate;
        let state = view.deployment();
        let claimed = state.is_some_and(|s| s.claimed);
        if let Some(over) = self.is_over(view, state) {
            return Intent::Finish(over);
        }
        if let Some((name, _)) = &self.signal {
            if self.announced && !self.signal_told {
                let event = Event::Signalled { signal: name.clone() };
                return self.append(Purpose::Signalled, view, event);
            }
            return Intent::Finish(self.signalled(name, false));
        }
        let mine = state.and_then(|s| s.announced.get(&me));
        if let Some(other) = mine.filter(|c| c.instance != config.instance) {
            return Intent::Finish(Conclusion::NumberTaken { by: other.party.clone() });
        }
        if !claimed {
            if let Some(earlier) = rules::deployed_already(config.rerun, &config.deployment, &view.snapshot.tip) {
                return Intent::Finish(Conclusion::AlreadyDeployed {
                    deployment: earlier.deployment.id.clone(),
                    certain: config.rerun != super::Rerun::Unknown,
                });
            }
            if let Some(newer) = rules::superseded_by(config, &view.snapshot.tip) {
                let detail = format!("run number {newer} of the same workflow and ref has been deployed already");
                return self.end_unclaimed(view, Outcome::Superseded, None, detail);
            }
        }
        if mine.is_none() {
            let event = Event::Announced { candidates: config.candidates, instance: config.instance.clone() };
            return self.append(Purpose::Announce, view, event);
        }
        if state.is_some_and(|s| s.unfit(me)) {
            return Intent::Finish(Conclusion::Unfit);
        }
        match view.record().filter(|r| !r.phase.is_terminal()) {
            Some(record) if record.deployment.id == config.deployment.id => self.standing_by(now, view, record),
            Some(record) => self.queueing(now, started, view, record),
            None => self.facing_a_free_lease(now, started, view),
        }
    }

    fn is_over(&self, view: &View, state: Option<&DeploymentState>) -> Option<Conclusion> {
        if let Some((state, outcome)) = state.and_then(|s| Some((s, s.outcome?))) {
            let (reason, detail) = (state.reason, state.detail.clone());
            return Some(Conclusion::Over { outcome, reason, detail, by_me: self.ended_it });
        }
        let record = view.record().filter(|r| r.deployment.id == self.config.deployment.id)?;
        let outcome = match record.phase {
            Phase::Succeeded => Outcome::Succeeded,
            Phase::Failed => Outcome::Failed,
            Phase::Cancelled => Outcome::Cancelled,
            _ => return None,
        };
        Some(Conclusion::Over { outcome, reason: None, detail: String::new(), by_me: false })
    }

    /// The record is another candidate's of our own deployment.
    fn standing_by(&self, now: Duration, view: &View, record: &Record) -> Intent {
        let me = self.config.me.candidate;
        let state = view.deployment();
        if record.phase == Phase::Held {
            let detail = state.map(|s| s.detail.clone()).unwrap_or_default();
            return Intent::Finish(Conclusion::Held { deployment: record.deployment.id.clone(), detail });
        }
        if record.failed_candidates.iter().any(|f| f.candidate == me) {
            return Intent::Finish(Conclusion::LostLease { to: record.holder.clone() });
        }
        if record.holder.candidate == me && record.phase != Phase::FailedOver {
            // An earlier process of this number, whose tree nobody here can prove dead, or a second leg with it.
            return Intent::Finish(Conclusion::NumberTaken { by: record.holder.clone() });
        }
        if state.is_some_and(|s| s.on_failure_started) {
            return Intent::Finish(Conclusion::RollingBack { on: record.holder.clone() });
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
        let purpose = if gates { Purpose::ClaimGates } else { Purpose::Claim };
        Intent::write(purpose, Some(record), drafts)
    }

    /// The record is another deployment's.
    fn queueing(&self, now: Duration, started: Duration, view: &View, record: &Record) -> Intent {
        let behind = &record.deployment.id;
        if record.phase == Phase::Held {
            let detail = format!("the lock is held by {behind}: a person must `unlock` it");
            return self.end_unclaimed(view, Outcome::Held, None, detail);
        }
        if self.queued_behind.as_ref() != Some(behind) {
            let event = Event::Queued { behind: behind.clone(), holder: record.holder.runner.clone() };
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
        if view.record().is_none() && view.snapshot.tip.token > 0 {
            // Somebody removed the lease. Its last holder may not know yet: it gets the time to find out.
            at = at.max(view.free_since.unwrap_or(now) + self.config.policy.timing.lease);
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
        if last.is_none_or(|last| last == self.config.me.candidate) {
            let waited = humantime::format_duration(self.config.queue_timeout);
            let detail = match behind {
                Some(behind) => format!("waited {waited} behind {behind}"),
                None => format!("waited {waited} for the primary"),
            };
            let reason = Some(FailureReason::NeverClaimed);
            return self.end_unclaimed(view, Outcome::NeverClaimed, reason, detail);
        }
        Intent::Finish(Conclusion::QueueTimeout { behind: behind.cloned() })
    }

    fn append(&self, purpose: Purpose, view: &View, event: Event) -> Intent {
        let token = view.record().filter(|r| r.deployment.id == self.config.deployment.id).map_or(0, |r| r.token);
        let draft = rows::draft(&self.config.deployment, &self.config.me, token, event);
        Intent::write(purpose, None, vec![draft])
    }

    fn end_unclaimed(&self, view: &View, outcome: Outcome, reason: Option<FailureReason>, detail: String) -> Intent {
        self.append(Purpose::EndUnclaimed, view, Event::DeploymentFinished { outcome, reason, detail })
    }
}

