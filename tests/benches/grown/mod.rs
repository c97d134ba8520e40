//! A ledger that has grown for months, written by the store itself: deployments every 36 minutes, about eight events each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure of the bench itself is a panic"
)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use audit::{Origin, line};
use lease::{
    LockName, Phase,
    store::{
        Snapshot, Store, Swap, Write,
        git::{GitOptions, GitRemote, GitStore},
        postgres::{PostgresOptions, PostgresStore},
        redis::{RedisOptions, RedisServer, RedisStore},
    },
    testing::writes,
};
use probes::postgres::Settings;
use tokio::runtime::Runtime;

use ledger::{
    AttemptOutcome, Deployment, Draft, Entry, Event, FailureReason, Gate, GateStatus, Outcome,
    Party, PreflightResult, TakeoverReason, Timestamp,
};

/// Whose it is.
pub(crate) const REPOSITORY: &str = "bench/bench";
pub(crate) const ENVIRONMENT: &str = "production";

/// From one deployment to the next: forty a day.
const EVERY: Duration = Duration::from_secs(36 * 60);

/// How many entries one write of the distant past holds. Those of the last hours are written as legs write them.
const AT_ONCE: usize = 1000;
const LAST_DEPLOYMENTS: usize = 12;

/// How long a request may take: nothing is measured by it.
const PATIENT: Duration = Duration::from_secs(60);

/// A store with a ledger in it.
pub(crate) struct Grown {
    input: String,
    store: Box<dyn Store>,
    lock: LockName,
    seen: Snapshot,
    runtime: Runtime,
    /// What the next write holds.
    entries: Vec<Entry>,
    /// The chain's first entry.
    first: Option<Entry>,
    run: u64,
}

impl Grown {
    /// One on disk of at least `events` entries, the newest of now, in `folder`.
    pub(crate) fn new(folder: &Path, events: u64) -> Grown {
        let path = folder.join(format!("{events}.git"));
        let input = format!("git+file://{}", path.display());
        let options = GitOptions {
            remote: GitRemote::local(&path).unwrap(),
            lock: lock(),
            credentials: None,
            request_timeout: PATIENT,
            poll: Duration::from_secs(2),
            scratch_parent: folder.join("scratch"),
        };
        let runtime = runtime();
        let store = runtime.block_on(GitStore::open(options)).unwrap();
        Grown::grow(runtime, Box::new(store), input, events)
    }

    /// As [`Grown::new`], in the PostgreSQL database that `input` names.
    pub(crate) fn in_postgres(input: &str, events: u64) -> Grown {
        let store = PostgresStore::new(PostgresOptions {
            settings: input.parse::<Settings>().unwrap(),
            lock: lock(),
            request_timeout: PATIENT,
        });
        Grown::grow(runtime(), Box::new(store), input.to_owned(), events)
    }

    /// As [`Grown::new`], in the Redis database that `input` names.
    pub(crate) fn in_redis(input: &str, events: u64) -> Grown {
        let store = RedisStore::new(RedisOptions {
            server: RedisServer::parse(input).unwrap(),
            lock: lock(),
            request_timeout: PATIENT,
        });
        Grown::grow(runtime(), Box::new(store), input.to_owned(), events)
    }

    fn grow(runtime: Runtime, store: Box<dyn Store>, input: String, events: u64) -> Grown {
        let mut grown = Grown {
            input,
            store,
            lock: lock(),
            seen: Snapshot::default(),
            runtime,
            entries: Vec::new(),
            first: None,
            run: 0,
        };
        let runs = grown.runs_for(events);
        let began = wall() - EVERY.as_millis() as u64 * (runs + 1);
        for run in 1..=runs {
            let is_old = run + LAST_DEPLOYMENTS as u64 <= runs;
            let at = began + EVERY.as_millis() as u64 * run;
            grown.deploy(at, is_old);
        }
        grown.write(true);
        grown.runtime.block_on(grown.store.tidy());
        assert!(grown.events() >= events, "it has grown enough");
        grown
    }

    /// How many deployments make so many entries.
    fn runs_for(&self, events: u64) -> u64 {
        let mut made = 0;
        let runs = (1..).take_while(|run| {
            let before = made;
            made += story(*run)
                .iter()
                .map(|(_, part)| part.len() as u64)
                .sum::<u64>();
            before < events
        });
        runs.count() as u64
    }

    /// How many entries there are.
    pub(crate) fn events(&self) -> u64 {
        self.seen.tip.seq
    }

    /// The first event, as a line of an events file.
    pub(crate) fn first_line(&self) -> String {
        let origin = Origin {
            environment: ENVIRONMENT.to_owned(),
            repository: REPOSITORY.to_owned(),
            lock: self.lock.as_str().to_owned(),
        };
        line(self.first.as_ref().unwrap(), &origin) + "\n"
    }

    /// The `store` input.
    pub(crate) fn store(&self) -> &str {
        &self.input
    }

    /// The newest deployment's run id.
    pub(crate) fn run(&self) -> u64 {
        self.run
    }

    /// Another deployment, of now, written as its legs write it.
    pub(crate) fn one_more(&mut self) {
        // A step may have written meanwhile.
        self.seen = self.runtime.block_on(self.store.read()).unwrap();
        self.deploy(wall(), false);
        self.write(true);
    }

