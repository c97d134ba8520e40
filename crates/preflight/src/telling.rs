//! The last words: log, annotations, outputs, summary and report.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use actions_kit::{ExitCode, Outputs, Summary, Written, markdown};
use leg::Voice;
use preflight::{
    Status,
    judgement::Judgement,
    report::{self, About},
};

use crate::{config::Config, record::Finished};

/// Tells what the checks came to.
pub(crate) fn judged(
    config: &Config,
    judgement: &Judgement,
    started_at: String,
    took: Duration,
    github_requests: u64,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    let leg = config.leg.as_ref();
    let about = About {
        environment: config.target.clone(),
        deployment: leg.map(|leg| leg.deployment.id.clone()),
        candidate: leg.map(|leg| leg.me.candidate),
        runner: config.context.runner_name.clone().unwrap_or_default(),
        started_at,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        github_requests,
    };
    let ignored = config.policy.ignored.as_ref();
    for row in &judgement.rows {
        voice.say(&report::line(row));
        if row.status == Status::Fail {
            let told = format!(
                "{}: {}; mend: {}",
                row.check.id,
                report::seen(row),
                report::mend(row)
            );
            voice.error(&told);
        } else if row.ignored || row.status == Status::Warn {
            voice.warning(&format!("{}: {}", row.check.id, report::seen(row)));
        }
    }
    let headline = report::headline(judgement, &about);
    voice.say(&headline);
    if ignored.is_some_and(|given| given.expired) {
        voice.warning("`ignore-until` is over: nothing is ignored any more");
    }
    let now = what_now(config, judgement);
    let report = report::json(judgement, &about, ignored);
    let text = config
        .redactor
        .redact(&format!("{report:#}\n"))
        .into_owned();
    let mut exit = judgement.exit_code();
    if let Err(error) = write_report(&config.report, &text) {
        voice.error(&format!(
            "failed to write the report {}: {error}",
            config.report.display()
        ));
        if exit == ExitCode::Success {
            exit = ExitCode::Failed;
        }
    }
    let mut outputs = Outputs::new();
    outputs
        .set("result", judgement.result())
        .set("failed", judgement.failed().join(","))
        .set("report", config.report.display().to_string());
    finish(
        config,
        &outputs,
        &report::summary(judgement, &about, ignored, now),
        exit,
        voice,
    )
}

fn what_now(config: &Config, judgement: &Judgement) -> &'static str {
    if judgement.failed().is_empty() {
        return "";
    }
    match &config.leg {
        Some(leg) if leg.candidates > 1 => {
            "This candidate deploys nothing. Another one that is fit goes on at once; the verdict says how it ended. \
             Mend what is named below, or answer for it with `ignore` and `ignore-reason`."
        }
        _ => {
            "Nothing was deployed. Mend what is named below and run again, or answer for it with `ignore` and \
             `ignore-reason`."
        }
    }
}

/// The deployment has ended before this leg came: nothing is left to check.
pub(crate) fn finished(config: &Config, end: &Finished, voice: &Voice) -> anyhow::Result<ExitCode> {
    let why = end
        .reason
        .map(|reason| format!(", {reason}"))
        .unwrap_or_default();
    let detail = if end.detail.is_empty() {
        String::new()
    } else {
        format!(": {}", end.detail)
    };
    let headline = format!(
        "the deployment to {} has ended already ({}{why}){detail}; nothing was checked",
        config.target, end.outcome
    );
    voice.notice(&headline);
    let mut outputs = Outputs::new();
    outputs
        .set("result", "finished")
        .set("failed", "")
        .set("report", "");
    let mut summary = Summary::new();
    summary.paragraph(&format!("✅ {}", markdown::text(&headline)));
    finish(config, &outputs, &summary, ExitCode::Success, voice)
}

/// Two legs have one number: only one of them may speak for it.
pub(crate) fn number_taken(config: &Config, by: &str, voice: &Voice) -> anyhow::Result<ExitCode> {
    let number = config.leg.as_ref().map_or(1, |leg| leg.me.candidate);
    let headline = format!("candidate {number} is announced already by another leg: {by}");
    let now = "Number the legs: `strategy: {matrix: {candidate: [1, 2]}}`, and leave the input `candidate` at its default.";
    voice.error(&format!("{headline}. {now}"));
    let mut outputs = Outputs::new();
    outputs
        .set("result", "fail")
        .set("failed", "")
        .set("report", "");
    let mut summary = Summary::new();
    summary.paragraph(&format!("❌ {}", markdown::text(&headline)));
    summary.paragraph(&format!("**What now:** {now}"));
    finish(config, &outputs, &summary, ExitCode::WrongInput, voice)
}

fn finish(
    config: &Config,
    outputs: &Outputs,
    summary: &Summary,
    mut exit: ExitCode,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    if let Err(error) = outputs.write(&config.environment) {
        voice.error(&format!("failed to {:#}", anyhow::Error::from(error)));
        if exit == ExitCode::Success {
            exit = ExitCode::Failed;
        }
    }
    match summary.write(&config.environment, &config.redactor) {
        Ok(Written::ToFile) => {}
        Ok(Written::NoFile) => {
            if let Some(now) = exit_hint(exit) {
                voice.say(now);
            }
        }
        Err(error) => voice.error(&format!("failed to {:#}", anyhow::Error::from(error))),
    }
    Ok(exit)
}

/// At a terminal there is no summary: the lines above said it all, this is what the code means.
fn exit_hint(exit: ExitCode) -> Option<&'static str> {
    matches!(exit, ExitCode::Group(_)).then_some("mend what is marked ❌, and run again")
}

/// Whole or not at all, for this user alone: a report names hosts and images.
fn write_report(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let written = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _gone = fs::remove_file(&beside);
    }
    written
}
