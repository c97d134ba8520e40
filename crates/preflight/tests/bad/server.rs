//! Servers that speak as a test tells them, broken HTTP too, from threads that end with the test.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// One that reads the head of each request and lets the test answer.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
}

impl Server {
    /// `answer` gets the first line and the whole head, and writes what it likes; the connection is closed after it.
    pub(crate) fn start(
        answer: impl Fn(&str, &str, &mut TcpStream) + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (questions, ended, answer) = (Arc::clone(&asked), Arc::clone(&over), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (questions, answer): (Arc<Mutex<Vec<String>>>, _) =
                    (Arc::clone(&questions), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &questions, &*answer));
            }
        });
        Server {
            address,
            asked,
            over,
        }
    }

    /// One that answers everything with `status`, `headers` and `body`.
    pub(crate) fn saying(status: &str, headers: &str, body: &str) -> Server {
        let text = whole(status, headers, body);
        Server::start(move |_, _, stream| {
            let _gone = stream.write_all(text.as_bytes());
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The first lines of the requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the thread that listens.
        let _woken = TcpStream::connect(self.address);
    }
}

/// A whole answer, with its length.
pub(crate) fn whole(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn serve(
    mut stream: TcpStream,
    asked: &Mutex<Vec<String>>,
    answer: &dyn Fn(&str, &str, &mut TcpStream),
) {
    let _set = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let first = head.lines().next().unwrap_or_default().to_owned();
    asked.lock().unwrap().push(first.clone());
    answer(&first, &head, &mut stream);
}
