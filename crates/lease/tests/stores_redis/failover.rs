//! Primaries that change: what goes on, and what nobody may go on with.

use std::{sync::Arc, time::Duration};

use lease::{
    Phase, Record, Timing,
    protocol::{Candidate, CandidateConfig, Command, Input, Now, Rerun, Task},
    shell::{Hands, Host, run},
    store::{
        History, Snapshot, Store, StoreFuture, Swap, Write,
        redis::{RedisServer, RedisStore},
    },
    testing::writes::{announced, append, deployment, moment, party, record, told},
};
use ledger::{Event, Outcome};
use test_servers::{Redis, RedisSetup, until};
use tokio::{sync::watch, time::Instant};

use crate::{
    places::{CANARY, PATIENT, lock, read_soon, store, store_of, url, won},
    proxy::Proxy,
};

const LEASE: &str = "baton:{o%2Fr%2Fproduction}:lease";

/// What a replica needs to follow fast.
const FAST: &str = "repl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n";

/// A primary, its replica and a sentinel that knows both, each with a password.
struct Watched {
    old: Redis,
    new: Redis,
    sentinel: Redis,
}

fn asked(server: &Redis, words: &[&str]) -> String {
    server.command(&[&["--no-auth-warning", "-a", CANARY], words].concat())
}

impl Watched {
    fn start() -> Watched {
        let data = |more: String| {
            Redis::start_with(&RedisSetup {
                config: format!("requirepass {CANARY}\nmasterauth {CANARY}\n{FAST}{more}"),
                ..RedisSetup::default()
            })
        };
        let old = data(String::new());
        let new = data(format!("replicaof 127.0.0.1 {}\n", old.port));
        let sentinel = Redis::start_with(&RedisSetup {
            sentinel: true,
            config: format!(
                "requirepass {CANARY}\nsentinel monitor shop 127.0.0.1 {} 1\nsentinel auth-pass shop {CANARY}\n\
                 sentinel down-after-milliseconds shop 500\nsentinel failover-timeout shop 2000\n",
                old.port
            ),
            ..RedisSetup::default()
        });
        until(3 * PATIENT, "the sentinel to know the replica", || {
            let known = asked(&sentinel, &["SENTINEL", "REPLICAS", "shop"]);
            (known.contains(&new.port.to_string()) && known.contains("master-link-status\nok"))
                .then_some(())
        });
        Watched { old, new, sentinel }
    }

    fn url(&self) -> String {
        format!(
            "redis-sentinel://:{CANARY}@127.0.0.1:{}/0?sentinelMasterId=shop&sentinel-password={CANARY}",
            self.sentinel.port
        )
    }
}

/// Appends two entries at a time, for ever; tells the nonce of each write that was acknowledged.
async fn series(store: RedisStore, told: watch::Sender<Vec<String>>) {
    loop {
        let seen = read_soon(&store).await;
        let write = Arc::new(append(&seen, moment(1), vec![announced(1), announced(2)]));
        loop {
            match store.swap(Arc::clone(&write)).await {
                Swap::Won(_) => break told.send_modify(|all| all.push(write.nonce.clone())),
                // What it follows was lost by the failover.
                Swap::Lost => break,
                Swap::Unknown(error) => assert!(error.is_passing(), "{error}"),
            }
        }
    }
}

