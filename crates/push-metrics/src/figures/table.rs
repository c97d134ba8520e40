//! The figures as a table for people.

use std::{fmt::Write, time::Duration};

use actions_kit::{Status, Summary, duration, markdown};
use ledger::targets::{self, Standing};

use super::{Direction, Report, TOLD_FROM, Trend, rounded};

pub(super) fn write(report: &Report, summary: &mut Summary) {
    let Report {
        figures,
        earlier,
        later,
        days,
        ..
    } = report;
    let span = match days.len() {
        1 => "today".to_owned(),
        days => format!("the last {days} days"),
    };
    summary.heading(&format!(
        "Deployments to {}, {span}",
        markdown::text(&report.origin.environment)
    ));
    let success = |ratio| percent(ratio, targets::SUCCESS_RATIO);
    let failover = |ratio| percent(ratio, targets::FAILOVER_SUCCESS_RATIO);
    let share = |ratio: f64, text: String, whole: u64| {
        format!("{text} ({:.0} of {whole})", ratio * whole as f64)
    };
    let rows = [
        row(
            "Success rate",
            figures
                .success_ratio
                .map(|r| share(r, success(r), figures.deployments)),
            &format!("at least {}", success(targets::SUCCESS_RATIO)),
            figures.success_ratio_standing(),
            &told(report.success_trend(), success),
        ),
        row(
            "95 % of the deployments took at most",
            figures.duration_p95.map(duration::format),
            &format!("at most {}", duration::format(targets::DURATION_P95)),
            figures.duration_p95_standing(),
            &told(report.duration_trend(), duration::format),
        ),
        row(
            "Takeovers that led to success",
            figures
                .failover_success_ratio
                .map(|r| share(r, failover(r), figures.failovers)),
            &format!("at least {}", failover(targets::FAILOVER_SUCCESS_RATIO)),
            figures.failover_success_ratio_standing(),
            &told(report.failover_trend(), failover),
        ),
        vec![
            String::new(),
            "Deployments".to_owned(),
            figures.deployments.to_string(),
            String::new(),
            if days.len() > 1 {
                format!("{} → {}", earlier.deployments, later.deployments)
            } else {
                String::new()
            },
        ],
    ];
    summary.table(&["", "figure", "value", "target", "trend"], rows);
    summary.paragraph(&explained(days.len(), figures.duration_precision));
}

fn row(
    figure: &str,
    value: Option<String>,
    target: &str,
    standing: Standing,
    trend: &str,
) -> Vec<String> {
    let status = match standing {
        Standing::Met => Status::Pass,
        Standing::Missed => Status::Fail,
        Standing::NoData => Status::Unknown,
    };
    vec![
        status.sign().to_owned(),
        figure.to_owned(),
        value.unwrap_or_else(|| "no data".to_owned()),
        target.to_owned(),
        trend.to_owned(),
    ]
}

/// The arrow shows where the number goes, the word whether that is good.
fn told<T: Copy + PartialOrd>(trend: Trend<T>, text: impl Fn(T) -> String) -> String {
    let (Some(earlier), Some(later)) = (trend.earlier, trend.later) else {
        return "too little to tell".to_owned();
    };
    let word = match trend.direction {
        Direction::Better => "better",
        Direction::Worse => "worse",
        Direction::Same => "the same",
        Direction::TooLittle => "too little to tell",
    };
    let arrow = match trend.direction {
        Direction::Better | Direction::Worse if later > earlier => "↗ ",
        Direction::Better | Direction::Worse => "↘ ",
        Direction::Same => "→ ",
        Direction::TooLittle => "",
    };
    format!("{arrow}{word} ({} → {})", text(earlier), text(later))
}

fn percent(ratio: f64, target: f64) -> String {
    let percent = rounded(ratio, target, 1000.0) * 100.0;
    let digits = usize::from((percent - percent.round()).abs() > 1e-6);
    format!("{percent:.digits$} %")
}

fn explained(days: usize, precision: Duration) -> String {
    let mut text = "Counted by the UTC day of their end; cancelled and superseded deployments do \
                    not count."
        .to_owned();
    if days > 1 {
        let half = days / 2;
        let plural = if half == 1 { "" } else { "s" };
        let _ = write!(
            text,
            " Trend: the last {half} day{plural} against the {half} before, told from {TOLD_FROM} on in each."
        );
    }
    if precision > Duration::from_secs(1) {
        let _ = write!(
            text,
            " There were so many different durations that they are rounded up to {}.",
            duration::format(precision)
        );
    }
    text
}
