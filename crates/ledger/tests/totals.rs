//! The totals: exact, once, and only growing.

#![allow(clippy::unwrap_used)]

mod chain;

use std::{collections::BTreeMap, time::Duration};

use chain::{
    Chain, announced, attempt_finished, deployment, failover, finished, primary, secondary, sum,
};
use ledger::{
    AttemptOutcome, Counter, Deployment, Entry, Event, FailureReason, Outcome, PreflightResult,
    TakeoverReason, Tip,
};
use proptest::prelude::*;

fn labels(counter: &Counter) -> Vec<(&str, &str)> {
    counter
        .labels
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect()
}

#[test]
fn an_attempt_counts_when_it_has_finished_under_whoever_ran_it() {
    let mut chain = Chain::default();
    chain.say(
        &deployment(7),
        Some(primary()),
        Event::AttemptStarted { number: 1 },
    );
    assert_eq!(chain.tip.totals.attempts, []);
    chain.say(
        &deployment(7),
        Some(secondary()),
        attempt_finished(primary(), AttemptOutcome::Lost),
    );
    let attempts = &chain.tip.totals.attempts;
    assert_eq!(sum(attempts), 1);
    assert_eq!(
        labels(&attempts[0]),
        [
            ("branch", "main"),
            ("role", "primary"),
            ("runner_group", "blue"),
            ("workflow", "deploy.yml")
        ]
    );
}

#[test]
fn success_and_failure_count_at_the_end_alone_and_once() {
    let mut chain = Chain::default();
    chain.succeed(&deployment(7));
    assert_eq!(
        (
            sum(&chain.tip.totals.successes),
            sum(&chain.tip.totals.failures)
        ),
        (1, 0)
    );
    let after = (chain.tip.totals.clone(), chain.tip.days.clone());
    for again in [
        finished(Outcome::Succeeded, None),
        finished(Outcome::Failed, Some(FailureReason::Abandoned)),
        finished(Outcome::Cancelled, None),
    ] {
        chain.say(&deployment(7), Some(secondary()), again);
        assert_eq!((&chain.tip.totals, &chain.tip.days), (&after.0, &after.1));
    }
}

#[test]
fn a_failed_primary_and_a_succeeding_standby_are_one_success_and_one_failover_success() {
    let mut chain = Chain::default();
    let deployment = deployment(7);
    chain
        .say(&deployment, Some(primary()), announced())
        .say(&deployment, Some(primary()), Event::DeploymentStarted)
        .say(
            &deployment,
            Some(primary()),
            attempt_finished(primary(), AttemptOutcome::ExitCode),
        )
        .say(
            &deployment,
            Some(secondary()),
            failover(TakeoverReason::PrimaryExitCode),
        )
        .wait(90)
        .say(
            &deployment,
            Some(secondary()),
            attempt_finished(secondary(), AttemptOutcome::Succeeded),
        )
        .say(
            &deployment,
            Some(secondary()),
            finished(Outcome::Succeeded, None),
        );
    let totals = &chain.tip.totals;
    assert_eq!(
        (
            sum(&totals.attempts),
            sum(&totals.successes),
            sum(&totals.failures)
        ),
        (2, 1, 0)
    );
    assert_eq!(
        (sum(&totals.failovers), sum(&totals.failover_successes)),
        (1, 1)
    );
    assert_eq!(
        labels(&totals.failovers[0]),
        [("reason", "primary_exit_code"), ("role", "secondary")]
    );
    assert_eq!(
        labels(&totals.failover_successes[0]),
        [("reason", "primary_exit_code"), ("role", "secondary")]
    );
    assert_eq!(
        totals.successes[0].labels["runner_group"], "green",
        "it counts where it was brought to its end"
    );
    assert_eq!(
        totals.durations[0].sum,
        Duration::from_secs(94),
        "from the first claim to the end"
    );
    let day = &chain.tip.days[0];
    assert_eq!(
        (
            day.succeeded,
            day.failed,
            day.failovers,
            day.failovers_succeeded
        ),
        (1, 0, 1, 1)
    );
}

