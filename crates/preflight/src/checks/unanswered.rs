//! What a check comes to that GitHub does not answer: always `unknown`, because nothing was measured.

use github::{GitHubError, Unknown};

use crate::Finding;

/// The finding of a check that got `error` in place of an answer. A refusal is no measurement either.
pub(crate) fn unanswered(error: &GitHubError, wanted: impl Into<String>) -> Finding {
    Finding::unknown(format!("failed to {error}"), wanted, mend(error))
}

/// What to do about `error`.
pub(crate) fn mend(error: &GitHubError) -> String {
    match error {
        GitHubError::Denied { mend, .. } | GitHubError::NotFound { mend, .. } => mend.clone(),
        GitHubError::Unknown {
            cause: Unknown::RateLimited { .. },
            ..
        } => {
            "wait until the rate limit starts anew, or give a token with a limit of its own".into()
        }
        GitHubError::Unknown { .. } => {
            "run it again; see githubstatus.com, and the proxy between here and GitHub".into()
        }
        _ => "look at what was asked: names, address and token".into(),
    }
}
