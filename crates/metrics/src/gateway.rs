//! A Pushgateway, as it is pushed to (<https://github.com/prometheus/pushgateway#api>).
//!
//! Responsible for: one push, whole or refused, and the words of a refusal. Not responsible for trying again: who pushes
//! knows how much time there is, and whether the ledger must be read again first.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use actions_kit::{Redactor, Secret};
use probes::{
    foreign,
    http::{Client, ClientOptions, Credentials, HttpError, Request, Response, Roots},
};
use tokio::time::Instant;

use crate::{CONTENT_TYPE, Group};

/// Both groups are pushed one after the other.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// A refusal is a line; nothing else of an answer is read.
const BODY_LIMIT: usize = 64 * 1024;
/// How many characters of a refusal are shown of its beginning, where the metric's name stands, and of its end, where the
/// reason stands; between are the labels of the series that it is about.
const SHOWN: (usize, usize) = (150, 80);

/// A Pushgateway. It prints without credentials.
#[derive(Clone)]
pub struct Gateway {
    client: Client,
    /// Without a slash at the end; may hold user and password.
    base: String,
    place: String,
    credentials: Option<Credentials>,
    redactor: Redactor,
}

/// Why a push did not succeed. Texts fit "failed to …" and hold no credential.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address is none of a Pushgateway. It is not repeated: it may hold a password.
    #[error("use the Pushgateway's address: {mend}")]
    Address {
        /// What it should be.
        mend: String,
    },
    /// The client cannot be made as it should be, for instance of this file of authorities.
    #[error(transparent)]
    Client(HttpError),
    /// Nobody answers there.
    #[error(transparent)]
    OutOfReach(HttpError),
    /// Nothing, or not all, was answered in time.
    #[error(transparent)]
    TooSlow(HttpError),
    /// It was out of date before it could be sent.
    #[error(transparent)]
    Outdated(HttpError),
    /// TLS was not agreed on: for instance a certificate that nobody vouches for.
    #[error(transparent)]
    Tls(HttpError),
    /// 401 or 403: the credentials are missing, wrong, or not enough.
    #[error("push to {place}: not permitted, {answer}")]
    NotPermitted {
        /// Where to.
        place: String,
        /// Status and words of the answer.
        answer: String,
    },
    /// 404: somebody answers, and not a Pushgateway at this path.
    #[error("push to {place}: no Pushgateway at this path, {answer}")]
    NotThere {
        /// Where to.
        place: String,
        /// Status and words of the answer.
        answer: String,
    },
    /// 400 or another answer that will be the same next time: what was pushed is wrong, or does not agree with what
    /// others pushed.
    #[error("push to {place}: refused, {answer}")]
    Refused {
        /// Where to.
        place: String,
        /// Status and words of the answer.
        answer: String,
    },
    /// A redirect, which is not followed: a login page, or another address of the gateway.
    #[error("push to {place}: redirected, {answer}")]
    Redirected {
        /// Where to.
        place: String,
        /// The status, and where it leads.
        answer: String,
    },
    /// 408, 425, 429 or 5xx: it, or a proxy before it, cannot at the moment.
    #[error("push to {place}: it cannot at the moment, {answer}")]
    Unwell {
        /// Where to.
        place: String,
        /// Status and words of the answer.
        answer: String,
    },
    /// The answer is a page for people, as a proxy's login gives it.
    #[error("push to {place}: a page answered instead of a Pushgateway, {answer}")]
    Page {
        /// Where to.
        place: String,
        /// Status, length and type of the answer.
        answer: String,
    },
}

impl GatewayError {
    /// Whether it may be gone when the same is tried again.
    pub fn may_pass(&self) -> bool {
        match self {
            GatewayError::OutOfReach(_)
            | GatewayError::TooSlow(_)
            | GatewayError::Outdated(_)
            | GatewayError::Unwell { .. } => true,
            GatewayError::Address { .. }
            | GatewayError::Client(_)
            | GatewayError::Tls(_)
            | GatewayError::NotPermitted { .. }
            | GatewayError::NotThere { .. }
            | GatewayError::Refused { .. }
            | GatewayError::Redirected { .. }
            | GatewayError::Page { .. } => false,
        }
    }

    fn of(error: HttpError) -> GatewayError {
        match error {
            HttpError::Method { .. }
            | HttpError::Address { .. }
            | HttpError::Header { .. }
            | HttpError::File { .. }
            | HttpError::Certificates { .. }
            | HttpError::Client { .. } => GatewayError::Client(error),
            HttpError::NoAnswer { .. } | HttpError::Slow { .. } => GatewayError::TooSlow(error),
            HttpError::Outdated { .. } => GatewayError::Outdated(error),
            HttpError::Tls { .. } => GatewayError::Tls(error),
            HttpError::Name(_)
            | HttpError::Connect { .. }
            | HttpError::Exchange { .. }
            | HttpError::Redirected { .. } => GatewayError::OutOfReach(error),
        }
    }
}

