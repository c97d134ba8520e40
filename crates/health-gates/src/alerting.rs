//! Waking a person where the gates fail and no verdict does it.

use std::time::Duration;

use gates::judgement::Judgement;
use health_gates::report::{About, Report};
use ledger::{AlertKind, Channel};
use leg::{Section, Voice};
use notify::{Link, Named, News};
use tokio::time::Instant;

use crate::config::Config;

/// How long telling may take: the result is known, and the step waits with it.
const WITHIN: Duration = Duration::from_secs(30);

/// How long Alertmanager shows it: no ledger remembers it, so nobody will say that it is over.
const STANDS_FOR: Duration = Duration::from_secs(3600);

/// How many gates the key names.
const NAMED: usize = 10;

/// Tells people where a required gate failed, by every way that is set; nobody where nothing failed.
pub(crate) async fn tell(
    config: &Config,
    judgement: &Judgement,
    about: &About,
    voice: &Voice,
) -> Vec<Channel> {
    let channels = &config.alerts.channels;
    let report = Report::new(judgement, about, &config.redactor);
    let Some(alert) = report.alert().filter(|_| !channels.is_empty()) else {
        return Vec::new();
    };
    voice.say("telling people that the gates failed");
    let news = news(config, &report, alert.title);
    channels.tell(&news, Instant::now() + WITHIN).await
}

/// This step, told from others of the same run: by its job, its leg, and what it judges.
fn step(config: &Config, job: &str) -> String {
    let gates: Vec<&str> = config
        .gates
        .iter()
        .take(NAMED)
        .map(|gate| gate.name.as_str())
        .collect();
    format!("{job}/{}: {}", config.alerts.candidate, gates.join(", "))
}

fn news(config: &Config, report: &Report, title: String) -> News {
    let context = &config.context;
    let failures = report.evidence();
    let names: Vec<&str> = failures
        .iter()
        .take(NAMED)
        .map(|(name, _)| name.as_str())
        .collect();
    let job = context.job.as_deref().unwrap_or_default();
    // Two steps of one job that fail for the same gates have the same to tell.
    let key = format!(
        "gates {} {job} {}: {}",
        config.alerts.deployment,
        config.alerts.candidate,
        names.join(", ")
    );
    let own = |text: &Option<String>| text.clone().unwrap_or_default();
    News {
        title,
        environment: config.target.clone(),
        repository: context
            .repository
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        lock: config.alerts.lock.clone(),
        deployment: config.alerts.deployment.clone(),
        step: step(config, job),
        workflow: context.workflow_name().to_owned(),
        branch: context.branch().to_owned(),
        actor: own(&context.actor),
        outcome: "failed".to_owned(),
        reason: "gates".to_owned(),
        detail: report.detail(),
        what_now: "Look at the gates that failed: this step has changed nothing.".to_owned(),
        runbook: Section::HEALTH_CHECKS_FAILING.url(),
        runners: context
            .runner_name
            .iter()
            .map(|name| Named {
                name: name.clone(),
                seen: "asked from here".to_owned(),
            })
            .collect(),
        failed_gates: failures
            .into_iter()
            .map(|(name, seen)| Named { name, seen })
            .collect(),
        links: context
            .run_url()
            .map(|url| Link {
                name: "the run".to_owned(),
                url,
            })
            .into_iter()
            .collect(),
        stands_for: Some(STANDS_FOR),
        ..News::new(AlertKind::DeploymentFailed, key)
    }
}
