//! One connection, one question.

use std::{io, sync::Arc};

use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, aio::MultiplexedConnection};
use rustls::{ClientConfig, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use super::{
    error::RedisError,
    settings::{Endpoint, Settings},
};
use crate::{resolver::Resolver, tcp, tls::Trust};

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
    match ask(resolver, settings, &["PING"], deadline)
        .await?
        .as_deref()
    {
        Some("PONG") => Ok(()),
        _ => Err(RedisError::NotRedis {
            server: settings.endpoint.to_string(),
        }),
    }
}

/// The server's answer to one command, as text; `None` for nil. Logs in and chooses the database before.
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
    let mut session = Session::open(resolver, settings, deadline).await?;
    if let Some(password) = &settings.password {
        let mut auth = redis::cmd("AUTH");
        if let Some(user) = &settings.user {
            auth.arg(user);
        }
        auth.arg(password);
        session.send(&auth, "to the login").await?;
    }
    if settings.database != 0 {
        let mut select = redis::cmd("SELECT");
        select.arg(settings.database);
        session.send(&select, "to the choice of a database").await?;
    }
    let (name, arguments) = command.split_first().unwrap_or((&"PING", &[]));
    let mut asked = redis::cmd(name);
    asked.arg(arguments);
    session.send(&asked, "to a command").await
}

trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for T {}

struct Session<'a> {
    settings: &'a Settings,
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
    deadline: Instant,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl<'a> Session<'a> {
    async fn open(
        resolver: &Resolver,
        settings: &'a Settings,
        deadline: Instant,
    ) -> Result<Session<'a>, RedisError> {
        let stream = connect(resolver, settings, deadline).await?;
        // The library's own wait of 500 ms would be the deadline (design §11); ours is outside of it.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        // No user and no password: the library would log in by itself, and drop the server's words on it.
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let opened = MultiplexedConnection::new_with_config(&info, stream, config);
        let (connection, driver) = match timeout_at(deadline, opened).await {
            Ok(opened) => opened.map_err(|error| of(settings, &error))?,
            Err(_) => return Err(late(settings, "to the connection")),
        };
        Ok(Session {
            settings,
            connection,
            driver: tokio::spawn(driver),
            deadline,
        })
    }

    async fn send(
        &mut self,
        command: &redis::Cmd,
        waiting_for: &'static str,
    ) -> Result<Option<String>, RedisError> {
        let answer = command.query_async::<Option<String>>(&mut self.connection);
        match timeout_at(self.deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(of(self.settings, &error)),
            Err(_) => Err(late(self.settings, waiting_for)),
        }
    }
}

async fn connect(
    resolver: &Resolver,
    settings: &Settings,
    deadline: Instant,
) -> Result<Box<dyn Carrier>, RedisError> {
    let (host, port, tls) = match &settings.endpoint {
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
    // Before anything is sent: authorities that cannot be read are no fault of the server's.
    let connector = tls.then(|| connector(settings)).transpose()?;
    let stream = tcp::connect(resolver, host, port, deadline).await?.stream;
    let Some(connector) = connector else {
        return Ok(Box::new(stream));
    };
    let failed = |reason| RedisError::Tls {
        server: settings.endpoint.to_string(),
        reason,
    };
    let name = ServerName::try_from(host.clone()).map_err(|error| failed(error.to_string()))?;
    match timeout_at(deadline, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(late(settings, "to the TLS handshake")),
    }
}

fn connector(settings: &Settings) -> Result<TlsConnector, RedisError> {
    let trust = Trust::load(settings.ca_file.as_deref())?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| RedisError::Tls {
            server: settings.endpoint.to_string(),
            reason: error.to_string(),
        })?
        .with_root_certificates(trust.roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn late(settings: &Settings, waiting_for: &'static str) -> RedisError {
    RedisError::TimedOut {
        server: settings.endpoint.to_string(),
        waiting_for,
    }
}

fn of(settings: &Settings, error: &redis::RedisError) -> RedisError {
    let server = settings.endpoint.to_string();
    match (error.code(), error.kind()) {
        (Some(code), _) => {
            let user = settings.user.as_deref().unwrap_or("default");
            RedisError::said(&server, user, code, error.detail().unwrap_or_default())
        }
        (None, ErrorKind::Parse | ErrorKind::UnexpectedReturnType) => {
            RedisError::NotRedis { server }
        }
        (None, _) => RedisError::Closed {
            server,
            reason: error.category().to_owned(),
        },
    }
}
