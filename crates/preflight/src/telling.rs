//! The last words: log, annotations, outputs, summary and report.

use std::time::Duration;

use actions_kit::{ExitCode, Outputs, Redactor, Summary, Written, markdown};
use ledger::Outcome;
use leg::{Section, Voice};
use preflight::{
    Status,
    judgement::Judgement,
    report::{self, About},
};

use serde_json::Value;

use crate::{
    config::Config,
    record::{Finished, Others},
};

/// The id under which a leg counts as unfit that could not write what later steps read.
pub(crate) const UNWRITTEN: &str = "runner.disk";

/// What the report is about.
pub(crate) fn about(
    config: &Config,
    started_at: String,
    took: Duration,
    github_requests: u64,
) -> About {
    let leg = config.leg.as_ref();
    About {
        environment: config.target.clone(),
        deployment: leg.map(|leg| leg.deployment.id.clone()),
        candidate: leg.map(|leg| leg.me.candidate),
        runner: config.context.runner_name.clone().unwrap_or_default(),
        started_at,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        github_requests,
    }
}

/// Writes the report and the outputs; whether later steps can read both.
pub(crate) fn write(config: &Config, judgement: &Judgement, about: &About, voice: &Voice) -> bool {
    let mut report = report::json(judgement, about, config.policy.ignored.as_ref());
    redact(&mut report, &config.redactor);
    let mut written = true;
    if let Err(error) = actions_kit::write_whole(&config.report, &format!("{report:#}\n")) {
        voice.error(&format!(
            "failed to write the report {}: {error}",
            config.report.display()
        ));
        written = false;
    }
    let mut outputs = Outputs::new();
    outputs
        .set("result", judgement.result())
        .set("failed", judgement.failed().join(","))
        .set("report", config.report.display().to_string());
    if let Err(error) = outputs.write(&config.environment) {
        voice.error(&format!("failed to {:#}", anyhow::Error::from(error)));
        written = false;
    }
    written
}

