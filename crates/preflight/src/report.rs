//! How the judgement is told: the step summary, the log, the annotations and the JSON report.

pub use actions_kit::markdown::prose;
use actions_kit::{CheckGroup, ExitCode, Summary, duration, markdown};
use leg::Section;
use serde::Serialize;

use crate::{
    Part, Status,
    judgement::{Judgement, Override, Row},
};

/// How many parts of a check the summary and an annotation name; the report has them all.
const NAMED: usize = 3;
/// How many parts of a check the fold below the table lists.
const LISTED: usize = 100;

/// What the report is about.
#[derive(Clone, Debug, Default, Serialize)]
pub struct About {
    /// `production`
    pub environment: String,
    /// The deployment's id, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// This leg's number, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<u32>,
    /// The runner's name.
    pub runner: String,
    /// When the checks began, RFC 3339, by this host's clock.
    pub started_at: String,
    /// How long all of it took.
    pub took_ms: u64,
    /// How many requests GitHub was sent.
    pub github_requests: u64,
}

/// `3 of 17 checks failed on runner-a: network.targets, …`
pub fn headline(judgement: &Judgement, about: &About) -> String {
    let runner = if about.runner.is_empty() {
        String::new()
    } else {
        format!(" on {}", about.runner)
    };
    let (failed, all) = (judgement.failed(), judgement.rows.len());
    match judgement.result() {
        _ if all == 0 => format!("no check was asked{runner}"),
        "fail" => format!(
            "{} of {all} checks failed{runner}: {}",
            failed.len(),
            failed.join(", ")
        ),
        "warn" => {
            let doubtful = judgement
                .rows
                .iter()
                .filter(|row| row.status != Status::Pass);
            let ids: Vec<&str> = doubtful.map(|row| row.check.id).collect();
            format!(
                "nothing stops the deployment{runner}; {} of {all} checks need a look: {}",
                ids.len(),
                ids.join(", ")
            )
        }
        _ => format!("all {all} checks passed{runner}"),
    }
}

/// What was seen, with the first parts that need a look, on one line. A part that the finding's own words hold already is
/// not said again.
pub fn seen(row: &Row) -> String {
    let mut text = row.finding.seen.clone();
    let bad: Vec<&Part> = needing(row)
        .filter(|part| !row.finding.seen.contains(&part.seen))
        .collect();
    if !bad.is_empty() {
        text.push_str(": ");
        text.push_str(&named(&bad[..bad.len().min(NAMED)]));
        if bad.len() > NAMED {
            text.push_str(&format!("; and {} more", bad.len() - NAMED));
        }
    }
    if row.finding.status == Status::Unknown {
        text = format!("unknown: {text}");
    }
    text
}

/// `web1, web2: timed out; web3: refused`: neighbours that say the same say it once.
fn named(parts: &[&Part]) -> String {
    let same = parts.chunk_by(|one, other| one.seen == other.seen);
    let told = same.map(|parts| {
        let subjects: Vec<&str> = parts.iter().map(|part| part.subject.as_str()).collect();
        format!("{}: {}", subjects.join(", "), parts[0].seen)
    });
    told.collect::<Vec<_>>().join("; ")
}

/// How to mend it: the word of the only part that needs it, else the finding's own, else that of the first part that has
/// one.
pub fn mend(row: &Row) -> &str {
    if row.finding.status == Status::Pass {
        return "";
    }
    let of_parts = || {
        needing(row)
            .map(|part| part.mend.as_str())
            .filter(|mend| !mend.is_empty())
    };
    let only = of_parts().next().filter(|_| needing(row).count() == 1);
    let own = Some(row.finding.mend.as_str()).filter(|mend| !mend.is_empty());
    only.or(own)
        .or_else(|| of_parts().next())
        .unwrap_or(row.check.mend)
}

fn needing(row: &Row) -> impl Iterator<Item = &Part> {
    row.finding
        .parts
        .iter()
        .filter(|part| part.status != Status::Pass)
}

