//! Whether the Docker daemon answers: `GET /_ping` on its socket
//! (<https://docs.docker.com/reference/api/engine/>).
//!
//! A daemon that hangs never holds a scrape up: a question that is not answered at once goes on aside, and the scrape
//! tells the last answer.

use std::{
    cell::{Cell, RefCell},
    io,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    task::JoinHandle,
    time::timeout,
};

/// What a scrape waits at most.
const BRIEF: Duration = Duration::from_millis(50);
/// A daemon that takes longer is down.
const PATIENCE: Duration = Duration::from_secs(2);

/// The daemon of this host.
#[derive(Clone, Debug)]
pub(crate) struct Docker(Option<Rc<Inner>>);

#[derive(Debug)]
struct Inner {
    socket: PathBuf,
    last: Cell<Option<bool>>,
    unasked: Cell<u64>,
    asking: RefCell<Option<JoinHandle<io::Result<bool>>>>,
}

impl Docker {
    /// `None`: it is not asked.
    pub(crate) fn at(socket: Option<&Path>) -> Docker {
        Docker(socket.map(|socket| {
            Rc::new(Inner {
                socket: socket.to_owned(),
                last: Cell::new(None),
                unasked: Cell::new(0),
                asking: RefCell::new(None),
            })
        }))
    }

    /// Whether it answers, as far as is known within 50 ms.
    pub(crate) async fn is_up(&self) -> Option<bool> {
        self.within(BRIEF).await
    }

    /// As [`Docker::is_up`], for whoever has the time to wait for an answer.
    pub(crate) async fn is_up_surely(&self) -> Option<bool> {
        self.within(PATIENCE * 2).await
    }

    /// How often it could not be asked.
    pub(crate) fn unasked(&self) -> u64 {
        self.0.as_ref().map_or(0, |inner| inner.unasked.get())
    }

    async fn within(&self, time: Duration) -> Option<bool> {
        let inner = self.0.as_ref()?;
        // Taken out: scrapes that come meanwhile tell the last answer.
        let begun = inner.asking.borrow_mut().take();
        let mut asking = begun.unwrap_or_else(|| {
            let socket = inner.socket.clone();
            tokio::task::spawn_local(async move {
                timeout(PATIENCE, ping(&socket)).await.unwrap_or(Ok(false))
            })
        });
        match timeout(time, &mut asking).await {
            Ok(Ok(Ok(up))) => inner.last.set(Some(up)),
            Ok(Ok(Err(_))) => {
                inner.last.set(None);
                inner.unasked.set(inner.unasked.get() + 1);
            }
            Ok(Err(_)) => {}
            Err(_) => {
                *inner.asking.borrow_mut() = Some(asking);
            }
        }
        inner.last.get()
    }
}

/// # Errors
/// This user may not use the socket: nothing is known of the daemon.
async fn ping(socket: &Path) -> io::Result<bool> {
    let mut stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        Err(_) => return Ok(false),
    };
    let asked =
        stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n");
    if asked.await.is_err() {
        return Ok(false);
    }
    let mut answer = [0; 12];
    let read = stream.read_exact(&mut answer).await;
    Ok(read.is_ok() && answer.starts_with(b"HTTP/1.") && &answer[8..] == b" 200")
}
