//! One connection: the way to a server, the login, and questions one after another.

use std::{fmt, io};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::UnixStream,
    time::{Instant, timeout_at},
};

use super::{
    error::{RedisError, Refusal, shown},
    resp::{self, Malformed, Value},
    settings::{Endpoint, Settings},
    tls::{self, Connector},
};
use crate::{resolver::Resolver, tcp};

/// Whether the server answers this user's `PING`.
///
/// # Errors
///
/// See [`RedisError`].
pub async fn ping(
    resolver: &Resolver,
    settings: &Settings,
    deadline: Instant,
) -> Result<(), RedisError> {
    let tls = Connector::default();
    let mut session = Session::open(resolver, settings, &tls, deadline).await?;
    session.ping().await
}

/// The server's answer to one command, as text; `None` for nil and for what is no text, number or status. Logs in and
/// chooses the database before.
///
/// # Errors
///
/// See [`RedisError`].
pub async fn ask(
    resolver: &Resolver,
    settings: &Settings,
    command: &[&str],
    deadline: Instant,
) -> Result<Option<String>, RedisError> {
    let tls = Connector::default();
    let mut session = Session::open(resolver, settings, &tls, deadline).await?;
    match session.call(command).await? {
        Value::Text(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        _ => Ok(None),
    }
}

trait Carrier: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Carrier for T {}

/// A connection. Answers come in the order of the questions: one whose question was given up half way is of no use any
/// more, and must be dropped.
pub struct Session {
    settings: Settings,
    stream: Box<dyn Carrier>,
    /// What has come and is not read yet.
    come: Vec<u8>,
    deadline: Instant,
    /// The most bytes that one answer may have.
    longest: usize,
}

/// Shows the server alone.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("server", &self.server())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Connects, and neither logs in nor chooses a database: [`Session::login`] are the commands for that. Every answer
    /// until [`Session::until`] is called is wanted by `deadline`, and no answer may have more than `longest` bytes.
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn connect(
        resolver: &Resolver,
        settings: &Settings,
        tls: &Connector,
        deadline: Instant,
        longest: usize,
    ) -> Result<Session, RedisError> {
        Ok(Session {
            settings: settings.clone(),
            stream: connect(resolver, settings, tls, deadline).await?,
            come: Vec::new(),
            deadline,
            longest,
        })
    }

    /// The commands that log in and choose the database, for a [`Session::pipeline`]; none where neither is needed. They
    /// hold the password.
    pub fn login(&self) -> Vec<Vec<String>> {
        let Settings {
            user,
            password,
            database,
            ..
        } = &self.settings;
        let mut commands = Vec::new();
        if let Some(password) = password {
            let name = Some("AUTH".to_owned());
            let words = [name, user.clone(), Some(password.clone())];
            commands.push(words.into_iter().flatten().collect());
        }
        if *database != 0 {
            commands.push(vec!["SELECT".to_owned(), database.to_string()]);
        }
        commands
    }

    /// Wants every further answer by `deadline`.
    pub fn until(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Connects, logs in where there is a password, and chooses the database.
    pub(super) async fn open(
        resolver: &Resolver,
        settings: &Settings,
        tls: &Connector,
        deadline: Instant,
    ) -> Result<Session, RedisError> {
        let longest = resp::LONGEST;
        let mut session = Session::connect(resolver, settings, tls, deadline, longest).await?;
        match (&settings.user, &settings.password) {
            (Some(user), Some(password)) => session.call(&["AUTH", user, password]).await?,
            (None, Some(password)) => session.call(&["AUTH", password]).await?,
            (_, None) => Value::Nil,
        };
        if settings.database != 0 {
            let database = settings.database.to_string();
            session.call(&["SELECT", &database]).await?;
        }
        Ok(session)
    }

    /// The server's name, for errors.
    pub fn server(&self) -> String {
        self.settings.endpoint.to_string()
    }

    /// Whether it answers `PING`.
    pub(super) async fn ping(&mut self) -> Result<(), RedisError> {
        match self.call(&["PING"]).await?.text() {
            Some("PONG") => Ok(()),
            _ => Err(RedisError::NotRedis {
                server: self.server(),
                hint: "",
            }),
        }
    }

    /// The answer to one command; an error of the server's is [`RedisError::Refused`].
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn call(&mut self, command: &[&str]) -> Result<Value, RedisError> {
        let name = command.first().copied().unwrap_or_default();
        let unsent = self.sent(name, &resp::packed(command)).await?;
        self.answer(name, unsent).await
    }

    /// The answers to several commands that are sent at once, in one round trip, one for each; an error of the server's
    /// to one of them is [`RedisError::Refused`] in its place.
    ///
    /// # Errors
    ///
    /// Any other error ends the whole. See [`RedisError`].
    pub async fn pipeline(
        &mut self,
        commands: &[Vec<&str>],
    ) -> Result<Vec<Result<Value, RedisError>>, RedisError> {
        let packed: Vec<u8> = commands.iter().flat_map(|one| resp::packed(one)).collect();
        let name_of = |command: &Vec<&str>| command.first().map_or("", |name| *name).to_owned();
        let first = commands.first().map(name_of).unwrap_or_default();
        let mut unsent = self.sent(&first, &packed).await?;
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            match self.answer(&name_of(command), unsent.take()).await {
                Err(error) if error.refusal().is_none() => match answers.into_iter().next() {
                    // Who is refused with a word and then hung up on wants to know the word.
                    Some(Err(refused)) => return Err(refused),
                    _ => return Err(error),
                },
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }

    /// Sends a command whose answer comes by [`Session::pushed`], as `SUBSCRIBE` and what follows it.
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn send(&mut self, command: &[&str]) -> Result<(), RedisError> {
        let name = command.first().copied().unwrap_or_default();
        match self.sent(name, &resp::packed(command)).await? {
            None => Ok(()),
            Some(error) => Err(self.closed(Some(error))),
        }
    }

    /// What the server says next, however long that takes: to a subscriber it speaks unasked. Nothing is lost where the
    /// future is dropped.
    ///
    /// # Errors
    ///
    /// See [`RedisError`].
    pub async fn pushed(&mut self) -> Result<Value, RedisError> {
        let value = self.next(None).await?;
        self.accepted("SUBSCRIBE", value)
    }

    /// Sends. That it cannot be sent is no error yet: a server that is full, or refuses strangers, says why and hangs up
    /// before it is asked anything, and its words may have come although nothing can be sent any more.
    async fn sent(&mut self, name: &str, bytes: &[u8]) -> Result<Option<io::Error>, RedisError> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout_at(self.deadline, sent).await {
            Ok(sent) => Ok(sent.err()),
            Err(_) => Err(self.late(name)),
        }
    }

    async fn answer(&mut self, name: &str, unsent: Option<io::Error>) -> Result<Value, RedisError> {
        let deadline = self.deadline;
        match timeout_at(deadline, self.next(unsent)).await {
            Err(_) => Err(self.late(name)),
            Ok(Err(error)) => Err(error),
            Ok(Ok(value)) => self.accepted(name, value),
        }
    }

    fn late(&self, name: &str) -> RedisError {
        RedisError::TimedOut {
            server: self.server(),
            waiting_for: format!("to {}", shown(name)),
        }
    }

    fn accepted(&self, name: &str, value: Value) -> Result<Value, RedisError> {
        match value {
            Value::Error { code, message } => Err(RedisError::Refused {
                server: self.server(),
                refusal: self.refusal(name, &code, &message),
            }),
            value => Ok(value),
        }
    }

    async fn next(&mut self, unsent: Option<io::Error>) -> Result<Value, RedisError> {
        loop {
            match resp::parse(&self.come, self.longest) {
                Ok(Some((value, length))) => {
                    self.come.drain(..length);
                    return Ok(value);
                }
                Ok(None) => {}
                Err(Malformed) => return Err(self.not_redis()),
            }
            match self.stream.read_buf(&mut self.come).await {
                Ok(0) => return Err(self.closed(unsent)),
                Ok(_) => {}
                Err(error) => return Err(self.closed(Some(unsent.unwrap_or(error)))),
            }
        }
    }

    fn closed(&self, error: Option<io::Error>) -> RedisError {
        let how = match error {
            None => "it hung up without an answer".to_owned(),
            Some(error) if self.settings.endpoint.is_tls() => tls::reason(&error),
            Some(error) => format!("the connection broke ({error})"),
        };
        // A TLS port does so with whoever does not begin with a handshake.
        let hint = match &self.settings.endpoint {
            Endpoint::Tcp { tls: false, .. } => "; does this port want TLS (rediss://)?",
            _ => "",
        };
        RedisError::Closed {
            server: self.server(),
            reason: how + hint,
        }
    }

    fn not_redis(&self) -> RedisError {
        // RFC 8446 §5.1: an alert, of version 3.
        let alert = self.come.starts_with(&[21, 3]);
        RedisError::NotRedis {
            server: self.server(),
            hint: if alert {
                ": it speaks TLS (rediss://)"
            } else {
                ""
            },
        }
    }

    fn refusal(&self, command: &str, code: &str, message: &str) -> Refusal {
        // A server that does not know a command repeats what was sent with it.
        let message = match message.find(", with args beginning with") {
            Some(end) => &message[..end],
            None => message,
        };
        let clean = |text: &str| {
            shown(&match &self.settings.password {
                Some(password) => text.replace(password.as_str(), "***"),
                None => text.to_owned(),
            })
        };
        Refusal {
            code: clean(code),
            message: clean(message),
            command: shown(command),
            user: shown(self.settings.user.as_deref().unwrap_or("default")),
        }
    }
}

async fn connect(
    resolver: &Resolver,
    settings: &Settings,
    tls: &Connector,
    deadline: Instant,
) -> Result<Box<dyn Carrier>, RedisError> {
    let (host, port, is_tls) = match &settings.endpoint {
        Endpoint::Tcp { host, port, tls } => (host, *port, *tls),
        Endpoint::Socket(path) => {
            let connected = match timeout_at(deadline, UnixStream::connect(path)).await {
                Ok(connected) => connected,
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            };
            return match connected {
                Ok(stream) => Ok(Box::new(stream)),
                Err(source) => Err(RedisError::Socket {
                    path: path.clone(),
                    source,
                }),
            };
        }
    };
    if !is_tls {
        let stream = tcp::connect(resolver, host, port, deadline).await?.stream;
        return Ok(Box::new(stream));
    }
    let server = || settings.endpoint.to_string();
    let failed = |reason| RedisError::Tls {
        server: server(),
        reason,
    };
    // Before anything is sent: files that cannot be read are no fault of the server's.
    let connector = tls.get(&settings.tls)?;
    let name = settings.tls.server_name.as_ref().unwrap_or(host);
    let name = ServerName::try_from(name.clone()).map_err(|error| failed(error.to_string()))?;
    let stream = tcp::connect(resolver, host, port, deadline).await?.stream;
    match timeout_at(deadline, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(failed(tls::reason(&error))),
        // A Redis server without TLS waits for the end of the line.
        Err(_) => Err(RedisError::TimedOut {
            server: server(),
            waiting_for: "to the TLS handshake (does this port speak TLS at all?)".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_a_server_says_before_it_hangs_up_is_heard_although_nothing_can_be_sent() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let words = b"-DENIED Redis is running in protected mode.\r\n";
        theirs.write_all(words).await.unwrap();
        drop(theirs);
        let settings: Settings = "redis://h".parse().unwrap();
        let mut session = Session {
            settings,
            stream: Box::new(ours),
            come: Vec::new(),
            deadline: Instant::now() + Duration::from_secs(60),
            longest: resp::LONGEST,
        };
        let error = session.ping().await.unwrap_err();
        assert_eq!(error.seen(), "DENIED Redis is running in protected mode");
        let error = session.ping().await.unwrap_err();
        assert!(matches!(error, RedisError::Closed { .. }), "{error}");
    }
}
