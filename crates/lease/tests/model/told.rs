//! Stores that tell of changes: the news may come at once, late, twice or never, and when nothing has changed.

use lease::Timing;

use crate::{
    cast::{fails, fenced, succeeded, taken_over, works},
    explore::explore,
    host::Host,
    scenario::{Fate, Scenario, Strike, millis},
    world::{Mail, World},
};

/// Whatever may become of news: lost, so late that it comes between D and L of what it tells, or twice.
fn news(timing: Timing) -> Vec<Fate> {
    let (d, l) = (millis(timing.deadline), millis(timing.lease));
    vec![
        Fate::Fast,
        Fate::LostBefore,
        Fate::Late((d + l) / 2),
        Fate::Twice(millis(timing.poll) / 2),
    ]
}

#[test]
fn whenever_candidates_are_told_of_changes_one_of_them_deploys_and_never_two_at_once() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        swaps: vec![Fate::Fast, Fate::LostAfter],
        tells: news(timing),
        strikes: vec![Strike::Tell, Strike::Freeze(7_000)],
        faults: 2,
        sights: vec![
            ("a standby takes over", taken_over),
            ("a holder past D is killed", fenced),
            ("it succeeds", succeeded),
        ],
        ..Scenario::new("two candidates, told of changes", timing)
            .candidates(1, 0, &[works(7_000), works(3_000)], |_| {})
            .verdict(1, 0)
    };
    explore(scenario, 96_000);
}

#[test]
fn a_standby_that_is_told_at_once_and_whose_clock_is_fast_still_waits_long_enough() {
    let timing = Timing::NOTIFIED;
    let takes = millis(2 * timing.heartbeat + timing.lease);
    let scenario = Scenario {
        swaps: vec![Fate::Fast, Fate::LostAfter],
        tells: vec![Fate::Fast, Fate::LostBefore],
        strikes: vec![Strike::CutOff(millis(timing.lease))],
        faults: 2,
        sights: vec![("a standby takes over", taken_over)],
        ..Scenario::new("told of changes, the standby's clock is fast", timing)
            .candidates(1, 0, &[works(takes), works(takes)], |_| {})
            .rates(&[1_000, 1_100])
    };
    explore(scenario, 40_000);
}

/// Whoever waits for others looks for itself before two polls are over, news or none.
fn looks_by_itself(world: &World) -> bool {
    let asks = |who: usize| {
        let answers = |mail: &Mail| matches!(mail, Mail::Shows(..) | Mail::ShowsNothing(_));
        let open = world.undecided.iter().any(|(by, _)| *by == who);
        let mut mail = world.mail.iter();
        open || mail.any(|(_, m)| answers(m) && m.addressee() == Some(who))
    };
    let two_polls = 2 * millis(Timing::NOTIFIED.poll);
    let soon = |host: &Host| host.wakes() <= world.now + two_polls;
    let mut hosts = world.hosts.iter().enumerate();
    hosts.all(|(who, host)| !host.watches() || soon(host) || asks(who))
}

#[test]
fn the_next_candidate_begins_where_the_news_of_a_failure_never_comes() {
    let timing = Timing::NOTIFIED;
    let scenario = Scenario {
        tells: news(timing),
        strikes: vec![Strike::Tell, Strike::Crash],
        calm: Some(looks_by_itself),
        faults: 2,
        sights: vec![
            ("a standby takes over", taken_over),
            ("it succeeds", succeeded),
        ],
        ..Scenario::new("told of failures", timing)
            .candidates(1, 0, &[fails(3_000), works(3_000)], |_| {})
            .verdict(1, 0)
    };
    explore(scenario, 24_000);
}
