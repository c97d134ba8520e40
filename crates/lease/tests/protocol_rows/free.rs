//! Row 1: who claims a free lease, and when; and the rows of a deployment that nobody claims.

use lease::{
    Phase,
    protocol::{Conclusion, Rerun},
};
use ledger::{Event, FailureReason, Outcome, Role, TakeoverReason};

use crate::play::{PRIMARY, Play, STANDBY, config, secs};

#[test]
fn the_primary_claims_a_free_lease_at_once() {
    let mut play = Play::new();
    let primary = play.join(config(1, 1));
    assert_eq!(play.record().token, 1);
    assert_eq!(play.legs[primary].started.len(), 1);
}

#[test]
fn a_secondary_waits_the_primarys_grace_from_its_own_start() {
    let mut play = Play::new();
    let secondary = play.join(config(1, 2));
    play.run(19);
    assert_eq!(play.store.record, None);
    play.run(1);
    assert_eq!(play.legs[secondary].started.len(), 1);
    assert_eq!(play.takeovers(), [TakeoverReason::PrimaryNeverAppeared]);
}

#[test]
fn a_secondary_waits_the_grace_anew_when_the_lease_becomes_free_later() {
    let mut play = Play::new();
    play.join(config(1, 1));
    let queued = play.join(config(2, 2));
    play.run(100);
    play.succeeds(PRIMARY);
    play.run(19);
    assert_eq!(play.phase(), Phase::Succeeded);
    play.run(4);
    assert_eq!(play.legs[queued].started.len(), 1);
}

#[test]
fn a_secondary_claims_at_once_where_the_ledger_says_that_the_primary_is_unfit() {
    let mut play = Play::new();
    let primary = play.join(config(9, 1));
    let other = |number| {
        let mut config = config(1, number);
        config.deployment.workflow = "other.yml".to_owned();
        config
    };
    play.join(other(1));
    let secondary = play.join(other(2));
    play.run(5);
    play.unfit(1);
    play.succeeds(primary);
    play.run(2);
    assert_eq!(play.legs[secondary].started.len(), 1);
    assert_eq!(play.takeovers(), [TakeoverReason::Preflight]);
}

#[test]
fn a_primary_that_announced_itself_and_is_not_ready_holds_a_secondary_back_for_a_minute() {
    let mut play = Play::new();
    let primary = play.join(config(1, 1));
    play.crash(primary);
    let announced = play.chain[0].clone();
    let mut play = Play::new();
    let secondary = play.join(config(1, 2));
    let by = ledger::Draft {
        deployment: announced.deployment,
        by: announced.by,
        token: 0,
        event: announced.event,
    };
    play.put(None, vec![by]);
    play.run(59);
    assert_eq!(play.store.record, None);
    play.run(1);
    assert_eq!(play.legs[secondary].started.len(), 1);
    assert_eq!(play.takeovers(), [TakeoverReason::PrimaryUnreachable]);
}

#[test]
fn a_primary_that_is_told_to_stop_gives_the_secondary_ten_seconds_to_be_told_too() {
    let mut play = Play::new();
    let primary = play.join(config(1, 1));
    play.crash(primary);
    let announced = play.chain[0].clone();
    let mut play = Play::new();
    let secondary = play.join(config(1, 2));
    let draft = |event| ledger::Draft {
        deployment: announced.deployment.clone(),
        by: announced.by.clone(),
        token: 0,
        event,
    };
    play.put(None, vec![draft(announced.event.clone())]);
    play.run(55);
    play.put(
        None,
        vec![draft(Event::Signalled {
            signal: "SIGINT".to_owned(),
        })],
    );
    play.run(9);
    assert_eq!(
        play.store.record, None,
        "a cancel reaches the legs one after the other"
    );
    play.run(3);
    assert_eq!(play.legs[secondary].started.len(), 1);
    assert_eq!(play.takeovers(), [TakeoverReason::PrimaryStopped]);
}

