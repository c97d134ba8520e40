//! The last words: annotations, outputs, summary and reports.

use std::path::Path;

use actions_kit::{ExitCode, Outputs, Status, Summary, Written, command::Level, markdown};
use gates::judgement::Judgement;
use health_gates::report::{self, About, Report};
use leg::Voice;

use crate::config::Config;

/// What is known before anything was asked.
pub(crate) fn about(config: &Config) -> About {
    About {
        environment: config.target.clone(),
        runner: config.context.runner_name.clone().unwrap_or_default(),
        started_at: leg::wall().to_string(),
        dry_run: config.options.once,
        ..About::default()
    }
}

/// What follows from the result of a release's gates.
pub(crate) fn what_now(about: &About, exit: ExitCode) -> &'static str {
    match (exit, about.on_failure) {
        (ExitCode::Success, _) => "",
        (ExitCode::Failed, None) => {
            "The deployment has failed, and what it deployed is still live. Look at the gates below, then mend it forward \
             or roll back."
        }
        (ExitCode::Failed, Some(true)) => {
            "The deployment has failed, and `on-failure` has run. See that what is live now is well."
        }
        (ExitCode::Failed, Some(false)) => {
            "The deployment has failed, and so has `on-failure`: nobody knows what is live. Look at once."
        }
        _ => {
            "Stopped before the gates had their result. Another candidate judges them, or the deployment is cancelled; the \
             verdict says which."
        }
    }
}

/// Tells what the gates came to; the exit code is worse than `exit` where that cannot be told.
pub(crate) fn judged(
    config: &Config,
    judgement: &Judgement,
    about: &About,
    now: &str,
    exit: ExitCode,
    voice: &Voice,
) -> ExitCode {
    let report = Report::new(judgement, about, &config.redactor);
    for annotation in report.annotations() {
        annotate(annotation.level, &annotation.text, voice);
    }
    if let Some(roll_back) = report.alert().and_then(|alert| alert.roll_back) {
        voice.error(&roll_back);
    }
    voice.say(&report.headline());
    let mut exit = exit;
    let mut written = |path: &Path, text: &str| {
        if let Err(error) = actions_kit::write_whole(path, text) {
            voice.error(&format!(
                "failed to write the report {}: {error}",
                path.display()
            ));
            if exit == ExitCode::Success {
                exit = ExitCode::Failed;
            }
        }
    };
    written(&config.report, &format!("{:#}\n", report.json()));
    if let Some(path) = &config.junit {
        written(path, &report.junit());
    }
    let junit = config.junit.as_ref();
    let mut outputs = Outputs::new();
    outputs
        .set("result", report::result(judgement))
        .set("failed", report::failed(judgement).join(","))
        .set("report", config.report.display().to_string())
        .set(
            "junit",
            junit
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
        );
    let summary = report.summary(now);
    finish(config, &outputs, &summary, exit, voice)
}

/// This leg does not carry the deployment.
pub(crate) fn skipped(config: &Config, voice: &Voice) -> anyhow::Result<ExitCode> {
    let headline = "this leg does not carry the deployment: its gates are not this leg's to judge";
    voice.notice(&format!(
        "{headline}. Leave the step out here: `if: steps.<id of runner-failover>.outputs.proceed == 'true'`"
    ));
    let mut summary = Summary::new();
    summary.paragraph(&format!("Health gates: {headline}."));
    Ok(finish(
        config,
        &empty("skipped"),
        &summary,
        ExitCode::Success,
        voice,
    ))
}

/// The store cannot even be opened.
pub(crate) fn store_lost(config: &Config, error: &str, voice: &Voice) -> ExitCode {
    bar(
        config,
        &format!("the store is out of reach: failed to {error}"),
        "The release is deployed, and nobody has judged it: mend the way to the store; another candidate judges the gates \
         meanwhile, or the verdict ends the deployment as `gates_missing`.",
        ExitCode::ServiceUnavailable,
        voice,
    )
}

/// Something stands before the gates, or came between.
pub(crate) fn bar(
    config: &Config,
    headline: &str,
    now: &str,
    exit: ExitCode,
    voice: &Voice,
) -> ExitCode {
    let stopped = matches!(exit, ExitCode::Interrupted | ExitCode::Terminated);
    let level = if stopped {
        Level::Warning
    } else {
        Level::Error
    };
    annotate(level, &format!("{headline}. {now}"), voice);
    let sign = if stopped { Status::Warn } else { Status::Fail }.sign();
    let mut summary = Summary::new();
    summary.paragraph(&format!("{sign} {}", markdown::text(headline)));
    summary.paragraph(&format!("**What now:** {}", markdown::prose(now)));
    let result = if stopped { "stopped" } else { "fail" };
    finish(config, &empty(result), &summary, exit, voice)
}

fn annotate(level: Level, text: &str, voice: &Voice) {
    match level {
        Level::Error => voice.error(text),
        Level::Warning => voice.warning(text),
        Level::Notice => voice.notice(text),
    }
}

fn empty(result: &str) -> Outputs {
    let mut outputs = Outputs::new();
    outputs
        .set("result", result)
        .set("failed", "")
        .set("report", "")
        .set("junit", "");
    outputs
}

fn finish(
    config: &Config,
    outputs: &Outputs,
    summary: &Summary,
    mut exit: ExitCode,
    voice: &Voice,
) -> ExitCode {
    if let Err(error) = outputs.write(&config.environment) {
        voice.error(&format!("failed to {:#}", anyhow::Error::from(error)));
        if exit == ExitCode::Success {
            exit = ExitCode::Failed;
        }
    }
    // At a terminal the lines above said it all.
    match summary.write(&config.environment, &config.redactor) {
        Ok(Written::ToFile | Written::NoFile) => {}
        Err(error) => voice.error(&format!("failed to {:#}", anyhow::Error::from(error))),
    }
    exit
}
