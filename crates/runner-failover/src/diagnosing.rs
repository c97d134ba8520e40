//! Diagnostics of this host, left behind by a leg that did not end well (design §8, the output `diagnostics`).
//!
//! Everything that others wait for is done before: the record is written, the outputs and the summary are told. A
//! failure here is a warning, and never changes how the leg ended.

use std::path::PathBuf;

use actions_kit::Outputs;
use diagnostics::{About, Part, Reach, Subject, WITHIN, gather};
use lease::protocol::Conclusion;
use leg::Voice;
use supervisor::signals::Signals;
use tokio::time::Instant;

use crate::{
    config::{Config, DeployMode, Lock},
    report::Report,
    story::Story,
};

/// The output that names the folder.
pub(crate) const OUTPUT: &str = "diagnostics";

/// What is known of the end.
pub(crate) struct End<'a> {
    pub(crate) report: &'a Report,
    pub(crate) story: &'a Story,
    pub(crate) last_lines: &'a [String],
}

/// Whether this host is worth a look: the leg did not end well, and it carried the deployment or could not reach the
/// store. A leg that was told to stop has no time for it: GitHub kills it 10 s after the first signal, and its runner is
/// rarely to blame.
pub(crate) fn is_due(conclusion: &Conclusion, report: &Report, carried: bool) -> bool {
    use actions_kit::ExitCode;
    match conclusion {
        Conclusion::Signalled { .. } => false,
        Conclusion::StoreLost(_) => true,
        _ => carried && report.exit != ExitCode::Success,
    }
}

/// Gathers them, writes them and tells where they are; nothing where that failed or a signal came.
pub(crate) async fn leave(
    config: &Config,
    lock: &Lock,
    mode: &DeployMode,
    end: &End<'_>,
    voice: &Voice,
) -> Option<PathBuf> {
    voice.say("looking at this host for the diagnostics");
    let left = gathered(config, lock, mode, end, voice).await;
    let shown = left.as_ref().map(|path| path.display().to_string());
    if let Some(path) = &shown {
        voice.say(&format!("the diagnostics of this host are in {path}"));
    }
    let mut outputs = Outputs::new();
    outputs.set(OUTPUT, shown.unwrap_or_default());
    if let Err(error) = outputs.write(&config.environment) {
        let error = anyhow::Error::from(error);
        voice.warning(&format!("failed to {error:#}"));
    }
    left
}

async fn gathered(
    config: &Config,
    lock: &Lock,
    mode: &DeployMode,
    end: &End<'_>,
    voice: &Voice,
) -> Option<PathBuf> {
    let subject = subject(config, lock, mode, end);
    let gathering = gather(&subject, Instant::now() + WITHIN);
    let bundle = match Signals::listen() {
        Ok(mut signals) => tokio::select! {
            bundle = gathering => bundle,
            signal = signals.next() => {
                voice.warning(&format!("told to stop by {signal}: the diagnostics are left out"));
                return None;
            }
        },
        Err(_) => gathering.await,
    };
    match bundle.write(&leg::own_folder(&mode.temp), &config.redactor) {
        Ok(path) => Some(path),
        Err(error) => {
            voice.warning(&format!(
                "failed to leave the diagnostics: failed to {error}"
            ));
            None
        }
    }
}

fn subject(config: &Config, lock: &Lock, mode: &DeployMode, end: &End<'_>) -> Subject {
    let candidate = &mode.candidate;
    let entries = &end.story.entries;
    Subject {
        about: About {
            deployment: candidate.deployment.id.clone(),
            environment: config.target.clone(),
            version: candidate.deployment.version.clone(),
            candidate: candidate.me.candidate,
            role: candidate.me.role.to_string(),
            runner: candidate.me.runner.clone(),
            instance: candidate.instance.clone(),
            ended: end.report.headline.clone(),
            at: leg::wall(),
        },
        environment: config.environment.clone(),
        root: "/".into(),
        temp: mode.temp.clone(),
        reach: to_reach(config, lock),
        preflight: leg::own_folder(&mode.temp).join("preflight.json"),
        history: if entries.is_empty() {
            Part::none("the store did not tell the ledger's entries at the end")
        } else {
            Part::Had(entries.clone())
        },
        last_lines: end.last_lines.to_vec(),
    }
}

/// What a leg cannot do without: the store's server, GitHub's API, and the proxy where there is one.
fn to_reach(config: &Config, lock: &Lock) -> Vec<Reach> {
    let place = lock.place.text();
    let proxy = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"]
        .iter()
        .find_map(|name| config.environment.get(name));
    let api = config
        .context
        .api_url
        .as_deref()
        // Under act nothing is GitHub's: its address there is a mere word.
        .filter(|_| !config.context.is_act);
    [
        ("the store", place.strip_prefix("git ")),
        ("GitHub's API", api),
        ("the proxy", proxy),
    ]
    .into_iter()
    .filter_map(|(what, url)| Reach::of_url(what, url?))
    .collect()
}
