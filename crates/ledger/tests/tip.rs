//! What every event does to the tip.

#![allow(clippy::unwrap_used)]

mod chain;

use std::time::Duration;

use chain::{Chain, START, announced, deployment, failover, finished, primary, rerun, secondary};
use ledger::{
    AttemptOutcome, DETAIL_KEPT, Deployment, DeploymentState, Draft, Event, FailureReason, Gate,
    GateStatus, Outcome, PreflightResult, SCHEMA, TakeoverReason, Timestamp, Tip,
};

fn state(chain: &Chain) -> &DeploymentState {
    chain.tip.deployment(&deployment(7).id).unwrap()
}

/// A chain with both candidates of deployment 7 announced.
fn both_announced() -> Chain {
    let mut chain = Chain::default();
    chain.say(&deployment(7), Some(primary()), announced());
    chain.say(&deployment(7), Some(secondary()), announced());
    chain
}

fn then(by: Option<ledger::Party>, event: Event) -> Chain {
    let mut chain = both_announced();
    chain.say(&deployment(7), by, event);
    chain
}

/// What an event leaves alone: everything but the places in the chain and the nonces.
fn assert_nothing_else_changed(before: &Chain, after: &Chain) {
    let mut expected = before.tip.clone();
    expected.seq = after.tip.seq;
    expected.nonces.clone_from(&after.tip.nonces);
    expected.deployments[0].last_seq = after.tip.seq;
    assert_eq!(after.tip, expected);
}

#[test]
fn entries_of_one_swap_share_nonce_and_moment_and_stand_in_order() {
    let draft = |event| Draft {
        deployment: deployment(7),
        by: Some(primary()),
        token: 4,
        event,
    };
    let drafts = vec![
        draft(Event::DeploymentStarted),
        draft(Event::AttemptStarted { number: 1 }),
    ];
    let (entries, tip) = both_announced().tip.extend("n", Timestamp(77), drafts);
    assert_eq!(entries.iter().map(|e| e.seq).collect::<Vec<_>>(), [3, 4]);
    assert!(
        entries
            .iter()
            .all(|e| e.nonce == "n" && e.at == Timestamp(77) && e.token == 4)
    );
    assert_eq!((tip.seq, tip.token, tip.schema), (4, 4, SCHEMA));
    assert_eq!(
        tip.nonces.iter().filter(|n| *n == "n").count(),
        1,
        "one swap is one nonce"
    );
}

#[test]
fn extending_by_nothing_changes_nothing() {
    let chain = both_announced();
    let (entries, tip) = chain.tip.extend("n", Timestamp(77), vec![]);
    assert!(entries.is_empty());
    assert_eq!(tip, chain.tip);
    assert_eq!(
        Tip::default().extend("n", Timestamp(77), vec![]).1,
        Tip::default()
    );
}

#[test]
fn a_chain_is_as_old_as_its_first_entry() {
    let chain = both_announced();
    assert_eq!(chain.tip.created, Timestamp(START.0 + 1000));
}

#[test]
fn the_token_never_goes_back() {
    let draft = |token| {
        vec![Draft {
            deployment: deployment(7),
            by: None,
            token,
            event: Event::DeploymentStarted,
        }]
    };
    let (_, tip) = Tip::default().extend("a", START, draft(9));
    let (_, tip) = tip.extend("b", START, draft(0));
    assert_eq!(tip.token, 9);
}

#[test]
fn announced_makes_the_candidate_known() {
    let chain = both_announced();
    let state = state(&chain);
    assert_eq!(
        (state.candidates, state.first_seq, state.last_seq),
        (2, 1, 2)
    );
    assert_eq!(state.announced.keys().copied().collect::<Vec<_>>(), [1, 2]);
    let second = &state.announced[&2];
    assert_eq!((&second.party, second.announced_seq), (&secondary(), 2));
    assert_eq!(second.announced_at, Timestamp(START.0 + 2000));
    assert!(!second.signalled && !second.unfit && second.queued_behind.is_none());
    assert_eq!(state.last_announced(), Some(2));
    assert!(!state.awaits_announcement());
}

