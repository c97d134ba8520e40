//! The client: one request at a time, with its deadline, its retries and the line between an answer and none.

use std::{
    collections::BTreeSet, convert::Infallible, error::Error as _, fmt, sync::Arc, time::Duration,
};

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
    header::{ACCEPT, RETRY_AFTER, USER_AGENT},
};
use octocrab::{
    AuthState, Octocrab, OctocrabBuilder,
    service::middleware::{
        auth_header::AuthHeaderLayer, base_uri::BaseUriLayer, extra_headers::ExtraHeadersLayer,
        reqwest_connector::ReqwestConnector,
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::{Instant, timeout_at};

use crate::{GitHubError, Job, Token, Unknown};

/// The most elements a page may have (<https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api>).
const PAGE: usize = 100;

/// More pages than the largest run has: a matrix makes at most 256 jobs.
const PAGES: usize = 50;

/// How often a question is asked again after a failure that may pass.
const RETRIES: u32 = 2;

/// How much of a foreign text an error repeats, in characters.
const MESSAGE: usize = 200;

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

/// A client of one GitHub server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Uri,
    headers: Arc<Vec<(HeaderName, HeaderValue)>>,
    authorization: HeaderValue,
    options: Arc<ClientOptions>,
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
        })
    }

    /// Every job of the newest attempt of run `run_id`, whether it ran in that attempt or was carried over from an
    /// earlier one.
    ///
    /// `GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs?filter=latest`
    /// (<https://docs.github.com/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run>); the job's token needs
    /// `actions: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`]; a list that is not whole is [`Unknown::Incomplete`].
    pub async fn run_jobs(
        &self,
        owner: &str,
        repo: &str,
        run_id: u64,
    ) -> Result<Vec<Job>, GitHubError> {
        #[derive(Deserialize)]
        struct Page {
            total_count: usize,
            jobs: Vec<Job>,
        }
        let deadline = Instant::now() + self.options.deadline;
        let path = format!(
            "/repos/{}/{}/actions/runs/{run_id}/jobs",
            name(owner)?,
            name(repo)?
        );
        let mut jobs: Vec<Job> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut total = 0;
        for page in 1..=PAGES {
            // The first page is asked for without its number, as GitHub's own links do.
            let number = if page == 1 {
                String::new()
            } else {
                format!("&page={page}")
            };
            let query = format!("filter=latest&per_page={PAGE}{number}");
            let answer: Page = self.get(&path, &query, deadline).await?;
            total = answer.total_count;
            let last = answer.jobs.len() < PAGE;
            // A job that is put in front while the pages are read moves others to the next page: they come twice.
            jobs.extend(answer.jobs.into_iter().filter(|job| seen.insert(job.id)));
            if last || jobs.len() >= total {
                break;
            }
        }
        if jobs.len() < total {
            return Err(self.unknown(Unknown::Incomplete {
                got: jobs.len(),
                total,
            }));
        }
        Ok(jobs)
    }

    /// Asks until there is an answer, the retries are used up, or `deadline` has passed. Only for requests that change
    /// nothing: a write is never sent twice (design §11).
    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &str,
        deadline: Instant,
    ) -> Result<T, GitHubError> {
        let mut wait = self.options.retry_wait;
        let mut retries = 0;
        loop {
            let error = match timeout_at(deadline, self.get_once(path, query)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => {
                    return Err(self.unknown(Unknown::TimedOut {
                        after: self.options.deadline,
                    }));
                }
            };
            // A wait that would pass the deadline is not begun: what was seen says more than "no answer in time".
            if !may_pass(&error) || retries == RETRIES || Instant::now() + wait >= deadline {
                return Err(error);
            }
            retries += 1;
            tokio::time::sleep(wait).await;
            wait *= 4;
        }
    }

    async fn get_once<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &str,
    ) -> Result<T, GitHubError> {
        // The prefix of an Enterprise Server's address is put in front here, because octocrab leaves it out where the
        // path happens to begin with the same letters.
        let prefix = self.base.path().trim_end_matches('/');
        let crab = self.crab();
        let answer = crab
            ._get(format!("{prefix}{path}?{query}"))
            .await
            .map_err(|e| self.broken(&e))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = crab
            .body_to_string(answer)
            .await
            .map_err(|e| self.broken(&e))?;
        if status.is_success() {
            return serde_json::from_str(&body).map_err(|e| {
                self.unknown(Unknown::Unreadable {
                    detail: self.shown(&e.to_string()),
                })
            });
        }
        Err(self.refused(path, status, &headers, &body))
    }

    /// octocrab's own part of the client. It belongs to the runtime that it was made on, and is cheap: connections are
    /// kept by the HTTP client.
    fn crab(&self) -> Octocrab {
        let built: Result<Octocrab, Infallible> = OctocrabBuilder::new_empty()
            .with_service(ReqwestConnector::new(self.http.clone()))
            .with_layer(&ExtraHeadersLayer::new(Arc::clone(&self.headers)))
            .with_layer(&BaseUriLayer::new(self.base.clone()))
            .with_layer(&AuthHeaderLayer::new(
                Some(self.authorization.clone()),
                self.base.clone(),
                self.base.clone(),
            ))
            .with_auth(AuthState::None)
            .build();
        match built {
            Ok(crab) => crab,
            Err(never) => match never {},
        }
    }

    fn refused(
        &self,
        path: &str,
        status: StatusCode,
        headers: &HeaderMap,
        body: &str,
    ) -> GitHubError {
        #[derive(Deserialize)]
        struct Body {
            message: String,
        }
        let message =
            serde_json::from_str::<Body>(body).map_or_else(|_| body.to_owned(), |b| b.message);
        let path = path.to_owned();
        if rate_limited(status, headers, &message) {
            return self.unknown(Unknown::RateLimited {
                status: status.as_u16(),
                retry_after: number(headers, RETRY_AFTER.as_str()).map(Duration::from_secs),
                resets_at: number(headers, "x-ratelimit-reset"),
            });
        }
        let message = self.shown(&message);
        match status.as_u16() {
            status @ 500.. => self.unknown(Unknown::Server { status }),
            status @ (401 | 403) => GitHubError::Denied {
                path,
                status,
                message,
            },
            404 => GitHubError::NotFound { path },
            status => GitHubError::Unexpected {
                path,
                status,
                message,
            },
        }
    }

    /// What a failure below HTTP says: octocrab hides the HTTP client's own error some layers down.
    fn broken(&self, error: &octocrab::Error) -> GitHubError {
        let mut at: &(dyn std::error::Error + 'static) = error;
        loop {
            if let Some(error) = at.downcast_ref::<reqwest::Error>() {
                if error.is_timeout() {
                    return self.unknown(Unknown::TimedOut {
                        after: self.options.request_timeout,
                    });
                }
                return self.unknown(Unknown::Network {
                    detail: self.shown(&chain(error)),
                });
            }
            match at.source() {
                Some(source) => at = source,
                None => {
                    return self.unknown(Unknown::Network {
                        detail: self.shown(&at.to_string()),
                    });
                }
            }
        }
    }

    fn unknown(&self, cause: Unknown) -> GitHubError {
        GitHubError::Unknown {
            place: self.base.to_string(),
            cause,
        }
    }

    /// A foreign text, fit to be shown: without the token, on one line, and short.
    fn shown(&self, text: &str) -> String {
        let text = self.options.token.out_of(text);
        let mut line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MESSAGE)
            .collect();
        if text.chars().nth(MESSAGE).is_some() {
            line.push('…');
        }
        line
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

/// An owner's or repository's name, which is a segment of a path and must not become two.
fn name(name: &str) -> Result<&str, GitHubError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.is_empty() || name == "." || name == ".." || !name.bytes().all(allowed) {
        return Err(GitHubError::InvalidName {
            name: name.to_owned(),
        });
    }
    Ok(name)
}

/// Whether asking once more may help.
fn may_pass(error: &GitHubError) -> bool {
    matches!(
        error,
        GitHubError::Unknown {
            cause: Unknown::Server { .. } | Unknown::Network { .. } | Unknown::TimedOut { .. },
            ..
        }
    )
}

/// <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>: 403 or 429,
/// with nothing remaining, or with `retry-after`, or with words to that effect.
fn rate_limited(status: StatusCode, headers: &HeaderMap, message: &str) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            number(headers, "x-ratelimit-remaining") == Some(0)
                || headers.contains_key(RETRY_AFTER)
                || message.to_lowercase().contains("rate limit")
        }
        _ => false,
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// An error of the HTTP client with its causes, without the address.
fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let mut at = error.source();
    while let Some(source) = at {
        text.push_str(": ");
        text.push_str(&source.to_string());
        at = source.source();
    }
    text
}