/// One line of the log for each row.
pub fn line(row: &Row) -> String {
    let id = row.check.id;
    let (seen, sign) = (seen(row), row.status.sign());
    if row.status == Status::Pass {
        return format!("{sign} {id}: {seen}");
    }
    let ignored = if row.ignored { " (ignored)" } else { "" };
    format!(
        "{sign} {id}{ignored}: {seen}; wanted {}; mend: {}",
        row.finding.wanted,
        mend(row)
    )
}

/// Writes the section of the step summary.
pub fn summary(
    judgement: &Judgement,
    about: &About,
    ignored: Option<&Override>,
    now: &str,
) -> Summary {
    let mut summary = Summary::new();
    let result = match judgement.result() {
        "fail" => Status::Fail,
        "warn" => Status::Warn,
        _ => Status::Pass,
    };
    summary.heading(&format!(
        "Preflight for {}",
        markdown::text(&about.environment)
    ));
    summary.paragraph(&format!(
        "{} {}",
        result.sign(),
        markdown::text(&headline(judgement, about))
    ));
    if !now.is_empty() {
        summary.paragraph(&format!("**What now:** {}", prose(now)));
        for section in sections(judgement) {
            summary.paragraph(&section.line());
        }
    }
    if !judgement.rows.is_empty() {
        let rows = judgement.rows.iter().map(|row| {
            let note = if row.ignored { "<br>ignored" } else { "" };
            vec![
                row.status.sign().to_owned(),
                format!("{}{note}", markdown::code(row.check.id)),
                markdown::text(&seen(row)),
                prose(&row.finding.wanted),
                prose(mend(row)),
            ]
        });
        summary.table(&["", "check", "seen", "wanted", "how to mend it"], rows);
    }
    for row in &judgement.rows {
        let bad: Vec<&Part> = needing(row).collect();
        if bad.len() > NAMED {
            summary.folded(
                &format!("{}: all {} that need a look", row.check.id, bad.len()),
                &listed(&bad),
            );
        }
    }
    if let Some(given) = ignored {
        summary.paragraph(&told(given));
    }
    if !judgement.not_asked.is_empty() {
        let missed: Vec<String> = judgement
            .not_asked
            .iter()
            .map(|missed| {
                format!(
                    "{} (needs {})",
                    markdown::code(missed.check.id),
                    prose(&missed.why)
                )
            })
            .collect();
        summary.paragraph(&format!("Not asked: {}.", missed.join(", ")));
    }
    let took = std::time::Duration::from_millis(about.took_ms);
    summary.paragraph(&format!(
        "{} checks in {}, {} requests to GitHub.",
        judgement.rows.len(),
        duration::format(took),
        about.github_requests
    ));
    summary
}

/// What to do about each group that failed. Where none did, the files could not be written: a runner that is not fit.
fn sections(judgement: &Judgement) -> Vec<Section> {
    let failed = judgement
        .rows
        .iter()
        .filter(|row| row.status == Status::Fail);
    let mut sections: Vec<Section> = failed
        .filter_map(|row| CheckGroup::new(row.check.group.number))
        .filter_map(|group| Section::of_exit(ExitCode::Group(group)))
        .collect();
    sections.dedup();
    if sections.is_empty() {
        sections.push(Section::RUNNER_NOT_FIT);
    }
    sections
}

fn told(given: &Override) -> String {
    let ids: Vec<String> = given.checks.iter().map(|id| markdown::code(id)).collect();
    let until = match (&given.until, given.expired) {
        (Some(day), true) => format!(", **until {day}: that is over, and nothing is ignored**"),
        (Some(day), false) => format!(", until {day}"),
        (None, _) => String::new(),
    };
    format!(
        "{} ignores {}{until}: {}",
        markdown::text(&given.actor),
        ids.join(", "),
        markdown::text(&given.reason)
    )
}

