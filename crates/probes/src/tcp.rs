//! Whether a TCP port is open, told by every address of its host.
//!
//! Responsible for: trying all addresses (RFC 8305) and saying what became of each. Not responsible for what is spoken
//! over the connection, but for a first word ([`Exchange`]). A proxy from the environment is never used: targets are asked directly.

mod exchange;
mod probe;

use std::{
    fmt, io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

pub use exchange::{Exchange, ExchangeFailure};
pub use probe::Tcp;

use crate::{
    probe::Answer,
    resolver::{ResolveError, Resolver},
    stagger::{DISTANCE, staggered},
};

/// An open connection.
#[derive(Debug)]
pub struct Connected {
    /// The connection; dropping it closes it in the usual way.
    pub stream: TcpStream,
    /// Which of the host's addresses answered.
    pub address: SocketAddr,
    /// From the first packet to this address until the connection stood.
    pub took: Duration,
}

/// Why there is no connection; reads after "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TcpError {
    /// The host's name has no address, or nobody could say.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// No address took the connection.
    #[error("connect to {host}: {}", listed(attempts))]
    Unconnected {
        /// The host as it was named.
        host: String,
        /// Each address in the order they were tried; never empty.
        attempts: Vec<Attempt>,
    },
    /// The turn to try never came: too few file descriptors for all targets in time.
    #[error("try {host}: no file descriptor was free in time; raise the limit (ulimit -n)")]
    NotTried {
        /// The host as it was named.
        host: String,
    },
}

/// What became of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The address.
    pub address: SocketAddr,
    /// Why it took no connection.
    pub failure: ConnectFailure,
}

/// Why one address took no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// A reset: the host is up, the port is closed (RFC 9293 §3.5.2).
    Refused,
    /// Nothing came back in this time: packets are dropped, or the host is down.
    TimedOut(Duration),
    /// No route to the network from here.
    NetworkUnreachable,
    /// A router, or this host's own ARP, says that the host is not there.
    HostUnreachable,
    /// This host forbids it: a firewall rule on the way out, a `prohibit` route.
    Forbidden,
    /// This process or host has no descriptor, port or memory left.
    Exhausted(io::ErrorKind),
    /// Any other answer of the system.
    System(io::ErrorKind),
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectFailure::Refused => f.write_str("refused (the host is up, the port is closed)"),
            ConnectFailure::TimedOut(waited) => {
                write!(f, "no answer in {:.1} s", waited.as_secs_f64())
            }
            ConnectFailure::NetworkUnreachable => f.write_str("network unreachable"),
            ConnectFailure::HostUnreachable => f.write_str("host unreachable"),
            ConnectFailure::Forbidden => f.write_str("forbidden by this host"),
            ConnectFailure::Exhausted(kind) => write!(f, "this host has no sockets left ({kind})"),
            ConnectFailure::System(kind) => write!(f, "{kind}"),
        }
    }
}

impl TcpError {
    /// Whether some address answered with a reset: the host is up.
    pub fn is_refused(&self) -> bool {
        self.any(|failure| failure == ConnectFailure::Refused)
    }

    /// What is known of the target: [`Answer::Unknown`] where it was not really asked.
    pub fn answer(&self) -> Answer {
        match self {
            TcpError::Resolve(error) if error.is_definite() => Answer::Fail,
            TcpError::Resolve(_) | TcpError::NotTried { .. } => Answer::Unknown,
            TcpError::Unconnected { .. } => {
                let asked = self.any(|failure| {
                    !matches!(
                        failure,
                        ConnectFailure::Forbidden | ConnectFailure::Exhausted(_)
                    )
                });
                if asked { Answer::Fail } else { Answer::Unknown }
            }
        }
    }

    fn any(&self, is: impl Fn(ConnectFailure) -> bool) -> bool {
        match self {
            TcpError::Unconnected { attempts, .. } => attempts.iter().any(|one| is(one.failure)),
            TcpError::Resolve(_) | TcpError::NotTried { .. } => false,
        }
    }
}

/// Connects to the first address of `host` that takes it, each begun 250 ms after the one before.
///
/// # Errors
///
/// [`TcpError::Resolve`] or [`TcpError::Unconnected`], with all addresses.
pub async fn connect(
    resolver: &Resolver,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<Connected, TcpError> {
    let addresses = resolver.addresses(host, deadline).await?;
    connect_any(host, &addresses, port, deadline).await
}

/// [`connect`] with the addresses known.
pub(crate) async fn connect_any(
    host: &str,
    addresses: &[IpAddr],
    port: u16,
    deadline: Instant,
) -> Result<Connected, TcpError> {
    let attempts = addresses
        .iter()
        .map(|&address| attempt(SocketAddr::new(address, port), deadline))
        .collect();
    staggered(attempts, DISTANCE)
        .await
        .map_err(|attempts| TcpError::Unconnected {
            host: host.to_owned(),
            attempts,
        })
}

async fn attempt(address: SocketAddr, deadline: Instant) -> Result<Connected, Attempt> {
    let begun = Instant::now();
    let failed = |failure| Attempt { address, failure };
    match timeout_at(deadline, TcpStream::connect(address)).await {
        // A closed port of this very host within the range of outgoing ports can be connected to itself
        // (RFC 9293 §3.5, simultaneous open): nobody listens there.
        Ok(Ok(stream)) if stream.local_addr().ok() == stream.peer_addr().ok() => {
            Err(failed(ConnectFailure::Refused))
        }
        Ok(Ok(stream)) => Ok(Connected {
            stream,
            address,
            took: begun.elapsed(),
        }),
        Ok(Err(error)) => Err(failed(failure(&error, begun.elapsed()))),
        Err(_elapsed) => Err(failed(ConnectFailure::TimedOut(begun.elapsed()))),
    }
}

fn failure(error: &io::Error, after: Duration) -> ConnectFailure {
    use nix::errno::Errno;
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED | Errno::ECONNRESET) => ConnectFailure::Refused,
        Some(Errno::ETIMEDOUT) => ConnectFailure::TimedOut(after),
        Some(Errno::ENETUNREACH | Errno::EADDRNOTAVAIL) => ConnectFailure::NetworkUnreachable,
        Some(Errno::EHOSTUNREACH | Errno::EHOSTDOWN) => ConnectFailure::HostUnreachable,
        Some(Errno::EACCES | Errno::EPERM) => ConnectFailure::Forbidden,
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM | Errno::EAGAIN) => {
            ConnectFailure::Exhausted(error.kind())
        }
        _ => ConnectFailure::System(error.kind()),
    }
}

/// `host:port` as a URL writes it: an IPv6 literal in brackets.
pub(crate) fn authority(host: &str, port: u16) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(literal) => format!("[{literal}]:{port}"),
        Err(_) => format!("{host}:{port}"),
    }
}

fn listed(attempts: &[Attempt]) -> String {
    let parts: Vec<String> = attempts
        .iter()
        .map(|attempt| format!("{}: {}", attempt.address, attempt.failure))
        .collect();
    parts.join(", ")
}