#[test]
fn a_candidate_that_is_still_to_come_is_awaited() {
    let mut chain = Chain::default();
    chain.say(&deployment(7), Some(secondary()), announced());
    assert!(state(&chain).awaits_announcement());
    assert_eq!(state(&chain).last_announced(), Some(2));
}

#[test]
fn the_first_process_of_a_candidate_keeps_its_place() {
    let mut chain = both_announced();
    let twin = Event::Announced {
        candidates: 3,
        instance: "instance-2".to_owned(),
    };
    chain.say(&deployment(7), Some(primary()), twin);
    assert_eq!(state(&chain).announced[&1].instance, "instance-1");
    assert_eq!(state(&chain).announced[&1].announced_seq, 1);
    assert_eq!(
        state(&chain).candidates,
        3,
        "the larger number of candidates counts"
    );
}

#[test]
fn a_leg_that_comes_after_the_end_takes_part_in_nothing() {
    let mut chain = Chain::default();
    chain
        .succeed(&deployment(7))
        .say(&deployment(7), Some(secondary()), announced());
    assert!(state(&chain).announced.is_empty());
    assert_eq!(state(&chain).outcome, Some(Outcome::Succeeded));
}

#[test]
fn deployment_started_is_the_first_claim() {
    let mut chain = then(Some(primary()), Event::DeploymentStarted);
    assert!(state(&chain).claimed);
    assert_eq!(state(&chain).started_at, Some(Timestamp(START.0 + 3000)));
    assert_eq!(state(&chain).holder, Some(primary()));
    assert!(!state(&chain).command_ran);
    chain.say(&deployment(7), Some(secondary()), Event::DeploymentStarted);
    assert_eq!(
        state(&chain).started_at,
        Some(Timestamp(START.0 + 3000)),
        "a second one is not the first"
    );
}

#[test]
fn the_first_claim_says_what_is_deployed() {
    let named = |version: &str| Deployment {
        version: version.to_owned(),
        ..deployment(7)
    };
    let mut chain = both_announced();
    chain.say(&named("v2"), Some(secondary()), Event::DeploymentStarted);
    assert_eq!(state(&chain).deployment, named("v2"));
    for event in [announced(), Event::DeploymentStarted] {
        chain.say(&named("v3"), Some(primary()), event);
        assert_eq!(state(&chain).deployment, named("v2"), "that is no claim");
    }
}

#[test]
fn a_review_is_known_until_the_end() {
    let said = |user: &str, waited: Option<u64>| Event::Approval {
        environment: "production".to_owned(),
        user: user.to_owned(),
        state: "approved".to_owned(),
        comment: String::new(),
        reviewed_at: None,
        waited: waited.map(Duration::from_secs),
    };
    let mut chain = then(Some(primary()), said("grace", None));
    chain.say(&deployment(7), Some(secondary()), said("grace", Some(7)));
    chain.say(&deployment(7), Some(secondary()), said("ada", None));
    let users = |chain: &Chain| -> Vec<String> {
        let reviews = state(chain).reviews.iter();
        reviews.map(|review| review.user.clone()).collect()
    };
    assert_eq!(users(&chain), ["ada", "grace"]);
    chain.say(
        &deployment(7),
        Some(primary()),
        finished(Outcome::Succeeded, None),
    );
    chain.say(&deployment(7), Some(secondary()), said("late", None));
    assert!(users(&chain).is_empty());
}

#[test]
fn queued_names_the_deployment_in_front_and_counts_once_a_deployment() {
    let queued = Event::Queued {
        behind: "octo/shop/1/1".to_owned(),
        holder: "runner-z".to_owned(),
    };
    let mut chain = then(Some(primary()), queued.clone());
    assert_eq!(
        state(&chain).announced[&1].queued_behind.as_deref(),
        Some("octo/shop/1/1")
    );
    assert_eq!(chain.tip.queue_depth(), 1);
    chain.say(&deployment(7), Some(secondary()), queued);
    assert_eq!(chain.tip.queue_depth(), 1);
    chain.say(&deployment(7), Some(primary()), Event::DeploymentStarted);
    assert_eq!(chain.tip.queue_depth(), 0, "who has claimed waits no more");
}

