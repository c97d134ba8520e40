//! Many hosts at once: which are reachable, and which are up at all.
//!
//! Responsible for: asking as many at a time as there are file descriptors, one deadline over all, and the answers in
//! the order of the questions. Not responsible for where the list comes from, or for what it means for a deployment.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    icmp::{Echo, IcmpError, Pinger, ping_any},
    resolver::Resolver,
    tcp::{TcpError, connect_any},
};

/// Descriptors left alone: the resolver's sockets, the ICMP sockets, and whatever runs beside the sweep.
const RESERVED: u64 = 160;

/// At least so many targets at a time, however low the limit: an exhausted descriptor table is then reported by target.
const AT_LEAST: u64 = 8;

/// The largest number of addresses of one target that take a descriptor each at the same time.
const ADDRESSES: usize = 8;

/// A target that has not answered for this long is asked by ICMP beside TCP, so that both answers are there in time.
const SILENCE: Duration = Duration::from_secs(1);

/// How the targets are asked.
#[derive(Clone, Copy, Debug)]
pub struct SweepOptions {
    /// For each target, from its turn: name, connection, echo.
    pub timeout: Duration,
    /// Ask hosts by ICMP too, where TCP gives no answer.
    pub icmp: bool,
}

/// One target and what became of it.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The host as it was given.
    pub host: String,
    /// The port as it was given.
    pub port: u16,
    /// The connection, which is closed again.
    pub tcp: Result<Open, TcpError>,
    /// Whether the host is up, port or no port.
    pub state: HostState,
}

/// An open port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// The address that answered.
    pub address: SocketAddr,
    /// How long the connection took.
    pub took: Duration,
}

/// Whether a host is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostState {
    /// It took the connection, reset it, or replied to an echo request.
    Up,
    /// It answered neither TCP nor ICMP: down, or everything on the way drops packets.
    Down,
    /// It was asked by TCP alone, or not at all; with the reason where ICMP is not to be had.
    Unknown(Option<IcmpError>),
}

/// Asks every target; answers in their order, all of them by `deadline`.
///
/// As many are asked at a time as `RLIMIT_NOFILE` has room for; what never got its turn is [`TcpError::NotTried`].
pub async fn sweep(
    resolver: &Resolver,
    targets: impl IntoIterator<Item = (String, u16)>,
    options: SweepOptions,
    deadline: Instant,
) -> Vec<Swept> {
    let room = room();
    let shared = Arc::new(Shared {
        resolver: resolver.clone(),
        pinger: options.icmp.then(|| Arc::new(Pinger::new())),
        descriptors: Arc::new(Semaphore::new(room)),
        room,
        options,
        deadline,
    });
    let mut running = JoinSet::new();
    for (place, (host, port)) in targets.into_iter().enumerate() {
        let shared = Arc::clone(&shared);
        running.spawn(async move { (place, shared.ask(host, port).await) });
    }
    let mut answers = running.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, swept)| swept).collect()
}

/// What all targets of one sweep share.
struct Shared {
    resolver: Resolver,
    pinger: Option<Arc<Pinger>>,
    descriptors: Arc<Semaphore>,
    room: usize,
    options: SweepOptions,
    deadline: Instant,
}

impl Shared {
    async fn ask(&self, host: String, port: u16) -> Swept {
        let resolved = self
            .resolver
            .addresses(&host, self.end_of_turn())
            .await
            .map_err(TcpError::Resolve);
        let (tcp, state) = match resolved {
            Ok(addresses) => self.reach(&host, &addresses, port).await,
            Err(error) => (Err(error), HostState::Unknown(None)),
        };
        Swept {
            host,
            port,
            tcp,
            state,
        }
    }

    async fn reach(
        &self,
        host: &str,
        addresses: &[IpAddr],
        port: u16,
    ) -> (Result<Open, TcpError>, HostState) {
        let addresses = &addresses[..addresses.len().min(ADDRESSES).min(self.room)];
        let wanted = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        let turn = timeout_at(self.deadline, self.descriptors.acquire_many(wanted)).await;
        let Ok(permit) = turn else {
            let host = host.to_owned();
            return (Err(TcpError::NotTried { host }), HostState::Unknown(None));
        };
        let (tcp, echo) = self.connect_and_echo(host, addresses, port).await;
        drop(permit);
        let state = match (&tcp, echo) {
            (Ok(_), _) => HostState::Up,
            (Err(error), _) if error.is_refused() => HostState::Up,
            (Err(_), Some(Ok(_))) => HostState::Up,
            (Err(_), Some(Err(error))) if error.is_about_host() => HostState::Down,
            (Err(_), Some(Err(error))) => HostState::Unknown(Some(error)),
            (Err(_), None) => HostState::Unknown(None),
        };
        (tcp, state)
    }

    /// TCP, and beside it an echo once TCP has been silent for a while, so that both end within the turn.
    async fn connect_and_echo(
        &self,
        host: &str,
        addresses: &[IpAddr],
        port: u16,
    ) -> (Result<Open, TcpError>, Option<Result<Echo, IcmpError>>) {
        let end = self.end_of_turn();
        let connect = async {
            // Closed at once: the descriptor is the next target's.
            let connected = connect_any(host, addresses, port, end).await;
            connected.map(|connected| Open {
                address: connected.address,
                took: connected.took,
            })
        };
        tokio::pin!(connect);
        let Some(pinger) = &self.pinger else {
            return (connect.await, None);
        };
        let patience = SILENCE.min(self.options.timeout / 2);
        if let Ok(tcp) = timeout(patience, &mut connect).await {
            let soon = end.min(Instant::now() + patience);
            let echo = match asks_for_echo(&tcp) {
                true => Some(ping_any(pinger, addresses, soon).await),
                false => None,
            };
            return (tcp, echo);
        }
        let echo = ping_any(pinger, addresses, end);
        tokio::pin!(echo);
        tokio::select! {
            tcp = &mut connect => match asks_for_echo(&tcp) {
                true => (tcp, Some(echo.await)),
                false => (tcp, None),
            },
            echo = &mut echo => (connect.await, Some(echo)),
        }
    }

    fn end_of_turn(&self) -> Instant {
        self.deadline.min(Instant::now() + self.options.timeout)
    }
}

/// A connection and a reset both prove that the host is up.
fn asks_for_echo(tcp: &Result<Open, TcpError>) -> bool {
    tcp.as_ref().is_err_and(|error| !error.is_refused())
}

/// How many sockets may be open at once.
fn room() -> usize {
    // Where either cannot be read, the limit is taken for the usual 1,024, and nothing for open.
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _hard)| soft);
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
    let room = limit.saturating_sub(open + RESERVED).max(AT_LEAST);
    usize::try_from(room)
        .unwrap_or(usize::MAX)
        .min(Semaphore::MAX_PERMITS)
}
