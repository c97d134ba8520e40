//! A server that plays the one part of GitHub that a deployment asks: which jobs of a run are run again.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};

/// Answers every request with one list of jobs. Dropping it ends it.
#[derive(Debug)]
pub struct JobList {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl JobList {
    /// Serves the list of a second attempt on a free port of the loopback: each job's name, its runner, and whether it
    /// runs again (otherwise it was carried over from the first attempt).
    ///
    /// # Panics
    /// No port is free.
    pub fn start(jobs: &[(&str, Option<&str>, bool)]) -> JobList {
        let jobs: Vec<Value> = jobs
            .iter()
            .zip(1..)
            .map(|((name, runner, again), id)| job(id, name, *runner, *again))
            .collect();
        let body = json!({"total_count": jobs.len(), "jobs": jobs}).to_string();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // A client that goes away in the middle is its own affair.
                let _gone = answer(&stream, &body);
            }
        });
        JobList {
            address,
            stop,
            thread: Some(thread),
        }
    }

    /// For `GITHUB_API_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for JobList {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread, which then looks.
        let _woken = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// As GitHub lists it: a job that was carried over keeps the times at which it really ran.
fn job(id: u64, name: &str, runner: Option<&str>, again: bool) -> Value {
    let (status, conclusion, started, completed) = if again {
        (
            "in_progress",
            Value::Null,
            "2026-11-21T09:00:05Z",
            Value::Null,
        )
    } else {
        (
            "completed",
            json!("success"),
            "2026-11-21T08:00:05Z",
            json!("2026-11-21T08:01:00Z"),
        )
    };
    json!({
        "id": id, "name": name, "run_attempt": 2, "status": status, "conclusion": conclusion,
        "created_at": "2026-11-21T09:00:00Z", "started_at": started, "completed_at": completed,
        "runner_name": runner, "labels": ["production"],
    })
}

fn answer(stream: &TcpStream, body: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    // The head of a GET ends with an empty line, and there is no more.
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
