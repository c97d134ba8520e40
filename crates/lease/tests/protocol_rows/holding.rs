//! The rows of `deploying` that the holder writes: heartbeats, attempts, the deadline, the end.

use lease::{
    OnPrimaryLost, Phase,
    protocol::{Command, Conclusion, Input},
};
use ledger::{AttemptOutcome, Event, FailureReason, Outcome, TakeoverReason};

use crate::play::{Net, PRIMARY, Play, STANDBY, config, secs};

#[test]
fn a_heartbeat_swaps_the_lease_alone_under_a_new_nonce_every_ten_seconds() {
    let mut play = Play::pair(|_| {});
    let before = play.legs[PRIMARY].sends.len();
    let (nonce, entries) = (play.record().nonce.clone(), play.chain.len());
    play.run(120);
    let sends = &play.legs[PRIMARY].sends[before..];
    assert_eq!(
        sends.len(),
        12,
        "GitHub recommends at most 6 pushes a minute"
    );
    assert!(sends.iter().all(|(_, write)| write.entries.is_empty()));
    assert_ne!(play.record().nonce, nonce);
    assert_eq!(play.chain.len(), entries);
}

#[test]
fn a_standby_reads_every_two_seconds_and_the_holder_not_at_all() {
    let mut play = Play::pair(|_| {});
    let (holder, standby) = (
        play.legs[PRIMARY].reads.len(),
        play.legs[STANDBY].reads.len(),
    );
    play.run(60);
    assert_eq!(play.legs[PRIMARY].reads.len(), holder);
    assert_eq!(play.legs[STANDBY].reads.len(), standby + 30);
}

#[test]
fn a_command_that_succeeds_ends_the_deployment_and_its_leg_goes_on() {
    let mut play = Play::pair(|_| {});
    play.run(1);
    play.succeeds(PRIMARY);
    assert_eq!(
        (play.phase(), play.outcome(1)),
        (Phase::Succeeded, Some(Outcome::Succeeded))
    );
    assert!(matches!(
        play.legs[PRIMARY].end,
        Some(Conclusion::Proceed {
            finished: true,
            gates_only: false,
            ..
        })
    ));
    play.run(2);
    assert!(matches!(
        play.legs[STANDBY].end,
        Some(Conclusion::Over {
            outcome: Outcome::Succeeded,
            ..
        })
    ));
}

#[test]
fn a_failed_attempt_is_followed_by_the_next_after_the_retry_wait() {
    let mut play = Play::pair(|c| c.attempts = 2);
    play.run(1);
    play.fails(PRIMARY);
    play.run(29);
    assert_eq!(play.legs[PRIMARY].started.len(), 1);
    play.run(1);
    assert_eq!(play.legs[PRIMARY].started.len(), 2);
    assert_eq!(play.record().token, 1);
    play.succeeds(PRIMARY);
    assert!(play.attempts_add_up());
}

#[test]
fn the_next_attempt_waits_for_the_death_of_the_previous_tree() {
    let mut play = Play::pair(|c| c.attempts = 2);
    play.tell(
        PRIMARY,
        Input::Stuck {
            detail: "pid 7".to_owned(),
        },
    );
    play.run(29);
    assert_eq!(play.legs[PRIMARY].started.len(), 1);
    assert_eq!(play.phase(), Phase::Deploying);
    play.run(2);
    assert_eq!(
        play.phase(),
        Phase::Held,
        "nothing may follow a tree that is not proven dead"
    );
    assert!(matches!(
        play.legs[PRIMARY].end,
        Some(Conclusion::Held { .. })
    ));
    assert!(play.attempts_add_up());
}

