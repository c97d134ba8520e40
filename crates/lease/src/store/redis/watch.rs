//! Being told of changes: one subscription, kept by a task of its own that ends with the store.
//!
//! Only a hint: whoever waits reads again after some time, whatever was heard. A subscription that may not be made is
//! tried again at leisure.

use std::{sync::Arc, time::Duration};

use probes::redis::Value;
use tokio::{
    sync::watch::{Receiver, Sender, channel},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{failure::Failure, pool::Pool};

/// After so much silence the server is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(3);

/// From one failed try to the next.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// What has been heard so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// Whether the subscription stands: from then on every change is heard.
    pub(super) stands: bool,
    /// Grows with everything that is heard, and whenever the subscription is made anew.
    pub(super) count: u64,
    /// The last message since it stands.
    pub(super) newest: Option<String>,
}

/// The task that listens.
#[derive(Debug)]
pub(super) struct Listener {
    heard: Receiver<Heard>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Begins to listen.
    pub(super) fn start(pool: Arc<Pool>, channel_name: String) -> Listener {
        let (told, heard) = channel(Heard::default());
        let task = tokio::spawn(async move {
            loop {
                let _broken = listen(&pool, &channel_name, &told).await;
                told.send_modify(|heard| heard.stands = false);
                sleep(PAUSE).await;
            }
        });
        Listener { heard, task }
    }

    pub(super) fn heard(&self) -> Receiver<Heard> {
        self.heard.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens until the connection breaks.
async fn listen(pool: &Pool, name: &str, told: &Sender<Heard>) -> Result<(), Failure> {
    let patience = pool.request_timeout();
    let mut session = pool.session(Instant::now() + patience).await?;
    session
        .send(&["SUBSCRIBE", name])
        .await
        .map_err(Failure::Asking)?;
    let mut asked = true;
    loop {
        let wait = if asked { patience } else { SILENCE };
        let Ok(said) = timeout(wait, session.pushed()).await else {
            if asked {
                return Ok(());
            }
            asked = true;
            session.until(Instant::now() + patience);
            session.send(&["PING"]).await.map_err(Failure::Asking)?;
            continue;
        };
        asked = false;
        let said = said.map_err(Failure::Asking)?;
        match said.list().unwrap_or_default() {
            [Value::Text(kind), ..] if kind == "subscribe" => told.send_modify(|heard| {
                *heard = Heard {
                    stands: true,
                    count: heard.count + 1,
                    newest: None,
                };
            }),
            [Value::Text(kind), _, Value::Text(message)] if kind == "message" => {
                told.send_modify(|heard| {
                    heard.count += 1;
                    heard.newest = Some(message.clone());
                });
            }
            _ => {}
        }
    }
}
