//! Wakes a person, once, and tells them when it is over (design §8, "Alerts").
//!
//! Responsible for: who of several processes speaks, as the ledger says; that what was told, and what was not, stands in
//! the ledger and in the summary. Not responsible for what is said ([`crate::news`]) nor for the ways (`notify`). Nothing
//! here changes how a deployment ended.

use std::{sync::Arc, time::Duration};

use actions_kit::{Status, Summary, markdown};
use lease::{
    Timing,
    protocol::{Alarm, AlarmConfig, AlarmEnd},
    shell,
    store::{Snapshot, Store},
};
use ledger::{AlertKind, AlertState, Channel, Deployment, Event, targets};
use leg::{NoHands, ThisHost, Voice};
use notify::{Channels, News, Resolved};
use tokio::time::Instant;

/// How long people may take to be told, all ways at once.
///
/// The claim, this, and what records it stay together well below the minute after which another process tells the same
/// ([`ALERT_UNSENT`](lease::protocol::ALERT_UNSENT)); and a verdict that has trouble with all of them ends within a minute.
const TELL_WITHIN: Duration = Duration::from_secs(25);

/// How long the store may be silent before people are told without it.
const CLAIM_PATIENCE: Duration = Duration::from_secs(10);

/// How long it may be silent when people were told and that is to be recorded.
const RECORD_PATIENCE: Duration = Duration::from_secs(8);

/// What became of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// By which ways, those that failed among them.
    pub(crate) channels: Vec<Channel>,
    /// Another process has told it.
    pub(crate) elsewhere: bool,
    /// What a person should know beside it.
    pub(crate) notes: Vec<String>,
}

/// Who tells something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// This process, now.
    Ours {
        /// What a person should know beside it.
        notes: Vec<String>,
    },
    /// Not this one: another has told it, or nobody is to be told.
    Over(Told),
}

/// Who tells, and where that is recorded.
pub(crate) struct Alerting<'a> {
    pub(crate) channels: &'a Channels,
    /// Nothing where it is out of reach: then people are told all the same.
    pub(crate) store: Option<&'a Arc<dyn Store>>,
    pub(crate) timing: Timing,
    pub(crate) voice: &'a Voice,
}

