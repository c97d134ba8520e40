//! A host that drops packets, as far as a client can tell: a listener whose queue is full.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use socket2::SockRef;

/// How long a connection of this machine to itself may take before it counts as dropped.
const DROPPED_AFTER: Duration = Duration::from_millis(300);

/// A TCP address of the loopback that answers nobody: connecting hangs until the client gives up.
#[derive(Debug)]
pub struct Deaf {
    listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Deaf {
    /// Listens on a free port and fills its own queue, after which the kernel drops whoever asks.
    pub fn start() -> Deaf {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        // Once more, with a queue for none: listen(2) takes the newest word.
        SockRef::from(&listener).listen(0).expect("listen(2)");
        let address = listener.local_addr().expect("its address");
        let mut queue = Vec::new();
        loop {
            match TcpStream::connect_timeout(&address, DROPPED_AFTER) {
                Ok(stream) => queue.push(stream),
                Err(error) if error.kind() == ErrorKind::TimedOut => break,
                Err(error) => panic!("failed to fill the queue of {address}: {error}"),
            }
            assert!(queue.len() < 64, "the kernel's queue has no end");
        }
        Deaf {
            listener,
            _queue: queue,
        }
    }

    /// Where it does not answer: `127.0.0.1:40123`.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("its address")
    }
}