#[test]
fn what_somebody_else_ends_counts_under_the_dead_holder() {
    let mut chain = Chain::default();
    chain
        .say(&deployment(7), Some(primary()), Event::DeploymentStarted)
        .say(
            &deployment(7),
            None,
            finished(Outcome::Failed, Some(FailureReason::Abandoned)),
        );
    let failure = &chain.tip.totals.failures[0];
    assert_eq!(failure.labels["runner_group"], "blue");
    assert_eq!(failure.labels["failure_reason"], "abandoned");
}

#[test]
fn a_deployment_that_never_began_is_a_failure_without_a_duration() {
    let mut chain = Chain::default();
    chain.say(&deployment(7), None, finished(Outcome::NeverClaimed, None));
    assert_eq!(
        chain.tip.totals.failures[0].labels["failure_reason"],
        "never_claimed"
    );
    assert_eq!(chain.tip.totals.durations, []);
    assert_eq!(chain.tip.days[0].failed, 1);
}

#[test]
fn what_was_cancelled_held_or_superseded_is_neither_success_nor_failure() {
    for outcome in [Outcome::Cancelled, Outcome::Held, Outcome::Superseded] {
        let mut chain = Chain::default();
        chain
            .say(&deployment(7), Some(primary()), Event::DeploymentStarted)
            .say(&deployment(7), Some(primary()), finished(outcome, None));
        let totals = &chain.tip.totals;
        assert_eq!(
            (
                sum(&totals.successes),
                sum(&totals.failures),
                totals.durations.len()
            ),
            (0, 0, 0)
        );
    }
}

#[test]
fn every_failed_check_of_a_preflight_counts_once_an_entry() {
    let mut chain = Chain::default();
    let failed = vec!["runner.disk".to_owned(), "docker.daemon".to_owned()];
    chain.say(
        &deployment(7),
        Some(primary()),
        Event::Preflight {
            result: PreflightResult::Fail,
            failed,
        },
    );
    chain.say(
        &deployment(8),
        Some(primary()),
        Event::Preflight {
            result: PreflightResult::Fail,
            failed: vec!["runner.disk".to_owned(), "runner.disk".to_owned()],
        },
    );
    let counted: BTreeMap<&str, u64> = chain
        .tip
        .totals
        .preflight_failures
        .iter()
        .map(|c| (c.labels["check_type"].as_str(), c.value))
        .collect();
    assert_eq!(
        counted,
        BTreeMap::from([("docker.daemon", 1), ("runner.disk", 2)])
    );
}

#[test]
fn a_duration_on_a_buckets_bound_is_in_the_bucket() {
    let mut chain = Chain::default();
    for (run, seconds) in [(1, 59), (2, 60), (3, 1800), (4, 1801)] {
        chain.say(&deployment(run), Some(primary()), Event::DeploymentStarted);
        chain.wait(seconds - 1).say(
            &deployment(run),
            Some(primary()),
            finished(Outcome::Succeeded, None),
        );
    }
    let histogram = &chain.tip.totals.durations[0];
    assert_eq!(histogram.buckets, [2, 2, 2, 2, 3]);
    assert_eq!(
        (histogram.count, histogram.sum),
        (4, Duration::from_secs(59 + 60 + 1800 + 1801))
    );
    assert_eq!(
        chain.tip.days[0].durations,
        BTreeMap::from([(59, 1), (60, 1), (1800, 1), (1801, 1)])
    );
}

#[test]
fn every_tag_counts_under_one_label() {
    let branch = |git_ref: &str| {
        Deployment {
            git_ref: git_ref.to_owned(),
            ..deployment(1)
        }
        .branch()
        .to_owned()
    };
    assert_eq!(branch("refs/heads/release/1.x"), "release/1.x");
    assert_eq!(branch("refs/tags/v1.2.3"), "tags/*");
    assert_eq!(branch("refs/pull/12/merge"), "pull/*");
    assert_eq!(branch("main"), "main");
}

