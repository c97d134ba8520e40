//! What is asked for: its address, and what a token needs to see it.

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::GitHubError;

/// Everything but RFC 3986's unreserved characters.
const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The permissions that a job's own token can have
/// (<https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#permissions>), in the words of the
/// header `x-accepted-github-permissions`, and with `metadata`, which every token has.
const OF_A_JOB: [&str; 13] = [
    "actions",
    "attestations",
    "checks",
    "contents",
    "deployments",
    "discussions",
    "issues",
    "metadata",
    "packages",
    "pages",
    "pull_requests",
    "security_events",
    "statuses",
];

/// One thing of GitHub's API.
pub(crate) struct Resource {
    path: String,
    needs: &'static str,
}

impl Resource {
    /// What stands at `rest` below a repository; `needs` is the permission that GitHub's pages name: `actions: read`.
    pub(crate) fn of_repository(
        owner: &str,
        repo: &str,
        rest: &str,
        needs: &'static str,
    ) -> Result<Self, GitHubError> {
        Ok(Self {
            path: format!("/repos/{}/{}{rest}", name(owner)?, name(repo)?),
            needs,
        })
    }

    /// What stands at `rest` below an organisation.
    pub(crate) fn of_organisation(
        org: &str,
        rest: &str,
        needs: &'static str,
    ) -> Result<Self, GitHubError> {
        Ok(Self {
            path: format!("/orgs/{}{rest}", name(org)?),
            needs,
        })
    }

    /// The path, without the prefix of an Enterprise Server.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// What to do after a refusal with `status` (401, 403 or 404).
    ///
    /// GitHub names what it wanted in `x-accepted-github-permissions`, as `actions=read,contents=read`, with `;` between
    /// alternatives
    /// (<https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#resource-not-accessible>).
    pub(crate) fn mend(&self, status: u16, headers: &HeaderMap) -> String {
        if status == 401 {
            return "give a token that is valid: this one is wrong, expired or revoked".to_owned();
        }
        let named = headers
            .get("x-accepted-github-permissions")
            .and_then(|v| v.to_str().ok())
            .filter(|v| !v.trim().is_empty() && v.len() <= 200);
        let needs = named.map_or_else(|| self.needs.to_owned(), in_our_words);
        let of_a_job = needs.split(" or ").any(|all| {
            all.split(" and ").all(|one| {
                let permission = one.split(':').next().unwrap_or_default();
                OF_A_JOB.contains(&permission.replace('-', "_").as_str())
            })
        });
        if of_a_job {
            format!("a job's own token gets `{needs}` under `permissions:` of the job")
        } else {
            format!(
                "it needs `{needs}`, which a job's own token cannot have: give one of a GitHub App or a fine-grained \
                 personal one as the admin token"
            )
        }
    }
}

/// `actions=read,contents=read; issues=write` as `actions: read and contents: read or issues: write`.
fn in_our_words(header: &str) -> String {
    let all = |one: &str| {
        let parts: Vec<String> = one
            .split(',')
            .map(|p| p.trim().replace('=', ": ").replace('_', "-"))
            .collect();
        parts.join(" and ")
    };
    header.split(';').map(all).collect::<Vec<_>>().join(" or ")
}

/// An owner's or repository's name, which is a segment of a path and must not become two.
fn name(name: &str) -> Result<&str, GitHubError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !name.bytes().all(allowed) {
        return Err(invalid(name));
    }
    segment(name).map(|_| name)
}

/// Any other name as one segment of a path: `release/1` becomes `release%2F1`.
pub(crate) fn segment(name: &str) -> Result<String, GitHubError> {
    // Dots are dots to whoever normalises an address, encoded or not.
    if matches!(name, "" | "." | "..") {
        return Err(invalid(name));
    }
    Ok(value(name))
}

/// A text as the value of a parameter.
pub(crate) fn value(text: &str) -> String {
    utf8_percent_encode(text, NOT_UNRESERVED).to_string()
}

fn invalid(name: &str) -> GitHubError {
    GitHubError::InvalidName {
        name: name.to_owned(),
    }
}
