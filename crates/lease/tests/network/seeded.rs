//! Everything at once, by seed.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::{drawn::draw, judge::judge, play::play};

/// The story of a seed, and the promises that it breaks.
fn story(seed: u64) -> String {
    let played = play(draw(seed), true);
    format!(
        "replay with BATON_SIM_SEED={seed} cargo test -p lease --test network: {:#?}\n{}",
        judge(&played),
        played.log.join("\n")
    )
}

fn number(name: &str, default: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.and_then(|n| n.parse().ok()).unwrap_or(default)
}

#[test]
fn the_shell_keeps_every_promise_over_a_faulty_network() {
    if let Ok(seed) = std::env::var("BATON_SIM_SEED") {
        let seed = seed.parse().unwrap();
        let played = play(draw(seed), false);
        eprintln!("{}", story(seed));
        assert!(judge(&played).is_empty());
        return;
    }
    let first = number("BATON_SIM_FIRST", 0);
    let seeds = number("BATON_SIM_SEEDS", 2_000);
    let begin = Instant::now();
    let next = AtomicU64::new(first);
    let simulated = AtomicU64::new(0);
    let broken = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    let played = play(draw(seed), false);
                    if !judge(&played).is_empty() {
                        broken.lock().unwrap().push(seed);
                    }
                    simulated.fetch_add(played.took.as_secs(), Ordering::Relaxed);
                }
            });
        }
    });
    eprintln!(
        "{seeds} seeds from {first}: {} simulated seconds in {:?}",
        simulated.into_inner(),
        begin.elapsed()
    );
    let broken = broken.into_inner().unwrap();
    if let Some(seed) = broken.iter().min() {
        panic!("seeds {broken:?} break promises; {}", story(*seed));
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..12 {
        let (one, other) = (play(draw(seed), true), play(draw(seed), true));
        assert!(one.log.len() > 20, "seed {seed} tells next to nothing");
        let differs = one
            .log
            .iter()
            .zip(&other.log)
            .find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one.log.len(), other.log.len(), "seed {seed}");
    }
}
