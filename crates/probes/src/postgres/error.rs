//! Why a PostgreSQL server was not as wanted.

use std::{io, path::PathBuf};

use super::settings::TargetSession;
use crate::{foreign, probe::Answer, tcp::TcpError};

/// Reads after "failed to …". Never holds the password.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
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
    /// It took the connection, and then kept silent.
    #[error("hear from {server} in time: connected, but there was no answer {waiting_for}")]
    TimedOut {
        /// Which.
        server: String,
        /// `to the start-up message`, and so on.
        waiting_for: &'static str,
    },
    /// It closed the connection without a word.
    #[error("hear from {server}: it closed the connection ({reason})")]
    Closed {
        /// Which.
        server: String,
        /// The system's word.
        reason: String,
    },
    /// What answers there speaks something else.
    #[error("speak to {server}: what answers there is no PostgreSQL server")]
    NotPostgres {
        /// Which.
        server: String,
    },
    /// `sslmode` wants TLS, and the server has none.
    #[error("speak TLS with {server}: the server offers none, and sslmode wants it")]
    TlsNotOffered {
        /// Which.
        server: String,
    },
    /// The handshake failed, mostly for its certificate.
    #[error("speak TLS with {server}: {reason}")]
    Tls {
        /// Which.
        server: String,
        /// Why.
        reason: String,
    },
    /// The certificates to trust cannot be read here.
    #[error("read the certificates to trust from {from}: {reason}")]
    RootCertificates {
        /// A path, or the system's own.
        from: String,
        /// Why.
        reason: String,
    },
    /// This client's certificate or its key cannot be read here.
    #[error("use the client's certificate from {from}: {reason}")]
    ClientCertificate {
        /// A path.
        from: String,
        /// Why.
        reason: String,
    },
    /// SQLSTATE 57P03: it starts up, shuts down, or recovers, and takes no connections now.
    #[error("be let in by {server}: {message} (SQLSTATE 57P03)")]
    NotAccepting {
        /// Which.
        server: String,
        /// In its own words.
        message: String,
    },
    /// The server said no to this user, password, database, or question.
    #[error("be served by {server}: {message} (SQLSTATE {sqlstate})")]
    Rejected {
        /// Which.
        server: String,
        /// Five characters, of PostgreSQL's Appendix A: `28P01` is a wrong password, `3D000` no such database.
        sqlstate: String,
        /// In its own words.
        message: String,
    },
    /// It knows user and password, and not what the session was to begin with: `options`, of the connection string or of
    /// PGOPTIONS.
    #[error(
        "log in to {server}: it refuses what the session is to begin with (options): {message} (SQLSTATE {sqlstate})"
    )]
    Options {
        /// Which.
        server: String,
        /// Of the class 22 or 42.
        sqlstate: String,
        /// In its own words.
        message: String,
    },
    /// It takes writes, but not from a session that does not ask for them: `default_transaction_read_only` is on.
    #[error(
        "use {server}: it takes no writes by default, since default_transaction_read_only is on{}",
        of_source(source_of)
    )]
    ReadOnlyByDefault {
        /// Which.
        server: String,
        /// Where that is set, in the server's word: `user`, `database`, `database user`, `client`, or of the server itself.
        source_of: String,
    },
    /// It wants a password, and none is set.
    #[error("log in to {server} as {user}: it asks for a password, and none is set")]
    NoPassword {
        /// Which.
        server: String,
        /// As whom.
        user: String,
    },
    /// The exchange went wrong on this side: a way to authenticate that is not spoken here, a broken answer.
    #[error("log in to {server}: {reason}")]
    Exchange {
        /// Which.
        server: String,
        /// Why.
        reason: String,
    },
    /// Its answer to a question is of no use.
    #[error("use the answer of {server}: {reason}")]
    Answer {
        /// Which.
        server: String,
        /// Why.
        reason: String,
    },
    /// It let us in and is of the other kind than `target_session_attrs` wants.
    #[error("use {server}: it is {}, wanted {}", wanted.opposite(), wanted.named())]
    WrongRole {
        /// Which.
        server: String,
        /// What was wanted; neither `any` nor `prefer-standby`.
        wanted: TargetSession,
    },
    /// Its answer to one question is longer than anybody wants to read.
    #[error("read the answer of {server}: it is longer than {} MiB", most / 1024 / 1024)]
    TooLong {
        /// Which.
        server: String,
        /// How many bytes are read at most.
        most: usize,
    },
    /// None of several ways or servers led in; never fewer than two.
    #[error("{}", listed(tried))]
    None {
        /// Each in the order of trying.
        tried: Vec<PostgresError>,
    },
}

