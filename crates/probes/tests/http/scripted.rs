//! A server that says exactly what a test wants, well-formed or not.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
    task::{AbortHandle, JoinSet},
};

/// What every connection hears once its request's head has come.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "each test file needs some of them")]
pub(crate) enum Says {
    /// Nothing, and the connection stays open.
    Nothing,
    /// These bytes, then the connection is closed.
    Text(String),
    /// These bytes, and the connection stays open.
    Unfinished(String),
    /// These bytes, then one more every 10 ms for ever.
    Drip(String),
}

/// Ends with its value, its connections with it.
pub(crate) struct Scripted {
    /// Where it listens; unspecified on a Unix socket.
    pub(crate) address: SocketAddr,
    heard: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[allow(dead_code, reason = "each test file needs some of them")]
impl Scripted {
    pub(crate) async fn tcp(says: Says) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let heard = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(talk(stream, says.clone(), Arc::clone(&counter)));
            }
        });
        Scripted {
            address,
            heard,
            task: task.abort_handle(),
        }
    }

    pub(crate) fn unix(path: &Path, says: Says) -> Scripted {
        let listener = UnixListener::bind(path).expect("a socket");
        let heard = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(talk(stream, says.clone(), Arc::clone(&counter)));
            }
        });
        Scripted {
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            heard,
            task: task.abort_handle(),
        }
    }

    /// How many requests have come.
    pub(crate) fn heard(&self) -> usize {
        self.heard.load(Ordering::SeqCst)
    }
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    says: Says,
    heard: Arc<AtomicUsize>,
) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return,
            Ok(_) => (),
        }
    }
    heard.fetch_add(1, Ordering::SeqCst);
    let (text, then_close) = match &says {
        Says::Nothing => ("", false),
        Says::Text(text) => (text.as_str(), true),
        Says::Unfinished(text) | Says::Drip(text) => (text.as_str(), false),
    };
    let _gone = stream.write_all(text.as_bytes()).await;
    let _gone = stream.flush().await;
    if then_close {
        let _gone = stream.shutdown().await;
        return;
    }
    let drips = matches!(says, Says::Drip(_));
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if drips && stream.write_all(b"x").await.is_err() {
            return;
        }
    }
}

/// A whole answer with a body.
#[allow(dead_code, reason = "each test file needs some of them")]
pub(crate) fn answer(status: &str, kind: &str, body: &str) -> Says {
    Says::Text(format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}