impl Alerting<'_> {
    /// Tells `news` of `deployment`, unless another process has.
    pub(crate) async fn alert(&self, deployment: &Deployment, news: &News) -> Told {
        match self.claim(deployment, news).await {
            Claim::Ours { notes } => self.speak(deployment, news, notes).await,
            Claim::Over(told) => told,
        }
    }

    /// Finds out who tells `news`. Takes as long as another process that is about to tell it needs.
    pub(crate) async fn claim(&self, deployment: &Deployment, news: &News) -> Claim {
        let mut notes = Vec::new();
        if self.channels.is_empty() {
            return Claim::Over(Told::default());
        }
        if let Some(store) = self.store {
            let speaks = self.may_speak(store, deployment, &news.key, news.kind);
            match speaks.await {
                Ok(true) => {}
                Ok(false) => {
                    return Claim::Over(Told {
                        elsewhere: true,
                        ..Told::default()
                    });
                }
                // Twice is better than never.
                Err(why) => notes.push(format!(
                    "the ledger could not be asked whether people were told already ({why}): they may be told once more"
                )),
            }
        }
        Claim::Ours { notes }
    }

    /// Tells `news` of `deployment`, which this process has claimed, and records that.
    pub(crate) async fn speak(
        &self,
        deployment: &Deployment,
        news: &News,
        notes: Vec<String>,
    ) -> Told {
        let channels = self.channels.tell(news, Instant::now() + TELL_WITHIN).await;
        let mut told = Told {
            channels,
            notes,
            ..Told::default()
        };
        if told.channels.iter().any(|channel| channel.told) {
            // Where the ledger could not be asked, it does not know yet what people were told; else this is left out.
            let alert = Event::Alert {
                key: news.key.clone(),
                kind: news.kind,
                instance: leg::random_name(),
                claim: 1,
            };
            let sent = Event::AlertSent {
                key: news.key.clone(),
                channels: told.channels.clone(),
            };
            told.notes
                .extend(self.record(deployment, vec![alert, sent]).await);
        }
        told
    }

    /// Tells that each of `alerts` is over, because of `news`.
    pub(crate) async fn resolve(
        &self,
        deployment: &Deployment,
        alerts: &[&AlertState],
        lock: &str,
        news: &News,
    ) -> Told {
        let mut told = Told::default();
        if self.channels.is_empty() {
            return told;
        }
        let deadline = Instant::now() + TELL_WITHIN;
        let mut over = Vec::new();
        for alert in alerts {
            // Another verdict may have told it since.
            if let Some(store) = self.store
                && let Ok(seen) = store.read().await
                && seen.tip.alert(&alert.key).is_some_and(|a| a.resolved)
            {
                continue;
            }
            let resolved = Resolved::new(alert, lock, news.clone());
            let channels = self.channels.resolve(&resolved, deadline).await;
            if channels.iter().any(|channel| channel.told) {
                over.push(Event::AlertResolved {
                    key: alert.key.clone(),
                    channels: channels.clone(),
                });
            }
            told.channels.extend(channels);
        }
        if !over.is_empty() {
            told.notes.extend(self.record(deployment, over).await);
        }
        told
    }

    async fn may_speak(
        &self,
        store: &Arc<dyn Store>,
        deployment: &Deployment,
        key: &str,
        kind: AlertKind,
    ) -> Result<bool, String> {
        let mut alarm = Alarm::new(AlarmConfig {
            deployment: deployment.clone(),
            key: key.to_owned(),
            kind,
            instance: leg::random_name(),
            resend_after: self.timing.resend_after,
            patience: CLAIM_PATIENCE,
            poll: self.timing.poll,
        });
        let mut hands = NoHands(self.voice);
        shell::run(&mut alarm, store, self.timing.poll, &ThisHost, &mut hands).await;
        match alarm.end() {
            Some(AlarmEnd::Speak(_)) => Ok(true),
            Some(AlarmEnd::Told) => Ok(false),
            Some(AlarmEnd::StoreLost(error)) => Err(error.to_string()),
            None => Err("it was given up".to_owned()),
        }
    }

    /// Records what people were told; why that failed, where it did.
    async fn record(&self, deployment: &Deployment, events: Vec<Event>) -> Option<String> {
        let store = self.store?;
        let (timing, voice) = (&self.timing, self.voice);
        leg::keep_books(store, deployment, events, timing, RECORD_PATIENCE, voice)
            .await
            .err()
            .map(|error| {
                format!("the ledger was not told of it ({error}): people may be told once more")
            })
    }
}

/// The alerts that are over now that `judged` has come to its end: where it succeeded, those of deployments that ended
/// before it did (a verdict that is run again must not call a later failure off), and, where the queue is short again,
/// those of the queue. `at_github` wait in the concurrency group.
pub(crate) fn over<'a>(
    seen: &'a Snapshot,
    judged: &str,
    succeeded: bool,
    at_github: usize,
) -> Vec<&'a AlertState> {
    let short = seen.tip.queue_depth().max(at_github) <= targets::QUEUE_DEPTH;
    let last = |id: &str| seen.tip.deployment(id).map(|state| state.last_seq);
    let end = last(judged);
    seen.tip
        .open_alerts()
        .filter(|alert| match alert.kind {
            // One that the tip has forgotten lies far back.
            AlertKind::DeploymentFailed => succeeded && last(&alert.deployment) <= end,
            AlertKind::QueueDeep => short,
        })
        .collect()
}

impl Told {
    /// Tells people who read the log or the summary whether somebody was woken.
    pub(crate) fn tell(&self, what: &str, summary: &mut Summary, voice: &Voice) {
        if self.elsewhere {
            voice.say(&format!("{what}: another process has told it"));
            summary.paragraph(&format!(
                "{what}: told by another process; the ledger says by which ways."
            ));
        }
        for channel in &self.channels {
            let (name, detail) = (&channel.channel, &channel.detail);
            let status = if channel.told {
                Status::Pass
            } else {
                Status::Fail
            };
            if channel.told {
                voice.say(&format!("{what}: told by {name}: {detail}"));
            } else {
                voice.warning(&format!(
                    "{what}: nobody could be told by {name}: {detail}. The deployment's result stands"
                ));
            }
            summary.paragraph(&format!(
                "{} {what}, {name}: {}",
                status.sign(),
                markdown::text(detail)
            ));
        }
        for note in &self.notes {
            voice.warning(&format!("{what}: {note}"));
            summary.paragraph(&format!(
                "{} {what}: {}",
                Status::Warn.sign(),
                markdown::text(note)
            ));
        }
    }
}
