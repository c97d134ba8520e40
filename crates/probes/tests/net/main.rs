//! The network probes against real sockets, in networks made for the test: closed ports, dropped packets, dead and lying
//! name servers, bad certificates.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod dns;
mod icmp;
mod name_server;
mod sweep;
mod tcp;
mod tls;

use std::{net::SocketAddr, time::Duration};

use probes::resolver::Resolver;
use tokio::{net::TcpListener, time::Instant};

/// Runs `body` in a network of its own, with a runtime on that network's thread.
fn in_network<T: Send>(setup: &str, body: impl AsyncFnOnce() -> T + Send) -> T {
    test_servers::in_network(setup, || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(body())
    })
}

/// A cable that takes packets for 10.9.0.0/16 and 2001:db8::/64, and at whose other end nobody wants them; without ARP,
/// so that nobody has to answer for a silent host to be asked.
const DROPPING: &str = "link add hole type veth peer name bottom\n\
    link set bottom arp off up\n\
    link set hole arp off up\n\
    addr add 10.9.255.254/16 dev hole\n\
    addr add 2001:db8::ffff/64 dev hole nodad";

/// A silent host at that cable.
const SILENT: &str = "10.9.0.1";

fn within(seconds: f64) -> Instant {
    Instant::now() + Duration::from_secs_f64(seconds)
}

/// A listener that takes connections as the kernel does, whether or not anybody accepts them.
async fn listener(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A port of this network at which nobody listens.
async fn closed_port(address: &str) -> SocketAddr {
    listener(address).await.1
}

/// For targets that are literals: asks nobody.
fn literals() -> Resolver {
    Resolver::with_servers(&["127.0.0.1:9".parse().unwrap()])
}
