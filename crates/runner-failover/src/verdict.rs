//! Mode `verdict`: watches from another runner, ends what nobody else will, and gives the run its true conclusion.

use actions_kit::{ExitCode, Outputs, Summary, command::Level, markdown};
use anyhow::Context as _;
use lease::{
    protocol::{Conclusion, Watcher, WatcherConfig},
    shell,
};
use leg::{NoHands, ThisHost, Voice};
use supervisor::signals::{Received, Signals};

use crate::{
    closing,
    config::{Config, Lock},
    report::{self, About, Report},
    rerun,
    story::Story,
};

/// Runs it.
///
/// # Errors
/// What this host lacks.
pub(crate) async fn run(
    config: &Config,
    lock: &Lock,
    mode: &WatcherConfig,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("listen for signals")?;
    let kind = rerun::kind(config, &mode.deployment, None, voice).await;
    let watcher = WatcherConfig {
        rerun: kind,
        ..mode.clone()
    };
    voice.say(&format!(
        "judging {} of {}, store {}",
        watcher.deployment.id,
        lock.name,
        lock.place.text()
    ));
    let store = match lock
        .place
        .open(&lock.name, lock.timing.request_timeout, lock.timing.poll)
        .await
    {
        Ok(store) => store,
        Err(error) => {
            return Ok(tell(
                config,
                lock,
                mode,
                &report::store_lost(&error.to_string()),
                &Story::default(),
                voice,
            ));
        }
    };
    let mut actor = Watcher::new(watcher);
    let mut hands = NoHands(voice);
    let ended = tokio::select! {
        biased;
        received = signals.next() => Err(received),
        conclusion = shell::run(&mut actor, &store, lock.timing.poll, &ThisHost, &mut hands) => Ok(conclusion),
    };
    let conclusion = match ended {
        Ok(conclusion) => conclusion.context("come to a conclusion")?,
        Err(received) => {
            return Ok(tell(
                config,
                lock,
                mode,
                &told_to_stop(received),
                &Story::default(),
                voice,
            ));
        }
    };
    let id = match &conclusion {
        Conclusion::Judged(verdict) => verdict.deployment.clone(),
        _ => mode.deployment.id.clone(),
    };
    let story = Story::read(&store, &id).await.unwrap_or_else(|_| {
        actor
            .seen()
            .map(|seen| Story::of(seen, &id))
            .unwrap_or_default()
    });
    let version = story.state.as_ref().map(|s| s.deployment.version.clone());
    let about = About {
        version: version.as_deref().unwrap_or(&mode.deployment.version),
        target: &config.target,
        me: "verdict".to_owned(),
        received: None,
        state: story.state.as_ref(),
    };
    let mut report = report::candidate(&conclusion, &about);
    report.now = story.unfit().or(report.now);
    Ok(tell(config, lock, mode, &report, &story, voice))
}

fn told_to_stop(received: Received) -> Report {
    Report {
        exit: if received == Received::Interrupt {
            ExitCode::Interrupted
        } else {
            ExitCode::Terminated
        },
        outcome: String::new(),
        proceed: false,
        level: Level::Warning,
        sign: "⚠️",
        headline: format!("verdict was told to stop by {received} before the deployment had ended"),
        now: Some("The ledger knows how it ends: `mode: status`.".to_owned()),
        whole_story: false,
    }
}

fn tell(
    config: &Config,
    lock: &Lock,
    mode: &WatcherConfig,
    report: &Report,
    story: &Story,
    voice: &Voice,
) -> ExitCode {
    let id = story
        .state
        .as_ref()
        .map_or(&mode.deployment.id, |s| &s.deployment.id);
    let mut outputs = Outputs::new();
    outputs
        .set("outcome", report.outcome.clone())
        .set("proceed", "false")
        .set("results", "{}");
    story.outputs(id, &mut outputs);
    let mut summary = Summary::new();
    summary.heading(&format!("Deployment to {}", config.target));
    summary.paragraph(&report.line());
    if let Some(now) = &report.now {
        summary.paragraph(&format!("**What now:** {}", markdown::prose(now)));
    }
    story.tell(&mut summary);
    let run = config
        .run_url()
        .map(|url| format!(", [the run]({url})"))
        .unwrap_or_default();
    summary.paragraph(&format!(
        "Deployment {}, lock {}{run}.",
        markdown::code(id),
        markdown::code(lock.name.as_str())
    ));
    closing::finish(config, report, &outputs, &summary, None, voice)
}
