//! Redis, and what speaks its protocol: whether a server answers this user.
//!
//! Responsible for: one server, `redis://` and `rediss://` URLs, users, databases, TLS, and telling the ways apart in
//! which a server that runs is of no use: it wants a password, or another one; it loads; it is a replica. Not
//! responsible for sentinels, clusters, or the store (design §5).
//!
//! No error and no `Debug` text holds the password.

mod connection;
mod error;
mod settings;

use tokio::time::Instant;

pub use connection::{ask, ping};
pub use error::RedisError;
pub use settings::{Endpoint, Settings, SettingsError};

use crate::{
    probe::{Answer, Observation, Probe, ProbeFuture},
    resolver::Resolver,
};

/// Passes where the server answers this user's `PING`.
#[derive(Clone, Debug)]
pub struct PingProbe {
    /// Who is asked, and as whom.
    pub settings: Settings,
    /// Names to addresses.
    pub resolver: Resolver,
}

impl Probe for PingProbe {
    fn identity(&self) -> String {
        format!("redis {}", self.settings)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, seen) = match ping(&self.resolver, &self.settings, deadline).await {
                Ok(()) => (Answer::Pass, format!("{} answers PING", self.settings)),
                Err(error) => (error.answer(), format!("failed to {error}")),
            };
            Observation {
                answer,
                seen,
                took: begun.elapsed(),
            }
        })
    }
}
