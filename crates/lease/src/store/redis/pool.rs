//! Connections for requests: as many as there are requests under way at once, so that none waits behind another's silence.
//!
//! A new connection logs in, has itself told what the server is, and asks its first question in one round trip. Where
//! one breaks or keeps silent, all idle ones are given up with it: what stands behind the address may be another server now.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use probes::{
    redis::{Connector, RedisError, Session, Settings, Value, master},
    resolver::Resolver,
};
use tokio::time::Instant;

use super::{
    RedisServer,
    failure::{Failure, Unfit},
    server::Kind,
};
use crate::store::StoreError;

/// The most bytes of one answer: a tip has some hundred thousand at most, a page of the chain a few million.
const LONGEST: usize = 64 << 20;

/// How many idle connections are kept. More than this are under way at once only when a server is slow.
const IDLE: usize = 4;

/// Where a lock's server is, and the connections to it.
#[derive(Debug)]
pub(super) struct Pool {
    server: RedisServer,
    request_timeout: Duration,
    resolver: Resolver,
    tls: Connector,
    tls_of_sentinels: Connector,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Session>,
    /// Grows whenever the idle ones are given up; a connection of before is not put back.
    era: u64,
    /// Where a node of a cluster has sent us: it has the slot.
    sent_to: Option<Settings>,
    /// Whether the server that was connected to last keeps no append-only file.
    forgets: bool,
}

/// A connection, and since when it stands.
struct Taken {
    session: Session,
    era: u64,
}

impl Pool {
    pub(super) fn new(server: RedisServer, request_timeout: Duration) -> Pool {
        Pool {
            server,
            request_timeout,
            resolver: Resolver::system(),
            tls: Connector::default(),
            tls_of_sentinels: Connector::default(),
            state: Mutex::default(),
        }
    }

    pub(super) fn place(&self) -> String {
        self.server.place()
    }

    pub(super) fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// The answer to one command that may be asked twice.
    pub(super) async fn ask(&self, command: &[&str]) -> Result<Value, StoreError> {
        let deadline = Instant::now() + self.request_timeout;
        self.ask_by(command, deadline)
            .await
            .map_err(|failure| self.told(&failure))
    }

    pub(super) fn told(&self, failure: &Failure) -> StoreError {
        failure.told(self.place(), self.request_timeout)
    }

