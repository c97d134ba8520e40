//! What stands before a server, or in its place: it takes each request whole, writes down what it says, and hands it on when
//! the test lets it.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use baton_tests::patience;

use crate::SOON;

/// How long a connection of this machine to itself may take before it counts as dropped.
const DROPPED_AFTER: Duration = Duration::from_millis(300);

/// What happens to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// They go on.
    Open,
    /// They are held, whole, before they go on.
    BeforeServer,
    /// What the server answers is held.
    BeforeAnswer,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `PUT /metrics/job/…`
    pub(crate) line: String,
    /// Each name in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Who answers.
#[derive(Clone, Debug)]
pub(crate) enum Behind {
    Server(SocketAddr),
    /// A status, and a body in JSON.
    Words(u16, String),
}

/// Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
    deaf: Option<(TcpListener, Vec<TcpStream>)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    behind: Mutex<Behind>,
    gate: Mutex<Gate>,
    moved: Condvar,
    arrived: Mutex<Vec<Request>>,
    landed: AtomicUsize,
    connections: AtomicUsize,
    stop: AtomicBool,
}

impl Front {
    pub(crate) fn of(behind: Behind) -> Front {
        let mut front = Front::bound(behind);
        front.listen();
        front
    }

    /// One that no connection comes about with until it listens: its queue is full, and the kernel drops whoever asks.
    pub(crate) fn deaf(behind: Behind) -> Front {
        let mut front = Front::bound(behind);
        let address = front.address;
        let (_, queue) = front.deaf.as_mut().unwrap();
        loop {
            match TcpStream::connect_timeout(&address, DROPPED_AFTER) {
                Ok(stream) => queue.push(stream),
                Err(error) if error.kind() == ErrorKind::TimedOut => return front,
                Err(error) => panic!("failed to fill the queue of {address}: {error}"),
            }
            assert!(queue.len() < 8192, "the kernel's queue has no end");
        }
    }

    fn bound(behind: Behind) -> Front {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            behind: Mutex::new(behind),
            gate: Mutex::new(Gate::Open),
            moved: Condvar::new(),
            arrived: Mutex::default(),
            landed: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        Front {
            address,
            shared,
            deaf: Some((listener, Vec::new())),
            thread: None,
        }
    }

    pub(crate) fn listen(&mut self) {
        let Some((listener, queue)) = self.deaf.take() else {
            return;
        };
        drop(queue);
        let serving = Arc::clone(&self.shared);
        self.thread = Some(thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.stop.load(Ordering::SeqCst) {
                    return;
                }
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&serving);
                // A client that goes away in the middle is its own affair.
                thread::spawn(move || _ = shared.converse(&stream));
            }
        }));
    }

    /// Waits until somebody asks for a connection in vain.
    pub(crate) fn await_asked_in_vain(&self) {
        let port = format!(":{:04X} 02 ", self.address.port());
        patience::until(SOON, "somebody to ask", || {
            let connections = fs::read_to_string("/proc/net/tcp").unwrap();
            connections.contains(&port).then_some(())
        });
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, gate: Gate) {
        *self.shared.gate.lock().unwrap() = gate;
        self.shared.moved.notify_all();
    }

    pub(crate) fn answer_by(&self, behind: Behind) {
        *self.shared.behind.lock().unwrap() = behind;
    }

    /// Every request so far, in the order of their ends.
    pub(crate) fn arrived(&self) -> Vec<Request> {
        self.shared.arrived.lock().unwrap().clone()
    }

    /// Waits until so many requests have arrived whole.
    pub(crate) fn await_arrived(&self, count: usize) {
        patience::until(SOON, format!("request {count}"), || {
            (self.arrived().len() >= count).then_some(())
        });
    }

    /// Waits until the server has answered so many of them.
    pub(crate) fn await_landed(&self, count: usize) {
        patience::until(SOON, format!("answer {count}"), || {
            (self.shared.landed.load(Ordering::SeqCst) >= count).then_some(())
        });
    }

    /// How often somebody connected.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// One request; the connection ends with its answer.
    fn converse(&self, stream: &TcpStream) -> std::io::Result<()> {
        let request = read(stream)?;
        self.arrived.lock().unwrap().push(request.clone());
        self.pass(Gate::BeforeServer);
        let behind = self.behind.lock().unwrap().clone();
        let answer = match behind {
            Behind::Server(server) => hand_on(server, &request)?,
            Behind::Words(status, body) => format!(
                "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        };
        self.landed.fetch_add(1, Ordering::SeqCst);
        self.pass(Gate::BeforeAnswer);
        let head = answer.windows(2).position(|two| two == b"\r\n").unwrap();
        let mut stream = stream;
        stream.write_all(&answer[..head])?;
        stream.write_all(b"\r\nConnection: close")?;
        stream.write_all(&answer[head..])
    }

    /// Waits while requests are held at this gate.
    fn pass(&self, gate: Gate) {
        let held = self.gate.lock().unwrap();
        let is_held = |now: &mut Gate| *now == gate && !self.stop.load(Ordering::SeqCst);
        drop(self.moved.wait_while(held, is_held).unwrap());
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.set(Gate::Open);
        // Wakes the thread, which then looks.
        let _woken = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut request = Request {
        line: lines[0].trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::new(),
    };
    let length = request.header("content-length").unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body)?;
    request.body = String::from_utf8(body).unwrap();
    Ok(request)
}

/// Without the headers that concern a connection, and with an end after the answer.
fn hand_on(server: SocketAddr, request: &Request) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(5))?;
    let mut text = format!("{} HTTP/1.0\r\n", request.line);
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(text.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(request.body.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
