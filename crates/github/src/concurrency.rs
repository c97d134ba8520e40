//! Concurrency groups: who holds one, and who waits for it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::{
    Client, GitHubError, Run, RunFilter, RunStatus, Unknown,
    moment::moment,
    resource::{Resource, segment},
};

const READ: &str = "actions: read";

/// A concurrency group that is active.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ConcurrencyGroup {
    /// Its name.
    #[serde(rename = "group_name")]
    pub name: String,
    /// Who holds it and who waits, in the queue's order.
    #[serde(rename = "group_members")]
    pub members: Vec<GroupMember>,
    #[serde(rename = "total_count")]
    total: usize,
}

/// A run, or one job of a run, in a concurrency group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GroupMember {
    /// The run's id.
    pub run_id: u64,
    /// What people see of the run.
    #[serde(default)]
    pub run_name: Option<String>,
    /// The run's page, for people.
    #[serde(default)]
    pub run_html_url: Option<String>,
    /// The job's id, where the group is a job's.
    #[serde(default)]
    pub job_id: Option<u64>,
    /// The job's name, where the group is a job's.
    #[serde(default)]
    pub job_name: Option<String>,
    /// Whether it holds the group.
    #[serde(default)]
    pub status: MemberStatus,
}

/// Whether a member of a group holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberStatus {
    /// It does.
    InProgress,
    /// It waits.
    Pending,
    /// Something that this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A group in the list of a repository's active groups.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ActiveGroup {
    /// Its name.
    #[serde(rename = "group_name")]
    pub name: String,
    /// When somebody last got it, where somebody has.
    #[serde(default, deserialize_with = "moment")]
    pub last_acquired_at: Option<DateTime<Utc>>,
}

/// Who is in a concurrency group, as far as the server can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occupancy {
    /// Nobody: the group is inactive.
    Idle,
    /// These.
    Group(ConcurrencyGroup),
    /// The server knows no groups (GitHub Enterprise Server): every run of the repository that is not over, of whatever
    /// workflow and group.
    ActiveRuns(Vec<Run>),
}

impl Client {
    /// Who is in the concurrency group `group` of the repository.
    ///
    /// `GET /repos/{owner}/{repo}/actions/concurrency_groups/{concurrency_group_name}`
    /// (<https://docs.github.com/rest/actions/concurrency-groups#get-a-concurrency-group-for-a-repository>), where 404
    /// means an idle group; on GitHub Enterprise Server, which has none (design §11), [`Client::active_runs`];
    /// `actions: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`] but [`GitHubError::NotFound`] for an idle group.
    pub async fn occupancy(
        &self,
        owner: &str,
        repo: &str,
        group: &str,
    ) -> Result<Occupancy, GitHubError> {
        if !self.is_cloud() {
            return Ok(Occupancy::ActiveRuns(self.active_runs(owner, repo).await?));
        }
        let path = format!("/actions/concurrency_groups/{}", segment(group)?);
        let what = Resource::of_repository(owner, repo, &path, READ)?;
        let group: ConcurrencyGroup = match self.get(&what, "", self.deadline()).await {
            Ok((group, _)) => group,
            Err(GitHubError::NotFound { .. }) => return Ok(Occupancy::Idle),
            Err(error) => return Err(error),
        };
        if group.members.len() < group.total {
            return Err(self.unknown(Unknown::Incomplete {
                got: group.members.len(),
                total: group.total,
            }));
        }
        Ok(Occupancy::Group(group))
    }

    /// The repository's active concurrency groups.
    ///
    /// `GET /repos/{owner}/{repo}/actions/concurrency_groups`
    /// (<https://docs.github.com/rest/actions/concurrency-groups#list-concurrency-groups-for-a-repository>);
    /// `actions: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`]; [`GitHubError::NotFound`] on GitHub Enterprise Server.
    pub async fn active_groups(
        &self,
        owner: &str,
        repo: &str,
    ) -> Result<Vec<ActiveGroup>, GitHubError> {
        let what = Resource::of_repository(owner, repo, "/actions/concurrency_groups", READ)?;
        self.by_cursor(&what, |group: &ActiveGroup| group.name.clone())
            .await
    }

    /// Every run of the repository that is in progress, queued, waiting or pending, oldest first: one request each,
    /// because GitHub filters by one status at a time. A run that changes its status in between comes once.
    ///
    /// # Errors
    /// As [`Client::runs`].
    pub async fn active_runs(&self, owner: &str, repo: &str) -> Result<Vec<Run>, GitHubError> {
        let mut runs = BTreeMap::new();
        // Along a run's own way: one that moves on between two questions comes twice. The other way round, both would
        // miss it.
        for status in RunStatus::ACTIVE.into_iter().rev() {
            let filter = RunFilter {
                status: Some(status),
                ..RunFilter::default()
            };
            let found = self.runs(owner, repo, filter).await?;
            runs.extend(found.into_iter().map(|run| (run.id, run)));
        }
        Ok(runs.into_values().collect())
    }
}
