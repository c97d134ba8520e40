//! Tells people when too many deployments wait: at the lease, or already at GitHub.

use std::{cell::Cell, time::Duration};

use github::{Client, ClientOptions, Token};
use lease::{
    protocol::{Command, Input},
    shell::Hands,
};
use ledger::{Deployment, targets};
use leg::Voice;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};

use crate::{
    alerting::{Alerting, Claim, Told},
    config::{Config, Lock},
    news,
};

/// How often GitHub is asked who waits: 12 of the 1,000 requests that a repository has an hour (design §11).
const EVERY: Duration = Duration::from_secs(300);

/// Hands that run nothing and pass on how many deployments wait.
pub(crate) struct CountingHands<'a> {
    pub(crate) voice: &'a Voice,
    pub(crate) waiting: watch::Sender<usize>,
}

impl Hands for CountingHands<'_> {
    fn feed(&mut self, _deadline: Duration) {}
    fn start(&mut self, _command: Command, _number: u32, _token: u64, _timeout: Duration) {}
    fn stop(&mut self, _now: bool) {}
    fn say(&mut self, text: &str) {
        self.voice.say(text);
    }
    fn waiting(&mut self, deployments: usize) {
        self.waiting.send_replace(deployments);
    }
    async fn next(&mut self) -> Input {
        std::future::pending().await
    }
}

/// Who asks whether the queue is deep, and tells it once.
pub(crate) struct Queue<'a> {
    pub(crate) config: &'a Config,
    pub(crate) lock: &'a Lock,
    pub(crate) group: Option<&'a str>,
    pub(crate) alerting: Alerting<'a>,
    /// The deployment that is judged.
    pub(crate) deployment: &'a Deployment,
    pub(crate) waiting: watch::Receiver<usize>,
    /// Set once this process tells people: whoever gives up watching lets that come to its end. Not while another process
    /// is about to tell them, for which nobody waits.
    pub(crate) telling: &'a Cell<bool>,
}

impl Queue<'_> {
    /// Watches until the queue is deep, tells it, and says what came of it. Never returns where it is not.
    pub(crate) async fn watch(mut self) -> Told {
        let mut asking = tokio::time::interval_at(Instant::now(), EVERY);
        asking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut in_the_group = 0;
        loop {
            let at_the_lease = *self.waiting.borrow_and_update();
            let deepest = at_the_lease.max(in_the_group);
            if deepest > targets::QUEUE_DEPTH {
                return self.tell(deepest).await;
            }
            tokio::select! {
                changed = self.waiting.changed() => {
                    if changed.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                _ = asking.tick(), if self.group.is_some() => {
                    in_the_group = at_github(self.config, self.group, self.alerting.voice).await;
                }
            }
        }
    }

    async fn tell(&self, waiting: usize) -> Told {
        let store = self.alerting.store;
        let seen = match store {
            Some(store) => store.read().await.ok(),
            None => None,
        };
        let holder = seen
            .as_ref()
            .and_then(|seen| seen.record.as_ref())
            .filter(|record| !record.phase.is_terminal())
            .map_or(self.deployment, |record| &record.deployment);
        let news = news::of_queue(self.config, self.lock, holder, waiting, seen.as_ref());
        match self.alerting.claim(holder, &news).await {
            Claim::Ours { notes } => {
                self.telling.set(true);
                self.alerting.speak(holder, &news, notes).await
            }
            Claim::Over(told) => told,
        }
    }
}

/// How many runs wait in the concurrency group; none where GitHub does not say: then nobody is woken.
pub(crate) async fn at_github(config: &Config, group: Option<&str>, voice: &Voice) -> usize {
    let context = &config.context;
    let (Some(api), Some(repository), Some(token), Some(group)) = (
        &context.api_url,
        &context.repository,
        &config.token,
        group.filter(|_| !context.is_act),
    ) else {
        return 0;
    };
    let asked = async {
        let token = Token::new(token.expose()).map_err(|error| error.to_string())?;
        let options = ClientOptions::new(api, token);
        let client = Client::new(options).map_err(|error| error.to_string())?;
        let run = context.run_id.unwrap_or_default();
        client
            .queue(&repository.owner, &repository.name, group, run)
            .await
            .map_err(|error| error.to_string())
    };
    match asked.await {
        Ok(queue) => queue.pending.len(),
        Err(why) => {
            voice.say(&format!(
                "GitHub does not say who waits in the concurrency group {group}: {why}"
            ));
            0
        }
    }
}
