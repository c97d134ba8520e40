//! The gates step, a process of its own after the one that deployed.

use lease::Timing;

use crate::{
    cast::{failed, gates_missing, rolled_back, succeeded, taken_over, works, worst_swaps},
    explore::explore,
    scenario::{Fate, Plan, Scenario, Strike},
};

fn judged(takes: u64, pass: bool) -> Plan {
    Plan {
        gates: Some((takes, pass)),
        ..works(3_000)
    }
}

#[test]
fn the_gates_end_the_deployment_and_the_command_is_not_run_again() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        swaps: worst_swaps(timing),
        strikes: vec![Strike::Crash, Strike::Freeze(7_000)],
        faults: 2,
        sights: vec![
            ("it succeeds", succeeded),
            ("a standby takes the gates", taken_over),
        ],
        ..Scenario::new("gates that pass", timing)
            .candidates(1, 0, &[judged(5_000, true), judged(5_000, true)], |c| {
                c.await_gates = true;
            })
            .verdict(1, 0)
    };
    explore(scenario, 139_000);
}

#[test]
fn gates_that_fail_or_never_come_end_the_deployment_too() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        swaps: vec![Fate::Fast, Fate::LostAfter],
        strikes: vec![Strike::Crash, Strike::Freeze(7_000), Strike::Signal],
        faults: 1,
        sights: vec![
            ("it fails", failed),
            ("it is rolled back", rolled_back),
            ("nobody judges", gates_missing),
        ],
        ..Scenario::new("gates that fail or never come", timing)
            .candidates(1, 0, &[judged(5_000, false), works(3_000)], |c| {
                c.await_gates = true;
                c.on_failure = true;
            })
            .verdict(1, 0)
    };
    explore(scenario, 8_400);
}
