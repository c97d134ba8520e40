//! Why a name has no answer.

use std::{fmt, net::SocketAddr, path::PathBuf};

/// Why a name was not resolved; reads after "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The list of name servers could not be had.
    #[error("read the name servers from {}: {reason}", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Not a domain name (RFC 1035 §2.3.4).
    #[error("resolve \"{name}\": not a host name")]
    BadName {
        /// What was given, with what cannot be printed escaped.
        name: String,
    },
    /// A name server says that the name does not exist (NXDOMAIN).
    #[error("resolve {name}: no such name, says name server {server}")]
    NoSuchName {
        /// The name as asked, absolute.
        name: String,
        /// Who said it.
        server: SocketAddr,
    },
    /// The name exists, and has no record of the wanted types.
    #[error("resolve {name}: it has no {wanted} record, says name server {server}")]
    NoRecords {
        /// The name as asked, absolute.
        name: String,
        /// The type asked last: `AAAA`.
        wanted: String,
        /// Who said it.
        server: SocketAddr,
    },
    /// No name server gave an answer to the question.
    #[error("resolve {name}: {}", listed(failures))]
    Servers {
        /// The name as asked, absolute.
        name: String,
        /// Each server that was asked, in their order.
        failures: Vec<(SocketAddr, ServerFailure)>,
    },
    /// The deadline passed, and no name server had said anything.
    #[error(
        "resolve {name}: no answer in time from name server {}",
        joined(servers)
    )]
    TimedOut {
        /// The name as asked.
        name: String,
        /// The servers.
        servers: Vec<SocketAddr>,
    },
}

/// What came of asking one name server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerFailure {
    /// Nothing came back.
    #[error("did not answer")]
    Silent,
    /// It answered with an error code (RFC 1035 §4.1.1), such as `Server Failure`.
    #[error("answered \"{code}\"")]
    Answered {
        /// The code's name.
        code: String,
    },
    /// The question could not be sent, or what came back is no answer.
    #[error("could not be asked: {reason}")]
    Unusable {
        /// What the system or the decoder says.
        reason: String,
    },
}

impl ResolveError {
    /// Whether the name itself is wrong. False: nobody could say, and nothing is known about the target.
    pub fn is_definite(&self) -> bool {
        matches!(
            self,
            ResolveError::BadName { .. }
                | ResolveError::NoSuchName { .. }
                | ResolveError::NoRecords { .. }
        )
    }

    /// Whether some server answered, if only with an error code.
    pub(crate) fn was_answered(&self) -> bool {
        match self {
            ResolveError::Servers { failures, .. } => failures
                .iter()
                .any(|(_, failure)| matches!(failure, ServerFailure::Answered { .. })),
            _ => self.is_definite(),
        }
    }
}

fn listed(failures: &[(SocketAddr, ServerFailure)]) -> String {
    let parts: Vec<String> = failures
        .iter()
        .map(|(server, failure)| format!("name server {server} {failure}"))
        .collect();
    parts.join(", ")
}

fn joined(servers: &[impl fmt::Display]) -> String {
    let parts: Vec<String> = servers.iter().map(ToString::to_string).collect();
    parts.join(", ")
}
