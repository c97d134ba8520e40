//! Probes that follow a script, and what is noted of a judgement over them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gates::{
    Gate, Patience,
    judgement::{Judgement, Options, Progress, judge},
};
use probes::{Answer, Observation, Probe, ProbeFuture};
use tokio::time::{Instant, sleep};

pub(crate) const PATIENCE: Patience = Patience {
    timeout: Duration::from_secs(300),
    try_timeout: Duration::from_secs(10),
    initial_delay: Duration::ZERO,
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(30),
    max_tries: None,
    successes: 1,
    failure_limit: None,
};

pub(crate) const ALL: Options = Options {
    parallel: 2000,
    once: false,
};

/// What one try does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Answers after that time.
    Answer(Answer, Duration),
    /// Never answers, whatever its deadline.
    Hang,
    /// Breaks down.
    Panic,
}

/// How many tries of all probes of a test are under way, were at most, and were begun.
#[derive(Debug, Default)]
pub(crate) struct Count {
    now: AtomicUsize,
    pub(crate) most: AtomicUsize,
    pub(crate) begun: AtomicUsize,
}

impl Count {
    pub(crate) fn under_way(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }
}

/// A try under way, also when it is dropped.
struct UnderWay<'a>(&'a Count);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a Count) -> Self {
        count.begun.fetch_add(1, Ordering::SeqCst);
        let now = count.now.fetch_add(1, Ordering::SeqCst) + 1;
        count.most.fetch_max(now, Ordering::SeqCst);
        UnderWay(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Follows its script by the number of the try, and by the time since its making.
pub(crate) struct Scripted<F> {
    script: F,
    tries: AtomicUsize,
    made: Instant,
    count: Arc<Count>,
}

impl<F: Fn(usize, Duration) -> Act + Send + Sync> Probe for Scripted<F> {
    fn identity(&self) -> String {
        "scripted".to_owned()
    }

    fn check(&self, _deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let asked = Instant::now();
            let _under_way = UnderWay::begin(&self.count);
            let number = self.tries.fetch_add(1, Ordering::SeqCst);
            match (self.script)(number, self.made.elapsed()) {
                Act::Answer(answer, after) => {
                    sleep(after).await;
                    Observation {
                        answer,
                        seen: format!("{answer:?}"),
                        took: asked.elapsed(),
                    }
                }
                Act::Hang => std::future::pending().await,
                Act::Panic => panic!("out of order, with a secret in it"),
            }
        })
    }
}

pub(crate) fn gate(
    name: &str,
    patience: Patience,
    count: &Arc<Count>,
    script: impl Fn(usize, Duration) -> Act + Send + Sync + 'static,
) -> Gate {
    Gate {
        name: name.to_owned(),
        kind: "scripted",
        probe: Arc::new(Scripted {
            script,
            tries: AtomicUsize::new(0),
            made: Instant::now(),
            count: count.clone(),
        }),
        depends_on: Vec::new(),
        patience,
        required: true,
        line: None,
    }
}

/// Judges to the end, or until `stop` where it is given; the names of the gates as they were told to have ended.
pub(crate) async fn judged(
    gates: &[Gate],
    options: &Options,
    stop: Option<Duration>,
) -> (Judgement, Vec<String>) {
    let mut ended = Vec::new();
    let progress = |told: Progress<'_>| {
        if let Progress::Ended(gate) = told {
            ended.push(gate.name.clone());
        }
    };
    let stopped = async {
        match stop {
            Some(after) => sleep(after).await,
            None => std::future::pending().await,
        }
    };
    let judgement = judge(gates, options, progress, stopped).await;
    (judgement, ended)
}
