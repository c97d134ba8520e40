//! What a preflight does to its own leg, to the other, and to the deployment (design §4).

use lease::protocol::{Conclusion, Rerun};
use ledger::{Event, FailureReason, Outcome, PreflightResult, TakeoverReason};

use crate::play::{PRIMARY, Play, STANDBY, config};

const PASS: PreflightResult = PreflightResult::Pass;
const FAIL: PreflightResult = PreflightResult::Fail;

#[test]
fn a_leg_goes_on_under_the_announcement_of_its_preflight() {
    let mut play = Play::new();
    play.preflight(&config(1, 1), PASS);
    let primary = play.join(config(1, 1));
    assert_eq!(play.legs[primary].started.len(), 1);
    assert_eq!(play.count(|e| matches!(e, Event::Announced { .. })), 1);
}

#[test]
fn a_candidate_whose_preflight_failed_never_claims() {
    let mut play = Play::new();
    play.preflight(&config(1, 1), FAIL);
    let primary = play.join(config(1, 1));
    play.run(100);
    assert_eq!(play.store.record, None);
    assert_eq!(play.legs[primary].end, Some(Conclusion::Unfit));
}

#[test]
fn a_secondary_does_not_wait_out_the_grace_where_the_primary_is_unfit() {
    let mut play = Play::new();
    play.preflight(&config(1, 1), FAIL);
    let secondary = play.join(config(1, 2));
    assert_eq!(play.legs[secondary].started.len(), 1);
    assert_eq!(play.takeovers(), [TakeoverReason::Preflight]);
}

#[test]
fn a_secondary_that_waits_already_claims_when_it_next_looks() {
    let mut play = Play::new();
    let secondary = play.join(config(1, 2));
    play.run(5);
    play.preflight(&config(1, 1), FAIL);
    play.run(2);
    assert_eq!(play.legs[secondary].started.len(), 1);
    assert_eq!(play.takeovers(), [TakeoverReason::Preflight]);
}

#[test]
fn a_preflight_that_passes_at_the_second_try_makes_the_primary_fit_again() {
    let mut play = Play::new();
    play.preflight(&config(1, 1), FAIL);
    play.preflight(&config(1, 1), PASS);
    let secondary = play.join(config(1, 2));
    play.run(30);
    assert_eq!(play.legs[secondary].started, [], "the primary is awaited");
    let primary = play.join(config(1, 1));
    assert_eq!(play.legs[primary].started.len(), 1);
    assert_eq!(play.takeovers(), []);
}

#[test]
fn a_standby_whose_preflight_passes_late_takes_over_when_the_holder_fails() {
    let mut play = Play::new();
    play.preflight(&config(1, 2), FAIL);
    let primary = play.join(config(1, 1));
    play.preflight(&config(1, 2), PASS);
    let secondary = play.join(config(1, 2));
    play.run(3);
    play.fails(primary);
    play.run(3);
    assert_eq!(play.legs[secondary].started.len(), 1);
    assert_eq!(play.takeovers(), [TakeoverReason::PrimaryExitCode]);
}

#[test]
fn a_failed_preflight_of_the_standby_leaves_the_holder_alone_and_is_not_taken_over_by() {
    let mut play = Play::pair(|_| {});
    play.preflight(&config(1, 2), FAIL);
    play.run(3);
    assert_eq!(play.legs[STANDBY].end, Some(Conclusion::Unfit));
    assert_eq!(play.legs[PRIMARY].stops, []);
    play.fails(PRIMARY);
    assert_eq!(
        (play.outcome(1), play.reason(1)),
        (Some(Outcome::Failed), Some(FailureReason::ExitCode)),
        "nobody is left, so it does not wait for anybody"
    );
}

#[test]
fn verdict_ends_it_at_once_where_every_candidate_is_unfit_and_a_late_leg_finds_it_finished() {
    let mut play = Play::new();
    let verdict = play.watch(1);
    play.preflight(&config(1, 1), FAIL);
    play.run(100);
    assert_eq!(play.outcome(1), None, "the other may still come");
    play.preflight(&config(1, 2), FAIL);
    play.run(2);
    assert_eq!(
        (play.outcome(1), play.reason(1)),
        (Some(Outcome::Failed), Some(FailureReason::Preflight))
    );
    assert!(matches!(
        &play.legs[verdict].end,
        Some(Conclusion::Judged(v)) if v.closed_it && v.reason == Some(FailureReason::Preflight)
    ));
    let late = play.join(config(1, 2));
    assert_eq!(play.legs[late].started, []);
    assert!(matches!(
        play.legs[late].end,
        Some(Conclusion::Over {
            outcome: Outcome::Failed,
            reason: Some(FailureReason::Preflight),
            ..
        })
    ));
}

#[test]
fn where_the_other_never_comes_an_unfit_candidate_is_waited_for_no_longer_than_the_pickup() {
    let mut play = Play::new();
    play.watch(1);
    play.preflight(&config(1, 1), FAIL);
    play.run(299);
    assert_eq!(play.outcome(1), None);
    play.run(2);
    assert_eq!(play.reason(1), Some(FailureReason::Preflight));
}

#[test]
fn a_leg_that_its_preflight_announced_tells_when_it_is_told_to_stop() {
    let mut play = Play::new();
    let holder = play.join(config(9, 1));
    let mut leg = config(1, 1);
    leg.deployment.workflow = "other.yml".to_owned();
    play.preflight(&leg, PASS);
    let primary = play.join(leg.clone());
    play.signal(primary);
    let told = |e: &Event| matches!(e, Event::Signalled { .. });
    assert_eq!(play.count(told), 1);
    let again = play.join(leg);
    play.signal(again);
    assert_eq!(play.count(told), 1, "the ledger knows it already");
    assert_eq!(play.legs[holder].stops, []);
}

#[test]
fn a_partial_rerun_that_deploys_nothing_is_judged_by_the_success_before_though_it_was_announced() {
    for rerun in [Rerun::Partial, Rerun::Unknown] {
        let mut play = Play::new();
        let first = play.join(config(1, 1));
        play.run(1);
        play.succeeds(first);
        play.run(1);
        // Twice, because the first of them leaves an attempt behind that nobody carried out.
        for attempt in 2..=3 {
            let mut again = config(1, 1);
            again.deployment.id = format!("o/r/1/{attempt}");
            again.deployment.run_attempt = attempt;
            again.instance = format!("again-{attempt}");
            again.rerun = rerun;
            play.preflight(&again, PASS);
            let verdict = play.judge(again.deployment.clone(), rerun);
            let leg = play.join(again);
            play.run(301);
            let deployed = |c: &Conclusion| matches!(c, Conclusion::AlreadyDeployed { deployment, .. } if deployment == "o/r/1/1");
            let ended = play.legs[leg].end.as_ref();
            assert!(
                ended.is_some_and(deployed),
                "{rerun:?} {attempt}: {ended:?}"
            );
            let Some(Conclusion::Judged(verdict)) = &play.legs[verdict].end else {
                panic!("{rerun:?} {attempt}: {:?}", play.legs[verdict].end);
            };
            assert_eq!(
                (verdict.deployment.as_str(), verdict.outcome),
                ("o/r/1/1", Outcome::Succeeded)
            );
        }
    }
}
