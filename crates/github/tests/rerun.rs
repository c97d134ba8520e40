//! Partial and full re-runs, as GitHub lists their jobs.

#![allow(clippy::unwrap_used)]

use github::{Job, OurJob, Rerun, Unclear, rerun_kind, runs_alone};
use serde_json::{Value, json};

const LEGS: [&str; 4] = ["self-hosted", "linux", "x64", "production"];

/// A job that ran in attempt 2, which was created at 09:00.
fn ran(id: u64, name: &str) -> Value {
    json!({
        "id": id, "name": name, "run_attempt": 2, "status": "completed", "conclusion": "success", "labels": LEGS,
        "created_at": "2026-11-21T09:00:00Z", "started_at": "2026-11-21T09:00:05Z", "completed_at": "2026-11-21T09:05:00Z",
    })
}

/// A leg that runs now, in attempt 2.
fn runs(id: u64, name: &str, runner: &str) -> Value {
    let mut job = ran(id, name);
    job["status"] = json!("in_progress");
    job["conclusion"] = json!(null);
    job["completed_at"] = json!(null);
    job["runner_name"] = json!(runner);
    job
}

/// A job of attempt 1 as GitHub carries it over: listed under attempt 2, created with it, with the times of attempt 1.
fn carried_over(id: u64, name: &str) -> Value {
    let mut job = ran(id, name);
    job["started_at"] = json!("2026-11-21T08:00:05Z");
    job["completed_at"] = json!("2026-11-21T08:05:00Z");
    job
}

fn with_labels(mut job: Value, labels: &[&str]) -> Value {
    job["labels"] = json!(labels);
    job
}

fn jobs(jobs: Vec<Value>) -> Vec<Job> {
    serde_json::from_value(Value::Array(jobs)).unwrap()
}

fn leg_1() -> OurJob<'static> {
    OurJob {
        check_run_id: None,
        job: "deploy",
        runner: "runner-a",
        candidate: 1,
        candidates: 2,
    }
}

fn kind(list: Vec<Value>, our_job: &OurJob<'_>) -> Rerun {
    rerun_kind(&jobs(list), 2, our_job)
}

fn partial(kept: &str) -> Rerun {
    Rerun::Partial {
        kept: vec![kept.to_owned()],
    }
}

#[test]
fn the_first_attempt_is_no_rerun_whatever_the_list_says() {
    let list = jobs(vec![
        runs(1, "deploy (1)", "runner-a"),
        carried_over(2, "deploy (2)"),
    ]);
    assert_eq!(rerun_kind(&list, 1, &leg_1()), Rerun::First);
    assert_eq!(rerun_kind(&[], 1, &leg_1()), Rerun::First);
}

#[test]
fn a_rerun_of_both_legs_is_full() {
    let list = vec![
        runs(1, "deploy (1)", "runner-a"),
        runs(2, "deploy (2)", "runner-b"),
    ];
    assert_eq!(kind(list, &leg_1()), Rerun::Full);
    let list = vec![runs(1, "deploy (1)", "runner-a"), ran(2, "deploy (2)")];
    assert_eq!(
        kind(list, &leg_1()),
        Rerun::Full,
        "the other leg has ended in this attempt"
    );
}

#[test]
fn a_rerun_that_left_the_other_leg_out_is_partial() {
    let list = vec![
        runs(1, "deploy (1)", "runner-a"),
        carried_over(2, "deploy (2)"),
        ran(3, "verdict"),
    ];
    assert_eq!(kind(list, &leg_1()), partial("deploy (2)"));
}

#[test]
fn a_leg_that_is_listed_under_an_older_attempt_was_left_out() {
    let mut other = ran(2, "deploy (2)");
    other["run_attempt"] = json!(1);
    other["created_at"] = json!("2026-11-21T08:00:00Z");
    other["started_at"] = json!("2026-11-21T08:00:05Z");
    other["completed_at"] = json!("2026-11-21T08:05:00Z");
    assert_eq!(
        kind(vec![runs(1, "deploy (1)", "runner-a"), other], &leg_1()),
        partial("deploy (2)")
    );
}

#[test]
fn a_start_seconds_before_the_creation_is_no_sign() {
    let mut other = ran(2, "deploy (2)");
    other["started_at"] = json!("2026-11-21T08:59:58Z");
    assert_eq!(
        kind(vec![runs(1, "deploy (1)", "runner-a"), other], &leg_1()),
        Rerun::Full
    );
}

#[test]
fn a_skipped_job_is_no_sign() {
    let mut other = carried_over(2, "deploy (2)");
    other["conclusion"] = json!("skipped");
    assert_eq!(
        kind(vec![runs(1, "deploy (1)", "runner-a"), other], &leg_1()),
        Rerun::Full
    );
}

#[test]
fn a_build_that_was_left_out_does_not_make_the_rerun_partial() {
    let list = vec![
        with_labels(carried_over(3, "build"), &["ubuntu-latest"]),
        with_labels(carried_over(4, "test (1)"), &["ubuntu-latest"]),
        with_labels(carried_over(5, "test (2)"), &["ubuntu-latest"]),
        runs(1, "deploy (1)", "runner-a"),
        runs(2, "deploy (2)", "runner-b"),
    ];
    assert_eq!(kind(list, &leg_1()), Rerun::Full);
}

