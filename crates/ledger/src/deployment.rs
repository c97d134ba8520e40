//! Who is deployed, and by whom: the identity of a deployment and of the candidates that can carry it out (design §2).

use std::fmt;

use serde::{Deserialize, Serialize};

/// One intent to bring an environment to a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Deployment {
    /// `<owner>/<repo>/<run_id>/<run_attempt>`, or what the `deployment-id` input says.
    pub id: String,
    /// The run this deployment belongs to, the same for every attempt of it: `<owner>/<repo>/<run_id>`.
    pub run: String,
    /// Which workflow file it comes from; together with `git_ref` the scope in which run numbers are compared.
    pub workflow: String,
    /// The full ref that is deployed: `refs/heads/main`.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// `GITHUB_RUN_NUMBER`: counts up per workflow file.
    pub run_number: u64,
    /// `GITHUB_RUN_ATTEMPT`: 1, and one more with every re-run.
    pub run_attempt: u64,
    /// The commit that is deployed.
    pub sha: String,
    /// Who started the run.
    pub actor: String,
    /// What is deployed, as the user names it; the commit where nothing is said.
    pub version: String,
    /// The name of the GitHub event that started the run: `push`, `workflow_dispatch`.
    #[serde(default)]
    pub trigger: String,
    /// What is deployed to: `production`. A lock may be shared by several environments, and by several repositories.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub environment: String,
}

impl Deployment {
    /// The branch, as metrics label it. Tags and pull requests share one label each: every one of them is new, and the
    /// totals keep every label value for ever.
    pub fn branch(&self) -> &str {
        match self
            .git_ref
            .strip_prefix("refs/")
            .and_then(|kind| kind.split_once('/'))
        {
            Some(("heads", branch)) => branch,
            Some(("tags", _)) => "tags/*",
            Some(("pull", _)) => "pull/*",
            _ => &self.git_ref,
        }
    }

    /// `<owner>/<repo>`, where the deployment is a run of one; nothing where a person named it otherwise.
    pub fn repository(&self) -> Option<&str> {
        let (repository, run) = self.run.rsplit_once('/')?;
        let names = repository.split('/');
        let is_run = !run.is_empty() && run.bytes().all(|b| b.is_ascii_digit());
        (is_run && names.clone().count() == 2 && names.clone().all(|name| !name.is_empty()))
            .then_some(repository)
    }

    /// The key under which run numbers of this deployment are compared with others'.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.workflow, self.git_ref)
    }
}

/// The part a candidate plays (design §2).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Claims a free lease at once.
    #[default]
    Primary,
    /// Waits for the primary first.
    Secondary,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Primary => "primary",
            Role::Secondary => "secondary",
        })
    }
}

/// One candidate, as others need to know it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Party {
    /// The candidate's number, from 1.
    pub candidate: u32,
    /// The part it plays.
    pub role: Role,
    /// The runner's name.
    pub runner: String,
    /// The runner's group; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub runner_group: String,
    /// The kernel's boot id of the runner's host: two candidates with the same one share a host.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub boot_id: String,
}

impl fmt::Display for Party {
    /// `candidate 1 (primary, runner-a)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "candidate {} ({}, {})",
            self.candidate, self.role, self.runner
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_that_of_the_run() {
        let of = |run: &str| {
            let deployment = Deployment {
                run: run.to_owned(),
                ..Deployment::default()
            };
            deployment.repository().map(str::to_owned)
        };
        assert_eq!(of("octo/shop/42").as_deref(), Some("octo/shop"));
        for other in [
            "",
            "42",
            "octo/42",
            "octo/shop/latest",
            "a/octo/shop/42",
            "/shop/42",
            "octo/shop/",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
