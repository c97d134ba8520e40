//! Whether a host answers an ICMP echo (RFC 792, RFC 4443 §4).
//!
//! Responsible for: one socket a family for any number of hosts, unprivileged where the kernel permits it, else raw.
//! Not responsible for the verdict: hosts that answer no echo may well be up.

mod packet;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::UdpSocket,
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use crate::{
    probe::{Answer, Observation, Probe, ProbeFuture},
    resolver::{ResolveError, Resolver},
};
use packet::{Family, Packet};

/// Between two requests to one silent host, as ping(8).
const AGAIN: Duration = Duration::from_secs(1);

/// Why there is no echo; reads after "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IcmpError {
    /// The kernel gives this process no ICMP socket; says nothing about the host.
    #[error(
        "open an ICMP socket: not permitted; put the group of this process into the range of \
         sysctl net.ipv4.ping_group_range, or grant CAP_NET_RAW"
    )]
    NotPermitted,
    /// The system has no such socket, or no descriptor for it; says nothing about the host.
    #[error("open an ICMP socket: {kind}")]
    Socket {
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// The request could not be sent: no route.
    #[error("send an echo request to {address}: {kind}")]
    Unsent {
        /// The host.
        address: IpAddr,
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// No reply came. The host is down, or ICMP is dropped on the way.
    #[error("ping {address}: no reply to {requests} requests in {:.1} s", waited.as_secs_f64())]
    Silent {
        /// The host.
        address: IpAddr,
        /// How many were sent.
        requests: u32,
        /// Since the first.
        waited: Duration,
    },
}

impl IcmpError {
    /// Whether this is about the host; false: nothing could be asked from here.
    pub fn is_about_host(&self) -> bool {
        matches!(self, IcmpError::Unsent { .. } | IcmpError::Silent { .. })
    }
}

/// A host's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Who replied.
    pub address: IpAddr,
    /// From the last request to the reply.
    pub took: Duration,
}

/// Sends echo requests to any number of hosts at once, through one socket a family. Made within a tokio runtime.
#[derive(Debug)]
pub struct Pinger {
    four: Result<Channel, IcmpError>,
    six: Result<Channel, IcmpError>,
}

impl Default for Pinger {
    fn default() -> Self {
        Pinger::new()
    }
}

impl Pinger {
    /// Opens the sockets; where that is refused, each [`Pinger::echo`] says so.
    pub fn new() -> Pinger {
        Pinger {
            four: Channel::open(Family::V4),
            six: Channel::open(Family::V6),
        }
    }

    /// Asks once a second until the host replies or `deadline` passes.
    ///
    /// # Errors
    ///
    /// See [`IcmpError`]; [`IcmpError::is_about_host`] tells a silent host from a kernel that permits nothing.
    pub async fn echo(&self, address: IpAddr, deadline: Instant) -> Result<Echo, IcmpError> {
        let channel = if address.is_ipv4() {
            &self.four
        } else {
            &self.six
        };
        channel
            .as_ref()
            .map_err(Clone::clone)?
            .echo(address, deadline)
            .await
    }
}

/// One socket and who waits at it.
#[derive(Debug)]
struct Channel {
    packet: Packet,
    socket: Arc<UdpSocket>,
    waiting: Arc<Waiting>,
    reader: JoinHandle<()>,
}

/// By address and sequence number. A number is used again after 65,536 requests: by then nobody waits for its first use.
#[derive(Debug, Default)]
struct Waiting {
    next: std::sync::atomic::AtomicU16,
    by_request: Mutex<HashMap<(IpAddr, u16), oneshot::Sender<Instant>>>,
}

impl Waiting {
    fn table(&self) -> MutexGuard<'_, HashMap<(IpAddr, u16), oneshot::Sender<Instant>>> {
        // Nothing that holds the lock can panic half-way.
        self.by_request
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Channel {
    fn open(family: Family) -> Result<Channel, IcmpError> {
        let (socket, raw) = socket(family)?;
        let failed = |error: io::Error| IcmpError::Socket { kind: error.kind() };
        socket.set_nonblocking(true).map_err(failed)?;
        // Not UDP, but a datagram socket all the same: the type lends its asynchronous send and receive.
        let socket = Arc::new(UdpSocket::from_std(socket.into()).map_err(failed)?);
        let waiting = Arc::new(Waiting::default());
        let packet = Packet::new(family, raw);
        let reader = tokio::spawn(read(Arc::clone(&socket), packet, Arc::clone(&waiting)));
        Ok(Channel {
            packet,
            socket,
            waiting,
            reader,
        })
    }

    async fn echo(&self, address: IpAddr, deadline: Instant) -> Result<Echo, IcmpError> {
        let begun = Instant::now();
        let mut requests = 0;
        loop {
            let sequence = self
                .waiting
                .next
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let (sender, reply) = oneshot::channel();
            let _entry = Entry::new(&self.waiting, (address, sequence), sender);
            let sent = Instant::now();
            let request = self.packet.request(sequence);
            let target = SocketAddr::new(address, 0);
            match timeout_at(deadline, self.socket.send_to(&request, target)).await {
                Ok(Ok(_)) => requests += 1,
                // A full queue of this host says nothing about the other: ask again.
                Ok(Err(error)) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {}
                Ok(Err(error)) => {
                    return Err(IcmpError::Unsent {
                        address,
                        kind: error.kind(),
                    });
                }
                Err(_elapsed) => {}
            }
            if let Ok(Ok(received)) = timeout_at(deadline.min(sent + AGAIN), reply).await {
                return Ok(Echo {
                    address,
                    took: received.saturating_duration_since(sent),
                });
            }
            if Instant::now() >= deadline {
                return Err(IcmpError::Silent {
                    address,
                    requests,
                    waited: begun.elapsed(),
                });
            }
        }
    }
}

/// A place in the table, given up when the waiting ends in whatever way.
struct Entry<'a> {
    waiting: &'a Waiting,
    request: (IpAddr, u16),
}

