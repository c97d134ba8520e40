//! The choice and its evidence, in words, as outputs and as a table.

use actions_kit::{ExitCode, Outputs, Summary, command::Level, markdown};
use github::RunnerStatus;
use leg::Section;

use super::{
    choice::{Absence, Choice, Side, Standing},
    evidence::{Evidence, LookedAt},
    survey::Health,
};
use crate::{config::SelectMode, report::Report};

/// What is told.
pub(crate) struct Told {
    pub(crate) report: Report,
    pub(crate) outputs: Outputs,
    pub(crate) summary: Summary,
}

/// Puts it into words.
pub(crate) fn tell(target: &str, mode: &SelectMode, evidence: &Evidence, choice: Choice) -> Told {
    let mut outputs = Outputs::new();
    let mut notes = evidence.notes.clone();
    if let Some(blind) = &evidence.blind {
        notes.push(format!("Not every runner could be seen: {blind}"));
    }
    let (report, runs_on) = match choice {
        Choice::To(side) => {
            let chosen = evidence.best(side);
            let labels = mode.sides.asked_for(side, chosen.map(|seen| &seen.runner));
            let rivals = evidence.rivals(side, &labels);
            if !rivals.is_empty() {
                notes.push(format!(
                    "GitHub goes by labels alone, so this job may run on {} too",
                    rivals.join(", ")
                ));
            }
            let runs_on = mode.sides.runs_on(&labels).to_string();
            let failover = side == Side::Secondary;
            outputs
                .set("runs-on", runs_on.clone())
                .set(
                    "runner",
                    chosen
                        .map(|seen| seen.runner.name.clone())
                        .unwrap_or_default(),
                )
                .set("failover", failover.to_string())
                .set(
                    "failover-reason",
                    if failover {
                        reason(evidence.primary)
                    } else {
                        ""
                    },
                );
            (chose(target, side, evidence), Some(runs_on))
        }
        Choice::Unsure => (unsure(target, evidence), None),
        Choice::Nobody => (nobody(target, mode, evidence), None),
    };
    let mut summary = Summary::new();
    summary.heading(&format!("A runner for {}", markdown::text(target)));
    summary.paragraph(&report.line());
    report.tell_what_now(&mut summary);
    if let Some(runs_on) = runs_on {
        summary.paragraph(&format!("`runs-on`: {}", markdown::code(&runs_on)));
    }
    for note in notes {
        summary.paragraph(&markdown::text(&note));
    }
    if !evidence.looked_at.is_empty() {
        summary.table(
            &["runner", "side", "GitHub", "labels", "Prometheus"],
            evidence.looked_at.iter().map(|seen| row(mode, seen)),
        );
    }
    Told {
        report,
        outputs,
        summary,
    }
}

/// The output `failover-reason`.
fn reason(primary: Standing) -> &'static str {
    match primary {
        Standing::Idle => "",
        Standing::Busy => "primary_busy",
        Standing::Unknown => "primary_unknown",
        Standing::Gone(Absence::Unhealthy) => "primary_unhealthy",
        Standing::Gone(Absence::Offline) => "primary_offline",
        Standing::Gone(Absence::Missing) => "primary_missing",
    }
}

/// What is known of a side, as the second half of a sentence.
fn known(standing: Standing) -> &'static str {
    match standing {
        Standing::Idle => "is online and idle",
        Standing::Busy => "is online and busy",
        Standing::Unknown => "is in an unknown state",
        Standing::Gone(Absence::Unhealthy) => "is unhealthy, says Prometheus",
        Standing::Gone(Absence::Offline) => "is offline",
        Standing::Gone(Absence::Missing) => "does not exist, as far as GitHub tells",
    }
}

fn both(evidence: &Evidence) -> String {
    format!(
        "the primary {}, the secondary {}",
        known(evidence.primary),
        known(evidence.secondary)
    )
}

/// The sentence's end that says why nothing certain is known.
fn because(evidence: &Evidence) -> String {
    if let Some(blind) = &evidence.blind {
        return format!(" ({blind})");
    }
    let unclear = evidence
        .looked_at
        .iter()
        .find_map(|seen| match &seen.health {
            Some(Health::Unknown(why)) if seen.side.is_some() => Some((&seen.runner.name, why)),
            _ => None,
        });
    unclear
        .map(|(runner, why)| format!(" ({runner}, by Prometheus: {why})"))
        .unwrap_or_default()
}