    /// As [`Pool::ask`], with the failure itself.
    pub(super) async fn ask_by(
        &self,
        command: &[&str],
        deadline: Instant,
    ) -> Result<Value, Failure> {
        let mut idle = self.take();
        let mut moved = false;
        loop {
            let is_new = idle.is_none();
            let (era, asked) = match idle.take() {
                Some(mut taken) => {
                    taken.session.until(deadline);
                    let asked = taken.session.call(command).await.map_err(Failure::Asking);
                    (taken.era, self.put_back(taken, asked))
                }
                None => {
                    let era = self.state().era;
                    match self.open(command, era, deadline).await {
                        Ok((taken, asked)) => (era, self.put_back(taken, asked)),
                        Err(failure) => (era, Err(failure)),
                    }
                }
            };
            let failure = match asked {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            if let (false, Some(to)) = (moved, self.moved(&failure)) {
                moved = true;
                self.give_up(era, Some(to));
                continue;
            }
            if failure.is_elsewhere() {
                self.give_up(era, None);
                // The server may have closed it long ago, or be another by now. Silence has used up the time.
                if !is_new && !failure.is_silence() {
                    continue;
                }
            }
            return Err(failure);
        }
    }

    /// A new connection that is logged in, for whoever goes on with it alone.
    pub(super) async fn session(&self, deadline: Instant) -> Result<Session, Failure> {
        let mut session = self.connect(deadline).await?;
        let login = session.login();
        let login: Vec<Vec<&str>> = login.iter().map(|one| words(one)).collect();
        let answers = session.pipeline(&login).await.map_err(Failure::Asking)?;
        for answer in answers {
            answer.map_err(Failure::Asking)?;
        }
        Ok(session)
    }

    async fn connect(&self, deadline: Instant) -> Result<Session, Failure> {
        let settings = self.settings(deadline).await?;
        Session::connect(&self.resolver, &settings, &self.tls, deadline, LONGEST)
            .await
            .map_err(Failure::Connecting)
    }

    async fn settings(&self, deadline: Instant) -> Result<Settings, Failure> {
        if let Some(settings) = self.state().sent_to.clone() {
            return Ok(settings);
        }
        match self.server.kind() {
            Kind::Server(settings) => Ok((**settings).clone()),
            Kind::Sentinels(sentinels) => {
                let tls = &self.tls_of_sentinels;
                let found = master(&self.resolver, sentinels, tls, deadline).await;
                found.map_err(Failure::Connecting)
            }
        }
    }

    /// Connects, and asks the first question beside the login. The outer error is of the connection, the inner one of the
    /// question.
    #[allow(clippy::type_complexity)]
    async fn open(
        &self,
        command: &[&str],
        era: u64,
        deadline: Instant,
    ) -> Result<(Taken, Result<Value, Failure>), Failure> {
        let mut session = self.connect(deadline).await?;
        let login = session.login();
        let mut commands: Vec<Vec<&str>> = login.iter().map(|one| words(one)).collect();
        commands.push(vec!["INFO", "replication"]);
        commands.push(vec!["INFO", "memory"]);
        commands.push(vec!["INFO", "persistence"]);
        commands.push(command.to_vec());
        let answers = session.pipeline(&commands).await.map_err(Failure::Asking)?;
        let mut asked = None;
        for (place, answer) in answers.into_iter().enumerate() {
            match place.checked_sub(login.len()) {
                None => {
                    answer.map_err(Failure::Asking)?;
                }
                // Who may not ask for it goes on without.
                Some(0..=2) => {
                    let answer = answer.ok();
                    let Some(info) = answer.as_ref().and_then(Value::text) else {
                        continue;
                    };
                    if let Some(unfit) = unfit(info) {
                        return Err(Failure::Unfit(unfit));
                    }
                    if let Some(kept) = told(info, "aof_enabled") {
                        self.state().forgets = kept == "0";
                    }
                }
                Some(_) => asked = Some(answer.map_err(Failure::Asking)),
            }
        }
        let odd = || RedisError::Odd {
            server: session.server(),
            command: "INFO",
        };
        let asked = asked.unwrap_or_else(|| Err(Failure::Asking(odd())));
        Ok((Taken { session, era }, asked))
    }

    /// Whether the server was seen to keep no append-only file.
    pub(super) fn forgets(&self) -> bool {
        self.state().forgets
    }

    fn take(&self) -> Option<Taken> {
        let mut state = self.state();
        let era = state.era;
        state.idle.pop().map(|session| Taken { session, era })
    }

    /// Keeps a connection whose question was answered, be it with a refusal.
    fn put_back(&self, taken: Taken, asked: Result<Value, Failure>) -> Result<Value, Failure> {
        let in_step = match &asked {
            Ok(_) => true,
            Err(failure) => failure.refusal().is_some(),
        };
        let mut state = self.state();
        if in_step && taken.era == state.era && state.idle.len() < IDLE {
            state.idle.push(taken.session);
        }
        asked
    }

    /// Gives up every connection of `era`, and goes on at `next`, or where the address says.
    fn give_up(&self, era: u64, next: Option<Settings>) {
        let mut state = self.state();
        if state.era == era {
            state.era += 1;
            state.idle.clear();
            state.sent_to = next;
        }
    }

    /// Where a node of a cluster sends us: `MOVED 3999 10.0.0.1:6381`. A node that does not know its own name leaves the
    /// host out.
    fn moved(&self, failure: &Failure) -> Option<Settings> {
        let refusal = failure
            .refusal()
            .filter(|refusal| refusal.code == "MOVED")?;
        let (host, port) = refusal.message.split(' ').nth(1)?.rsplit_once(':')?;
        let Kind::Server(settings) = self.server.kind() else {
            return None;
        };
        let host = match (host, &settings.endpoint) {
            ("", probes::redis::Endpoint::Tcp { host, .. }) => host.clone(),
            (host, _) => host.trim_matches(['[', ']']).to_owned(),
        };
        Some(settings.at(host, port.parse().ok()?))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn words(command: &[String]) -> Vec<&str> {
    command.iter().map(String::as_str).collect()
}

/// What a server's `INFO` says under this name.
fn told<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

/// What makes a server with this `INFO` no place for a lease.
fn unfit(info: &str) -> Option<Unfit> {
    let value = |name| told(info, name);
    if value("role") == Some("slave") {
        return Some(Unfit::Replica);
    }
    let policy = value("maxmemory_policy")?;
    let limited = value("maxmemory").is_some_and(|limit| limit != "0");
    (limited && policy.starts_with("allkeys-"))
        .then(|| Unfit::Evicts(probes::foreign::bounded(policy, 40)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_and_a_server_that_forgets_are_no_place_for_a_lease() {
        assert_eq!(
            unfit("# Replication\r\nrole:slave\r\n"),
            Some(Unfit::Replica)
        );
        assert_eq!(
            unfit("# Replication\r\nrole:master\r\nconnected_slaves:1\r\n"),
            None
        );
        let memory = |limit: &str, policy: &str| {
            unfit(&format!(
                "# Memory\r\nused_memory:1\r\nmaxmemory:{limit}\r\nmaxmemory_human:1B\r\nmaxmemory_policy:{policy}\r\n"
            ))
        };
        let evicts = Some(Unfit::Evicts("allkeys-lru".to_owned()));
        assert_eq!(memory("100", "allkeys-lru"), evicts);
        assert_eq!(memory("0", "allkeys-lru"), None);
        assert_eq!(memory("100", "volatile-lru"), None);
        assert_eq!(memory("100", "noeviction"), None);
    }
}
