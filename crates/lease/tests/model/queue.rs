//! Candidates of two deployments of one lock.

use lease::Timing;

use crate::{
    cast::{abandoned, everybody_queued, succeeded, superseded, works, worst_strikes, worst_swaps},
    explore::explore,
    scenario::{Fate, Scenario, Strike},
};

#[test]
fn a_second_deployment_waits_for_the_first_and_closes_it_where_nobody_carries_it_on() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        swaps: worst_swaps(timing),
        strikes: worst_strikes(timing),
        faults: 2,
        sights: vec![
            ("one waits for the other", everybody_queued),
            ("the first is abandoned", abandoned),
            ("one succeeds", succeeded),
        ],
        ..Scenario::new("two deployments", timing)
            .candidates(1, 0, &[works(6_000)], |_| {})
            .candidates(2, 1_000, &[works(4_000)], |_| {})
    };
    explore(scenario, 142_000);
}

#[test]
fn an_older_deployment_that_comes_later_deploys_nothing() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        swaps: worst_swaps(timing),
        reads: vec![Fate::Fast, Fate::Stale],
        strikes: vec![Strike::Crash, Strike::Freeze(7_000)],
        faults: 2,
        sights: vec![
            ("the older is superseded", superseded),
            ("one succeeds", succeeded),
        ],
        ..Scenario::new("the newer before the older", timing)
            .candidates(2, 0, &[works(4_000)], |_| {})
            .verdict(2, 0)
            .candidates(1, 1_000, &[works(4_000), works(4_000)], |_| {})
            .verdict(1, 0)
    };
    explore(scenario, 57_000);
}
