//! Scenarios: random fault scripts by seed, and the named races.

use std::time::Duration;

use lease::{
    LockName, OnPrimaryLost, Phase, Policy, Timing,
    protocol::{CandidateConfig, Conclusion, Rerun, WatcherConfig},
};
use ledger::{Deployment, Event, FailureReason, Outcome, Party, Role, TakeoverReason};

use crate::world::{Dice, Fault, Plan, Weather, World};

const SECOND: Duration = Duration::from_secs(1);
const CALM: Weather = Weather { slowest: 200, lost_percent: 0, late_percent: 0 };

fn secs(n: u64) -> Duration {
    SECOND * n as u32
}

fn deployment(run: u64) -> Deployment {
    Deployment {
        id: format!("o/r/{run}/1"),
        run: format!("o/r/{run}"),
        workflow: "deploy.yml".to_owned(),
        git_ref: "refs/heads/main".to_owned(),
        run_number: run,
        run_attempt: 1,
        sha: "c0ffee".to_owned(),
        actor: "someone".to_owned(),
        version: format!("v{run}"),
        trigger: "push".to_owned(),
    }
}

fn candidate(run: u64, number: u32, candidates: u32) -> CandidateConfig {
    let role = if number == 1 { Role::Primary } else { Role::Secondary };
    CandidateConfig {
        lock: LockName::new("o/r/production").unwrap(),
        deployment: deployment(run),
        me: Party {
            candidate: number,
            role,
            runner: format!("runner-{number}"),
            runner_group: "default".to_owned(),
            boot_id: format!("host-{number}"),
        },
        instance: format!("{run}-{number}"),
        candidates,
        attempts: 1,
        attempt_timeout: secs(600),
        retry_wait: secs(30),
        timeout: secs(2100),
        primary_grace: secs(20),
        queue_timeout: secs(1800),
        policy: Policy {
            on_primary_lost: OnPrimaryLost::Takeover,
            gates_deadline: secs(300),
            pickup_timeout: secs(300),
            timing: Timing::GIT,
        },
        await_gates: false,
        on_failure: false,
        allow_older: false,
        rerun: Rerun::First,
    }
}

fn watcher(run: u64) -> WatcherConfig {
    WatcherConfig {
        lock: LockName::new("o/r/production").unwrap(),
        deployment: deployment(run),
        pickup_timeout: secs(300),
        queue_timeout: secs(1800),
        poll: secs(2),
        resend_after: secs(1),
        rerun: Rerun::First,
    }
}

fn works(takes: u64) -> Plan {
    Plan { takes: secs(takes), succeeds: true }
}

fn fails(takes: u64) -> Plan {
    Plan { takes: secs(takes), succeeds: false }
}

fn fine(world: &World) {
    assert!(world.problems.is_empty(), "{:?}\n{}", world.problems, world.log.join("\n"));
}

/// One primary and one secondary with `verdict`; returns the world after an hour.
fn a_pair(seed: u64, plans: [Plan; 2], faults: &[(u64, Fault)]) -> World {
    a_pair_with(seed, plans, faults, |_| {})
}

fn a_pair_with(
    seed: u64,
    plans: [Plan; 2],
    faults: &[(u64, Fault)],
    adjust: impl Fn(&mut CandidateConfig),
) -> World {
    let mut world = World::new(seed, Timing::GIT, CALM);
    for (number, plan) in (1..).zip(plans) {
        let mut config = candidate(1, number, 2);
        adjust(&mut config);
        world.add_candidate(Duration::ZERO, config, plan);
    }
    world.add_watcher(Duration::ZERO, watcher(1));
    for (at, fault) in faults {
        world.fault(secs(*at), fault.clone());
    }
    world.run_until(secs(3600));
    fine(&world);
    assert!(world.is_quiet(), "somebody still waits\n{}", world.log.join("\n"));
    world
}

fn attempts(world: &World) -> usize {
    world.chain.iter().filter(|e| matches!(e.event, Event::AttemptStarted { .. })).count()
}

fn takeovers(world: &World) -> Vec<TakeoverReason> {
    let reason = |e: &ledger::Entry| match e.event {
        Event::Failover { reason, .. } => Some(reason),
        _ => None,
    };
    world.chain.iter().filter_map(reason).collect()
}

