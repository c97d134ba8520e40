//! Which server is the master: what a majority of its sentinels says
//! (<https://redis.io/docs/latest/develop/reference/sentinel-clients/>).

use std::{collections::BTreeMap, fmt};

use tokio::{task::JoinSet, time::Instant};

use super::{RedisError, Settings, connection::Session, error::shown, resp::Value, tls::Connector};
use crate::{probe::Answer, resolver::Resolver, tcp};

/// A master that moves, and who knows where it is.
#[derive(Clone, Debug)]
pub struct Sentinels {
    /// The master's name among them: `mymaster`.
    pub service: String,
    /// Who is asked, and as whom; never empty. TLS is spoken with all of them as the first one's settings say.
    pub sentinels: Vec<Settings>,
    /// As whom the master is asked. Its place is theirs to tell; of the one here only TLS or none is taken.
    pub master: Settings,
}

/// Why the sentinels named no master; reads after "failed to …".
#[derive(Debug)]
pub struct SentinelError {
    service: String,
    asked: usize,
    /// What each that answered says.
    named: BTreeMap<Named, Vec<String>>,
    /// Those that did not answer.
    failed: Vec<(String, RedisError)>,
}

/// What one sentinel says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    At(String, u16),
    Nobody,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named::At(host, port) => f.write_str(&shown(&tcp::authority(host, *port))),
            Named::Nobody => f.write_str("none of that name"),
        }
    }
}

impl std::error::Error for SentinelError {}

impl fmt::Display for SentinelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "find the master {}: {}",
            shown(&self.service),
            self.seen()
        )
    }
}

impl SentinelError {
    /// What was seen, for people who know what is asked.
    pub(super) fn seen(&self) -> String {
        let mut parts = Vec::new();
        let answered: usize = self.named.values().map(Vec::len).sum();
        let wanted = majority(self.asked);
        if answered < wanted {
            parts.push(format!(
                "{answered} of {} sentinels {}, wanted {wanted}",
                self.asked,
                if answered == 1 { "answers" } else { "answer" }
            ));
        }
        let mut named = self.named.keys();
        match (named.next(), named.next()) {
            (Some(Named::Nobody), None) => parts.push(format!(
                "no master is called {} there",
                shown(&self.service)
            )),
            (Some(_), Some(_)) => {
                let said: Vec<String> = self
                    .named
                    .iter()
                    .map(|(named, by)| format!("{} {named}", by.join(", ")))
                    .collect();
                parts.push(format!("the sentinels disagree: {}", said.join("; ")));
            }
            _ => {}
        }
        for (sentinel, error) in &self.failed {
            parts.push(format!("{sentinel} {}", error.seen()));
        }
        parts.join("; ")
    }

    /// Unknown where the sentinels could not be asked from here.
    pub(super) fn answer(&self) -> Answer {
        let unknown = |(_, error): &(String, RedisError)| error.answer() == Answer::Unknown;
        if self.named.is_empty() && self.failed.iter().all(unknown) {
            Answer::Unknown
        } else {
            Answer::Fail
        }
    }
}

/// The master's settings, as soon as more than half of the sentinels name the same.
///
/// # Errors
///
/// [`RedisError::Sentinels`].
pub async fn master(
    resolver: &Resolver,
    sentinels: &Sentinels,
    tls: &Connector,
    deadline: Instant,
) -> Result<Settings, RedisError> {
    let asked = sentinels.sentinels.len();
    // Dropped at the end, with those that still wait: none of them keeps the others waiting.
    let mut asking = JoinSet::new();
    for settings in &sentinels.sentinels {
        let (resolver, tls) = (resolver.clone(), tls.clone());
        let (settings, service) = (settings.clone(), sentinels.service.clone());
        asking.spawn(async move {
            let named = named(&resolver, &settings, &tls, &service, deadline).await;
            (settings.endpoint.to_string(), named)
        });
    }
    let mut error = SentinelError {
        service: sentinels.service.clone(),
        asked,
        named: BTreeMap::new(),
        failed: Vec::new(),
    };
    while let Some(Ok((sentinel, named))) = asking.join_next().await {
        match named {
            Err(failure) => error.failed.push((sentinel, failure)),
            Ok(named) => {
                let by = error.named.entry(named.clone()).or_default();
                by.push(sentinel);
                if let Named::At(host, port) = named
                    && by.len() >= majority(asked)
                {
                    return Ok(sentinels.master.at(host, port));
                }
            }
        }
    }
    error.named.values_mut().for_each(|by| by.sort());
    error.failed.sort_by(|one, other| one.0.cmp(&other.0));
    Err(error.into())
}

fn majority(of: usize) -> usize {
    of / 2 + 1
}

async fn named(
    resolver: &Resolver,
    settings: &Settings,
    tls: &Connector,
    service: &str,
    deadline: Instant,
) -> Result<Named, RedisError> {
    let mut session = Session::open(resolver, settings, tls, deadline).await?;
    let question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", service];
    match session.call(&question).await {
        Ok(Value::Nil) => Ok(Named::Nobody),
        Err(error) if error.refusal().is_some_and(|no| no.code == "IDONTKNOW") => Ok(Named::Nobody),
        Err(error) => Err(error),
        Ok(answer) => place(&answer).ok_or_else(|| RedisError::Odd {
            server: session.server(),
            command: "SENTINEL GET-MASTER-ADDR-BY-NAME",
        }),
    }
}

fn place(answer: &Value) -> Option<Named> {
    match answer.list()? {
        [Value::Text(host), Value::Text(port)] if !host.is_empty() => {
            Some(Named::At(host.clone(), port.parse().ok()?))
        }
        _ => None,
    }
}
