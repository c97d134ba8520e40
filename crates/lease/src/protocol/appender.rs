//! A step that only adds to the ledger: a preflight tells what came of it, whatever the lease does meanwhile.
//!
//! Responsible for: that every event stands in the ledger once, that none follows the deployment's end, and that none is
//! written in the name of a candidate that another process is. Not responsible for: the lease, which it never touches (a
//! foreign write would make the holder's renewal fail and kill a healthy deployment, design §4).

use std::time::Duration;

use ledger::{Deployment, DeploymentState, Draft, Event, FailureReason, Outcome, Party};

use super::{
    Effect, Input, Now,
    lane::{Fate, Lane},
    rules,
    view::View,
};
use crate::store::{Snapshot, StoreError};

/// What is to be told, and by whom.
#[derive(Clone, Debug, PartialEq)]
pub struct AppenderConfig {
    /// The deployment that the events are about.
    pub deployment: Deployment,
    /// The candidate that tells; nobody where `verdict` or a person does.
    pub by: Option<Party>,
    /// The process that `by` is, as it announces itself: where another has announced the same number, nothing is
    /// written. Not looked at without `by`.
    pub instance: String,
    /// What happened, in this order and by one swap. Evaluated against every state of the ledger that is seen: left
    /// out are an announcement that stands there already, a signal that was told already, and a review that a candidate
    /// of the deployment has told of, since every one of them asks for the same reviews.
    pub events: Vec<Event>,
    /// An unanswered write is sent again this long after its last send.
    pub resend_after: Duration,
    /// How long the store may give no usable answer.
    pub patience: Duration,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum AppenderEnd {
    /// Everything stands in the ledger; what was seen of the store then, for whoever wants to know who else is there.
    Done(Box<Snapshot>),
    /// The deployment had come to its end before: nothing was written.
    Finished {
        /// How.
        outcome: Outcome,
        /// Why, where it did not succeed.
        reason: Option<FailureReason>,
        /// One sentence for people.
        detail: String,
    },
    /// The candidate's number is another process': nothing was written.
    NumberTaken {
        /// Who has it.
        by: Party,
    },
    /// The store gave no usable answer for too long. What was sent may still have been written.
    StoreLost(StoreError),
}

/// Events on their way into the ledger. Its effects are [`Effect::Read`] and [`Effect::Send`]; its end is
/// [`Appender::end`].
#[derive(Clone, Debug, PartialEq)]
pub struct Appender {
    config: AppenderConfig,
    lane: Lane<()>,
    view: Option<View>,
    /// When the store last told something that changed what to do; at first, the start.
    heard: Option<Duration>,
    reading: bool,
    read_sent: Option<Duration>,
    read_error: Option<StoreError>,
    end: Option<AppenderEnd>,
    wake: Duration,
}

impl Appender {
    /// Events of which none is written yet.
    pub fn new(config: AppenderConfig) -> Self {
        Appender {
            config,
            lane: Lane::new(),
            view: None,
            heard: None,
            reading: false,
            read_sent: None,
            read_error: None,
            end: None,
            wake: Duration::ZERO,
        }
    }

    /// When `step` wants to be called with [`Input::Tick`] at the latest, on CLOCK_BOOTTIME.
    pub fn wake_at(&self) -> Duration {
        self.wake
    }

    /// How it ended, once it has.
    pub fn end(&self) -> Option<&AppenderEnd> {
        self.end.as_ref()
    }

    /// Takes in what happened at `now` and returns what must be done. `nonce` must be fresh for every call.
    pub fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.end.is_some() {
            return out;
        }
        let heard = *self.heard.get_or_insert(now.boot);
        match input {
            Input::Read(answer) => self.on_read(now.boot, answer),
            Input::Swapped { nonce, result } => {
                if let Some((sent, version)) = self.lane.answered(&nonce, result) {
                    if let Some(view) = &mut self.view {
                        view.wrote(&sent.write, version, now.boot);
                    }
                    self.done();
                }
            }
            _ => {}
        }
        if self.end.is_none()
            && let Some(error) = self.out_of_patience(now.boot, heard)
        {
            self.end = Some(AppenderEnd::StoreLost(error));
        }
        if self.end.is_none() {
            self.advance(now, nonce, &mut out);
        }
        out
    }