#[test]
fn a_process_whose_tree_cannot_be_killed_does_not_wait_for_ever_after_its_lease_is_lost() {
    let mut play = Play::pair(|_| {});
    play.legs[PRIMARY].net = Net::Cut;
    play.run(20);
    play.tell(
        PRIMARY,
        Input::Stuck {
            detail: "pid 7".to_owned(),
        },
    );
    play.run(20);
    assert_eq!(play.legs[STANDBY].started.len(), 1);
    play.legs[PRIMARY].net = Net::Fine;
    play.run(40);
    assert!(
        matches!(play.legs[PRIMARY].end, Some(Conclusion::LostLease { .. })),
        "{:?}",
        play.legs[PRIMARY].end
    );
}

#[test]
fn attempts_used_up_hand_the_lease_to_a_candidate_that_is_left() {
    let mut play = Play::pair(|c| c.on_failure = true);
    play.run(1);
    play.fails(PRIMARY);
    assert_eq!(play.phase(), Phase::FailedOver);
    play.run(2);
    assert_eq!((play.phase(), play.record().token), (Phase::Deploying, 2));
    assert_eq!(play.takeovers(), [TakeoverReason::PrimaryExitCode]);
    play.run(2);
    assert!(matches!(
        play.legs[PRIMARY].end,
        Some(Conclusion::HandedOver { .. })
    ));
    assert!(
        !play
            .chain
            .iter()
            .any(|e| matches!(e.event, Event::OnFailureStarted))
    );
}

#[test]
fn an_attempt_past_the_whole_time_is_stopped_and_counts_as_a_timeout() {
    let mut play = Play::pair(|c| c.timeout = secs(60));
    play.run(60);
    assert_eq!(play.legs[PRIMARY].stops, [(secs(1060), false)]);
    play.ended(PRIMARY, AttemptOutcome::Stopped);
    play.run(2);
    assert_eq!(play.takeovers(), [TakeoverReason::PrimaryTimeout]);
}

#[test]
fn where_nobody_is_left_on_failure_runs_under_the_lease_and_then_it_is_failed() {
    let mut play = Play::pair(|c| c.on_failure = true);
    play.fails(PRIMARY);
    play.run(2);
    play.fails(STANDBY);
    let (_, command, token) = play.legs[STANDBY].started[1];
    assert_eq!((command, token), (Command::OnFailure, 2));
    assert_eq!(play.phase(), Phase::Deploying);
    assert_eq!(play.count(|e| matches!(e, Event::OnFailureStarted)), 1);
    play.run(15);
    assert_eq!(
        play.outcome(1),
        None,
        "on-failure runs under the live lease"
    );
    play.succeeds(STANDBY);
    assert_eq!(
        (play.outcome(1), play.reason(1)),
        (Some(Outcome::Failed), Some(FailureReason::ExitCode))
    );
    assert!(play.attempts_add_up());
}

#[test]
fn nobody_deploys_once_on_failure_has_started() {
    let mut play = Play::pair(|c| {
        c.on_failure = true;
        c.candidates = 3;
    });
    play.fails(PRIMARY);
    play.run(2);
    play.unfit(PRIMARY);
    play.fails(STANDBY);
    play.run(25);
    assert!(
        play.chain
            .iter()
            .any(|e| matches!(e.event, Event::OnFailureStarted))
    );
    play.crash(STANDBY);
    let mut third = config(1, 3);
    third.candidates = 3;
    let third = play.join(third);
    play.run(100);
    assert_eq!(play.legs[third].started, []);
    assert!(matches!(
        play.legs[third].end,
        Some(Conclusion::RollingBack { .. })
    ));
}

#[test]
fn an_unfit_and_a_signalled_candidate_are_not_left() {
    for signalled in [false, true] {
        let mut play = Play::pair(|c| c.on_failure = true);
        play.run(1);
        if signalled {
            play.signal(STANDBY);
        } else {
            play.unfit(STANDBY);
        }
        play.fails(PRIMARY);
        assert_eq!(
            play.legs[PRIMARY].started.len(),
            2,
            "signalled: {signalled}"
        );
        assert_eq!(play.legs[PRIMARY].started[1].1, Command::OnFailure);
    }
}

