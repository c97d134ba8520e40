//! Candidates of other deployments: they queue, say so once, and give up in time.

use lease::protocol::Conclusion;
use ledger::{Event, Outcome};

use crate::play::{PRIMARY, Play, config};

fn queued(event: &Event) -> bool {
    matches!(event, Event::Queued { .. })
}

#[test]
fn a_queued_candidate_says_once_behind_whom_it_waits() {
    let mut play = Play::new();
    play.join(config(1, 1));
    play.join(config(2, 1));
    play.run(300);
    assert_eq!(play.count(queued), 1);
}

#[test]
fn one_that_waits_behind_several_in_turn_tells_the_ledger_once_and_people_of_each() {
    let mut play = Play::new();
    play.join(config(1, 1));
    let mut other = config(2, 1);
    other.deployment.workflow = "other.yml".to_owned();
    let second = play.join(other);
    play.run(4);
    let mut last = config(3, 1);
    last.deployment.workflow = "last.yml".to_owned();
    let last = play.join(last);
    play.run(4);
    play.succeeds(PRIMARY);
    play.run(4);
    assert_eq!(play.legs[second].started.len(), 1);
    assert_eq!(play.count(queued), 2);
    let waits = play.legs[last]
        .said
        .iter()
        .filter(|s| s.contains("waits behind"));
    assert_eq!(waits.count(), 2, "{:?}", play.legs[last].said);
}

#[test]
fn a_queued_deployment_is_claimed_when_its_turn_comes() {
    let mut play = Play::new();
    play.join(config(1, 1));
    let next = play.join(config(2, 1));
    play.run(10);
    play.succeeds(PRIMARY);
    play.run(2);
    assert_eq!(play.legs[next].started.len(), 1);
    assert_eq!(play.takeovers(), []);
}

#[test]
fn only_the_candidate_that_announced_itself_last_ends_a_deployment_that_waited_too_long() {
    let mut play = Play::new();
    play.join(config(1, 1));
    let legs = [play.join(config(2, 1)), {
        play.run(10);
        play.join(config(2, 2))
    }];
    play.run(1791);
    assert!(matches!(
        play.legs[legs[0]].end,
        Some(Conclusion::QueueTimeout { .. })
    ));
    assert_eq!(play.outcome(2), None);
    play.run(10);
    assert_eq!(play.outcome(2), Some(Outcome::NeverClaimed));
    assert_eq!(play.outcome(1), None);
}

#[test]
fn a_deployment_that_somebody_claimed_never_ends_as_never_claimed() {
    let mut play = Play::new();
    play.join(config(1, 1));
    let mut slow = config(2, 1);
    slow.deployment.workflow = "other.yml".to_owned();
    let standby = play.join(slow);
    // A read that tears the ledger from the lease: claimed, but not to be seen there.
    play.append(standby, Event::DeploymentStarted);
    play.run(1900);
    assert_eq!(play.outcome(2), None);
    assert!(matches!(
        play.legs[standby].end,
        Some(Conclusion::QueueTimeout { .. })
    ));
}

#[test]
fn a_verdict_tells_how_many_wait_whenever_it_changes_and_only_then() {
    let mut play = Play::new();
    play.join(config(1, 1));
    let judge = play.watch(1);
    play.run(10);
    assert!(play.legs[judge].waiting.is_empty());
    for run in 2..=5 {
        let mut other = config(run, 1);
        other.deployment.workflow = format!("{run}.yml");
        play.join(other);
        play.run(10);
    }
    assert_eq!(play.legs[judge].waiting, [1, 2, 3, 4]);
    play.run(100);
    assert_eq!(play.legs[judge].waiting.len(), 4);
}
