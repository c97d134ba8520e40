//! The rows of the step that judges the gates: it takes the lease up, renews it, and ends the deployment by the result.

use lease::{
    Phase, Record,
    protocol::{CandidateConfig, Command, Conclusion, Input, Judged},
};
use ledger::{Event, FailureReason, GateStatus, Outcome, TakeoverReason};

use crate::play::{Net, PRIMARY, Play, STANDBY, config, secs};

fn leg(adjust: impl Fn(&mut CandidateConfig)) -> CandidateConfig {
    let mut leg = config(1, 1);
    leg.await_gates = true;
    adjust(&mut leg);
    leg
}

/// The primary has deployed, and its gates step has begun.
fn judging(adjust: impl Fn(&mut CandidateConfig)) -> (Play, usize) {
    let mut play = Play::pair(|c| {
        c.await_gates = true;
        adjust(c);
    });
    play.run(3);
    play.succeeds(PRIMARY);
    assert_eq!(play.phase(), Phase::Deployed);
    play.run(1);
    let step = play.judges(&leg(adjust), 1);
    (play, step)
}

fn signal() -> Input {
    Input::Signal {
        name: "SIGTERM".to_owned(),
    }
}

#[test]
fn the_step_takes_the_lease_up_before_it_judges_and_may_be_silent_as_long_as_any_holder() {
    let (play, step) = judging(|_| {});
    assert_eq!(play.phase(), Phase::Deployed);
    assert_eq!(play.record().silence_allowed, secs(22));
    assert_eq!(play.record().token, 1);
    assert_eq!(
        play.legs[step].started,
        [(play.now, Command::Gates, 1)],
        "judged once"
    );
    assert_eq!(
        play.legs[step].fed,
        [play.now + secs(18)],
        "D runs from the first send"
    );
}

#[test]
fn the_lease_is_renewed_while_the_gates_are_judged_and_no_standby_moves() {
    let (mut play, step) = judging(|_| {});
    play.run(600);
    assert_eq!((play.phase(), play.record().token), (Phase::Deployed, 1));
    let heartbeats = play.legs[step].sends.len();
    assert!((60..=62).contains(&heartbeats), "{heartbeats} in 600 s");
    assert_eq!(play.legs[STANDBY].end, None);
}

#[test]
fn the_renewals_leave_the_attempt_as_the_command_left_it() {
    let (mut play, _) = judging(|_| {});
    let attempt = play.record().attempt;
    play.run(60);
    assert_eq!(play.record().attempt, attempt);
    assert!(!attempt.running);
}

#[test]
fn gates_that_pass_end_the_deployment_well() {
    let (mut play, step) = judging(|_| {});
    play.run(30);
    play.judged(step, GateStatus::Pass);
    assert_eq!(
        (play.phase(), play.outcome(1)),
        (Phase::Succeeded, Some(Outcome::Succeeded))
    );
    assert_eq!(
        play.legs[step].end,
        Some(Conclusion::Proceed {
            token: 1,
            finished: true,
            gates_only: false
        })
    );
    assert_eq!(play.count(|e| matches!(e, Event::Gates { .. })), 1);
    let by = play.chain.last().and_then(|e| e.by.clone());
    assert_eq!(by.map(|p| p.runner), Some("runner-1".to_owned()));
}

#[test]
fn a_gate_that_fails_ends_it_failed_and_no_standby_deploys_again() {
    let (mut play, step) = judging(|_| {});
    play.judged(step, GateStatus::Fail);
    assert_eq!(
        (play.outcome(1), play.reason(1)),
        (Some(Outcome::Failed), Some(FailureReason::Gates))
    );
    assert!(matches!(
        play.legs[step].end,
        Some(Conclusion::Over {
            outcome: Outcome::Failed,
            by_me: true,
            ..
        })
    ));
    play.run(60);
    assert_eq!(play.legs[STANDBY].started, []);
    assert_eq!(
        play.store.tip.totals.gate_failures[0].labels["service"],
        "api"
    );
    let detail = &play.store.tip.deployments[0].detail;
    assert!(detail.contains("1 of 1 health gates failed"), "{detail}");
}