/// `is_over` says when no server but the new primary takes writes any more.
async fn goes_on(url: &str, direct: &str, fail_over: impl FnOnce(), is_over: impl Fn() -> bool) {
    let store = store_of(lock(), url, Duration::from_secs(1));
    assert!(!format!("{store:?} {}", store.place()).contains("canary"));
    let (told, mut acknowledged) = watch::channel(Vec::new());
    let writer = tokio::spawn(series(store, told));
    let mut more = async |count: usize| {
        let enough = acknowledged.wait_for(|all| all.len() >= count);
        let enough = tokio::time::timeout(6 * PATIENT, enough).await;
        enough.expect("the series goes on").expect("no error").len()
    };
    let before = more(20).await;
    fail_over();
    let deadline = Instant::now() + 6 * PATIENT;
    while !is_over() {
        assert!(Instant::now() < deadline, "the failover comes to its end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Those that were under way at the failover may be among the first.
    let now = more(before).await;
    let after = more(now + 40).await;
    writer.abort();
    let _ended = writer.await;
    let store = crate::places::store(direct);
    let history = store.history(History::FromSeq(1)).await.unwrap();
    let seqs: Vec<u64> = history.iter().map(|entry| entry.seq).collect();
    let tip = read_soon(&store).await.tip;
    assert_eq!(
        seqs,
        (1..=tip.seq).collect::<Vec<_>>(),
        "whole, and in order"
    );
    for nonce in &acknowledged.borrow()[after - 20..] {
        let found = history.iter().filter(|entry| entry.nonce == *nonce);
        assert_eq!(
            found.count(),
            2,
            "what the new primary took stands there once"
        );
    }
}

#[tokio::test]
async fn a_series_of_swaps_goes_on_when_the_primary_is_killed() {
    let watched = Watched::start();
    let url = watched.url();
    let Watched { old, new, sentinel } = watched;
    let direct = format!("redis://:{CANARY}@127.0.0.1:{}", new.port);
    goes_on(
        &url,
        &direct,
        move || drop(old),
        || asked(&new, &["INFO", "replication"]).contains("role:master"),
    )
    .await;
    drop(sentinel);
}

#[tokio::test]
async fn a_series_of_swaps_goes_on_when_the_primary_becomes_a_replica() {
    let watched = Watched::start();
    let direct = format!("redis://:{CANARY}@127.0.0.1:{}", watched.new.port);
    let role = |server: &Redis, role: &str| {
        asked(server, &["INFO", "replication"]).contains(&format!("role:{role}"))
    };
    let fail_over = || {
        let said = asked(&watched.sentinel, &["SENTINEL", "FAILOVER", "shop"]);
        assert_eq!(said, "OK");
    };
    goes_on(&watched.url(), &direct, fail_over, || {
        role(&watched.new, "master") && role(&watched.old, "slave")
    })
    .await;
}

#[tokio::test]
async fn sentinels_that_refuse_or_know_no_such_master_are_told_with_their_mend() {
    let watched = Watched::start();
    let port = watched.sentinel.port;
    for (address, says) in [
        (
            format!("redis-sentinel://:{CANARY}@127.0.0.1:{port}?sentinelMasterId=shop"),
            "NOAUTH",
        ),
        (
            format!(
                "redis-sentinel://127.0.0.1:{port}?sentinelMasterId=shoop&sentinel-password={CANARY}"
            ),
            "no master is called shoop",
        ),
        (
            format!(
                "redis-sentinel://127.0.0.1:{port}?sentinelMasterId=shop&sentinel-password={CANARY}"
            ),
            "NOAUTH",
        ),
    ] {
        assert!(RedisServer::parse(&address).is_ok());
        let error = crate::places::clean(store(&address).read().await.unwrap_err());
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// The clock and the dice of this machine.
struct Here {
    began: Instant,
}

impl Host for Here {
    fn now(&self) -> Now {
        Now {
            boot: Duration::from_secs(1000) + self.began.elapsed(),
            wall: moment(10),
        }
    }

    fn nonce(&self) -> String {
        lease::testing::writes::nonce()
    }

    fn sleep_until(&self, boot: Duration) -> StoreFuture<'_, ()> {
        // Who waits for nothing names a time without end.
        let longest = Duration::from_secs(24 * 3600);
        let at = self.began + boot.saturating_sub(Duration::from_secs(1000)).min(longest);
        Box::pin(tokio::time::sleep_until(at))
    }
}

/// Runs nothing, and tells under which token it should have.
struct Told(watch::Sender<Option<u64>>);

impl Hands for Told {
    fn feed(&mut self, _deadline: Duration) {}

    fn start(&mut self, _command: Command, _number: u32, token: u64, _timeout: Duration) {
        self.0.send_replace(Some(token));
    }

    fn stop(&mut self, _now: bool) {}

    fn say(&mut self, _text: &str) {}

    async fn next(&mut self) -> Input {
        std::future::pending().await
    }
}

/// The second candidate of run 7.
fn standby() -> CandidateConfig {
    let holder = record(&lock(), 2, "");
    CandidateConfig {
        lock: lock(),
        deployment: deployment(7),
        me: party(2),
        instance: "the standby".to_owned(),
        candidates: 2,
        attempts: 1,
        attempt_timeout: Duration::from_secs(600),
        retry_wait: Duration::ZERO,
        timeout: Duration::from_secs(600),
        primary_grace: Duration::from_secs(20),
        queue_timeout: Duration::from_secs(600),
        policy: lease::Policy {
            timing: Timing::NOTIFIED,
            ..holder.policy
        },
        await_gates: false,
        on_failure: false,
        allow_older: false,
        rerun: Rerun::First,
        task: Task::Deploy,
    }
}

/// Run `run` is in `phase` under `token`, with these events told by its first candidate.
fn under(seen: &Snapshot, run: u64, token: u64, phase: Phase, events: Vec<Event>) -> Write {
    let mut drafts = vec![announced(run)];
    drafts.extend(events.into_iter().map(|event| told(run, token, event)));
    let write = append(seen, moment(token), drafts);
    let record = Record {
        deployment: deployment(run),
        phase,
        failed_candidates: Vec::new(),
        silence_allowed: Timing::NOTIFIED.lease,
        policy: standby().policy,
        ..record(&lock(), token, &write.nonce)
    };
    Write {
        record: Some(record),
        ..write
    }
}

#[tokio::test]
async fn a_standby_that_has_seen_a_token_does_not_deploy_where_a_failover_lost_it() {
    let old = Redis::start_with(&RedisSetup {
        config: FAST.to_owned(),
        ..RedisSetup::default()
    });
    let new = Redis::start_with(&RedisSetup {
        config: format!("replicaof 127.0.0.1 {}\n{FAST}", old.port),
        ..RedisSetup::default()
    });
    let direct = store(&url(&old));
    let finished = Event::DeploymentFinished {
        outcome: Outcome::Succeeded,
        reason: None,
        detail: String::new(),
    };
    let events = vec![Event::DeploymentStarted, finished];
    let first = under(&Snapshot::default(), 6, 1, Phase::Succeeded, events);
    let nonce = first.nonce.clone();
    won(&direct, first).await;
    until(3 * PATIENT, "the replica to follow", || {
        (new.command(&["HGET", LEASE, "lease"]) == nonce).then_some(())
    });
    // It is cut off before token 2 is given, and becomes the primary after that.
    assert_eq!(new.command(&["REPLICAOF", "NO", "ONE"]), "OK");
    let seen = direct.read().await.unwrap();
    won(
        &direct,
        under(
            &seen,
            7,
            2,
            Phase::Deploying,
            vec![Event::DeploymentStarted],
        ),
    )
    .await;

    let proxy = Proxy::start(old.port).await;
    let behind: Arc<dyn Store> = Arc::new(store_of(lock(), &proxy.url(), Duration::from_secs(1)));
    let (started, mut deploys) = watch::channel(None);
    let task = tokio::spawn(async move {
        let mut candidate = Candidate::new(standby());
        let host = Here {
            began: Instant::now(),
        };
        let poll = Timing::NOTIFIED.poll;
        run(&mut candidate, &behind, poll, &host, &mut Told(started)).await
    });
    let has_announced = |entry: &ledger::Entry| {
        let by_it = entry.by.as_ref().is_some_and(|by| by.candidate == 2);
        by_it && matches!(entry.event, Event::Announced { .. })
    };
    let deadline = Instant::now() + 3 * PATIENT;
    while !direct
        .history(History::FromSeq(1))
        .await
        .unwrap()
        .iter()
        .any(has_announced)
    {
        assert!(Instant::now() < deadline, "the standby announces itself");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    proxy.lead_to(new.port);
    proxy.cut();

    // The lease is free there, as far as that server knows. What the standby tries is made over what it has seen.
    let tries = || -> u64 {
        let stats = new.command(&["INFO", "commandstats"]);
        let calls = |line: &str| {
            line.split("calls=")
                .nth(1)?
                .split(',')
                .next()?
                .parse::<u64>()
                .ok()
        };
        ["cmdstat_eval:", "cmdstat_evalsha:"]
            .iter()
            .filter_map(|name| stats.lines().find(|line| line.starts_with(name)))
            .filter_map(calls)
            .sum::<u64>()
    };
    let deadline = Instant::now() + 6 * PATIENT;
    while tries() < 4 {
        assert!(Instant::now() < deadline, "the standby tries to take over");
        assert!(!task.is_finished());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(*deploys.borrow(), None, "it deploys under no older token");
    assert_eq!(
        new.command(&["HGET", LEASE, "lease"]),
        nonce,
        "it has written nothing there"
    );

    // Where its token is known it takes over, under a newer one.
    proxy.lead_to(old.port);
    proxy.cut();
    let token = deploys.wait_for(Option::is_some);
    let token = tokio::time::timeout(6 * PATIENT, token)
        .await
        .expect("it takes over")
        .unwrap();
    assert_eq!(*token, Some(3));
    task.abort();
}
