//! From SIGKILL of the primary to the start of the secondary's command, at default timing, with each store; from a
//! non-zero exit to the secondary's start; and the memory of those who wait and hold.
//!
//! `BATON_BENCH_STORE` names the stores, separated by commas; all where it is unset.
//!
//! What a user would have without baton: GitHub notices a lost runner after about ten minutes, and re-runs nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a failure of the bench itself is a panic"
)]

mod leg;

use std::{
    process::ExitCode, sync::atomic::AtomicU64, sync::atomic::Ordering, thread, time::Duration,
};

use test_servers::{Postgres, Redis, RedisSetup};

/// A store, and what is promised with it.
struct Place {
    name: &'static str,
    /// The input `store`; nothing where every deployment has a repository of its own.
    address: Option<String>,
    /// From heartbeat to heartbeat: the kills fall evenly into it.
    heartbeat: Duration,
    kills: u64,
    kill_limit: f64,
    failures: u64,
    failure_limit: f64,
}

/// How many deployments run side by side: they mostly sleep.
const AT_ONCE: u64 = 10;

/// Names a lock of each deployment's own in a store that all share.
static LOCKS: AtomicU64 = AtomicU64::new(1);

/// Two legs on this store.
struct Legs<'a> {
    place: &'a Place,
    lock: String,
    deployment: leg::Deployment,
}

impl Legs<'_> {
    fn of(place: &Place) -> Legs<'_> {
        Legs {
            place,
            lock: format!("bench/bench/{}", LOCKS.fetch_add(1, Ordering::Relaxed)),
            deployment: leg::Deployment::new(),
        }
    }

    fn start(&self, number: u32, command: &str, attempts: &str) -> std::process::Child {
        let mut inputs = vec![("attempts", attempts)];
        if let Some(address) = &self.place.address {
            inputs.extend([("store", address.as_str()), ("lock-name", &self.lock)]);
        }
        self.deployment.leg(number, command, &inputs)
    }
}

/// Seconds from kill to start, and the peaks of memory in KiB. The kill falls on another moment of the heartbeat in every
/// run.
fn a_kill(place: &Place, run: u64) -> (f64, u64) {
    let legs = Legs::of(place);
    let deployment = &legs.deployment;
    let mut primary = legs.start(1, "sleep 300", "3");
    deployment.await_begin(1, Duration::from_secs(30));
    let mut secondary = legs.start(2, "sleep 1", "3");
    thread::sleep(
        place.heartbeat * (place.kills + run) as u32 / place.kills as u32 + Duration::from_secs(1),
    );
    let everything = leg::tree(primary.id());
    let memory = everything
        .iter()
        .take(2)
        .chain([&secondary.id()])
        .filter_map(|pid| leg::peak_memory(*pid))
        .max()
        .unwrap_or_default();
    let killed = leg::wall();
    leg::kill(&everything);
    let began = deployment.await_begin(2, Duration::from_secs(60));
    assert!(secondary.wait().unwrap().success(), "{}", deployment.logs());
    let _dead = primary.wait();
    (began - killed, memory)
}

/// Seconds from the failing command's end to the secondary's start.
fn a_failure(place: &Place) -> f64 {
    let legs = Legs::of(place);
    let deployment = &legs.deployment;
    let ending = format!(
        "sleep 4; echo 0 $EPOCHREALTIME >> {}; exit 3",
        deployment.target().display()
    );
    let mut primary = legs.start(1, &ending, "1");
    deployment.await_begin(1, Duration::from_secs(30));
    let mut secondary = legs.start(2, "true", "1");
    let failed = deployment.await_begin(0, Duration::from_secs(60));
    let began = deployment.await_begin(2, Duration::from_secs(60));
    assert!(secondary.wait().unwrap().success(), "{}", deployment.logs());
    assert!(!primary.wait().unwrap().success());
    let took = began - failed;
    if took > place.failure_limit {
        println!("from {failed} to {began}: {}", deployment.logs());
    }
    took
}

