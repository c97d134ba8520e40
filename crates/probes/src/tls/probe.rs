//! The probe: a good certificate that stays so for some days, and a protocol that is new enough.

use tokio::time::Instant;

use super::{Handshake, Start, Trust, certificate, handshake_after};
use crate::{
    probe::{Answer, Observation, Probe, ProbeFuture},
    resolver::Resolver,
    tcp,
};

/// Whether a server's certificate is good, and stays so for some days.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Shared by the probes of a process.
    pub resolver: Resolver,
    /// A name or a literal.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The name to be proven, where it is not `host`.
    pub server_name: Option<String>,
    /// The authorities.
    pub trust: Trust,
    /// How many days must be left, at least.
    pub days: u32,
    /// Whether TLS 1.2 is too old.
    pub newest_only: bool,
    /// How TLS begins.
    pub start: Start,
}

impl Tls {
    fn judge(&self, done: &Handshake) -> (Answer, String) {
        let left = done.certificate.days_left();
        let until = certificate::date(done.certificate.not_after);
        let protocol = done.protocol.replace("TLSv1_", "TLS 1.");
        let mut wanted = Vec::new();
        if self.newest_only && protocol != "TLS 1.3" {
            wanted.push("TLS 1.3".to_owned());
        }
        if left < i64::from(self.days) {
            wanted.push(format!("at least {} days", self.days));
        }
        let seen = format!("{protocol}, valid until {until}, {left} days left");
        if wanted.is_empty() {
            (Answer::Pass, seen)
        } else {
            let seen = format!("{seen}, wanted {}", wanted.join(" and "));
            (Answer::Fail, seen)
        }
    }
}

impl Probe for Tls {
    fn identity(&self) -> String {
        let target = tcp::authority(&self.host, self.port);
        match &self.server_name {
            Some(name) => format!("tls {target} as {name}"),
            None => format!("tls {target}"),
        }
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let ended = handshake_after(
                &self.resolver,
                &self.host,
                self.port,
                self.server_name.as_deref(),
                &self.trust,
                self.start,
                deadline,
            )
            .await;
            let (answer, seen) = match ended {
                Ok(done) => self.judge(&done),
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