    fn deploy(&mut self, at: u64, is_old: bool) {
        self.run += 1;
        let mut parts = story(self.run);
        if is_old {
            // In two swaps, of which only how long lies between them is remembered.
            let last = parts.pop().unwrap();
            let before = parts.into_iter().flat_map(|(_, drafts)| drafts).collect();
            parts = vec![(Duration::ZERO, before), last];
        }
        for (after, drafts) in parts {
            let at = Timestamp(at + after.as_millis() as u64);
            let (entries, tip) = self.seen.tip.extend(&writes::nonce(), at, drafts);
            self.seen.tip = tip;
            self.first = self.first.take().or_else(|| entries.first().cloned());
            self.entries.extend(entries);
            if !is_old || self.entries.len() >= AT_ONCE {
                self.write(false);
            }
        }
    }

    /// Writes what is gathered, at the end with the record beside it.
    fn write(&mut self, last: bool) {
        let record = last.then(|| {
            let nonce = self.seen.tip.nonces.last().cloned().unwrap_or_default();
            let mut record = writes::record(&self.lock, self.run, &nonce);
            record.deployment = deployment(self.run);
            record.phase = Phase::Succeeded;
            record
        });
        if self.entries.is_empty() && record.is_none() {
            return;
        }
        let entries = std::mem::take(&mut self.entries);
        let write = Write {
            nonce: record
                .as_ref()
                .map_or_else(writes::nonce, |r| r.nonce.clone()),
            expected: self.seen.version.clone(),
            at: entries.last().map_or(Timestamp(wall()), |e| e.at),
            record: record.clone(),
            entries,
            tip: self.seen.tip.clone(),
        };
        match self.runtime.block_on(self.store.swap(Arc::new(write))) {
            Swap::Won(version) => self.seen.version = version,
            other => panic!("the write was not taken: {other:?}"),
        }
        self.seen.record = record.or(self.seen.record.take());
    }
}

fn lock() -> LockName {
    LockName::new(format!("{REPOSITORY}/{ENVIRONMENT}")).unwrap()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis() as u64
}

fn deployment(run: u64) -> Deployment {
    let service = ["api", "web", "worker"][(run % 3) as usize];
    Deployment {
        id: format!("{REPOSITORY}/{run}/1"),
        run: format!("{REPOSITORY}/{run}"),
        workflow: format!("deploy {service}"),
        git_ref: match run % 7 {
            // As many in a young ledger as in an old one: a series costs the gateway time, whatever it counts.
            0 => format!("refs/heads/release/{}", run % 12),
            _ => "refs/heads/main".to_owned(),
        },
        run_number: run,
        run_attempt: 1,
        sha: format!("{run:040x}"),
        actor: "mona".into(),
        version: format!("v1.{run}"),
        trigger: "push".into(),
        environment: "production".to_owned(),
    }
}

fn party(candidate: u32) -> Party {
    Party {
        runner: format!("deploy-{candidate}"),
        runner_group: "production".into(),
        ..writes::party(candidate)
    }
}

/// What happens in a run: after so long, these events in one swap. One in ten fails over, one in thirty fails.
fn story(run: u64) -> Vec<(Duration, Vec<Draft>)> {
    let told = |candidate: u32, token: u64, event: Event| Draft {
        deployment: deployment(run),
        by: Some(party(candidate)),
        token,
        event,
    };
    let announced = |candidate: u32| {
        let event = Event::Announced {
            candidates: 2,
            instance: format!("instance-{run}-{candidate}"),
        };
        told(candidate, 0, event)
    };
    let preflight = Event::Preflight {
        result: PreflightResult::Pass,
        failed: if run.is_multiple_of(11) {
            vec!["network.targets".into()]
        } else {
            Vec::new()
        },
    };
    let attempt = |candidate: u32, outcome: AttemptOutcome| {
        let finished = Event::AttemptFinished {
            party: party(candidate),
            number: 1,
            outcome,
            detail: String::new(),
            ran: Duration::from_secs(120 + run % 300),
            last_lines: Vec::new(),
        };
        vec![
            told(candidate, run, Event::AttemptStarted { number: 1 }),
            told(candidate, run, finished),
        ]
    };
    let secs = Duration::from_secs;
    let mut parts = vec![
        (secs(0), vec![announced(1), told(1, 0, preflight)]),
        (secs(1), vec![announced(2)]),
        (secs(2), vec![told(1, run, Event::DeploymentStarted)]),
    ];
    let mut holder = 1;
    if run.is_multiple_of(10) {
        parts.push((secs(100), attempt(1, AttemptOutcome::Lost)));
        let failover = Event::Failover {
            from: Some(party(1)),
            to: party(2),
            reason: TakeoverReason::PrimaryUnreachable,
        };
        holder = 2;
        parts.push((secs(130), vec![told(2, run, failover)]));
    }
    parts.push((
        secs(300 + run % 400),
        attempt(holder, AttemptOutcome::Succeeded),
    ));
    let fails = run.is_multiple_of(30);
    let gate = |service: &str, status| Gate {
        service: service.into(),
        status,
        tries: 2,
        took: Duration::from_millis(2300),
        seen: String::new(),
    };
    let judged = if fails {
        GateStatus::Fail
    } else {
        GateStatus::Pass
    };
    let gates = Event::Gates {
        gates: vec![gate("api", GateStatus::Pass), gate("database", judged)],
    };
    let finished = Event::DeploymentFinished {
        outcome: if fails {
            Outcome::Failed
        } else {
            Outcome::Succeeded
        },
        reason: fails.then_some(FailureReason::Gates),
        detail: String::new(),
    };
    parts.push((
        secs(310 + run % 400),
        vec![told(holder, run, gates), told(holder, run, finished)],
    ));
    parts
}
