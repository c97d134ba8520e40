//! Whether production was there all the time: somebody who asks it ten times a second.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// After this it counts as down; long, for the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was answered so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) asked: u64,
    /// What was wrong with those that were not healthy.
    pub(crate) troubles: Vec<String>,
    /// The versions, each once, in the order in which they came.
    pub(crate) versions: Vec<String>,
}

/// Asks until it is dropped.
pub(crate) struct Watch {
    answers: Arc<Mutex<Answers>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn of(address: SocketAddr) -> Watch {
        let (answers, stop) = (
            Arc::<Mutex<Answers>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let (theirs, stopped) = (Arc::clone(&answers), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let answer = health(address);
                let mut answers = theirs.lock().unwrap();
                answers.asked += 1;
                match answer {
                    Ok(version) if answers.versions.last() != Some(&version) => {
                        answers.versions.push(version);
                    }
                    Ok(_) => {}
                    Err(error) => answers.troubles.push(error.to_string()),
                }
                drop(answers);
                thread::sleep(PAUSE);
            }
        });
        Watch {
            answers,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn answers(&self) -> Answers {
        self.answers.lock().unwrap().clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// The version that answers there, where it says that it is healthy.
///
/// # Errors
/// Nobody answers, or something else.
pub(crate) fn health(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: production\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let told: Value = serde_json::from_str(body).unwrap_or_default();
    match (&told["status"], told["version"].as_str()) {
        (Value::String(status), Some(version)) if status == "healthy" => Ok(version.to_owned()),
        _ => Err(io::Error::other(format!("it answers {answer:?}"))),
    }
}
