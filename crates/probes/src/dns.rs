//! Whether a name has the addresses or records that are wanted.
//!
//! Responsible for: one question, always asked anew, and the comparison. Not responsible for resolving:
//! [`crate::resolver`] is.

use std::net::{IpAddr, SocketAddr};

use tokio::time::Instant;

use crate::{
    foreign,
    probe::{Answer, Observation, Probe, ProbeFuture},
    resolver::{RecordType, ResolveError, Resolver},
};

/// Values shown in one line, at most.
const SHOWN: usize = 8;

/// What one value may take of it, in characters.
const LONGEST: usize = 80;

/// Whether `name` has what is asked for, and what is expected.
#[derive(Clone, Debug)]
pub struct Dns {
    resolver: Resolver,
    server: Option<SocketAddr>,
    name: String,
    question: Question,
    expected: Vec<String>,
    only: bool,
}

#[derive(Clone, Copy, Debug)]
enum Question {
    /// As a program resolves it: `/etc/hosts`, the search list, both families.
    Addresses,
    Records(RecordType),
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
        Dns::asking(resolver, name, Question::Records(record_type))
    }

    /// A question for addresses of either family, answered as programs of this machine are: `/etc/hosts` and the search
    /// list count. Any address will do.
    pub fn addresses(resolver: &Resolver, name: &str) -> Dns {
        Dns::asking(resolver, name, Question::Addresses)
    }

    fn asking(resolver: &Resolver, name: &str, question: Question) -> Dns {
        Dns {
            // Whoever waits for a record to change must not be told the old one from memory.
            resolver: resolver.forgetful(),
            server: None,
            name: name.to_owned(),
            question,
            expected: Vec::new(),
            only: false,
        }
    }

    /// Asks this name server and no other. It is then the target itself: that it fails or is silent is an answer.
    pub fn from_server(mut self, server: SocketAddr) -> Dns {
        self.resolver = Resolver::with_servers(&[server]).forgetful();
        self.server = Some(server);
        self
    }

    /// Wants each of these among the answers: `192.0.2.7`, `10 mail.example`. Case and a last dot do not matter, except
    /// in TXT records, where every byte does.
    pub fn expecting(mut self, values: impl IntoIterator<Item = String>) -> Dns {
        self.expected = values.into_iter().collect();
        self
    }

    /// Wants nothing else among the answers.
    pub fn only(mut self) -> Dns {
        self.only = true;
        self
    }

    /// What two ways to write one value have in common.
    fn same(&self, value: &str) -> String {
        match self.question {
            Question::Records(RecordType::TXT) => value.to_owned(),
            Question::Addresses | Question::Records(RecordType::A | RecordType::AAAA) => value
                .parse::<IpAddr>()
                .map_or_else(|_| value.to_owned(), |address| address.to_string()),
            Question::Records(_) => value.trim_end_matches('.').to_ascii_lowercase(),
        }
    }

    /// Those of `values` that are not among `others`.
    fn without<'a>(&self, values: &'a [String], others: &[String]) -> Vec<&'a str> {
        let others: Vec<String> = others.iter().map(|value| self.same(value)).collect();
        values
            .iter()
            .map(String::as_str)
            .filter(|value| !others.contains(&self.same(value)))
            .collect()
    }

    async fn ask(&self, deadline: Instant) -> Result<Vec<String>, ResolveError> {
        match self.question {
            Question::Addresses => {
                let addresses = self.resolver.addresses(&self.name, deadline).await?;
                Ok(addresses.iter().map(IpAddr::to_string).collect())
            }
            Question::Records(record_type) => {
                query(&self.resolver, &self.name, record_type, deadline).await
            }
        }
    }

    fn judge(&self, values: &[String]) -> (Answer, String) {
        let missing = self.without(&self.expected, values);
        let mut seen = format!("{} is {}", self.name, shown(values));
        let mut answer = Answer::Pass;
        if !missing.is_empty() {
            answer = Answer::Fail;
            seen = format!("{seen}; not among them: {}", shown(&missing));
        }
        let more = self.without(values, &self.expected);
        if self.only && !more.is_empty() {
            answer = Answer::Fail;
            seen = format!("{seen}; not wanted: {}", shown(&more));
        }
        (answer, seen)
    }
}

impl Probe for Dns {
    fn identity(&self) -> String {
        let asked = match self.question {
            Question::Addresses => format!("dns {}", self.name),
            Question::Records(record_type) => format!("dns {record_type} {}", self.name),
        };
        match self.server {
            Some(server) => format!("{asked} at {server}"),
            None => asked,
        }
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, seen) = match self.ask(deadline).await {
                Ok(values) => self.judge(&values),
                // A server that was named is asked for its own sake; those of this machine only stand in between.
                Err(error) if error.is_definite() || self.server.is_some() => {
                    (Answer::Fail, format!("failed to {error}"))
                }
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
fn shown(values: &[impl AsRef<str>]) -> String {
    let mut parts: Vec<String> = values
        .iter()
        .take(SHOWN)
        .map(|value| foreign::bounded(value.as_ref(), LONGEST))
        .collect();
    if values.len() > SHOWN {
        parts.push(format!("and {} more", values.len() - SHOWN));
    }
    parts.join(", ")
}
