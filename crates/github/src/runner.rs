//! Self-hosted runners of a repository, an organisation, and a runner group.
//!
//! `status` and `busy` are what GitHub believes, and lie both ways (design §1): they are evidence, never safety. A job's
//! own token cannot list runners.

use serde::{Deserialize, Deserializer};

use crate::{
    Client, GitHubError,
    resource::{Resource, value},
};

const REPOSITORY: &str = "administration: read";
const ORGANISATION: &str = "organization_self_hosted_runners: read";

/// One self-hosted runner.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Runner {
    /// Its id.
    pub id: u64,
    /// Its name: what the runner itself has as `RUNNER_NAME`.
    pub name: String,
    /// Its operating system, as the runner said: `linux`, `unknown`.
    #[serde(default)]
    pub os: Option<String>,
    /// Whether it is connected, as GitHub believes.
    #[serde(default)]
    pub status: RunnerStatus,
    /// Whether it runs a job, as GitHub believes.
    #[serde(default)]
    pub busy: bool,
    /// The names of its labels, those that it gave itself (`self-hosted`, `Linux`, `X64`) included.
    #[serde(default, deserialize_with = "label_names")]
    pub labels: Vec<String>,
    /// The group it is in, where the server says.
    #[serde(default)]
    pub runner_group_id: Option<u64>,
}

/// Whether a runner is connected, as GitHub believes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerStatus {
    /// It is.
    Online,
    /// It is not.
    Offline,
    /// Something that this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A group of an organisation's runners.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RunnerGroup {
    /// Its id.
    pub id: u64,
    /// Its name: what `runs-on: {group: …}` names.
    pub name: String,
    /// Whether runners are in it that are put in none.
    #[serde(default)]
    pub default: bool,
}

impl Runner {
    /// Those of `wanted` that the runner does not have. GitHub compares labels without regard to case
    /// (<https://docs.github.com/actions/how-tos/manage-runners/self-hosted-runners/apply-labels>).
    pub fn lacks<'a>(&self, wanted: &'a [String]) -> Vec<&'a str> {
        wanted
            .iter()
            .filter(|wanted| {
                !self
                    .labels
                    .iter()
                    .any(|label| label.to_lowercase() == wanted.to_lowercase())
            })
            .map(String::as_str)
            .collect()
    }
}

impl Client {
    /// The repository's own runners; only the one called `name`, where that is given. Those of its organisation are
    /// not among them.
    ///
    /// `GET /repos/{owner}/{repo}/actions/runners`
    /// (<https://docs.github.com/rest/actions/self-hosted-runners#list-self-hosted-runners-for-a-repository>);
    /// `administration: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn repository_runners(
        &self,
        owner: &str,
        repo: &str,
        name: Option<&str>,
    ) -> Result<Vec<Runner>, GitHubError> {
        let what = Resource::of_repository(owner, repo, "/actions/runners", REPOSITORY)?;
        self.listed(&what, &by_name(name), |runner: &Runner| runner.id)
            .await
    }

    /// The organisation's runners, of all its groups; only the one called `name`, where that is given.
    ///
    /// `GET /orgs/{org}/actions/runners`
    /// (<https://docs.github.com/rest/actions/self-hosted-runners#list-self-hosted-runners-for-an-organization>);
    /// `organization_self_hosted_runners: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`]; an owner that is no organisation is [`GitHubError::NotFound`].
    pub async fn organisation_runners(
        &self,
        org: &str,
        name: Option<&str>,
    ) -> Result<Vec<Runner>, GitHubError> {
        let what = Resource::of_organisation(org, "/actions/runners", ORGANISATION)?;
        self.listed(&what, &by_name(name), |runner: &Runner| runner.id)
            .await
    }

    /// The organisation's runner groups.
    ///
    /// `GET /orgs/{org}/actions/runner-groups`
    /// (<https://docs.github.com/rest/actions/self-hosted-runner-groups#list-self-hosted-runner-groups-for-an-organization>);
    /// `organization_self_hosted_runners: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn runner_groups(&self, org: &str) -> Result<Vec<RunnerGroup>, GitHubError> {
        let what = Resource::of_organisation(org, "/actions/runner-groups", ORGANISATION)?;
        self.listed(&what, "", |group: &RunnerGroup| group.id).await
    }

    /// The runners of one of the organisation's groups.
    ///
    /// `GET /orgs/{org}/actions/runner-groups/{runner_group_id}/runners`
    /// (<https://docs.github.com/rest/actions/self-hosted-runner-groups#list-self-hosted-runners-in-a-group-for-an-organization>);
    /// `organization_self_hosted_runners: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn group_runners(&self, org: &str, group: u64) -> Result<Vec<Runner>, GitHubError> {
        let path = format!("/actions/runner-groups/{group}/runners");
        let what = Resource::of_organisation(org, &path, ORGANISATION)?;
        self.listed(&what, "", |runner: &Runner| runner.id).await
    }
}

fn by_name(name: Option<&str>) -> String {
    name.map(|name| format!("name={}", value(name)))
        .unwrap_or_default()
}

fn label_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Label {
        name: String,
    }
    let labels = Option::<Vec<Label>>::deserialize(deserializer)?;
    Ok(labels
        .unwrap_or_default()
        .into_iter()
        .map(|label| label.name)
        .collect())
}
