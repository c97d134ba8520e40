//! A wire between store and server that loses what is said on it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinHandle,
};

/// A way to a server on 127.0.0.1 that passes on what both sides say, until it is told otherwise.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    /// The connections with smaller numbers bring no answer any more.
    mute_before: watch::Sender<usize>,
    connections: AtomicUsize,
    /// How many bytes of answers were lost.
    lost: AtomicUsize,
    /// How long every piece of an answer takes.
    takes: Duration,
}

impl Proxy {
    pub(crate) async fn to(server: u16) -> Proxy {
        Proxy::slow(server, Duration::ZERO).await
    }

    /// A way on which every piece of an answer takes so long.
    pub(crate) async fn slow(server: u16, takes: Duration) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            mute_before: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            takes,
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(pass(from_client, to_server));
                tokio::spawn(answer(number, from_server, to_client, Arc::clone(&shared)));
            }
        });
        Proxy { port, state, task }
    }

    /// From now on the connections that stand bring no answers; new ones do.
    pub(crate) fn mute(&self) {
        let connections = self.connections();
        self.state.mute_before.send_replace(connections);
    }

    /// How many connections came so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many bytes of answers were lost so far.
    pub(crate) fn lost(&self) -> usize {
        self.state.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ended = tokio::io::copy(&mut from, &mut to).await;
}

async fn answer(number: usize, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Arc<State>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if number < *state.mute_before.borrow() {
            state.lost.fetch_add(read, Ordering::SeqCst);
            continue;
        }
        tokio::time::sleep(state.takes).await;
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