#[test]
fn a_lease_that_nobody_takes_goes_back_to_the_failed_holder_after_l() {
    let mut play = Play::pair(|c| c.on_failure = true);
    play.crash(STANDBY);
    play.run(3);
    play.fails(PRIMARY);
    play.run(21);
    assert_eq!((play.phase(), play.record().token), (Phase::FailedOver, 1));
    play.run(2);
    assert_eq!((play.phase(), play.record().token), (Phase::Deploying, 2));
    assert_eq!(play.legs[PRIMARY].started[1].1, Command::OnFailure);
    play.succeeds(PRIMARY);
    assert_eq!(play.reason(1), Some(FailureReason::ExitCode));
}

#[test]
fn a_failed_holder_takes_the_lease_back_at_once_where_the_last_other_turns_out_unfit() {
    let mut play = Play::pair(|c| c.on_failure = true);
    play.crash(STANDBY);
    play.fails(PRIMARY);
    play.unfit(STANDBY);
    play.run(3);
    assert_eq!(play.legs[PRIMARY].started.len(), 2);
}

#[test]
fn d_runs_from_the_first_send_of_the_last_acknowledged_renewal() {
    let mut play = Play::pair(|_| {});
    play.run(5);
    play.legs[PRIMARY].net = Net::Manual;
    play.run(7);
    let write = play.legs[PRIMARY].outbox[0].clone();
    assert!(
        play.legs[PRIMARY].outbox.iter().all(|w| *w == write),
        "a retry sends the same write"
    );
    let result = play.swap(&write);
    play.tell(
        PRIMARY,
        Input::Swapped {
            nonce: write.nonce.clone(),
            result,
        },
    );
    assert_eq!(
        play.legs[PRIMARY].fed.last(),
        Some(&secs(1010 + 18)),
        "first sent at 10 s, answered at 12 s"
    );
}

#[test]
fn past_d_the_tree_is_killed_without_grace_and_the_finished_result_is_told_when_the_store_is_back()
{
    for (outcome, phase) in [
        (AttemptOutcome::Fenced, Phase::FailedOver),
        (AttemptOutcome::Succeeded, Phase::Succeeded),
    ] {
        let mut play = Play::pair(|_| {});
        play.crash(STANDBY);
        play.legs[PRIMARY].net = Net::Cut;
        play.run(17);
        assert_eq!(play.legs[PRIMARY].stops, []);
        play.run(1);
        assert_eq!(play.legs[PRIMARY].stops, [(secs(1018), true)]);
        play.ended(PRIMARY, outcome);
        play.run(10);
        play.legs[PRIMARY].net = Net::Fine;
        play.run(5);
        assert_eq!(play.phase(), phase);
        assert!(play.attempts_add_up());
    }
}

#[test]
fn past_d_under_hold_the_holder_holds() {
    let mut play = Play::pair(|c| c.policy.on_primary_lost = lease::OnPrimaryLost::Hold);
    play.crash(STANDBY);
    play.legs[PRIMARY].net = Net::Cut;
    play.run(18);
    play.ended(PRIMARY, AttemptOutcome::Fenced);
    play.legs[PRIMARY].net = Net::Fine;
    play.run(5);
    assert_eq!((play.phase(), play.record().token), (Phase::Held, 2));
    assert!(play.attempts_add_up());
}

#[test]
fn nothing_is_renewed_between_the_deadline_and_the_death_of_the_tree() {
    let mut play = Play::pair(|_| {});
    play.legs[PRIMARY].net = Net::Manual;
    play.run(18);
    assert_eq!(play.legs[PRIMARY].stops.len(), 1);
    let write = play.legs[PRIMARY].outbox[0].clone();
    let result = play.swap(&write);
    play.tell(
        PRIMARY,
        Input::Swapped {
            nonce: write.nonce.clone(),
            result,
        },
    );
    play.legs[PRIMARY].net = Net::Fine;
    play.run(15);
    assert_eq!(play.record().nonce, write.nonce);
    play.ended(PRIMARY, AttemptOutcome::Fenced);
    assert_eq!(play.phase(), Phase::FailedOver);
}

