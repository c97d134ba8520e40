//! Why a daemon has not told its version.

use std::{io, path::PathBuf, time::Duration};

use crate::{Answer, http::HttpError};

/// Why a daemon has not told its version. Texts fit "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerError {
    /// The endpoint needs something that is not spoken here.
    #[error("ask Docker over {scheme}: only unix:// and tcp:// can be asked from here")]
    Transport {
        /// `ssh`, `npipe` or `fd`.
        scheme: String,
    },
    /// The address is none. It is not repeated: it may hold a password.
    #[error("make sense of DOCKER_HOST: it must begin with unix:// or tcp://")]
    Host,
    /// Docker's configuration cannot be read.
    #[error("read {}: {detail}", path.display())]
    Configuration {
        /// Which file.
        path: PathBuf,
        /// Why not.
        detail: String,
    },
    /// There is no such context.
    #[error("find the Docker context {name:?}")]
    Context {
        /// Its name.
        name: String,
    },
    /// There is no socket.
    #[error("find the Docker socket {}", path.display())]
    NoSocket {
        /// Where it should be.
        path: PathBuf,
    },
    /// The socket is there, and this user may not use it.
    #[error("open the Docker socket {}: permission denied", path.display())]
    PermissionDenied {
        /// The socket.
        path: PathBuf,
    },
    /// The socket or the port is there, and nobody listens.
    #[error("reach Docker at {at}: nobody listens there")]
    NobodyListens {
        /// The endpoint.
        at: String,
    },
    /// The daemon takes connections and does not answer.
    #[error("get an answer from Docker at {at} within {} ms: it hangs", after.as_millis())]
    Silent {
        /// The endpoint.
        at: String,
        /// How long was waited.
        after: Duration,
    },
    /// The connection failed in another way.
    #[error("ask Docker at {at}: failed to {source}")]
    Unreachable {
        /// The endpoint.
        at: String,
        /// How.
        source: HttpError,
    },
    /// The daemon refuses to tell.
    #[error("get {what} of Docker at {at}: {status}: {words}")]
    Refused {
        /// What was asked for: `the version`.
        what: &'static str,
        /// The endpoint.
        at: String,
        /// Status and its words.
        status: String,
        /// The daemon's own words.
        words: String,
    },
    /// What answers is no Docker Engine API.
    #[error("find Docker at {at}: what answers there is not Docker ({seen})")]
    NotDocker {
        /// The endpoint.
        at: String,
        /// What came instead.
        seen: String,
    },
}

impl DockerError {
    /// Tells Docker's own cases apart from an error of the exchange.
    pub(super) fn of(error: HttpError, endpoint: &super::Endpoint) -> DockerError {
        use super::Endpoint::Unix;
        let at = endpoint.to_string();
        match (error, endpoint) {
            (
                HttpError::Connect {
                    kind: io::ErrorKind::NotFound,
                    ..
                },
                Unix(path),
            ) => DockerError::NoSocket { path: path.clone() },
            (
                HttpError::Connect {
                    kind: io::ErrorKind::PermissionDenied,
                    ..
                },
                Unix(path),
            ) => DockerError::PermissionDenied { path: path.clone() },
            (
                HttpError::Connect {
                    kind: io::ErrorKind::ConnectionRefused,
                    ..
                },
                _,
            ) => DockerError::NobodyListens { at },
            (HttpError::NoAnswer { after, .. } | HttpError::Slow { after, .. }, _) => {
                DockerError::Silent { at, after }
            }
            (source, _) => DockerError::Unreachable { at, source },
        }
    }

    /// What the error means for a probe.
    pub fn answer(&self) -> Answer {
        match self {
            DockerError::Transport { .. }
            | DockerError::Host
            | DockerError::Configuration { .. }
            | DockerError::Context { .. } => Answer::Unknown,
            DockerError::Unreachable { source, .. } => source.answer(),
            DockerError::NoSocket { .. }
            | DockerError::PermissionDenied { .. }
            | DockerError::NobodyListens { .. }
            | DockerError::Silent { .. }
            | DockerError::Refused { .. }
            | DockerError::NotDocker { .. } => Answer::Fail,
        }
    }

    /// How a person mends it, in one sentence.
    pub fn mend(&self) -> &'static str {
        match self {
            DockerError::Transport { .. } => {
                "point DOCKER_HOST at a unix:// or tcp:// endpoint, or leave this check out"
            }
            DockerError::Host => "set DOCKER_HOST to a unix:// or tcp:// address, or unset it",
            DockerError::Configuration { .. } => "make the file readable JSON, or remove it",
            DockerError::Context { .. } => {
                "choose a context that `docker context ls` shows, or unset DOCKER_CONTEXT"
            }
            DockerError::NoSocket { .. } => {
                "install Docker and start it (`systemctl start docker`), or set DOCKER_HOST"
            }
            DockerError::PermissionDenied { .. } => {
                "add the runner's user to the group docker (`usermod -aG docker USER`) and restart the runner"
            }
            DockerError::NobodyListens { .. } => {
                "start the daemon (`systemctl restart docker`): its address is there, and it is not"
            }
            DockerError::Silent { .. } => {
                "restart the daemon (`systemctl restart docker`) after a look at `journalctl -u docker`"
            }
            DockerError::Unreachable { .. } => {
                "check the address, the certificates and the way to the daemon"
            }
            DockerError::Refused { .. } => {
                "look at the daemon's log (`journalctl -u docker`) and its authorization plugins"
            }
            DockerError::NotDocker { .. } => "point DOCKER_HOST at a Docker daemon",
        }
    }
}
