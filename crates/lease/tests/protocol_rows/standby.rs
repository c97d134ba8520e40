//! The rows in which a standby follows a holder that is silent, or that lets go.

use lease::{OnPrimaryLost, Phase, protocol::Conclusion};
use ledger::{Event, TakeoverReason};

use crate::play::{PRIMARY, Play, STANDBY, config};

#[test]
fn a_standby_waits_the_whole_silence_from_when_it_first_saw_the_record() {
    let mut play = Play::pair(|_| {});
    play.run(6);
    // The primary is silent from its claim on; somebody comes who sees that record later.
    play.crash(PRIMARY);
    play.crash(STANDBY);
    let mut late = config(1, 3);
    late.candidates = 3;
    let late = play.join(late);
    play.run(21);
    assert_eq!(
        play.legs[late].started,
        [],
        "22 s from its own first sight, not from the claim"
    );
    play.run(2);
    assert_eq!(play.legs[late].started.len(), 1);
    assert_eq!(play.takeovers(), [TakeoverReason::PrimaryUnreachable]);
}

#[test]
fn a_takeover_has_the_next_token_and_records_the_dead_holders_attempt() {
    let mut play = Play::pair(|_| {});
    play.crash(PRIMARY);
    play.run(24);
    assert_eq!(
        (play.record().token, play.record().holder.candidate),
        (2, 2)
    );
    let lost =
        |e: &Event| matches!(e, Event::AttemptFinished { party, .. } if party.candidate == 1);
    assert_eq!(play.count(lost), 1);
}

#[test]
fn every_heartbeat_makes_the_standby_wait_anew() {
    let mut play = Play::pair(|_| {});
    play.run(300);
    assert_eq!(play.legs[STANDBY].started, []);
    assert_eq!(play.takeovers(), []);
}

#[test]
fn a_claim_lands_only_over_the_exact_record_that_was_seen() {
    let mut play = Play::pair(|_| {});
    play.run(5);
    play.legs[STANDBY].sees = Some(play.store.clone());
    play.run(24);
    assert_eq!(
        play.record().token,
        1,
        "its reads lag: the holder has renewed since"
    );
    assert_eq!(play.legs[STANDBY].started, []);
    play.legs[STANDBY].sees = None;
    play.run(10);
    assert_eq!(play.record().token, 1);
}

#[test]
fn under_hold_a_silent_holder_is_held_for_a_person() {
    let mut play = Play::pair(|c| c.policy.on_primary_lost = OnPrimaryLost::Hold);
    play.crash(PRIMARY);
    play.run(24);
    assert_eq!((play.phase(), play.record().token), (Phase::Held, 2));
    assert_eq!(play.legs[STANDBY].started, []);
    assert!(matches!(
        play.legs[STANDBY].end,
        Some(Conclusion::Held { .. })
    ));
    assert!(play.attempts_add_up());
}

#[test]
fn a_transferring_holder_that_falls_silent_is_followed_too() {
    let mut play = Play::pair(|_| {});
    play.crash(PRIMARY);
    play.ask(lease::protocol::Request::Transfer);
    assert_eq!(play.phase(), Phase::Transferring);
    play.run(25);
    assert_eq!(play.legs[STANDBY].started.len(), 1);
}

#[test]
fn a_candidate_that_failed_never_claims_again() {
    let mut play = Play::pair(|c| c.candidates = 3);
    play.fails(PRIMARY);
    play.run(2);
    assert_eq!(play.record().holder.candidate, 2);
    play.crash(STANDBY);
    play.run(100);
    assert_eq!(play.legs[PRIMARY].started.len(), 1);
}

#[test]
fn two_legs_with_one_number_are_told_apart() {
    let mut play = Play::pair(|_| {});
    let mut twin = config(1, 2);
    twin.instance = "another".to_owned();
    let twin = play.join(twin);
    assert!(matches!(
        play.legs[twin].end,
        Some(Conclusion::NumberTaken { .. })
    ));
}
