//! What a run is printed as.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use crate::{
    counted::{Answers, Counts},
    play::{CANDIDATES, Played, Size},
};

/// The table of one store.
pub(crate) fn table(store: &str, size: Size, played: &Played, counts: &Counts) -> String {
    let Size {
        environments,
        deployments,
        ..
    } = size;
    let mut out = format!(
        "\n{store}: {} deployments of {environments} environments, {CANDIDATES} candidates each, in one process\n",
        environments * deployments
    );
    let mut row = |name: &str, value: String| {
        let _ = writeln!(out, "| {name:<34} | {value:>44} |");
    };
    let ran: usize = played.spans.iter().map(Vec::len).sum();
    let ended = played
        .spans
        .iter()
        .flatten()
        .filter(|s| s.end.is_some_and(|(_, by_itself)| by_itself))
        .count();
    row("wall time", seconds(played.took));
    row("commands run to their end", format!("{ended} of {ran}"));
    let superseded =
        (environments * deployments) as usize - ran.min((environments * deployments) as usize);
    row("superseded", superseded.to_string());
    row("start to claim", spread(waits(played)));
    row("start to superseded", spread(superseded_after(played)));
    row("free lease to next claim", spread(gaps(played)));
    row("reads", counts.reads.len().to_string());
    row("reads a second", rate(counts.reads.len(), played.took));
    row("reads without an answer", counts.unread.to_string());
    row("a read takes", spread(counts.reads.clone()));
    row("writes of both", answers(counts.rows));
    row("renewals", answers(counts.renewals));
    row("appends", answers(counts.appends));
    row("a write takes", spread(counts.swaps.clone()));
    row("histories", counts.histories.to_string());
    if let Some(error) = &counts.error {
        row("the newest error", String::new());
        let _ = writeln!(out, "{error}");
    }
    out
}

/// How long each deployment that ran waited, from the start of its first candidate to its command.
fn waits(played: &Played) -> Vec<Duration> {
    let mut started = BTreeMap::new();
    for leg in &played.legs {
        let at = started
            .entry((leg.environment, leg.run))
            .or_insert(leg.started);
        *at = leg.started.min(*at);
    }
    let mut waits = Vec::new();
    for (spans, environment) in played.spans.iter().zip(0..) {
        for span in spans {
            let started = started.get(&(environment, span.run));
            waits.extend(started.map(|started| span.begin - *started));
        }
    }
    waits
}

/// How long each candidate of what was superseded waited.
fn superseded_after(played: &Played) -> Vec<Duration> {
    let superseded = played.legs.iter().filter(|leg| {
        let spans = &played.spans[leg.environment as usize];
        spans.iter().all(|span| span.run != leg.run)
    });
    superseded.map(|leg| leg.ended - leg.started).collect()
}

/// How long each environment stood still between two commands.
fn gaps(played: &Played) -> Vec<Duration> {
    let pairs = played.spans.iter().flat_map(|spans| spans.windows(2));
    pairs
        .filter_map(|pair| {
            let (end, _) = pair[0].end?;
            Some(pair[1].begin.saturating_duration_since(end))
        })
        .collect()
}

fn answers(Answers { won, lost, unknown }: Answers) -> String {
    format!("won {won}, lost {lost}, unanswered {unknown}")
}

fn rate(count: usize, time: Duration) -> String {
    format!("{:.1}", count as f64 / time.as_secs_f64())
}

fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 1.0 => format!("{:.1} ms", short * 1000.0),
        long => format!("{long:.1} s"),
    }
}

/// Least, median, 95th percentile and most.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let Some(last) = times.len().checked_sub(1) else {
        return "-".to_owned();
    };
    let at = |share: f64| seconds(times[(last as f64 * share).round() as usize]);
    format!(
        "min {}, median {}, p95 {}, max {}",
        at(0.0),
        at(0.5),
        at(0.95),
        at(1.0)
    )
}
