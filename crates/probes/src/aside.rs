//! Work that may take long, beside the event loop: leases are renewed and signals heard meanwhile.
//!
//! Responsible for: a thread for each piece of work, one at a time for one owner, and for waiting no longer than a
//! deadline. Not responsible for ending the work: it runs on, and holds up neither the loop nor the process's end, as a
//! blocking task of the runtime would.

use std::{io, sync::Arc, thread};

use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout_at},
};

/// The right to work; clones share it. What nobody waits for any more keeps it to its end, so that tries that come again
/// and again do not fill the machine.
#[derive(Clone, Debug)]
pub(crate) struct Turn(Arc<Semaphore>);

impl Default for Turn {
    fn default() -> Self {
        Turn(Arc::new(Semaphore::new(1)))
    }
}

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Undone {
    /// The deadline came first.
    Late,
    /// The system gives no thread, or the work broke down.
    Broken(io::Error),
}

impl Turn {
    /// The result of `work`, if it is there by `deadline`.
    pub(crate) async fn take<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Undone> {
        let done = async {
            let right = Arc::clone(&self.0)
                .acquire_owned()
                .await
                .map_err(|closed| Undone::Broken(io::Error::other(closed)))?;
            let (tell, told) = oneshot::channel();
            thread::Builder::new()
                .name("aside".to_owned())
                .spawn(move || {
                    let result = work();
                    drop(right);
                    let _nobody_waits = tell.send(result);
                })
                .map_err(Undone::Broken)?;
            told.await
                .map_err(|_broke| Undone::Broken(io::ErrorKind::BrokenPipe.into()))
        };
        timeout_at(deadline, done)
            .await
            .unwrap_or(Err(Undone::Late))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[tokio::test]
    async fn work_that_is_late_is_left_alone_and_keeps_its_turn() {
        let turn = Turn::default();
        let (end, ended) = mpsc::channel::<()>();
        let soon = || Instant::now() + Duration::from_millis(20);
        let far = || Instant::now() + Duration::from_secs(20);
        let late = turn.take(soon(), move || ended.recv()).await;
        assert!(matches!(late, Err(Undone::Late)));
        let queued = turn.clone().take(soon(), || 1).await;
        assert!(matches!(queued, Err(Undone::Late)), "two at once");
        assert_eq!(Turn::default().take(far(), || 2).await.ok(), Some(2));
        end.send(()).expect("it works on");
        assert_eq!(turn.take(far(), || 3).await.ok(), Some(3));
    }
}