/// Runs `count` of these, some at a time.
fn all<T: Send>(count: u64, at_once: u64, one: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let mut done = Vec::new();
    for first in (0..count).step_by(at_once as usize) {
        let one = &one;
        thread::scope(|scope| {
            let runs: Vec<_> = (first..count.min(first + at_once))
                .map(|n| scope.spawn(move || one(n)))
                .collect();
            done.extend(
                runs.into_iter()
                    .map(|run| run.join().expect("a run ends well")),
            );
        });
    }
    done
}

/// The figure that 99 of 100 do not pass.
fn p99(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[(figures.len() * 99).div_ceil(100) - 1]
}

/// Measures one store and prints the figures; the highest peak of memory, and whether all limits are kept.
fn measure(place: &Place) -> (u64, bool) {
    let (name, kills) = (place.name, place.kills);
    let (mut killed, memory): (Vec<f64>, Vec<u64>) = all(kills, AT_ONCE, |run| a_kill(place, run))
        .into_iter()
        .unzip();
    // One and a half pairs a core at a time: more would measure the machine.
    let mut failed = all(place.failures, 3, |_| a_failure(place));
    killed.sort_by(f64::total_cmp);
    let mut fine = leg::within(
        &format!("{name}: SIGKILL to the secondary's command, worst of {kills}"),
        killed[killed.len() - 1],
        place.kill_limit,
        "s",
    );
    leg::beside("the same, median", leg::median(&mut killed), "s");
    leg::beside("the same, best", killed[0], "s");
    fine &= leg::within(
        &format!(
            "{name}: non-zero exit to the secondary's command, p99 of {}",
            place.failures
        ),
        p99(&mut failed),
        place.failure_limit,
        "s",
    );
    leg::beside("the same, median", leg::median(&mut failed), "s");
    leg::beside("the same, worst", failed[failed.len() - 1], "s");
    (memory.into_iter().max().unwrap_or_default(), fine)
}

fn main() -> ExitCode {
    let stores = std::env::var("BATON_BENCH_STORE").unwrap_or_default();
    let is_wanted = |name: &str| stores.is_empty() || stores.split(',').any(|s| s == name);
    let postgres = is_wanted("postgres").then(Postgres::start);
    let redis = is_wanted("redis").then(|| {
        Redis::start_with(&RedisSetup {
            config: "appendonly yes\nappendfsync always\n".to_owned(),
            ..RedisSetup::default()
        })
    });
    let mut places = Vec::new();
    if is_wanted("git") {
        places.push(Place {
            name: "git",
            address: None,
            heartbeat: Duration::from_secs(10),
            kills: 20,
            kill_limit: 28.0,
            failures: 5,
            failure_limit: 3.0,
        });
    }
    let told = |name, address| Place {
        name,
        address: Some(address),
        heartbeat: Duration::from_secs(2),
        kills: 20,
        kill_limit: 10.0,
        failures: 100,
        failure_limit: 0.3,
    };
    if let Some(server) = &postgres {
        let address = format!(
            "postgres://{}:canary%2Fp%40ss%20w%3Ard@127.0.0.1:{}/postgres?sslmode=disable",
            Postgres::USER,
            server.port
        );
        places.push(told("postgres", address));
    }
    if let Some(server) = &redis {
        places.push(told(
            "redis",
            format!("redis://127.0.0.1:{}/0", server.port),
        ));
    }
    assert!(
        !places.is_empty(),
        "BATON_BENCH_STORE: there is no store {stores}"
    );
    let (mut fine, mut memory) = (true, 0);
    for place in &places {
        let (peak, within) = measure(place);
        (fine, memory) = (fine & within, memory.max(peak));
    }
    fine &= leg::within(
        "resident memory of any of our processes, peak",
        memory as f64 / 1024.0,
        15.0,
        "MiB",
    );
    leg::beside(
        "GitHub alone: until it notices a lost runner, as documented",
        600.0,
        "s",
    );
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