#[test]
fn every_claim_has_a_larger_token_than_lease_and_ledger_ever_had() {
    let mut play = Play::new();
    play.join(config(1, 1));
    play.succeeds(PRIMARY);
    play.join(config(2, 1));
    assert_eq!(play.record().token, 2);
    assert_eq!(play.legs[1].started[0].2, 2);
}

#[test]
fn a_removed_lease_is_claimed_only_after_l_and_its_token_never_restarts() {
    let mut play = Play::pair(|_| {});
    play.run(5);
    play.crash(PRIMARY);
    play.crash(STANDBY);
    play.remove_lease();
    let next = play.join(config(2, 1));
    play.run(21);
    assert_eq!(play.store.record, None, "its last holder may not know yet");
    play.run(2);
    assert_eq!(play.record().token, 2);
    assert_eq!(play.legs[next].started.len(), 1);
}

#[test]
fn a_lease_that_was_claimed_and_removed_between_two_looks_gets_its_l_too() {
    let mut play = Play::new();
    let other = play.join(config(2, 2));
    play.run(15);
    play.legs[other].net = crate::play::Net::Cut;
    let primary = play.join(config(1, 1));
    play.run(2);
    play.remove_lease();
    play.legs[other].net = crate::play::Net::Fine;
    play.run(20);
    assert_eq!(play.legs[primary].stops.len(), 1);
    assert_eq!(play.legs[other].started, []);
    play.run(7);
    assert_eq!(play.legs[other].started.len(), 1);
}

#[test]
fn a_standby_that_has_seen_the_lease_claims_it_again_when_it_is_removed() {
    let mut play = Play::pair(|_| {});
    play.run(5);
    play.crash(PRIMARY);
    play.remove_lease();
    play.run(70);
    assert_eq!(play.legs[STANDBY].started.len(), 1);
    assert_eq!(play.record().token, 2);
}

#[test]
fn a_holder_whose_lease_is_removed_kills_its_tree_by_d_and_writes_nothing_more() {
    let mut play = Play::pair(|_| {});
    play.crash(STANDBY);
    play.run(5);
    play.remove_lease();
    play.run(12);
    assert_eq!(
        play.legs[PRIMARY].stops,
        [],
        "a read that shows no lease may be torn"
    );
    play.run(2);
    assert_eq!(play.legs[PRIMARY].stops, [(secs(1018), true)]);
    play.ended(PRIMARY, ledger::AttemptOutcome::Fenced);
    play.run(20);
    assert_eq!(play.legs[PRIMARY].end, None, "reads prove nothing");
    play.run(5);
    assert!(
        matches!(play.legs[PRIMARY].end, Some(Conclusion::StoreLost(_))),
        "{:?}",
        play.legs[PRIMARY].end
    );
    assert_eq!(play.store.record, None);
}

#[test]
fn nobody_deploys_after_on_failure_though_the_lease_is_removed() {
    let mut play = Play::pair(|c| c.on_failure = true);
    play.append(PRIMARY, Event::OnFailureStarted);
    play.crash(PRIMARY);
    play.remove_lease();
    play.run(200);
    assert_eq!(play.legs[STANDBY].started, []);
    assert!(matches!(
        play.legs[STANDBY].end,
        Some(Conclusion::RollingBack { .. })
    ));
}

#[test]
fn an_older_run_of_the_same_workflow_and_ref_is_superseded() {
    let mut play = Play::new();
    play.join(config(2, 1));
    play.succeeds(PRIMARY);
    let older = play.join(config(1, 1));
    assert_eq!(play.legs[older].started, []);
    assert_eq!(play.outcome(1), Some(Outcome::Superseded));
}

#[test]
fn an_older_run_that_queued_is_superseded_when_its_turn_comes() {
    let mut play = Play::new();
    let newer = play.join(config(2, 1));
    let older = play.join(config(1, 1));
    play.run(5);
    play.succeeds(newer);
    play.run(3);
    assert_eq!(play.legs[older].started, []);
    assert_eq!(play.outcome(1), Some(Outcome::Superseded));
}

