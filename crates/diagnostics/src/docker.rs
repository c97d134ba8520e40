//! Docker: the daemon, its containers, and the room that they take. What a container was told is never asked for.

use probes::docker::{self, Endpoint, Environment};
use serde::Serialize;
use tokio::time::Instant;

use crate::{Part, Subject};

/// How many containers are told, the newest.
const CONTAINERS: usize = 100;

/// Docker as this step would use it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DockerFacts {
    /// Where it was asked: `unix:///var/run/docker.sock`.
    pub at: String,
    /// The daemon's version: `20.10.24`.
    pub daemon: Part<String>,
    /// The newest containers, stopped ones too, at most 100.
    pub containers: Part<Vec<Container>>,
    /// What takes the room.
    pub room: Part<DockerRoom>,
}

/// One container, without its command, variables and labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Container {
    /// The beginning of its id.
    pub id: String,
    /// Its names.
    pub names: Vec<String>,
    /// What it was made from.
    pub image: String,
    /// `running`, `exited`, …
    pub state: String,
    /// `Exited (137) 2 minutes ago`
    pub status: String,
}

/// As `docker system df` tells; sizes are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DockerRoom {
    /// How many.
    pub images: usize,
    /// Their layers.
    pub images_bytes: u64,
    /// How many, stopped ones too.
    pub containers: usize,
    /// What they wrote.
    pub containers_bytes: u64,
    /// How many.
    pub volumes: usize,
    /// What they hold.
    pub volumes_bytes: u64,
    /// What builds keep.
    pub build_cache_bytes: u64,
}

/// Asks it.
pub(crate) async fn ask(subject: &Subject, deadline: Instant) -> Part<DockerFacts> {
    let endpoint = match Endpoint::of(&environment(subject)) {
        Ok(endpoint) => endpoint,
        Err(error) => return Part::failed(error),
    };
    let (daemon, containers, room) = tokio::join!(
        docker::daemon(&endpoint, deadline),
        docker::containers(&endpoint, CONTAINERS, deadline),
        docker::disk_usage(&endpoint, deadline),
    );
    Part::Had(DockerFacts {
        at: endpoint.to_string(),
        daemon: daemon.map(|daemon| daemon.version.to_string()).into(),
        containers: containers
            .map(|all| {
                all.into_iter()
                    .map(|one| Container {
                        id: one.id,
                        names: one.names,
                        image: one.image,
                        state: one.state,
                        status: one.status,
                    })
                    .collect()
            })
            .into(),
        room: room
            .map(|usage| DockerRoom {
                images: usage.images,
                images_bytes: usage.images_bytes,
                containers: usage.containers,
                containers_bytes: usage.containers_bytes,
                volumes: usage.volumes,
                volumes_bytes: usage.volumes_bytes,
                build_cache_bytes: usage.build_cache_bytes,
            })
            .into(),
    })
}

fn environment(subject: &Subject) -> Environment {
    let get = |name: &str| subject.environment.get(name).map(str::to_owned);
    Environment {
        host: get("DOCKER_HOST"),
        context: get("DOCKER_CONTEXT"),
        config: get("DOCKER_CONFIG").map(Into::into),
        cert_path: get("DOCKER_CERT_PATH").map(Into::into),
        tls_verify: get("DOCKER_TLS_VERIFY"),
        tls: get("DOCKER_TLS"),
        home: get("HOME").map(Into::into),
        path: get("PATH").map(Into::into),
    }
}
