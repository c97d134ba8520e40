//! Mode `verdict`: watches from another runner, ends what nobody else will, and gives the run its true conclusion.

use std::{cell::Cell, pin::pin, time::Duration};

use actions_kit::{ExitCode, Outputs, Summary, command::Level, markdown};
use anyhow::Context as _;
use lease::{
    protocol::{Conclusion, Watcher, WatcherConfig},
    shell,
};
use ledger::{AlertKind, Deployment, Outcome};
use leg::{Section, ThisHost, Voice};
use supervisor::signals::{Received, Signals};
use tokio::{sync::watch, time::Instant};

use crate::{
    alerting::{self, Alerting, Told},
    closing,
    config::{Config, Lock, VerdictMode},
    news,
    queue::{self, CountingHands, Queue},
    report::{self, About, Report},
    rerun,
    story::Story,
};

/// What the summary calls the alert that a deployment did not end well.
const ALERT: &str = "alert";

/// What it calls the alert that too many deployments wait.
const QUEUE: &str = "alert of a deep queue";

/// What it calls the news that an alert is over.
const OVER: &str = "all-clear";

/// How long people may still be told once this process was told to stop: GitHub sends SIGINT, 7.5 s later SIGTERM, and
/// kills 2.5 s after that.
const AFTER_A_SIGNAL: Duration = Duration::from_secs(4);

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
    let mut stopping = Stopping {
        signals: Signals::listen().context("listen for signals")?,
        voice,
        told: None,
    };
    let channels = mode.alerts.channels(&config.redactor);
    let alerting = |store| Alerting {
        channels: &channels,
        store,
        timing: lock.timing,
        voice,
    };
    let deployment = &mode.watcher.deployment;
    let stopped = |received: Received, told: &[(&str, Told)]| {
        let (report, story) = (told_to_stop(received), Story::default());
        tell(config, lock, deployment, &report, &story, told, voice)
    };
    let opening = async {
        let kind = rerun::kind(config, deployment, None, voice).await;
        voice.say(&format!(
            "judging {} of {}, store {}",
            deployment.id,
            lock.name,
            lock.place.text()
        ));
        let timing = &lock.timing;
        let opened = lock
            .place
            .open(&lock.name, timing.request_timeout, timing.poll);
        (kind, opened.await)
    };
    let (kind, opened) = tokio::select! {
        biased;
        received = stopping.signals.next() => return Ok(stopped(received, &[])),
        opened = opening => opened,
    };
    let store = match opened {
        Ok(store) => store,
        Err(error) => {
            let report = report::store_lost(&error.to_string());
            let story = Story::default();
            let news = news::of_deployment(config, lock, deployment, &report, &story);
            let mut told = Vec::new();
            let alerting = alerting(None);
            let telling = async {
                told.push((ALERT, alerting.alert(deployment, &news).await));
            };
            let cut = stopping.bound(telling).await;
            told.extend(cut.map(|cut| (ALERT, cut)));
            return Ok(tell(
                config, lock, deployment, &report, &story, &told, voice,
            ));
        }
    };
    let mut actor = Watcher::new(WatcherConfig {
        rerun: kind,
        ..mode.watcher.clone()
    });
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
                received = stopping.signals.next() => break Err(received),
                conclusion = &mut watching => break Ok(conclusion),
                deep = &mut queue, if told.is_empty() => told.push((QUEUE, deep)),
            }
        }
    };
    let conclusion = match ended {
        Ok(conclusion) => conclusion.context("come to a conclusion")?,
        Err(received) => return Ok(stopped(received, &told)),
    };
    let id = match &conclusion {
        Conclusion::Judged(verdict) => verdict.deployment.clone(),
        _ => deployment.id.clone(),
    };
    let mut story = actor
        .seen()
        .map(|seen| Story::of(seen, &id))
        .unwrap_or_default();
    let reading = async { story = Story::read_or(&store, &id, actor.seen(), voice).await };
    // Else what was seen while it was watched has to do.
    stopping.bound(reading).await;
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
    let (wakes, succeeded) = (
        wakes(&report),
        report.outcome == Outcome::Succeeded.to_string(),
    );
    let alerting = alerting(Some(&store));
    // Telling takes a while, and may be cut short: the log has the result by then.
    if wakes {
        voice.say(&report.headline);
    }
    // Whoever waits for what became of the deployment does not wait until the queue was told too.
    let of_the_queue = async {
        let begun = telling.get() && told.is_empty();
        if begun { Some(queue.await) } else { None }
    };
    let of_the_deployment = async {
        if wakes {
            Some(alerting.alert(judged, &news).await)
        } else {
            None
        }
    };
    let of_what_is_over = async {
        let seen = actor.seen()?;
        let mut open = seen.tip.open_alerts();
        let at_github = if open.any(|alert| alert.kind == AlertKind::QueueDeep) {
            queue::at_github(config, mode.concurrency_group.as_deref(), voice).await
        } else {
            0
        };
        let over = alerting::over(seen, &id, succeeded, at_github);
        if over.is_empty() {
            return None;
        }
        let lock = lock.name.as_str();
        Some(alerting.resolve(judged, &over, lock, &news).await)
    };
    let mut done = None;
    let all = async {
        done = Some(tokio::join!(
            of_the_queue,
            of_the_deployment,
            of_what_is_over
        ))
    };
    let cut = stopping.bound(all).await;
    if let Some((deep, alert, over)) = done {
        told.extend(deep.map(|told| (QUEUE, told)));
        told.extend(alert.map(|told| (ALERT, told)));
        told.extend(over.map(|told| (OVER, told)));
    }
    told.extend(cut.map(|cut| (ALERT, cut)));
    Ok(tell(
        config, lock, deployment, &report, &story, &told, voice,
    ))
}

/// Watches for the signal after which this process has [`AFTER_A_SIGNAL`] left, whatever it still has to do.
struct Stopping<'a> {
    signals: Signals,
    voice: &'a Voice,
    told: Option<(Received, Instant)>,
}

impl Stopping<'_> {
    /// Lets `work` come to its end where a signal does not cut it short; what people are to know where one does.
    async fn bound(&mut self, work: impl Future<Output = ()>) -> Option<Told> {
        let mut work = pin!(work);
        let (received, end) = match self.told {
            Some(told) => told,
            None => tokio::select! {
                biased;
                () = &mut work => return None,
                received = self.signals.next() => {
                    self.voice.say(&format!(
                        "told to stop by {received}: people have {} s more to be told",
                        AFTER_A_SIGNAL.as_secs()
                    ));
                    *self.told.insert((received, Instant::now() + AFTER_A_SIGNAL))
                }
            },
        };
        tokio::time::timeout_at(end, work).await.err()?;
        Some(Told {
            notes: vec![format!(
                "told to stop by {received} before it was known whether people were told: run the verdict again, which \
                 tells them if nobody has"
            )],
            ..Told::default()
        })
    }
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
        section: Some(Section::CANCELLED),
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
    report.tell_what_now(&mut summary);
    let runbook = config.runbook.as_ref().filter(|_| report.now.is_some());
    if let Some(runbook) = runbook {
        summary.paragraph(&format!("**Your runbook:** {}", markdown::text(runbook)));
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
