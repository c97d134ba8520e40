//! One request at a time, with its deadline, its retries, and the line between an answer and none.

use std::{convert::Infallible, error::Error as _, sync::Arc, time::Duration};

use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use octocrab::{
    AuthState, Octocrab, OctocrabBuilder,
    service::middleware::{
        auth_header::AuthHeaderLayer, base_uri::BaseUriLayer, extra_headers::ExtraHeadersLayer,
        reqwest_connector::ReqwestConnector,
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{Client, GitHubError, Unknown, resource::Resource};

/// How often a question is asked again after a failure that may pass.
const RETRIES: u32 = 2;

/// How much of a foreign text an error repeats, in characters.
const MESSAGE: usize = 200;

/// A question, or a write.
pub(crate) enum Method {
    Get,
    Post,
    Patch,
}

/// An answer of GitHub's, good or bad, before it is understood.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: String,
}

impl Client {
    /// Asks until there is an answer, the retries are used up, or `deadline` has passed. Only for requests that change
    /// nothing: a write is never sent twice (design §11).
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        what: &Resource,
        query: &str,
        deadline: Instant,
    ) -> Result<(T, HeaderMap), GitHubError> {
        let mut wait = self.options.retry_wait;
        let mut retries = 0;
        loop {
            let error = match timeout_at(deadline, self.get_once(what, query)).await {
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
        what: &Resource,
        query: &str,
    ) -> Result<(T, HeaderMap), GitHubError> {
        let address = if query.is_empty() {
            self.address(what)
        } else {
            format!("{}?{query}", self.address(what))
        };
        let answer = self.send(Method::Get, address, None).await?;
        Ok((self.written(what, &answer)?, answer.headers))
    }

    /// What a good answer holds; for a write, what was made of it.
    pub(crate) fn written<T: DeserializeOwned>(
        &self,
        what: &Resource,
        answer: &Answer,
    ) -> Result<T, GitHubError> {
        if !answer.status.is_success() {
            return Err(self.refused(what, answer));
        }
        answer.json().map_err(|e| {
            let detail = if answer.is_page() {
                // A proxy or a portal that wants a login answers so, with a success.
                format!("it is a page for people (HTTP {})", answer.status.as_u16())
            } else {
                self.shown(&e.to_string())
            };
            self.unknown(Unknown::Unreadable { detail })
        })
    }

    /// Sends a write without a body, once. Whatever happens, it is not sent again: who gets no answer reads back what
    /// came of it (design §11).
    pub(crate) async fn post(&self, what: &Resource) -> Result<Answer, GitHubError> {
        self.write(Method::Post, what, None).await
    }

    /// As [`Client::post`], with a body.
    pub(crate) async fn write(
        &self,
        method: Method,
        what: &Resource,
        body: Option<&Value>,
    ) -> Result<Answer, GitHubError> {
        let send = self.send(method, self.address(what), body);
        timeout_at(self.deadline(), send).await.map_err(|_| {
            self.unknown(Unknown::TimedOut {
                after: self.options.deadline,
            })
        })?
    }

    /// Until when a question that is asked now may take.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.options.deadline
    }

    /// The prefix of an Enterprise Server's address is put in front here, because octocrab leaves it out where the path
    /// happens to begin with the same letters.
    fn address(&self, what: &Resource) -> String {
        format!("{}{}", self.base.path().trim_end_matches('/'), what.path())
    }

    async fn send(
        &self,
        method: Method,
        address: String,
        body: Option<&Value>,
    ) -> Result<Answer, GitHubError> {
        let crab = self.crab();
        self.count_request();
        let sent = match method {
            Method::Get => crab._get(address).await,
            Method::Post => crab._post(address, body).await,
            Method::Patch => crab._patch(address, body).await,
        };
        let answer = sent.map_err(|e| self.broken(&e))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = crab
            .body_to_string(answer)
            .await
            .map_err(|e| self.broken(&e))?;
        // A proxy in the way fails with 5xx, and its clock is not GitHub's.
        if !status.is_server_error() {
            self.set_clock(&headers);
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
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

    /// What an answer means that is not the wanted one.
    pub(crate) fn refused(&self, what: &Resource, answer: &Answer) -> GitHubError {
        let Answer {
            status, headers, ..
        } = answer;
        let message = answer.message();
        if rate_limited(*status, headers, &message) {
            return self.unknown(Unknown::RateLimited {
                status: status.as_u16(),
                retry_after: number(headers, RETRY_AFTER.as_str()).map(Duration::from_secs),
                resets_at: number(headers, "x-ratelimit-reset"),
            });
        }
        let path = what.path().to_owned();
        let code = status.as_u16();
        if status.is_server_error() {
            return self.unknown(Unknown::Server { status: code });
        }
        // GitHub's API answers in JSON: a page for people comes from something in between, and denies nothing.
        if answer.is_page() {
            return self.unknown(Unknown::Unreadable {
                detail: format!("it is a page for people (HTTP {code})"),
            });
        }
        let message = self.shown(&message);
        match code {
            401 | 403 => GitHubError::Denied {
                path,
                status: code,
                message,
                mend: what.mend(code, headers),
            },
            404 => GitHubError::NotFound {
                path,
                message,
                mend: what.mend(code, headers),
            },
            410 => GitHubError::Gone { path, message },
            status => GitHubError::Unexpected {
                path,
                status,
                message,
            },
        }
    }

    /// GitHub's own words in an answer, fit to be shown.
    pub(crate) fn message(&self, answer: &Answer) -> String {
        self.shown(&answer.message())
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

    pub(crate) fn unknown(&self, cause: Unknown) -> GitHubError {
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

impl Answer {
    /// The body, read as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.body)
    }

    /// The `message` of GitHub's errors, else the whole text.
    fn message(&self) -> String {
        #[derive(Deserialize)]
        struct Body {
            message: String,
        }
        serde_json::from_str::<Body>(&self.body).map_or_else(|_| self.body.clone(), |b| b.message)
    }

    fn is_page(&self) -> bool {
        let html = self
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
        html || self.body.trim_start().starts_with('<')
    }
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
pub(crate) fn chain(error: &reqwest::Error) -> String {
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
