//! What a daemon says about itself.

use serde::Deserialize;
use tokio::time::Instant;

use super::{DockerError, Endpoint, Version, api};
use crate::{foreign, http::Response};

/// Which engine speaks Docker's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Docker, or what calls itself nothing else.
    Docker,
    /// Podman, whose versions count differently.
    Podman,
}

/// What a daemon says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Which engine it is.
    pub engine: Engine,
    /// The engine's version: `20.10.24+dfsg1`.
    pub version: Version,
    /// The API's version: `1.41`.
    pub api_version: String,
    /// The system of the daemon: `linux`.
    pub os: String,
    /// The architecture of the daemon: `amd64`.
    pub arch: String,
}

/// `GET /version` (<https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemVersion>).
///
/// # Errors
/// Those of [`DockerError`] that concern a daemon.
pub async fn daemon(endpoint: &Endpoint, deadline: Instant) -> Result<Daemon, DockerError> {
    let response = api::ask(endpoint, "/version", deadline).await?;
    read(&response, endpoint)
}

fn read(response: &Response, endpoint: &Endpoint) -> Result<Daemon, DockerError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body {
        version: String,
        api_version: String,
        #[serde(default)]
        os: String,
        #[serde(default)]
        arch: String,
        #[serde(default)]
        components: Option<Vec<Component>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Component {
        #[serde(default)]
        name: String,
    }
    let body: Body = api::body(response, endpoint, "the version")?;
    let podman = body
        .components
        .unwrap_or_default()
        .iter()
        .any(|component| component.name.to_ascii_lowercase().contains("podman"));
    Ok(Daemon {
        engine: if podman {
            Engine::Podman
        } else {
            Engine::Docker
        },
        version: body
            .version
            .parse()
            .map_err(|_| api::not_docker(response, endpoint))?,
        api_version: foreign::words(&body.api_version),
        os: foreign::words(&body.os),
        arch: foreign::words(&body.arch),
    })
}
