//! What the tip remembers, and how it stays small.

#![allow(clippy::unwrap_used)]

mod chain;

use chain::{Chain, announced, deployment, finished, primary};
use ledger::{DEPLOYMENTS_KEPT, Deployment, Event, LINES_KEPT, NONCES_KEPT, Outcome};

#[test]
fn the_nonces_of_the_last_swaps_are_known() {
    let mut chain = Chain::default();
    for _ in 0..NONCES_KEPT + 5 {
        chain.say(&deployment(7), Some(primary()), Event::Unknown);
    }
    assert_eq!(chain.tip.nonces.len(), NONCES_KEPT);
    assert!(!chain.tip.has_nonce("nonce-5") && chain.tip.has_nonce("nonce-6"));
    assert_eq!(
        chain.tip.nonces.last().unwrap(),
        &format!("nonce-{}", NONCES_KEPT + 5)
    );
}

#[test]
fn the_last_finished_deployments_are_remembered() {
    let mut chain = Chain::default();
    let many = DEPLOYMENTS_KEPT as u64;
    for run in 1..=many + 3 {
        chain.succeed(&deployment(run));
    }
    assert_eq!(chain.tip.deployments.len(), DEPLOYMENTS_KEPT);
    assert_eq!(chain.tip.deployment(&deployment(3).id), None);
    assert!(chain.tip.deployment(&deployment(4).id).is_some());
    assert_eq!(
        chain.tip.newest_ran(&deployment(1)),
        Some(many + 3),
        "the newest number outlives its deployment"
    );
}

#[test]
fn a_deployment_that_waited_long_is_remembered_when_it_ends() {
    let mut chain = Chain::default();
    let patient = deployment(1);
    chain.say(&patient, Some(primary()), announced());
    for run in 2..=DEPLOYMENTS_KEPT as u64 + 1 {
        chain.succeed(&deployment(run));
    }
    chain.say(
        &patient,
        Some(primary()),
        finished(Outcome::Superseded, None),
    );
    assert_eq!(
        chain.tip.deployment(&patient.id).and_then(|s| s.outcome),
        Some(Outcome::Superseded)
    );
    assert_eq!(
        chain.tip.deployment(&deployment(2).id),
        None,
        "the one that ended first goes"
    );
}

#[test]
fn deployments_that_never_end_do_not_pile_up() {
    let mut chain = Chain::default();
    let alive = deployment(1);
    chain.say(&alive, Some(primary()), announced());
    for run in 2..=3 * DEPLOYMENTS_KEPT as u64 {
        chain.say(&deployment(run), Some(primary()), announced());
        chain.say(&alive, Some(primary()), Event::AttemptStarted { number: 1 });
    }
    assert_eq!(chain.tip.deployments.len(), DEPLOYMENTS_KEPT);
    assert!(
        chain.tip.deployment(&alive.id).is_some(),
        "what shows signs of life stays"
    );
}

#[test]
fn refs_that_come_once_do_not_pile_up() {
    let mut chain = Chain::default();
    let tag = |n: u64| Deployment {
        git_ref: format!("refs/tags/v1.{n}"),
        ..deployment(n)
    };
    let main = deployment(1);
    chain.succeed(&main);
    for n in 2..=2 * LINES_KEPT as u64 {
        chain.succeed(&tag(n));
        if n % 50 == 0 {
            chain.succeed(&deployment(n));
        }
    }
    assert!(chain.tip.newest_ran.len() <= LINES_KEPT + 1);
    assert_eq!(chain.tip.newest_ran(&main), Some(2 * LINES_KEPT as u64));
    assert_eq!(chain.tip.newest_ran(&tag(3)), None);
    assert_eq!(
        chain.tip.totals.successes.len(),
        2,
        "one label for main and one for all tags"
    );
}