/// One step of a random chain: which deployment, which candidate, what.
fn step() -> impl Strategy<Value = (u64, bool, Event)> {
    let outcome = prop_oneof![
        Just(Outcome::Succeeded),
        Just(Outcome::Failed),
        Just(Outcome::Cancelled),
        Just(Outcome::Superseded),
        Just(Outcome::NeverClaimed),
    ];
    let reason = prop_oneof![
        Just(None),
        Just(Some(FailureReason::ExitCode)),
        Just(Some(FailureReason::Timeout)),
        Just(Some(FailureReason::Abandoned)),
    ];
    let takeover = prop_oneof![
        Just(TakeoverReason::PrimaryExitCode),
        Just(TakeoverReason::PrimaryUnreachable),
        Just(TakeoverReason::Manual),
    ];
    let event = prop_oneof![
        Just(announced()),
        Just(Event::DeploymentStarted),
        Just(Event::AttemptStarted { number: 1 }),
        Just(attempt_finished(primary(), AttemptOutcome::Lost)),
        Just(attempt_finished(secondary(), AttemptOutcome::Succeeded)),
        takeover.prop_map(failover),
        Just(Event::Preflight {
            result: PreflightResult::Fail,
            failed: vec!["runner.disk".to_owned()]
        }),
        Just(Event::Signalled {
            signal: "SIGINT".to_owned()
        }),
        Just(Event::Unknown),
        (outcome, reason).prop_map(|(outcome, reason)| finished(outcome, reason)),
    ];
    (1..6_u64, any::<bool>(), event)
}

/// What the entries say, counted the slow way: [attempts, successes, failures, durations, failovers, failover
/// successes, preflight failures].
fn recount(entries: &[Entry]) -> [u64; 7] {
    let ends: BTreeMap<&str, u64> = entries
        .iter()
        .rev()
        .filter(|e| matches!(e.event, Event::DeploymentFinished { .. }))
        .map(|e| (e.deployment.id.as_str(), e.seq))
        .collect();
    let before_the_end = |end: &Entry, wanted: &dyn Fn(&Event) -> bool| {
        entries
            .iter()
            .any(|e| e.deployment.id == end.deployment.id && e.seq < end.seq && wanted(&e.event))
    };
    let mut counts = [0; 7];
    for entry in entries {
        match &entry.event {
            Event::AttemptFinished { .. } => counts[0] += 1,
            Event::Failover { .. } => counts[4] += 1,
            Event::Preflight { failed, .. } => counts[6] += failed.len() as u64,
            Event::DeploymentFinished { outcome, .. }
                if ends[entry.deployment.id.as_str()] == entry.seq =>
            {
                let claimed = before_the_end(entry, &|e| matches!(e, Event::DeploymentStarted));
                let taken_over = before_the_end(entry, &|e| matches!(e, Event::Failover { .. }));
                counts[1] += u64::from(*outcome == Outcome::Succeeded);
                counts[2] += u64::from(matches!(outcome, Outcome::Failed | Outcome::NeverClaimed));
                counts[3] +=
                    u64::from(claimed && matches!(outcome, Outcome::Succeeded | Outcome::Failed));
                counts[5] += u64::from(taken_over && *outcome == Outcome::Succeeded);
            }
            _ => {}
        }
    }
    counts
}

fn counted(tip: &Tip) -> [u64; 7] {
    let totals = &tip.totals;
    [
        sum(&totals.attempts),
        sum(&totals.successes),
        sum(&totals.failures),
        totals.durations.iter().map(|h| h.count).sum(),
        sum(&totals.failovers),
        sum(&totals.failover_successes),
        sum(&totals.preflight_failures),
    ]
}

