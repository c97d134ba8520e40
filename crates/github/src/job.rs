//! The jobs of a workflow run, as GitHub lists them.
//!
//! A tolerant reading of the schema "Job" of
//! <https://docs.github.com/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run>: what the description calls
//! required but real answers leave out or null is optional here, and a value that is new to us is kept as "unknown".

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::{Client, GitHubError, moment::moment, resource::Resource};

/// One job of a run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Job {
    /// The job's id; also that of its check run.
    pub id: u64,
    /// What people see: `deploy (1)` for a leg of a matrix, `call / deploy (1)` for one of a reusable workflow. At most
    /// about 100 characters, cut with `...`.
    pub name: String,
    /// The attempt of the run under which the job is listed. **Not** the attempt in which it ran:
    /// [`Job::carried_over`].
    #[serde(default)]
    pub run_attempt: Option<u64>,
    /// How far it is.
    #[serde(default)]
    pub status: Status,
    /// How it ended, where it has.
    #[serde(default)]
    pub conclusion: Option<Conclusion>,
    /// When it was put into this attempt.
    #[serde(default, deserialize_with = "moment")]
    pub created_at: Option<DateTime<Utc>>,
    /// When it started; equal to `created_at` while it is queued.
    #[serde(default, deserialize_with = "moment")]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, where it has.
    #[serde(default, deserialize_with = "moment")]
    pub completed_at: Option<DateTime<Utc>>,
    /// The runner it runs on; empty or nothing while there is none.
    #[serde(default)]
    pub runner_name: Option<String>,
    /// The group of that runner.
    #[serde(default)]
    pub runner_group_name: Option<String>,
    /// What its `runs-on` asks for.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for a runner.
    Queued,
    /// Runs.
    InProgress,
    /// Has ended: [`Job::conclusion`] says how.
    Completed,
    /// Waits for an approval.
    Waiting,
    /// Is about to be queued.
    Requested,
    /// Waits for its concurrency group.
    Pending,
    /// Something that this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Well.
    Success,
    /// Not well.
    Failure,
    /// Neither.
    Neutral,
    /// A person or a concurrency group stopped it.
    Cancelled,
    /// Its condition did not hold: it never ran.
    Skipped,
    /// It took longer than it may.
    TimedOut,
    /// A person must do something.
    ActionRequired,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Job {
    /// Whether this job did not run in attempt `run_attempt` of the run, though it is listed there: its result was
    /// carried over from an earlier attempt.
    ///
    /// GitHub copies such a job into the new attempt. The copy's `run_attempt` has been seen to be the new attempt
    /// (<https://github.com/PostHog/posthog/pull/65573>, <https://github.com/tenstorrent/tt-metal/pull/56278>), so an
    /// older one proves that the job was carried over, and the current one proves nothing. What tells is time: the copy
    /// is created with the new attempt, but keeps the start and the end of the job that really ran
    /// (<https://github.com/newrelic-experimental/gha-new-relic-exporter/issues/38>,
    /// <https://github.com/scribd/github-action-datadog-reporting/pull/28>), and no job ends before it was created. Both
    /// ends are compared, because a start alone can lie seconds before the creation
    /// (<https://github.com/llvm/llvm-project/pull/130941>). All three moments are GitHub's, from one clock.
    ///
    /// A skipped job never ran in any attempt and is no sign of anything.
    pub fn carried_over(&self, run_attempt: u64) -> bool {
        if self.conclusion == Some(Conclusion::Skipped) {
            return false;
        }
        let listed_under_an_older_attempt =
            self.run_attempt.is_some_and(|listed| listed < run_attempt);
        let ended_before_it_was_created =
            match (self.created_at, self.started_at, self.completed_at) {
                (Some(created), Some(started), Some(completed)) => {
                    started < created && completed < created
                }
                _ => false,
            };
        listed_under_an_older_attempt
            || (self.status == Status::Completed && ended_before_it_was_created)
    }
}

impl Client {
    /// Every job of the newest attempt of run `run_id`, whether it ran in that attempt or was carried over from an
    /// earlier one.
    ///
    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs?filter=latest`
    /// (<https://docs.github.com/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run>); the job's token needs
    /// `actions: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`]; a list that is not whole is [`Unknown::Incomplete`](crate::Unknown::Incomplete).
    pub async fn run_jobs(
        &self,
        owner: &str,
        repo: &str,
        run_id: u64,
    ) -> Result<Vec<Job>, GitHubError> {
        let path = format!("/actions/runs/{run_id}/jobs");
        let what = Resource::of_repository(owner, repo, &path, "actions: read")?;
        self.listed(&what, "filter=latest", |job: &Job| job.id)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Job {
        serde_json::from_str(text).expect("a job")
    }

    #[test]
    fn a_job_survives_values_that_this_version_does_not_know() {
        let job = read(
            r#"{"id":1,"name":"a","status":"hibernating","conclusion":"undecided","novelty":{}}"#,
        );
        assert_eq!(
            (job.status, job.conclusion),
            (Status::Unknown, Some(Conclusion::Unknown))
        );
    }

    #[test]
    fn a_job_without_a_runner_or_an_end_is_read() {
        let job = read(
            r#"{"id":1,"name":"a","status":"queued","conclusion":null,"completed_at":null,"runner_name":null,
                "runner_group_name":null,"started_at":"2026-11-21T08:00:00Z","created_at":"soon"}"#,
        );
        assert_eq!(job.completed_at, None);
        assert_eq!(
            job.created_at, None,
            "a moment that cannot be read is not known"
        );
        assert_eq!(job.runner_name, None);
    }

    #[test]
    fn a_moment_with_an_offset_is_the_moment_it_names() {
        let job = read(r#"{"id":1,"name":"a","started_at":"2020-01-20T09:42:40.000-08:00"}"#);
        assert_eq!(
            job.started_at.map(|at| at.to_rfc3339()),
            Some("2020-01-20T17:42:40+00:00".to_owned())
        );
    }
}
