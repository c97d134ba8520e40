//! Everything at once, by seed: deployments, plans, weather and faults are drawn, and the world judges itself.

use std::time::Duration;

use lease::{
    OnPrimaryLost, Timing,
    protocol::{AppenderEnd, Rerun},
};
use ledger::{Deployment, Event, FailureReason, Outcome, PreflightResult, Role, TakeoverReason};

use crate::{
    cast::{again, attempts, candidate, count, deployment, secs, takeovers, watcher},
    dice::Dice,
    faults::Fault,
    host::{Actor, Gates, Plan, Run},
    world::{Weather, World},
};

/// What all candidates of one deployment share.
struct Shared {
    deployment: Deployment,
    candidates: u32,
    rerun: Rerun,
    begin: Duration,
    hold: bool,
    await_gates: bool,
    on_failure: bool,
    attempts: u32,
    roles: u64,
}

fn anything(seed: u64, timing: Timing, logging: bool) -> World {
    let mut dice = Dice::new(seed ^ 0x5EED);
    let weather = Weather {
        slowest: if timing == Timing::NOTIFIED {
            [50, 250, 500]
        } else {
            [200, 1000, 2000]
        }[dice.below(3) as usize],
        lost_percent: [0, 2, 10][dice.below(3) as usize],
        late_percent: [0, 2, 8][dice.below(3) as usize],
        latest: [9_000, 40_000][dice.below(2) as usize],
        torn_percent: [0, 20, 60][dice.below(3) as usize],
    };
    let mut world = World::new(seed, timing, weather);
    world.logging = logging;
    let two_workflows = dice.chance(30);
    let mut begin = Duration::ZERO;
    for run in 1..=1 + dice.below(3) {
        let mut first = deployment(run);
        if two_workflows && run == 2 {
            first.workflow = "other.yml".to_owned();
        }
        // Runs start out of order now and then.
        let begins = if dice.chance(20) {
            Duration::ZERO
        } else {
            begin
        };
        deploy(&mut world, &mut dice, &first, Rerun::First, begins);
        if dice.chance(15) {
            let later = begins + dice.millis(30_000, 400_000);
            let rerun =
                [Rerun::Full, Rerun::Partial, Rerun::Alone, Rerun::Unknown][dice.below(4) as usize];
            deploy(&mut world, &mut dice, &again(&first, 2), rerun, later);
        }
        begin += dice.millis(0, 40_000);
    }
    faults(&mut world, &mut dice);
    preflights(&mut world, seed);
    world.run_until(secs(4 * 3600));
    if world.problems.is_empty() {
        world.judge_the_end();
    }
    world
}

fn deploy(
    world: &mut World,
    dice: &mut Dice,
    deployment: &Deployment,
    rerun: Rerun,
    begin: Duration,
) {
    let shared = Shared {
        deployment: deployment.clone(),
        candidates: 2 + dice.below(2) as u32,
        rerun,
        begin,
        hold: dice.chance(15),
        await_gates: dice.chance(20),
        on_failure: dice.chance(40),
        attempts: 1 + dice.below(2) as u32,
        roles: dice.below(10),
    };
    for number in 1..=shared.candidates {
        // Of a re-run that is not a whole one, not every leg comes.
        if !matches!(rerun, Rerun::Partial | Rerun::Alone) || dice.chance(50) {
            join(world, dice, &shared, number);
        }
    }
    if dice.chance(90) {
        let mut config = watcher(deployment.run_number);
        config.deployment = deployment.clone();
        config.rerun = rerun;
        world.add_watcher(begin + dice.millis(0, 3_000), config);
    }
}

fn join(world: &mut World, dice: &mut Dice, shared: &Shared, number: u32) {
    let mut config = candidate(shared.deployment.run_number, number, shared.candidates);
    config.deployment = shared.deployment.clone();
    config.instance = format!("{}-{number}", shared.deployment.id);
    config.attempts = shared.attempts;
    config.await_gates = shared.await_gates;
    config.on_failure = shared.on_failure;
    config.rerun = shared.rerun;
    config.me.role = match shared.roles {
        0 => Role::Primary,
        1 => Role::Secondary,
        _ => config.me.role,
    };
    if dice.chance(10) {
        config.timeout = secs(60);
    }
    if shared.hold {
        config.policy.on_primary_lost = OnPrimaryLost::Hold;
    }
    let late = if dice.chance(15) {
        dice.millis(0, 90_000)
    } else {
        dice.millis(0, 3_000)
    };
    world.add_candidate(shared.begin + late, config, plan(dice));
}