fn end(world: &World) -> (Outcome, Option<FailureReason>) {
    let found = world.chain.iter().find_map(|e| match e.event {
        Event::DeploymentFinished { outcome, reason, .. } => Some((outcome, reason)),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no end\n{}", world.log.join("\n")))
}

#[test]
fn a_healthy_primary_deploys_once_and_the_standby_ends_green() {
    let world = a_pair(1, [works(90), works(90)], &[]);
    assert_eq!(attempts(&world), 1);
    assert_eq!(end(&world), (Outcome::Succeeded, None));
    let expected = |c: &Option<Conclusion>| matches!(c, Some(Conclusion::Over { outcome: Outcome::Succeeded, .. }));
    assert!(matches!(world.hosts[0].conclusion, Some(Conclusion::Proceed { finished: true, .. })));
    assert!(expected(&world.hosts[1].conclusion));
}

#[test]
fn a_killed_primary_is_followed_within_28_seconds() {
    for seed in 0..40 {
        let world = a_pair(seed, [works(90), works(90)], &[(40, Fault::Crash(0))]);
        assert_eq!(takeovers(&world), [TakeoverReason::PrimaryUnreachable]);
        assert_eq!(end(&world), (Outcome::Succeeded, None));
        let after = world.starts[1].0.saturating_sub(secs(40));
        assert!(after <= secs(28), "seed {seed}: {after:?}");
    }
}

#[test]
fn a_failed_command_moves_within_one_poll() {
    let world = a_pair(2, [fails(30), works(30)], &[]);
    assert_eq!(takeovers(&world), [TakeoverReason::PrimaryExitCode]);
    assert_eq!(end(&world), (Outcome::Succeeded, None));
    let gap = world.starts[1].0.saturating_sub(world.starts[0].0 + secs(30));
    assert!(gap <= secs(3), "{gap:?}");
}

#[test]
fn both_failing_ends_failed_with_the_last_reason_once() {
    let world = a_pair(3, [fails(30), fails(30)], &[]);
    assert_eq!(attempts(&world), 2);
    assert_eq!(end(&world), (Outcome::Failed, Some(FailureReason::ExitCode)));
}

#[test]
fn attempts_are_used_up_before_the_lease_is_handed_over() {
    let world = a_pair_with(4, [fails(10), works(10)], &[], |c| c.attempts = 3);
    assert_eq!(attempts(&world), 4);
    assert_eq!(end(&world), (Outcome::Succeeded, None));
}

#[test]
fn a_primary_that_never_comes_is_replaced_after_the_grace() {
    let mut world = World::new(5, Timing::GIT, CALM);
    world.add_candidate(Duration::ZERO, candidate(1, 2, 2), works(30));
    world.add_watcher(Duration::ZERO, watcher(1));
    world.run_until(secs(3600));
    fine(&world);
    assert_eq!(takeovers(&world), [TakeoverReason::PrimaryNeverAppeared]);
    assert!(world.starts[0].0 >= secs(19) && world.starts[0].0 <= secs(25), "{:?}", world.starts);
}

#[test]
fn a_primary_that_announced_itself_and_died_holds_the_standby_back_a_minute() {
    let mut died_in_between = 0;
    for seed in 0..60 {
        let mut world = World::new(seed, Timing::GIT, CALM);
        let primary = world.add_candidate(Duration::ZERO, candidate(1, 1, 2), works(30));
        world.fault(Duration::from_millis(150), Fault::Crash(primary));
        world.add_candidate(SECOND, candidate(1, 2, 2), works(30));
        world.run_until(secs(3600));
        fine(&world);
        assert_eq!(end(&world), (Outcome::Succeeded, None));
        let by = |number| move |e: &&ledger::Entry| e.by.as_ref().is_some_and(|p| p.candidate == number);
        if world.chain.iter().filter(by(1)).count() == 1 {
            died_in_between += 1;
            assert!(world.starts[0].0 >= secs(57), "{:?}\n{}", world.starts, world.log.join("\n"));
            assert_eq!(takeovers(&world), [TakeoverReason::PrimaryUnreachable]);
        }
    }
    assert!(died_in_between > 5, "the scenario came up {died_in_between} times only");
}

#[test]
fn a_standby_that_comes_after_a_minute_finds_the_failed_primary_gone() {
    let mut world = World::new(7, Timing::GIT, CALM);
    let mut primary = candidate(1, 1, 2);
    primary.on_failure = true;
    world.add_candidate(Duration::ZERO, primary, fails(5));
    world.add_watcher(Duration::ZERO, watcher(1));
    world.add_candidate(secs(60), candidate(1, 2, 2), works(30));
    world.run_until(secs(3600));
    fine(&world);
    // The holder took it back after L, rolled back, and failed: the late standby runs nothing.
    assert_eq!(attempts(&world), 1);
    assert_eq!(end(&world), (Outcome::Failed, Some(FailureReason::ExitCode)));
    assert!(world.chain.iter().any(|e| matches!(e.event, Event::OnFailureStarted)));
}

#[test]
fn a_standby_that_died_silently_makes_the_failed_primary_roll_back() {
    let world = a_pair_with(8, [fails(60), works(30)], &[(30, Fault::Crash(1))], |c| c.on_failure = true);
    assert_eq!(attempts(&world), 1);
    assert_eq!(world.starts.len(), 2);
    assert_eq!(end(&world), (Outcome::Failed, Some(FailureReason::ExitCode)));
}

#[test]
fn three_candidates_are_tried_in_turn() {
    let mut world = World::new(9, Timing::GIT, CALM);
    for number in 1..=3 {
        let plan = if number == 3 { works(20) } else { fails(20) };
        world.add_candidate(Duration::ZERO, candidate(1, number, 3), plan);
    }
    world.add_watcher(Duration::ZERO, watcher(1));
    world.run_until(secs(3600));
    fine(&world);
    assert_eq!(attempts(&world), 3);
    assert_eq!(end(&world), (Outcome::Succeeded, None));
}

#[test]
fn when_both_hosts_die_verdict_ends_it_as_abandoned() {
    let world = a_pair(10, [works(90), works(90)], &[(30, Fault::Crash(0)), (31, Fault::Crash(1))]);
    assert_eq!(end(&world), (Outcome::Failed, Some(FailureReason::Abandoned)));
    let last = world.chain.last().unwrap().at.0 - world.chain[0].at.0;
    assert!(last < 120_000, "{last} ms");
}

#[test]
fn when_both_hosts_die_a_later_deployment_does_not_wait_for_half_an_hour() {
    let mut world = World::new(11, Timing::GIT, CALM);
    for number in 1..=2 {
        world.add_candidate(Duration::ZERO, candidate(1, number, 2), works(90));
        world.add_candidate(secs(20), candidate(2, number, 2), works(30));
    }
    world.fault(secs(30), Fault::Crash(0));
    world.fault(secs(30), Fault::Crash(2));
    world.run_until(secs(3600));
    fine(&world);
    assert_eq!(world.outcome("o/r/1/1"), Some(Outcome::Failed));
    assert_eq!(world.outcome("o/r/2/1"), Some(Outcome::Succeeded));
    assert!(world.starts[1].0 < secs(120), "{:?}", world.starts);
}

#[test]
fn an_older_run_that_comes_after_a_newer_one_is_superseded() {
    let mut world = World::new(12, Timing::GIT, CALM);
    world.add_candidate(Duration::ZERO, candidate(2, 1, 1), works(30));
    world.add_candidate(secs(5), candidate(1, 1, 1), works(30));
    world.run_until(secs(3600));
    fine(&world);
    assert_eq!(world.outcome("o/r/1/1"), Some(Outcome::Superseded));
    assert_eq!(attempts(&world), 1);
}

#[test]
fn a_lower_number_of_another_workflow_is_not_superseded() {
    let mut world = World::new(13, Timing::GIT, CALM);
    world.add_candidate(Duration::ZERO, candidate(2, 1, 1), works(30));
    let mut other = candidate(1, 1, 1);
    other.deployment.workflow = "other.yml".to_owned();
    world.add_candidate(secs(5), other, works(30));
    world.run_until(secs(3600));
    fine(&world);
    assert_eq!(world.outcome("o/r/1/1"), Some(Outcome::Succeeded));
    assert_eq!(attempts(&world), 2);
}

#[test]
fn a_cancelled_run_ends_cancelled_and_nobody_deploys() {
    for seed in 0..20 {
        let world = a_pair(seed, [works(90), works(90)], &[(30, Fault::Signal(0)), (31, Fault::Signal(1))]);
        assert_eq!(end(&world).0, Outcome::Cancelled, "{}", world.log.join("\n"));
        assert_eq!(attempts(&world), 1);
    }
}

#[test]
fn a_run_cancelled_before_anybody_claimed_ends_cancelled() {
    let mut world = World::new(14, Timing::GIT, CALM);
    let standby = world.add_candidate(Duration::ZERO, candidate(1, 2, 2), works(30));
    world.add_watcher(Duration::ZERO, watcher(1));
    world.fault(secs(5), Fault::Signal(standby));
    world.run_until(secs(3600));
    fine(&world);
    assert_eq!(end(&world).0, Outcome::Cancelled);
    assert_eq!(attempts(&world), 0);
}

#[test]
fn a_signal_to_the_holder_alone_ends_in_a_takeover() {
    for seed in 0..20 {
        let world = a_pair(seed, [works(90), works(90)], &[(30, Fault::Signal(0))]);
        assert_eq!(takeovers(&world), [TakeoverReason::PrimaryStopped]);
        assert_eq!(end(&world), (Outcome::Succeeded, None));
        assert!(world.starts[1].0 < secs(50), "{:?}", world.starts);
    }
}

#[test]
fn a_transfer_moves_the_deployment() {
    let world = a_pair(15, [works(90), works(90)], &[(30, Fault::Transfer)]);
    assert_eq!(takeovers(&world), [TakeoverReason::Manual]);
    assert_eq!(end(&world), (Outcome::Succeeded, None));
}

#[test]
fn hold_never_runs_the_command_again() {
    for fault in [Fault::Crash(0), Fault::Signal(0), Fault::Partition(0, secs(300))] {
        let world = a_pair_with(16, [works(90), works(90)], &[(30, fault.clone())], |c| {
            c.policy.on_primary_lost = OnPrimaryLost::Hold;
        });
        assert_eq!(attempts(&world), 1, "{fault:?}");
        assert_eq!(world.record().unwrap().phase, Phase::Held, "{fault:?}\n{}", world.log.join("\n"));
        assert!(matches!(world.hosts[1].conclusion, Some(Conclusion::Held { .. })));
    }
}

#[test]
fn a_short_outage_at_any_point_of_the_cycle_costs_nothing() {
    for tenth in 0..120 {
        let mut world = World::new(tenth, Timing::GIT, CALM);
        for number in 1..=2 {
            world.add_candidate(Duration::ZERO, candidate(1, number, 2), works(90));
        }
        world.fault(secs(30) + Duration::from_millis(100 * tenth), Fault::Outage(secs(5)));
        world.run_until(secs(3600));
        fine(&world);
        assert_eq!(attempts(&world), 1, "outage at 30 s + {tenth}00 ms\n{}", world.log.join("\n"));
        assert_eq!(end(&world), (Outcome::Succeeded, None));
    }
}

#[test]
fn a_partitioned_primary_is_dead_before_the_standby_starts() {
    for seed in 0..60 {
        let world = a_pair(seed, [works(300), works(60)], &[(30, Fault::Partition(0, secs(200)))]);
        assert_eq!(end(&world), (Outcome::Succeeded, None));
        assert_eq!(attempts(&world), 2);
    }
}

#[test]
fn gates_that_nobody_judges_end_the_deployment_as_gates_missing() {
    let world = a_pair_with(17, [works(30), works(30)], &[], |c| c.await_gates = true);
    assert_eq!(attempts(&world), 1);
    // The standby took the gates over, and judged nothing either.
    assert_eq!(end(&world), (Outcome::Failed, Some(FailureReason::GatesMissing)));
}

#[test]
fn two_legs_with_one_number_are_told_apart() {
    let mut world = World::new(18, Timing::GIT, CALM);
    world.add_candidate(Duration::ZERO, candidate(1, 1, 2), works(60));
    let mut twin = candidate(1, 1, 2);
    twin.instance = "another".to_owned();
    world.add_candidate(secs(5), twin, works(60));
    world.run_until(secs(3600));
    fine(&world);
    assert!(matches!(world.hosts[1].conclusion, Some(Conclusion::NumberTaken { .. })));
    assert_eq!(attempts(&world), 1);
}

/// Everything at once, by seed. What must hold is judged by the world itself, and at the end here.
fn anything(seed: u64) -> World {
    let mut dice = Dice::new(seed ^ 0x5EED);
    let weather = Weather {
        slowest: [200, 1000, 2000][dice.below(3) as usize],
        lost_percent: [0, 2, 10][dice.below(3) as usize],
        late_percent: [0, 2, 8][dice.below(3) as usize],
    };
    let mut world = World::new(seed, Timing::GIT, weather);
    let runs = 1 + dice.below(2);
    for run in 1..=runs {
        let candidates = 2 + dice.below(2) as u32;
        let begin = dice.millis(0, 40_000) * (run as u32 - 1);
        let hold = dice.chance(15);
        let gates = dice.chance(15);
        let on_failure = dice.chance(40);
        let attempts = 1 + dice.below(2) as u32;
        for number in 1..=candidates {
            let mut config = candidate(run, number, candidates);
            config.attempts = attempts;
            config.await_gates = gates;
            config.on_failure = on_failure;
            if hold {
                config.policy.on_primary_lost = OnPrimaryLost::Hold;
            }
            let plan = Plan { takes: dice.millis(1_000, 90_000), succeeds: dice.chance(70) };
            let late = if dice.chance(15) { dice.millis(0, 90_000) } else { dice.millis(0, 3_000) };
            world.add_candidate(begin + late, config, plan);
        }
        world.add_watcher(begin + dice.millis(0, 3_000), watcher(run));
    }
    let hosts = world.hosts.len() as u64;
    for _ in 0..dice.below(5) {
        let host = dice.below(hosts) as usize;
        let is_verdict = world.hosts[host].name.ends_with("verdict");
        let fault = match dice.below(8) {
            0 | 1 if !is_verdict => Fault::Crash(host),
            2 => Fault::Freeze(host, dice.millis(1_000, 90_000)),
            3 => Fault::Partition(host, dice.millis(1_000, 90_000)),
            4 => Fault::Outage(dice.millis(1_000, 60_000)),
            5 if !is_verdict => Fault::Signal(host),
            6 => Fault::Transfer,
            _ => Fault::Stale(dice.millis(1_000, 60_000)),
        };
        world.fault(dice.millis(0, 150_000), fault);
    }
    world.run_until(secs(4 * 3600));
    world
}

fn judge(seed: u64) {
    let world = anything(seed);
    let log = || format!("replay with BATON_SIM_SEED={seed}\n{}", world.log.join("\n"));
    assert!(world.problems.is_empty(), "{:?}\n{}", world.problems, log());
    assert!(world.is_quiet(), "somebody still waits\n{}", log());
    for host in world.hosts.iter().filter(|h| h.name.ends_with("verdict")) {
        let held = world.record().is_some_and(|r| r.phase == Phase::Held);
        assert!(world.outcome(&host.deployment).is_some() || held, "{} never ended\n{}", host.deployment, log());
    }
    for host in &world.hosts {
        if let Some(Conclusion::Proceed { finished: true, .. }) = host.conclusion {
            assert_eq!(world.outcome(&host.deployment), Some(Outcome::Succeeded), "{}", log());
        }
    }
}

#[test]
fn seeded_fault_scripts_keep_every_promise() {
    if let Ok(seed) = std::env::var("BATON_SIM_SEED") {
        let seed = seed.parse().unwrap();
        eprintln!("{}", anything(seed).log.join("\n"));
        return judge(seed);
    }
    let seeds = std::env::var("BATON_SIM_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3_000);
    for seed in 0..seeds {
        judge(seed);
    }
}
