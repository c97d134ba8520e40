//! What a person may write: `transfer` and `unlock` (design §4).

use std::time::Duration;

use ledger::{Draft, Event, FailureReason, Outcome};

use super::{
    Effect, Input, Now, STORE_PATIENCE,
    lane::{Fate, Lane},
    rows, rules,
    view::View,
};
use crate::{
    Phase, Record,
    store::{Snapshot, StoreError},
};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// The holder gives up, another candidate takes over.
    Transfer,
    /// A held lock is free again; its deployment has failed.
    Unlock,
}

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersonConfig {
    /// What is asked for.
    pub request: Request,
    /// Who asks.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Only if the record is this deployment's.
    pub deployment: Option<String>,
    /// An unanswered write is sent again this long after its last send.
    pub resend_after: Duration,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum PersonEnd {
    /// It is written.
    Done(Box<Record>),
    /// The record is not one to do that to; a sentence that fits "failed to …".
    Refused(String),
    /// The store gave no usable answer.
    StoreLost(StoreError),
}

/// A request under way. Its effects are [`Effect::Read`] and [`Effect::Send`]; its end is [`Person::end`].
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Person {
    config: PersonConfig,
    lane: Lane<()>,
    view: Option<View>,
    started: Option<Duration>,
    reading: bool,
    read_sent: Option<Duration>,
    error: Option<StoreError>,
    end: Option<PersonEnd>,
    wake: Duration,
}

impl Person {
    /// A request that has not begun.
    pub fn new(config: PersonConfig) -> Self {
        Person {
            config,
            lane: Lane::new(),
            view: None,
            started: None,
            reading: false,
            read_sent: None,
            error: None,
            end: None,
            wake: Duration::ZERO,
        }
    }

    /// When `step` wants to be called with [`Input::Tick`] at the latest, on CLOCK_BOOTTIME.
    pub fn wake_at(&self) -> Duration {
        self.wake
    }

    /// How it ended, once it has.
    pub fn end(&self) -> Option<&PersonEnd> {
        self.end.as_ref()
    }

    /// Takes in what happened at `now` and returns what must be done. `nonce` must be fresh for every call.
    pub fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        let started = *self.started.get_or_insert(now.boot);
        match input {
            Input::Read(Ok(snapshot)) => self.on_read(now.boot, snapshot),
            Input::Read(Err(error)) => {
                self.reading = false;
                self.error = Some(error);
            }
            Input::Swapped { nonce, result } => {
                if let Some((sent, _)) = self.lane.answered(&nonce, result) {
                    self.end = sent
                        .write
                        .record
                        .clone()
                        .map(|r| PersonEnd::Done(Box::new(r)));
                }
            }
            _ => {}
        }
        let unanswered = self.lane.unanswered().map(|(_, error)| error);
        let late = now.boot >= started + STORE_PATIENCE;
        let refused = self
            .lane
            .final_error
            .clone()
            .or(self.error.clone())
            .filter(|e| late || !e.is_passing());
        if let Some(error) = refused.or(unanswered.filter(|_| late)) {
            self.end.get_or_insert(PersonEnd::StoreLost(error));
        }
        if self.end.is_none() {
            self.advance(now, nonce, &mut out);
        }
        out
    }

    fn on_read(&mut self, now: Duration, snapshot: Snapshot) {
        self.reading = false;
        self.error = None;
        if self.view.as_ref().is_some_and(|v| v.is_older(&snapshot)) {
            return;
        }
        // Won now, or given up after a read that lagged, and landed all the same.
        let landed = snapshot
            .record
            .as_ref()
            .and_then(|r| self.lane.remembered(&r.nonce).cloned());
        let won = match self.lane.fate(&snapshot) {
            Fate::Won(sent) => Some(sent),
            Fate::Gone | Fate::Open => landed,
        };
        if let Some(sent) = won {
            self.end = sent
                .write
                .record
                .clone()
                .map(|r| PersonEnd::Done(Box::new(r)));
        }
        self.view = Some(View::new("", snapshot, now));
    }

    fn advance(&mut self, now: Now, nonce: &str, out: &mut Vec<Effect>) {
        let pause = self.config.resend_after;
        if self.lane.is_busy() {
            out.extend(self.lane.resend(now.boot, pause).map(Effect::Send));
        } else if let Some(view) = &self.view {
            match self.row(view) {
                Ok((record, drafts)) => {
                    out.push(Effect::Send(self.lane.write(
                        now,
                        nonce,
                        (),
                        view,
                        Some(record),
                        drafts,
                    )));
                }
                Err(why) => {
                    self.end = Some(PersonEnd::Refused(why));
                    return;
                }
            }
        }
        let due = self.read_sent.map_or(now.boot, |sent| sent + pause / 4);
        let wanted = self.view.is_none() || self.lane.must_read;
        if wanted && !self.reading && due <= now.boot {
            self.reading = true;
            self.read_sent = Some(now.boot);
            out.push(Effect::Read);
        }
        self.wake = now.boot + pause / 4;
    }

    fn row(&self, view: &View) -> Result<(Record, Vec<Draft>), String> {
        let Some(record) = view.record() else {
            return Err("nothing was ever deployed under this lock".to_owned());
        };
        if let Some(wanted) = self
            .config
            .deployment
            .as_ref()
            .filter(|d| **d != record.deployment.id)
        {
            return Err(format!(
                "the lock is with {}, not with {wanted}",
                record.deployment.id
            ));
        }
        let phase = record.phase;
        let (actor, reason) = (&self.config.actor, &self.config.reason);
        match self.config.request {
            Request::Transfer => {
                if phase != Phase::Deploying {
                    return Err(format!(
                        "{} is in phase {phase}: only `deploying` can be transferred",
                        record.deployment.id
                    ));
                }
                let state = view.snapshot.tip.deployment(&record.deployment.id);
                let candidates = state.map_or(0, |s| s.candidates);
                if !rules::another_is_left(record.holder.candidate, candidates, record, state) {
                    return Err("no candidate is left to take over".to_owned());
                }
                if state.is_some_and(|s| s.on_failure_started) {
                    return Err(
                        "the deployment has failed already and `on-failure` runs".to_owned()
                    );
                }
                let event = Event::TransferRequested {
                    actor: actor.clone(),
                    reason: reason.clone(),
                };
                let draft = rows::foreign(&record.deployment, record.token, event);
                Ok((
                    Record {
                        phase: Phase::Transferring,
                        ..record.clone()
                    },
                    vec![draft],
                ))
            }
            Request::Unlock => {
                if phase != Phase::Held {
                    return Err(format!(
                        "the lock is not held: {} is in phase {phase}",
                        record.deployment.id
                    ));
                }
                let detail = format!("unlocked by {actor}: {reason}");
                rows::ended_by_others(view, Outcome::Failed, Some(FailureReason::Held), &detail)
                    .ok_or_else(|| "nothing was ever deployed under this lock".to_owned())
            }
        }
    }
}
