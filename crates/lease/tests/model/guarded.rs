//! Behind a guarded target under no timing assumption at all: hosts stand still with their watchdogs and their trees,
//! trees outlive their kill, clocks run as they like, answers come whenever.

use lease::Timing;

use crate::{
    cast::{taken_over, two_live, works},
    explore::explore,
    scenario::{Fate, Scenario, Strike},
};

#[test]
fn no_older_token_gets_past_the_guard_whatever_clocks_and_pauses_do() {
    let timing = Timing::NOTIFIED;
    for (name, rates, faults, at_least) in [
        (
            "guarded, the standby's clock races",
            [500, 4_000, 1_000],
            2,
            134_000,
        ),
        (
            "guarded, the holder's clock races",
            [4_000, 500, 1_000],
            2,
            191_000,
        ),
        ("guarded, true clocks", [1_000, 1_000, 1_000], 1, 2_400),
    ] {
        let scenario = Scenario {
            swaps: vec![Fate::Fast, Fate::Late(7_000)],
            strikes: vec![Strike::Freeze(24_000)],
            faults,
            timed: false,
            sights: vec![
                ("a standby takes over", taken_over),
                ("two live at once", two_live),
            ],
            ..Scenario::new(name, timing)
                .candidates(1, 0, &[works(9_000), works(9_000)], |_| {})
                .verdict(1, 0)
                .rates(&rates)
        };
        explore(scenario, at_least);
    }
}
