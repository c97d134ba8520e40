//! Why a Redis server was not as wanted.

use std::{fmt, io, path::PathBuf};

use super::sentinel::SentinelError;
use crate::{probe::Answer, tcp::TcpError, tls::TrustError};

/// Reads after "failed to …". Never holds the password.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// No connection.
    #[error(transparent)]
    Unreachable(#[from] TcpError),
    /// No connection through a socket of this machine.
    #[error("connect to {}: {source}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system's authorities cannot be read here.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A file with certificates or a key cannot be read here.
    #[error("read {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What is set for TLS does not fit together.
    #[error("prepare TLS: {reason}")]
    TlsSettings {
        /// The library's words.
        reason: String,
    },
    /// The handshake failed, mostly for the server's certificate.
    #[error("speak TLS with {server}: {reason}")]
    Tls {
        /// Which.
        server: String,
        /// Why.
        reason: String,
    },
    /// It took the connection, and then kept silent.
    #[error("hear from {server} in time: connected, but there was no answer {waiting_for}")]
    TimedOut {
        /// Which.
        server: String,
        /// `to PING`, and so on.
        waiting_for: String,
    },
    /// It closed the connection.
    #[error("hear from {server}: {reason}")]
    Closed {
        /// Which.
        server: String,
        /// When and how.
        reason: String,
    },
    /// What answers there speaks something else.
    #[error("speak to {server}: what answers there is no Redis server{hint}")]
    NotRedis {
        /// Which.
        server: String,
        /// What it seems to be; empty, or with a colon before it.
        hint: &'static str,
    },
    /// It answered a command in a form that its documentation does not know.
    #[error("understand the answer of {server} to {command}")]
    Odd {
        /// Which.
        server: String,
        /// `ROLE`.
        command: &'static str,
    },
    /// It says no.
    #[error("be served by {server}: {refusal}")]
    Refused {
        /// Which.
        server: String,
        /// In its own words.
        refusal: Refusal,
    },
    /// The sentinels do not say which server to ask.
    #[error(transparent)]
    Sentinels(#[from] SentinelError),
}

/// A server's own error. Shown in its own words, on one line, with what to do about it where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its first word: `NOAUTH`, `LOADING`, `ERR`.
    pub code: String,
    /// The rest of it, bounded, without line breaks and without what was sent.
    pub message: String,
    /// Which command it refused: `PING`.
    pub command: String,
    /// As whom it was asked.
    pub user: String,
}

impl Refusal {
    /// Whether user or password are others (`WRONGPASS`; before Redis 6 an `ERR`).
    pub fn is_wrong_password(&self) -> bool {
        self.code == "WRONGPASS" || (self.code == "ERR" && self.message == "invalid password")
    }

    /// The command that the user may not run, in the words of an access list: `cluster|info`.
    fn lacking(&self) -> Option<&str> {
        if self.code != "NOPERM" || !self.message.contains("to run the '") {
            return None;
        }
        self.message.split('\'').nth(1)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Sent to whoever connects, whatever is asked first.
        let unasked = self.message.starts_with("max number of clients");
        let plain = self.code != "ERR" || matches!(self.command.as_str(), "AUTH" | "PING");
        if !plain && !unasked {
            write!(f, "{}: ", self.command)?;
        }
        write!(f, "{} {}", self.code, self.message.trim_end_matches('.'))?;
        if self.code == "NOAUTH" {
            f.write_str(": give a password")
        } else if self.is_wrong_password() {
            write!(f, " (asked as {})", self.user)
        } else if let Some(command) = self.lacking() {
            write!(f, ": {} lacks +{command}", self.user)
        } else {
            Ok(())
        }
    }
}

impl RedisError {
    /// What is known of the server: [`Answer::Unknown`] where it was not really asked.
    pub fn answer(&self) -> Answer {
        match self {
            RedisError::Unreachable(error) => error.answer(),
            RedisError::Trust(_) | RedisError::File { .. } | RedisError::TlsSettings { .. } => {
                Answer::Unknown
            }
            RedisError::Socket { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Answer::Unknown
            }
            RedisError::Sentinels(error) => error.answer(),
            _ => Answer::Fail,
        }
    }

    /// For people who know which server is meant: its own words alone where it has answered.
    pub fn seen(&self) -> String {
        match self {
            RedisError::Refused { refusal, .. } => refusal.to_string(),
            RedisError::Sentinels(error) => error.seen(),
            error => format!("failed to {error}"),
        }
    }

    /// The server's own words, where it has answered with an error.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            RedisError::Refused { refusal, .. } => Some(refusal),
            _ => None,
        }
    }
}

/// Foreign text for people: bounded, on one line, without control characters.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .map(|letter| match letter {
            '"' | '\'' | '\\' => letter.to_string(),
            letter => letter.escape_debug().to_string(),
        })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