#[test]
fn a_process_that_wakes_up_past_its_deadline_kills_first() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.now += secs(60);
    play.tell(PRIMARY, Input::Tick);
    assert_eq!(play.legs[PRIMARY].stops, [(secs(1063), true)]);
}

#[test]
fn a_claim_that_was_answered_late_is_renewed_before_anything_starts() {
    let mut play = Play::new();
    let primary = play.join(config(7, 1));
    let second = play.join(config(8, 1));
    play.run(1);
    play.legs[second].net = Net::Manual;
    play.legs[second].outbox.clear();
    play.succeeds(primary);
    play.run(2);
    let claim = play.legs[second]
        .outbox
        .iter()
        .rfind(|w| w.record.is_some())
        .unwrap()
        .clone();
    play.swap(&claim);
    play.now += secs(30);
    play.legs[second].net = Net::Fine;
    play.tell(second, Input::Tick);
    play.run(3);
    let (at, _, token) = play.legs[second].started[0];
    assert_eq!(token, 2);
    let deadline = play.legs[second].fed[0];
    assert!(
        deadline > at + secs(7),
        "a fresh lease: started at {at:?}, dead by {deadline:?}"
    );
    let said = play.legs[second].said.join("\n");
    assert!(
        said.contains(
            "the store took 31.0s to answer: nothing starts under a lease older than 10s"
        ),
        "{said}"
    );
}

#[test]
fn a_record_of_another_token_ends_the_hold_at_once() {
    let mut play = Play::pair(|_| {});
    play.run(1);
    let mut other = play.record().clone();
    other.token += 1;
    other.holder.candidate = 2;
    let event = Event::AttemptStarted { number: 1 };
    let draft = ledger::Draft {
        deployment: other.deployment.clone(),
        by: None,
        token: other.token,
        event,
    };
    play.put(Some(other), vec![draft]);
    play.run(10);
    assert_eq!(play.legs[PRIMARY].stops.len(), 1);
    let writes = play.legs[PRIMARY].sends.len();
    play.ended(PRIMARY, AttemptOutcome::Fenced);
    assert!(matches!(
        play.legs[PRIMARY].end,
        Some(Conclusion::LostLease { .. })
    ));
    assert_eq!(play.legs[PRIMARY].sends.len(), writes);
}

#[test]
fn a_holder_whom_the_store_refuses_does_not_wait_for_half_an_hour() {
    let mut play = Play::pair(|_| {});
    play.crash(STANDBY);
    play.legs[PRIMARY].net = Net::Refused;
    play.run(18);
    play.ended(PRIMARY, AttemptOutcome::Fenced);
    play.run(70);
    assert!(
        matches!(play.legs[PRIMARY].end, Some(Conclusion::StoreLost(_))),
        "{:?}",
        play.legs[PRIMARY].end
    );
}

#[test]
fn a_holder_that_wakes_up_after_its_rescue_is_not_held_because_a_later_deployment_is() {
    let mut play = Play::pair(|_| {});
    play.run(2);
    // Suspended: it learns of nothing until it wakes up.
    play.crash(PRIMARY);
    play.run(24);
    play.succeeds(STANDBY);
    play.run(1);
    let mut later = Vec::new();
    for number in 1..=2 {
        let mut config = config(2, number);
        config.policy.on_primary_lost = OnPrimaryLost::Hold;
        later.push(play.join(config));
    }
    play.crash(later[0]);
    play.run(30);
    assert_eq!(play.phase(), Phase::Held);
    play.legs[PRIMARY].alive = true;
    play.run(1);
    play.ended(PRIMARY, AttemptOutcome::Fenced);
    play.run(3);
    let end = &play.legs[PRIMARY].end;
    assert!(
        matches!(end, Some(Conclusion::LostLease { to }) if to.candidate == 2),
        "{end:?}"
    );
}
