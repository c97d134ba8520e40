//! What is read before anything is told: the ledger, and how many runs wait in front of it.

use std::{sync::Arc, time::Duration};

use github::{Client, ClientOptions, Token};
use lease::store::{Snapshot, Store, StoreError};
use leg::Voice;
use supervisor::boottime;

use crate::{config::Config, tries::Tries};

/// How long the store may take to answer one question. A step at the end of a job waits longer than a heartbeat may.
const REQUEST: Duration = Duration::from_secs(10);

/// How long the first reading may take, all tries together.
const FIRST_WITHIN: Duration = Duration::from_secs(45);

/// How long to wait before the store is asked again.
const PAUSE: Duration = Duration::from_secs(2);

/// How long GitHub may take to say who waits: the lease's own queue is known without it.
const QUEUE_WITHIN: Duration = Duration::from_secs(5);

/// A reading of the ledger.
pub(crate) struct Reading {
    /// When it was asked for, on CLOCK_BOOTTIME: it may be older than that by nothing.
    pub(crate) asked_at: Duration,
    pub(crate) snapshot: Snapshot,
}

/// Makes the store ready to be read.
///
/// # Errors
/// The store's.
pub(crate) async fn open(config: &Config) -> Result<Arc<dyn Store>, StoreError> {
    config
        .place
        .open_to_read(&config.lock, REQUEST, config.place.timing().poll)
        .await
}

/// Reads the ledger once.
///
/// # Errors
/// The store's.
pub(crate) async fn once(store: &Arc<dyn Store>) -> Result<Reading, StoreError> {
    let asked_at = boottime::now();
    let snapshot = store.read().await?;
    Ok(Reading { asked_at, snapshot })
}

/// Reads the ledger, and asks again where that may help.
///
/// # Errors
/// The store's words, and how long it was asked.
pub(crate) async fn first(store: &Arc<dyn Store>, voice: &Voice) -> Result<Reading, String> {
    let ends = boottime::now() + FIRST_WITHIN;
    let mut tries = Tries::new("read the ledger", boottime::now());
    loop {
        match once(store).await {
            Ok(reading) => return Ok(reading),
            Err(error) => {
                let again = error.is_passing() && boottime::now() + PAUSE < ends;
                tries.failed(&error.to_string());
                if !again {
                    return Err(tries.told(boottime::now()));
                }
                if let Some(line) = tries.line() {
                    voice.say(&line);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// How many runs wait in the concurrency group; nothing where that was not asked for or is not known.
pub(crate) async fn waiting_at_github(config: &Config, voice: &Voice) -> Option<u64> {
    let group = config.concurrency_group.as_ref()?;
    match tokio::time::timeout(QUEUE_WITHIN, ask_github(config, group)).await {
        Ok(Ok(waiting)) => Some(waiting),
        Ok(Err(why)) => {
            voice.warning(&format!(
                "failed to ask GitHub who waits in the concurrency group {group}: {why}. Counted are those that wait at the \
                 lease"
            ));
            None
        }
        Err(_) => {
            voice.warning(&format!(
                "GitHub did not say within {} s who waits in the concurrency group {group}. Counted are those that wait at \
                 the lease",
                QUEUE_WITHIN.as_secs()
            ));
            None
        }
    }
}

async fn ask_github(config: &Config, group: &str) -> Result<u64, String> {
    let context = &config.context;
    let (Some(api), Some(repository)) = (&context.api_url, &context.repository) else {
        return Err("not in a run on GitHub".to_owned());
    };
    if context.is_act {
        return Err("act has no API".to_owned());
    }
    let token = config.token.as_ref().ok_or("`github-token` is empty")?;
    let token = Token::new(token.expose()).map_err(|error| error.to_string())?;
    let client = Client::new(ClientOptions::new(api, token)).map_err(|error| error.to_string())?;
    let run = context.run_id.unwrap_or_default();
    let queue = client
        .queue(&repository.owner, &repository.name, group, run)
        .await
        .map_err(|error| error.to_string())?;
    Ok(queue.pending.len() as u64)
}
