//! Several ways to one goal, begun one after the other: the shape of RFC 8305 §5, for addresses and for name servers.
//!
//! Responsible for: the order, the distance, and ending the rest when one has won. Not responsible for deadlines: each
//! attempt keeps its own.

use std::{future::Future, time::Duration};

use tokio::task::JoinSet;

/// Between the starts of two attempts, where none has failed (RFC 8305 §8 recommends 250 ms).
pub(crate) const DISTANCE: Duration = Duration::from_millis(250);

/// Starts the next attempt when `distance` has passed or one has failed; the first success ends the others. Where all
/// fail: every failure, in the order of the attempts.
pub(crate) async fn staggered<T, E, A>(attempts: Vec<A>, distance: Duration) -> Result<T, Vec<E>>
where
    T: Send + 'static,
    E: Send + 'static,
    A: Future<Output = Result<T, E>> + Send + 'static,
{
    let mut waiting = attempts.into_iter().enumerate().peekable();
    let mut running = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        if let Some((place, attempt)) = waiting.next() {
            running.spawn(async move { (place, attempt.await) });
        }
        tokio::select! {
            ended = running.join_next() => match ended {
                Some(Ok((_, Ok(won)))) => return Ok(won),
                Some(Ok((place, Err(failure)))) => failures.push((place, failure)),
                // A panic in an attempt is ours: it goes on here. Nobody else cancels one.
                Some(Err(broken)) => std::panic::resume_unwind(broken.into_panic()),
                None => {
                    failures.sort_by_key(|(place, _)| *place);
                    return Err(failures.into_iter().map(|(_, failure)| failure).collect());
                }
            },
            () = tokio::time::sleep(distance), if waiting.peek().is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use tokio::time::{Instant, sleep};

    type Attempt = Pin<Box<dyn Future<Output = Result<u8, u8>> + Send>>;

    fn after(milliseconds: u64, outcome: Result<u8, u8>) -> Attempt {
        Box::pin(async move {
            sleep(Duration::from_millis(milliseconds)).await;
            outcome
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_first_delays_the_second_by_the_distance_alone() {
        let begun = Instant::now();
        let won = staggered(vec![after(60_000, Ok(1)), after(10, Ok(2))], DISTANCE).await;
        assert_eq!(won, Ok(2));
        assert_eq!(begun.elapsed(), Duration::from_millis(260));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_starts_the_next_at_once() {
        let begun = Instant::now();
        let won = staggered(vec![after(5, Err(1)), after(10, Ok(2))], DISTANCE).await;
        assert_eq!(won, Ok(2));
        assert_eq!(begun.elapsed(), Duration::from_millis(15));
    }

    #[tokio::test(start_paused = true)]
    async fn all_failures_come_in_the_order_of_the_attempts() {
        let lost = staggered(vec![after(900, Err(1)), after(10, Err(2))], DISTANCE).await;
        assert_eq!(lost, Err(vec![1, 2]));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_to_try_is_a_failure_without_reasons() {
        let none: Vec<Attempt> = vec![];
        assert_eq!(staggered(none, DISTANCE).await, Err(vec![]));
    }
}
