//! Mode `expire-approvals`: cancels runs that have waited too long for somebody to approve their deployment.
//!
//! GitHub itself lets them wait for 30 days
//! (<https://docs.github.com/actions/reference/limits>), and what is approved then is no longer what anybody looked at.
//!
//! Responsible for cancelling only what waits for reviewers of this environment and runs nothing. Not responsible for
//! the lease: a run that waits has not begun, and whoever waits behind it is told nothing new.

mod calling_off;
mod telling;
mod waiting;

use std::time::Duration;

use actions_kit::{ExitCode, duration};
use chrono::{DateTime, TimeDelta, Utc};
use github::{Client, ClientOptions, GitHubError, Run, RunFilter, RunStatus};
use leg::{Section, Voice};

use crate::{
    closing,
    config::{Config, ExpireMode},
    report::{self, Report},
};
use waiting::Wait;

/// How long a cancelled run may take to end before it is left alone: another look follows at the next start.
const END_WITHIN: Duration = Duration::from_secs(20);

/// What was asked for, and whom to ask.
struct Task<'a> {
    client: Client,
    mode: &'a ExpireMode,
    environment: &'a str,
    /// The run that this is a part of.
    own_run: Option<u64>,
}

/// A run that waits, and what became of it.
#[derive(Debug)]
struct Looked {
    run: Run,
    /// Who should have approved.
    reviewers: Vec<String>,
    waited: Option<Duration>,
    fate: Fate,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Cancelled,
    /// It would have been, but for `dry-run`.
    Spared,
    /// It waits no longer than it may.
    InTime,
    /// Why it goes on though it waits for long.
    Kept(String),
    /// Why it could not be cancelled.
    Failed(String),
    /// GitHub did not answer: it may or may not be cancelled.
    Unclear(String),
}

/// Runs it.
pub(crate) async fn run(config: &Config, mode: &ExpireMode, voice: &Voice) -> ExitCode {
    let client = match Client::new(ClientOptions::new(&mode.api_url, mode.token.clone())) {
        Ok(client) => client,
        Err(error) => return finish(config, mode, &[], Some(error), voice),
    };
    let task = Task {
        client,
        mode,
        environment: &config.target,
        own_run: config.context.run_id,
    };
    let mut looked = Vec::new();
    let error = task.look_at_all(&mut looked, voice).await.err();
    finish(config, mode, &looked, error, voice)
}

impl Task<'_> {
    /// Every run that waits, the oldest first. Ends at the first question that GitHub gives no answer to: more of them
    /// would get none either.
    async fn look_at_all(
        &self,
        looked: &mut Vec<Looked>,
        voice: &Voice,
    ) -> Result<(), GitHubError> {
        let repository = &self.mode.repository;
        let filter = RunFilter {
            status: Some(RunStatus::Waiting),
            created: None,
        };
        let mut runs = self
            .client
            .runs(&repository.owner, &repository.name, filter)
            .await?;
        runs.sort_by_key(|run| run.created_at);
        voice.say(&format!(
            "runs of {repository} that wait: {}; of them began longer ago than {}: {}",
            runs.len(),
            duration::format(self.mode.max_wait),
            runs.iter().filter(|run| self.may_be_too_old(run)).count()
        ));
        for run in runs {
            if Some(run.id) == self.own_run || !self.may_be_too_old(&run) {
                continue;
            }
            match self.look_at(run.clone()).await {
                Ok(Some(seen)) => {
                    voice.say(&telling::line(&seen));
                    looked.push(seen);
                }
                Ok(None) => {}
                Err(error) if error.is_unknown() => return Err(error),
                Err(error) => looked.push(Looked {
                    run,
                    reviewers: Vec::new(),
                    waited: None,
                    fate: Fate::Failed(format!("failed to {error}")),
                }),
            }
        }
        Ok(())
    }

    /// Nobody waits longer than since the run began.
    fn may_be_too_old(&self, run: &Run) -> bool {
        match (run.created_at, self.client.server_time()) {
            (Some(created), Some(now)) => self.is_too_long(age(created, now)),
            // Its jobs know more.
            _ => true,
        }
    }

    fn is_too_long(&self, waited: Duration) -> bool {
        waited > self.mode.max_wait
    }

    /// Looks at one run, and cancels it where it must go. Nothing: it does not wait for this environment's reviewers.
    async fn look_at(&self, run: Run) -> Result<Option<Looked>, GitHubError> {
        let (owner, repo) = (&self.mode.repository.owner, &self.mode.repository.name);
        let pending = self.client.pending_deployments(owner, repo, run.id).await?;
        let Some(wait) = self.wait(&pending) else {
            return Ok(None);
        };
        let jobs = self.client.run_jobs(owner, repo, run.id).await?;
        let now = self.client.server_time();
        let since = waiting::since(&run, &jobs, &wait);
        let waited = since.zip(now).map(|(since, now)| age(since, now));
        let fate = match waited {
            None => Fate::Kept("GitHub does not tell since when it waits".to_owned()),
            Some(waited) if !self.is_too_long(waited) => Fate::InTime,
            // Cancelled with it, a deployment to another environment would be a half-finished one.
            Some(_) if waiting::works(&jobs) => {
                Fate::Kept("other jobs of it run or are about to".to_owned())
            }
            Some(_) if self.mode.dry_run => Fate::Spared,
            Some(_) => self.cancel(run.id, END_WITHIN).await?,
        };
        Ok(Some(Looked {
            run,
            reviewers: wait.reviewers,
            waited,
            fate,
        }))
    }

    fn wait(&self, pending: &[github::PendingDeployment]) -> Option<Wait> {
        waiting::for_reviewers(pending, self.environment, self.client.server_time()?)
    }
}

/// Both moments are GitHub's: this host's own clock may be wrong.
fn age(since: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (now - since)
        .max(TimeDelta::zero())
        .to_std()
        .unwrap_or_default()
}

fn finish(
    config: &Config,
    mode: &ExpireMode,
    looked: &[Looked],
    error: Option<GitHubError>,
    voice: &Voice,
) -> ExitCode {
    let report: Report = match &error {
        Some(error) => Report {
            section: Some(Section::GITHUB_OUT_OF_REACH),
            ..report::refused(
                if error.is_unknown() {
                    ExitCode::ServiceUnavailable
                } else {
                    ExitCode::Failed
                },
                format!(
                    "{}; then baton failed to {error}",
                    telling::headline(&config.target, mode, looked)
                ),
            )
        },
        None => telling::report(&config.target, mode, looked),
    };
    let summary = telling::summary(&config.target, mode, looked, &report);
    closing::finish(
        config,
        &report,
        &telling::outputs(looked),
        &summary,
        None,
        voice,
    )
}
