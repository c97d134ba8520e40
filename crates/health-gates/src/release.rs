//! For a leg that deployed: judge under its lease, and end the deployment by the result.

use std::{fs, time::Duration};

use actions_kit::ExitCode;
use anyhow::Context as _;
use lease::{
    protocol::{Candidate, Conclusion, GatesConfig},
    shell,
    store::Snapshot,
};
use ledger::Outcome;
use leg::{CommandHands, ThisHost, Voice};

use crate::{
    alone::exit_of,
    config::{Config, Step},
    judging::GatesHands,
    telling,
};

/// How long a store that does not answer is waited for: as long as others wait for somebody to judge the gates.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long cleaning up behind us may take.
const TIDY_WITHIN: Duration = Duration::from_secs(15);

/// Runs it.
///
/// # Errors
/// What this host lacks: a folder for temporary files, a watchdog for `on-failure`.
pub(crate) async fn run(config: &Config, step: &Step, voice: &Voice) -> anyhow::Result<ExitCode> {
    let mut about = telling::about(config);
    about.deployment = Some(step.file.deployment_id.clone());
    about.candidate = Some(step.file.candidate);
    about.version = step.file.version.clone().unwrap_or_default();
    let output = &step.commands.output_file;
    if step.on_failure.is_some() {
        leg::make_output_file(output)
            .with_context(|| format!("make {} for on-failure", output.display()))?;
    }
    let commands = CommandHands::new(step.commands.clone(), config.redactor.clone(), voice)?;
    let mut hands = GatesHands::new(config, about.clone(), commands, voice);
    let timing = step.place.timing();
    let opened = step
        .place
        .open(&step.lock, timing.request_timeout, timing.poll)
        .await;
    let store = match opened {
        Ok(store) => store,
        Err(error) => return Ok(telling::store_lost(config, &error.to_string(), voice)),
    };
    let mut actor = Candidate::new(
        GatesConfig {
            lock: step.lock.clone(),
            deployment: step.file.deployment_id.clone(),
            me: step.me.clone(),
            token: step.token,
            on_failure: step.on_failure,
            patience: PATIENCE,
        }
        .into(),
    );
    let conclusion = shell::run(&mut actor, &store, timing.poll, &ThisHost, &mut hands)
        .await
        .context("come to a conclusion")?;
    let received = hands.commands.received;
    let (rolled_back, last_lines) = (hands.on_failure.take(), hands.commands.tail.split_off(0));
    let judgement = hands.judgement.take();
    hands.commands.close().await;
    let _gone = fs::remove_file(output);
    about.on_failure = rolled_back.as_ref().map(|ended| ended.well);
    let seen = actor.seen();
    about.last_good_version =
        seen.and_then(|seen| last_good_version(seen, &step.file.deployment_id));
    let end = End::of(&conclusion, seen.is_some_and(|seen| was_judged(seen, step)));
    let exit = match (&end, received) {
        (End::Told, _) if matches!(conclusion, Conclusion::Proceed { .. }) => ExitCode::Success,
        (End::Told, _) => ExitCode::Failed,
        (End::Stopped, Some(received)) => exit_of(received),
        (End::Stopped, None) => ExitCode::Failed,
        (End::Bar { exit, .. }, _) => *exit,
    };
    let mut told = telling::Told {
        last_lines,
        ..telling::Told::new(exit)
    };
    match (end, &judgement) {
        (End::Bar { headline, now, .. }, _) => {
            told.bar = Some(headline);
            told.now = now;
        }
        (End::Told | End::Stopped, Some(_)) => {
            told.now = telling::what_now(rolled_back.as_ref(), exit);
        }
        (End::Told | End::Stopped, None) => {
            told.bar = Some("told to stop before a gate was asked".to_owned());
            told.now = "Another candidate judges the gates once it has seen this one stop, or after `gates-deadline`; or the \
                        deployment is cancelled. The verdict says which."
                .to_owned();
        }
    }
    let code = match &judgement {
        Some(judgement) => telling::judged(config, judgement, &about, &told, voice),
        None => telling::bar(config, &told, voice),
    };
    if matches!(conclusion, Conclusion::Proceed { .. }) {
        let _late = tokio::time::timeout(TIDY_WITHIN, store.tidy()).await;
    }
    Ok(code)
}

