//! Seeded rounds in which everything that may break does: real processes on hosts of their own, a real store, and a wire
//! between them. They are judged by the target's log and the ledger alone: never two tokens at once, one end for every
//! deployment, and nothing forgotten that was once acknowledged.
//!
//! `BATON_CHAOS_RUNS` says how many rounds (6 where unset), `BATON_CHAOS_SEED` where to begin (1 where unset),
//! `BATON_CHAOS_STORE` which stores (`git,postgres,redis` where unset; the seeds of others are passed over),
//! `BATON_CHAOS_AT_ONCE` how many at a time (3 where unset: they mostly wait). A seed that fails is named, and its folder
//! kept; with `BATON_CHAOS_RUNS=1 BATON_CHAOS_SEED=<it>` the same happens at the same times again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's own set-up; a panic is its failure"
)]

mod clock;
mod dice;
mod faults;
mod figures;
mod legs;
mod plan;
mod play;
mod stage;
mod store;
mod verdict;
mod wire;
mod witness;

use std::{
    collections::BTreeMap,
    env, fs,
    panic::{self, AssertUnwindSafe},
    sync::Mutex,
    thread,
};

use figures::Figures;
use plan::Plan;
use play::Played;
use stage::Stage;
use store::Kind;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// The seeds to play.
fn seeds() -> Vec<u64> {
    let (runs, first) = (number("BATON_CHAOS_RUNS", 6), number("BATON_CHAOS_SEED", 1));
    assert!(runs > 0, "no round is no proof");
    let stores = env::var("BATON_CHAOS_STORE").unwrap_or_default();
    let wanted: Vec<&str> = stores.split(',').filter(|s| !s.is_empty()).collect();
    for name in &wanted {
        let known = Kind::ALL.iter().any(|kind| kind.name() == *name);
        assert!(known, "BATON_CHAOS_STORE: there is no store {name}");
    }
    let is_wanted = |seed: &u64| wanted.is_empty() || wanted.contains(&Kind::of_seed(*seed).name());
    (first..).filter(is_wanted).take(runs as usize).collect()
}

/// Plays and judges one round; where it failed, why, with its folder kept.
fn round(seed: u64) -> Result<Figures, Vec<String>> {
    let plan = Plan::new(seed);
    let stage = Stage::new(seed);
    let played = panic::catch_unwind(AssertUnwindSafe(|| {
        play::play(&plan, &stage, store::start(&plan, &stage))
    }));
    let mut complaints = match &played {
        Ok(played) => verdict::complaints(&plan, &stage, played),
        Err(panic) => vec![format!("panicked: {}", words(&**panic))],
    };
    let figures = played.as_ref().ok().map(|p| Figures::of(&plan, &stage, p));
    stage::end_all(stage.scene.folder());
    if let (true, Some(figures)) = (complaints.is_empty(), figures) {
        return Ok(figures);
    }
    record(&plan, &stage, played.ok(), &complaints);
    complaints.push(format!("kept in {}", stage.keep(seed).display()));
    Err(complaints)
}

/// Leaves beside the logs what a person wants to see first.
fn record(plan: &Plan, stage: &Stage, played: Option<Played>, complaints: &[String]) {
    let write = |name: &str, text: String| {
        fs::write(stage.scene.folder().join(name), text).unwrap();
    };
    write("complaints.txt", complaints.join("\n"));
    write("plan.txt", format!("{plan:#?}"));
    let entries = played.and_then(|p| p.books).unwrap_or_default().entries;
    let lines = entries.iter().map(|e| serde_json::to_string(e).unwrap());
    write("ledger.jsonl", lines.collect::<Vec<_>>().join("\n"));
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
        .unwrap_or_default()
}

#[test]
fn under_seeded_faults_no_two_deploy_at_once_and_every_deployment_has_one_end() {
    stage::sweep();
    let seeds = seeds();
    let rounds = seeds.len();
    let next = Mutex::new(seeds.into_iter());
    let failed = Mutex::new(BTreeMap::new());
    let figures = Mutex::new(Figures::default());
    thread::scope(|scope| {
        for _ in 0..number("BATON_CHAOS_AT_ONCE", 3).max(1) {
            scope.spawn(|| {
                loop {
                    let Some(seed) = next.lock().unwrap().next() else {
                        return;
                    };
                    match round(seed) {
                        Ok(of_round) => figures.lock().unwrap().add(of_round),
                        Err(complaints) => {
                            eprintln!("seed {seed} failed: {complaints:#?}");
                            failed.lock().unwrap().insert(seed, complaints);
                        }
                    }
                }
            });
        }
    });
    let figures = figures.into_inner().unwrap();
    let failed = failed.into_inner().unwrap();
    eprintln!("{rounds} rounds, {} failed\n{figures}", failed.len());
    assert!(failed.is_empty(), "these seeds failed: {:?}", failed.keys());
    assert!(!figures.is_empty(), "nothing was ever deployed");
}
