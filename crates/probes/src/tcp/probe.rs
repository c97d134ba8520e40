//! The probe: an open port, and perhaps what is said there.

use tokio::time::Instant;

use super::{Exchange, authority, connect};
use crate::{
    probe::{Answer, Observation, Probe, ProbeFuture},
    resolver::Resolver,
};

/// Whether `host:port` takes connections, and says what is wanted.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// Shared by the probes of a process.
    pub resolver: Resolver,
    /// A name or a literal.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What must be said; a connection alone is enough where there is none.
    pub exchange: Option<Exchange>,
}

impl Tcp {
    async fn ask(&self, deadline: Instant) -> (Answer, String) {
        let open = match connect(&self.resolver, &self.host, self.port, deadline).await {
            Ok(open) => open,
            Err(error) => return (error.answer(), format!("failed to {error}")),
        };
        let Some(exchange) = &self.exchange else {
            return (Answer::Pass, format!("connected to {}", open.address));
        };
        let address = open.address;
        match exchange.over(open.stream, deadline).await {
            Ok(said) => (Answer::Pass, format!("{address} said \"{said}\"")),
            Err(failure) => (
                Answer::Fail,
                format!(
                    "{address} {failure}, wanted \"{}\"",
                    exchange.expect_shown()
                ),
            ),
        }
    }
}

impl Probe for Tcp {
    fn identity(&self) -> String {
        format!("tcp {}", authority(&self.host, self.port))
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, seen) = self.ask(deadline).await;
            Observation {
                answer,
                seen,
                took: begun.elapsed(),
            }
        })
    }
}
