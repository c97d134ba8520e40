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
    alerting::{Alerting, Told},
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
    /// Set once people are being told: whoever gives up watching lets that come to its end.
    pub(crate) telling: &'a Cell<bool>,
}

impl Queue<'_> {
    /// Watches until the queue is deep, tells it, and says what came of it. Never returns where it is not.
    pub(crate) async fn watch(mut self) -> Told {
        let mut asking = tokio::time::interval_at(Instant::now(), EVERY);
        asking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut at_github = 0;
        loop {
            let at_the_lease = *self.waiting.borrow_and_update();
            let deepest = at_the_lease.max(at_github);
            if deepest > targets::QUEUE_DEPTH {
                self.telling.set(true);
                return self.tell(deepest).await;
            }
            tokio::select! {
                changed = self.waiting.changed() => {
                    if changed.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                _ = asking.tick(), if self.group.is_some() => at_github = self.ask_github().await,
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
        self.alerting.alert(holder, &news).await
    }

    /// How many runs wait in the concurrency group; none where GitHub does not say: then nobody is woken.
    async fn ask_github(&self) -> usize {
        let context = &self.config.context;
        let (Some(api), Some(repository), Some(token), Some(group)) = (
            &context.api_url,
            &context.repository,
            &self.config.token,
            self.group,
        ) else {
            return 0;
        };
        if context.is_act {
            return 0;
        }
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
                self.alerting.voice.say(&format!(
                    "GitHub does not say who waits in the concurrency group {group}: {why}"
                ));
                0
            }
        }
    }
}