#[test]
fn preflight_says_who_is_fit() {
    let failed = Event::Preflight {
        result: PreflightResult::Fail,
        failed: vec!["runner.disk".to_owned()],
    };
    let mut chain = then(Some(primary()), failed);
    assert!(state(&chain).unfit(1) && !state(&chain).unfit(2));
    chain.say(
        &deployment(7),
        Some(primary()),
        Event::Preflight {
            result: PreflightResult::Pass,
            failed: vec![],
        },
    );
    assert!(!state(&chain).unfit(1), "the last preflight counts");
}

#[test]
fn the_last_preflight_counts_after_a_claim_too() {
    let says = |result| Event::Preflight {
        result,
        failed: vec![],
    };
    let mut chain = then(Some(secondary()), says(PreflightResult::Fail));
    chain.say(&deployment(7), Some(primary()), Event::DeploymentStarted);
    assert!(state(&chain).unfit(2));
    chain.say(
        &deployment(7),
        Some(secondary()),
        says(PreflightResult::Pass),
    );
    assert!(!state(&chain).unfit(2));
    chain.say(
        &deployment(7),
        Some(secondary()),
        says(PreflightResult::Fail),
    );
    assert!(state(&chain).unfit(2));
}

#[test]
fn a_preflight_before_the_announcement_makes_nobody_unfit() {
    let mut chain = Chain::default();
    let failed = Event::Preflight {
        result: PreflightResult::Fail,
        failed: vec!["runner.disk".to_owned()],
    };
    chain.say(&deployment(7), Some(primary()), failed);
    assert!(state(&chain).announced.is_empty());
    chain.say(&deployment(7), Some(primary()), announced());
    assert!(!state(&chain).unfit(1));
}

#[test]
fn attempt_started_is_what_makes_a_deployment_one_that_ran() {
    let chain = then(Some(primary()), Event::AttemptStarted { number: 1 });
    assert!(state(&chain).command_ran);
    assert_eq!(state(&chain).ran_seq, 3);
    assert_eq!(chain.tip.newest_ran(&deployment(7)), Some(7));
    assert_eq!(both_announced().tip.newest_ran(&deployment(7)), None);
}

#[test]
fn attempt_finished_counts_the_attempt_and_nothing_else() {
    let before = both_announced();
    let mut after = then(
        Some(primary()),
        chain::attempt_finished(primary(), ledger::AttemptOutcome::ExitCode),
    );
    assert_eq!(after.tip.totals.attempts.len(), 1);
    after.tip.totals.attempts.clear();
    assert_nothing_else_changed(&before, &after);
}

#[test]
fn failover_changes_the_holder() {
    let chain = then(Some(secondary()), failover(TakeoverReason::PrimaryExitCode));
    assert_eq!(state(&chain).holder, Some(secondary()));
    assert_eq!(
        state(&chain).last_failover,
        Some(TakeoverReason::PrimaryExitCode)
    );
    assert_eq!(state(&chain).failovers, 1);
    assert_eq!(chain.tip.days, [], "it belongs to the day of the end");
}

#[test]
fn signalled_is_the_last_word_until_another_is_heard() {
    let signalled = || Event::Signalled {
        signal: "SIGINT".to_owned(),
    };
    let mut chain = then(Some(primary()), signalled());
    assert!(state(&chain).signalled(1) && !state(&chain).signalled(2));
    assert!(state(&chain).signalled_last);
    assert!(!state(&chain).all_others_signalled(1));
    chain.say(&deployment(7), Some(secondary()), signalled());
    assert!(state(&chain).all_others_signalled(1));
    chain.say(
        &deployment(7),
        Some(secondary()),
        Event::AttemptStarted { number: 1 },
    );
    assert!(!state(&chain).signalled_last);
    assert!(state(&chain).signalled(2), "who was told to stop stays so");
}

#[test]
fn on_failure_started_is_remembered() {
    assert!(!state(&both_announced()).on_failure_started);
    assert!(state(&then(Some(primary()), Event::OnFailureStarted)).on_failure_started);
}

