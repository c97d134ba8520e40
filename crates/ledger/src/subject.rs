//! The one line that tells a person what an entry says: the subject of its commit, so that `git log` reads as an audit
//! trail.

use crate::{AttemptOutcome, Entry, Event, Outcome, PreflightResult};

impl Entry {
    /// One line in plain words, without a line break, naming the deployment last.
    pub fn subject(&self) -> String {
        let who = self
            .by
            .as_ref()
            .map_or_else(|| "verdict or a person".to_owned(), ToString::to_string);
        let told = match &self.event {
            Event::Announced { candidates, .. } => format!("{who} is ready, one of {candidates}"),
            Event::DeploymentStarted => format!("{who} starts the deployment of {}", self.deployment.version),
            Event::Queued { behind, holder } => format!("{who} waits behind {behind} on {holder}"),
            Event::Preflight { result: PreflightResult::Pass, .. } => format!("{who} is fit"),
            Event::Preflight { result: PreflightResult::Fail, failed } => {
                format!("{who} is unfit: {}", failed.join(", "))
            }
            Event::AttemptStarted { number } => format!("{who} runs attempt {number}"),
            Event::AttemptFinished { party, number, outcome, detail, ran } => {
                let ended = match outcome {
                    AttemptOutcome::Succeeded => "succeeded",
                    AttemptOutcome::ExitCode | AttemptOutcome::Signal => "failed",
                    AttemptOutcome::Timeout => "timed out",
                    AttemptOutcome::Stopped => "was stopped",
                    AttemptOutcome::Fenced => "was killed: the lease could not be renewed",
                    AttemptOutcome::Lost => "was lost with its holder",
                };
                let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
                format!("attempt {number} of {party} {ended}{detail} after {} s", ran.as_secs())
            }
            Event::Failover { from, to, reason } => match from {
                Some(from) => format!("{to} takes over from {from}: {reason}"),
                None => format!("{to} takes over: {reason}"),
            },
            Event::TransferRequested { actor, reason } => format!("{actor} asks for a transfer: {reason}"),
            Event::Signalled { signal } => format!("{who} was told to stop by {signal}"),
            Event::OnFailureStarted => format!("{who} runs on-failure"),
            Event::OnFailureFinished { succeeded: true, .. } => format!("on-failure of {who} succeeded"),
            Event::OnFailureFinished { detail, .. } => format!("on-failure of {who} failed ({detail})"),
            Event::Held { reason, detail } => format!("held for a person to decide: {reason}: {detail}"),
            Event::DeploymentFinished { outcome, reason, detail } => {
                let ended = match outcome {
                    Outcome::Succeeded => "succeeded",
                    Outcome::Failed => "failed",
                    Outcome::Cancelled => "was cancelled",
                    Outcome::Held => "is held back",
                    Outcome::Superseded => "was superseded",
                    Outcome::NeverClaimed => "never began",
                };
                let reason = reason.map(|r| format!(" ({r})")).unwrap_or_default();
                let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
                format!("deployment {ended}{reason}{detail}")
            }
            Event::Unknown => "an event of a newer version".to_owned(),
        };
        let line: String = format!("{told} [{}]", self.deployment.id)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        line
    }
}
