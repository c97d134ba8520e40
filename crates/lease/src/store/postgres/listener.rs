//! Being told of changes: `LISTEN` over a connection of its own, opened anew when it breaks.
//!
//! Telling is a convenience: whoever waits polls behind it, and a pooler that swallows notifications costs time only.

use std::{sync::Arc, time::Duration};

use probes::postgres::Session;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::sessions::Sessions;
use crate::LockName;

/// Before a connection that was refused or broke is opened again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How long a connection may be silent before the server is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(15);

/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Counts what may have been a change.
#[derive(Debug)]
pub(super) struct Listener {
    told: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Starts to listen, in the background.
    pub(super) fn start(sessions: Arc<Sessions>, channel: String) -> Listener {
        let (telling, told) = watch::channel(0);
        Listener {
            told,
            task: tokio::spawn(async move { listen(&sessions, &channel, &telling).await }),
        }
    }

    /// How often there may have been a change so far. A change is counted after it can be read.
    pub(super) fn told(&self) -> watch::Receiver<u64> {
        self.told.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(sessions: &Sessions, channel: &str, telling: &watch::Sender<u64>) {
    let mut pause = AGAIN.0;
    loop {
        if let Ok(session) = sessions.open().await
            && let Ok(Ok(heard)) = timeout(PATIENCE, session.listen(channel)).await
        {
            pause = AGAIN.0;
            // What was written before this moment was told to nobody.
            telling.send_modify(|told| *told += 1);
            follow(&session, heard, telling).await;
        }
        sleep(pause).await;
        pause = (pause * 2).min(AGAIN.1);
    }
}

/// Passes on what is heard, until the connection breaks.
async fn follow(session: &Session, mut heard: watch::Receiver<u64>, telling: &watch::Sender<u64>) {
    loop {
        match timeout(SILENCE, heard.changed()).await {
            Ok(Ok(())) => telling.send_modify(|told| *told += 1),
            Ok(Err(_)) => return,
            Err(_) => {
                let there = timeout(PATIENCE, session.rows("SELECT 1", &[])).await;
                if !matches!(there, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

/// The channel of a lock. The longest identifier has 63 bytes and a lock's name may have more, so this is a hash (FNV-1a):
/// two locks that share one wake each other for nothing.
pub(super) fn channel(lock: &LockName) -> String {
    let hash = lock
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    format!("baton_{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_the_same_in_every_version_and_fits_an_identifier() {
        let lock = LockName::new("a").unwrap();
        // FNV-1a of "a", from its authors' test vectors.
        assert_eq!(channel(&lock), "baton_af63dc4c8601ec8c");
    }
}
