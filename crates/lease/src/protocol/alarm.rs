//! Who wakes a person: exactly one of all the processes that have the same to tell, and another where that one dies
//! before it has told it (design §7: `alert`, `alert_sent`; §8).
//!
//! Responsible for: that only a claim that stands in the ledger lets a process speak, and that a claim that nothing
//! follows for [`ALERT_UNSENT`] is claimed once more, with the same key. Not responsible for: telling it, and for
//! recording that it was told ([`Appender`] does). A process that dies after it told and before it recorded that it did
//! is followed by another that tells the same again, under the same key: a person is told at least once.

use std::time::Duration;

use ledger::{AlertKind, Deployment, Event};

use super::{Appender, AppenderConfig, AppenderEnd, Effect, Input, Now};
use crate::store::{Snapshot, StoreError};

/// How long a claim may stand without `alert_sent` before it is claimed once more (design §7).
pub const ALERT_UNSENT: Duration = Duration::from_secs(60);

/// What is to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmConfig {
    /// The deployment that it is about.
    pub deployment: Deployment,
    /// The same for every process that has the same to tell.
    pub key: String,
    /// What kind of news it is.
    pub kind: AlertKind,
    /// Fresh for every process.
    pub instance: String,
    /// An unanswered write is sent again this long after its last send.
    pub resend_after: Duration,
    /// How long the store may give no usable answer.
    pub patience: Duration,
    /// How often the store is read while another process is about to tell.
    pub poll: Duration,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum AlarmEnd {
    /// This process tells it, now; what was seen of the store.
    Speak(Box<Snapshot>),
    /// Another has told it.
    Told,
    /// The store gave no usable answer for too long: who has told it is not known.
    StoreLost(StoreError),
}

/// One process that has something to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    config: AlarmConfig,
    claiming: Option<Appender>,
    waiting: Waiting,
    end: Option<AlarmEnd>,
}

/// Another process is about to tell it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Waiting {
    /// The newest claim that was seen, and since when.
    claim: Option<(u32, Duration)>,
    /// People who read the log know why nothing happens.
    said: bool,
    reading: bool,
    read_sent: Option<Duration>,
    failing: Option<(Duration, StoreError)>,
    wake: Duration,
}

impl Alarm {
    /// One that has not looked yet.
    pub fn new(config: AlarmConfig) -> Self {
        let claiming = Some(claim(&config, 1));
        Alarm {
            config,
            claiming,
            waiting: Waiting::default(),
            end: None,
        }
    }

    /// When `step` wants to be called with [`Input::Tick`] at the latest, on CLOCK_BOOTTIME.
    pub fn wake_at(&self) -> Duration {
        self.claiming
            .as_ref()
            .map_or(self.waiting.wake, Appender::wake_at)
    }

    /// How it ended, once it has.
    pub fn end(&self) -> Option<&AlarmEnd> {
        self.end.as_ref()
    }

    /// Takes in what happened at `now` and returns what must be done. `nonce` must be fresh for every call.
    pub fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        if self.end.is_some() {
            return Vec::new();
        }
        let mut out = match self.claiming {
            None => self.wait(now, nonce, input),
            Some(_) => self.claim(now, nonce, input),
        };
        if self.end.is_none() && self.waiting.claim.is_some() && !self.waiting.said {
            self.waiting.said = true;
            out.push(Effect::Say(format!(
                "another process is about to tell people; unless it does within {} s, this one tells them",
                ALERT_UNSENT.as_secs()
            )));
        }
        out
    }

    fn claim(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        let Some(appender) = &mut self.claiming else {
            return Vec::new();
        };
        let out = appender.step(now, nonce, input);
        match appender.end().cloned() {
            None => return out,
            Some(AppenderEnd::StoreLost(error)) => self.end = Some(AlarmEnd::StoreLost(error)),
            Some(AppenderEnd::Done(snapshot)) => {
                self.claiming = None;
                // A read of the appender's may still be under way: its answer is as good as any.
                self.waiting.reading = false;
                self.waiting.read_sent = Some(now.boot);
                self.look(now.boot, *snapshot);
            }
            // Neither is said of an entry of the ledger's own affairs that nobody signs.
            Some(AppenderEnd::Finished { .. } | AppenderEnd::NumberTaken { .. }) => {
                self.end = Some(AlarmEnd::Told);
            }
        }
        out
    }

    fn wait(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        match input {
            Input::Read(Ok(snapshot)) => {
                self.waiting.reading = false;
                self.waiting.failing = None;
                self.look(now.boot, snapshot);
            }
            Input::Read(Err(error)) => {
                self.waiting.reading = false;
                let since = self.waiting.failing.take().map_or(now.boot, |(at, _)| at);
                self.waiting.failing = Some((since, error));
            }
            _ => {}
        }
        if self.claiming.is_some() {
            return self.claim(now, nonce, Input::Tick);
        }
        if let Some((since, error)) = &self.waiting.failing
            && (now.boot >= *since + self.config.patience || !error.is_passing())
        {
            self.end = Some(AlarmEnd::StoreLost(error.clone()));
        }
        if self.end.is_some() {
            return Vec::new();
        }
        let due = self
            .waiting
            .read_sent
            .map_or(now.boot, |sent| sent + self.config.poll);
        if !self.waiting.reading && due <= now.boot {
            self.waiting.reading = true;
            self.waiting.read_sent = Some(now.boot);
            self.waiting.wake = now.boot + self.config.poll;
            return vec![Effect::Read];
        }
        self.waiting.wake = due.max(now.boot + self.config.resend_after / 4);
        Vec::new()
    }

    /// What `snapshot` says of who tells it.
    fn look(&mut self, now: Duration, snapshot: Snapshot) {
        let Some(alert) = snapshot.tip.alert(&self.config.key) else {
            // A read that lags, or a tip that forgot it: only a claim tells.
            return self.claim_once_more(1);
        };
        if alert.sent {
            self.end = Some(AlarmEnd::Told);
            return;
        }
        if alert.instance == self.config.instance {
            self.end = Some(AlarmEnd::Speak(Box::new(snapshot)));
            return;
        }
        let claim = alert.claim;
        let since = match self.waiting.claim {
            Some((known, since)) if known >= claim => since,
            _ => now,
        };
        self.waiting.claim = Some((claim, since));
        if now >= since + ALERT_UNSENT {
            self.claim_once_more(claim + 1);
        }
    }

    fn claim_once_more(&mut self, number: u32) {
        self.claiming = Some(claim(&self.config, number));
    }
}

fn claim(config: &AlarmConfig, number: u32) -> Appender {
    Appender::new(AppenderConfig {
        deployment: config.deployment.clone(),
        by: None,
        instance: String::new(),
        events: vec![Event::Alert {
            key: config.key.clone(),
            kind: config.kind,
            instance: config.instance.clone(),
            claim: number,
        }],
        resend_after: config.resend_after,
        patience: config.patience,
    })
}
