//! Docker: which daemon the environment names, what it says about itself, and whether the compose plugin is there.
//!
//! Responsible for: reading the endpoint as the `docker` command does, what the Engine API tells of the daemon and what it
//! holds, and `docker compose version`. Not responsible for changing or starting anything. The process environment is passed
//! in, never read.

mod api;
mod compose;
mod daemon;
mod endpoint;
mod environment;
mod error;
mod holdings;
mod probe;
pub(crate) mod process;
mod version;

pub use compose::{Compose, ComposeError, compose};
pub use daemon::{Daemon, Engine, daemon};
pub use endpoint::{Endpoint, TlsFiles};
pub use environment::Environment;
pub use error::DockerError;
pub use holdings::{Container, DiskUsage, containers, disk_usage};
pub use probe::DockerProbe;
pub use version::{NotAVersion, Version};