#[test]
fn on_failure_runs_after_a_failed_gate_under_the_lease_and_then_the_deployment_has_failed() {
    let (mut play, step) = judging(|c| c.on_failure = true);
    play.judged(step, GateStatus::Fail);
    assert_eq!(play.phase(), Phase::Deploying);
    assert_eq!(play.legs[step].started[1].1, Command::OnFailure);
    assert_eq!(play.outcome(1), None);
    let entries: Vec<_> = play.chain.iter().rev().take(2).map(|e| &e.event).collect();
    assert!(matches!(
        entries.as_slice(),
        [Event::OnFailureStarted, Event::Gates { .. }]
    ));
    play.run(120);
    assert_eq!(play.record().token, 1, "renewed all the while");
    assert_eq!(play.legs[STANDBY].started, []);
    play.succeeds(step);
    assert_eq!(
        (play.outcome(1), play.reason(1)),
        (Some(Outcome::Failed), Some(FailureReason::Gates))
    );
    assert!(
        play.store.tip.deployments[0]
            .detail
            .contains("on-failure succeeded")
    );
}

#[test]
fn a_judge_that_dies_is_followed_within_the_lease_time_and_the_command_is_not_run_again() {
    let (mut play, step) = judging(|_| {});
    play.run(30);
    play.crash(step);
    play.run(24);
    assert_eq!((play.phase(), play.record().token), (Phase::Deployed, 2));
    assert_eq!(play.takeovers(), [TakeoverReason::PrimaryUnreachable]);
    assert_eq!(play.legs[STANDBY].started, []);
    let mut second = leg(|_| {});
    second.me = config(1, 2).me;
    let follower = play.judges(&second, 2);
    play.judged(follower, GateStatus::Pass);
    assert_eq!(play.outcome(1), Some(Outcome::Succeeded));
    assert_eq!(
        play.count(|e| matches!(e, Event::AttemptStarted { .. })),
        1,
        "deployed once"
    );
}

#[test]
fn a_judge_that_cannot_renew_stops_before_a_standby_may_take_over() {
    let (mut play, step) = judging(|_| {});
    play.run(5);
    play.legs[step].net = Net::Cut;
    play.run(13);
    let stops = play.legs[step].stops.clone();
    assert!(
        matches!(stops.as_slice(), [(_, true)]),
        "no grace past D: {stops:?}"
    );
    play.tell(step, Input::Judged(Judged::Stopped));
    play.run(10);
    assert_eq!(play.record().token, 2);
    play.legs[step].net = Net::Fine;
    play.run(10);
    assert!(
        matches!(play.legs[step].end, Some(Conclusion::LostLease { .. })),
        "{:?}",
        play.legs[step].end
    );
    assert_eq!(play.legs[step].started.len(), 1, "not judged again");
}

#[test]
fn gates_that_an_outage_stopped_are_judged_anew_when_the_lease_is_still_ours() {
    let (mut play, step) = judging(|_| {});
    play.crash(STANDBY);
    play.legs[step].net = Net::Cut;
    play.run(20);
    play.tell(step, Input::Judged(Judged::Stopped));
    play.run(10);
    assert_eq!(play.legs[step].started.len(), 1, "not without the lease");
    play.legs[step].net = Net::Fine;
    play.run(5);
    assert_eq!(play.legs[step].started.len(), 2);
    play.judged(step, GateStatus::Pass);
    assert_eq!(play.outcome(1), Some(Outcome::Succeeded));
}

#[test]
fn a_result_that_came_before_the_stop_keeps_its_worth_past_the_deadline() {
    let (mut play, step) = judging(|_| {});
    play.crash(STANDBY);
    play.legs[step].net = Net::Cut;
    play.run(20);
    play.judged(step, GateStatus::Pass);
    play.legs[step].net = Net::Fine;
    play.run(5);
    assert_eq!(play.outcome(1), Some(Outcome::Succeeded));
    assert_eq!(play.legs[step].started.len(), 1);
}

#[test]
fn a_judge_that_is_told_to_stop_leaves_the_gates_to_the_standby() {
    let (mut play, step) = judging(|_| {});
    play.run(5);
    play.tell(step, signal());
    assert_eq!(play.legs[step].stops, [(play.now, false)]);
    play.tell(step, Input::Judged(Judged::Stopped));
    assert_eq!(
        (play.phase(), play.record().command_done),
        (Phase::Stopping, true)
    );
    assert_eq!(play.count(|e| matches!(e, Event::Gates { .. })), 0);
    play.run(14);
    assert_eq!((play.phase(), play.record().token), (Phase::Deployed, 2));
    assert_eq!(play.takeovers(), [TakeoverReason::PrimaryStopped]);
    assert!(matches!(
        play.legs[step].end,
        Some(Conclusion::Signalled { held: true, .. })
    ));
    assert_eq!(play.legs[STANDBY].started, []);
}

