//! The rows of `deployed`: the command is done, and somebody must judge the gates.

use lease::{
    Phase, Record,
    protocol::{Conclusion, Input},
};
use ledger::{FailureReason, Outcome};

use crate::play::{Net, PRIMARY, Play, STANDBY, secs};

#[test]
fn with_await_gates_a_command_that_succeeds_leaves_the_deployment_open_for_its_leg_to_judge() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.succeeds(PRIMARY);
    assert_eq!(play.phase(), Phase::Deployed);
    assert_eq!(play.record().silence_allowed, secs(300));
    assert!(matches!(
        play.legs[PRIMARY].end,
        Some(Conclusion::Proceed {
            finished: false,
            gates_only: false,
            ..
        })
    ));
    assert_eq!(play.outcome(1), None);
}

#[test]
fn gates_that_nobody_comes_to_judge_are_taken_over_and_the_command_is_not_run_again() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.succeeds(PRIMARY);
    play.run(299);
    assert_eq!(play.record().token, 1);
    play.run(5);
    assert_eq!((play.phase(), play.record().token), (Phase::Deployed, 2));
    assert_eq!(play.legs[STANDBY].started, []);
    assert!(matches!(
        play.legs[STANDBY].end,
        Some(Conclusion::Proceed {
            token: 2,
            gates_only: true,
            ..
        })
    ));
}

#[test]
fn gates_that_are_renewed_are_taken_over_l_after_their_last_renewal() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.succeeds(PRIMARY);
    play.put(
        Some(Record {
            silence_allowed: secs(22),
            ..play.record().clone()
        }),
        Vec::new(),
    );
    play.run(20);
    assert_eq!(play.record().token, 1);
    play.run(6);
    assert_eq!(play.record().token, 2);
}

#[test]
fn a_command_that_succeeded_is_not_run_again_after_a_stop() {
    let mut play = Play::pair(|c| c.await_gates = true);
    play.run(3);
    play.tell(
        PRIMARY,
        Input::Signal {
            name: "SIGTERM".to_owned(),
        },
    );
    play.succeeds(PRIMARY);
    play.run(1);
    assert_eq!(
        (play.phase(), play.record().command_done),
        (Phase::Stopping, true)
    );
    play.run(14);
    assert_eq!(play.legs[STANDBY].started, []);
    assert!(matches!(
        play.legs[STANDBY].end,
        Some(Conclusion::Proceed {
            gates_only: true,
            ..
        })
    ));
}

#[test]
fn gates_claimed_so_long_ago_that_another_has_them_are_not_gone_on_with() {
    let mut play = Play::pair(|c| {
        c.await_gates = true;
        c.candidates = 3;
    });
    play.run(3);
    play.succeeds(PRIMARY);
    play.legs[STANDBY].net = Net::Mute;
    play.run(1);
    play.legs[STANDBY].net = Net::Manual;
    play.run(305);
    let claim = play.legs[STANDBY].outbox[0].clone();
    play.swap(&claim);
    let taken = Record {
        token: 3,
        ..play.record().clone()
    };
    let event = ledger::Event::Failover {
        from: None,
        to: taken.holder.clone(),
        reason: ledger::TakeoverReason::PrimaryUnreachable,
    };
    let draft = ledger::Draft {
        deployment: taken.deployment.clone(),
        by: None,
        token: 3,
        event,
    };
    play.put(Some(taken), vec![draft]);
    play.tell(
        STANDBY,
        Input::Swapped {
            nonce: claim.nonce.clone(),
            result: lease::protocol::SwapAnswer::Lost,
        },
    );
    play.run(3);
    assert!(
        matches!(play.legs[STANDBY].end, Some(Conclusion::LostLease { .. })),
        "{:?}",
        play.legs[STANDBY].end
    );
}

#[test]
fn gates_that_nobody_ever_judges_end_as_gates_missing() {
    let mut play = Play::pair(|c| c.await_gates = true);
    let verdict = play.watch(1);
    play.crash(STANDBY);
    play.run(3);
    play.succeeds(PRIMARY);
    play.run(300 + 60);
    assert_eq!(play.outcome(1), None);
    play.run(10);
    assert_eq!(
        (play.outcome(1), play.reason(1)),
        (Some(Outcome::Failed), Some(FailureReason::GatesMissing))
    );
    assert!(play.legs[verdict].end.is_some());
    assert_eq!(play.legs[PRIMARY].started.len(), 1);
}

#[test]
fn gates_that_were_claimed_long_ago_are_gone_on_with_and_no_attempt_is_told() {
    let mut play = Play::pair(|c| {
        c.await_gates = true;
        c.timeout = secs(60);
    });
    play.run(3);
    play.succeeds(PRIMARY);
    play.legs[STANDBY].net = Net::Manual;
    play.run(301);
    let claim = play.legs[STANDBY].outbox[0].clone();
    // It lands, and is heard of, when a command would have no time left.
    play.legs[STANDBY].net = Net::Cut;
    play.run(70);
    play.swap(&claim);
    assert_eq!((play.phase(), play.record().token), (Phase::Deployed, 2));
    play.legs[STANDBY].net = Net::Fine;
    play.run(5);
    assert!(
        matches!(
            play.legs[STANDBY].end,
            Some(Conclusion::Proceed {
                gates_only: true,
                ..
            })
        ),
        "{:?}",
        play.legs[STANDBY].end
    );
    assert!(play.attempts_add_up());
    assert_eq!(play.outcome(1), None);
}
