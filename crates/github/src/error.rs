//! Why a question to GitHub has no answer, or not the wanted one.

use std::time::Duration;

use crate::InvalidToken;

/// Why a question to GitHub was not answered. Texts fit "failed to …" and never hold the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitHubError {
    /// There is no answer, so nothing is known: neither "yes" nor "no" (design §11).
    #[error("get an answer from GitHub at {place}: {cause}")]
    Unknown {
        /// The API's base address.
        place: String,
        /// What happened instead.
        cause: Unknown,
    },
    /// GitHub knows the token not, or does not let it (401, and 403 without a rate limit).
    #[error("get access to {path} at GitHub (HTTP {status}): {message}; {mend}")]
    Denied {
        /// The path that was asked for.
        path: String,
        /// 401 or 403.
        status: u16,
        /// GitHub's own words.
        message: String,
        /// What to do about it: which permission is missing, and which token can have it.
        mend: String,
    },
    /// There is no such thing, or the token may not see it: GitHub says 404 for both.
    #[error("find {path} at GitHub, or the token may not see it (HTTP 404): {message}; {mend}")]
    NotFound {
        /// The path that was asked for.
        path: String,
        /// GitHub's own words.
        message: String,
        /// What to do where the thing exists: which permission is missing, and which token can have it.
        mend: String,
    },
    /// It is there no more, or switched off: GitHub says 410 of the issues of a repository that has none.
    #[error("use {path} at GitHub, which is switched off or gone (HTTP 410): {message}")]
    Gone {
        /// The path that was asked for.
        path: String,
        /// GitHub's own words.
        message: String,
    },
    /// Something in what was to be written is not valid, so that it is not there (HTTP 422).
    #[error(
        "write to {path} at GitHub, which refuses {} (HTTP 422): {message}",
        named(fields)
    )]
    Invalid {
        /// The path that was written to.
        path: String,
        /// The members that GitHub names: `body`.
        fields: Vec<String>,
        /// GitHub's own words.
        message: String,
    },
    /// A status that GitHub's description does not give for this request.
    #[error("make sense of GitHub's answer to {path} (HTTP {status}): {message}")]
    Unexpected {
        /// The path that was asked for.
        path: String,
        /// The status.
        status: u16,
        /// GitHub's own words.
        message: String,
    },
    /// The API's address cannot be used.
    #[error(
        "use {url} as the address of GitHub's API: it must be http or https, without user, query or fragment"
    )]
    InvalidUrl {
        /// The address, without what may be a credential.
        url: String,
    },
    /// An owner, a repository or another thing whose name cannot be part of an address of GitHub's API.
    #[error("ask GitHub about {name:?}: this is not a name that its addresses can hold")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// The token cannot be sent.
    #[error(transparent)]
    Token(#[from] InvalidToken),
    /// No HTTP client can be made on this host: its certificates or its proxy settings are broken.
    #[error("set up an HTTP client: {detail}")]
    Local {
        /// What was seen.
        detail: String,
    },
}

impl GitHubError {
    /// Whether GitHub gave no answer at all, so that nothing is known.
    pub fn is_unknown(&self) -> bool {
        matches!(self, GitHubError::Unknown { .. })
    }
}

fn named(fields: &[String]) -> String {
    match fields {
        [] => "it".to_owned(),
        fields => fields.join(", "),
    }
}

/// What came instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// A primary or secondary rate limit: HTTP 429, or 403 with the marks that
    /// <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit> names.
    #[error("the rate limit is used up (HTTP {status})")]
    RateLimited {
        /// 403 or 429.
        status: u16,
        /// `retry-after`: how long GitHub wants to be left alone.
        retry_after: Option<Duration>,
        /// `x-ratelimit-reset`: when the limit starts anew, in seconds since 1970-01-01 UTC.
        resets_at: Option<u64>,
    },
    /// GitHub's own failure, after the retries (HTTP 5xx).
    #[error("it has a failure of its own (HTTP {status})")]
    Server {
        /// The status.
        status: u16,
    },
    /// No connection, or a broken one.
    #[error("{detail}")]
    Network {
        /// What was seen.
        detail: String,
    },
    /// No answer in time.
    #[error("no answer within {after:?}")]
    TimedOut {
        /// The limit that was met.
        after: Duration,
    },
    /// An answer that is not what GitHub's description says.
    #[error("the answer cannot be read: {detail}")]
    Unreadable {
        /// What is wrong with it.
        detail: String,
    },
    /// A list that changed while its pages were read, or is longer than is reasonable.
    #[error("the list is incomplete: {got} of {total}")]
    Incomplete {
        /// How many elements came.
        got: usize,
        /// How many there are, as GitHub says.
        total: usize,
    },
}
