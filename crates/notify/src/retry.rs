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
    /// It was sent, and nobody knows whether it is told: a second time may tell it twice, a third would be too much.
    Unsure(String),
    /// It is not told, and will not be by asking again.
    Never(String),
}

/// Tries until it is told, cannot be told, or `deadline` would pass; the last trouble then.
pub(crate) async fn until_told(
    pace: Pace,
    deadline: Instant,
    mut once: impl AsyncFnMut() -> Try,
) -> Result<String, String> {
    let begun = Instant::now();
    let mut backoff = pace.first_wait;
    let mut last: Option<String> = None;
    // What came of a sending says more than what kept the next from being sent.
    let mut perhaps: Option<String> = None;
    loop {
        let (trouble, wait) = match tokio::time::timeout_at(deadline, once()).await {
            Ok(Try::Told(place)) => return Ok(place),
            Ok(Try::Never(trouble)) => return Err(perhaps.unwrap_or(trouble)),
            Ok(Try::Unsure(trouble)) if perhaps.is_some() => return Err(trouble),
            Ok(Try::Unsure(trouble)) => {
                perhaps = Some(trouble.clone());
                (trouble, None)
            }
            Ok(Try::Later { trouble, wait }) => (trouble, wait),
            Err(_elapsed) => {
                let within = begun.elapsed().as_secs_f64();
                return Err(perhaps
                    .or(last)
                    .unwrap_or_else(|| format!("nothing was answered within {within:.1} s")));
            }
        };
        let wait = wait.unwrap_or_default().max(backoff);
        if Instant::now() + wait >= deadline {
            return Err(perhaps.unwrap_or(trouble));
        }
        last = Some(trouble);
        tokio::time::sleep(wait).await;
        backoff = (backoff * 2).min(LONGEST_WAIT);
    }
}
