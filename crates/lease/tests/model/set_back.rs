//! A store that forgets what it has acknowledged, so that a token is given twice: a Redis replica took over that had not
//! seen the newest write, a database was restored from a copy.
//!
//! What is left then: a guarded target lets no older token act after a newer one, and none of two that have the same; a
//! candidate that has seen the newer token goes back to no older one; and every process comes to its end. Without a
//! guard two act under one token, beside each other for as long as the first can be alive without renewing: D and the
//! kill time.

use lease::Timing;

use crate::{
    cast::{fails, succeeded, two_live, works},
    explore::explore,
    scenario::{Fate, Forgotten, Scenario, Strike},
    world::World,
};

/// Two act under one token.
fn acted_twice(_: &Scenario, world: &World) -> bool {
    world.judge.target.twice
}

/// The guard refuses somebody.
fn refused(_: &Scenario, world: &World) -> bool {
    world.judge.target.refused
}

fn forgetful(name: &'static str) -> Scenario {
    let timing = Timing::NOTIFIED;
    Scenario {
        strikes: vec![
            Strike::SetBack(Forgotten::NewestWrite),
            Strike::SetBack(Forgotten::NewestClaim),
            Strike::Crash,
            Strike::Freeze(7_000),
        ],
        swaps: vec![Fate::Fast, Fate::LostAfter],
        faults: 1,
        ..Scenario::new(name, timing)
            .candidates(1, 0, &[works(9_000), works(3_000)], |_| {})
            .verdict(1, 0)
    }
}

#[test]
fn a_guarded_target_lets_no_older_token_nor_a_second_owner_of_one_act_though_the_store_forgets() {
    let scenario = Scenario {
        guarded: true,
        sights: vec![
            ("it succeeds", succeeded),
            ("the guard refuses somebody", refused),
        ],
        ..forgetful("a store set back, guarded")
    };
    explore(scenario, 10_400);
}

#[test]
fn a_guarded_target_is_safe_from_a_store_that_forgets_while_nothing_is_in_time() {
    let scenario = Scenario {
        guarded: true,
        timed: false,
        strikes: vec![
            Strike::SetBack(Forgotten::NewestClaim),
            Strike::Freeze(24_000),
        ],
        sights: vec![
            ("two live at once", two_live),
            ("the guard refuses somebody", refused),
        ],
        ..forgetful("a store set back, guarded, nothing in time")
    };
    explore(scenario, 7_600);
}

#[test]
fn a_guard_holds_where_a_holder_stands_still_and_the_store_forgets_it() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        guarded: true,
        strikes: vec![
            Strike::SetBack(Forgotten::NewestClaim),
            Strike::Freeze(7_000),
        ],
        faults: 2,
        sights: vec![("the guard refuses somebody", refused)],
        ..Scenario::new("a store set back, two faults", timing).candidates(
            1,
            0,
            &[works(5_000), works(3_000)],
            |_| {},
        )
    };
    explore(scenario, 96_000);
}

#[test]
fn without_a_guard_two_act_under_one_token_where_the_store_forgets() {
    let scenario = Scenario {
        strikes: vec![
            Strike::SetBack(Forgotten::NewestWrite),
            Strike::SetBack(Forgotten::NewestClaim),
        ],
        sights: vec![
            ("two act under one token", acted_twice),
            ("two live at once", two_live),
        ],
        ..forgetful("a store set back, no guard")
    };
    explore(scenario, 8_100);
}

#[test]
fn a_second_deployment_goes_on_past_a_store_that_forgot_the_first() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        guarded: true,
        strikes: vec![
            Strike::SetBack(Forgotten::NewestWrite),
            Strike::SetBack(Forgotten::NewestClaim),
            Strike::Crash,
        ],
        faults: 1,
        sights: vec![
            ("one succeeds", succeeded),
            ("the guard refuses somebody", refused),
        ],
        ..Scenario::new("two deployments, a store set back", timing)
            .candidates(1, 0, &[fails(3_000)], |_| {})
            .candidates(2, 1_000, &[works(3_000)], |_| {})
            .verdict(2, 1_000)
    };
    explore(scenario, 5_400);
}
