//! Modes `transfer` and `unlock`: what a person may write.

use actions_kit::{ExitCode, Outputs, Summary, command::Level, markdown};
use lease::{
    protocol::{Person, PersonConfig, PersonEnd, Request},
    shell,
};
use leg::{NoHands, Section, ThisHost, Voice};

use crate::{
    closing,
    config::{Config, Lock, PersonMode},
    report::{self, Report},
};

/// Runs it.
///
/// # Errors
/// What this host lacks.
pub(crate) async fn run(
    config: &Config,
    lock: &Lock,
    mode: &PersonMode,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    let patience = lock.timing.request_timeout * 3;
    let end = match lock
        .place
        .open(&lock.name, patience, lock.timing.poll)
        .await
    {
        Err(error) => Some(PersonEnd::StoreLost(error)),
        Ok(store) => {
            let mut person = Person::new(PersonConfig {
                request: mode.request,
                actor: mode.actor.clone(),
                reason: mode.reason.clone(),
                deployment: mode.deployment.clone(),
                resend_after: lock.timing.resend_after,
            });
            let mut hands = NoHands(voice);
            shell::run(&mut person, &store, lock.timing.poll, &ThisHost, &mut hands).await;
            person.end().cloned()
        }
    };
    let asked = match mode.request {
        Request::Transfer => "transfer the deployment",
        Request::Unlock => "unlock",
    };
    let mut outputs = Outputs::new();
    let report = match end {
        Some(PersonEnd::Done(record)) => {
            outputs
                .set("deployment-id", record.deployment.id.clone())
                .set("fencing-token", record.token.to_string())
                .set("runner", record.holder.runner.clone());
            let id = &record.deployment.id;
            let headline = match mode.request {
                Request::Transfer => format!(
                    "asked {} to hand {id} over; its command is being stopped",
                    record.holder
                ),
                Request::Unlock => {
                    format!("{id} is ended as failed; the lock {} is free", lock.name)
                }
            };
            Report {
                level: Level::Notice,
                sign: "✅",
                ..report::refused(ExitCode::Success, headline)
            }
        }
        Some(PersonEnd::Refused(why)) => Report {
            section: Some(Section::PERSON_REFUSED),
            ..report::refused(ExitCode::Failed, format!("failed to {asked}: {why}"))
        },
        Some(PersonEnd::StoreLost(error)) => report::store_lost(&error.to_string()),
        None => Report {
            section: Some(Section::PERSON_REFUSED),
            ..report::refused(ExitCode::Failed, format!("failed to {asked}"))
        },
    };
    let mut summary = Summary::new();
    summary.paragraph(&report.line());
    report.tell_what_now(&mut summary);
    summary.paragraph(&format!(
        "{} said: {}",
        markdown::text(&mode.actor),
        markdown::text(&mode.reason)
    ));
    Ok(closing::finish(
        config, &report, &outputs, &summary, None, voice,
    ))
}
