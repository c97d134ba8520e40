//! What a person needs to see of a host whose deployment failed, gathered before it is gone (design §8, `diagnostics`).
//!
//! Responsible for: gathering each part beside the others within its own time and size, and writing all of it without a
//! secret, whole or not at all. A part that cannot be had says why, and stops nothing. Not responsible for deciding when
//! a deployment went badly, and for sending a bundle anywhere. Nothing here changes the host, sends a credential or reads
//! the environment of another process.

mod bundle;
mod disk;
mod docker;
mod host;
mod network;
mod part;
mod preflight;
mod processes;
mod runner_log;
mod subject;
mod text;
mod write;

pub use bundle::{Bundle, WITHIN, gather};
pub use disk::{Disk, Filling, Item};
pub use docker::{Container, DockerFacts, DockerRoom};
pub use host::{Cpu, HostFacts, Memory};
pub use network::{Reach, Reached};
pub use part::Part;
pub use processes::{Process, Processes};
pub use runner_log::{Logs, Tail};
pub use subject::{About, Subject};
pub use write::{MOST, SCHEMA, WriteError};