#[test]
fn a_cancel_that_reaches_both_legs_ends_the_deployment_cancelled() {
    let (mut play, step) = judging(|_| {});
    play.signal(STANDBY);
    play.tell(step, signal());
    play.tell(step, Input::Judged(Judged::Stopped));
    play.run(3);
    assert_eq!(play.outcome(1), Some(Outcome::Cancelled));
}

#[test]
fn a_signal_after_the_result_changes_nothing_about_it() {
    let (mut play, step) = judging(|_| {});
    play.legs[step].net = Net::Manual;
    play.judged(step, GateStatus::Pass);
    play.tell(step, signal());
    let end = play.legs[step].outbox[0].clone();
    let result = play.swap(&end);
    let nonce = end.nonce.clone();
    play.tell(step, Input::Swapped { nonce, result });
    assert_eq!(play.outcome(1), Some(Outcome::Succeeded));
    assert!(matches!(
        play.legs[step].end,
        Some(Conclusion::Proceed { finished: true, .. })
    ));
}

#[test]
fn a_signal_before_the_lease_is_taken_up_leaves_it_to_the_standby_in_words() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.succeeds(PRIMARY);
    // Told to stop while its first look at the store is under way.
    let step = play.judges_from(&leg(|_| {}), 1, Net::Cut);
    play.tell(step, signal());
    assert_eq!(play.legs[step].end, None);
    play.legs[step].net = Net::Fine;
    play.run(5);
    assert_eq!(
        (play.phase(), play.record().command_done),
        (Phase::Stopping, true)
    );
    assert_eq!(play.legs[step].started, []);
}

#[test]
fn a_lease_that_another_has_since_is_not_judged_under() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.succeeds(PRIMARY);
    play.run(305);
    assert_eq!(play.record().token, 2);
    let step = play.judges(&leg(|_| {}), 1);
    assert!(matches!(
        play.legs[step].end,
        Some(Conclusion::LostLease { .. })
    ));
    assert_eq!(play.legs[step].started, []);
    assert_eq!(play.legs[step].sends.len(), 0);
}

#[test]
fn another_token_than_the_one_in_force_is_not_judged_under() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.succeeds(PRIMARY);
    let step = play.judges(&leg(|_| {}), 7);
    play.run(70);
    assert_eq!(play.legs[step].started, []);
    assert!(matches!(
        play.legs[step].end,
        Some(Conclusion::StoreLost(_))
    ));
    let mut other = leg(|_| {});
    other.me = config(1, 2).me;
    let stranger = play.judges(&other, 1);
    assert!(matches!(
        play.legs[stranger].end,
        Some(Conclusion::LostLease { .. })
    ));
}

#[test]
fn a_deployment_that_did_not_wait_for_its_gates_has_nothing_left_to_judge() {
    let mut play = Play::pair(|_| {});
    play.run(3);
    play.succeeds(PRIMARY);
    let step = play.judges(&leg(|_| {}), 1);
    assert!(matches!(
        play.legs[step].end,
        Some(Conclusion::Over {
            outcome: Outcome::Succeeded,
            by_me: false,
            ..
        })
    ));
    assert_eq!(play.legs[step].started, []);
}

#[test]
fn a_take_up_whose_answer_is_lost_is_found_by_reading_back() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.succeeds(PRIMARY);
    let step = play.judges_from(&leg(|_| {}), 1, Net::Manual);
    let write = play.legs[step].outbox[0].clone();
    play.swap(&write);
    play.tell(
        step,
        Input::Swapped {
            nonce: write.nonce.clone(),
            result: lease::protocol::SwapAnswer::Lost,
        },
    );
    play.run(3);
    assert_eq!(play.legs[step].started.len(), 1);
    assert_eq!(play.record().silence_allowed, secs(22));
}

