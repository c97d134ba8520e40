//! The judge has teeth: with a protection taken away it complains, and with it in place it does not.

use std::time::Duration;

use lease::Timing;
use ledger::Role;

use crate::{
    cast::secs,
    dice::Dice,
    judge::judge,
    play::play,
    script::{Act, Broken, Fault, Script},
};

/// A primary that needs 100 s, a secondary that stands by, and `verdict`.
fn a_pair(seed: u64, timing: Timing) -> Script {
    let mut dice = Dice::new(seed);
    let mut script = Script::fair(seed, timing);
    for number in 1..=2 {
        let mut leg = script.leg(&mut dice, 1, number, 100);
        leg.config.attempt_timeout = secs(200);
        leg.config.timeout = secs(300);
        script.act(Duration::ZERO, Act::Leg(leg));
    }
    script.verdict(&mut dice, Duration::ZERO, 1);
    script
}

fn complains(script: Script, of: &str) -> bool {
    let problems = judge(&play(script, false));
    problems.iter().any(|problem| problem.contains(of))
}

/// Each script is judged well as it is, and at least one not once something is broken.
fn has_teeth(scripts: impl Fn(u64) -> Script, broken: Broken) {
    let mut bitten = 0;
    for seed in 0..6 {
        let script = scripts(seed);
        let problems = judge(&play(script.clone(), false));
        assert!(problems.is_empty(), "seed {seed}: {problems:#?}");
        let script = Script { broken, ..script };
        bitten += u32::from(complains(script, "two deployers live"));
    }
    assert!(bitten > 0, "the judge finds nothing wrong");
}

#[test]
fn a_store_that_ignores_what_a_write_expects_is_found_out() {
    // Two legs that both think themselves primary claim the free lease at the same moment.
    let scripts = |seed| {
        let mut script = a_pair(seed, Timing::GIT);
        for (_, act) in &mut script.acts {
            if let Act::Leg(leg) = act {
                leg.config.me.role = Role::Primary;
            }
        }
        script
    };
    let broken = Broken {
        ignores_expected: true,
        ..Broken::default()
    };
    has_teeth(scripts, broken);
}

#[test]
fn a_client_that_calls_a_lost_answer_won_is_found_out() {
    let scripts = |seed| {
        let mut script = a_pair(seed, Timing::NOTIFIED);
        script.fault(secs(20), "leg-1-1", Fault::Partition);
        script.fault(secs(60), "leg-1-1", Fault::Repair);
        script
    };
    let broken = Broken {
        takes_silence_for_yes: true,
        ..Broken::default()
    };
    has_teeth(scripts, broken);
}

#[test]
fn a_watchdog_that_kills_nothing_is_found_out() {
    let scripts = |seed| {
        let mut script = a_pair(seed, Timing::GIT);
        script.fault(secs(20), "leg-1-1", Fault::Kill);
        script
    };
    let broken = Broken {
        watchdogs_sleep: true,
        ..Broken::default()
    };
    has_teeth(scripts, broken);
}

/// How long after its death each of many primaries was followed, the longest of them.
fn slowest_takeover(timing: Timing, first_seed: u64) -> Duration {
    let mut slowest = Duration::ZERO;
    for seed in first_seed..first_seed + 25 {
        let mut script = a_pair(seed, timing);
        for (_, act) in &mut script.acts {
            if let Act::Leg(leg) = act {
                // The promise counts by the standby's clock.
                leg.clock.rate = 1000;
            }
        }
        let dies = Dice::new(seed).millis(10_000, 60_000);
        script.fault(dies, "leg-1-1", Fault::Kill);
        let tick = script.weather.tick;
        let played = play(script, false);
        assert_eq!(judge(&played), [""; 0], "seed {seed}");
        let followed = played.spans.iter().find(|span| span.leg == "leg-1-2");
        let took = followed.unwrap().from - dies;
        assert!(took > timing.deadline.saturating_sub(timing.heartbeat));
        slowest = slowest.max(took.saturating_sub(tick));
    }
    slowest
}

#[test]
fn a_standby_starts_within_30_s_of_the_primarys_death_while_requests_take_2_s() {
    let slowest = slowest_takeover(Timing::GIT, 100);
    eprintln!("git: {slowest:?} at most");
    assert!(slowest <= secs(30), "{slowest:?}");
}

#[test]
fn a_standby_that_is_told_of_changes_starts_within_10_s() {
    let slowest = slowest_takeover(Timing::NOTIFIED, 200);
    eprintln!("notified: {slowest:?} at most");
    assert!(slowest <= secs(10), "{slowest:?}");
}
