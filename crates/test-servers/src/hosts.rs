//! Several hosts on one machine, each with a network namespace of its own, and between them a wire that can be cut one
//! way or both, slowed, and made to lose packets.
//!
//! The wire is a switch in this process: every host has a TUN device, and a packet goes from the one to the other as its
//! [`Way`] says. So no kernel needs netem or a packet filter, and nothing is left behind: a namespace without a name goes
//! with its last process.

use std::{
    fs::File,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::sched::{CloneFlags, setns, unshare};
use tokio::{
    runtime::{Builder, Handle},
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use tokio_tun::Tun;

use crate::network::ip;

/// What happens to packets from one host to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// None arrives.
    pub cut: bool,
    /// Each arrives this much later.
    pub delay: Duration,
    /// So many of a hundred do not arrive.
    pub loss: u64,
}

/// The hosts, numbered from 0. Dropping it takes the wire away; processes that were started there must be ended before.
#[derive(Debug)]
pub struct Hosts {
    namespaces: Vec<File>,
    ways: Arc<Mutex<Vec<Way>>>,
    stop: watch::Sender<bool>,
    switch: Option<JoinHandle<()>>,
}

/// A packet on its way, and when it arrives.
type Travelling = (Instant, Vec<u8>);

impl Hosts {
    /// Makes `count` hosts that reach one another. `seed` decides which packets a lossy way loses. Needs root.
    pub fn new(count: u8, seed: u64) -> Hosts {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let handle = runtime.handle();
        let made = (0..count).map(|host| make(host, handle));
        let (namespaces, devices): (Vec<File>, Vec<Tun>) = made.unzip();
        let all = usize::from(count);
        let ways = Arc::new(Mutex::new(vec![Way::default(); all * all]));
        let (stop, mut stopped) = watch::channel(false);
        let switch = Switch {
            devices: devices.into_iter().map(Arc::new).collect(),
            ways: Arc::clone(&ways),
            dice: Mutex::new(seed | 1),
        };
        let switch = thread::Builder::new()
            .name("wire".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    Arc::new(switch).start();
                    let _stopped = stopped.wait_for(|stop| *stop).await;
                });
            })
            .expect("a thread");
        Hosts {
            namespaces,
            ways,
            stop,
            switch: Some(switch),
        }
    }

    /// The address of a host.
    pub fn address(host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 66, 0, host + 1)
    }

    /// Runs `body` on a thread of its own on that host; threads and processes that it starts are there too, and stay.
    pub fn on<T: Send>(&self, host: u8, body: impl FnOnce() -> T + Send) -> T {
        let namespace = &self.namespaces[usize::from(host)];
        let ended = thread::scope(|scope| {
            scope
                .spawn(|| {
                    setns(namespace, CloneFlags::CLONE_NEWNET).expect("the host's network");
                    body()
                })
                .join()
        });
        ended.unwrap_or_else(|failed| std::panic::resume_unwind(failed))
    }

    /// Changes what happens to packets `from` a host `to` another from now on; those under way arrive as they would have.
    pub fn set(&self, from: u8, to: u8, way: Way) {
        let place = usize::from(from) * self.namespaces.len() + usize::from(to);
        lock(&self.ways)[place] = way;
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(switch) = self.switch.take() {
            let _ended = switch.join();
        }
    }
}

fn make(host: u8, handle: &Handle) -> (File, Tun) {
    let made = thread::scope(|scope| {
        scope
            .spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET).unwrap_or_else(|error| {
                    panic!("failed to make a network ({error}): run as root, as `dist-scripts/test` does")
                });
                ip("link set lo up\n");
                let _entered = handle.enter();
                let device = Tun::builder()
                    .name("wire")
                    .address(Hosts::address(host))
                    .netmask(Ipv4Addr::new(255, 255, 255, 0))
                    .up()
                    .build()
                    .unwrap_or_else(|error| {
                        panic!("failed to make a network device ({error}): /dev/net/tun must be there (`modprobe tun`)")
                    })
                    .pop()
                    .expect("one device");
                let namespace = File::open("/proc/thread-self/ns/net").expect("its own network");
                (namespace, device)
            })
            .join()
    });
    made.unwrap_or_else(|failed| std::panic::resume_unwind(failed))
}

/// What carries packets from device to device.
struct Switch {
    devices: Vec<Arc<Tun>>,
    ways: Arc<Mutex<Vec<Way>>>,
    dice: Mutex<u64>,
}

impl Switch {
    fn start(self: Arc<Self>) {
        let all = self.devices.len();
        // One queue for each pair: packets of one way keep their order.
        for from in 0..all {
            let queues: Vec<_> = (0..all)
                .map(|to| {
                    let (queue, packets) = mpsc::unbounded_channel();
                    tokio::spawn(deliver(Arc::clone(&self.devices[to]), packets));
                    queue
                })
                .collect();
            tokio::spawn(Arc::clone(&self).carry(from, queues));
        }
    }

    async fn carry(self: Arc<Self>, from: usize, queues: Vec<mpsc::UnboundedSender<Travelling>>) {
        let mut buffer = vec![0; 65_536];
        while let Ok(length) = self.devices[from].recv(&mut buffer).await {
            let packet = &buffer[..length];
            let Some(to) = receiver(packet).filter(|to| *to < queues.len()) else {
                continue;
            };
            let way = lock(&self.ways)[from * queues.len() + to];
            if !way.cut && !self.is_lost(way.loss) {
                let _gone = queues[to].send((Instant::now() + way.delay, packet.to_vec()));
            }
        }
    }

    /// Xorshift64 (Marsaglia 2003).
    fn is_lost(&self, of_hundred: u64) -> bool {
        let mut state = lock(&self.dice);
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state % 100 < of_hundred
    }
}

async fn deliver(device: Arc<Tun>, mut packets: mpsc::UnboundedReceiver<Travelling>) {
    while let Some((at, packet)) = packets.recv().await {
        sleep_until(at).await;
        // A device that is down takes none.
        let _lost = device.send_all(&packet).await;
    }
}

/// The host that an IPv4 packet (RFC 791) is for.
fn receiver(packet: &[u8]) -> Option<usize> {
    let [10, 66, 0, last] = *packet.get(16..20)? else {
        return None;
    };
    (packet[0] >> 4 == 4)
        .then(|| usize::from(last).checked_sub(1))
        .flatten()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
