//! Candidates of one deployment that crash, stand still and lose the store.

use lease::{OnPrimaryLost, Timing};

use crate::{
    cast::{
        abandoned, any_read, any_strike, any_swap, failed, fails, fenced, held, lasting_strikes,
        rolled_back, succeeded, taken_over, works, worst_strikes, worst_swaps,
    },
    explore::{explore, is_wide},
    scenario::{Fate, Scenario, Strike, millis},
};

#[test]
fn one_of_two_candidates_deploys_whatever_crashes_and_whichever_answer_is_lost() {
    let scenario = Scenario {
        swaps: vec![Fate::Fast, Fate::LostBefore, Fate::LostAfter],
        reads: vec![Fate::Fast, Fate::LostBefore],
        strikes: vec![Strike::Crash],
        faults: 3,
        sights: vec![
            ("a standby takes over", taken_over),
            ("it succeeds", succeeded),
            ("it is abandoned", abandoned),
        ],
        ..Scenario::new("two candidates, crashes, lost answers", Timing::NOTIFIED)
            .candidates(1, 0, &[works(7_000), fails(7_000)], |_| {})
            .verdict(1, 0)
    };
    explore(scenario, 222_000);
}

#[test]
fn two_candidates_are_never_live_at_once_whatever_stands_still_and_lands_late() {
    let timing = Timing::NOTIFIED;
    let world = |name, takes: [u64; 2]| Scenario {
        reads: any_read(),
        swaps: any_swap(timing),
        strikes: any_strike(timing),
        faults: 1,
        sights: vec![
            ("a standby takes over", taken_over),
            ("a holder past D is killed", fenced),
        ],
        ..Scenario::new(name, timing)
            .candidates(1, 0, &takes.map(works), |_| {})
            .verdict(1, 0)
    };
    let everything = "two candidates, everything, notified";
    explore(world(everything, [9_000, 5_000]), 16_000);
    if is_wide() {
        return;
    }
    let twice = Scenario {
        reads: vec![Fate::Fast, Fate::Stale],
        swaps: worst_swaps(timing),
        strikes: lasting_strikes(timing),
        faults: 2,
        ..world("two candidates, the worst twice, notified", [8_000, 3_000])
    };
    explore(twice, 470_000);
}

#[test]
fn two_candidates_are_never_live_at_once_over_git() {
    let timing = Timing::GIT;
    let scenario = Scenario {
        swaps: any_swap(timing),
        reads: any_read(),
        strikes: any_strike(timing),
        faults: 1,
        sights: vec![
            ("a standby takes over", taken_over),
            ("a holder past D is killed", fenced),
        ],
        ..Scenario::new("two candidates, everything, git", timing)
            .candidates(1, 0, &[works(25_000), works(12_000)], |_| {})
            .verdict(1, 0)
    };
    explore(scenario, 21_000);
}

#[test]
fn three_candidates_fail_over_in_turn_and_roll_back_once() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        swaps: worst_swaps(timing),
        strikes: vec![Strike::Crash, Strike::Freeze(7_000)],
        faults: 1,
        sights: vec![
            ("a standby takes over", taken_over),
            ("it is rolled back", rolled_back),
            ("it fails", failed),
        ],
        ..Scenario::new("three candidates, on-failure", timing)
            .candidates(1, 0, &[fails(3_000), fails(4_000), fails(3_000)], |c| {
                c.on_failure = true;
                c.attempts = if c.me.candidate == 1 { 2 } else { 1 };
            })
            .verdict(1, 0)
    };
    explore(scenario, 12_600);
}

#[test]
fn nothing_is_run_again_silently_where_the_policy_holds() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        swaps: worst_swaps(timing),
        reads: vec![Fate::Fast, Fate::Stale],
        strikes: worst_strikes(timing),
        faults: 1,
        sights: vec![("it is held", held)],
        ..Scenario::new("two candidates, hold", timing)
            .candidates(1, 0, &[works(9_000), works(5_000)], |c| {
                c.policy.on_primary_lost = OnPrimaryLost::Hold;
            })
            .verdict(1, 0)
    };
    explore(scenario, 7_900);
}

#[test]
fn clocks_a_tenth_apart_leave_no_two_live_at_once() {
    for (name, rates) in [
        ("the standby's clock is fast", [1_000, 1_100]),
        ("the holder's clock is fast", [1_100, 1_000]),
    ] {
        for (timing, faults, at_least) in [(Timing::GIT, 1, 4_900), (Timing::NOTIFIED, 2, 166_000)]
        {
            // Long enough that a holder cut off after two heartbeats would see its lease run out at work.
            let takes = millis(2 * timing.heartbeat + timing.lease);
            let between = millis(timing.deadline + timing.lease) / 2;
            let scenario = Scenario {
                swaps: vec![Fate::Fast, Fate::LostAfter],
                strikes: vec![
                    Strike::Freeze(millis(timing.heartbeat) * 3 / 4),
                    Strike::Freeze(between),
                    Strike::CutOff(millis(timing.lease)),
                ],
                faults,
                sights: vec![("a standby takes over", taken_over)],
                ..Scenario::new(name, timing)
                    .candidates(1, 0, &[works(takes), works(takes)], |_| {})
                    .rates(&rates)
            };
            explore(scenario, at_least);
        }
    }
}

#[test]
fn candidates_that_begin_at_one_moment_do_so_in_any_order() {
    let timing = Timing::NOTIFIED;
    let mut scenario = Scenario {
        swaps: vec![Fate::Fast, Fate::LostAfter],
        strikes: vec![Strike::Crash, Strike::Freeze(7_000)],
        faults: 1,
        orders: true,
        sights: vec![("a standby takes over", taken_over)],
        ..Scenario::new("three candidates at one moment", timing)
            .candidates(1, 0, &[works(5_000), works(5_000), works(5_000)], |c| {
                c.me.role = ledger::Role::Primary;
            })
            .verdict(1, 0)
    };
    for member in &mut scenario.cast {
        member.begins = Some(0);
    }
    explore(scenario, 10_700);
}
