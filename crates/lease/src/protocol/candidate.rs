//! A candidate: one leg of the matrix, from its start to its end. This file takes in what happens, keeps reads and writes
//! going and gives up when it must; [`super::standby`] decides for a candidate that does *not* hold the lease,
//! [`super::holder`] for one that does.

use std::time::Duration;

use ledger::{Draft, Event};

use super::{
    CandidateConfig, Conclusion, Effect, Input, Now, SIGNAL_BUDGET, STORE_PATIENCE, SwapAnswer,
    Task,
    lane::{Fate, Lane, Sent},
    outage::Outage,
    pace::Pace,
    set_back::SetBack,
    stage::{Hold, Purpose, Stage},
    view::View,
};
use crate::{
    Record,
    store::{Snapshot, StoreError},
};

/// A candidate's state. Cloning it forks the candidate, as a model checker does.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Candidate {
    pub(super) config: CandidateConfig,
    pub(super) lane: Lane<Purpose>,
    pub(super) view: Option<View>,
    pub(super) hold: Option<Hold>,
    /// The signal and when it came.
    pub(super) signal: Option<(String, Duration)>,
    pub(super) signal_told: bool,
    started: Option<Duration>,
    pub(super) queued_behind: Option<String>,
    pub(super) ended_it: bool,
    reading: bool,
    read_sent: Option<Duration>,
    pace: Pace,
    outage: Outage,
    set_back: SetBack,
    /// The write of which was said that the store does not answer it.
    unanswered_told: Option<String>,
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
            queued_behind: None,
            ended_it: false,
            reading: false,
            read_sent: None,
            pace: Pace::default(),
            outage: Outage::default(),
            set_back: SetBack::default(),
            unanswered_told: None,
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
            Input::Judged(judged) => self.on_judged(judged),
            Input::Stuck { detail } => self.on_stuck(now.boot, detail, &mut out),
            Input::Signal { name } => self.on_signal(now.boot, name, &mut out),
        }
        self.enforce_deadline(now.boot, &mut out);
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
        let took = now.saturating_sub(self.read_sent.unwrap_or(now));
        let poll = self.config.policy.timing.poll;
        self.pace.read(took, answer.is_ok(), poll);
        let snapshot = match answer {
            Ok(snapshot) => snapshot,
            Err(error) => {
                return out.extend(self.outage.failed(now, error).map(Effect::Say));
            }
        };
        let told = self.outage.ended().filter(|_| self.view.is_some());
        out.extend(told.map(Effect::Say));
        if self.is_stale(now, &snapshot) {
            if let Some(view) = &self.view {
                let told = self.set_back.shows_less(now, view, &snapshot);
                out.extend(told.map(Effect::Say));
            }
            return;
        }
        out.extend(self.set_back.caught_up().map(Effect::Say));
        let fate = self.lane.fate(&snapshot);
        match &mut self.view {
            Some(view) => view.accept(snapshot, now),
            None => {
                let view = View::new(&self.config.deployment.id, snapshot, now);
                let known = view
                    .deployment()
                    .and_then(|d| d.announced.get(&self.config.me.candidate));
                // An earlier step of this leg has announced it: what is seen is as good as an answer.
                if known
                    .is_some_and(|c| c.instance == self.config.instance && !c.unfit && !c.signalled)
                {
                    out.push(Effect::Say(format!("{} is ready", self.config.me)));
                }
                self.view = Some(view);
            }
        }
        match fate {
            Fate::Won(sent) => self.acknowledged(now, sent, out),
            // What was to be said is not: the next heartbeat is due from the last one that counted.
            Fate::Gone => self
                .hold
                .iter_mut()
                .for_each(|hold| hold.sent_at = hold.renewed_at),
            Fate::Open => {}
        }
        self.say_behind_whom(out);
        self.compare_with_store(now, out);
    }

    /// The ledger is told once that this candidate waits; whoever watches it is told of each whom it waits for.
    fn say_behind_whom(&mut self, out: &mut Vec<Effect>) {
        let record = self.view.as_ref().and_then(View::record);
        let Some((behind, record)) = self.queued_behind.as_mut().zip(record) else {
            return;
        };
        let id = &record.deployment.id;
        if record.phase.is_terminal() || [&*behind, &self.config.deployment.id].contains(&id) {
            return;
        }
        behind.clone_from(id);
        out.push(Effect::Say(format!("{} waits behind {id}", self.config.me)));
    }

    /// Reads may lag (design §4 rule 1). Under a holder's token nobody else writes but a person, once, who makes
    /// `deploying` into `transferring`: any other record of that token is an earlier one of the holder's own.
    fn is_stale(&self, now: Duration, snapshot: &Snapshot) -> bool {
        let Some(view) = &self.view else { return false };
        let patience = self.config.policy.timing.deadline;
        if view.is_older(snapshot) || self.lane.is_torn_by(snapshot, now, patience) {
            return true;
        }
        let Some(hold) = &self.hold else { return false };
        let Some(record) = &snapshot.record else {
            // Reads prove nothing: one that missed the lease must not end a healthy deployment. A lease that was
            // really removed cannot be renewed either, so that D passes and this moment comes.
            return now < hold.removed_at();
        };
        // Whoever makes a token says so in the ledger: without that, the read is torn.
        let torn = record.token > snapshot.tip.token;
        let earlier = record.token == hold.record.token
            && record.nonce != hold.record.nonce
            && !self.lane.is_pending(&record.nonce)
            && !hold.is_transferred_by(record)
            // An end is final: it was no earlier state, and another process of this leg wrote it.
            && !record.phase.is_terminal();
        torn || earlier
    }

    /// A holder writes only over its own last nonce, or over `transferring` (design §4 rule 1).
    fn may_write_the_lease(&self) -> bool {
        let stands = self.view.as_ref().and_then(View::record);
        let own = |hold: &Hold| stands.is_some_and(|r| r.nonce == hold.record.nonce);
        self.hold.as_ref().is_none_or(own)
    }

    fn on_swapped(
        &mut self,
        now: Duration,
        nonce: &str,
        answer: SwapAnswer,
        out: &mut Vec<Effect>,
    ) {
        if let SwapAnswer::Unknown(error) = &answer
            && self.lane.is_pending(nonce)
            && self.unanswered_told.as_deref() != Some(nonce)
        {
            out.push(Effect::Say(format!("{error}; trying again")));
            self.unanswered_told = Some(nonce.to_owned());
        }
        if matches!(answer, SwapAnswer::Lost)
            && self.is_in_no_hurry()
            && let Some(sent) = self.lane.pending().filter(|s| s.write.nonce == nonce)
        {
            let took = now.saturating_sub(sent.first_sent);
            let poll = self.config.policy.timing.poll;
            self.pace.refused(now, took, poll, &self.config.instance);
        }
        let Some((sent, version)) = self.lane.answered(nonce, answer) else {
            return;
        };
        if let Some(view) = &mut self.view {
            view.wrote(&sent.write, version, now);
        }
        self.acknowledged(now, sent, out);
    }

    /// A write of ours took effect.
    fn acknowledged(&mut self, now: Duration, sent: Sent<Purpose>, out: &mut Vec<Effect>) {
        self.pace.taken();
        self.signal_told |= sent
            .write
            .entries
            .iter()
            .any(|e| matches!(e.event, Event::Signalled { .. }));
        match &sent.purpose {
            Purpose::Announce => out.push(Effect::Say(format!("{} is ready", self.config.me))),
            Purpose::Queue(behind) => {
                self.queued_behind = Some(behind.clone());
                out.push(Effect::Say(format!(
                    "{} waits behind {behind}",
                    self.config.me
                )));
            }
            Purpose::Signalled => {}
            Purpose::EndUnclaimed => self.ended_it = true,
            Purpose::Close => out.push(Effect::Say(
                "ended a deployment that nobody carried on".to_owned(),
            )),
            Purpose::Hold => out.push(Effect::Say(
                "the lock is held for a person to decide".to_owned(),
            )),
            Purpose::Claim | Purpose::ClaimGates => self.claimed(sent, out),
            Purpose::TakeUp => self.took_up(sent, out),
            Purpose::Renew(_) | Purpose::End(_) => self.renewed(now, sent, out),
        }
        self.say_what_keeps_it_from_starting(now, out);
    }

    /// Whether another has the lease since `sent` took effect: its fate was learnt late.
    pub(super) fn is_overtaken(&self, sent: &Sent<Purpose>) -> bool {
        let token = |r: &Record| r.token;
        let stands = self.view.as_ref().and_then(View::record).map(token);
        stands > sent.write.record.as_ref().map(token)
    }

    fn claimed(&mut self, sent: Sent<Purpose>, out: &mut Vec<Effect>) {
        if let Some(record) = sent.write.record.clone() {
            out.push(Effect::Say(format!(
                "{} holds the lease, token {}",
                self.config.me, record.token
            )));
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
        let Some(record) = self.view.as_ref().and_then(View::record) else {
            return;
        };
        if let Some(sent) = self.lane.remembered(&record.nonce).cloned()
            && matches!(
                sent.purpose,
                Purpose::Claim | Purpose::ClaimGates | Purpose::TakeUp
            )
        {
            self.acknowledged(now, sent, out);
        }
    }

    fn on_signal(&mut self, now: Duration, name: String, out: &mut Vec<Effect>) {
        out.push(Effect::Say(format!(
            "{} was told to stop by {name}",
            self.config.me
        )));
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
                (None, Some(_)) => match self.config.task {
                    Task::Deploy => self.waiting(now.boot, started),
                    Task::Gates { token } => self.taking_up(now.boot, started, token),
                },
                // What it holds must be left to another in words: that takes a look at it first.
                (None, None) if self.config.task != Task::Deploy => Intent::Until(Duration::MAX),
                (None, None) => match &self.signal {
                    Some((name, _)) => Intent::Finish(self.signalled(name, false)),
                    None => Intent::Until(Duration::MAX),
                },
            };
            match intent {
                Intent::Write(write) => {
                    if write.1.is_some() && !self.may_write_the_lease() {
                        self.lane.must_read = true;
                        break;
                    }
                    let (purpose, record, drafts) = *write;
                    if let Some(view) = &self.view {
                        if let (Some(hold), true) = (&mut self.hold, record.is_some()) {
                            hold.sent_at = now.boot;
                        }
                        out.push(Effect::Send(
                            self.lane.write(now, nonce, purpose, view, record, drafts),
                        ));
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
            self.wake = [
                Some(until),
                read_at,
                self.lane.resend_at(self.resend_after(now.boot)),
                self.patience_ends(),
                self.set_back.until(self.config.policy.timing),
            ]
            .into_iter()
            .chain([self
                .hold
                .as_ref()
                .filter(|h| h.tree_lives())
                .map(Hold::deadline)])
            .flatten()
            .filter(|at| *at > now.boot)
            .min()
            .unwrap_or(now.boot + self.config.policy.timing.poll);
        }
    }

    fn resend(&mut self, now: Duration, out: &mut Vec<Effect>) {
        // A refused entry is read back, and made anew: sent again it would be refused again.
        if self.lane.must_read && self.is_in_no_hurry() {
            return;
        }
        let after = self.resend_after(now);
        if let Some(write) = self.lane.resend(now, after) {
            out.push(Effect::Send(write));
        }
    }

    /// Past D nothing is in a hurry any more: the store is asked at the pace of a poll. Nor is an entry of who queues: it
    /// is sent again when the earlier send is given up, not beside it.
    fn resend_after(&self, now: Duration) -> Duration {
        let timing = self.config.policy.timing;
        match &self.hold {
            Some(hold) if now >= hold.deadline() => timing.poll.max(timing.resend_after),
            None if self.is_in_no_hurry() => {
                let pause = self.pace.between_reads(timing.poll, &self.config.instance);
                pause.max(timing.request_timeout)
            }
            _ => timing.resend_after,
        }
    }

    /// Whether all it does is to wait behind others: nobody waits for its entry, and what it reads is not its own
    /// deployment's record.
    fn is_queueing(&self) -> bool {
        let own = self.view.as_ref().and_then(View::own);
        self.hold.is_none()
            && self.signal.is_none()
            && self.config.task == Task::Deploy
            && own.is_none_or(|r| r.phase.is_terminal())
    }

    /// Whether the write under way is one that may take its time.
    fn is_in_no_hurry(&self) -> bool {
        let entry = self.lane.pending().is_some_and(|sent| {
            matches!(
                sent.purpose,
                Purpose::Announce | Purpose::Queue(_) | Purpose::EndUnclaimed
            )
        });
        entry && self.is_queueing()
    }

    fn read_when_due(&mut self, now: Duration, out: &mut Vec<Effect>) -> Option<Duration> {
        if self.reading {
            return None;
        }
        let timing = self.config.policy.timing;
        let rests = self.lane.must_read && self.is_in_no_hurry();
        let every = if self.lane.must_read_soon(now, timing.deadline) {
            timing.resend_after / 4
        } else if self.is_queueing() {
            self.pace.between_reads(timing.poll, &self.config.instance)
        } else if self.lane.must_read || self.hold.as_ref().is_none_or(Hold::watches) {
            timing.poll
        } else {
            return None;
        };
        let mut due = self.read_sent.map_or(now, |sent| sent + every);
        if rests {
            due = due.max(self.pace.rests_until());
        }
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
        let tree_lives =
            self.hold.as_ref().is_some_and(Hold::tree_lives) && !self.gives_the_tree_up(now);
        if let Some((name, at)) = &self.signal
            && now >= *at + SIGNAL_BUDGET
            && !tree_lives
        {
            return Some(self.signalled(name, false));
        }
        let patience = self.config.queue_timeout.max(STORE_PATIENCE);
        let timing = self.config.policy.timing;
        let set_back = self.set_back.is_final(now, self.view.as_ref(), timing);
        if let Some(hold) = &self.hold {
            if tree_lives || now < hold.deadline() {
                return None;
            }
            let unanswered = self
                .lane
                .unanswered()
                .map(|(since, error)| (since, error, patience));
            let refused = self.lane.final_error.clone().zip(self.lane.unanswered());
            let refused = refused
                .map(|(error, (since, _))| (since.max(hold.deadline()), error, STORE_PATIENCE));
            // What a person must mend is not waited for as long as a network.
            let unread = self.outage.since().cloned().map(|(since, error)| {
                let patience = if error.is_passing() {
                    patience
                } else {
                    STORE_PATIENCE
                };
                (since, error, patience)
            });
            let past = |(since, error, patience)| (now >= since + patience).then_some(error);
            let error = refused.and_then(past).or(set_back);
            let error = error.or_else(|| [unanswered, unread].into_iter().flatten().find_map(past));
            return error.map(Conclusion::StoreLost);
        }
        if let Some(error) = &self.lane.final_error {
            return Some(Conclusion::StoreLost(error.clone()));
        }
        if let Some(error) = set_back {
            return Some(Conclusion::StoreLost(error));
        }
        if let Some((since, error)) = self.lane.unanswered()
            && now >= since + patience
        {
            return Some(Conclusion::StoreLost(error));
        }
        let (since, error) = self.outage.since()?;
        let patience = if self.view.is_none() {
            STORE_PATIENCE.min(self.config.queue_timeout)
        } else {
            patience
        };
        let too_long = now >= *since + patience && now >= started + patience;
        (too_long || !error.is_passing()).then(|| Conclusion::StoreLost(error.clone()))
    }

    fn patience_ends(&self) -> Option<Duration> {
        self.signal.as_ref().map(|(_, at)| *at + SIGNAL_BUDGET)
    }

    pub(super) fn signalled(&self, name: &str, cancelled: bool) -> Conclusion {
        Conclusion::Signalled {
            name: name.to_owned(),
            held: self.hold.is_some(),
            cancelled,
        }
    }

    pub(super) fn finish(&mut self, conclusion: Conclusion, out: &mut Vec<Effect>) {
        self.over = true;
        out.push(Effect::Finish(Box::new(conclusion)));
    }
}
