//! Once more, where that may help.

use std::time::Duration;

use tokio::time::Instant;

use crate::Pace;

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What one try came to; texts are one line.
pub(crate) enum Try {
    /// It is told. Where it can be seen.
    Told(String),
    /// It is not told, or nobody knows, and that may pass.
    Later {
        /// What happened.
        trouble: String,
        /// How long the other side wants to be left alone.
        wait: Option<Duration>,
    },
    /// It is not told, and will not be by asking again.
    Never(String),
}

/// Tries until it is told, cannot be told, or `deadline` would pass; the last trouble then.
pub(crate) async fn until_told(
    pace: Pace,
    deadline: Instant,
    mut once: impl AsyncFnMut() -> Try,
) -> Result<String, String> {
    let mut backoff = pace.first_wait;
    let mut last: Option<String> = None;
    loop {
        let (trouble, wait) = match tokio::time::timeout_at(deadline, once()).await {
            Ok(Try::Told(place)) => return Ok(place),
            Ok(Try::Never(trouble)) => return Err(trouble),
            Ok(Try::Later { trouble, wait }) => (trouble, wait),
            Err(_elapsed) => {
                return Err(last.unwrap_or_else(|| "nothing was answered in time".to_owned()));
            }
        };
        let wait = wait.unwrap_or_default().max(backoff);
        if Instant::now() + wait >= deadline {
            return Err(trouble);
        }
        last = Some(trouble);
        tokio::time::sleep(wait).await;
        backoff = (backoff * 2).min(LONGEST_WAIT);
    }
}
