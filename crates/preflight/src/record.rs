//! What this step tells the ledger, and what the ledger tells it: never a word to the lease (design §4).

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use lease::{
    protocol::{Appender, AppenderConfig, AppenderEnd},
    shell,
    store::{Snapshot, Store},
};
use ledger::{Event, FailureReason, Outcome, PreflightResult};
use leg::{NoHands, ThisHost, Voice};
use preflight::judgement::Override;

use crate::config::Leg;

/// How long the store may be silent before this step goes on without it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may be silent once a signal wants this process to end: GitHub kills 10 s after it (design §6).
const LAST_PATIENCE: Duration = Duration::from_secs(4);

/// What came of telling the ledger something.
pub(crate) enum Told {
    /// It stands there; what else was seen.
    Done(Box<Snapshot>),
    /// The deployment had come to its end before.
    Finished(Finished),
    /// Another process has this candidate's number.
    NumberTaken(String),
    /// The store gave no usable answer; why, as a sentence without its end.
    Lost(String),
}

/// The other candidates of this deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// One is fit, or not here yet.
    Left,
    /// Each is unfit or was told to stop, or there is none.
    None,
    /// They were not told of this one.
    Untold,
    /// Nobody keeps a ledger, or the deployment has ended.
    Unknown,
}

/// How a deployment had ended.
pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    /// Why, where it did not succeed.
    pub(crate) reason: Option<FailureReason>,
    /// One sentence for people.
    pub(crate) detail: String,
}

/// The ledger, as far as it could be reached.
pub(crate) struct Record<'a> {
    leg: &'a Leg,
    voice: &'a Voice,
    store: Option<Arc<dyn Store>>,
}

impl<'a> Record<'a> {
    pub(crate) fn new(leg: &'a Leg, voice: &'a Voice) -> Self {
        Record {
            leg,
            voice,
            store: None,
        }
    }

    /// Says that this candidate is here: later words count only then, and a secondary waits for a primary that is.
    pub(crate) async fn announce(&mut self) -> Told {
        match self.open().await {
            Ok(store) => {
                // Before anything is told: a signal may cut the announcement off, and has a word of its own to tell.
                self.store = Some(Arc::clone(&store));
                self.append(&store, vec![self.announced()], PATIENCE).await
            }
            Err(error) => Told::Lost(format!("failed to {error:#}")),
        }
    }

    /// Tells what came of the checks, and who answers for what was ignored.
    pub(crate) async fn conclude(
        &self,
        failed: &[&str],
        overridden: &[&str],
        ignored: Option<&Override>,
        approvals: Vec<Event>,
    ) -> Told {
        // Once more for a store that was away at first; it is left out where it stands there already.
        let mut events = vec![self.announced()];
        events.extend(approvals);
        if let Some(given) = ignored.filter(|_| !overridden.is_empty()) {
            events.push(Event::Override {
                checks: overridden.iter().map(|id| (*id).to_owned()).collect(),
                reason: given.reason.clone(),
                until: given.until.clone(),
                actor: given.actor.clone(),
            });
        }
        events.push(Event::Preflight {
            result: if failed.is_empty() {
                PreflightResult::Pass
            } else {
                PreflightResult::Fail
            },
            failed: failed.iter().map(|id| (*id).to_owned()).collect(),
        });
        match &self.store {
            Some(store) => self.append(store, events, PATIENCE).await,
            None => Told::Lost("the store is out of reach".to_owned()),
        }
    }

    /// Whether another candidate can go on, by what was seen.
    pub(crate) fn others(&self, seen: &Snapshot) -> Others {
        let state = seen.tip.deployment(&self.leg.deployment.id);
        let out = |number| state.is_some_and(|s| s.unfit(number) || s.signalled(number));
        let mut others = (1..=self.leg.candidates).filter(|n| *n != self.leg.me.candidate);
        if others.all(out) {
            Others::None
        } else {
            Others::Left
        }
    }

    /// Tells that this process was asked to end. An announcement that had no time to arrive comes with it: a signal of a
    /// candidate that nobody knows says nothing.
    pub(crate) async fn signalled(&self, signal: &str) {
        let signalled = Event::Signalled {
            signal: signal.to_owned(),
        };
        if let Some(store) = &self.store {
            let events = vec![self.announced(), signalled];
            let told = self.append(store, events, LAST_PATIENCE).await;
            if let Told::Lost(why) = told {
                self.voice
                    .say(&format!("failed to tell the ledger of {signal}: {why}"));
            }
        }
    }

    fn announced(&self) -> Event {
        Event::Announced {
            candidates: self.leg.candidates,
            instance: self.leg.instance.clone(),
        }
    }

    async fn open(&self) -> anyhow::Result<Arc<dyn Store>> {
        let timing = self.leg.place.timing();
        self.leg
            .place
            .open(&self.leg.lock, timing.request_timeout, timing.poll)
            .await
            .context("open the store")
    }

    async fn append(&self, store: &Arc<dyn Store>, events: Vec<Event>, patience: Duration) -> Told {
        let timing = self.leg.place.timing();
        let mut appender = Appender::new(AppenderConfig {
            deployment: self.leg.deployment.clone(),
            by: Some(self.leg.me.clone()),
            instance: self.leg.instance.clone(),
            events,
            resend_after: timing.resend_after,
            patience,
        });
        let mut hands = NoHands(self.voice);
        shell::run(&mut appender, store, timing.poll, &ThisHost, &mut hands).await;
        match appender.end().cloned() {
            Some(AppenderEnd::Done(snapshot)) => Told::Done(snapshot),
            Some(AppenderEnd::Finished {
                outcome,
                reason,
                detail,
            }) => Told::Finished(Finished {
                outcome,
                reason,
                detail,
            }),
            Some(AppenderEnd::NumberTaken { by }) => Told::NumberTaken(by.to_string()),
            Some(AppenderEnd::StoreLost(error)) => Told::Lost(error.to_string()),
            None => Told::Lost("the ledger was given up".to_owned()),
        }
    }
}
