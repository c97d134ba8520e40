//! A server with a script: one function from request to answer, connections kept open, everything that came recorded.

use std::{
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::{AbortHandle, JoinSet},
};

/// One request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// The number of its connection, from 0.
    pub(crate) connection: usize,
    /// Method and target: `GET /api/courses?x=1`.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Heard {
    /// A header's value; empty where it did not come.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }
}

/// What is done about a request.
pub(crate) enum Reply {
    /// These bytes, and the connection stays open.
    Text(String),
    /// The connection is reset.
    Reset,
    /// Nothing ever comes.
    Silence,
}

/// A whole answer: status and headers, one a line, then the body.
pub(crate) fn reply(head: &str, body: &str) -> Reply {
    let head = head.replace('\n', "\r\n");
    Reply::Text(format!(
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// Ends with its value, its connections with it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Heard) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&heard);
        let script = Arc::new(script);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let stream = stream.into_std().expect("a stream");
                connections.spawn(talk(
                    stream,
                    number,
                    Arc::clone(&script),
                    Arc::clone(&record),
                ));
                number += 1;
            }
        });
        Server {
            address,
            heard,
            task: task.abort_handle(),
        }
    }

    /// `http://127.0.0.1:40123`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that came, in turn.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("the record").clone()
    }

    /// Methods and targets of everything that came.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.heard().into_iter().map(|heard| heard.line).collect()
    }
}

async fn talk(
    stream: TcpStream,
    connection: usize,
    script: Arc<impl Fn(&Heard) -> Reply>,
    record: Arc<Mutex<Vec<Heard>>>,
) {
    let raw = stream.try_clone().expect("a second handle");
    let mut stream = tokio::net::TcpStream::from_std(stream).expect("a stream");
    let mut buffer = Vec::new();
    while let Some(heard) = next(&mut stream, &mut buffer, connection).await {
        record.lock().expect("the record").push(heard.clone());
        match script(&heard) {
            Reply::Text(text) => {
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::Reset => {
                // Closing with a lingering time of nothing sends a reset (socket(7), SO_LINGER).
                let socket = socket2::SockRef::from(&raw);
                socket
                    .set_linger(Some(std::time::Duration::ZERO))
                    .expect("SO_LINGER");
                return;
            }
            Reply::Silence => std::future::pending().await,
        }
    }
}

async fn next(
    stream: &mut tokio::net::TcpStream,
    buffer: &mut Vec<u8>,
    connection: usize,
) -> Option<Heard> {
    loop {
        if let Some((heard, length)) = whole(buffer, connection) {
            buffer.drain(..length);
            return Some(heard);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// The request at the beginning of `bytes`, if all of it has come, and its length.
fn whole(bytes: &[u8], connection: usize) -> Option<(Heard, usize)> {
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.split("\r\n");
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut heard = Heard {
        connection,
        line,
        headers,
        body: String::new(),
    };
    let length: usize = heard.header("content-length").parse().unwrap_or(0);
    let body = bytes.get(head + 4..head + 4 + length)?;
    heard.body = String::from_utf8_lossy(body).into_owned();
    Some((heard, head + 4 + length))
}
