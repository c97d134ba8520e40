//! Servers that no client should have to meet.

use std::{future::Future, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// Ends with its value, its connections with it.
pub(crate) struct Unruly {
    pub(crate) address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Unruly {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<F>(at: &str, talk: impl Fn(TcpStream) -> F + Send + 'static) -> Unruly
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(at).await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(talk(stream));
        }
    });
    Unruly {
        address,
        task: task.abort_handle(),
    }
}

async fn request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
    }
}

/// Answers 200 with a body of `x` that never ends.
pub(crate) async fn endless() -> Unruly {
    serve("127.0.0.1:0", async |mut stream| {
        request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\"";
        let mut more = stream.write_all(head).await;
        while more.is_ok() {
            more = stream.write_all(&[b'x'; 1 << 16]).await;
        }
    })
    .await
}

/// Resets every connection once the request has come.
pub(crate) async fn resetting() -> Unruly {
    serve("127.0.0.1:0", async |mut stream| {
        request(&mut stream).await;
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .expect("it can be told");
    })
    .await
}

/// Answers 200 at `at`, one family of addresses alone.
pub(crate) async fn at(at: &str) -> Unruly {
    serve(at, async |mut stream| {
        request(&mut stream).await;
        let _gone = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await;
    })
    .await
}
