//! PostgreSQL: whether a server takes connections, and whether one can log in.
//!
//! Responsible for: connection strings as libpq reads them (its section 34.1.1), every host of them tried, TLS as
//! `sslmode` wants it, and telling a server that starts up from one that is away and from one that says no. Not
//! responsible for the store (design §5), which keeps its connections.
//!
//! No error and no `Debug` text holds the password.

mod error;
mod login;
mod ready;
mod settings;
mod stream;
mod tls;

use tokio::time::Instant;

pub use error::PostgresError;
pub use login::{Session, login};
pub use ready::{Ready, ready};
pub use settings::{
    ChannelBinding, Endpoint, Server, Settings, SettingsError, SslMode, TargetSession,
};

use crate::{
    probe::{Answer, Observation, Probe, ProbeFuture},
    resolver::Resolver,
};

/// Passes where one of the servers takes connections, as `pg_isready` means it; no password is needed or sent.
#[derive(Clone, Debug)]
pub struct ReadyProbe {
    /// Who is asked.
    pub settings: Settings,
    /// Names to addresses.
    pub resolver: Resolver,
}

/// Passes where one of the servers lets this user in and answers `SELECT 1`.
#[derive(Clone, Debug)]
pub struct LoginProbe {
    /// Who is asked, and as whom.
    pub settings: Settings,
    /// Names to addresses.
    pub resolver: Resolver,
}

impl Probe for ReadyProbe {
    fn identity(&self) -> String {
        format!("postgres ready {}", self.settings)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let answer = ready(&self.resolver, &self.settings, deadline).await;
            observation(begun, answer.map(|ready| ready.to_string()))
        })
    }
}

impl Probe for LoginProbe {
    fn identity(&self) -> String {
        format!("postgres login {}", self.settings)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let answer = login(&self.resolver, &self.settings, deadline).await;
            let seen = answer.map(|session| format!("{} answers SELECT 1", session.server()));
            observation(begun, seen)
        })
    }
}

fn observation(begun: Instant, answer: Result<String, PostgresError>) -> Observation {
    let (answer, seen) = match answer {
        Ok(seen) => (Answer::Pass, seen),
        Err(error) => (error.answer(), format!("failed to {error}")),
    };
    Observation {
        answer,
        seen,
        took: begun.elapsed(),
    }
}