/// Words that come from outside lose the secrets in them; keys and ids are ours, whatever a secret may be called.
fn redact(value: &mut Value, redactor: &Redactor) {
    const OURS: &[&str] = &["id", "group", "status", "result", "failed", "checks"];
    match value {
        Value::String(text) => *text = redactor.redact(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, redactor)),
        Value::Object(fields) => {
            for (name, field) in fields {
                let ours = OURS.contains(&name.as_str());
                let holds_objects = field
                    .as_array()
                    .is_some_and(|all| all.iter().any(Value::is_object));
                if !ours || holds_objects {
                    redact(field, redactor);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Tells what the checks came to.
pub(crate) fn judged(
    config: &Config,
    judgement: &Judgement,
    about: &About,
    others: Others,
    written: bool,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    let ignored = config.policy.ignored.as_ref();
    for row in &judgement.rows {
        let (id, seen, wanted) = (row.check.id, report::seen(row), &row.finding.wanted);
        if row.status == Status::Fail {
            let mend = report::mend(row);
            voice.error(&format!("{id}: {seen}; wanted {wanted}; mend: {mend}"));
        } else if row.ignored {
            let reason = ignored.map_or("", |given| given.reason.as_str());
            voice.warning(&format!(
                "{id}, ignored ({reason}): {seen}; wanted {wanted}"
            ));
        } else if row.status == Status::Warn {
            voice.warning(&format!("{id}: {seen}; wanted {wanted}"));
        } else {
            voice.say(&report::line(row));
        }
    }
    let headline = report::headline(judgement, about);
    if judgement.rows.is_empty() {
        voice.warning(&headline);
    } else {
        voice.say(&headline);
    }
    if ignored.is_some_and(|given| given.expired) {
        voice.warning("`ignore-until` is over: nothing is ignored any more");
    }
    let exit = match judgement.exit_code() {
        ExitCode::Success if !written => ExitCode::Failed,
        exit => exit,
    };
    let now = if exit == ExitCode::Success {
        ""
    } else {
        what_now(others, written)
    };
    let summary = report::summary(judgement, about, ignored, now);
    last_words(config, &summary, exit, voice);
    Ok(exit)
}

fn what_now(others: Others, written: bool) -> &'static str {
    if !written {
        return "Later steps cannot be told the outputs, so this candidate deploys nothing: make the files named in the log \
                writable, and run again.";
    }
    match others {
        Others::Left => {
            "This candidate deploys nothing. Another one that is fit goes on at once; the verdict says how it ended. \
             Mend what is named below, or answer for it with `ignore` and `ignore-reason`."
        }
        Others::Untold => {
            "This candidate deploys nothing, and the ledger could not be told: another one that is fit goes on once it \
             has waited `primary-grace`. Mend what is named below, or answer for it with `ignore` and `ignore-reason`."
        }
        Others::None | Others::Unknown => {
            "No candidate is left, and nothing is deployed. Mend what is named below and run again, or answer for it \
             with `ignore` and `ignore-reason`."
        }
    }
}

/// The next step of this job would be taken for another leg.
pub(crate) fn nothing_left_for_later_steps(
    config: &Config,
    error: &str,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    let headline = format!("failed to {error}");
    let now = "Later baton steps of this job need that file to know that they are this candidate. Make RUNNER_TEMP a \
               folder that this user can write, as GitHub's runner does; for checks alone set `store: none`.";
    bar(config, &headline, now, "fail", ExitCode::WrongInput, voice)
}

/// A signal came first.
pub(crate) fn stopped(
    config: &Config,
    signal: &str,
    exit: ExitCode,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    let headline =
        format!("preflight was told to stop by {signal} before every check had answered");
    voice.warning(&headline);
    let mut summary = Summary::new();
    summary.paragraph(&format!("⚠️ {}", markdown::text(&headline)));
    summary.paragraph(&Section::CANCELLED.line());
    last_words(config, &summary, exit, voice);
    Ok(exit)
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
    let sign = match end.outcome {
        Outcome::Succeeded | Outcome::Superseded => "✅",
        _ => "⚠️",
    };
    summary.paragraph(&format!("{sign} {}", markdown::text(&headline)));
    finish(config, &outputs, &summary, ExitCode::Success, voice)
}

/// Two legs have one number: only one of them may speak for it.
pub(crate) fn number_taken(config: &Config, by: &str, voice: &Voice) -> anyhow::Result<ExitCode> {
    let number = config.leg.as_ref().map_or(1, |leg| leg.me.candidate);
    let headline = format!("candidate {number} is announced already by another leg: {by}");
    let now = "Number the legs: `strategy: {matrix: {candidate: [1, 2]}}`, and leave the input `candidate` at its default.";
    bar(config, &headline, now, "fail", ExitCode::WrongInput, voice)
}

/// There is nothing to judge.
fn bar(
    config: &Config,
    headline: &str,
    now: &str,
    result: &str,
    exit: ExitCode,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    voice.error(&format!("{headline}. {now}"));
    let mut outputs = Outputs::new();
    outputs
        .set("result", result)
        .set("failed", "")
        .set("report", "");
    let mut summary = Summary::new();
    summary.paragraph(&format!("❌ {}", markdown::text(headline)));
    summary.paragraph(&format!("**What now:** {}", report::prose(now)));
    summary.paragraph(&Section::WRONG_INPUT.line());
    finish(config, &outputs, &summary, exit, voice)
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
    last_words(config, summary, exit, voice);
    Ok(exit)
}

fn last_words(config: &Config, summary: &Summary, exit: ExitCode, voice: &Voice) {
    match summary.write(&config.environment, &config.redactor) {
        Ok(Written::ToFile) => {}
        Ok(Written::NoFile) => {
            if let Some(now) = exit_hint(exit) {
                voice.say(now);
            }
        }
        Err(error) => voice.error(&format!("failed to {:#}", anyhow::Error::from(error))),
    }
}

/// At a terminal there is no summary: the lines above said it all, this is what the code means.
fn exit_hint(exit: ExitCode) -> Option<&'static str> {
    matches!(exit, ExitCode::Group(_)).then_some("mend what is marked ❌, and run again")
}
