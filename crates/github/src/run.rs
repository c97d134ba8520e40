//! Workflow runs: who runs, who waits, and calling one off.

use chrono::{DateTime, SecondsFormat, Utc};
use http::StatusCode;
use serde::Deserialize;

use crate::{
    Client, Conclusion, GitHubError, Status,
    moment::moment,
    resource::{Resource, value},
};

const READ: &str = "actions: read";

/// One run of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Run {
    /// `GITHUB_RUN_ID`.
    pub id: u64,
    /// The workflow's name.
    #[serde(default)]
    pub name: Option<String>,
    /// What people see of this run: its `run-name`, or the commit's subject.
    #[serde(default)]
    pub display_title: Option<String>,
    /// The workflow's file: `.github/workflows/ci.yml`, with `@<ref>` behind it where GitHub says so.
    #[serde(default)]
    pub path: Option<String>,
    /// `GITHUB_RUN_NUMBER`: counted per workflow file.
    pub run_number: u64,
    /// `GITHUB_RUN_ATTEMPT`.
    #[serde(default)]
    pub run_attempt: Option<u64>,
    /// What started it: `push`.
    #[serde(default)]
    pub event: Option<String>,
    /// How far it is.
    #[serde(default, deserialize_with = "status")]
    pub status: Status,
    /// How it ended, where it has.
    #[serde(default)]
    pub conclusion: Option<Conclusion>,
    /// The branch, or a tag's name; nothing for a run that has none.
    #[serde(default)]
    pub head_branch: Option<String>,
    /// The commit.
    #[serde(default)]
    pub head_sha: Option<String>,
    /// When the run began, its first attempt.
    #[serde(default, deserialize_with = "moment")]
    pub created_at: Option<DateTime<Utc>>,
    /// When its newest attempt began.
    #[serde(default, deserialize_with = "moment")]
    pub run_started_at: Option<DateTime<Utc>>,
    /// When it last changed.
    #[serde(default, deserialize_with = "moment")]
    pub updated_at: Option<DateTime<Utc>>,
    /// Its page, for people.
    #[serde(default)]
    pub html_url: Option<String>,
}

/// Which runs are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those that are so far; nothing: all.
    pub status: Option<RunStatus>,
    /// Only those that were created then; nothing: whenever.
    pub created: Option<Created>,
}

/// How far a run is, as far as one can ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Runs.
    InProgress,
    /// Waits for a runner.
    Queued,
    /// Is about to be queued.
    Requested,
    /// Waits for an approval.
    Waiting,
    /// Waits for its concurrency group.
    Pending,
}

/// When runs were created that are asked for
/// (<https://docs.github.com/search-github/getting-started-with-searching-on-github/understanding-the-search-syntax#query-for-dates>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// Then or later.
    Since(DateTime<Utc>),
    /// Then or earlier.
    Until(DateTime<Utc>),
}

/// What came of calling a run off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// GitHub has taken it on (202). The run ends later, so read it back.
    Accepted,
    /// It cannot be called off (409): it has ended already, most likely.
    Conflict {
        /// GitHub's own words.
        message: String,
    },
}

impl RunStatus {
    /// Every state in which a run is not over, or has not begun, and takes or will take its place.
    pub const ACTIVE: [RunStatus; 4] = [
        RunStatus::InProgress,
        RunStatus::Queued,
        RunStatus::Waiting,
        RunStatus::Pending,
    ];

    fn as_str(self) -> &'static str {
        match self {
            RunStatus::InProgress => "in_progress",
            RunStatus::Queued => "queued",
            RunStatus::Requested => "requested",
            RunStatus::Waiting => "waiting",
            RunStatus::Pending => "pending",
        }
    }
}

impl RunFilter {
    fn query(&self) -> String {
        let mut query = "exclude_pull_requests=true".to_owned();
        if let Some(status) = self.status {
            query.push_str(&format!("&status={}", status.as_str()));
        }
        let at = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let created = self.created.map(|created| match created {
            Created::Since(since) => format!(">={}", at(since)),
            Created::Until(until) => format!("<={}", at(until)),
        });
        if let Some(created) = created {
            query.push_str(&format!("&created={}", value(&created)));
        }
        query
    }
}

impl Client {
    /// The repository's runs, newest first. GitHub shows at most 1,000 of a filtered list: one that is longer is
    /// [`Unknown::Incomplete`](crate::Unknown::Incomplete).
    ///
    /// `GET /repos/{owner}/{repo}/actions/runs`
    /// (<https://docs.github.com/rest/actions/workflow-runs#list-workflow-runs-for-a-repository>); `actions: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn runs(
        &self,
        owner: &str,
        repo: &str,
        filter: RunFilter,
    ) -> Result<Vec<Run>, GitHubError> {
        let what = Resource::of_repository(owner, repo, "/actions/runs", READ)?;
        self.listed(&what, &filter.query(), |run: &Run| run.id)
            .await
    }

    /// One run: how far it is now.
    ///
    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}`
    /// (<https://docs.github.com/rest/actions/workflow-runs#get-a-workflow-run>); `actions: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn run(&self, owner: &str, repo: &str, run_id: u64) -> Result<Run, GitHubError> {
        let path = format!("/actions/runs/{run_id}");
        let what = Resource::of_repository(owner, repo, &path, READ)?;
        let query = "exclude_pull_requests=true";
        Ok(self.get(&what, query, self.deadline()).await?.0)
    }

    /// Calls a run off. Sent once: where there is no answer, [`Client::run`] says what came of it.
    ///
    /// `POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel`
    /// (<https://docs.github.com/rest/actions/workflow-runs#cancel-a-workflow-run>); `actions: write`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn cancel_run(
        &self,
        owner: &str,
        repo: &str,
        run_id: u64,
    ) -> Result<Cancel, GitHubError> {
        let path = format!("/actions/runs/{run_id}/cancel");
        let what = Resource::of_repository(owner, repo, &path, "actions: write")?;
        let answer = self.post(&what).await?;
        match answer.status {
            StatusCode::ACCEPTED => Ok(Cancel::Accepted),
            StatusCode::CONFLICT => Ok(Cancel::Conflict {
                message: self.message(&answer),
            }),
            _ => Err(self.refused(&what, &answer)),
        }
    }
}

/// The description lets a run have no status.
fn status<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Status, D::Error> {
    Ok(Option::<Status>::deserialize(deserializer)?.unwrap_or_default())
}
