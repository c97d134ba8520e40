//! What a protocol says in the clear before TLS begins.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout_at},
};

/// PostgreSQL's SSLRequest: a length and a number that no version has (PostgreSQL documentation, "Message Formats").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// How TLS begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the connection.
    #[default]
    AtOnce,
    /// When a PostgreSQL server has agreed to it.
    Postgres,
}

/// Why TLS does not begin; reads after "failed to begin TLS: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartFailure {
    /// The server says that it has no TLS.
    #[error("the server offers none (PostgreSQL's `ssl` is off)")]
    NotOffered,
    /// What it says is not of the protocol.
    #[error("what answers is no PostgreSQL server")]
    OtherProtocol,
    /// It closed the connection instead.
    #[error("the server closed the connection")]
    Closed,
    /// It said nothing.
    #[error("no answer in {:.1} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The connection broke.
    #[error("{0}")]
    Broken(io::ErrorKind),
}

impl Start {
    pub(super) async fn begin(
        self,
        stream: &mut TcpStream,
        deadline: Instant,
    ) -> Result<(), StartFailure> {
        if self == Start::AtOnce {
            return Ok(());
        }
        let begun = Instant::now();
        let asked = async {
            stream.write_all(&SSL_REQUEST).await?;
            stream.read_u8().await
        };
        match timeout_at(deadline, asked).await {
            Ok(Ok(b'S')) => Ok(()),
            Ok(Ok(b'N')) => Err(StartFailure::NotOffered),
            Ok(Ok(_)) => Err(StartFailure::OtherProtocol),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(StartFailure::Closed)
            }
            Ok(Err(error)) => Err(StartFailure::Broken(error.kind())),
            Err(_elapsed) => Err(StartFailure::TimedOut(begun.elapsed())),
        }
    }
}
