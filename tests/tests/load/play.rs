//! All candidates of all deployments, started at once: the shipped protocol, shell and store, with commands that only
//! keep a log.

use std::{
    cell::Cell,
    future::pending,
    sync::{Arc, Barrier, Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lease::{
    LockName, Timing,
    protocol::{Candidate, CandidateConfig, Command, Conclusion, Ended, Input, Now},
    shell::{self, Hands, Host},
    store::{Store, StoreError, StoreFuture},
    testing::cast,
};
use ledger::{AttemptOutcome, Deployment, Party, Timestamp};
use tokio::{
    task::{LocalSet, spawn_local},
    time::timeout,
};

use crate::counted::Traffic;

/// How many threads share the candidates: about as many as a small machine has cores, twice.
const THREADS: usize = 4;

/// How many candidates each deployment has.
pub(crate) const CANDIDATES: u32 = 2;

/// How much is thrown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// How many environments: each has a lock of its own.
    pub(crate) environments: u64,
    /// How many deployments of each, with run numbers from 1.
    pub(crate) deployments: u64,
    /// How long the longest command takes; the shortest takes a sixth of it.
    pub(crate) longest: Duration,
    /// How long everything may take before it counts as having no end.
    pub(crate) patience: Duration,
}

/// Where lease and ledger live.
pub(crate) trait Place: Send + Sync + 'static {
    /// Opens the store of one lock, as each candidate does for itself.
    fn open(&self, lock: LockName) -> impl Future<Output = Result<Arc<dyn Store>, StoreError>>;

    /// The row of design §4's table that such a store has.
    fn timing(&self) -> Timing;

    /// How many requests it is asked at once on this machine, where that is limited.
    fn at_once(&self) -> Option<usize>;
}

/// One run of a command.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) run: u64,
    pub(crate) candidate: u32,
    pub(crate) token: u64,
    pub(crate) begin: Instant,
    /// When it ended, and whether by itself.
    pub(crate) end: Option<(Instant, bool)>,
}

/// What one candidate came to.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) environment: u64,
    pub(crate) run: u64,
    pub(crate) candidate: u32,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    /// Nothing where it had not ended when the patience was over.
    pub(crate) conclusion: Option<Result<Conclusion, StoreError>>,
}

/// Everything that happened.
#[derive(Debug)]
pub(crate) struct Played {
    /// By environment, in the order in which the commands began.
    pub(crate) spans: Vec<Vec<Span>>,
    pub(crate) legs: Vec<Leg>,
    pub(crate) took: Duration,
}

/// The lock of an environment.
pub(crate) fn lock(environment: u64) -> LockName {
    LockName::new(format!("o/r/environment-{environment}")).unwrap()
}

/// The id of a deployment.
pub(crate) fn id(environment: u64, run: u64) -> String {
    format!("o/r/{environment}{run:04}/1")
}

