//! What the tip remembers of the newest deployments of every workflow and branch.

#![allow(clippy::unwrap_used)]

mod chain;

use std::time::Duration;

use chain::{Chain, START, announced, deployment, finished, primary};
use ledger::{Deployment, Event, FailureReason, LINES_KEPT, LastState, Outcome, Timestamp};

fn of(workflow: &str, git_ref: &str, run_number: u64) -> Deployment {
    Deployment {
        workflow: workflow.to_owned(),
        git_ref: git_ref.to_owned(),
        ..deployment(run_number)
    }
}

fn last<'a>(chain: &'a Chain, workflow: &str, branch: &str) -> Option<&'a LastState> {
    let mut found = chain
        .tip
        .last
        .iter()
        .filter(|last| (&*last.workflow, &*last.branch) == (workflow, branch));
    let first = found.next();
    assert_eq!(found.next(), None, "one entry a workflow and branch");
    first
}

/// Claimed, and ended after `seconds`.
fn ended(chain: &mut Chain, deployment: &Deployment, seconds: u64, outcome: Outcome) {
    let reason = (outcome == Outcome::Failed).then_some(FailureReason::ExitCode);
    chain
        .say(deployment, Some(primary()), Event::DeploymentStarted)
        .wait(seconds - 1)
        .say(deployment, Some(primary()), finished(outcome, reason));
}

#[test]
fn the_last_success_of_a_rare_workflow_outlives_a_thousand_of_a_busy_one() {
    let mut chain = Chain::default();
    ended(
        &mut chain,
        &of("rare.yml", "refs/tags/v1", 1),
        90,
        Outcome::Succeeded,
    );
    let then = Timestamp(START.0 + chain.seconds * 1000);
    for run in 2..1000 {
        chain.succeed(&of("busy.yml", "refs/heads/main", run));
    }
    assert_eq!(
        last(&chain, "rare.yml", "tags/*"),
        Some(&LastState {
            workflow: "rare.yml".to_owned(),
            branch: "tags/*".to_owned(),
            succeeded_at: Some(then),
            took: Some(Duration::from_secs(90)),
        })
    );
    let now = Timestamp(START.0 + chain.seconds * 1000);
    assert_eq!(
        last(&chain, "busy.yml", "main").unwrap().succeeded_at,
        Some(now)
    );
    let text = serde_json::to_string(&chain.tip).unwrap();
    assert_eq!(
        serde_json::from_str::<ledger::Tip>(&text).unwrap(),
        chain.tip
    );
}

#[test]
fn a_failure_after_a_success_changes_the_duration_and_not_the_success() {
    let mut chain = Chain::default();
    let main = |run| of("deploy.yml", "refs/heads/main", run);
    ended(&mut chain, &main(1), 60, Outcome::Succeeded);
    let then = last(&chain, "deploy.yml", "main").unwrap().succeeded_at;
    ended(&mut chain, &main(2), 700, Outcome::Failed);
    let seen = last(&chain, "deploy.yml", "main").unwrap();
    assert_eq!(seen.succeeded_at, then);
    assert_eq!(seen.took, Some(Duration::from_secs(700)));
}

#[test]
fn what_was_cancelled_held_superseded_or_never_claimed_is_no_last_deployment() {
    for outcome in [
        Outcome::Cancelled,
        Outcome::Held,
        Outcome::Superseded,
        Outcome::NeverClaimed,
    ] {
        let mut chain = Chain::default();
        ended(
            &mut chain,
            &of("deploy.yml", "refs/heads/main", 1),
            60,
            outcome,
        );
        assert_eq!(chain.tip.last, [], "{outcome}");
    }
    // Unfit candidates alone: failed, and nobody claimed.
    let mut chain = Chain::default();
    chain.say(&deployment(1), Some(primary()), announced()).say(
        &deployment(1),
        None,
        finished(Outcome::Failed, Some(FailureReason::Preflight)),
    );
    assert_eq!(chain.tip.last, []);
}

#[test]
fn the_branch_that_ended_longest_ago_is_forgotten_first() {
    let mut chain = Chain::default();
    let branch = |n: usize| of("deploy.yml", &format!("refs/heads/b{n}"), n as u64);
    for n in 0..LINES_KEPT {
        ended(&mut chain, &branch(n), 60, Outcome::Succeeded);
    }
    // A new end of the oldest branch makes it the newest.
    let again = Deployment {
        id: "again".to_owned(),
        ..branch(0)
    };
    ended(&mut chain, &again, 61, Outcome::Succeeded);
    ended(&mut chain, &branch(LINES_KEPT), 60, Outcome::Succeeded);
    assert_eq!(chain.tip.last.len(), LINES_KEPT);
    assert_eq!(last(&chain, "deploy.yml", "b1"), None);
    assert_eq!(
        last(&chain, "deploy.yml", "b0").unwrap().took,
        Some(Duration::from_secs(61))
    );
}

#[test]
fn a_chain_keeps_the_home_of_its_first_deployment() {
    let of = |repository: &str, environment: &str| ledger::Draft {
        deployment: Deployment {
            id: format!("{repository}/1/1"),
            run: format!("{repository}/1"),
            environment: environment.to_owned(),
            ..Deployment::default()
        },
        by: None,
        token: 0,
        event: ledger::Event::DeploymentStarted,
    };
    let at = ledger::Timestamp(1);
    let (_, tip) = ledger::Tip::default().extend("a", at, vec![of("octo/shop", "alpha")]);
    let (_, tip) = tip.extend("b", at, vec![of("octo/api", "beta")]);
    let home = (tip.home.environment.as_str(), tip.home.repository.as_str());
    assert_eq!(
        home,
        ("alpha", "octo/shop"),
        "the labels of a lock's metrics never change"
    );
}
