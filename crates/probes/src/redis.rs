//! Redis, and what speaks its protocol: whether a server serves this user and is what it should be.
//!
//! Responsible for: one server, `redis://` and `rediss://` URLs, users, databases, TLS; telling the ways apart in which a
//! server that runs is of no use (it wants a password, or another one; it loads; it is a replica); and finding a master
//! through its sentinels. [`Session`] is a connection for others to speak through. Not responsible for walking a cluster,
//! or for what the store (design §5) says over it.
//!
//! No error and no `Debug` text holds the password.

mod cluster;
mod connection;
mod error;
mod probe;
mod resp;
mod role;
mod sentinel;
mod settings;
mod tls;

pub use cluster::WantedCluster;
pub use connection::{Session, ask, ping};
pub use error::{RedisError, Refusal};
pub use probe::{Question, RedisProbe, Source, Wanted};
pub use resp::Value;
pub use role::WantedRole;
pub use sentinel::{SentinelError, Sentinels, master};
pub use settings::{Endpoint, PORT, Settings, SettingsError, TlsSettings};
pub use tls::Connector;