#[test]
fn legs_are_told_by_their_number_wherever_it_stands_in_the_name() {
    for (own, other) in [
        ("deploy (1)", "deploy (2)"),
        ("deploy (1, eu)", "deploy (2, eu)"),
        ("deploy (eu-1, 1)", "deploy (eu-1, 2)"),
        ("candidate 1 of production", "candidate 2 of production"),
        ("release / deploy (1)", "release / deploy (2)"),
        ("release (1) / deploy", "release (2) / deploy"),
        ("leg 1 (1)", "leg 2 (2)"),
        ("Ausrollung №1", "Ausrollung №2"),
    ] {
        let list = vec![
            with_labels(runs(1, own, "runner-a"), &[]),
            with_labels(carried_over(2, other), &[]),
        ];
        assert_eq!(kind(list, &leg_1()), partial(other), "{own}");
    }
}

#[test]
fn a_leg_of_another_environment_is_not_a_sibling() {
    let list = vec![
        runs(1, "deploy (1, eu)", "runner-a"),
        runs(2, "deploy (2, eu)", "runner-b"),
        carried_over(3, "deploy (1, us)"),
        carried_over(4, "deploy (2, us)"),
    ];
    assert_eq!(kind(list, &leg_1()), Rerun::Full);
}

#[test]
fn legs_without_a_number_are_told_by_their_labels() {
    let main = OurJob {
        job: "deploy-main",
        ..leg_1()
    };
    let list = vec![
        runs(1, "deploy-main", "runner-a"),
        carried_over(2, "deploy-spare"),
        with_labels(carried_over(3, "build"), &["ubuntu-latest"]),
    ];
    assert_eq!(kind(list, &main), partial("deploy-spare"));
}

#[test]
fn a_single_candidate_has_no_sibling_to_leave_out() {
    let alone = OurJob {
        candidates: 1,
        ..leg_1()
    };
    let list = vec![runs(1, "deploy", "runner-a"), carried_over(2, "publish")];
    assert_eq!(kind(list, &alone), Rerun::Full);
}

#[test]
fn one_of_three_legs_that_was_left_out_makes_the_rerun_partial() {
    let three = OurJob {
        candidates: 3,
        candidate: 2,
        runner: "runner-b",
        ..leg_1()
    };
    let list = vec![
        runs(1, "deploy (1)", "runner-a"),
        runs(2, "deploy (2)", "runner-b"),
        carried_over(3, "deploy (3)"),
    ];
    assert_eq!(kind(list, &three), partial("deploy (3)"));
}

#[test]
fn a_list_without_the_other_leg_is_unclear() {
    let list = vec![
        runs(1, "deploy (1)", "runner-a"),
        with_labels(ran(3, "build"), &["ubuntu-latest"]),
    ];
    assert_eq!(kind(list, &leg_1()), Rerun::Unclear(Unclear::Siblings));
}

#[test]
fn a_list_that_lags_behind_the_run_is_unclear() {
    assert_eq!(kind(vec![], &leg_1()), Rerun::Unclear(Unclear::OwnJob));
    let list = vec![carried_over(1, "deploy (1)"), carried_over(2, "deploy (2)")];
    assert_eq!(kind(list, &leg_1()), Rerun::Unclear(Unclear::OwnJob));
}

#[test]
fn our_own_job_is_found_by_its_id_its_runner_or_its_name() {
    // Two legs on runners of one name: only the id or the name tells them apart.
    let list = || {
        vec![
            runs(1, "deploy (1)", "same"),
            runs(2, "deploy (2)", "same"),
            carried_over(3, "deploy (3)"),
        ]
    };
    let of = |our: OurJob<'_>| {
        kind(
            list(),
            &OurJob {
                candidates: 3,
                ..our
            },
        )
    };
    assert_eq!(
        of(OurJob {
            check_run_id: Some(1),
            runner: "same",
            ..leg_1()
        }),
        partial("deploy (3)")
    );
    assert_eq!(
        of(OurJob {
            runner: "same",
            ..leg_1()
        }),
        partial("deploy (3)"),
        "by its name"
    );
    let unnamed = OurJob {
        runner: "same",
        job: "other",
        ..leg_1()
    };
    assert_eq!(of(unnamed), Rerun::Unclear(Unclear::OwnJob));
    let by_runner = vec![
        runs(1, "Roll out 1", "runner-a"),
        carried_over(2, "Roll out 2"),
    ];
    assert_eq!(kind(by_runner, &leg_1()), partial("Roll out 2"));
}

#[test]
fn verdict_is_alone_where_every_other_job_was_carried_over() {
    let verdict = || runs(9, "verdict", "hosted");
    let mut skipped = ran(8, "notify");
    skipped["conclusion"] = json!("skipped");
    let legs = || vec![carried_over(1, "deploy (1)"), carried_over(2, "deploy (2)")];
    let alone = |list: Vec<Value>| runs_alone(&jobs(list), 2);
    assert_eq!(
        alone([legs(), vec![skipped, verdict()]].concat()),
        Some(true)
    );
    assert_eq!(
        alone([legs(), vec![ran(3, "deploy (3)"), verdict()]].concat()),
        Some(false)
    );
    assert_eq!(
        alone(vec![verdict()]),
        Some(false),
        "a list that lags proves nothing"
    );
    assert_eq!(alone(legs()), None);
    assert_eq!(alone(vec![]), None);
    assert_eq!(
        runs_alone(&jobs([legs(), vec![verdict()]].concat()), 1),
        Some(false),
        "the first attempt is whole"
    );
}
