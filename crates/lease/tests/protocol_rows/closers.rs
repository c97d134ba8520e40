//! The rows of closers: `verdict`, and candidates of other deployments, end what nobody else will.

use lease::{
    OnPrimaryLost, Phase, Record,
    protocol::{Conclusion, PersonEnd, Request},
};
use ledger::{Event, FailureReason, Outcome};

use crate::play::{PRIMARY, Play, STANDBY, config};

#[test]
fn a_deployment_whose_candidates_all_fell_silent_is_abandoned_after_three_l() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.watch(1);
    play.crash(PRIMARY);
    play.crash(STANDBY);
    play.run(65);
    assert_eq!(play.outcome(1), None);
    play.run(4);
    assert_eq!(
        (play.outcome(1), play.reason(1)),
        (Some(Outcome::Failed), Some(FailureReason::Abandoned))
    );
    assert_eq!((play.phase(), play.record().token), (Phase::Failed, 2));
    assert!(play.attempts_add_up());
}

#[test]
fn every_ledger_entry_of_the_deployment_starts_the_closers_patience_anew() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.watch(1);
    play.crash(PRIMARY);
    play.crash(STANDBY);
    play.run(60);
    play.unfit(STANDBY);
    play.run(60);
    assert_eq!(play.outcome(1), None);
    play.run(10);
    assert_eq!(play.outcome(1), Some(Outcome::Failed));
}

#[test]
fn a_closer_waits_for_a_candidate_that_is_not_announced_yet_as_long_as_pickup_may_take() {
    let mut play = Play::pair(|c| c.candidates = 3);
    play.run(3);
    play.watch(1);
    play.crash(PRIMARY);
    play.crash(STANDBY);
    play.run(295);
    assert_eq!(play.outcome(1), None);
    play.run(10);
    assert_eq!(play.reason(1), Some(FailureReason::Abandoned));
}

#[test]
fn under_hold_a_closer_holds() {
    let mut play = Play::pair(|c| c.policy.on_primary_lost = OnPrimaryLost::Hold);
    let verdict = play.watch(1);
    play.crash(PRIMARY);
    play.crash(STANDBY);
    play.run(70);
    assert_eq!(play.phase(), Phase::Held);
    assert!(
        matches!(&play.legs[verdict].end, Some(Conclusion::Judged(v)) if v.outcome == Outcome::Held)
    );
}

#[test]
fn where_a_signal_is_the_last_word_it_is_cancelled() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.watch(1);
    play.append(
        PRIMARY,
        Event::Signalled {
            signal: "SIGTERM".to_owned(),
        },
    );
    play.crash(PRIMARY);
    play.crash(STANDBY);
    play.run(70);
    assert_eq!(play.outcome(1), Some(Outcome::Cancelled));
}

#[test]
fn a_stop_that_nobody_follows_is_cancelled_after_ten_seconds_and_l() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.watch(1);
    play.crash(STANDBY);
    play.signal(PRIMARY);
    play.run(30);
    assert_eq!(play.outcome(1), None);
    play.run(5);
    assert_eq!(play.outcome(1), Some(Outcome::Cancelled));
}

#[test]
fn a_queued_candidate_closes_what_stands_in_its_way_and_goes_on() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    let next = play.join(config(2, 1));
    play.crash(PRIMARY);
    play.crash(STANDBY);
    play.run(75);
    assert_eq!(play.reason(1), Some(FailureReason::Abandoned));
    assert_eq!(play.legs[next].started.len(), 1);
    assert_eq!(play.record().token, 3);
}

#[test]
fn a_held_lock_is_a_persons_and_its_unlock_ends_the_deployment() {
    let mut play = Play::pair(|c| c.policy.on_primary_lost = OnPrimaryLost::Hold);
    play.crash(PRIMARY);
    play.run(24);
    let next = play.join(config(2, 1));
    assert_eq!(play.outcome(2), Some(Outcome::Held));
    assert!(matches!(
        play.legs[next].end,
        Some(Conclusion::Over {
            outcome: Outcome::Held,
            ..
        })
    ));
    assert!(matches!(play.ask(Request::Unlock), PersonEnd::Done(_)));
    assert_eq!(
        (play.outcome(1), play.reason(1)),
        (Some(Outcome::Failed), Some(FailureReason::Held))
    );
    assert!(matches!(play.ask(Request::Unlock), PersonEnd::Refused(_)));
}

#[test]
fn verdict_ends_a_deployment_whose_lease_was_removed() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    let verdict = play.watch(1);
    play.crash(PRIMARY);
    play.crash(STANDBY);
    play.remove_lease();
    play.run(305);
    assert_eq!(
        (play.outcome(1), play.reason(1)),
        (Some(Outcome::Failed), Some(FailureReason::Abandoned))
    );
    assert!(play.legs[verdict].end.is_some());
}

#[test]
fn a_lease_that_ended_is_believed_when_the_ledger_does_not_tell_it() {
    let mut play = Play::pair(|_| {});
    play.crash(PRIMARY);
    play.crash(STANDBY);
    let ended = Record {
        phase: Phase::Failed,
        ..play.record().clone()
    };
    play.put(Some(ended), Vec::new());
    let verdict = play.watch(1);
    play.run(20);
    assert!(play.legs[verdict].end.is_none());
    play.run(5);
    match &play.legs[verdict].end {
        Some(Conclusion::Judged(verdict)) => assert_eq!(verdict.outcome, Outcome::Failed),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failed_primary_ends_red_however_quickly_the_secondary_deployed() {
    let mut play = Play::pair(|_| {});
    play.fails(PRIMARY);
    play.run(3);
    play.succeeds(STANDBY);
    play.run(5);
    assert_eq!(play.outcome(1), Some(Outcome::Succeeded));
    let end = &play.legs[PRIMARY].end;
    assert!(
        matches!(end, Some(Conclusion::HandedOver { .. })),
        "{end:?}"
    );
}
