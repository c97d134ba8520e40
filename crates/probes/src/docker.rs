//! Docker: which daemon the environment names, what it says about itself, and whether the compose plugin is there.
//!
//! Responsible for: reading the endpoint as the `docker` command does, `GET /version` of the Engine API, and
//! `docker compose version`. Not responsible for containers, images or for starting anything. The process environment
//! is passed in, never read.

mod compose;
mod daemon;
mod endpoint;
mod environment;
mod error;
mod probe;
pub(crate) mod process;
mod version;

pub use compose::{Compose, ComposeError, compose};
pub use daemon::{Daemon, Engine, daemon};
pub use endpoint::{Endpoint, TlsFiles};
pub use environment::Environment;
pub use error::DockerError;
pub use probe::DockerProbe;
pub use version::{NotAVersion, Version};
