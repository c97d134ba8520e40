//! Logging in, and asking.

use std::{error::Error as _, future::poll_fn};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Duration, Instant, timeout_at},
};
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Error, SimpleQueryMessage,
    config::{self, SslNegotiation},
};

use super::{
    bounded::{Bounded, MOST, Spent, Standing},
    error::PostgresError,
    ready::{goes_on, no_server, share},
    settings::{ChannelBinding, Server, Settings, TargetSession},
    stream::{self, Stream, Way},
};
use crate::resolver::Resolver;

/// A server that let us in; the connection ends with it, without a word where it is not [closed](Session::close).
#[derive(Debug)]
pub struct Session {
    pub(super) client: Client,
    server: String,
    pub(super) spent: Spent,
    pub(super) notified: watch::Receiver<u64>,
    carrier: Carrier,
}

/// The task that reads and writes; it ends, and the connection with it, when nobody wants it any more.
#[derive(Debug)]
struct Carrier(JoinHandle<()>);

impl Drop for Carrier {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long a server may take to read a good-bye.
const PARTING: Duration = Duration::from_millis(100);

/// Where it is set that a session takes no writes by default; nothing of a server in recovery.
const READ_ONLY_SINCE: &str = "SELECT source FROM pg_catalog.pg_settings \
    WHERE name = 'default_transaction_read_only' AND setting = 'on' AND NOT pg_catalog.pg_is_in_recovery()";

/// Logs in to the first server that lets this user in, is what `target_session_attrs` wants, and answers a question:
/// the one that tells what it is, or `SELECT 1`.
///
/// # Errors
///
/// That of the server, or of each where several are named.
pub async fn login(
    resolver: &Resolver,
    settings: &Settings,
    deadline: Instant,
) -> Result<Session, PostgresError> {
    let rounds: &[TargetSession] = match settings.target_session {
        TargetSession::PreferStandby => &[TargetSession::Standby, TargetSession::Any],
        ref one => std::slice::from_ref(one),
    };
    let mut tried = Vec::new();
    for (n, wanted) in rounds.iter().enumerate() {
        let rounds_left = u32::try_from(rounds.len() - n).unwrap_or(1);
        let now = Instant::now();
        let until = now + deadline.saturating_duration_since(now) / rounds_left;
        match round(resolver, settings, *wanted, until).await {
            Ok(session) => return Ok(session),
            Err(errors) => tried.extend(errors),
        }
    }
    Err(PostgresError::of(tried).unwrap_or_else(no_server))
}

async fn round(
    resolver: &Resolver,
    settings: &Settings,
    wanted: TargetSession,
    deadline: Instant,
) -> Result<Session, Vec<PostgresError>> {
    let mut tried = Vec::new();
    for (n, server) in settings.servers.iter().enumerate() {
        let until = share(settings, n, deadline);
        for way in stream::ways(settings.ssl_mode, server) {
            let (error, last) = match stream::open(resolver, settings, server, *way, until).await {
                Err(error) => {
                    let last = !goes_on(&error);
                    (error, last)
                }
                Ok(stream) => {
                    // Where TLS was not offered, the next way would be this one again.
                    let plain = !matches!(stream, Stream::Tls(_));
                    let again = plain && *way == Way::TlsIfOffered;
                    match enter(settings, server, stream, wanted, until).await {
                        Ok(session) => return Ok(session),
                        Err(error) => {
                            let last = again || !goes_on(&error);
                            (error, last)
                        }
                    }
                }
            };
            tried.push(error);
            if last {
                break;
            }
        }
    }
    Err(tried)
}

async fn enter(
    settings: &Settings,
    server: &Server,
    stream: Stream,
    wanted: TargetSession,
    deadline: Instant,
) -> Result<Session, PostgresError> {
    let config = config(settings, &stream);
    let (stream, spent) = Bounded::new(stream);
    let login = config.connect_raw(stream, Standing);
    let name = server.to_string();
    let (client, connection) = match timeout_at(deadline, login).await {
        Ok(Ok(both)) => both,
        Ok(Err(error)) => return Err(of_login(settings, name, &error)),
        Err(_) => {
            return Err(PostgresError::TimedOut {
                server: name,
                waiting_for: "to the login",
            });
        }
    };
    let (told, notified) = watch::channel(0);
    let session = Session {
        client,
        server: name,
        carrier: Carrier(tokio::spawn(carry(connection, told, spent.clone()))),
        spent,
        notified,
    };
    session.is(wanted, deadline).await?;
    Ok(session)
}

/// Reads and writes until nobody wants it any more or the connection breaks; its error comes out at the question that it
/// breaks.
async fn carry(
    mut connection: Connection<Bounded, Bounded>,
    told: watch::Sender<u64>,
    spent: Spent,
) {
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(_) = message {
            spent.renew();
            told.send_modify(|notifications| *notifications += 1);
        }
    }
}

