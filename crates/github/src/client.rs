//! The client: what it needs to know, and what it knows of the server. How it asks is [`crate::transport`]'s.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{ACCEPT, DATE, USER_AGENT},
};
use tokio::time::Instant;

use crate::{GitHubError, Token, transport::chain};

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// `GITHUB_API_URL`: `https://api.github.com`, or `https://<host>/api/v3` for GitHub Enterprise Server.
    pub api_url: String,
    /// The token that every request carries.
    pub token: Token,
    /// Who asks: `User-Agent`, which GitHub requires.
    pub user_agent: String,
    /// How long one request may take, its answer's body included.
    pub request_timeout: Duration,
    /// How long one question may take: all its pages, retries and the waiting between them.
    pub deadline: Duration,
    /// How long to wait before the first retry; four times as long before the second.
    pub retry_wait: Duration,
}

impl ClientOptions {
    /// The options with what fits a question that a deployment waits for: 5 s a request, 15 s in all, 500 ms before the
    /// first retry.
    pub fn new(api_url: impl Into<String>, token: Token) -> Self {
        Self {
            api_url: api_url.into(),
            token,
            user_agent: concat!("baton/", env!("CARGO_PKG_VERSION")).to_owned(),
            request_timeout: Duration::from_secs(5),
            deadline: Duration::from_secs(15),
            retry_wait: Duration::from_millis(500),
        }
    }
}

/// A client of one GitHub server. Its clones share their connections, their count of requests and their clock.
#[derive(Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Uri,
    pub(crate) headers: Arc<Vec<(HeaderName, HeaderValue)>>,
    pub(crate) authorization: HeaderValue,
    pub(crate) options: Arc<ClientOptions>,
    requests: Arc<AtomicU64>,
    clock: Arc<Mutex<Option<Clock>>>,
}

/// What time GitHub said it was, and when by ours.
#[derive(Clone, Copy, Debug)]
struct Clock {
    said: DateTime<Utc>,
    at: Instant,
}

impl Client {
    /// A client that has not asked anything yet. Reads the host's certificates and the proxy variables
    /// (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), as the runner itself does.
    ///
    /// # Errors
    /// An address or a user agent that cannot be used, or a host without usable certificates.
    pub fn new(options: ClientOptions) -> Result<Self, GitHubError> {
        let base = base(&options.api_url)?;
        let user_agent =
            HeaderValue::from_str(&options.user_agent).map_err(|_| GitHubError::Local {
                detail: "the user agent is not a header's value".to_owned(),
            })?;
        let mut authorization =
            HeaderValue::from_str(&options.token.bearer()).map_err(|_| crate::InvalidToken)?;
        authorization.set_sensitive(true);
        // An error means that another part of the process has chosen a provider already: then it is that one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(options.request_timeout)
            .connect_timeout(options.request_timeout)
            .build()
            .map_err(|e| GitHubError::Local { detail: chain(&e) })?;
        let headers = Arc::new(vec![
            (USER_AGENT, user_agent),
            (
                ACCEPT,
                HeaderValue::from_static("application/vnd.github+json"),
            ),
        ]);
        Ok(Self {
            http,
            base,
            headers,
            authorization,
            options: Arc::new(options),
            requests: Arc::default(),
            clock: Arc::default(),
        })
    }

    /// How many requests were sent so far, by this client and its clones: pages and retries count, redirects that the
    /// HTTP client follows do not. What a caller proves its budget with.
    pub fn requests_sent(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// What time it is at GitHub: the `Date` header of its newest answer and the time since. Nothing before the first
    /// answer. Ages are computed with it, so that a host whose clock is wrong judges nothing wrong.
    pub fn server_time(&self) -> Option<DateTime<Utc>> {
        let clock = (*self.clock.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(clock.said + clock.at.elapsed())
    }

    pub(crate) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets the clock by an answer. One that does not say the time changes nothing.
    pub(crate) fn set_clock(&self, headers: &HeaderMap) {
        let said = headers
            .get(DATE)
            .and_then(|date| date.to_str().ok())
            .and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        if let Some(said) = said {
            let clock = Clock {
                said: said.to_utc(),
                at: Instant::now(),
            };
            *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock);
        }
    }

    /// Whether this is github.com, or a server of its kind (`api.<tenant>.ghe.com`), and not GitHub Enterprise Server,
    /// whose API stands behind a prefix (<https://docs.github.com/enterprise-server/rest/using-the-rest-api/getting-started-with-the-rest-api>).
    pub(crate) fn is_cloud(&self) -> bool {
        self.base.path().trim_end_matches('/').is_empty()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The address of the API, which must be one that nothing is hidden in.
fn base(url: &str) -> Result<Uri, GitHubError> {
    let invalid = || {
        let shown = url.split(['?', '#']).next().unwrap_or_default();
        let shown = shown
            .rsplit_once('@')
            .map_or_else(|| shown.to_owned(), |(_, host)| format!("***@{host}"));
        GitHubError::InvalidUrl { url: shown }
    };
    let uri: Uri = url.trim().parse().map_err(|_| invalid())?;
    let usable = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some_and(|a| !a.as_str().contains('@'))
        && uri.query().is_none()
        && !url.contains('#');
    if usable { Ok(uri) } else { Err(invalid()) }
}
