//! The last screen: what happened, how long the handover took, and whether every word of it is so.

use std::time::Duration;

use baton_tests::{
    audit::Audit,
    live::{Colour, Live, stamp},
};
use ledger::{Event, Outcome};

use crate::scenario::{Played, Scenario, TargetLine, VERSION, runner};

/// How many characters the bars may take.
const WIDTH: u64 = 60;

/// Shows it, keeps the folder, and says whether all was as promised.
pub(crate) fn show(played: Played, live: &Live) -> bool {
    let audit = played.scene.audit();
    let entries = audit.entries();
    let begin = entries.first().map_or(played.happened, |e| e.at.0);
    let since = |at: u64| Duration::from_millis(at.saturating_sub(begin));

    live.tell(&live.paint(Colour::Bold, "\nWhat happened"));
    let mut told: Vec<(u64, String)> = entries
        .iter()
        .map(|e| (e.at.0, without_id(&e.subject())))
        .collect();
    told.push((
        played.happened,
        live.paint(Colour::Red, &format!("⚡ {}", played.what)),
    ));
    told.sort_by_key(|(at, _)| *at);
    for (at, text) in told {
        live.tell(&format!("{}  {text}", stamp(since(at))));
    }

    let tokens: Vec<u64> = entries
        .iter()
        .filter(|e| matches!(e.event, Event::AttemptStarted { .. }))
        .map(|e| e.token)
        .collect();
    let (first, second) = (
        tokens.first().copied().unwrap_or(0),
        tokens.last().copied().unwrap_or(0),
    );
    bars(&played, live, begin, [first, second]);

    let began = of(&played.target, second).first().map_or(0, |l| l.at);
    let took = Duration::from_millis(began.saturating_sub(played.happened));
    let wrote_last = of(&played.target, first).last().map_or(0, |l| l.at);
    let seconds = format!("{:.1} s", took.as_secs_f64());
    let at_most = played.scenario.at_most();
    live.tell(&format!(
        "\nFrom the moment it happened to runner-b's deploy command starting: {} (at most {} s).",
        live.paint(Colour::Bold, &seconds),
        at_most.as_secs()
    ));
    live.tell(&format!("Fencing tokens: {first} for runner-a, {second} for runner-b. They only grow; a target can refuse the older one."));

    let checks = checks(
        &played,
        &audit,
        [first, second],
        [wrote_last, began],
        took <= at_most,
    );
    let fine = checks.iter().all(|(_, holds)| *holds);
    live.tell("Checked in the target's log, the ledger and the process table:");
    for (text, holds) in &checks {
        let sign = if *holds {
            live.paint(Colour::Green, "✓")
        } else {
            live.paint(Colour::Red, "✗ NOT SO:")
        };
        live.tell(&format!("  {sign} {text}"));
    }
    let (repository, reference) = (played.scene.repository(), audit.reference("ledger"));
    live.tell(&format!(
        "The summary of runner-b's job: {}",
        played.summary.display()
    ));
    live.tell(&format!(
        "The store, a git repository:   git --git-dir {} log {reference}",
        repository.display()
    ));
    live.tell(&format!(
        "All of it lies in {}; remove it when you are done.",
        played.scene.keep().display()
    ));
    fine
}

/// One bar a runner: waiting is dotted, deploying is full.
fn bars(played: &Played, live: &Live, begin: u64, tokens: [u64; 2]) {
    let end = played
        .target
        .iter()
        .map(|l| l.at)
        .max()
        .unwrap_or(begin)
        .max(begin + 1);
    let column = |at: u64| (at.saturating_sub(begin) * WIDTH / (end - begin)).min(WIDTH);
    live.tell("");
    for (token, (number, colour)) in tokens
        .into_iter()
        .zip([(1, Colour::Blue), (2, Colour::Green)])
    {
        let own = of(&played.target, token);
        let (from, to) = (
            own.first().map_or(end, |l| l.at),
            own.last().map_or(end, |l| l.at),
        );
        let waits = "·".repeat(column(from) as usize);
        let works = "█".repeat((column(to) - column(from)).max(1) as usize);
        live.tell(&format!(
            "  {:>9} {waits}{} token {token}",
            runner(number),
            live.paint(colour, &works)
        ));
    }
}

type Check = (String, bool);

fn checks(
    played: &Played,
    audit: &Audit,
    [first, second]: [u64; 2],
    [wrote_last, began]: [u64; 2],
    in_time: bool,
) -> Vec<Check> {
    let starts = |token| {
        of(&played.target, token)
            .iter()
            .filter(|l| l.said.starts_with("start"))
            .count()
    };
    let ends = audit.ends(&played.run.deployment());
    let finished = format!("end version={VERSION}");
    let mut checks = vec![
        (
            "the deploy command began once under each token, and the second one finished"
                .to_owned(),
            first < second
                && starts(first) == 1
                && starts(second) == 1
                && of(&played.target, second)
                    .last()
                    .is_some_and(|l| l.said == finished),
        ),
        (
            format!(
                "runner-a wrote to the target for the last time {:.1} s before runner-b began",
                began.saturating_sub(wrote_last) as f64 / 1000.0
            ),
            played.target.is_sorted_by_key(|l| l.token) && wrote_last < began,
        ),
        (
            format!("the ledger gives the reason: {}", played.scenario.reason()),
            audit.takeovers() == [played.scenario.reason()],
        ),
        (
            "the deployment has one end, succeeded, and runner-b's job goes on".to_owned(),
            matches!(ends.as_slice(), [(Outcome::Succeeded, ..)])
                && played.secondary.code == Some(0)
                && played.secondary.output("proceed") == "true",
        ),
        ("the handover was in time".to_owned(), in_time),
    ];
    match played.scenario {
        Scenario::Killed => {
            checks.push((
                "nothing on runner-a survived".to_owned(),
                played.survivors.is_empty(),
            ));
        }
        Scenario::Failed | Scenario::Partitioned => {
            let code = played.primary.as_ref().and_then(|p| p.code);
            checks.push((
                "runner-a's job ended with 1: not well, but handed over".to_owned(),
                code == Some(1),
            ));
        }
    }
    if played.scenario == Scenario::Partitioned {
        let ended = of(&played.target, first).iter().any(|l| l.said == finished);
        checks.push((
            "runner-a killed its own deployment before that was done".to_owned(),
            !ended,
        ));
    }
    checks
}

fn of(target: &[TargetLine], token: u64) -> Vec<&TargetLine> {
    target.iter().filter(|l| l.token == token).collect()
}

/// The deployment is always the same one here.
fn without_id(subject: &str) -> String {
    subject
        .rsplit_once(" [")
        .map_or(subject, |(told, _)| told)
        .to_owned()
}