fn config(settings: &Settings, stream: &Stream) -> Config {
    let mut config = Config::new();
    config
        .user(&settings.user)
        .dbname(&settings.database)
        .application_name(&settings.application_name)
        .channel_binding(match settings.channel_binding {
            ChannelBinding::Disable => config::ChannelBinding::Disable,
            ChannelBinding::Prefer => config::ChannelBinding::Prefer,
            ChannelBinding::Require => config::ChannelBinding::Require,
        });
    if let Some(password) = &settings.password {
        config.password(password);
    }
    if let Some(options) = &settings.options {
        config.options(options);
    }
    match stream {
        // TLS stands, as after a direct negotiation: tokio-postgres asks for the channel binding, and not for TLS.
        Stream::Tls(_) => config
            .ssl_mode(config::SslMode::Require)
            .ssl_negotiation(SslNegotiation::Direct),
        Stream::Tcp(_) | Stream::Unix(_) => config.ssl_mode(config::SslMode::Disable),
    };
    config
}

impl Session {
    /// Who let us in.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The first column of the first row, as text; `None` for no row, and for NULL.
    ///
    /// # Errors
    ///
    /// The server says no, or does not answer by `deadline`.
    pub async fn value(
        &self,
        question: &str,
        deadline: Instant,
    ) -> Result<Option<String>, PostgresError> {
        let messages = match timeout_at(deadline, self.client.simple_query(question)).await {
            Ok(Ok(messages)) => messages,
            Ok(Err(error)) => return Err(self.failed(&error)),
            Err(_) => {
                return Err(PostgresError::TimedOut {
                    server: self.server.clone(),
                    waiting_for: "to a question",
                });
            }
        };
        Ok(messages
            .iter()
            .find_map(|message| match message {
                SimpleQueryMessage::Row(row) if !row.is_empty() => {
                    Some(row.get(0).map(ToOwned::to_owned))
                }
                _ => None,
            })
            .flatten())
    }

    /// What became of a question.
    pub(super) fn failed(&self, error: &Error) -> PostgresError {
        if self.spent.is_so() && error.as_db_error().is_none() {
            return PostgresError::TooLong {
                server: self.server.clone(),
                most: MOST,
            };
        }
        match of_server(&self.server, error) {
            PostgresError::Exchange { server, reason } => PostgresError::Answer {
                server,
                // tokio-postgres has no kind to tell this by.
                reason: match reason.as_str() {
                    "unexpected message from server" => {
                        "it holds no rows; COPY is not understood here".to_owned()
                    }
                    _ => reason,
                },
            },
            error => error,
        }
    }

    /// Says good-bye, so that the server's log has no word of a lost connection.
    pub async fn close(self, deadline: Instant) {
        let Session {
            client,
            mut carrier,
            ..
        } = self;
        drop(client);
        let until = deadline.min(Instant::now() + PARTING);
        // Whoever does not listen is left without one.
        let _parted = timeout_at(until, &mut carrier.0).await;
    }

    async fn is(&self, wanted: TargetSession, deadline: Instant) -> Result<(), PostgresError> {
        let (question, answer) = match wanted {
            TargetSession::Any | TargetSession::PreferStandby => ("SELECT 1", "1"),
            TargetSession::ReadWrite => ("SHOW transaction_read_only", "off"),
            TargetSession::ReadOnly => ("SHOW transaction_read_only", "on"),
            TargetSession::Primary => ("SELECT pg_catalog.pg_is_in_recovery()", "f"),
            TargetSession::Standby => ("SELECT pg_catalog.pg_is_in_recovery()", "t"),
        };
        if self.value(question, deadline).await?.as_deref() == Some(answer) {
            return Ok(());
        }
        // Asked of nobody who is as wanted. A standby is read-only whatever is set.
        if wanted == TargetSession::ReadWrite
            && let Some(source_of) = self.value(READ_ONLY_SINCE, deadline).await?
        {
            return Err(PostgresError::ReadOnlyByDefault {
                server: self.server.clone(),
                source_of,
            });
        }
        Err(PostgresError::WrongRole {
            server: self.server.clone(),
            wanted,
        })
    }
}

fn of_login(settings: &Settings, server: String, error: &Error) -> PostgresError {
    // tokio-postgres has no kind to tell this by; its own words would speak of a configuration.
    if settings.password.is_none() && error.as_db_error().is_none() {
        let words = error.source().map(ToString::to_string);
        if words.as_deref() == Some("password missing") {
            let user = settings.user.clone();
            return PostgresError::NoPassword { server, user };
        }
    }
    match of_server(&server, error) {
        // Syntax and values: nothing has been asked yet but what stands in the start-up message.
        PostgresError::Rejected {
            server,
            sqlstate,
            message,
        } if sqlstate.starts_with("22") || sqlstate.starts_with("42") => PostgresError::Options {
            server,
            sqlstate,
            message,
        },
        error => error,
    }
}

fn of_server(server: &str, error: &Error) -> PostgresError {
    if let Some(said) = error.as_db_error() {
        return PostgresError::said(server, said.code().code(), said.message());
    }
    let server = server.to_owned();
    let reason = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    if error.is_closed() {
        return PostgresError::Closed { server, reason };
    }
    PostgresError::Exchange { server, reason }
}
