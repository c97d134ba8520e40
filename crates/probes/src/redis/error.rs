//! Why a Redis server was not as wanted.

use std::{io, path::PathBuf};

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
    /// The authorities to trust cannot be read here.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The handshake failed, mostly for its certificate.
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
        waiting_for: &'static str,
    },
    /// It closed the connection.
    #[error("hear from {server}: the connection broke ({reason})")]
    Closed {
        /// Which.
        server: String,
        /// The library's word.
        reason: String,
    },
    /// What answers there speaks something else.
    #[error("speak to {server}: what answers there is no Redis server")]
    NotRedis {
        /// Which.
        server: String,
    },
    /// `NOAUTH`: it wants a password, and none is set.
    #[error("be served by {server}: it wants a password, and none is set (NOAUTH)")]
    NoPassword {
        /// Which.
        server: String,
    },
    /// `WRONGPASS`: the password, or the user, is another.
    #[error("log in to {server} as {user}: wrong user or password (WRONGPASS)")]
    WrongPassword {
        /// Which.
        server: String,
        /// As whom.
        user: String,
    },
    /// `NOPERM`: the user may not do this (an access list).
    #[error("be served by {server} as {user}: {message} (NOPERM)")]
    NoPermission {
        /// Which.
        server: String,
        /// As whom.
        user: String,
        /// In its own words.
        message: String,
    },
    /// `LOADING`: it reads its data in and serves nobody yet.
    #[error("be served by {server}: it is still loading its data (LOADING)")]
    Loading {
        /// Which.
        server: String,
    },
    /// `READONLY`: it is a replica.
    #[error("write to {server}: it is a read-only replica (READONLY)")]
    ReadOnly {
        /// Which.
        server: String,
    },
    /// It says no in another way.
    #[error("be served by {server}: {code} {message}")]
    Refused {
        /// Which.
        server: String,
        /// The first word of its answer: `ERR`, `MASTERDOWN`, …
        code: String,
        /// In its own words.
        message: String,
    },
}

impl RedisError {
    /// What is known of the server: [`Answer::Unknown`] where it was not really asked.
    pub fn answer(&self) -> Answer {
        match self {
            RedisError::Unreachable(error) => error.answer(),
            RedisError::Trust(_) => Answer::Unknown,
            RedisError::Socket { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Answer::Unknown
            }
            _ => Answer::Fail,
        }
    }

    /// What a server's own error means.
    pub(super) fn said(server: &str, user: &str, code: &str, message: &str) -> RedisError {
        const LONGEST: usize = 300;
        let server = server.to_owned();
        let user = user.to_owned();
        let message: String = message
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(LONGEST)
            .collect();
        match code {
            "NOAUTH" => RedisError::NoPassword { server },
            "WRONGPASS" => RedisError::WrongPassword { server, user },
            // Before Redis 6.
            "ERR" if message == "invalid password" => RedisError::WrongPassword { server, user },
            "NOPERM" => RedisError::NoPermission {
                server,
                user,
                message,
            },
            "LOADING" => RedisError::Loading { server },
            "READONLY" => RedisError::ReadOnly { server },
            code => RedisError::Refused {
                server,
                code: code.to_owned(),
                message,
            },
        }
    }
}
