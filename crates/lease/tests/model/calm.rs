//! Where nothing fails and no request takes longer than it may, nothing is taken away from anybody healthy.

use lease::Timing;

use crate::{
    cast::{secs, succeeded, works},
    explore::explore,
    scenario::{Fate, Scenario},
    world::World,
};

fn slow_world(name: &'static str, rates: &[u64], slow_requests: u8) -> Scenario {
    let slow = vec![Fate::Fast, Fate::ArrivesSlowly, Fate::ReturnsSlowly];
    Scenario {
        swaps: slow.clone(),
        reads: slow,
        slow: slow_requests,
        slowest: 2_000,
        sights: vec![("it succeeds", succeeded)],
        ..Scenario::new(name, Timing::GIT)
            .candidates(1, 0, &[works(25_000), works(25_000)], |c| {
                c.primary_grace = secs(20);
            })
            .verdict(1, 0)
            .rates(rates)
    }
}

/// Every deployment that has ended has succeeded, at its first candidate.
fn undisturbed(world: &World) -> bool {
    let ended = |d: &ledger::DeploymentState| d.outcome;
    world
        .store
        .tip
        .deployments
        .iter()
        .all(|d| d.failovers == 0 && ended(d).is_none_or(|o| o == ledger::Outcome::Succeeded))
}

#[test]
fn no_healthy_holder_is_disturbed_while_requests_take_two_seconds() {
    for (name, rates, slow, at_least) in [
        ("slow requests", [1_000, 1_000, 1_000], 3, 85_000),
        (
            "slow requests, the standby's clock is fast",
            [1_000, 1_100, 1_100],
            2,
            22_000,
        ),
        (
            "slow requests, the holder's clock is fast",
            [1_100, 1_000, 1_000],
            2,
            15_000,
        ),
    ] {
        let mut scenario = slow_world(name, &rates, slow);
        scenario.calm = Some(undisturbed);
        explore(scenario, at_least);
    }
}
