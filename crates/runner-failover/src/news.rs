//! What an alert says of a deployment: the story that the ledger tells, for somebody who was asleep.

use std::collections::BTreeMap;

use lease::store::Snapshot;
use ledger::{AlertKind, Deployment, Event, Gate, Party, TakeoverReason};
use leg::Section;
use notify::{Link, Moment, Named, News};

use crate::{
    config::{Config, Lock},
    report::Report,
    story::Story,
};

/// The key of the alert that a deployment did not end well: the same for every process that judges it.
pub(crate) fn failed_key(deployment: &str) -> String {
    format!("{deployment}/failed")
}

/// What became of `deployment`, in the words of `report`.
pub(crate) fn of_deployment(
    config: &Config,
    lock: &Lock,
    deployment: &Deployment,
    report: &Report,
    story: &Story,
) -> News {
    let state = story.state.as_ref();
    let detail = state.map(|s| s.detail.clone()).unwrap_or_default();
    // Read without anything around it: what it is about stands first.
    let (title, detail) = match report.outcome.as_str() {
        "" => (
            format!(
                "nobody knows how the deployment to {} stands",
                config.target
            ),
            format!("{}. It may still be running", report.headline),
        ),
        "held" => (
            format!(
                "deployments to {} are held until a person decides",
                config.target
            ),
            detail,
        ),
        _ => (report.headline.clone(), detail),
    };
    let mut news = News {
        title,
        outcome: report.outcome.clone(),
        reason: state
            .and_then(|s| s.reason)
            .map(|reason| reason.to_string())
            .unwrap_or_default(),
        detail,
        what_now: report.now.clone().unwrap_or_default(),
        runbook: report.section.map(Section::url).unwrap_or_default(),
        timeline: story
            .entries
            .iter()
            .map(|entry| Moment {
                at: entry.at,
                text: entry.told(),
            })
            .collect(),
        last_lines: last_lines(story),
        runners: runners(story),
        failed_checks: failed_checks(story),
        failed_gates: failed_gates(story),
        started_at: state.and_then(|s| s.started_at),
        ..News::new(AlertKind::DeploymentFailed, failed_key(&deployment.id))
    };
    identify(&mut news, config, lock, deployment);
    news
}

/// That `waiting` deployments wait, more than should.
pub(crate) fn of_queue(
    config: &Config,
    lock: &Lock,
    holder: &Deployment,
    waiting: usize,
    seen: Option<&Snapshot>,
) -> News {
    let behind: Vec<&str> = seen
        .into_iter()
        .flat_map(|seen| &seen.tip.deployments)
        .filter(|deployment| deployment.waits())
        .map(|deployment| deployment.deployment.id.as_str())
        .collect();
    let behind = match behind.as_slice() {
        // They wait at GitHub, and have told nobody of themselves.
        [] => String::new(),
        behind => format!("; behind it: {}", behind.join(", ")),
    };
    let mut news = News {
        title: format!("{waiting} deployments to {} wait behind another", config.target),
        outcome: "queue_deep".to_owned(),
        detail: format!("{} is at the head of the queue{behind}", holder.id),
        what_now: "Look at the deployment at the head of the queue: `mode: status` says what it does. Cancel the runs that \
                   nobody needs any more."
            .to_owned(),
        runbook: Section::STUCK_IN_THE_QUEUE.url(),
        ..News::new(AlertKind::QueueDeep, format!("{}/queue", holder.id))
    };
    identify(&mut news, config, lock, holder);
    news
}

fn identify(news: &mut News, config: &Config, lock: &Lock, deployment: &Deployment) {
    let context = &config.context;
    news.environment.clone_from(&config.target);
    news.repository = context
        .repository
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    news.lock = lock.name.as_str().to_owned();
    news.deployment.clone_from(&deployment.id);
    news.version.clone_from(&deployment.version);
    news.workflow.clone_from(&deployment.workflow);
    news.branch = deployment.branch().to_owned();
    news.actor.clone_from(&deployment.actor);
    if let Some(url) = run_page(config, deployment) {
        news.links.push(Link {
            name: "the run".to_owned(),
            url,
        });
    }
}

/// The page of the run that `deployment` is; where it is none, of the run that this process is part of.
fn run_page(config: &Config, deployment: &Deployment) -> Option<String> {
    let of_the_deployment = || {
        let server = config.context.server_url.as_ref()?;
        let (_, run) = deployment.run.rsplit_once('/')?;
        Some(format!(
            "{server}/{}/actions/runs/{run}",
            deployment.repository()?
        ))
    };
    of_the_deployment().or_else(|| config.run_url())
}

/// The newest that are known: a holder that was lost told none.
fn last_lines(story: &Story) -> Vec<String> {
    let attempts = story.entries.iter().rev();
    attempts
        .filter_map(|entry| match &entry.event {
            Event::AttemptFinished { last_lines, .. } if !last_lines.is_empty() => Some(last_lines),
            _ => None,
        })
        .next()
        .cloned()
        .unwrap_or_default()
}

/// Each candidate's runner, and the newest that became of it.
fn runners(story: &Story) -> Vec<Named> {
    let mut facts: BTreeMap<u32, (Party, Vec<String>)> = BTreeMap::new();
    for entry in &story.entries {
        let Some(by) = &entry.by else { continue };
        let mut said = |party: &Party, what: Option<String>| {
            let known = facts
                .entry(party.candidate)
                .or_insert_with(|| (party.clone(), Vec::new()));
            known.1.extend(what);
        };
        said(by, None);
        match &entry.event {
            Event::Signalled { signal } => said(by, Some(format!("was told to stop by {signal}"))),
            Event::Failover {
                from: Some(from),
                reason: TakeoverReason::PrimaryUnreachable,
                ..
            } => said(from, Some("fell silent".to_owned())),
            _ => {}
        }
    }
    let named = facts.into_values().map(|(party, said)| {
        let group = match party.runner_group.as_str() {
            "" => String::new(),
            group => format!(", group {group}"),
        };
        let said = match said.as_slice() {
            [] => String::new(),
            said => format!(", {}", said.join(", ")),
        };
        Named {
            name: party.runner,
            seen: format!("candidate {}, {}{group}{said}", party.candidate, party.role),
        }
    });
    named.collect()
}

/// What the last preflight of each candidate failed on.
fn failed_checks(story: &Story) -> Vec<Named> {
    let mut last = BTreeMap::new();
    for entry in &story.entries {
        if let (Some(by), Event::Preflight { failed, .. }) = (&entry.by, &entry.event) {
            last.insert(by.candidate, (by.to_string(), failed.clone()));
        }
    }
    let failed = last.into_values().flat_map(|(party, checks)| {
        checks.into_iter().map(move |check| Named {
            name: check,
            seen: format!("on {party}"),
        })
    });
    failed.collect()
}

fn failed_gates(story: &Story) -> Vec<Named> {
    let judged = story.entries.iter().rev();
    let newest: Option<&Vec<Gate>> = judged
        .filter_map(|entry| match &entry.event {
            Event::Gates { gates } => Some(gates),
            _ => None,
        })
        .next();
    let failed = newest
        .into_iter()
        .flatten()
        .filter(|gate| gate.status.failed());
    failed
        .map(|gate| Named {
            name: gate.service.clone(),
            seen: gate.seen.clone(),
        })
        .collect()
}
