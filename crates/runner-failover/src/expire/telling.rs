//! What was cancelled, in words, as an output and as a table.

use std::time::Duration;

use actions_kit::{ExitCode, Outputs, Summary, command::Level, duration, markdown};
use github::Run;
use leg::Section;

use super::{Fate, Looked};
use crate::{
    config::ExpireMode,
    report::{self, Report},
};

/// One sentence for the log.
pub(super) fn line(seen: &Looked) -> String {
    format!(
        "run {} ({}), waiting for {} since {}: {}",
        seen.run.id,
        title(&seen.run),
        seen.reviewers.join(", "),
        waited(seen.waited),
        fate(&seen.fate)
    )
}

/// What became of all.
pub(super) fn headline(target: &str, mode: &ExpireMode, looked: &[Looked]) -> String {
    let cancelled = of(looked, |fate| *fate == Fate::Cancelled);
    let spared = of(looked, |fate| *fate == Fate::Spared);
    let limit = duration::format(mode.max_wait);
    if spared > 0 {
        return format!(
            "{} would be cancelled that waited longer than {limit} for an approval of {target}",
            runs(spared)
        );
    }
    format!(
        "{} cancelled that waited longer than {limit} for an approval of {target}",
        runs(cancelled)
    )
}

/// The end where GitHub answered every question.
pub(super) fn report(target: &str, mode: &ExpireMode, looked: &[Looked]) -> Report {
    let headline = headline(target, mode, looked);
    let unclear = of(looked, |fate| matches!(fate, Fate::Unclear(_)));
    let failed = of(looked, |fate| matches!(fate, Fate::Failed(_)));
    if unclear + failed == 0 {
        return Report {
            level: Level::Notice,
            sign: "✅",
            whole_story: true,
            ..report::refused(ExitCode::Success, headline)
        };
    }
    let first = looked.iter().find_map(|seen| match &seen.fate {
        Fate::Failed(why) | Fate::Unclear(why) => Some(format!("run {}: {why}", seen.run.id)),
        _ => None,
    });
    // A refusal has to be mended; without an answer the next look mends it.
    let exit = if failed > 0 {
        ExitCode::Failed
    } else {
        ExitCode::ServiceUnavailable
    };
    Report {
        whole_story: true,
        section: Some(Section::GITHUB_OUT_OF_REACH),
        ..report::refused(
            exit,
            format!(
                "{headline}; {} could not be ({})",
                runs(unclear + failed),
                first.unwrap_or_default()
            ),
        )
    }
}

/// The ids, for whoever wants to tell somebody.
pub(super) fn outputs(looked: &[Looked]) -> Outputs {
    let cancelled: Vec<u64> = looked
        .iter()
        .filter(|seen| seen.fate == Fate::Cancelled)
        .map(|seen| seen.run.id)
        .collect();
    let mut outputs = Outputs::new();
    outputs.set("cancelled-runs", serde_json::json!(cancelled).to_string());
    outputs
}

/// Every run that waits for this environment's reviewers and was looked at.
pub(super) fn summary(
    target: &str,
    mode: &ExpireMode,
    looked: &[Looked],
    report: &Report,
) -> Summary {
    let mut summary = Summary::new();
    summary.heading(&format!("Approvals of {}", markdown::text(target)));
    summary.paragraph(&report.line());
    report.tell_what_now(&mut summary);
    if mode.dry_run {
        summary.paragraph("`dry-run`: nothing was cancelled.");
    }
    if !looked.is_empty() {
        summary.table(
            &["run", "of", "waits for", "waited", "what was done"],
            looked.iter().map(row),
        );
    }
    summary
}

fn row(seen: &Looked) -> Vec<String> {
    let Looked { run, fate: end, .. } = seen;
    let shown = markdown::text(&title(run));
    let linked = match run.html_url.as_deref().filter(|url| is_plain(url)) {
        Some(url) => format!("[{shown}]({url})"),
        None => shown,
    };
    let sha: String = run
        .head_sha
        .iter()
        .flat_map(|s| s.chars().take(7))
        .collect();
    let branch = run.head_branch.as_deref().unwrap_or_default();
    let sign = match end {
        Fate::Cancelled | Fate::Spared => "⚠️ ",
        Fate::InTime | Fate::Kept(_) => "",
        Fate::Failed(_) | Fate::Unclear(_) => "❌ ",
    };
    vec![
        format!("{linked} {}", markdown::code(&run.id.to_string())),
        format!("{} {}", markdown::code(branch), markdown::code(&sha)),
        markdown::text(&seen.reviewers.join(", ")),
        waited(seen.waited),
        format!("{sign}{}", markdown::text(&fate(end))),
    ]
}

/// An address that no Markdown hides in.
fn is_plain(url: &str) -> bool {
    url.starts_with("https://") && !url.contains([' ', '(', ')', '<', '>', '|', '\n'])
}

fn title(run: &Run) -> String {
    let words = run.display_title.as_deref().or(run.name.as_deref());
    words.unwrap_or("a run").to_owned()
}

fn fate(fate: &Fate) -> String {
    match fate {
        Fate::Cancelled => "cancelled".to_owned(),
        Fate::Spared => "would be cancelled".to_owned(),
        Fate::InTime => "nothing: it waits no longer than it may".to_owned(),
        Fate::Kept(why) => format!("nothing: {why}"),
        Fate::Failed(why) => format!("not cancelled: {why}"),
        Fate::Unclear(why) => format!("perhaps cancelled: {why}"),
    }
}

/// In whole minutes: nobody asks for more.
fn waited(time: Option<Duration>) -> String {
    time.map_or_else(
        || "unknown".to_owned(),
        |time| duration::format(Duration::from_secs(time.as_secs() / 60 * 60)),
    )
}

fn of(looked: &[Looked], is: impl Fn(&Fate) -> bool) -> usize {
    looked.iter().filter(|seen| is(&seen.fate)).count()
}

fn runs(count: usize) -> String {
    match count {
        1 => "1 run is".to_owned(),
        _ => format!("{count} runs are"),
    }
}
