//! The Mermaid timeline of all candidates: who waited, who ran, who was lost.

use std::collections::BTreeMap;

use actions_kit::markdown::mermaid_label;
use ledger::{AttemptOutcome, Entry, Event, Party, Timestamp};

use crate::story::{AttemptTold, Story};

/// One bar.
struct Bar {
    label: String,
    /// Mermaid's tags: `done`, `active`, `crit`.
    tags: &'static str,
    from: Timestamp,
    to: Timestamp,
}

/// A Gantt chart with one section a candidate, where anything is known of any.
pub(crate) fn gantt(story: &Story) -> Option<String> {
    let last = story.entries.last()?.at;
    let mut sections: BTreeMap<u32, (Party, Vec<Bar>)> = BTreeMap::new();
    for entry in &story.entries {
        if let Some(party) = &entry.by {
            sections
                .entry(party.candidate)
                .or_insert_with(|| (party.clone(), Vec::new()));
        }
    }
    let attempts = story.attempts();
    for (candidate, (_, bars)) in &mut sections {
        let own: Vec<_> = attempts
            .iter()
            .filter(|a| a.party.candidate == *candidate)
            .collect();
        let entries: Vec<_> = of(&story.entries, *candidate).collect();
        let waits_until = own.first().map_or(last, |a| a.from);
        if let Some(announced) = entries
            .iter()
            .find(|e| matches!(e.event, Event::Announced { .. }))
        {
            bars.push(Bar {
                label: "waits".to_owned(),
                tags: "active, ",
                from: announced.at,
                to: waits_until,
            });
        }
        bars.extend(own.into_iter().map(|attempt| bar(attempt, last)));
        bars.extend(entries.iter().filter_map(|e| judged(e)));
        bars.extend(entries.iter().filter_map(|e| milestone(e)));
    }
    if sections.is_empty() {
        return None;
    }
    let mut text = String::from("gantt\n    dateFormat x\n    axisFormat %H:%M:%S\n");
    for (party, bars) in sections.values() {
        text.push_str(&format!(
            "    section {}\n",
            mermaid_label(&party.to_string())
        ));
        for Bar {
            label,
            tags,
            from,
            to,
        } in bars
        {
            // A bar without length would not be drawn.
            let to = to.0.max(from.0 + 1000);
            text.push_str(&format!(
                "    {} :{tags}{}, {to}\n",
                mermaid_label(label),
                from.0
            ));
        }
    }
    Some(text)
}

fn of(entries: &[Entry], candidate: u32) -> impl Iterator<Item = &Entry> {
    entries
        .iter()
        .filter(move |e| e.by.as_ref().is_some_and(|p| p.candidate == candidate))
}

fn bar(attempt: &AttemptTold, last: Timestamp) -> Bar {
    let (word, tags) = match attempt.outcome {
        None => ("runs", "active, "),
        Some(AttemptOutcome::Succeeded) => ("succeeded", "done, "),
        Some(AttemptOutcome::Lost) => ("lost", "crit, "),
        Some(AttemptOutcome::Stopped) => ("stopped", "crit, "),
        Some(AttemptOutcome::Timeout) => ("timed out", "crit, "),
        Some(AttemptOutcome::Fenced) => ("killed at its deadline", "crit, "),
        Some(AttemptOutcome::ExitCode | AttemptOutcome::Signal) => ("failed", "crit, "),
    };
    Bar {
        label: format!("attempt {} {word}, token {}", attempt.number, attempt.token),
        tags,
        from: attempt.from,
        to: attempt.to.unwrap_or(last),
    }
}

/// From the beginning of the judgement of the gates to its end.
fn judged(entry: &Entry) -> Option<Bar> {
    let Event::Gates { gates } = &entry.event else {
        return None;
    };
    let took = gates.iter().map(|gate| gate.took).max().unwrap_or_default();
    let failed = gates.iter().any(|gate| gate.status.failed());
    let (word, tags) = if failed {
        ("failed", "crit, ")
    } else {
        ("passed", "done, ")
    };
    Some(Bar {
        label: format!("health gates {word}, token {}", entry.token),
        tags,
        from: Timestamp(entry.at.0.saturating_sub(took.as_millis() as u64)),
        to: entry.at,
    })
}

fn milestone(entry: &Entry) -> Option<Bar> {
    let label = match &entry.event {
        Event::Failover { reason, .. } => format!("takes over ({reason})"),
        Event::Signalled { signal } => format!("told to stop ({signal})"),
        Event::OnFailureStarted => "on-failure".to_owned(),
        _ => return None,
    };
    Some(Bar {
        label,
        tags: "milestone, ",
        from: entry.at,
        to: entry.at,
    })
}