    fn on_read(&mut self, now: Duration, answer: Result<Snapshot, StoreError>) {
        self.reading = false;
        let snapshot = match answer {
            Ok(snapshot) => snapshot,
            Err(error) => {
                self.read_error = Some(error);
                return;
            }
        };
        self.read_error = None;
        if self.view.as_ref().is_some_and(|v| v.is_older(&snapshot)) {
            return;
        }
        let fate = self.lane.fate(&snapshot);
        let tells = self.view.is_none() || matches!(fate, Fate::Gone);
        match &mut self.view {
            Some(view) => view.accept(snapshot, now),
            None => self.view = Some(View::new(&self.config.deployment.id, snapshot, now)),
        }
        if tells {
            self.heard = Some(now);
        }
        if matches!(fate, Fate::Won(_)) {
            self.done();
        }
    }

    fn done(&mut self) {
        self.end = self
            .view
            .as_ref()
            .map(|view| AppenderEnd::Done(Box::new(view.snapshot.clone())));
    }

    fn out_of_patience(&self, now: Duration, heard: Duration) -> Option<StoreError> {
        let late = now >= heard + self.config.patience;
        let unanswered = self.lane.unanswered().map(|(_, error)| error);
        self.lane
            .final_error
            .clone()
            .or_else(|| self.read_error.clone())
            .filter(|error| late || !error.is_passing())
            .or_else(|| unanswered.filter(|_| late))
    }

    fn advance(&mut self, now: Now, nonce: &str, out: &mut Vec<Effect>) {
        let pause = self.config.resend_after;
        if self.lane.is_busy() {
            out.extend(self.lane.resend(now.boot, pause).map(Effect::Send));
        } else if let Some(view) = &self.view {
            match self.drafts(view) {
                Ok(drafts) if drafts.is_empty() => return self.done(),
                Ok(drafts) => out.push(Effect::Send(self.lane.write(
                    now,
                    nonce,
                    (),
                    view,
                    None,
                    drafts,
                ))),
                Err(end) => {
                    self.end = Some(end);
                    return;
                }
            }
        }
        let read_at = self.read_when_due(now.boot, out);
        let patience_ends = self.heard.map(|heard| heard + self.config.patience);
        self.wake = [read_at, self.lane.resend_at(pause), patience_ends]
            .into_iter()
            .flatten()
            .filter(|at| *at > now.boot)
            .min()
            .unwrap_or(now.boot + pause);
    }

    /// Reads until the first answer, and then where the fate of the write must be learnt: at once after a rejection,
    /// because another write has landed; at the pace of the sends where an answer was lost.
    fn read_when_due(&mut self, now: Duration, out: &mut Vec<Effect>) -> Option<Duration> {
        let lost = self.lane.last_error.is_some();
        let wanted = self.view.is_none() || self.lane.must_read || lost;
        if !wanted || self.reading {
            return None;
        }
        let pause = self.config.resend_after;
        let every = if self.lane.must_read && !lost {
            pause / 4
        } else {
            pause
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

    /// What is still to be told of what `view` does not show, or why nothing may be told any more.
    fn drafts(&self, view: &View) -> Result<Vec<Draft>, AppenderEnd> {
        let state = view.deployment();
        // The ledger's own affairs go on after a deployment's end.
        let ends = !self.config.events.iter().all(Event::is_bookkeeping);
        if let Some((outcome, reason, detail)) = rules::end_of(view).filter(|_| ends) {
            return Err(AppenderEnd::Finished {
                outcome,
                reason,
                detail,
            });
        }
        if let Some(me) = &self.config.by
            && let Some(by) = rules::number_taken(state, me.candidate, &self.config.instance)
        {
            return Err(AppenderEnd::NumberTaken { by: by.clone() });
        }
        let token = view.token_in_force();
        let draft = |event: &Event| Draft {
            deployment: self.config.deployment.clone(),
            by: self.config.by.clone(),
            token,
            event: event.clone(),
        };
        let events = self.config.events.iter();
        Ok(events
            .filter(|event| !self.is_moot(event, state) && !view.snapshot.tip.knows(event))
            .map(draft)
            .collect())
    }

    /// Whether the ledger says this of the candidate already, or of a review.
    fn is_moot(&self, event: &Event, state: Option<&DeploymentState>) -> bool {
        let number = self.config.by.as_ref().map(|me| me.candidate);
        let known = number.and_then(|n| state?.announced.get(&n));
        match event {
            Event::Announced { .. } => known.is_some(),
            Event::Signalled { .. } => known.is_some_and(|c| c.signalled),
            Event::Approval {
                environment,
                user,
                state: said,
                ..
            } => state.is_some_and(|deployment| {
                deployment.reviews.iter().any(|known| {
                    (&known.environment, &known.user, &known.state) == (environment, user, said)
                })
            }),
            _ => false,
        }
    }
}