fn listed(parts: &[&Part]) -> String {
    let mut lines: Vec<String> = parts.iter().take(LISTED).map(|part| part.told()).collect();
    if parts.len() > LISTED {
        lines.push(format!(
            "and {} more; the report has them all",
            parts.len() - LISTED
        ));
    }
    lines.join("\n")
}

/// The JSON report, as a document.
pub fn json(judgement: &Judgement, about: &About, ignored: Option<&Override>) -> serde_json::Value {
    let checks: Vec<serde_json::Value> = judgement
        .rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "id": row.check.id,
                "group": row.check.group.name,
                "status": row.status,
                "ignored": row.ignored,
                "took_ms": u64::try_from(row.took.as_millis()).unwrap_or(u64::MAX),
                "finding": row.finding,
                "mend": mend(row),
            })
        })
        .collect();
    let not_asked: Vec<serde_json::Value> = judgement
        .not_asked
        .iter()
        .map(|missed| serde_json::json!({"id": missed.check.id, "needs": missed.why}))
        .collect();
    serde_json::json!({
        "schema": 1,
        "about": about,
        "result": judgement.result(),
        "exit_code": judgement.exit_code().number(),
        "failed": judgement.failed(),
        "checks": checks,
        "not_asked": not_asked,
        "override": ignored.map(|given| serde_json::json!({
            "checks": given.checks,
            "reason": given.reason,
            "until": given.until,
            "actor": given.actor,
            "expired": given.expired,
        })),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Finding, catalogue, judgement::Policy};

    fn judgement() -> Judgement {
        let hosts = (0..5)
            .map(|n| Part {
                subject: format!("web{n}:22"),
                status: if n == 0 { Status::Pass } else { Status::Fail },
                seen: "timed out | after 5 s".to_owned(),
                mend: String::new(),
            })
            .collect();
        let seen = vec![
            (
                catalogue::check("runner.cpu").unwrap(),
                Finding::pass("3 %", "below 80 %"),
                Duration::from_millis(200),
            ),
            (
                catalogue::check("network.targets").unwrap(),
                Finding::fail("4 of 5 targets are away", "all reachable", "start them")
                    .with_parts(hosts),
                Duration::from_secs(5),
            ),
            (
                catalogue::check("runner.prometheus").unwrap(),
                Finding::unknown("no answer", "runner_status 1", ""),
                Duration::from_secs(1),
            ),
        ];
        Judgement::new(seen, Vec::new(), &Policy::default())
    }

    fn about() -> About {
        About {
            environment: "production".to_owned(),
            runner: "runner-a".to_owned(),
            ..About::default()
        }
    }

    #[test]
    fn the_first_line_says_what_failed_and_where() {
        assert_eq!(
            headline(&judgement(), &about()),
            "1 of 3 checks failed on runner-a: network.targets"
        );
    }

    #[test]
    fn every_row_has_a_sign_what_was_seen_and_wanted_and_a_mend() {
        let text = summary(&judgement(), &about(), None, "mend it").text(&Default::default());
        for part in [
            "❌ | `network.targets` | 4 of 5 targets are away: web1:22, web2:22, web3:22: timed out \\| after 5 s",
            "; and 1 more",
            "start them",
            "⚠️ | `runner.prometheus` | unknown: no answer",
            "✅ | `runner.cpu` | 3 %",
            "web4:22: timed out | after 5 s",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn a_check_without_a_mend_of_its_own_shows_the_catalogues() {
        let judgement = judgement();
        let row = &judgement.rows[1];
        assert_eq!(row.check.id, "runner.prometheus");
        assert_eq!(mend(row), row.check.mend);
    }

    #[test]
    fn the_report_has_every_part() {
        let json = json(&judgement(), &about(), None);
        assert_eq!(json["exit_code"], 3);
        assert_eq!(
            json["checks"][0]["finding"]["parts"]
                .as_array()
                .unwrap()
                .len(),
            5
        );
        assert_eq!(json["failed"][0], "network.targets");
    }
}