#[test]
fn a_rerun_a_dispatch_and_allow_older_are_never_superseded() {
    for kind in 0..3 {
        let mut play = Play::new();
        play.join(config(2, 1));
        play.succeeds(PRIMARY);
        let mut older = config(1, 1);
        match kind {
            0 => {
                older.deployment.run_attempt = 2;
                older.rerun = Rerun::Full;
            }
            1 => older.deployment.trigger = "workflow_dispatch".to_owned(),
            _ => older.allow_older = true,
        }
        let older = play.join(older);
        assert_eq!(play.legs[older].started.len(), 1, "kind {kind}");
    }
}

#[test]
fn a_partial_rerun_of_a_deployment_that_succeeded_deploys_nothing() {
    for (rerun, runs) in [
        (Rerun::Partial, 0),
        (Rerun::Alone, 0),
        (Rerun::Unknown, 0),
        (Rerun::Full, 1),
    ] {
        let mut play = Play::new();
        play.join(config(1, 1));
        play.succeeds(PRIMARY);
        let mut again = config(1, 1);
        again.deployment.id = "o/r/1/2".to_owned();
        again.deployment.run_attempt = 2;
        again.rerun = rerun;
        let again = play.join(again);
        assert_eq!(play.legs[again].started.len(), runs, "{rerun:?}");
    }
}

#[test]
fn a_rerun_of_which_nothing_is_known_deploys_where_another_ran_since() {
    let mut play = Play::new();
    play.join(config(1, 1));
    play.succeeds(PRIMARY);
    let second = play.join(config(2, 1));
    play.succeeds(second);
    let mut again = config(1, 1);
    again.deployment.id = "o/r/1/2".to_owned();
    again.deployment.run_attempt = 2;
    again.rerun = Rerun::Unknown;
    let again = play.join(again);
    assert_eq!(play.legs[again].started.len(), 1);
}

#[test]
fn where_every_candidate_is_unfit_the_last_of_them_ends_it() {
    let mut play = Play::new();
    let holder = play.join(config(9, 1));
    let mut legs = Vec::new();
    for number in 1..=2 {
        let mut config = config(1, number);
        config.deployment.workflow = "other.yml".to_owned();
        legs.push(play.join(config));
    }
    play.run(3);
    play.unfit(legs[0]);
    play.run(3);
    assert!(matches!(play.legs[legs[0]].end, Some(Conclusion::Unfit)));
    assert_eq!(play.outcome(1), None, "the other may still deploy");
    play.unfit(legs[1]);
    play.run(3);
    assert_eq!(
        (play.outcome(1), play.reason(1)),
        (Some(Outcome::Failed), Some(FailureReason::Preflight))
    );
    assert_eq!(play.legs[holder].end, None);
}

#[test]
fn verdict_ends_a_deployment_whose_candidates_never_appear_and_a_late_leg_finds_it_finished() {
    let mut play = Play::new();
    let verdict = play.watch(1);
    play.run(299);
    assert_eq!(play.outcome(1), None);
    play.run(2);
    assert_eq!(play.outcome(1), Some(Outcome::NeverClaimed));
    assert!(matches!(
        play.legs[verdict].end,
        Some(Conclusion::Judged(_))
    ));
    let late = play.join(config(1, 1));
    assert_eq!(play.legs[late].started, []);
    assert!(matches!(
        play.legs[late].end,
        Some(Conclusion::Over {
            outcome: Outcome::NeverClaimed,
            ..
        })
    ));
}

#[test]
fn roles_decide_and_not_numbers() {
    let mut play = Play::new();
    let mut second = config(1, 2);
    second.me.role = Role::Primary;
    let second = play.join(second);
    assert_eq!(play.legs[second].started.len(), 1);
}
