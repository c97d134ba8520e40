//! PostgreSQL: whether a server takes connections, and whether one can log in.
//!
//! Responsible for: connection strings as libpq reads them (its section 34.1.1), every host of them tried, TLS as
//! `sslmode` wants it, telling a server that starts up from one that is away and from one that says no, and one question
//! with what its answer must be; for whoever keeps a connection, statements with parameters and notifications over it. Not
//! responsible for the store (design §5), which keeps its connections.
//!
//! No error and no `Debug` text holds the password.

mod bounded;
mod error;
mod expectation;
mod login;
mod question;
mod ready;
mod settings;
mod statement;
mod stream;
mod tls;

use tokio::time::Instant;

pub use error::PostgresError;
pub use expectation::{Expectation, ExpectationError, Number, Relation, WantedRows, WantedValue};
pub use login::{Session, login};
pub use question::{First, Question, Reply};
pub use ready::{Ready, ready};
pub use settings::{
    ChannelBinding, Endpoint, Server, Settings, SettingsError, SslMode, TargetSession,
};
pub use statement::Parameter;

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

/// Passes where one of the servers lets this user in and answers one SQL statement as wanted.
#[derive(Clone, Debug)]
pub struct QueryProbe {
    /// Who is asked, and as whom.
    pub settings: Settings,
    /// What: one statement of SQL.
    pub query: String,
    /// Whether it runs in a transaction that refuses to write. Otherwise what it changes is committed, at every check.
    pub read_only: bool,
    /// What the answer must be.
    pub expectation: Expectation,
    /// Names to addresses.
    pub resolver: Resolver,
}

/// How many rows are read where fewer would do: cutting a short answer off saves nothing, and the server's log would
/// speak of a lost connection.
const ROWS: u64 = 10_000;

impl Probe for ReadyProbe {
    fn identity(&self) -> String {
        format!("postgres ready {}", self.settings)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let answer = ready(&self.resolver, &self.settings, deadline).await;
            judgement(begun, answer.map(|ready| (true, ready.to_string())))
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
            let answer = async {
                let session = login(&self.resolver, &self.settings, deadline).await?;
                let seen = format!("{} answers SELECT 1", session.server());
                session.close(deadline).await;
                Ok((true, seen))
            };
            judgement(begun, answer.await)
        })
    }
}

impl Probe for QueryProbe {
    fn identity(&self) -> String {
        format!("postgres query {}", self.settings)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let question = Question {
                text: self.query.clone(),
                read_only: self.read_only,
                most: match self.read_only {
                    true => self.expectation.counted().max(ROWS),
                    // An answer that is cut off is one that is not committed.
                    false => u64::MAX,
                },
            };
            let answer = async {
                let session = login(&self.resolver, &self.settings, deadline).await?;
                let reply = session.ask(&question, deadline).await?;
                if !reply.more {
                    session.close(deadline).await;
                }
                Ok(self.expectation.judge(&reply))
            };
            judgement(begun, answer.await)
        })
    }
}

fn judgement(begun: Instant, answer: Result<(bool, String), PostgresError>) -> Observation {
    let (answer, seen) = match answer {
        Ok((true, seen)) => (Answer::Pass, seen),
        Ok((false, seen)) => (Answer::Fail, seen),
        Err(error) => (error.answer(), error.seen()),
    };
    Observation {
        answer,
        seen,
        took: begun.elapsed(),
    }
}
