//! A leg or a run that is started again: the same number of the same deployment in a new process, or a further attempt of
//! the same run.

use lease::{
    Timing,
    protocol::{CandidateConfig, Rerun},
};

use crate::{
    cast::{abandoned, succeeded, taken_over, works, worst_swaps},
    explore::explore,
    host::Life,
    scenario::{Fate, Scenario, Strike},
    world::World,
};
use lease::protocol::Conclusion;

fn concludes(world: &World, wanted: fn(&Conclusion) -> bool) -> bool {
    world.hosts.iter().any(|h| match &h.life {
        Life::Over(Some(said)) => wanted(said),
        _ => false,
    })
}

/// A second process of one number leaves it to the first.
fn number_taken(_: &Scenario, world: &World) -> bool {
    concludes(world, |c| matches!(c, Conclusion::NumberTaken { .. }))
}

/// A re-run finds that there is nothing to do.
fn deployed_already(_: &Scenario, world: &World) -> bool {
    concludes(world, |c| matches!(c, Conclusion::AlreadyDeployed { .. }))
}

/// Both attempts of the run succeed.
fn deployed_twice(_: &Scenario, world: &World) -> bool {
    let done = |d: &&ledger::DeploymentState| d.outcome == Some(ledger::Outcome::Succeeded);
    world.store.tip.deployments.iter().filter(done).count() > 1
}

/// The second attempt of the first run.
fn second_attempt(rerun: Rerun) -> impl Fn(&mut CandidateConfig) {
    move |config| {
        config.deployment.id = "o/r/1/2".to_owned();
        config.deployment.run_attempt = 2;
        config.instance = format!("again-{}", config.me.candidate);
        config.rerun = rerun;
    }
}

#[test]
fn a_second_process_of_one_candidate_never_deploys_beside_the_first_nor_in_its_name() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        swaps: worst_swaps(timing),
        strikes: vec![Strike::Crash, Strike::Freeze(7_000)],
        faults: 2,
        sights: vec![
            ("a second process is turned away", number_taken),
            ("a standby takes over", taken_over),
            ("it is abandoned", abandoned),
            ("it succeeds", succeeded),
        ],
        ..Scenario::new("a leg started again", timing)
            .candidates(1, 0, &[works(4_000), works(3_000)], |_| {})
            .candidates(1, 2_000, &[works(4_000)], |c| {
                c.instance = "again".to_owned();
                c.candidates = 2;
            })
            .verdict(1, 0)
    };
    explore(scenario, 48_000);
}

#[test]
fn a_whole_rerun_deploys_after_the_first_attempt_and_a_partial_one_only_where_that_failed() {
    for (name, rerun, sight) in [
        (
            "a run started again, whole",
            Rerun::Full,
            (
                "both succeed",
                deployed_twice as fn(&Scenario, &World) -> bool,
            ),
        ),
        (
            "a run started again, in part",
            Rerun::Partial,
            ("there is nothing to do", deployed_already),
        ),
        (
            "a run started again, nobody knows how",
            Rerun::Unknown,
            ("there is nothing to do", deployed_already),
        ),
    ] {
        let scenario = Scenario {
            swaps: vec![Fate::Fast, Fate::LostAfter],
            reads: vec![Fate::Fast, Fate::Stale],
            strikes: vec![Strike::Crash, Strike::Freeze(7_000)],
            faults: 2,
            sights: vec![("one succeeds", succeeded), sight],
            ..Scenario::new(name, Timing::NOTIFIED)
                .candidates(1, 0, &[works(3_000)], |_| {})
                .candidates(1, 3_000, &[works(3_000)], second_attempt(rerun))
        };
        explore(scenario, 7_400);
    }
}