impl PostgresError {
    /// What is known of the server: [`Answer::Unknown`] where it was not really asked.
    pub fn answer(&self) -> Answer {
        match self {
            PostgresError::Unreachable(error) => error.answer(),
            PostgresError::RootCertificates { .. } | PostgresError::ClientCertificate { .. } => {
                Answer::Unknown
            }
            PostgresError::Socket { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Answer::Unknown
            }
            PostgresError::None { tried } => {
                if tried.iter().all(|error| error.answer() == Answer::Unknown) {
                    Answer::Unknown
                } else {
                    Answer::Fail
                }
            }
            _ => Answer::Fail,
        }
    }

    /// The server's code, where it gave one: 57P03 for [`PostgresError::NotAccepting`]; of several errors the first.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            PostgresError::NotAccepting { .. } => Some("57P03"),
            PostgresError::Rejected { sqlstate, .. } | PostgresError::Options { sqlstate, .. } => {
                Some(sqlstate)
            }
            PostgresError::None { tried } => tried.iter().find_map(PostgresError::sqlstate),
            _ => None,
        }
    }

    /// One line for people who know which server was asked: the server's own words with their SQLSTATE,
    /// `the database system is starting up (57P03)`, and else what failed. Of several servers each is named.
    pub fn seen(&self) -> String {
        match self {
            PostgresError::NotAccepting { message, .. } => format!("{message} (57P03)"),
            PostgresError::Rejected {
                sqlstate, message, ..
            } => format!("{message} ({sqlstate})"),
            PostgresError::Options {
                sqlstate, message, ..
            } => format!(
                "it refuses what the session is to begin with (options): {message} ({sqlstate})"
            ),
            PostgresError::ReadOnlyByDefault { source_of, .. } => format!(
                "it takes no writes by default, since default_transaction_read_only is on{}",
                of_source(source_of)
            ),
            PostgresError::WrongRole { wanted, .. } => {
                format!("it is {}, wanted {}", wanted.opposite(), wanted.named())
            }
            PostgresError::None { tried } => {
                let each: Vec<String> = tried
                    .iter()
                    .map(|error| match error.speaker() {
                        Some(server) => format!("{server}: {}", error.seen()),
                        None => error.seen(),
                    })
                    .collect();
                each.join("; ")
            }
            other => format!("failed to {other}"),
        }
    }

    /// Who said it, where [`PostgresError::seen`] does not.
    fn speaker(&self) -> Option<&str> {
        match self {
            PostgresError::NotAccepting { server, .. }
            | PostgresError::Rejected { server, .. }
            | PostgresError::Options { server, .. }
            | PostgresError::ReadOnlyByDefault { server, .. }
            | PostgresError::WrongRole { server, .. } => Some(server),
            _ => None,
        }
    }

    /// What the server said; its words on one line and of bounded length, since they go into reports.
    pub(super) fn said(server: &str, sqlstate: &str, message: &str) -> PostgresError {
        let message = foreign::line(message);
        let server = server.to_owned();
        match sqlstate {
            "57P03" => PostgresError::NotAccepting { server, message },
            _ => PostgresError::Rejected {
                server,
                sqlstate: sqlstate.to_owned(),
                message,
            },
        }
    }

    /// One error for several; `None` where there is none.
    pub(super) fn of(mut tried: Vec<PostgresError>) -> Option<PostgresError> {
        match tried.len() {
            0 | 1 => tried.pop(),
            _ => Some(PostgresError::None { tried }),
        }
    }
}

/// Where a setting stands, by the word of `pg_settings.source`.
fn of_source(word: &str) -> &'static str {
    match word {
        "user" => " for this user",
        "database" => " for this database",
        "database user" => " for this user in this database",
        "client" => " by the options of the connection string",
        _ => " for the whole server",
    }
}

fn listed(tried: &[PostgresError]) -> String {
    let each: Vec<String> = tried.iter().map(ToString::to_string).collect();
    each.join("; and to ")
}