#[test]
fn a_lease_that_was_removed_is_named_after_a_while() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.succeeds(PRIMARY);
    play.crash(STANDBY);
    play.remove_lease();
    let step = play.judges(&leg(|_| {}), 1);
    play.run(59);
    assert_eq!(play.legs[step].end, None);
    play.run(5);
    let Some(Conclusion::StoreLost(error)) = &play.legs[step].end else {
        panic!("{:?}", play.legs[step].end);
    };
    assert!(error.to_string().contains("o/r/1/1"), "{error}");
}

#[test]
fn the_record_binds_the_judge_and_not_its_own_settings() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.succeeds(PRIMARY);
    let mut policy = play.record().policy;
    policy.timing = policy.timing.with_lease(secs(11));
    play.put(
        Some(Record {
            policy,
            ..play.record().clone()
        }),
        Vec::new(),
    );
    let step = play.judges(&leg(|_| {}), 1);
    assert_eq!(play.record().silence_allowed, secs(11));
    let sent = play.legs[step].sends.len();
    play.run(60);
    let heartbeats = play.legs[step].sends.len() - sent;
    assert!((11..=13).contains(&heartbeats), "{heartbeats} in 60 s");
}

#[test]
fn a_first_look_that_lags_behind_the_claim_proves_nothing() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    let before = play.store.clone();
    play.succeeds(PRIMARY);
    let step = play.judges_from(&leg(|_| {}), 1, Net::Cut);
    play.legs[step].net = Net::Fine;
    play.legs[step].sees = Some(before);
    play.run(10);
    assert_eq!(
        (&play.legs[step].end, play.legs[step].sends.len()),
        (&None, 0)
    );
    play.legs[step].sees = None;
    play.run(3);
    assert_eq!(play.legs[step].started.len(), 1);
}

#[test]
fn a_second_judge_of_one_leg_ends_the_deployment_and_the_first_finds_out() {
    let (mut play, first) = judging(|_| {});
    play.run(3);
    let second = play.judges(&leg(|_| {}), 1);
    play.judged(second, GateStatus::Fail);
    assert_eq!(play.outcome(1), Some(Outcome::Failed));
    play.run(60);
    play.tell(first, Input::Judged(Judged::Stopped));
    assert!(
        matches!(
            play.legs[first].end,
            Some(Conclusion::Over {
                outcome: Outcome::Failed,
                by_me: false,
                ..
            })
        ),
        "{:?}",
        play.legs[first].end
    );
}

#[test]
fn a_larger_token_is_anothers_even_under_the_same_number() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.succeeds(PRIMARY);
    let taken = Record {
        token: 3,
        ..play.record().clone()
    };
    play.put(Some(taken), Vec::new());
    let step = play.judges(&leg(|_| {}), 1);
    assert!(matches!(
        play.legs[step].end,
        Some(Conclusion::LostLease { .. })
    ));
    assert_eq!(play.legs[step].sends.len(), 0);
}

#[test]
fn a_signal_beside_a_result_that_waits_for_a_renewals_answer_changes_nothing_about_it() {
    let (mut play, step) = judging(|_| {});
    play.legs[step].net = Net::Manual;
    play.run(10);
    let renewal = play.legs[step].outbox[0].clone();
    play.judged(step, GateStatus::Pass);
    play.tell(step, signal());
    play.legs[step].net = Net::Fine;
    let result = play.swap(&renewal);
    let nonce = renewal.nonce.clone();
    play.tell(step, Input::Swapped { nonce, result });
    assert_eq!(play.outcome(1), Some(Outcome::Succeeded));
}

#[test]
fn a_take_up_that_was_answered_late_is_renewed_before_anything_is_judged() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.succeeds(PRIMARY);
    let step = play.judges_from(&leg(|_| {}), 1, Net::Manual);
    let take_up = play.legs[step].outbox[0].clone();
    play.run(12);
    let (nonce, result) = (take_up.nonce.clone(), play.swap(&take_up));
    play.legs[step].outbox.clear();
    play.tell(step, Input::Swapped { nonce, result });
    assert_eq!(play.legs[step].started, []);
    let renewal = play.legs[step].outbox[0].clone();
    let (nonce, result) = (renewal.nonce.clone(), play.swap(&renewal));
    play.tell(step, Input::Swapped { nonce, result });
    assert_eq!(play.legs[step].started.len(), 1);
}