impl Gateway {
    /// The Pushgateway at `url`: `https://host:9091`, with its base path where it has one, with or without a slash at the
    /// end. User and password in it become a basic authorization; `credentials` come before those. Where `ca_file` is
    /// given, a PEM file, its authorities alone are trusted.
    ///
    /// # Errors
    /// [`GatewayError::Address`] and [`GatewayError::Client`]; nothing is sent.
    pub fn new(
        url: &str,
        credentials: Option<Credentials>,
        ca_file: Option<&Path>,
    ) -> Result<Gateway, GatewayError> {
        let url = url.trim();
        let request = Request::new("PUT", url).map_err(|error| match error {
            HttpError::Address { detail } => GatewayError::Address { mend: detail },
            error => GatewayError::of(error),
        })?;
        let place = request.place();
        let place = place.trim_end_matches('/');
        let mend = if url.contains(['?', '#']) {
            Some("it may have no query and no fragment".to_owned())
        } else {
            is_too_long(place).map(|short| {
                format!("it must end before /metrics, which is added with the group: {short}")
            })
        };
        if let Some(mend) = mend {
            return Err(GatewayError::Address { mend });
        }
        if let Some(credentials) = &credentials {
            // What no header can carry is better said now.
            request.credentials(credentials).map_err(GatewayError::of)?;
        }
        let client = Client::new(ClientOptions {
            roots: ca_file.map_or(Roots::Host, |path| Roots::File(PathBuf::from(path))),
            body_limit: BODY_LIMIT,
            keep_alive: KEEP_ALIVE,
            ..ClientOptions::default()
        })
        .map_err(GatewayError::of)?;
        Ok(Gateway {
            client,
            base: url.trim_end_matches('/').to_owned(),
            place: place.to_owned(),
            redactor: redactor(url, credentials.as_ref()),
            credentials,
        })
    }

    /// Where it is, for people: without user and password.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Puts `text` into the place of all that the group holds, by `deadline`.
    ///
    /// # Errors
    /// [`GatewayError`]. After [`GatewayError::TooSlow`] and a connection that broke, the push may have arrived; putting
    /// the same again changes nothing.
    pub async fn put(
        &self,
        group: &Group,
        text: &str,
        deadline: Instant,
    ) -> Result<(), GatewayError> {
        self.put_while(group, text, || true, deadline).await
    }

    /// [`Gateway::put`] of a text that may be sent only while `still` says so; that is asked when the connection stands,
    /// right before the text goes out.
    ///
    /// # Errors
    /// As for [`Gateway::put`], and [`GatewayError::Outdated`]: the gateway holds what it held.
    pub async fn put_while(
        &self,
        group: &Group,
        text: &str,
        still: impl Fn() -> bool + Send + Sync + 'static,
        deadline: Instant,
    ) -> Result<(), GatewayError> {
        let mut request = Request::new("PUT", &format!("{}/{}", self.base, group.path()))
            .and_then(|request| request.header("content-type", CONTENT_TYPE))
            .map_err(GatewayError::of)?
            .body_while(text, still);
        if let Some(credentials) = &self.credentials {
            request = request.credentials(credentials).map_err(GatewayError::of)?;
        }
        let response = self
            .client
            .ask(&request, deadline)
            .await
            .map_err(GatewayError::of)?;
        self.judge(&response)
    }

    fn judge(&self, response: &Response) -> Result<(), GatewayError> {
        let place = self.place.clone();
        let answer = match said(response, &self.redactor) {
            Some(said) => format!("{}: {said}", response.status_line()),
            None => response.status_line(),
        };
        Err(match response.status {
            200..=299 if response.media_type() == "text/html" => GatewayError::Page {
                place,
                answer: response.outline(),
            },
            200..=299 => return Ok(()),
            300..=399 => GatewayError::Redirected {
                place,
                answer: self.redactor.redact(&response.summary()).into_owned(),
            },
            401 | 403 => GatewayError::NotPermitted { place, answer },
            404 => GatewayError::NotThere { place, answer },
            408 | 425 | 429 | 500..=599 => GatewayError::Unwell { place, answer },
            _ => GatewayError::Refused { place, answer },
        })
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway({})", self.place)
    }
}

/// The address without what [`Group::path`] adds, where `place` has it already.
fn is_too_long(place: &str) -> Option<&str> {
    let (short, _group) = place
        .strip_suffix("/metrics")
        .map(|short| (short, ""))
        .or_else(|| place.split_once("/metrics/job"))?;
    Some(short)
}

/// Knows what a request proves itself with: a server may repeat it.
fn redactor(url: &str, credentials: Option<&Credentials>) -> Redactor {
    let redactor = Redactor::new();
    redactor.add_credentials_in(url);
    match credentials {
        Some(Credentials::Basic { user, password }) => {
            redactor.add_basic(user, password);
            add(&redactor, password);
        }
        Some(Credentials::Bearer(token)) => add(&redactor, token),
        None => {}
    }
    redactor
}

fn add(redactor: &Redactor, text: &str) {
    // Where nothing is to be hidden, nothing is.
    if let Ok(secret) = Secret::new(text) {
        redactor.add(&secret);
    }
}

/// What the answer says: one line, bounded, without a secret. Of a page for people, nothing.
fn said(response: &Response, redactor: &Redactor) -> Option<String> {
    if response.media_type() == "text/html" {
        return None;
    }
    let text = response.text();
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut words = words.join(" ");
    if response.cut {
        words.push('…');
    }
    let clean: Vec<char> = redactor.redact(&words).chars().collect();
    let (first, last) = SHOWN;
    let shown = if clean.len() <= first + last {
        clean.into_iter().collect()
    } else {
        let last = &clean[clean.len() - last..];
        clean[..first]
            .iter()
            .chain(&['…'])
            .chain(last)
            .collect::<String>()
    };
    // Escapes may make it longer.
    let shown = foreign::bounded(&shown, 300);
    (!shown.is_empty()).then_some(shown)
}
