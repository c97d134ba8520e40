//! Whether a name has the records that are wanted.
//!
//! Responsible for: one question and the comparison. Not responsible for resolving: [`crate::resolver`] is.

use std::net::SocketAddr;

use tokio::time::Instant;

use crate::{
    probe::{Answer, Observation, Probe, ProbeFuture},
    resolver::{RecordType, ResolveError, Resolver},
};

/// Values shown in one line, at most.
const SHOWN: usize = 8;

/// Whether `name` has records of one type, and among them those expected.
#[derive(Clone, Debug)]
pub struct Dns {
    resolver: Resolver,
    server: Option<SocketAddr>,
    name: String,
    record_type: RecordType,
    expected: Vec<String>,
}

/// Asks for the records of one type: their data as a zone file writes it.
///
/// # Errors
///
/// See [`ResolveError`].
pub async fn query(
    resolver: &Resolver,
    name: &str,
    record_type: RecordType,
    deadline: Instant,
) -> Result<Vec<String>, ResolveError> {
    resolver.records(name, record_type, deadline).await
}

impl Dns {
    /// A question to the name servers of `resolver`; any record of the type will do.
    pub fn new(resolver: &Resolver, name: &str, record_type: RecordType) -> Dns {
        Dns {
            resolver: resolver.clone(),
            server: None,
            name: name.to_owned(),
            record_type,
            expected: Vec::new(),
        }
    }

    /// Asks this name server and no other.
    pub fn from_server(mut self, server: SocketAddr) -> Dns {
        self.resolver = Resolver::with_servers(&[server]);
        self.server = Some(server);
        self
    }

    /// Wants each of these among the answers: `192.0.2.7`, `10 mail.example`. Case and a last dot do not matter, except
    /// in TXT records, where every byte does.
    pub fn expecting(mut self, values: impl IntoIterator<Item = String>) -> Dns {
        self.expected = values.into_iter().collect();
        self
    }

    /// The expected values that are not among `seen`.
    fn missing(&self, seen: &[String]) -> Vec<&str> {
        let same = |one: &str| match self.record_type {
            RecordType::TXT => one.to_owned(),
            // Two ways to write one address are one address.
            RecordType::A | RecordType::AAAA => one
                .parse::<std::net::IpAddr>()
                .map_or_else(|_| one.to_owned(), |address| address.to_string()),
            _ => one.trim_end_matches('.').to_ascii_lowercase(),
        };
        let seen: Vec<String> = seen.iter().map(|value| same(value)).collect();
        self.expected
            .iter()
            .map(String::as_str)
            .filter(|value| !seen.contains(&same(value)))
            .collect()
    }
}

impl Probe for Dns {
    fn identity(&self) -> String {
        match self.server {
            Some(server) => format!("dns {} {} at {server}", self.record_type, self.name),
            None => format!("dns {} {}", self.record_type, self.name),
        }
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let asked = query(&self.resolver, &self.name, self.record_type, deadline).await;
            let (answer, seen) = match asked {
                Ok(values) => {
                    let missing = self.missing(&values);
                    let found = format!("{} is {}", self.name, shown(&values));
                    if missing.is_empty() {
                        (Answer::Pass, found)
                    } else {
                        (
                            Answer::Fail,
                            format!("{found}; not among them: {}", missing.join(", ")),
                        )
                    }
                }
                Err(error) if error.is_definite() => (Answer::Fail, format!("failed to {error}")),
                Err(error) => (Answer::Unknown, format!("failed to {error}")),
            };
            Observation {
                answer,
                seen,
                took: begun.elapsed(),
            }
        })
    }
}

/// Foreign text in one line: a TXT record may hold anything.
fn shown(values: &[String]) -> String {
    let mut parts: Vec<String> = values
        .iter()
        .take(SHOWN)
        .map(|value| value.escape_debug().to_string())
        .collect();
    if values.len() > SHOWN {
        parts.push(format!("and {} more", values.len() - SHOWN));
    }
    parts.join(", ")
}