#[test]
fn held_keeps_the_deployment_open_and_says_why() {
    let held = Event::Held {
        reason: TakeoverReason::PrimaryUnreachable,
        detail: "silent for 22 s".to_owned(),
    };
    let chain = then(None, held);
    assert!(!state(&chain).finished());
    assert_eq!(state(&chain).detail, "silent for 22 s");
}

#[test]
fn what_only_tells_the_story_changes_no_state() {
    let before = both_announced();
    for event in [
        Event::Override {
            checks: vec!["runner.disk".to_owned()],
            reason: "disk swap".to_owned(),
            until: None,
            actor: "ada".to_owned(),
        },
        Event::TransferRequested {
            actor: "grace".to_owned(),
            reason: "disk swap".to_owned(),
        },
        Event::Unknown,
    ] {
        assert_nothing_else_changed(&before, &then(Some(primary()), event));
    }
}

#[test]
fn what_on_failure_and_the_command_came_to_is_known_to_the_tip() {
    let finished = |outcome| Event::AttemptFinished {
        party: primary(),
        number: 1,
        outcome,
        detail: String::new(),
        ran: Duration::from_secs(3),
        last_lines: Vec::new(),
    };
    let failed = then(Some(primary()), finished(AttemptOutcome::ExitCode));
    assert!(!state(&failed).command_done);
    assert_eq!(state(&failed).on_failure_succeeded, None);
    let mut chain = then(Some(primary()), finished(AttemptOutcome::Succeeded));
    assert!(state(&chain).command_done);
    let rolled_back = Event::OnFailureFinished {
        succeeded: false,
        detail: "exit code 7".to_owned(),
    };
    chain.say(&deployment(7), Some(primary()), rolled_back);
    assert_eq!(state(&chain).on_failure_succeeded, Some(false));
}

#[test]
fn the_newest_judgement_gives_the_gauges_and_each_failure_counts_once() {
    let gate = |service: &str, status| Gate {
        service: service.to_owned(),
        status,
        tries: 2,
        took: Duration::from_millis(1500),
        seen: String::new(),
    };
    let mut chain = then(
        Some(primary()),
        Event::Gates {
            gates: vec![
                gate("api", GateStatus::Fail),
                gate("mail", GateStatus::Warn),
                gate("db", GateStatus::Pass),
            ],
        },
    );
    assert!(state(&chain).gates_judged);
    let again = Event::Gates {
        gates: vec![gate("api", GateStatus::Unknown)],
    };
    chain.say(&deployment(7), Some(secondary()), again);
    let gauges: Vec<_> = chain
        .tip
        .gates
        .iter()
        .map(|g| (g.service.as_str(), g.status))
        .collect();
    assert_eq!(gauges, [("api", GateStatus::Unknown)]);
    let counted: Vec<_> = chain
        .tip
        .totals
        .gate_failures
        .iter()
        .map(|c| {
            (
                c.labels["service"].as_str(),
                c.labels["role"].as_str(),
                c.value,
            )
        })
        .collect();
    assert_eq!(counted, [("api", "primary", 1), ("api", "secondary", 1)]);
}

#[test]
fn deployment_finished_is_the_one_end() {
    let mut chain = both_announced();
    chain.say(&deployment(7), Some(primary()), Event::DeploymentStarted);
    chain.say(
        &deployment(7),
        None,
        finished(Outcome::Failed, Some(FailureReason::Abandoned)),
    );
    let ended = state(&chain).clone();
    assert!(ended.finished() && ended.announced.is_empty());
    assert_eq!(
        (ended.outcome, ended.reason),
        (Some(Outcome::Failed), Some(FailureReason::Abandoned))
    );
    assert_eq!(
        (ended.detail.as_str(), ended.finished_at),
        ("what people read", Some(Timestamp(START.0 + 4000)))
    );
    let before = chain.clone();
    chain.say(
        &deployment(7),
        Some(secondary()),
        finished(Outcome::Succeeded, None),
    );
    assert_nothing_else_changed(&before, &chain);
}

