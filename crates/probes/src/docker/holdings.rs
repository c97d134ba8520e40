//! What a daemon holds: its containers, and the room that images, containers, volumes and build cache take.
//!
//! Not responsible for what a container was started with: its command, variables and labels may hold secrets and are
//! never read.

use serde::Deserialize;
use tokio::time::Instant;

use super::{DockerError, Endpoint, api};
use crate::foreign;

/// One container, as `docker ps --all` lists it, without its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The first 12 characters of its id.
    pub id: String,
    /// Its names, without the leading slash.
    pub names: Vec<String>,
    /// The image that it was made from, as it was named then.
    pub image: String,
    /// `running`, `exited`, `restarting`, …
    pub state: String,
    /// In the daemon's words: `Exited (137) 2 minutes ago`, `Up 3 hours (unhealthy)`.
    pub status: String,
}

/// How much room the daemon's things take, as `docker system df` counts; sizes are bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// How many images there are.
    pub images: usize,
    /// What their layers take, each counted once.
    pub images_bytes: u64,
    /// How many containers there are, stopped ones too.
    pub containers: usize,
    /// What they wrote to their own layers.
    pub containers_bytes: u64,
    /// How many volumes there are.
    pub volumes: usize,
    /// What they hold.
    pub volumes_bytes: u64,
    /// What builds keep.
    pub build_cache_bytes: u64,
}

/// The `most` newest containers, running or not
/// (<https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerList>).
///
/// # Errors
/// Those of [`DockerError`] that concern a daemon.
pub async fn containers(
    endpoint: &Endpoint,
    most: usize,
    deadline: Instant,
) -> Result<Vec<Container>, DockerError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listed {
        #[serde(default)]
        id: String,
        #[serde(default)]
        names: Option<Vec<String>>,
        #[serde(default)]
        image: String,
        #[serde(default)]
        state: String,
        #[serde(default)]
        status: String,
    }
    let path = format!("/containers/json?all=true&limit={most}");
    let response = api::ask(endpoint, &path, deadline).await?;
    let listed: Vec<Listed> = api::body(&response, endpoint, "the containers")?;
    let told = listed.into_iter().take(most).map(|one| Container {
        id: foreign::bounded(one.id.get(..12).unwrap_or(&one.id), 12),
        names: one
            .names
            .unwrap_or_default()
            .iter()
            .take(4)
            .map(|name| foreign::piece(name.trim_start_matches('/')))
            .collect(),
        image: foreign::line(&one.image),
        state: foreign::piece(&one.state),
        status: foreign::piece(&one.status),
    });
    Ok(told.collect())
}

/// What takes the room
/// (<https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemDataUsage>). A daemon with
/// large volumes counts for a while.
///
/// # Errors
/// Those of [`DockerError`] that concern a daemon.
pub async fn disk_usage(endpoint: &Endpoint, deadline: Instant) -> Result<DiskUsage, DockerError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Usage {
        #[serde(default)]
        layers_size: Option<i64>,
        #[serde(default)]
        images: Option<Vec<serde::de::IgnoredAny>>,
        #[serde(default)]
        containers: Option<Vec<Written>>,
        #[serde(default)]
        volumes: Option<Vec<Volume>>,
        #[serde(default)]
        build_cache: Option<Vec<Counted>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Written {
        #[serde(default)]
        size_rw: Option<i64>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Volume {
        #[serde(default)]
        usage_data: Option<Counted>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Counted {
        #[serde(default)]
        size: Option<i64>,
    }
    // The API says -1 for what it did not count.
    let sum = |sizes: &mut dyn Iterator<Item = Option<i64>>| {
        sizes.fold(0_u64, |all, size| {
            all.saturating_add(size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0))
        })
    };
    let response = api::ask(endpoint, "/system/df", deadline).await?;
    let usage: Usage = api::body(&response, endpoint, "the disk usage")?;
    let containers = usage.containers.unwrap_or_default();
    let volumes = usage.volumes.unwrap_or_default();
    Ok(DiskUsage {
        images: usage.images.unwrap_or_default().len(),
        images_bytes: sum(&mut [usage.layers_size].into_iter()),
        containers: containers.len(),
        containers_bytes: sum(&mut containers.iter().map(|one| one.size_rw)),
        volumes: volumes.len(),
        volumes_bytes: sum(&mut volumes
            .iter()
            .map(|one| one.usage_data.as_ref().and_then(|data| data.size))),
        build_cache_bytes: sum(&mut usage
            .build_cache
            .unwrap_or_default()
            .iter()
            .map(|one| one.size)),
    })
}
