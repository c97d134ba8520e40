//! The stories that the protocol exists for, one by one.

use std::time::Duration;

use lease::{OnPrimaryLost, Phase, Timing, protocol::Conclusion};
use ledger::{Event, FailureReason, Outcome, PreflightResult, TakeoverReason};

use crate::{
    cast::{
        CALM, SECOND, a_pair, a_pair_with, a_told_pair, attempts, candidate, count, end, fails,
        secs, takeovers, the_end, watcher, works,
    },
    faults::Fault,
    host::{Gates, Plan},
    world::World,
};

#[test]
fn a_healthy_primary_deploys_once_and_the_standby_ends_green() {
    let world = a_pair(1, [works(90), works(90)], &[]);
    assert_eq!(attempts(&world), 1);
    assert_eq!(end(&world), (Outcome::Succeeded, None));
    let expected = |c: &Option<Conclusion>| {
        matches!(
            c,
            Some(Conclusion::Over {
                outcome: Outcome::Succeeded,
                ..
            })
        )
    };
    assert!(matches!(
        world.hosts[0].conclusion,
        Some(Conclusion::Proceed { finished: true, .. })
    ));
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
fn where_the_store_tells_of_changes_a_killed_primary_is_followed_within_10_seconds() {
    for seed in 0..40 {
        let world = a_told_pair(seed, [works(90), works(90)], &[(40, Fault::Crash(0))]);
        assert_eq!(takeovers(&world), [TakeoverReason::PrimaryUnreachable]);
        assert_eq!(end(&world), (Outcome::Succeeded, None));
        let after = world.starts[1].0.saturating_sub(secs(40));
        assert!(after <= secs(10), "seed {seed}: {after:?}");
    }
}

#[test]
fn a_failed_command_moves_within_one_poll() {
    let world = a_pair(2, [fails(30), works(30)], &[]);
    assert_eq!(takeovers(&world), [TakeoverReason::PrimaryExitCode]);
    assert_eq!(end(&world), (Outcome::Succeeded, None));
    let gap = world.starts[1]
        .0
        .saturating_sub(world.starts[0].0 + secs(30));
    assert!(gap <= secs(3), "{gap:?}");
}

#[test]
fn both_failing_ends_failed_with_the_last_reason_once() {
    let world = a_pair(3, [fails(30), fails(30)], &[]);
    assert_eq!(attempts(&world), 2);
    assert_eq!(
        end(&world),
        (Outcome::Failed, Some(FailureReason::ExitCode))
    );
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
    let world = the_end(world);
    assert_eq!(takeovers(&world), [TakeoverReason::PrimaryNeverAppeared]);
    assert!(
        world.starts[0].0 >= secs(19) && world.starts[0].0 <= secs(25),
        "{:?}",
        world.starts
    );
}

#[test]
fn a_primary_that_announced_itself_and_died_holds_the_standby_back_a_minute() {
    let mut died_in_between = 0;
    for seed in 0..60 {
        let mut world = World::new(seed, Timing::GIT, CALM);
        let primary = world.add_candidate(Duration::ZERO, candidate(1, 1, 2), works(30));
        world.fault(Duration::from_millis(150), Fault::Crash(primary));
        world.add_candidate(SECOND, candidate(1, 2, 2), works(30));
        let world = the_end(world);
        assert_eq!(end(&world), (Outcome::Succeeded, None));
        let by =
            |number| move |e: &&ledger::Entry| e.by.as_ref().is_some_and(|p| p.candidate == number);
        if world.chain.iter().filter(by(1)).count() == 1 {
            died_in_between += 1;
            assert!(
                world.starts[0].0 >= secs(57),
                "{:?}\n{}",
                world.starts,
                world.log.join("\n")
            );
            assert_eq!(takeovers(&world), [TakeoverReason::PrimaryUnreachable]);
        }
    }
    assert!(
        died_in_between > 5,
        "the scenario came up {died_in_between} times only"
    );
}

#[test]
fn a_standby_that_comes_after_a_minute_finds_the_failed_primary_gone() {
    let mut world = World::new(7, Timing::GIT, CALM);
    let mut primary = candidate(1, 1, 2);
    primary.on_failure = true;
    world.add_candidate(Duration::ZERO, primary, fails(5));
    world.add_watcher(Duration::ZERO, watcher(1));
    world.add_candidate(secs(60), candidate(1, 2, 2), works(30));
    let world = the_end(world);
    // The holder took it back after L, rolled back, and failed: the late standby runs nothing.
    assert_eq!(attempts(&world), 1);
    assert_eq!(
        end(&world),
        (Outcome::Failed, Some(FailureReason::ExitCode))
    );
    assert!(
        world
            .chain
            .iter()
            .any(|e| matches!(e.event, Event::OnFailureStarted))
    );
}

#[test]
fn a_standby_that_died_silently_makes_the_failed_primary_roll_back() {
    let world = a_pair_with(8, [fails(60), works(30)], &[(30, Fault::Crash(1))], |c| {
        c.on_failure = true
    });
    assert_eq!(attempts(&world), 1);
    assert_eq!(world.starts.len(), 2);
    assert_eq!(
        end(&world),
        (Outcome::Failed, Some(FailureReason::ExitCode))
    );
}

#[test]
fn three_candidates_are_tried_in_turn() {
    for seed in 0..10 {
        let mut world = World::new(seed, Timing::GIT, CALM);
        for number in 1..=3 {
            world.add_candidate(Duration::ZERO, candidate(1, number, 3), fails(20));
        }
        world.add_watcher(Duration::ZERO, watcher(1));
        let world = the_end(world);
        assert_eq!(attempts(&world), 3, "seed {seed}");
        assert_eq!(
            end(&world),
            (Outcome::Failed, Some(FailureReason::ExitCode))
        );
    }
}

#[test]
fn when_both_hosts_die_verdict_ends_it_as_abandoned() {
    let world = a_pair(
        10,
        [works(90), works(90)],
        &[(30, Fault::Crash(0)), (31, Fault::Crash(1))],
    );
    assert_eq!(
        end(&world),
        (Outcome::Failed, Some(FailureReason::Abandoned))
    );
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
    let world = the_end(world);
    assert_eq!(world.outcome("o/r/1/1"), Some(Outcome::Failed));
    assert_eq!(world.outcome("o/r/2/1"), Some(Outcome::Succeeded));
    assert!(world.starts[1].0 < secs(120), "{:?}", world.starts);
}

#[test]
fn an_older_run_that_comes_after_a_newer_one_is_superseded() {
    let mut world = World::new(12, Timing::GIT, CALM);
    world.add_candidate(Duration::ZERO, candidate(2, 1, 1), works(30));
    world.add_candidate(secs(5), candidate(1, 1, 1), works(30));
    let world = the_end(world);
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
    let world = the_end(world);
    assert_eq!(world.outcome("o/r/1/1"), Some(Outcome::Succeeded));
    assert_eq!(attempts(&world), 2);
}

#[test]
fn a_cancelled_run_ends_cancelled_and_nobody_deploys() {
    for seed in 0..20 {
        let world = a_pair(
            seed,
            [works(90), works(90)],
            &[(30, Fault::Signal(0)), (31, Fault::Signal(1))],
        );
        assert_eq!(
            end(&world).0,
            Outcome::Cancelled,
            "{}",
            world.log.join("\n")
        );
        assert_eq!(attempts(&world), 1);
    }
}

#[test]
fn a_run_cancelled_before_anybody_claimed_ends_cancelled() {
    let mut world = World::new(14, Timing::GIT, CALM);
    let standby = world.add_candidate(Duration::ZERO, candidate(1, 2, 2), works(30));
    world.add_watcher(Duration::ZERO, watcher(1));
    world.fault(secs(5), Fault::Signal(standby));
    let world = the_end(world);
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
    for fault in [
        Fault::Crash(0),
        Fault::Signal(0),
        Fault::Partition(0, secs(300)),
    ] {
        let world = a_pair_with(16, [works(90), works(90)], &[(30, fault.clone())], |c| {
            c.policy.on_primary_lost = OnPrimaryLost::Hold;
        });
        assert_eq!(attempts(&world), 1, "{fault:?}");
        assert_eq!(
            world.record().unwrap().phase,
            Phase::Held,
            "{fault:?}\n{}",
            world.log.join("\n")
        );
        assert!(matches!(
            world.hosts[1].conclusion,
            Some(Conclusion::Held { .. })
        ));
    }
}

#[test]
fn a_short_outage_at_any_point_of_the_cycle_costs_nothing() {
    for tenth in 0..120 {
        let mut world = World::new(tenth, Timing::GIT, CALM);
        for number in 1..=2 {
            world.add_candidate(Duration::ZERO, candidate(1, number, 2), works(90));
        }
        world.fault(
            secs(30) + Duration::from_millis(100 * tenth),
            Fault::Outage(secs(5)),
        );
        let world = the_end(world);
        assert_eq!(
            attempts(&world),
            1,
            "outage at 30 s + {tenth}00 ms\n{}",
            world.log.join("\n")
        );
        assert_eq!(end(&world), (Outcome::Succeeded, None));
    }
}

#[test]
fn a_partitioned_primary_is_dead_before_the_standby_starts() {
    for seed in 0..60 {
        let world = a_pair(
            seed,
            [works(300), works(60)],
            &[(30, Fault::Partition(0, secs(200)))],
        );
        assert_eq!(end(&world), (Outcome::Succeeded, None));
        assert_eq!(attempts(&world), 2);
    }
}

#[test]
fn gates_that_nobody_judges_end_the_deployment_as_gates_missing() {
    let world = a_pair_with(17, [works(30), works(30)], &[], |c| c.await_gates = true);
    assert_eq!(attempts(&world), 1);
    // The standby took the gates over, and judged nothing either.
    assert_eq!(
        end(&world),
        (Outcome::Failed, Some(FailureReason::GatesMissing))
    );
}

/// A pair whose legs judge gates for a minute, two seconds after the command.
fn judging(seed: u64, pass: bool, faults: &[(u64, Fault)]) -> World {
    let gates = Gates {
        begins_after: secs(2),
        takes: secs(60),
        pass,
    };
    let plan = Plan {
        gates: Some(gates),
        ..works(30)
    };
    a_pair_with(seed, [plan, plan], faults, |c| {
        c.await_gates = true;
        c.on_failure = true;
    })
}

#[test]
fn gates_end_the_deployment_by_their_result_and_a_failure_is_rolled_back_once() {
    let world = judging(20, true, &[]);
    assert_eq!(end(&world), (Outcome::Succeeded, None));
    let world = judging(20, false, &[]);
    assert_eq!(end(&world), (Outcome::Failed, Some(FailureReason::Gates)));
    assert_eq!(count(&world, |e| matches!(e, Event::OnFailureStarted)), 1);
    assert_eq!(attempts(&world), 1);
}

#[test]
fn a_lost_judge_is_followed_within_30_seconds_and_judges_without_deploying() {
    for seed in 0..40 {
        let world = judging(seed, true, &[(50, Fault::Crash(0))]);
        assert_eq!(takeovers(&world), [TakeoverReason::PrimaryUnreachable]);
        assert_eq!(end(&world), (Outcome::Succeeded, None));
        assert_eq!(attempts(&world), 1, "seed {seed}");
        // The command, the first judge, and the second two seconds after its takeover.
        let after = world.starts[2].0.saturating_sub(secs(50));
        assert!(after <= secs(32), "seed {seed}: {after:?}");
    }
}

#[test]
fn a_judge_that_stood_still_counts_for_nothing_when_it_goes_on() {
    for seed in 0..40 {
        let world = judging(seed, false, &[(50, Fault::Freeze(0, secs(90)))]);
        assert_eq!(end(&world), (Outcome::Failed, Some(FailureReason::Gates)));
        assert_eq!(count(&world, |e| matches!(e, Event::Gates { .. })), 1);
        assert_eq!(count(&world, |e| matches!(e, Event::OnFailureStarted)), 1);
    }
}

#[test]
fn two_legs_with_one_number_are_told_apart() {
    let mut world = World::new(18, Timing::GIT, CALM);
    world.add_candidate(Duration::ZERO, candidate(1, 1, 2), works(60));
    let mut twin = candidate(1, 1, 2);
    twin.instance = "another".to_owned();
    world.add_candidate(secs(5), twin, works(60));
    let world = the_end(world);
    assert!(matches!(
        world.hosts[1].conclusion,
        Some(Conclusion::NumberTaken { .. })
    ));
    assert_eq!(attempts(&world), 1);
}

/// A leg that goes no further than its preflight.
fn leg_of_preflight_alone(world: &mut World, number: u32, result: PreflightResult, at: Duration) {
    let host = world.add_candidate(Duration::ZERO, candidate(1, number, 2), works(30));
    world.hosts[host].alive = false;
    let dies_after = None;
    world.fault(
        at,
        Fault::Preflight {
            host,
            result,
            dies_after,
        },
    );
}

#[test]
fn a_primary_whose_preflight_fails_is_replaced_without_waiting_out_its_grace() {
    for seed in 0..40 {
        let mut world = World::new(seed, Timing::GIT, CALM);
        leg_of_preflight_alone(&mut world, 1, PreflightResult::Fail, SECOND);
        world.add_candidate(Duration::ZERO, candidate(1, 2, 2), works(30));
        world.add_watcher(Duration::ZERO, watcher(1));
        let world = the_end(world);
        assert_eq!(takeovers(&world), [TakeoverReason::Preflight]);
        assert_eq!(end(&world), (Outcome::Succeeded, None));
        assert!(world.starts[0].0 < secs(5), "{:?}", world.starts);
    }
}

#[test]
fn where_both_preflights_fail_verdict_ends_it_and_a_late_leg_finds_it_finished() {
    for seed in 0..40 {
        let mut world = World::new(seed, Timing::GIT, CALM);
        leg_of_preflight_alone(&mut world, 1, PreflightResult::Fail, SECOND);
        leg_of_preflight_alone(&mut world, 2, PreflightResult::Fail, secs(40));
        world.add_watcher(Duration::ZERO, watcher(1));
        let late = world.add_candidate(secs(60), candidate(1, 2, 2), works(30));
        let world = the_end(world);
        assert_eq!(
            end(&world),
            (Outcome::Failed, Some(FailureReason::Preflight))
        );
        let last = world.chain.last().unwrap();
        assert_eq!(last.by, None, "verdict wrote it");
        assert!(last.at.0 - world.chain[0].at.0 < 45_000, "at once");
        assert_eq!(attempts(&world), 0);
        assert!(matches!(
            world.hosts[late].conclusion,
            Some(Conclusion::Over {
                outcome: Outcome::Failed,
                by_me: false,
                ..
            })
        ));
    }
}
