//! What the command runs cannot be killed: for a while, or for ever.

use lease::Timing;

use crate::{
    cast::{held, secs, succeeded, taken_over, works},
    explore::explore,
    scenario::{Scenario, Strike},
    world::World,
};

/// A tree that should be dead lives.
fn withstands(_: &Scenario, world: &World) -> bool {
    world
        .hosts
        .iter()
        .any(|h| h.tree.as_ref().is_some_and(|t| t.stuck))
}

const FOR_EVER: u64 = crate::host::Tree::NEVER;

#[test]
fn nothing_follows_a_tree_that_is_not_proven_dead_until_a_person_says_so() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        strikes: vec![
            Strike::Stick(5_000),
            Strike::Stick(FOR_EVER),
            Strike::Signal,
            Strike::SignalAll,
        ],
        faults: 2,
        sights: vec![
            ("a tree withstands", withstands),
            ("it is held", held),
            ("a standby takes over", taken_over),
            ("it succeeds", succeeded),
        ],
        ..Scenario::new("a tree that cannot be killed", timing)
            .candidates(1, 0, &[works(9_000), works(3_000)], |c| {
                c.attempts = 2;
                c.attempt_timeout = secs(4);
                c.on_failure = true;
            })
            .verdict(1, 0)
    };
    explore(scenario, 54_000);
}
