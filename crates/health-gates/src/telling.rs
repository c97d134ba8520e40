//! The last words: annotations, outputs, summary and reports.

use actions_kit::{ExitCode, Outputs, Status, Summary, Written, command::Level, markdown};
use gates::judgement::Judgement;
use health_gates::report::{self, About, Report};
use ledger::Channel;
use leg::{Section, Voice};

use crate::{config::Config, judging::RolledBack};

/// How many of the last lines of `on-failure` the summary shows.
const LAST_LINES: usize = 30;

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

/// What is to be told beside the gates.
pub(crate) struct Told {
    pub(crate) exit: ExitCode,
    /// What kept the result of the gates from counting.
    pub(crate) bar: Option<String>,
    /// What a person does next.
    pub(crate) now: String,
    /// The last lines of `on-failure`.
    pub(crate) last_lines: Vec<String>,
    /// How people were told that the gates failed.
    pub(crate) alerted: Vec<Channel>,
}

impl Told {
    pub(crate) fn new(exit: ExitCode) -> Told {
        Told {
            exit,
            bar: None,
            now: String::new(),
            last_lines: Vec::new(),
            alerted: Vec::new(),
        }
    }
}

/// What follows from the result of a release's gates.
pub(crate) fn what_now(rolled_back: Option<&RolledBack>, exit: ExitCode) -> String {
    match (exit, rolled_back) {
        (ExitCode::Success, _) => String::new(),
        (ExitCode::Failed, None) => {
            "The deployment has failed, and what it deployed is still live. Look at the gates below, then mend it forward \
             or roll back."
                .to_owned()
        }
        (ExitCode::Failed, Some(ended)) if ended.well => {
            "The deployment has failed, and `on-failure` has run. See that what is live now is well.".to_owned()
        }
        (ExitCode::Failed, Some(ended)) => format!(
            "The deployment has failed, and so has `on-failure` ({}): nobody knows what is live. Look at once.",
            ended.detail
        ),
        _ => {
            "Stopped before the gates had their result. Another candidate judges them, or the deployment is cancelled; the \
             verdict says which."
                .to_owned()
        }
    }
}

/// Tells what the gates came to; the exit code is worse than the one told where later steps cannot be told.
pub(crate) fn judged(
    config: &Config,
    judgement: &Judgement,
    about: &About,
    told: &Told,
    voice: &Voice,
) -> ExitCode {
    let report = Report::new(judgement, about, &config.redactor);
    for annotation in report.annotations() {
        annotate(annotation.level, &annotation.text, voice);
    }
    if let Some(roll_back) = report.alert().and_then(|alert| alert.roll_back) {
        voice.error(&roll_back);
    }
    if let Some(bar) = &told.bar {
        voice.error(&format!("{bar}. {}", told.now));
    }
    voice.say(&report.headline());
    let junit = config.junit.as_ref();
    let files = [
        (
            "report",
            Some(&config.report),
            format!("{:#}\n", report.json()),
        ),
        ("junit", junit, report.junit()),
    ];
    for (input, path, text) in files {
        // The result of the gates stands, whoever can read of it.
        if let Some((path, Err(error))) =
            path.map(|path| (path, actions_kit::write_whole(path, &text)))
        {
            voice.error(&format!(
                "`{input}`: failed to write {}: {error}",
                path.display()
            ));
        }
    }
    let result = match &told.bar {
        Some(_) => "fail",
        None => report::result(judgement),
    };
    let mut outputs = Outputs::new();
    outputs
        .set("result", result)
        .set("failed", report::failed(judgement).join(","))
        .set("report", config.report.display().to_string())
        .set(
            "junit",
            junit
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
        );
    let mut summary = Summary::new();
    if let Some(bar) = &told.bar {
        summary.paragraph(&format!("{} {}", Status::Fail.sign(), markdown::text(bar)));
    }
    summary.append(&report.summary(&told.now));
    runbook(told.exit, &mut summary);
    for channel in &told.alerted {
        summary.paragraph(&alerted(channel));
        if !channel.told {
            voice.warning(&format!(
                "nobody was told by {}, the result of the gates stands: {}",
                channel.channel, channel.detail
            ));
        }
    }
    if !told.last_lines.is_empty() {
        let from = told.last_lines.len().saturating_sub(LAST_LINES);
        summary.folded(
            "The last lines of on-failure",
            &told.last_lines[from..].join("\n"),
        );
    }
    finish(config, &outputs, &summary, told.exit, voice)
}

/// How people were told by one way, for the summary.
fn alerted(channel: &Channel) -> String {
    let (sign, words) = if channel.told {
        (Status::Pass.sign(), "people were told")
    } else {
        (Status::Warn.sign(), "nobody was told")
    };
    format!(
        "{sign} Alert: {words} by {}: {}",
        markdown::code(&channel.channel),
        markdown::text(&channel.detail)
    )
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
    let told = Told {
        exit: ExitCode::ServiceUnavailable,
        bar: Some(format!("the store is out of reach: {error}")),
        now: "The release is deployed, and nobody has judged it: mend the way to the store; another candidate judges the \
              gates meanwhile, or the verdict ends the deployment as `gates_missing`."
            .to_owned(),
        last_lines: Vec::new(),
        alerted: Vec::new(),
    };
    bar(config, &told, voice)
}

/// Something stands before the gates.
pub(crate) fn bar(config: &Config, told: &Told, voice: &Voice) -> ExitCode {
    let headline = told.bar.as_deref().unwrap_or("nothing was judged");
    let stopped = matches!(told.exit, ExitCode::Interrupted | ExitCode::Terminated);
    let level = if stopped {
        Level::Warning
    } else {
        Level::Error
    };
    annotate(level, &format!("{headline}. {}", told.now), voice);
    let sign = if stopped { Status::Warn } else { Status::Fail }.sign();
    let mut summary = Summary::new();
    summary.paragraph(&format!("{sign} {}", markdown::text(headline)));
    summary.paragraph(&format!("**What now:** {}", markdown::prose(&told.now)));
    runbook(told.exit, &mut summary);
    let result = if stopped { "stopped" } else { "fail" };
    finish(config, &empty(result), &summary, told.exit, voice)
}

/// Leads to what to do about an end that was not well.
fn runbook(exit: ExitCode, summary: &mut Summary) {
    let section = match exit {
        ExitCode::Failed => Some(Section::HEALTH_CHECKS_FAILING),
        exit => Section::of_exit(exit),
    };
    if let Some(section) = section {
        summary.paragraph(&section.line());
    }
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
            voice.error(
                "nothing is wrong with the gates, and what they decided stands: this step ends red because later steps \
                 cannot be told",
            );
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
