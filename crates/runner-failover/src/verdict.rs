//! Mode `verdict`: watches from another runner, ends what nobody else will, and gives the run its true conclusion.

use std::{cell::Cell, pin::pin};

use actions_kit::{ExitCode, Outputs, Summary, command::Level, markdown};
use anyhow::Context as _;
use lease::{
    protocol::{Conclusion, Watcher, WatcherConfig},
    shell,
};
use ledger::{Deployment, Outcome};
use leg::{ThisHost, Voice};
use supervisor::signals::{Received, Signals};
use tokio::sync::watch;

use crate::{
    alerting::{self, Alerting, Told},
    closing,
    config::{Config, Lock, VerdictMode},
    news,
    queue::{CountingHands, Queue},
    report::{self, About, Report},
    rerun,
    story::Story,
};

/// What the summary calls the alert that a deployment did not end well.
const ALERT: &str = "alert";

/// What it calls the alert that too many deployments wait.
const QUEUE: &str = "alert of a deep queue";

/// Runs it.
///
/// # Errors
/// What this host lacks.
pub(crate) async fn run(
    config: &Config,
    lock: &Lock,
    mode: &VerdictMode,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("listen for signals")?;
    let kind = rerun::kind(config, &mode.watcher.deployment, None, voice).await;
    let watcher = WatcherConfig {
        rerun: kind,
        ..mode.watcher.clone()
    };
    let channels = mode.alerts.channels(&config.redactor);
    let alerting = |store| Alerting {
        channels: &channels,
        store,
        timing: lock.timing,
        voice,
    };
    let deployment = &mode.watcher.deployment;
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
            let report = report::store_lost(&error.to_string());
            let story = Story::default();
            let news = news::of_deployment(config, lock, deployment, &report, &story);
            let told = [(ALERT, alerting(None).alert(deployment, &news).await)];
            return Ok(tell(
                config, lock, deployment, &report, &story, &told, voice,
            ));
        }
    };
    let mut actor = Watcher::new(watcher);
    let (waiting, counted) = watch::channel(0);
    let mut hands = CountingHands { voice, waiting };
    let telling = Cell::new(false);
    let queue = Queue {
        config,
        lock,
        group: mode.concurrency_group.as_deref(),
        alerting: alerting(Some(&store)),
        deployment,
        waiting: counted,
        telling: &telling,
    };
    let mut queue = pin!(queue.watch());
    let mut told = Vec::new();
    let ended = {
        let mut watching = pin!(shell::run(
            &mut actor,
            &store,
            lock.timing.poll,
            &ThisHost,
            &mut hands
        ));
        loop {
            tokio::select! {
                biased;
                received = signals.next() => break Err(received),
                conclusion = &mut watching => break Ok(conclusion),
                deep = &mut queue, if told.is_empty() => told.push((QUEUE, deep)),
            }
        }
    };
    if telling.get() && told.is_empty() && ended.is_ok() {
        told.push((QUEUE, queue.await));
    }
    let conclusion = match ended {
        Ok(conclusion) => conclusion.context("come to a conclusion")?,
        Err(received) => {
            let (report, story) = (told_to_stop(received), Story::default());
            return Ok(tell(
                config, lock, deployment, &report, &story, &told, voice,
            ));
        }
    };
    let id = match &conclusion {
        Conclusion::Judged(verdict) => verdict.deployment.clone(),
        _ => deployment.id.clone(),
    };
    let story = Story::read(&store, &id).await.unwrap_or_else(|_| {
        actor
            .seen()
            .map(|seen| Story::of(seen, &id))
            .unwrap_or_default()
    });
    let version = story.state.as_ref().map(|s| s.deployment.version.clone());
    let about = About {
        version: version.as_deref().unwrap_or(&deployment.version),
        target: &config.target,
        me: "verdict".to_owned(),
        received: None,
        state: story.state.as_ref(),
    };
    let mut report = report::candidate(&conclusion, &about);
    report.now = story.unfit().or(report.now);
    let judged = story.state.as_ref().map_or(deployment, |s| &s.deployment);
    let news = news::of_deployment(config, lock, judged, &report, &story);
    if wakes(&report) {
        told.push((ALERT, alerting(Some(&store)).alert(judged, &news).await));
    } else if let Some(seen) = actor.seen() {
        let over = alerting::over(seen, report.outcome == Outcome::Succeeded.to_string());
        if !over.is_empty() {
            let resolving = alerting(Some(&store));
            let told_over = resolving
                .resolve(judged, &over, lock.name.as_str(), &news)
                .await;
            told.push(("all-clear", told_over));
        }
    }
    Ok(tell(
        config, lock, deployment, &report, &story, &told, voice,
    ))
}

/// Whether a person is to be woken: the deployment did not end well, is held, or nobody knows how it stands.
fn wakes(report: &Report) -> bool {
    let cancelled = Outcome::Cancelled.to_string();
    report.exit != ExitCode::Success && report.outcome != cancelled
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
    deployment: &Deployment,
    report: &Report,
    story: &Story,
    told: &[(&str, Told)],
    voice: &Voice,
) -> ExitCode {
    let id = story
        .state
        .as_ref()
        .map_or(&deployment.id, |s| &s.deployment.id);
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
    for (what, told) in told {
        told.tell(what, &mut summary, voice);
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