#[test]
fn a_long_detail_is_cut_in_the_tip_and_whole_in_the_entry() {
    let long = "ü".repeat(5000);
    let mut chain = both_announced();
    let detail = long.clone();
    chain.say(
        &deployment(7),
        None,
        Event::DeploymentFinished {
            outcome: Outcome::Failed,
            reason: None,
            detail,
        },
    );
    assert_eq!(state(&chain).detail.chars().count(), DETAIL_KEPT);
    assert!(
        matches!(&chain.entries[2].event, Event::DeploymentFinished { detail, .. } if *detail == long)
    );
}

#[test]
fn a_rerun_of_an_old_run_does_not_move_the_newest_that_ran() {
    let mut chain = Chain::default();
    let ran = |chain: &mut Chain, deployment: &Deployment| {
        chain.say(
            deployment,
            Some(primary()),
            Event::AttemptStarted { number: 1 },
        );
        chain.tip.newest_ran(deployment)
    };
    assert_eq!(ran(&mut chain, &deployment(5)), Some(5));
    assert_eq!(ran(&mut chain, &deployment(10)), Some(10));
    assert_eq!(
        ran(&mut chain, &rerun(&deployment(5), 2)),
        Some(10),
        "a roll-back lowers nothing"
    );
    assert_eq!(
        ran(&mut chain, &rerun(&deployment(10), 3)),
        Some(10),
        "a re-run raises nothing"
    );
    assert_eq!(ran(&mut chain, &deployment(11)), Some(11));
}

#[test]
fn run_numbers_are_compared_within_one_workflow_and_ref_alone() {
    let mut chain = Chain::default();
    chain.say(
        &deployment(10),
        Some(primary()),
        Event::AttemptStarted { number: 1 },
    );
    let other_ref = Deployment {
        git_ref: "refs/heads/release/1".to_owned(),
        ..deployment(3)
    };
    let other_workflow = Deployment {
        workflow: "hotfix.yml".to_owned(),
        ..deployment(3)
    };
    assert_eq!(chain.tip.newest_ran(&other_ref), None);
    assert_eq!(chain.tip.newest_ran(&other_workflow), None);
}

#[test]
fn an_earlier_attempt_is_the_newest_before_ours_of_the_same_run() {
    let mut chain = Chain::default();
    for deployment in [
        &deployment(7),
        &rerun(&deployment(7), 2),
        &rerun(&deployment(7), 4),
        &deployment(8),
    ] {
        chain.say(deployment, Some(primary()), announced());
    }
    let earlier = |d: &Deployment| {
        chain
            .tip
            .earlier_attempt(d)
            .map(|s| s.deployment.run_attempt)
    };
    assert_eq!(earlier(&rerun(&deployment(7), 3)), Some(2));
    assert_eq!(earlier(&rerun(&deployment(7), 9)), Some(4));
    assert_eq!(earlier(&deployment(7)), None);
    assert_eq!(earlier(&rerun(&deployment(9), 2)), None);
}

#[test]
fn what_ran_last_is_told_by_the_chain_and_not_by_a_clock() {
    let mut tip = Tip::default();
    for (run, at) in [(1, 9_000_000), (2, 1)] {
        let say = |event| Draft {
            deployment: deployment(run),
            by: Some(primary()),
            token: 1,
            event,
        };
        let drafts = vec![
            say(Event::DeploymentStarted),
            say(Event::AttemptStarted { number: 1 }),
        ];
        tip = tip.extend(&run.to_string(), Timestamp(at), drafts).1;
    }
    assert_eq!(
        tip.last_that_ran().map(|s| s.deployment.run_number),
        Some(2)
    );
    let waits = Draft {
        deployment: deployment(3),
        by: Some(primary()),
        token: 1,
        event: Event::DeploymentStarted,
    };
    let (_, tip) = tip.extend("3", Timestamp(99_000_000), vec![waits]);
    assert_eq!(
        tip.last_that_ran().map(|s| s.deployment.run_number),
        Some(2),
        "a claim alone runs nothing"
    );
}

#[test]
fn a_deployment_that_is_not_known_has_no_state() {
    assert_eq!(both_announced().tip.deployment("octo/shop/1/1"), None);
}