/// The newest version before this deployment that came to a good end.
fn last_good_version(seen: &Snapshot, id: &str) -> Option<String> {
    seen.tip
        .deployments
        .iter()
        .filter(|d| d.outcome == Some(Outcome::Succeeded) && d.deployment.id != id)
        .max_by_key(|d| d.last_seq)
        .map(|d| d.deployment.version.clone())
}

/// How this step's part ended, for its words.
enum End {
    /// By the result of the gates.
    Told,
    /// By a signal.
    Stopped,
    /// By something else.
    Bar {
        headline: String,
        now: String,
        exit: ExitCode,
    },
}

impl End {
    fn of(conclusion: &Conclusion, judged_before: bool) -> End {
        let bar = |headline: String, now: &str, exit| End::Bar {
            headline,
            now: now.to_owned(),
            exit,
        };
        match conclusion {
            Conclusion::Proceed { .. }
            | Conclusion::Over {
                outcome: Outcome::Failed,
                by_me: true,
                ..
            } => End::Told,
            Conclusion::Signalled { .. } => End::Stopped,
            Conclusion::Over {
                outcome: Outcome::Succeeded,
                ..
            } if judged_before => bar(
                "the gates of this deployment have been judged already, by an earlier health-gates step".to_owned(),
                "Put all gates into one step: the first one ends the deployment. For more checks afterwards set `store: none`.",
                ExitCode::WrongInput,
            ),
            Conclusion::Over {
                outcome: Outcome::Succeeded,
                ..
            } => bar(
                "`await-gates`: the deployment has succeeded already, before a gate was judged".to_owned(),
                "Set `await-gates: true` in the step of runner-failover, so that it is called done only when the gates have passed.",
                ExitCode::WrongInput,
            ),
            Conclusion::Over {
                outcome,
                reason,
                detail,
                ..
            } => {
                let reason = reason.map(|r| format!(", {r}")).unwrap_or_default();
                let detail = if detail.is_empty() {
                    String::new()
                } else {
                    format!(": {detail}")
                };
                bar(
                    format!("the deployment has ended already ({outcome}{reason}){detail}"),
                    "The verdict tells the whole story. Nothing of this step counts any more.",
                    ExitCode::Failed,
                )
            }
            Conclusion::LostLease { to } | Conclusion::HandedOver { to, .. } => bar(
                format!("the lease is with {to} now, who judges the gates"),
                "This leg was not heard of for as long as a holder may be silent: look at its runner and at its way to \
                 the store. The verdict says how the deployment ended.",
                ExitCode::Failed,
            ),
            Conclusion::Held { detail, .. } => bar(
                format!("the lock is held until a person decides: {detail}"),
                "Look at what is deployed, then end it with runner-failover in `mode: unlock`.",
                ExitCode::Held,
            ),
            Conclusion::RollingBack { on } => bar(
                format!("on-failure runs on {on}: the gates have failed already"),
                "Wait for its end; the verdict says what came of it.",
                ExitCode::Failed,
            ),
            Conclusion::StoreLost(error) => bar(
                format!("the store was lost: {error}"),
                "The release is deployed, and nobody was told that it is healthy: look at it yourself. Mend the way to the \
                 store; another candidate judges the gates meanwhile, or the verdict ends the deployment as `gates_missing`.",
                ExitCode::ServiceUnavailable,
            ),
            Conclusion::AlreadyDeployed { .. }
            | Conclusion::QueueTimeout { .. }
            | Conclusion::NumberTaken { .. }
            | Conclusion::Unfit
            | Conclusion::Judged(_) => bar(
                "the gates came to an end that they cannot have".to_owned(),
                "Report it with the log of this step.",
                ExitCode::Failed,
            ),
        }
    }
}

/// Whether an earlier health-gates step has judged this very deployment.
fn was_judged(seen: &Snapshot, step: &Step) -> bool {
    seen.tip
        .deployment(&step.file.deployment_id)
        .is_some_and(|state| state.gates_judged)
}