fn plan(dice: &mut Dice) -> Plan {
    let gates = Gates {
        begins_after: dice.millis(0, 20_000),
        takes: dice.millis(0, 60_000),
        pass: dice.chance(70),
    };
    Plan {
        deploy: Run {
            takes: dice.millis(1_000, 90_000),
            succeeds: dice.chance(70),
        },
        on_failure: Run {
            takes: dice.millis(1_000, 60_000),
            succeeds: dice.chance(70),
        },
        gates: dice.chance(70).then_some(gates),
        withstands: match dice.below(30) {
            0 => Some(secs(24 * 3600)),
            1 => Some(dice.millis(1_000, 90_000)),
            _ => None,
        },
    }
}

fn faults(world: &mut World, dice: &mut Dice) {
    let hosts = world.hosts.len() as u64;
    for _ in 0..dice.below(6) {
        let host = dice.below(hosts) as usize;
        let is_verdict = world.hosts[host].is_verdict();
        let time = dice.millis(1_000, 90_000);
        let fault = match dice.below(14) {
            0 | 1 if !is_verdict => Fault::Crash(host),
            2 => Fault::Freeze(host, time),
            3 => Fault::Suspend(host, time),
            4 => Fault::Partition(host, time),
            5 => Fault::Outage(time),
            6 | 7 if !is_verdict => Fault::Signal(host),
            8 => Fault::Transfer,
            9 => Fault::Unlock,
            10 | 11 if !is_verdict => Fault::Preflight {
                host,
                result: PreflightResult::Fail,
                dies_after: None,
            },
            12 if dice.chance(30) => Fault::RemoveLease,
            _ => Fault::Stale(time),
        };
        world.fault(dice.millis(0, 200_000), fault);
    }
}

/// What the preflights of the legs tell, in half of all worlds: before the candidate begins, beside it or long after,
/// once or twice. Drawn from dice of its own, so that the other half stays as it is.
fn preflights(world: &mut World, seed: u64) {
    let mut dice = Dice::new(seed ^ 0xF17);
    if dice.chance(50) {
        return;
    }
    for host in 0..world.hosts.len() {
        if !world.hosts[host].is_candidate() {
            continue;
        }
        let begins = world.hosts[host].begins;
        for _ in 0..[0, 1, 1, 2][dice.below(4) as usize] {
            let result = if dice.chance(50) {
                PreflightResult::Fail
            } else {
                PreflightResult::Pass
            };
            let dies_after = dice.chance(10).then(|| dice.millis(0, 2_000));
            let at = match dice.below(3) {
                0 => begins.saturating_sub(dice.millis(0, 2_000)),
                1 => begins + dice.millis(0, 5_000),
                _ => begins + dice.millis(0, 120_000),
            };
            world.fault(
                at,
                Fault::Preflight {
                    host,
                    result,
                    dies_after,
                },
            );
        }
    }
}

fn judge(seed: u64, timing: Timing) {
    if !anything(seed, timing, false).problems.is_empty() {
        let world = anything(seed, timing, true);
        panic!(
            "replay with BATON_SIM_SEED={seed}: {:?}\n{}",
            world.problems,
            world.log.join("\n")
        );
    }
}

#[test]
fn seeded_fault_scripts_keep_every_promise() {
    play(Timing::GIT);
}

#[test]
fn seeded_fault_scripts_keep_every_promise_where_the_store_tells_of_changes() {
    play(Timing::NOTIFIED);
}

