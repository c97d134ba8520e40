//! The server: who may ask what, and how long a client may take.
//!
//! Each connection is a task with limits of its own, so that a client that never ends its request, or never reads its
//! answer, is nobody else's matter. Where all places are taken, the one that has waited longest for its client goes.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    rc::Rc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use crate::{
    accept,
    asker::Asker,
    docker::Docker,
    http::{self, Answer, Parsed, Request},
};

/// The most connections at a time.
const PLACES: usize = 64;
/// For a request's head, from its first byte.
const REQUEST: Duration = Duration::from_secs(5);
/// For a client to read an answer.
const READING: Duration = Duration::from_secs(10);
/// Between two requests: longer than the pause between two scrapes mostly is.
const IDLE: Duration = Duration::from_secs(90);
/// For the running answers at the end.
const FAREWELL: Duration = Duration::from_secs(15);
/// Above this the client that is cut off may lose the answer that says why.
const DRAINED: usize = 64 * 1024;

/// What an answer is made of.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) asker: Asker,
    pub(crate) docker: Docker,
}

/// A connection that may have to make room.
struct Place {
    id: u64,
    /// Whether an answer is being made or sent.
    answering: Rc<Cell<bool>>,
    task: AbortHandle,
}

/// Serves until `stop` says so, then ends the running answers. Must run within a [`tokio::task::LocalSet`].
pub(crate) async fn serve(
    listener: TcpListener,
    sources: Sources,
    mut stop: watch::Receiver<bool>,
) {
    let places: Rc<RefCell<VecDeque<Place>>> = Rc::default();
    let mut tasks = JoinSet::new();
    let mut next = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            // The client is gone already, or there is no descriptor left: that passes.
            Err(_) => {
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        make_room(&mut places.borrow_mut());
        next += 1;
        let (id, answering) = (next, Rc::new(Cell::new(false)));
        let connection = Connection {
            stream,
            sources: sources.clone(),
            stop: stop.clone(),
            answering: Rc::clone(&answering),
        };
        let ours = Rc::clone(&places);
        let task = tasks.spawn_local(async move {
            let _broken = connection.run().await;
            ours.borrow_mut().retain(|place| place.id != id);
        });
        places.borrow_mut().push_back(Place {
            id,
            answering,
            task,
        });
    }
    drop(listener);
    let _cut_off = timeout(FAREWELL, async {
        while tasks.join_next().await.is_some() {}
    })
    .await;
}

fn make_room(places: &mut VecDeque<Place>) {
    if places.len() < PLACES {
        return;
    }
    let waiting = places.iter().position(|place| !place.answering.get());
    if let Some(place) = places.remove(waiting.unwrap_or(0)) {
        place.task.abort();
    }
}

struct Connection {
    stream: TcpStream,
    sources: Sources,
    stop: watch::Receiver<bool>,
    answering: Rc<Cell<bool>>,
}

impl Connection {
    /// Answers one request after the other.
    ///
    /// # Errors
    /// The client went away.
    async fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let mut bytes = Vec::new();
        let mut patience = REQUEST;
        loop {
            let Some(parsed) = self.request(&mut bytes, patience).await? else {
                return Ok(());
            };
            self.answering.set(true);
            let (answer, head, keep) = match parsed {
                Parsed::Whole(request) => {
                    bytes.drain(..request.length);
                    let answer = self.answer(&request).await;
                    let keep = request.keep && !*self.stop.borrow();
                    (answer, request.method == "HEAD", keep)
                }
                Parsed::Refused(answer) => (answer, false, false),
                Parsed::Part => (
                    Answer::plain(408, "the request did not end in time\n"),
                    false,
                    false,
                ),
            };
            let answer = answer.bytes(head, keep);
            timeout(READING, self.stream.write_all(&answer))
                .await
                .map_err(io::Error::from)??;
            self.answering.set(false);
            if !keep {
                return self.close().await;
            }
            patience = IDLE;
        }
    }

    /// The next request. `None`: there is none, and nothing to be said about it.
    async fn request(
        &mut self,
        bytes: &mut Vec<u8>,
        patience: Duration,
    ) -> io::Result<Option<Parsed>> {
        let mut patience = if bytes.is_empty() { patience } else { REQUEST };
        let mut piece = [0; 2048];
        let mut end = Box::pin(sleep(patience));
        loop {
            if !bytes.is_empty() {
                match http::parse(bytes) {
                    Parsed::Part => {}
                    parsed => return Ok(Some(parsed)),
                }
            }
            let read = tokio::select! {
                read = self.stream.read(&mut piece) => read?,
                () = &mut end => return Ok((!bytes.is_empty()).then_some(Parsed::Part)),
                // Between two requests there is nothing to be ended.
                _ = self.stop.wait_for(|stop| *stop), if bytes.is_empty() => return Ok(None),
            };
            if read == 0 {
                return Ok(None);
            }
            if bytes.is_empty() && patience != REQUEST {
                patience = REQUEST;
                end = Box::pin(sleep(patience));
            }
            bytes.extend_from_slice(&piece[..read]);
        }
    }

    async fn answer(&self, request: &Request) -> Answer {
        if !matches!(request.path.as_str(), "/" | "/metrics" | "/health") {
            return Answer::plain(404, "there are /metrics and /health\n");
        }
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return Answer::plain(405, "GET and HEAD are answered\n");
        }
        if request.path == "/" {
            return Answer::plain(200, "runner-exporter: /metrics and /health\n");
        }
        let (looked, docker) = tokio::join!(self.sources.asker.look(), async {
            match request.path.as_str() {
                "/metrics" => self.sources.docker.is_up().await,
                _ => None,
            }
        });
        match looked {
            Err(late) => Answer::plain(503, format!("failed to {late}\n")),
            Ok(snapshot) if request.path == "/metrics" => {
                let format = accept::format(&request.accept);
                Answer {
                    status: 200,
                    content_type: format.content_type(),
                    body: snapshot.text(format, docker, self.sources.docker.unasked()),
                }
            }
            Ok(snapshot) if snapshot.troubles.is_empty() => Answer::plain(200, "OK\n"),
            Ok(snapshot) => {
                let lines = snapshot
                    .troubles
                    .iter()
                    .take(100)
                    .map(|text| format!("failed to {text}\n"));
                Answer::plain(503, lines.collect::<String>())
            }
        }
    }

    /// Closes so that the client gets what was said last: with unread bytes behind it, the kernel would take it back.
    async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let mut piece = [0; 2048];
        let drain = async {
            let mut read = 0;
            while read < DRAINED {
                match self.stream.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(more) => read += more,
                }
            }
        };
        let _enough = timeout(Duration::from_secs(1), drain).await;
        Ok(())
    }
}