/// Starts every candidate and waits for all of them.
pub(crate) fn play<P: Place>(size: Size, place: &Arc<P>, traffic: &Traffic) -> Played {
    let logs: Arc<[Log]> = (0..size.environments).map(|_| Log::default()).collect();
    let began = Instant::now();
    let ready = Barrier::new(THREADS);
    let legs = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|worker| {
                let (place, traffic, logs, ready) = (place, traffic, &logs, &ready);
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    ready.wait();
                    LocalSet::new().block_on(&runtime, async {
                        let share = everybody(size).skip(worker).step_by(THREADS);
                        let running: Vec<_> = share
                            .map(|who| {
                                let (place, traffic) = (Arc::clone(place), traffic.clone());
                                let logs = Arc::clone(logs);
                                spawn_local(async move {
                                    leg(who, size, began, &*place, &traffic, &logs).await
                                })
                            })
                            .collect();
                        let mut legs = Vec::new();
                        for leg in running {
                            legs.push(leg.await.unwrap());
                        }
                        legs
                    })
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    Played {
        spans: logs.iter().map(Log::spans).collect(),
        legs,
        took: began.elapsed(),
    }
}

/// Environment, run number, candidate.
type Who = (u64, u64, u32);

/// Run numbers in the outer loop: no environment gets its candidates started before another's.
fn everybody(size: Size) -> impl Iterator<Item = Who> {
    (1..=size.deployments).flat_map(move |run| {
        (0..size.environments).flat_map(move |environment| {
            (1..=CANDIDATES).map(move |candidate| (environment, run, candidate))
        })
    })
}

/// One candidate, from its start to its end.
async fn leg<P: Place>(
    who: Who,
    size: Size,
    began: Instant,
    place: &P,
    traffic: &Traffic,
    logs: &[Log],
) -> Leg {
    let (environment, run, candidate) = who;
    let started = Instant::now();
    let name = format!("{environment}-{run}-{candidate}");
    let takes = size.longest * (1 + ((run * 7 + environment * 3) % 6) as u32) / 6;
    let life = async {
        let turn = traffic.turn().await;
        let store = traffic.count(place.open(lock(environment)).await?);
        drop(turn);
        let config = config(who, place.timing());
        let poll = config.policy.timing.poll;
        let host = Here {
            began,
            name,
            nonces: Cell::new(0),
        };
        let mut hands = Logging {
            who,
            began,
            takes,
            log: &logs[environment as usize],
            deadline: None,
            running: None,
        };
        let mut actor = Candidate::new(config);
        let conclusion = shell::run(&mut actor, &store, poll, &host, &mut hands).await;
        Ok(conclusion.expect("a candidate ends with a conclusion"))
    };
    let conclusion = timeout(size.patience, life).await.ok();
    Leg {
        environment,
        run,
        candidate,
        started,
        ended: Instant::now(),
        conclusion,
    }
}

/// As the binaries make it, with their defaults.
fn config((environment, run, candidate): Who, timing: Timing) -> CandidateConfig {
    let config = cast::candidate(timing, run, candidate, CANDIDATES);
    let name = format!("{environment}-{run}-{candidate}");
    CandidateConfig {
        lock: lock(environment),
        deployment: Deployment {
            id: id(environment, run),
            run: format!("o/r/{environment}{run:04}"),
            environment: format!("environment-{environment}"),
            ..config.deployment
        },
        me: Party {
            runner: format!("runner-{name}"),
            boot_id: format!("host-{name}"),
            ..config.me
        },
        instance: name,
        ..config
    }
}

/// The one clock of this process.
struct Here {
    began: Instant,
    name: String,
    nonces: Cell<u64>,
}

impl Host for Here {
    fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            boot: self.began.elapsed(),
            wall: Timestamp(wall.as_millis() as u64),
        }
    }

    fn nonce(&self) -> String {
        self.nonces.set(self.nonces.get() + 1);
        format!("{}-{}", self.name, self.nonces.get())
    }

    fn sleep_until(&self, boot: Duration) -> StoreFuture<'_, ()> {
        let left = boot.saturating_sub(self.began.elapsed());
        Box::pin(tokio::time::sleep(left))
    }
}

/// The commands of one environment.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<Span>>);

impl Log {
    /// Says where the entry stands.
    fn begin(&self, span: Span) -> usize {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spans.push(span);
        spans.len() - 1
    }

    fn end(&self, at: usize, end: (Instant, bool)) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spans[at].end = Some(end);
    }

    fn spans(&self) -> Vec<Span> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A command that takes its time, keeps the log, and dies at the deadline as the watchdog would let it.
struct Logging<'a> {
    who: Who,
    began: Instant,
    takes: Duration,
    log: &'a Log,
    deadline: Option<Instant>,
    running: Option<Running>,
}

struct Running {
    at: usize,
    begin: Instant,
    stopped: Option<Instant>,
}

impl Hands for Logging<'_> {
    fn feed(&mut self, deadline: Duration) {
        self.deadline = Some(self.began + deadline);
    }

    fn start(&mut self, command: Command, _: u32, token: u64, _: Duration) {
        assert_eq!(command, Command::Deploy, "nothing else was asked for");
        let (_, run, candidate) = self.who;
        let begin = Instant::now();
        let at = self.log.begin(Span {
            run,
            candidate,
            token,
            begin,
            end: None,
        });
        self.running = Some(Running {
            at,
            begin,
            stopped: None,
        });
    }

    fn stop(&mut self, _: bool) {
        if let Some(running) = &mut self.running {
            running.stopped.get_or_insert_with(Instant::now);
        }
    }

    fn say(&mut self, _: &str) {}

    async fn next(&mut self) -> Input {
        let Some(running) = &self.running else {
            return pending().await;
        };
        let by_itself = running.begin + self.takes;
        let killed = [self.deadline, running.stopped];
        let killed = killed
            .into_iter()
            .flatten()
            .min()
            .filter(|k| *k < by_itself);
        let end = killed.unwrap_or(by_itself);
        tokio::time::sleep_until(end.into()).await;
        let ran = end - running.begin;
        let done = killed.is_none();
        // The moment it was due: this thread may be late, a watchdog's timer is not.
        self.log.end(running.at, (end, done));
        self.running = None;
        Input::Ended(Ended {
            outcome: match done {
                true => AttemptOutcome::Succeeded,
                false => AttemptOutcome::Fenced,
            },
            detail: String::new(),
            ran,
            last_lines: Vec::new(),
        })
    }
}
