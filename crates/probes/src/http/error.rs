//! Why there is no answer.

use std::{error::Error as _, io, path::PathBuf, time::Duration};

use super::body::Outdated;
use crate::{Answer, foreign, resolver::ResolveError, tls::refusal};

/// Why a request was not sent, or not answered whole. Texts fit "failed to …" and hold no credential: no header's
/// value, no user information, no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The method is none.
    #[error("use {method} as a method of HTTP")]
    Method {
        /// What was given, escaped.
        method: String,
    },
    /// The address cannot be used. It is not repeated: it may hold a password.
    #[error("use the address: {detail}")]
    Address {
        /// Why not.
        detail: String,
    },
    /// A header cannot be sent.
    #[error("use the header {name}: its name or value cannot be sent")]
    Header {
        /// The header's name.
        name: String,
    },
    /// A file with certificates or a key cannot be read.
    #[error("read {}: {kind}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// A file holds no usable certificate or key.
    #[error("use the certificates or the key in {}: {detail}", path.display())]
    Certificates {
        /// Which.
        path: PathBuf,
        /// Why not.
        detail: String,
    },
    /// The client cannot be made, for instance on a host without trusted certificates.
    #[error("prepare a client: {detail}")]
    Client {
        /// Why not.
        detail: String,
    },
    /// The name has no address, or no name server answers.
    #[error(transparent)]
    Name(#[from] ResolveError),
    /// Nothing accepted the connection.
    #[error("connect to {at}: {detail}")]
    Connect {
        /// `host:port`, or the socket's path.
        at: String,
        /// What the system says.
        kind: io::ErrorKind,
        /// The same in words.
        detail: String,
    },
    /// TLS was not agreed on: a certificate is not trusted, expired, or for another name.
    #[error("agree on TLS with {at}: {detail}")]
    Tls {
        /// `host:port`.
        at: String,
        /// The reason.
        detail: String,
    },
    /// Connected or not, nothing was answered in time.
    #[error("get an answer from {at}: nothing came within {} ms", after.as_millis())]
    NoAnswer {
        /// `host:port`, or the socket's path.
        at: String,
        /// How long was waited.
        after: Duration,
    },
    /// The answer began and did not end in time.
    #[error("read the whole answer of {at}: {got} bytes of the body came within {} ms", after.as_millis())]
    Slow {
        /// `host:port`, or the socket's path.
        at: String,
        /// The bytes that came.
        got: usize,
        /// How long was waited.
        after: Duration,
    },
    /// The body was out of date when the connection stood; it was not sent.
    #[error("send to {at}: what was to be sent grew out of date before the connection stood")]
    Outdated {
        /// `host:port`, or the socket's path.
        at: String,
    },
    /// A redirect led to where it failed, or redirects without end.
    #[error("{}", redirected(*followed, error))]
    Redirected {
        /// How many were followed; at least 1.
        followed: usize,
        /// What happened behind the last.
        error: Box<HttpError>,
    },
    /// What came is no HTTP, or the connection ended in the middle.
    #[error("exchange HTTP with {at}: {detail}")]
    Exchange {
        /// `host:port`, or the socket's path.
        at: String,
        /// What happened.
        detail: String,
    },
}

impl HttpError {
    /// What the error means for a probe: the target's failure, or a question that could not be asked.
    pub fn answer(&self) -> Answer {
        match self {
            HttpError::Method { .. }
            | HttpError::Address { .. }
            | HttpError::Header { .. }
            | HttpError::File { .. }
            | HttpError::Certificates { .. }
            | HttpError::Client { .. }
            | HttpError::Outdated { .. } => Answer::Unknown,
            HttpError::Redirected { error, .. } => error.answer(),
            HttpError::Name(error) if !error.is_definite() => Answer::Unknown,
            HttpError::Name(_)
            | HttpError::Connect { .. }
            | HttpError::Tls { .. }
            | HttpError::NoAnswer { .. }
            | HttpError::Slow { .. }
            | HttpError::Exchange { .. } => Answer::Fail,
        }
    }

    /// The error behind `followed` redirects, which may be none.
    pub(super) fn behind(self, followed: usize) -> HttpError {
        match followed {
            0 => self,
            followed => HttpError::Redirected {
                followed,
                error: Box::new(self),
            },
        }
    }

    /// The innermost useful cause of `error`, for a request to `at`. The outer ones repeat the
    /// address with its query, so none of their text is taken.
    pub(super) fn of(error: &reqwest::Error, at: String) -> HttpError {
        let mut innermost: Option<String> = None;
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(name) = cause.downcast_ref::<ResolveError>() {
                return HttpError::Name(name.clone());
            }
            if cause.is::<Outdated>() {
                return HttpError::Outdated { at };
            }
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                if let Some(tls) = tls_error(io) {
                    return HttpError::Tls {
                        at,
                        detail: foreign::words(&refusal::words(tls)),
                    };
                }
                if error.is_connect() {
                    return HttpError::Connect {
                        at,
                        kind: io.kind(),
                        detail: system_words(io),
                    };
                }
            }
            innermost = Some(match cause.downcast_ref::<io::Error>() {
                Some(io) => system_words(io),
                None => foreign::words(&cause.to_string()),
            });
            source = cause.source();
        }
        let detail = innermost.unwrap_or_else(|| "the connection broke".to_owned());
        if error.is_builder() {
            return HttpError::Client { detail };
        }
        HttpError::Exchange { at, detail }
    }
}

fn redirected(followed: usize, error: &HttpError) -> String {
    let plural = if followed == 1 { "" } else { "s" };
    match error {
        HttpError::NoAnswer { at, after } => format!(
            "come to the end of the redirects within {} ms: {followed} redirect{plural} followed, the last to {at}",
            after.as_millis()
        ),
        error => format!("{error}, after {followed} redirect{plural}"),
    }
}

/// The TLS error inside, however often it was wrapped.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner
        .downcast_ref::<rustls::Error>()
        .or_else(|| tls_error(inner.downcast_ref::<io::Error>()?))
}

/// A system error in words: by its kind where that has a name, since the system's own text differs between C libraries.
fn system_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or address".to_owned(),
        kind @ (io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::TimedOut
        | io::ErrorKind::UnexpectedEof) => kind.to_string(),
        _ => foreign::words(&error.to_string()),
    }
}