impl<'a> Entry<'a> {
    fn new(
        waiting: &'a Waiting,
        request: (IpAddr, u16),
        sender: oneshot::Sender<Instant>,
    ) -> Entry<'a> {
        waiting.table().insert(request, sender);
        Entry { waiting, request }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.waiting.table().remove(&self.request);
    }
}

async fn read(socket: Arc<UdpSocket>, packet: Packet, waiting: Arc<Waiting>) {
    let mut buffer = [0; 512];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let Some(sequence) = packet.reply(&buffer[..length]) else {
                    continue;
                };
                if let Some(sender) = waiting.table().remove(&(from.ip(), sequence)) {
                    // Who gave up waiting needs no answer.
                    let _gone = sender.send(Instant::now());
                }
            }
            // An error that was queued for one host; the next datagram may be another's.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// An unprivileged socket, else a raw one; with whether it is raw.
fn socket(family: Family) -> Result<(Socket, bool), IcmpError> {
    let (domain, protocol) = match family {
        Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
        Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
    };
    let opened = Socket::new(domain, Type::DGRAM, Some(protocol))
        .map(|socket| (socket, false))
        .or_else(|_| Socket::new(domain, Type::RAW, Some(protocol)).map(|socket| (socket, true)));
    let (socket, raw) =
        opened.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EACCES | Errno::EPERM) => IcmpError::NotPermitted,
            _ => IcmpError::Socket { kind: error.kind() },
        })?;
    // The source port of an unprivileged socket is the identifier; binding to none lets the kernel choose a free one.
    let any = match family {
        Family::V4 => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        Family::V6 => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    socket
        .bind(&any.into())
        .map_err(|error| IcmpError::Socket { kind: error.kind() })?;
    Ok((socket, raw))
}

/// Whether a host replies to an echo request, on any of its addresses.
#[derive(Clone, Debug)]
pub struct Icmp {
    /// Shared by the probes of a process.
    pub resolver: Resolver,
    /// A name or a literal.
    pub host: String,
}

/// Why a host has not replied; reads after "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PingError {
    /// Its name has no address, or nobody could say.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// None of its addresses replied; the last one's reason.
    #[error(transparent)]
    Icmp(#[from] IcmpError),
}

/// Asks all addresses of a host, one after the other begun 250 ms apart; the first reply counts.
///
/// # Errors
///
/// See [`PingError`].
pub async fn ping(resolver: &Resolver, host: &str, deadline: Instant) -> Result<Echo, PingError> {
    let addresses = resolver.addresses(host, deadline).await?;
    let pinger = Arc::new(Pinger::new());
    ping_any(&pinger, &addresses, deadline)
        .await
        .map_err(PingError::Icmp)
}

/// [`ping`] with the addresses known, and a socket that is shared.
pub(crate) async fn ping_any(
    pinger: &Arc<Pinger>,
    addresses: &[IpAddr],
    deadline: Instant,
) -> Result<Echo, IcmpError> {
    let attempts = addresses
        .iter()
        .map(|&address| {
            let pinger = Arc::clone(pinger);
            async move { pinger.echo(address, deadline).await }
        })
        .collect();
    crate::stagger::staggered(attempts, crate::stagger::DISTANCE)
        .await
        .map_err(|failures| {
            // What is about the host says more than what is about a socket.
            let about_host = failures.iter().position(IcmpError::is_about_host);
            let mut failures = failures;
            if failures.is_empty() {
                return IcmpError::NotPermitted;
            }
            failures.swap_remove(about_host.unwrap_or(0))
        })
}

impl Probe for Icmp {
    fn identity(&self) -> String {
        format!("icmp {}", self.host)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, seen) = match ping(&self.resolver, &self.host, deadline).await {
                Ok(echo) => (
                    Answer::Pass,
                    format!(
                        "{} replied in {:.1} ms",
                        echo.address,
                        echo.took.as_secs_f64() * 1000.0
                    ),
                ),
                Err(error) => (error.answer(), format!("failed to {error}")),
            };
            Observation {
                answer,
                seen,
                took: begun.elapsed(),
            }
        })
    }
}

impl PingError {
    /// What is known of the host: [`Answer::Unknown`] where it was not really asked.
    pub fn answer(&self) -> Answer {
        let about_host = match self {
            PingError::Resolve(error) => error.is_definite(),
            PingError::Icmp(error) => error.is_about_host(),
        };
        if about_host {
            Answer::Fail
        } else {
            Answer::Unknown
        }
    }
}
