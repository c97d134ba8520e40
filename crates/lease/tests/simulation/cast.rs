//! Who plays: deployments, candidates and verdicts as their actions would set them up, and what is asked of a world
//! afterwards.

use std::time::Duration;

pub(crate) use lease::testing::cast::deployment;
use lease::{
    Timing,
    protocol::{CandidateConfig, WatcherConfig},
    testing::cast,
};
use ledger::{Deployment, Entry, Event, FailureReason, Outcome, TakeoverReason};

use crate::{
    faults::Fault,
    host::{Plan, Run},
    world::{Weather, World},
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const CALM: Weather = Weather {
    slowest: 200,
    lost_percent: 0,
    late_percent: 0,
    latest: 9_000,
    torn_percent: 0,
};

pub(crate) fn secs(n: u64) -> Duration {
    SECOND * n as u32
}

/// A later attempt of the same run.
pub(crate) fn again(deployment: &Deployment, attempt: u64) -> Deployment {
    let id = format!("{}/{attempt}", deployment.run);
    Deployment {
        id,
        run_attempt: attempt,
        ..deployment.clone()
    }
}

pub(crate) fn candidate(run: u64, number: u32, candidates: u32) -> CandidateConfig {
    cast::candidate(Timing::GIT, run, number, candidates)
}

pub(crate) fn watcher(run: u64) -> WatcherConfig {
    cast::watcher(Timing::GIT, run)
}

pub(crate) fn works(takes: u64) -> Plan {
    let deploy = Run {
        takes: secs(takes),
        succeeds: true,
    };
    let on_failure = Run {
        takes: secs(5),
        succeeds: true,
    };
    Plan {
        deploy,
        on_failure,
        gates: None,
        withstands: None,
    }
}

pub(crate) fn fails(takes: u64) -> Plan {
    let deploy = Run {
        takes: secs(takes),
        succeeds: false,
    };
    Plan {
        deploy,
        ..works(takes)
    }
}

pub(crate) fn fine(world: &World) {
    assert!(
        world.problems.is_empty(),
        "{:?}\n{}",
        world.problems,
        world.log.join("\n")
    );
}

/// One primary and one secondary with `verdict`; returns the world after an hour.
pub(crate) fn a_pair(seed: u64, plans: [Plan; 2], faults: &[(u64, Fault)]) -> World {
    a_pair_with(seed, plans, faults, |_| {})
}

/// [`a_pair`] over a store that tells of changes.
pub(crate) fn a_told_pair(seed: u64, plans: [Plan; 2], faults: &[(u64, Fault)]) -> World {
    let world = World::new(seed, Timing::NOTIFIED, CALM);
    pair_in(world, plans, faults, |_| {})
}

pub(crate) fn a_pair_with(
    seed: u64,
    plans: [Plan; 2],
    faults: &[(u64, Fault)],
    adjust: impl Fn(&mut CandidateConfig),
) -> World {
    let world = World::new(seed, Timing::GIT, CALM);
    pair_in(world, plans, faults, adjust)
}

fn pair_in(
    mut world: World,
    plans: [Plan; 2],
    faults: &[(u64, Fault)],
    adjust: impl Fn(&mut CandidateConfig),
) -> World {
    for (number, plan) in (1..).zip(plans) {
        let mut config = candidate(1, number, 2);
        adjust(&mut config);
        world.add_candidate(Duration::ZERO, config, plan);
    }
    world.add_watcher(Duration::ZERO, watcher(1));
    for (at, fault) in faults {
        world.fault(secs(*at), fault.clone());
    }
    the_end(world)
}

/// The world after an hour, well and quiet.
pub(crate) fn the_end(mut world: World) -> World {
    world.run_until(secs(3600));
    if world.problems.is_empty() {
        world.judge_the_end();
    }
    fine(&world);
    world
}

pub(crate) fn attempts(world: &World) -> usize {
    count(world, |e| matches!(e, Event::AttemptStarted { .. }))
}

pub(crate) fn count(world: &World, wanted: impl Fn(&Event) -> bool) -> usize {
    world.chain.iter().filter(|e| wanted(&e.event)).count()
}

pub(crate) fn takeovers(world: &World) -> Vec<TakeoverReason> {
    let reason = |e: &Entry| match e.event {
        Event::Failover { reason, .. } => Some(reason),
        _ => None,
    };
    world.chain.iter().filter_map(reason).collect()
}

pub(crate) fn end(world: &World) -> (Outcome, Option<FailureReason>) {
    let found = world.chain.iter().find_map(|e| match e.event {
        Event::DeploymentFinished {
            outcome, reason, ..
        } => Some((outcome, reason)),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no end\n{}", world.log.join("\n")))
}
