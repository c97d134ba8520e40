//! The probe: a server, or whichever is the master now, held against what is wanted of it.

use tokio::time::Instant;

use super::{
    RedisError, Sentinels, Settings, WantedCluster, WantedRole, cluster, connection::Session,
    error::shown, resp::Value, role, sentinel, tls::Connector,
};
use crate::{
    probe::{Answer, Observation, Probe, ProbeFuture},
    resolver::Resolver,
};

/// Who is asked.
#[derive(Clone, Debug)]
pub enum Source {
    /// This server.
    Server(Settings),
    /// The master that the sentinels name at each check.
    Sentinels(Sentinels),
}

/// What is wanted beside an answer to `PING`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Any role will do where none is wanted. Behind sentinels the server must be a master in any case: their word may
    /// be older than a failover.
    pub role: Option<WantedRole>,
    /// The state of the cluster that it is a node of.
    pub cluster: Option<WantedCluster>,
    /// A command of the user's own.
    pub question: Option<Question>,
}

/// A command, and what it must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its words, never empty. Only the first is shown.
    pub command: Vec<String>,
    /// Its answer, as text; any that is no error where nothing is wanted.
    pub value: Option<String>,
}

/// Passes where the server answers this user's `PING` and is as wanted.
pub struct RedisProbe {
    source: Source,
    wanted: Wanted,
    resolver: Resolver,
    tls: Connector,
    tls_of_sentinels: Connector,
}

impl RedisProbe {
    /// A probe; reads no file before its first check.
    pub fn new(source: Source, wanted: Wanted, resolver: Resolver) -> RedisProbe {
        RedisProbe {
            source,
            wanted,
            resolver,
            tls: Connector::default(),
            tls_of_sentinels: Connector::default(),
        }
    }

    /// Whether it passes, and what was seen.
    async fn seen(&self, deadline: Instant) -> Result<(bool, String), RedisError> {
        match &self.source {
            Source::Server(settings) => self.server(settings, self.wanted.role, deadline).await,
            Source::Sentinels(sentinels) => {
                let tls = &self.tls_of_sentinels;
                let master = sentinel::master(&self.resolver, sentinels, tls, deadline).await?;
                let role = WantedRole::Master { min_replicas: 0 };
                let role = self.wanted.role.unwrap_or(role);
                let (well, seen) = match self.server(&master, Some(role), deadline).await {
                    Ok(seen) => seen,
                    // A server that was found and cannot be asked is Unknown, or Fail, as it would be without sentinels.
                    Err(error) if error.answer() == Answer::Unknown => return Err(error),
                    Err(error) => (false, error.seen()),
                };
                Ok((well, format!("master at {}: {seen}", master.endpoint)))
            }
        }
    }

    async fn server(
        &self,
        settings: &Settings,
        role: Option<WantedRole>,
        deadline: Instant,
    ) -> Result<(bool, String), RedisError> {
        let mut session = Session::open(&self.resolver, settings, &self.tls, deadline).await?;
        session.ping().await?;
        let mut told = Vec::new();
        if let Some(wanted) = role {
            told.push(role::judge(&role::ask(&mut session).await?, wanted));
        }
        if let Some(wanted) = self.wanted.cluster {
            told.push(cluster::judge(&mut session, wanted).await?);
        }
        if let Some(question) = &self.wanted.question {
            told.push(answered(&mut session, question).await?);
        }
        // What is not as wanted hides what is.
        let wrong: Vec<&str> = told
            .iter()
            .filter_map(|one| one.as_ref().err())
            .map(String::as_str)
            .collect();
        if !wrong.is_empty() {
            return Ok((false, wrong.join("; ")));
        }
        let mut seen = vec!["PONG".to_owned()];
        seen.extend(told.into_iter().flatten());
        Ok((true, seen.join("; ")))
    }

    /// Whether a server's certificate is not looked at.
    fn is_unverified(&self) -> bool {
        let unverified =
            |settings: &Settings| settings.endpoint.is_tls() && settings.tls.unverified;
        match &self.source {
            Source::Server(settings) => unverified(settings),
            Source::Sentinels(all) => {
                unverified(&all.master) || all.sentinels.iter().any(unverified)
            }
        }
    }
}

async fn answered(
    session: &mut Session,
    question: &Question,
) -> Result<Result<String, String>, RedisError> {
    let words: Vec<&str> = question.command.iter().map(String::as_str).collect();
    let answer = session.call(&words).await?;
    let name = shown(
        &question
            .command
            .first()
            .map_or_else(String::new, |name| name.to_uppercase()),
    );
    let (text, said) = match &answer {
        Value::Text(text) => (Some(text.clone()), format!("\"{}\"", shown(text))),
        Value::Number(number) => (Some(number.to_string()), number.to_string()),
        Value::List(list) => (None, format!("a list of {}", list.len())),
        Value::Nil | Value::Error { .. } => (None, "nothing".to_owned()),
    };
    let said = format!("{name} answers {said}");
    Ok(match &question.value {
        Some(wanted) if text.as_ref() != Some(wanted) => {
            Err(format!("{said}, wanted \"{}\"", shown(wanted)))
        }
        _ => Ok(said),
    })
}

impl Probe for RedisProbe {
    fn identity(&self) -> String {
        match &self.source {
            Source::Server(settings) => format!("redis {settings}"),
            Source::Sentinels(sentinels) => {
                let all: Vec<String> = sentinels
                    .sentinels
                    .iter()
                    .map(|settings| settings.endpoint.to_string())
                    .collect();
                let (service, all) = (shown(&sentinels.service), all.join(", "));
                format!("redis {service} (sentinels {all})")
            }
        }
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, mut seen) = match self.seen(deadline).await {
                Ok((true, seen)) => (Answer::Pass, seen),
                Ok((false, seen)) => (Answer::Fail, seen),
                Err(error) => (error.answer(), error.seen()),
            };
            if self.is_unverified() {
                seen += " (certificate not verified)";
            }
            Observation {
                answer,
                seen,
                took: begun.elapsed(),
            }
        })
    }
}
