//! Seeded runs in which everything that may break does, with real processes and a real store. They are judged by the
//! target's log and the ledger alone: never two tokens at once, and one end for every deployment.
//!
//! `BATON_CHAOS_RUNS` says how many (6 where unset), `BATON_CHAOS_SEED` where to begin (1 where unset),
//! `BATON_CHAOS_AT_ONCE` how many at a time (3 where unset: they mostly wait, but every look at the store is a git). A
//! seed that fails is named; with `BATON_CHAOS_RUNS=1 BATON_CHAOS_SEED=<it>` the same happens at the same times again.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

mod dice;
mod plan;
mod play;

use std::{
    collections::BTreeMap,
    env,
    panic::{self, AssertUnwindSafe},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use play::Figures;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn under_seeded_faults_no_two_deploy_at_once_and_every_deployment_has_one_end() {
    let (runs, first) = (number("BATON_CHAOS_RUNS", 6), number("BATON_CHAOS_SEED", 1));
    assert!(runs > 0, "no run is no proof");
    let next = AtomicU64::new(first);
    let failed = Mutex::new(BTreeMap::new());
    let figures = Mutex::new(Figures::default());
    thread::scope(|scope| {
        for _ in 0..number("BATON_CHAOS_AT_ONCE", 3).clamp(1, runs) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + runs {
                        return;
                    }
                    match panic::catch_unwind(AssertUnwindSafe(|| play::play(seed))) {
                        Ok(Ok(of_run)) => figures.lock().unwrap().add(&of_run),
                        Ok(Err(complaints)) => {
                            drop(failed.lock().unwrap().insert(seed, complaints))
                        }
                        Err(_) => drop(
                            failed
                                .lock()
                                .unwrap()
                                .insert(seed, vec!["panicked: see above".to_owned()]),
                        ),
                    }
                }
            });
        }
    });
    let figures = figures.into_inner().unwrap();
    eprintln!("{runs} runs from seed {first}: {figures}");
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "these seeds failed: {failed:#?}");
    assert!(figures.writes > 0, "nothing was ever deployed");
}
