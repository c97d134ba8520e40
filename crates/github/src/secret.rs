//! What GitHub says about secrets: that they are there, and since when. Never their values, which it does not give.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::{
    Client, GitHubError,
    moment::moment,
    resource::{Resource, segment},
};

/// That a secret is there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Secret {
    /// Its name, in capitals.
    pub name: String,
    /// When it was first set.
    #[serde(default, deserialize_with = "moment")]
    pub created_at: Option<DateTime<Utc>>,
    /// When its value was last set.
    #[serde(default, deserialize_with = "moment")]
    pub updated_at: Option<DateTime<Utc>>,
}

impl Client {
    /// The secrets of an environment.
    ///
    /// `GET /repos/{owner}/{repo}/environments/{environment_name}/secrets`
    /// (<https://docs.github.com/rest/actions/secrets#list-environment-secrets>); `environments: read`, which a job's
    /// own token cannot have.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn environment_secrets(
        &self,
        owner: &str,
        repo: &str,
        environment: &str,
    ) -> Result<Vec<Secret>, GitHubError> {
        let path = format!("/environments/{}/secrets", segment(environment)?);
        self.secrets(owner, repo, &path, "environments: read").await
    }

    /// The secrets of the repository itself.
    ///
    /// `GET /repos/{owner}/{repo}/actions/secrets`
    /// (<https://docs.github.com/rest/actions/secrets#list-repository-secrets>); `secrets: read`, which a job's own
    /// token cannot have.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn repository_secrets(
        &self,
        owner: &str,
        repo: &str,
    ) -> Result<Vec<Secret>, GitHubError> {
        self.secrets(owner, repo, "/actions/secrets", "secrets: read")
            .await
    }

    /// The secrets of the organisation that it shares with the repository.
    ///
    /// `GET /repos/{owner}/{repo}/actions/organization-secrets`
    /// (<https://docs.github.com/rest/actions/secrets#list-repository-organization-secrets>); `secrets: read`, which a
    /// job's own token cannot have.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn organisation_secrets(
        &self,
        owner: &str,
        repo: &str,
    ) -> Result<Vec<Secret>, GitHubError> {
        self.secrets(
            owner,
            repo,
            "/actions/organization-secrets",
            "secrets: read",
        )
        .await
    }

    async fn secrets(
        &self,
        owner: &str,
        repo: &str,
        path: &str,
        needs: &'static str,
    ) -> Result<Vec<Secret>, GitHubError> {
        let what = Resource::of_repository(owner, repo, path, needs)?;
        self.listed(&what, "", |secret: &Secret| secret.name.clone())
            .await
    }
}
