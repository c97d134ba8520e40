//! Candidates that are told to stop, one or all, and a person who moves a deployment.

use lease::{Timing, protocol::Request};

use crate::{
    cast::{cancelled, fails, rolled_back, succeeded, taken_over, transferred, works, worst_swaps},
    explore::explore,
    scenario::{Fate, Scenario, Strike},
};

#[test]
fn a_signal_to_one_moves_the_deployment_and_a_signal_to_all_cancels_it() {
    for (name, timing, faults, at_least) in [
        ("signals, notified", Timing::NOTIFIED, 2, 138_000),
        ("signals, git", Timing::GIT, 1, 1_700),
    ] {
        let scenario = Scenario {
            swaps: worst_swaps(timing),
            reads: vec![Fate::Fast, Fate::LostBefore],
            strikes: vec![Strike::Signal, Strike::SignalAll, Strike::Crash],
            faults,
            sights: vec![
                ("it is cancelled", cancelled),
                ("a standby takes over", taken_over),
                ("it succeeds", succeeded),
            ],
            ..Scenario::new(name, timing)
                .candidates(1, 0, &[works(7_000), works(7_000)], |_| {})
                .verdict(1, 0)
        };
        explore(scenario, at_least);
    }
}

#[test]
fn a_signal_while_on_failure_runs_ends_the_deployment_once() {
    let scenario = Scenario {
        swaps: vec![Fate::Fast, Fate::LostAfter],
        strikes: vec![Strike::Signal, Strike::SignalAll],
        faults: 2,
        sights: vec![
            ("it is cancelled", cancelled),
            ("it is rolled back", rolled_back),
        ],
        ..Scenario::new("signals, on-failure", Timing::NOTIFIED)
            .candidates(1, 0, &[fails(3_000), fails(8_000)], |c| {
                c.on_failure = true;
            })
            .verdict(1, 0)
    };
    explore(scenario, 53_000);
}

#[test]
fn a_transfer_moves_the_deployment_and_never_doubles_it() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        swaps: vec![Fate::Fast, Fate::LostAfter],
        strikes: vec![Strike::Person, Strike::CutOff(7_000), Strike::Signal],
        faults: 2,
        sights: vec![
            ("it is transferred", transferred),
            ("it succeeds", succeeded),
        ],
        ..Scenario::new("a transfer", timing)
            .candidates(1, 0, &[works(7_000), works(5_000)], |_| {})
            .verdict(1, 0)
            .person(Request::Transfer)
    };
    explore(scenario, 234_000);
}
