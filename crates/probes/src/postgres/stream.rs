//! A connection to one server, with TLS where it is wanted and offered.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpStream, UnixStream},
    time::{Instant, timeout_at},
};
use tokio_postgres::tls::{ChannelBinding, TlsStream};
use tokio_rustls::TlsConnector;

use super::{
    error::PostgresError,
    settings::{Endpoint, Server, Settings, SslMode},
    tls,
};
use crate::{resolver::Resolver, tcp};

/// Asks whether the server speaks TLS: a length of 8, and the number 80877103 (PostgreSQL, section 55.7).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A connection over which the start-up message may be sent.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

/// One way to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Plain,
    TlsIfOffered,
    Tls,
}

/// The ways that `sslmode` allows for a server, the one to try first coming first (libpq, section 34.19). Sockets of
/// this machine never speak TLS.
pub(super) fn ways(mode: SslMode, server: &Server) -> &'static [Way] {
    match (mode, &server.endpoint) {
        (SslMode::Disable, _) | (_, Endpoint::Folder(_)) => &[Way::Plain],
        (SslMode::Allow, _) => &[Way::Plain, Way::Tls],
        (SslMode::Prefer, _) => &[Way::TlsIfOffered, Way::Plain],
        (SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull, _) => &[Way::Tls],
    }
}

/// Connects, up to where the start-up message would be sent.
pub(super) async fn open(
    resolver: &Resolver,
    settings: &Settings,
    server: &Server,
    way: Way,
    deadline: Instant,
) -> Result<Stream, PostgresError> {
    let (name, address) = match &server.endpoint {
        Endpoint::Folder(_) => return socket(server, deadline).await,
        Endpoint::Host { name, address } => (name, address),
    };
    // Before anything is sent: certificates that cannot be read are no fault of the server's.
    let connector = match way {
        Way::Plain => None,
        Way::TlsIfOffered | Way::Tls => Some(tls::connector(settings)?),
    };
    let host = address.map_or_else(|| name.clone(), |address| address.to_string());
    let mut stream = tcp::connect(resolver, &host, server.port, deadline)
        .await?
        .stream;
    let Some(connector) = connector else {
        return Ok(Stream::Tcp(stream));
    };
    let offer = within(server, deadline, "to the question for TLS", async {
        stream.write_all(&SSL_REQUEST).await?;
        stream.read_u8().await
    });
    match offer.await? {
        b'S' => {}
        b'N' if way == Way::TlsIfOffered => return Ok(Stream::Tcp(stream)),
        b'N' => {
            return Err(PostgresError::TlsNotOffered {
                server: server.to_string(),
            });
        }
        _ => {
            return Err(PostgresError::NotPostgres {
                server: server.to_string(),
            });
        }
    }
    handshake(&connector, name, stream, server, deadline).await
}

async fn handshake(
    connector: &TlsConnector,
    name: &str,
    stream: TcpStream,
    server: &Server,
    deadline: Instant,
) -> Result<Stream, PostgresError> {
    let failed = |reason| PostgresError::Tls {
        server: server.to_string(),
        reason,
    };
    let name = ServerName::try_from(name.to_owned()).map_err(|error| failed(error.to_string()))?;
    match timeout_at(deadline, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => Err(failed(tls::reason(&error))),
        Err(_) => Err(PostgresError::TimedOut {
            server: server.to_string(),
            waiting_for: "to the TLS handshake",
        }),
    }
}

async fn socket(server: &Server, deadline: Instant) -> Result<Stream, PostgresError> {
    let path = server.socket();
    let connected = match timeout_at(deadline, UnixStream::connect(&path)).await {
        Ok(connected) => connected,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    connected
        .map(Stream::Unix)
        .map_err(|source| PostgresError::Socket { path, source })
}

/// Runs an exchange with a server that is connected.
pub(super) async fn within<T>(
    server: &Server,
    deadline: Instant,
    waiting_for: &'static str,
    exchange: impl Future<Output = io::Result<T>>,
) -> Result<T, PostgresError> {
    match timeout_at(deadline, exchange).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(PostgresError::Closed {
            server: server.to_string(),
            reason: error.kind().to_string(),
        }),
        Err(_) => Err(PostgresError::TimedOut {
            server: server.to_string(),
            waiting_for,
        }),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

impl TlsStream for Stream {
    fn channel_binding(&self) -> ChannelBinding {
        let end_point = match self {
            Stream::Tcp(_) | Stream::Unix(_) => None,
            Stream::Tls(stream) => stream
                .get_ref()
                .1
                .peer_certificates()
                .and_then(<[_]>::first)
                .and_then(tls::server_end_point),
        };
        end_point.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}