fn chose(target: &str, side: Side, evidence: &Evidence) -> Report {
    let name = evidence
        .best(side)
        .map(|seen| format!(" {}", seen.runner.name))
        .unwrap_or_default();
    let word = match side {
        Side::Primary => "primary",
        Side::Secondary => "secondary",
    };
    let standing = evidence.of(side);
    let queues = if standing == Standing::Busy {
        "; the job queues behind what runs there"
    } else {
        ""
    };
    let unsure = standing == Standing::Unknown || evidence.primary == Standing::Unknown;
    let because = if unsure {
        because(evidence)
    } else {
        String::new()
    };
    let plain = side == Side::Primary && standing == Standing::Idle;
    let why = if plain {
        "it is online and idle".to_owned()
    } else {
        both(evidence)
    };
    Report {
        exit: ExitCode::Success,
        outcome: String::new(),
        proceed: false,
        level: if plain { Level::Notice } else { Level::Warning },
        sign: if plain { "✅" } else { "⚠️" },
        headline: format!("{target} goes to the {word}{name}: {why}{queues}{because}"),
        now: None,
        section: None,
        whole_story: true,
    }
}

fn unsure(target: &str, evidence: &Evidence) -> Report {
    failure(
        ExitCode::ServiceUnavailable,
        Section::GITHUB_OUT_OF_REACH,
        format!(
            "no runner is chosen for {target}: {}{}",
            both(evidence),
            because(evidence)
        ),
        "Try again when GitHub and Prometheus answer, or set `on-unknown` to `secondary` or `primary`.".to_owned(),
    )
}

fn nobody(target: &str, mode: &SelectMode, evidence: &Evidence) -> Report {
    let asked = |side| {
        let labels = mode.sides.labels(side);
        match &mode.sides.group {
            Some(group) if labels.is_empty() => format!("of the group {group}"),
            Some(group) => format!("of the group {group} with the labels {}", labels.join(", ")),
            None => format!("with the labels {}", labels.join(", ")),
        }
    };
    let (primary, secondary) = (asked(Side::Primary), asked(Side::Secondary));
    let wanted = if primary == secondary {
        primary
    } else {
        format!("{primary}, or {secondary}")
    };
    let notes: String = evidence
        .notes
        .iter()
        .map(|note| format!(" ({note})"))
        .collect();
    failure(
        ExitCode::Failed,
        Section::BOTH_RUNNERS_FAILED,
        format!("no runner can take {target}: {}{notes}", both(evidence)),
        format!(
            "Start a runner {wanted}; or correct the inputs, where no runner is meant to be so."
        ),
    )
}

fn failure(exit: ExitCode, section: Section, headline: String, now: String) -> Report {
    Report {
        exit,
        outcome: String::new(),
        proceed: false,
        level: Level::Error,
        sign: "❌",
        headline,
        now: Some(now),
        section: Some(section),
        whole_story: true,
    }
}

fn row(mode: &SelectMode, seen: &LookedAt) -> Vec<String> {
    let side = match seen.side {
        Some(Side::Primary) => "primary",
        Some(Side::Secondary) => "secondary",
        None => "neither",
    };
    let status = match seen.runner.status {
        RunnerStatus::Online if seen.runner.busy && seen.here => "online, busy with this job",
        RunnerStatus::Online if seen.runner.busy => "online, busy",
        RunnerStatus::Online => "online, idle",
        RunnerStatus::Offline => "offline",
        RunnerStatus::Unknown => "unknown",
    };
    let prometheus = match &seen.health {
        Some(Health::Healthy) => "healthy".to_owned(),
        Some(Health::Unhealthy(value)) => format!("unhealthy ({value})"),
        Some(Health::Unknown(why)) => format!("unknown: {why}"),
        None => "not asked".to_owned(),
    };
    let sign = match (seen.side, seen.standing) {
        (None, _) => "",
        (_, Standing::Idle) => "✅ ",
        (_, Standing::Busy | Standing::Unknown) => "⚠️ ",
        (_, Standing::Gone(_)) => "❌ ",
    };
    vec![
        format!("{sign}{}", markdown::code(&seen.runner.name)),
        side.to_owned(),
        status.to_owned(),
        labels(mode, seen),
        markdown::text(&prometheus),
    ]
}

/// What a runner has of the labels that make its side; of one that is of neither, what it lacks for each.
fn labels(mode: &SelectMode, seen: &LookedAt) -> String {
    let codes = |labels: &[&str]| {
        let codes: Vec<String> = labels.iter().map(|label| markdown::code(label)).collect();
        codes.join(" ")
    };
    let wanted = |side| mode.sides.labels(side);
    if let Some(side) = seen.side {
        let matched: Vec<&str> = wanted(side).iter().map(String::as_str).collect();
        return codes(&matched);
    }
    let lacks = |side| codes(&seen.runner.lacks(wanted(side)));
    let (primary, secondary) = (lacks(Side::Primary), lacks(Side::Secondary));
    if primary == secondary {
        format!("lacks {primary}")
    } else {
        format!("lacks {primary} for primary, {secondary} for secondary")
    }
}
