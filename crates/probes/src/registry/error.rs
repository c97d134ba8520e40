//! Why it is not known that an image exists.

use std::time::Duration;

use super::CredentialsError;
use crate::{Answer, http::HttpError};

/// Why it is not known that an image exists. Texts fit "failed to …" and hold no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The registry does not know the repository.
    #[error("find the repository {repository} at {host}")]
    NoRepository {
        /// The registry's host.
        host: String,
        /// The repository.
        repository: String,
    },
    /// The registry knows the repository, and no such tag or digest in it.
    #[error("find {wanted} in the repository {repository} at {host}")]
    NoManifest {
        /// The registry's host.
        host: String,
        /// The repository.
        repository: String,
        /// Tag or digest.
        wanted: String,
    },
    /// The registry says 404 and not which of the two.
    #[error("find {repository} with {wanted} at {host}")]
    NotFound {
        /// The registry's host.
        host: String,
        /// The repository.
        repository: String,
        /// Tag or digest.
        wanted: String,
    },
    /// The registry wants credentials, and there are none or other ones.
    #[error("get access to {host}: {}", if *.tried { "it refuses the credentials" } else { "it wants credentials, and Docker's configuration has none for it" })]
    Unauthorized {
        /// The registry's host, or its token server's.
        host: String,
        /// Whether credentials were sent.
        tried: bool,
    },
    /// The registry knows who asks and does not let them. Docker Hub says the same of a repository that is not there.
    #[error("get access to {repository} at {host}: it is private for others, or does not exist")]
    Denied {
        /// The registry's host.
        host: String,
        /// The repository.
        repository: String,
    },
    /// Too many questions.
    #[error("ask {host}: it wants fewer questions{}", again(.retry_after.as_ref()))]
    RateLimited {
        /// The registry's host, or its token server's.
        host: String,
        /// When it may be asked again, where it says so.
        retry_after: Option<Duration>,
    },
    /// The registry is ill.
    #[error("get an answer from {host}: {status}")]
    Server {
        /// The registry's host, or its token server's.
        host: String,
        /// Status and its words.
        status: String,
    },
    /// What answers is no registry.
    #[error("find a registry at {host}: what answers there is none ({seen})")]
    NotARegistry {
        /// The registry's host, or its token server's.
        host: String,
        /// What came instead.
        seen: String,
    },
    /// The registry names a token server that credentials must not be sent to: another scheme than https.
    #[error("get a token for {host}: it names a token server that is not reached over https")]
    UnsafeRealm {
        /// The registry's host.
        host: String,
    },
    /// The registry has another manifest under that digest.
    #[error("find {wanted} at {host}: it answers with another digest")]
    OtherDigest {
        /// The registry's host.
        host: String,
        /// The digest that was asked for.
        wanted: String,
    },
    /// The connection failed.
    #[error("ask {host}: failed to {source}")]
    Unreachable {
        /// The registry's host, or its token server's.
        host: String,
        /// How.
        source: HttpError,
    },
    /// The credentials could not be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl RegistryError {
    /// What the error means for a probe: an image that is not there or cannot be had from here, or a question without
    /// an answer.
    pub fn answer(&self) -> Answer {
        match self {
            RegistryError::NoRepository { .. }
            | RegistryError::NoManifest { .. }
            | RegistryError::NotFound { .. }
            | RegistryError::Unauthorized { .. }
            | RegistryError::Denied { .. }
            | RegistryError::OtherDigest { .. }
            | RegistryError::NotARegistry { .. } => Answer::Fail,
            RegistryError::RateLimited { .. }
            | RegistryError::Server { .. }
            | RegistryError::UnsafeRealm { .. }
            | RegistryError::Credentials(_) => Answer::Unknown,
            // Nothing was said of the image. A name that does not exist is the reference's own fault.
            RegistryError::Unreachable { source, .. } => match source {
                HttpError::Name(error) if error.is_definite() => Answer::Fail,
                _ => Answer::Unknown,
            },
        }
    }
}

fn again(retry_after: Option<&Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| {
        format!(", again in {} s", wait.as_secs())
    })
}
