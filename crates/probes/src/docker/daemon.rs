//! What a daemon says about itself.

use serde::Deserialize;
use tokio::time::Instant;

use super::{DockerError, Endpoint, Version};
use crate::{
    foreign,
    http::{Client, HttpError, Request, Response},
};

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
    let (options, url) = endpoint.client("/version");
    let told = async {
        let request = Request::new("GET", &url)?;
        Client::new(options)?.ask(&request, deadline).await
    };
    let response: Response = told
        .await
        .map_err(|error: HttpError| DockerError::of(error, endpoint))?;
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
    #[derive(Deserialize)]
    struct Words {
        message: String,
    }
    if response.status != 200 {
        // The API's errors are JSON with a message; a web server's are not.
        return Err(match response.json::<Words>() {
            Ok(words) => DockerError::Refused {
                at: endpoint.to_string(),
                status: response.status_line(),
                words: foreign::words(&words.message),
            },
            Err(_) => not_docker(response, endpoint),
        });
    }
    let body: Body = response
        .json()
        .map_err(|_| not_docker(response, endpoint))?;
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
            .map_err(|_| not_docker(response, endpoint))?,
        api_version: foreign::words(&body.api_version),
        os: foreign::words(&body.os),
        arch: foreign::words(&body.arch),
    })
}

fn not_docker(response: &Response, endpoint: &Endpoint) -> DockerError {
    DockerError::NotDocker {
        at: endpoint.to_string(),
        seen: response.outline(),
    }
}
