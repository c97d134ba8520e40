//! Signals and transfers: how a holder lets go because somebody said so.

use lease::{
    OnPrimaryLost, Phase,
    protocol::{Conclusion, Input, PersonEnd, Request},
};
use ledger::{AttemptOutcome, Event, Outcome, TakeoverReason};

use crate::play::{Net, PRIMARY, Play, STANDBY, config};

fn signalled(event: &Event) -> bool {
    matches!(event, Event::Signalled { .. })
}

#[test]
fn a_signalled_holder_says_so_at_once_and_writes_stopping_when_its_tree_is_dead() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.tell(
        PRIMARY,
        Input::Signal {
            name: "SIGTERM".to_owned(),
        },
    );
    play.run(1);
    assert_eq!(play.count(signalled), 1);
    assert_eq!(play.phase(), Phase::Deploying, "its tree lives");
    play.ended(PRIMARY, AttemptOutcome::Stopped);
    play.run(1);
    assert_eq!(play.phase(), Phase::Stopping);
    assert!(play.attempts_add_up());
}

#[test]
fn a_standby_that_is_not_told_to_stop_takes_over_after_ten_seconds() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.signal(PRIMARY);
    play.run(9);
    assert_eq!(play.legs[STANDBY].started, []);
    play.run(5);
    assert_eq!(play.legs[STANDBY].started.len(), 1);
    assert_eq!(play.takeovers(), [TakeoverReason::PrimaryStopped]);
}

#[test]
fn when_every_announced_candidate_is_told_to_stop_it_is_cancelled() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.signal(PRIMARY);
    play.run(1);
    play.signal(STANDBY);
    play.run(3);
    assert_eq!(
        (play.phase(), play.outcome(1)),
        (Phase::Cancelled, Some(Outcome::Cancelled))
    );
    assert!(matches!(
        play.legs[PRIMARY].end,
        Some(Conclusion::Signalled {
            cancelled: true,
            ..
        })
    ));
    assert_eq!(play.count(signalled), 2);
}

#[test]
fn a_holder_that_is_told_last_cancels_at_once() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.signal(STANDBY);
    play.signal(PRIMARY);
    play.run(1);
    assert_eq!(play.phase(), Phase::Cancelled);
}

#[test]
fn a_signal_during_the_retry_wait_is_told_once() {
    let mut play = Play::pair(|c| c.attempts = 2);
    play.run(3);
    play.fails(PRIMARY);
    play.run(5);
    play.signal(PRIMARY);
    play.run(1);
    assert_eq!(play.phase(), Phase::Stopping);
    play.signal(STANDBY);
    play.run(4);
    assert_eq!(play.phase(), Phase::Cancelled);
    assert_eq!(play.count(signalled), 2);
    assert!(play.attempts_add_up());
}

#[test]
fn a_signalled_process_is_gone_within_its_budget_whatever_the_store_does() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.legs[PRIMARY].net = Net::Cut;
    play.signal(PRIMARY);
    play.run(7);
    assert!(matches!(
        play.legs[PRIMARY].end,
        Some(Conclusion::Signalled { held: true, .. })
    ));
}

#[test]
fn under_hold_a_stopped_holder_is_held_for_a_person() {
    let mut play = Play::pair(|c| c.policy.on_primary_lost = OnPrimaryLost::Hold);
    play.run(3);
    play.signal(PRIMARY);
    play.run(14);
    assert_eq!(play.phase(), Phase::Held);
    assert_eq!(play.legs[STANDBY].started, []);
}

#[test]
fn a_command_that_succeeded_before_the_signal_reached_it_is_not_called_cancelled() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.signal(STANDBY);
    play.tell(
        PRIMARY,
        Input::Signal {
            name: "SIGTERM".to_owned(),
        },
    );
    play.succeeds(PRIMARY);
    play.run(1);
    assert_eq!(play.outcome(1), Some(Outcome::Succeeded));
}

#[test]
fn a_transfer_kills_the_tree_and_hands_over() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    assert!(matches!(play.ask(Request::Transfer), PersonEnd::Done(_)));
    assert_eq!(play.phase(), Phase::Transferring);
    play.run(8);
    assert_eq!(play.legs[PRIMARY].stops.len(), 1);
    assert!(!play.legs[PRIMARY].stops[0].1, "with the command's grace");
    play.ended(PRIMARY, AttemptOutcome::Stopped);
    play.run(3);
    assert_eq!(play.takeovers(), [TakeoverReason::Manual]);
    assert_eq!(play.record().token, 2);
}

#[test]
fn a_holder_keeps_its_lease_while_a_transferred_command_takes_its_time_to_die() {
    let mut play = Play::pair(|_| {});
    play.run(9);
    play.ask(Request::Transfer);
    play.run(30);
    assert_eq!(
        (play.phase(), play.record().token),
        (Phase::Transferring, 1)
    );
    assert!(
        play.legs[PRIMARY].stops.iter().all(|(_, at_once)| !at_once),
        "{:?}",
        play.legs[PRIMARY].stops
    );
}

#[test]
fn a_transfer_before_the_command_started_records_the_attempts_end() {
    let mut play = Play::new();
    let primary = play.join(config(7, 1));
    let second = play.join(config(8, 1));
    play.join(config(8, 2));
    play.run(1);
    play.legs[second].net = Net::Manual;
    play.succeeds(primary);
    play.run(2);
    let claim = play.legs[second]
        .outbox
        .iter()
        .rfind(|w| w.record.is_some())
        .unwrap()
        .clone();
    play.swap(&claim);
    play.ask(Request::Transfer);
    play.legs[second].net = Net::Fine;
    play.run(5);
    assert_eq!(play.legs[second].started, []);
    assert_eq!(play.takeovers(), [TakeoverReason::Manual]);
    play.succeeds(2);
    play.run(2);
    assert!(play.attempts_add_up());
}

#[test]
fn a_transfer_is_refused_where_no_candidate_is_left() {
    let mut play = Play::pair(|_| {});
    play.unfit(STANDBY);
    assert!(matches!(play.ask(Request::Transfer), PersonEnd::Refused(_)));
    assert_eq!(play.phase(), Phase::Deploying);
}

#[test]
fn a_transfer_is_refused_once_on_failure_runs() {
    let mut play = Play::pair(|c| c.candidates = 3);
    play.append(PRIMARY, Event::OnFailureStarted);
    assert!(matches!(play.ask(Request::Transfer), PersonEnd::Refused(_)));
}