fn play(timing: Timing) {
    if let Ok(seed) = std::env::var("BATON_SIM_SEED") {
        let seed = seed.parse().unwrap();
        eprintln!("{}", anything(seed, timing, true).log.join("\n"));
        return judge(seed, timing);
    }
    let number = |name, default| {
        std::env::var(name)
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(default)
    };
    let first: u64 = number("BATON_SIM_FIRST", 0);
    let seeds: u64 = number("BATON_SIM_SEEDS", 1_000);
    for seed in first..first + seeds {
        judge(seed, timing);
    }
}

#[test]
fn nothing_moves_where_nothing_fails() {
    for seed in 0..150 {
        let mut dice = Dice::new(seed);
        let slowest = [200, 1000, 2000][dice.below(3) as usize];
        let weather = Weather {
            slowest,
            lost_percent: 0,
            late_percent: 0,
            latest: 3_000,
            torn_percent: 0,
        };
        let mut world = World::new(seed, Timing::GIT, weather);
        let runs = 1 + dice.below(3);
        for run in 1..=runs {
            let candidates = 1 + dice.below(3) as u32;
            let begin = secs(5 * run);
            for number in 1..=candidates {
                let takes = dice.millis(1_000, 200_000);
                let deploy = Run {
                    takes,
                    succeeds: true,
                };
                let plan = Plan {
                    deploy,
                    withstands: None,
                    gates: None,
                    ..plan(&mut dice)
                };
                let late = dice.millis(0, 3_000);
                world.add_candidate(begin + late, candidate(run, number, candidates), plan);
            }
            world.add_watcher(begin, watcher(run));
        }
        world.run_until(secs(4 * 3600));
        if world.problems.is_empty() {
            world.judge_the_end();
        }
        assert!(
            world.problems.is_empty(),
            "seed {seed}: {:?}\n{}",
            world.problems,
            world.log.join("\n")
        );
        assert_eq!(
            takeovers(&world),
            [],
            "seed {seed}\n{}",
            world.log.join("\n")
        );
        let overtaken = count(&world, |e| {
            matches!(
                e,
                Event::DeploymentFinished {
                    outcome: Outcome::Superseded,
                    ..
                }
            )
        });
        assert_eq!(attempts(&world) + overtaken, runs as usize, "seed {seed}");
        for host in world.hosts.iter().filter(|h| h.is_candidate()) {
            keeps_to_the_pace(&host.reads, &host.heartbeats);
        }
    }
}

/// A heartbeat every 10 s and a read every 2 s at most, as far as clocks that are a twentieth fast go.
fn keeps_to_the_pace(reads: &[Duration], heartbeats: &[Duration]) {
    for pair in heartbeats.windows(2) {
        assert!(
            pair[1] - pair[0] >= Duration::from_millis(9_500),
            "{heartbeats:?}"
        );
    }
    if let (Some(first), Some(last)) = (reads.first(), reads.last()) {
        // A dozen for announcements and queueing that met others at the ledger.
        let most = (*last - *first).as_millis() / 1_900 + 12;
        assert!(
            reads.len() as u128 <= most,
            "{} reads, {most} at most",
            reads.len()
        );
    }
}

#[test]
fn random_runs_bring_up_every_end_that_a_preflight_can_have() {
    let mut seen = [0_usize; 6];
    for seed in 0..150 {
        let world = anything(seed, Timing::GIT, false);
        for host in &world.hosts {
            if let Actor::Appender(actor) = &host.actor {
                let kind = match actor.end() {
                    Some(AppenderEnd::Done(_)) => 0,
                    Some(AppenderEnd::Finished { .. }) => 1,
                    Some(AppenderEnd::StoreLost(_)) => 2,
                    _ => 3,
                };
                seen[kind] += 1;
            }
        }
        let over = takeovers(&world);
        let for_preflight = |r: &&TakeoverReason| **r == TakeoverReason::Preflight;
        seen[4] += over.iter().filter(for_preflight).count();
        seen[5] += count(&world, |e| {
            matches!(
                e,
                Event::DeploymentFinished {
                    reason: Some(FailureReason::Preflight),
                    ..
                }
            )
        });
    }
    let wanted = "done, finished, store lost, died, taken over for it, nobody fit";
    eprintln!("{wanted}: {seen:?}");
    assert!(seen.iter().all(|n| *n > 0), "{wanted}: {seen:?}");
}