/// Every single series: its name and labels, and its value.
fn series(tip: &Tip) -> BTreeMap<String, u64> {
    let totals = &tip.totals;
    let counters = [
        ("attempts", &totals.attempts),
        ("successes", &totals.successes),
        ("failures", &totals.failures),
        ("failovers", &totals.failovers),
        ("failover_successes", &totals.failover_successes),
        ("preflight_failures", &totals.preflight_failures),
    ];
    let mut all = BTreeMap::new();
    for (name, counters) in counters {
        for counter in counters {
            let twice = all.insert(format!("{name} {:?}", counter.labels), counter.value);
            assert_eq!(twice, None, "one label set stands once");
        }
    }
    for histogram in &totals.durations {
        for (at, bucket) in histogram
            .buckets
            .iter()
            .chain([&histogram.count])
            .enumerate()
        {
            all.insert(format!("durations {at} {:?}", histogram.labels), *bucket);
        }
        assert!(histogram.buckets.is_sorted() && histogram.buckets[4] <= histogram.count);
    }
    all
}

proptest! {
    #[test]
    fn totals_only_grow_and_equal_a_recount_of_the_entries(
        steps in prop::collection::vec(step(), 1..80),
        waits in prop::collection::vec(0..4000_u64, 80),
    ) {
        let mut chain = Chain::default();
        let mut before = series(&chain.tip);
        for ((run, first, event), wait) in steps.into_iter().zip(waits) {
            let by = if first { primary() } else { secondary() };
            chain.wait(wait).say(&deployment(run), Some(by), event);
            let after = series(&chain.tip);
            for (name, value) in &before {
                prop_assert!(after.get(name) >= Some(value), "{name} went back");
            }
            before = after;
            prop_assert_eq!(counted(&chain.tip), recount(&chain.entries));
        }
        let days = &chain.tip.days;
        let [_, successes, failures, durations, failovers, failover_successes, _] = counted(&chain.tip);
        prop_assert_eq!(days.iter().map(|d| d.succeeded).sum::<u64>(), successes);
        prop_assert_eq!(days.iter().map(|d| d.failed).sum::<u64>(), failures);
        let judged = |e: &&Entry| {
            matches!(e.event, Event::Failover { .. }) && chain.entries.iter().any(|end| {
                let judged = matches!(end.event, Event::DeploymentFinished {
                    outcome: Outcome::Succeeded | Outcome::Failed | Outcome::NeverClaimed, ..
                });
                let first = !chain.entries.iter().any(|other| {
                    other.seq < end.seq && other.deployment.id == end.deployment.id
                        && matches!(other.event, Event::DeploymentFinished { .. })
                });
                judged && first && end.deployment.id == e.deployment.id && e.seq < end.seq
            })
        };
        prop_assert!(chain.entries.iter().filter(judged).count() as u64 <= failovers);
        prop_assert_eq!(
            days.iter().map(|d| d.failovers).sum::<u64>(),
            chain.entries.iter().filter(judged).count() as u64
        );
        prop_assert_eq!(days.iter().map(|d| d.failovers_succeeded).sum::<u64>(), failover_successes);
        prop_assert_eq!(days.iter().flat_map(|d| d.durations.values()).sum::<u64>(), durations);
        prop_assert_eq!(chain.tip.seq, chain.entries.len() as u64);
    }

    #[test]
    fn a_tip_is_the_same_fold_however_the_entries_were_swapped_in(steps in prop::collection::vec(step(), 1..40)) {
        let drafts: Vec<ledger::Draft> = steps
            .into_iter()
            .map(|(run, _, event)| ledger::Draft {
                deployment: deployment(run), by: Some(primary()), token: 1, event,
            })
            .collect();
        let (together, at_once) = Tip::default().extend("n", chain::START, drafts.clone());
        let mut one_by_one = Tip::default();
        for (draft, entry) in drafts.into_iter().zip(&together) {
            let (entries, tip) = one_by_one.extend("n", chain::START, vec![draft]);
            prop_assert_eq!(&entries[0], entry);
            one_by_one = tip;
        }
        one_by_one.nonces.truncate(1);
        prop_assert_eq!(one_by_one, at_once);
    }
}
