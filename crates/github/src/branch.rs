//! What protects a branch: rulesets, which every token may read, and the classic protection, which only an
//! administrator's may.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Client, GitHubError,
    resource::{Resource, segment},
};

/// A rule of a ruleset that is active for a branch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawRule")]
pub enum BranchRule {
    /// Changes come by pull request only.
    PullRequest {
        /// How many approvals a pull request needs; 0 where the rule does not say.
        required_approving_review_count: u64,
    },
    /// Checks must have passed.
    RequiredStatusChecks {
        /// Their names.
        contexts: Vec<String>,
    },
    /// Nobody may force push.
    NonFastForward,
    /// Nobody may delete the branch.
    Deletion,
    /// Another rule, by its `type`.
    Other(String),
}

/// The classic protection of a branch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawProtection")]
pub struct BranchProtection {
    /// How many approvals a pull request needs; 0 where none is asked for.
    pub required_approving_review_count: u64,
    /// The names of the checks that must have passed.
    pub status_checks: Vec<String>,
    /// Whether force pushes are let through. GitHub's default is no.
    pub allow_force_pushes: bool,
    /// Whether the branch may be deleted. GitHub's default is no.
    pub allow_deletions: bool,
    /// Whether administrators are bound too.
    pub enforce_admins: bool,
}

/// A branch, as far as every token may see it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// Whether anything protects it, a ruleset or the classic protection.
    pub protected: bool,
}

impl Client {
    /// Every rule of an active ruleset that applies to `branch`, of the repository, its organisation and its enterprise.
    /// The branch need not exist. The classic protection is not among them.
    ///
    /// `GET /repos/{owner}/{repo}/rules/branches/{branch}`
    /// (<https://docs.github.com/rest/repos/rules#get-rules-for-a-branch>); `metadata: read`, which every token has.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn branch_rules(
        &self,
        owner: &str,
        repo: &str,
        branch: &str,
    ) -> Result<Vec<BranchRule>, GitHubError> {
        let path = format!("/rules/branches/{}", segment(branch)?);
        let what = Resource::of_repository(owner, repo, &path, "metadata: read")?;
        self.array(&what, "").await
    }

    /// The classic protection of `branch`; nothing where it has none.
    ///
    /// `GET /repos/{owner}/{repo}/branches/{branch}/protection`
    /// (<https://docs.github.com/rest/branches/branch-protection#get-branch-protection>); `administration: read`, which
    /// a job's own token cannot have.
    ///
    /// # Errors
    /// All of [`GitHubError`]; a branch that does not exist is [`GitHubError::NotFound`].
    pub async fn branch_protection(
        &self,
        owner: &str,
        repo: &str,
        branch: &str,
    ) -> Result<Option<BranchProtection>, GitHubError> {
        let path = format!("/branches/{}/protection", segment(branch)?);
        let what = Resource::of_repository(owner, repo, &path, "administration: read")?;
        match self.get(&what, "", self.deadline()).await {
            Ok((protection, _)) => Ok(Some(protection)),
            // GitHub says 404 for an unprotected branch, for one that does not exist, and for a token that may not see
            // it; only its words tell the first from the others.
            Err(GitHubError::NotFound { message, .. }) if message == "Branch not protected" => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The branch `branch`: whether it is protected at all.
    ///
    /// `GET /repos/{owner}/{repo}/branches/{branch}`
    /// (<https://docs.github.com/rest/branches/branches#get-a-branch>); `contents: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn branch(
        &self,
        owner: &str,
        repo: &str,
        branch: &str,
    ) -> Result<Branch, GitHubError> {
        let path = format!("/branches/{}", segment(branch)?);
        let what = Resource::of_repository(owner, repo, &path, "contents: read")?;
        Ok(self.get(&what, "", self.deadline()).await?.0)
    }
}

#[derive(Deserialize)]
struct RawRule {
    r#type: String,
    #[serde(default)]
    parameters: Value,
}

impl From<RawRule> for BranchRule {
    fn from(raw: RawRule) -> Self {
        match raw.r#type.as_str() {
            "pull_request" => BranchRule::PullRequest {
                required_approving_review_count: raw
                    .parameters
                    .get("required_approving_review_count")
                    .and_then(Value::as_u64)
                    .unwrap_or_default(),
            },
            "required_status_checks" => BranchRule::RequiredStatusChecks {
                contexts: contexts(raw.parameters.get("required_status_checks")),
            },
            "non_fast_forward" => BranchRule::NonFastForward,
            "deletion" => BranchRule::Deletion,
            _ => BranchRule::Other(raw.r#type),
        }
    }
}

#[derive(Deserialize)]
struct RawProtection {
    #[serde(default)]
    required_status_checks: Option<RawChecks>,
    #[serde(default)]
    required_pull_request_reviews: Option<RawReviews>,
    #[serde(default)]
    allow_force_pushes: Option<Switch>,
    #[serde(default)]
    allow_deletions: Option<Switch>,
    #[serde(default)]
    enforce_admins: Option<Switch>,
}

#[derive(Deserialize)]
struct RawChecks {
    #[serde(default)]
    contexts: Vec<String>,
    #[serde(default)]
    checks: Value,
}

#[derive(Deserialize)]
struct RawReviews {
    #[serde(default)]
    required_approving_review_count: Option<u64>,
}

#[derive(Deserialize)]
struct Switch {
    #[serde(default)]
    enabled: bool,
}

impl From<RawProtection> for BranchProtection {
    fn from(raw: RawProtection) -> Self {
        let on = |switch: Option<Switch>| switch.is_some_and(|switch| switch.enabled);
        let status_checks = raw.required_status_checks.map_or_else(Vec::new, |checks| {
            // `contexts` is the older form of `checks`, and is said to go away.
            if checks.contexts.is_empty() {
                contexts(Some(&checks.checks))
            } else {
                checks.contexts
            }
        });
        BranchProtection {
            required_approving_review_count: raw
                .required_pull_request_reviews
                .and_then(|reviews| reviews.required_approving_review_count)
                .unwrap_or_default(),
            status_checks,
            allow_force_pushes: on(raw.allow_force_pushes),
            allow_deletions: on(raw.allow_deletions),
            enforce_admins: on(raw.enforce_admins),
        }
    }
}

/// The names in `[{"context": "ci"}, …]`.
fn contexts(checks: Option<&Value>) -> Vec<String> {
    checks
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|check| check.get("context")?.as_str())
        .map(str::to_owned)
        .collect()
}
