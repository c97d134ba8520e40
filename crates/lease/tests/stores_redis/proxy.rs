//! A way to a server that can go wrong, and that can lead to another server.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What becomes of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    /// It works.
    #[default]
    Passes,
    /// What is asked arrives, and no answer comes back.
    LosesAnswers,
    /// It is closed.
    Ends,
}

/// A port of 127.0.0.1 behind which a server stands.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    to: AtomicU16,
    accepted: AtomicUsize,
    /// How often something came from a client.
    questions: AtomicUsize,
    open: Mutex<HashMap<usize, watch::Sender<Fate>>>,
}

impl Proxy {
    pub(crate) async fn start(to: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        shared.to.store(to, Ordering::Relaxed);
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let number = shared.accepted.fetch_add(1, Ordering::Relaxed);
                    let (fate, told) = watch::channel(Fate::Passes);
                    shared.open.lock().unwrap().insert(number, fate);
                    tokio::spawn(carry(client, told, Arc::clone(&shared), number));
                }
            }
        });
        Proxy { port, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Connections made from now on lead there.
    pub(crate) fn lead_to(&self, port: u16) {
        self.shared.to.store(port, Ordering::Relaxed);
    }

    /// The answers of all open connections are lost from now on.
    pub(crate) fn lose_answers(&self) {
        self.turn(Fate::LosesAnswers);
    }

    /// Closes all open connections.
    pub(crate) fn cut(&self) {
        self.turn(Fate::Ends);
    }

    /// How many connections there were.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// How often something was sent to the server.
    pub(crate) fn questions(&self) -> usize {
        self.shared.questions.load(Ordering::Relaxed)
    }

    fn turn(&self, fate: Fate) {
        for open in self.shared.open.lock().unwrap().values() {
            open.send_replace(fate);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn carry(
    client: TcpStream,
    mut fate: watch::Receiver<Fate>,
    shared: Arc<Shared>,
    number: usize,
) {
    let to = shared.to.load(Ordering::Relaxed);
    if let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let asked = pump(&mut from_client, &mut to_server, || {
            shared.questions.fetch_add(1, Ordering::Relaxed);
            true
        });
        let answered = {
            let fate = fate.clone();
            let passes = move || *fate.borrow() == Fate::Passes;
            async move { pump(&mut from_server, &mut to_client, passes).await }
        };
        tokio::select! {
            () = asked => {}
            () = answered => {}
            _ = fate.wait_for(|fate| *fate == Fate::Ends) => {}
        }
    }
    shared.open.lock().unwrap().remove(&number);
}

/// Carries bytes over as long as both ends stand; those that may not pass vanish.
async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    may_pass: impl Fn() -> bool,
) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        match from.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) if !may_pass() => {}
            Ok(count) => {
                if to.write_all(&bytes[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
