//! Deployment environments: what protects one, who has to approve, and who did.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Client, GitHubError,
    moment::moment,
    resource::{Resource, segment, value},
};

const READ: &str = "actions: read";

/// A deployment environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// What must hold before a job that names it may start.
    #[serde(default)]
    pub protection_rules: Vec<ProtectionRule>,
}

/// One rule of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawRule")]
pub enum ProtectionRule {
    /// Somebody of these has to approve.
    RequiredReviewers {
        /// Who may.
        reviewers: Vec<Reviewer>,
        /// Whether whoever started the run may not approve it.
        prevent_self_review: bool,
    },
    /// A time has to pass.
    WaitTimer {
        /// In minutes.
        minutes: u64,
    },
    /// Only some branches or tags may.
    BranchPolicy,
    /// Another one, by its `type`: a rule of a GitHub App, or one that this version does not know.
    Other(String),
}

/// Who may approve.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawReviewer")]
pub enum Reviewer {
    /// A person, by login.
    User(String),
    /// A team, by slug.
    Team(String),
    /// Something that this version does not know.
    Unknown,
}

/// One review of a run's deployment. GitHub does not say when it was given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Review {
    /// What was said.
    #[serde(default)]
    pub state: ReviewState,
    /// The words that came with it; may be empty.
    #[serde(default, deserialize_with = "text")]
    pub comment: String,
    /// Who said it, by login; empty for an account that is gone.
    #[serde(default, deserialize_with = "login")]
    pub user: String,
    /// The environments it was said of, by name.
    #[serde(default, deserialize_with = "names")]
    pub environments: Vec<String>,
}

/// What a review says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// Yes.
    Approved,
    /// No.
    Rejected,
    /// Nothing yet.
    Pending,
    /// Something that this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// An environment that a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PendingDeployment {
    /// The environment's name.
    #[serde(deserialize_with = "environment_name")]
    pub environment: String,
    /// The environment's wait timer, in minutes; 0 where there is none.
    #[serde(default)]
    pub wait_timer: u64,
    /// When the wait timer started, where it has.
    #[serde(default, deserialize_with = "moment")]
    pub wait_timer_started_at: Option<DateTime<Utc>>,
    /// Whether our own token could approve.
    #[serde(default)]
    pub current_user_can_approve: bool,
    /// Who may approve.
    #[serde(default)]
    pub reviewers: Vec<Reviewer>,
}

/// A deployment in GitHub's own sense: a job that names an environment makes one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Deployment {
    /// Its id.
    pub id: u64,
    /// The commit.
    #[serde(default)]
    pub sha: Option<String>,
    /// The environment's name.
    #[serde(default)]
    pub environment: Option<String>,
    /// When the job first asked for the environment: from then on it waited.
    #[serde(default, deserialize_with = "moment")]
    pub created_at: Option<DateTime<Utc>>,
    /// When it last changed its state: it was let through then, or earlier.
    #[serde(default, deserialize_with = "moment")]
    pub updated_at: Option<DateTime<Utc>>,
}

impl Client {
    /// The environment `environment` of the repository with its protection rules.
    ///
    /// `GET /repos/{owner}/{repo}/environments/{environment_name}`
    /// (<https://docs.github.com/rest/deployments/environments#get-an-environment>); `actions: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn environment(
        &self,
        owner: &str,
        repo: &str,
        environment: &str,
    ) -> Result<Environment, GitHubError> {
        let path = format!("/environments/{}", segment(environment)?);
        let what = Resource::of_repository(owner, repo, &path, READ)?;
        Ok(self.get(&what, "", self.deadline()).await?.0)
    }

    /// The reviews of a run's deployments, whatever environment they are of.
    ///
    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}/approvals`
    /// (<https://docs.github.com/rest/actions/workflow-runs#get-the-review-history-for-a-workflow-run>); `actions: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn reviews(
        &self,
        owner: &str,
        repo: &str,
        run_id: u64,
    ) -> Result<Vec<Review>, GitHubError> {
        let path = format!("/actions/runs/{run_id}/approvals");
        let what = Resource::of_repository(owner, repo, &path, READ)?;
        Ok(self.get(&what, "", self.deadline()).await?.0)
    }

    /// The environments that a run waits for.
    ///
    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}/pending_deployments`
    /// (<https://docs.github.com/rest/actions/workflow-runs#get-pending-deployments-for-a-workflow-run>);
    /// `actions: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn pending_deployments(
        &self,
        owner: &str,
        repo: &str,
        run_id: u64,
    ) -> Result<Vec<PendingDeployment>, GitHubError> {
        let path = format!("/actions/runs/{run_id}/pending_deployments");
        let what = Resource::of_repository(owner, repo, &path, READ)?;
        Ok(self.get(&what, "", self.deadline()).await?.0)
    }

    /// GitHub's own record of deployments of commit `sha` to `environment`, newest first.
    ///
    /// `GET /repos/{owner}/{repo}/deployments`
    /// (<https://docs.github.com/rest/deployments/deployments#list-deployments>); `deployments: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn deployments(
        &self,
        owner: &str,
        repo: &str,
        environment: &str,
        sha: &str,
    ) -> Result<Vec<Deployment>, GitHubError> {
        let what = Resource::of_repository(owner, repo, "/deployments", "deployments: read")?;
        let query = format!("environment={}&sha={}", value(environment), value(sha));
        self.array(&what, &query).await
    }
}

#[derive(Deserialize)]
struct RawRule {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    wait_timer: Option<u64>,
    #[serde(default)]
    prevent_self_review: Option<bool>,
    #[serde(default)]
    reviewers: Option<Vec<Reviewer>>,
}

impl From<RawRule> for ProtectionRule {
    fn from(raw: RawRule) -> Self {
        match raw.r#type.as_str() {
            "required_reviewers" => ProtectionRule::RequiredReviewers {
                reviewers: raw.reviewers.unwrap_or_default(),
                prevent_self_review: raw.prevent_self_review.unwrap_or_default(),
            },
            "wait_timer" => ProtectionRule::WaitTimer {
                minutes: raw.wait_timer.unwrap_or_default(),
            },
            "branch_policy" => ProtectionRule::BranchPolicy,
            _ => ProtectionRule::Other(raw.r#type),
        }
    }
}

#[derive(Deserialize)]
struct RawReviewer {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    reviewer: Value,
}

impl From<RawReviewer> for Reviewer {
    fn from(raw: RawReviewer) -> Self {
        let text = |key: &str| raw.reviewer.get(key)?.as_str().map(str::to_owned);
        let read = match raw.r#type.as_str() {
            "User" => text("login").map(Reviewer::User),
            "Team" => text("slug").map(Reviewer::Team),
            _ => None,
        };
        read.unwrap_or(Reviewer::Unknown)
    }
}

fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

fn login<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    struct User {
        login: String,
    }
    let user = Option::<User>::deserialize(deserializer)?;
    Ok(user.map(|user| user.login).unwrap_or_default())
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

fn names<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let named = Option::<Vec<Named>>::deserialize(deserializer)?;
    Ok(named
        .unwrap_or_default()
        .into_iter()
        .map(|n| n.name)
        .collect())
}

fn environment_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Named::deserialize(deserializer)?.name)
}
