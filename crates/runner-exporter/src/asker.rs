//! The thread that measures. A file system that hangs holds it up, and never the server.

use std::{
    io,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use crate::{
    collect::{Collector, Snapshot},
    settings::Settings,
};

/// Below the 10 s that Prometheus waits by default.
const PATIENCE: Duration = Duration::from_secs(8);

enum Order {
    Look(oneshot::Sender<Arc<Snapshot>>),
    Reload(Box<Settings>),
}

/// Measuring took too long, as it does where a file system hangs.
#[derive(Debug, thiserror::Error)]
#[error("measure the runners within {} s: a file system may hang", PATIENCE.as_secs())]
pub(crate) struct Late;

/// Asks the thread.
#[derive(Clone, Debug)]
pub(crate) struct Asker(mpsc::Sender<Order>);

impl Asker {
    /// Starts the thread. It ends with the last asker.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(mut collector: Collector) -> io::Result<Asker> {
        let (orders, ordered) = mpsc::channel();
        thread::Builder::new()
            .name("measure".into())
            .stack_size(512 * 1024)
            .spawn(move || {
                while let Ok(order) = ordered.recv() {
                    carry_out(&mut collector, order, &ordered);
                }
            })?;
        Ok(Asker(orders))
    }

    /// Measures.
    ///
    /// # Errors
    /// [`Late`].
    pub(crate) async fn look(&self) -> Result<Arc<Snapshot>, Late> {
        let (answer, answered) = oneshot::channel();
        let _ended = self.0.send(Order::Look(answer));
        timeout(PATIENCE, answered)
            .await
            .map_err(|_| Late)?
            .map_err(|_| Late)
    }

    /// Has the next measurement go by other settings.
    pub(crate) fn reload(&self, settings: Settings) {
        let _ended = self.0.send(Order::Reload(Box::new(settings)));
    }
}

/// Those who asked while the thread was held up get one answer together.
fn carry_out(collector: &mut Collector, order: Order, ordered: &mpsc::Receiver<Order>) {
    let mut waiting = Vec::new();
    let mut next = Some(order);
    while let Some(order) = next {
        match order {
            Order::Look(answer) if !answer.is_closed() => waiting.push(answer),
            Order::Look(_) => {}
            Order::Reload(settings) => collector.reload(*settings),
        }
        next = ordered.try_recv().ok();
    }
    if waiting.is_empty() {
        return;
    }
    let snapshot = Arc::new(collector.look());
    for answer in waiting {
        let _gone = answer.send(Arc::clone(&snapshot));
    }
}
