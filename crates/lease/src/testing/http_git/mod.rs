//! A real `git http-backend` behind a small HTTP server that asks for basic authentication and fails on request.
//!
//! Responsible for: serving one bare repository, and breaking at the moments that a client must survive.
//! Not responsible for speed, TLS, or more HTTP than git uses.

mod cgi;
mod request;

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use request::Request;

/// The user that the server knows.
pub const USER: &str = "x-access-token";

/// A repository of the server's own: pushes are let in, and nothing tidies up behind a test's back.
const SETTINGS: &str =
    "[http]\n\treceivepack = true\n[gc]\n\tauto = 0\n[receive]\n\tautogc = false\n";

/// What the server does with the next requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It serves.
    Serve,
    /// It serves each request after this time.
    Slow(Duration),
    /// It does not listen: connections are refused.
    Refuse,
    /// It takes connections and requests, and never answers.
    Silent,
    /// It answers everything with this status.
    Status(u16),
    /// It applies a push and closes the connection before it answers.
    LoseAnswer,
    /// It takes a push, whole, and applies it only when the mode changes again; nobody is there to answer to by then.
    HoldPush,
    /// It shows readers the state at the moment of [`Server::freeze`]; pushes go where they always go.
    Stale,
}

/// A running server. Dropping it ends it and everything it started.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    root: PathBuf,
    mode: watch::Sender<Mode>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    authorization: String,
    requests: Mutex<Vec<String>>,
    holding: AtomicUsize,
    pushes: watch::Sender<usize>,
}

impl Server {
    /// Makes `root/store.git` and serves it on a free port of the loopback, for [`USER`] with `token`.
    ///
    /// # Errors
    /// The folder or the port cannot be used, or git is missing.
    pub fn start(root: &Path, token: &str) -> io::Result<Server> {
        Server::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), root, token)
    }

    /// The same on another address of this host; port 0 is a free one. A repository that is there is served as it is.
    ///
    /// # Errors
    /// As for [`Server::start`].
    pub fn start_at(address: SocketAddr, root: &Path, token: &str) -> io::Result<Server> {
        let repository = root.join("store.git");
        git(
            &[
                "init",
                "--quiet",
                "--bare",
                "--object-format=sha1",
                "--template=",
            ],
            &repository,
        )?;
        let mut config = fs::read_to_string(repository.join("config"))?;
        // Another server may be serving it: what is read at any time is not written twice.
        if !config.contains(SETTINGS) {
            config.push_str(SETTINGS);
            fs::write(repository.join("config"), config)?;
        }

        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            authorization: format!("Basic {}", STANDARD.encode(format!("{USER}:{token}"))),
            requests: Mutex::default(),
            holding: AtomicUsize::new(0),
            pushes: watch::channel(0).0,
        });
        let (mode, modes) = watch::channel(Mode::Serve);
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("http-git".into())
            .spawn(move || {
                runtime.block_on(serve(listener, address, serving, modes, stopped));
                // What is still held or hanging ends here, and the processes of requests with it.
                runtime.shutdown_timeout(Duration::from_secs(5));
            })?;
        Ok(Server {
            address,
            root: root.to_owned(),
            mode,
            shared,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The repository's URL, without credentials: `http://127.0.0.1:40123/store.git`.
    pub fn url(&self) -> String {
        format!("http://{}/store.git", self.address)
    }

    /// The repository on disk, to look at behind the server's back.
    pub fn repository(&self) -> PathBuf {
        self.root.join("store.git")
    }

    /// Changes what happens to requests from now on. [`Mode::Refuse`] needs a moment; connecting shows when it is over.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Remembers the present state for [`Mode::Stale`].
    ///
    /// # Errors
    /// The copy fails.
    pub fn freeze(&self) -> io::Result<()> {
        let frozen = self.root.join("frozen/store.git");
        let _ = fs::remove_dir_all(&frozen);
        copy(&self.repository(), &frozen)
    }

    /// Every request since the last call: method and path, in the order they came.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared.requests))
    }

    /// How many pushes are held back just now.
    pub fn held(&self) -> usize {
        self.shared.holding.load(Ordering::SeqCst)
    }

    /// Waits until the server has carried out `count` pushes since its start, with or without effect.
    pub async fn pushes(&self, count: usize) {
        let mut pushes = self.shared.pushes.subscribe();
        let _ = pushes.wait_for(|done| *done >= count).await;
    }

    /// How many pushes the server has carried out since its start.
    pub fn pushed(&self) -> usize {
        *self.shared.pushes.borrow()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    mut modes: watch::Receiver<Mode>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut listener = TcpListener::from_std(listener).ok();
    loop {
        let refuses = *modes.borrow_and_update() == Mode::Refuse;
        if refuses {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Ok((stream, _)) = accepted => {
                tokio::spawn(converse(stream, Arc::clone(&shared), modes.clone()));
            }
            _ = modes.changed() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>, modes: watch::Receiver<Mode>) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(request)) = request::read(&mut stream).await {
        match answer(&request, &shared, modes.clone()).await {
            Some(answer) if stream.write_all(&answer).await.is_ok() => {}
            _ => return,
        }
    }
}

/// The whole answer; nothing where the connection is to be closed without one.
async fn answer(
    request: &Request,
    shared: &Arc<Shared>,
    mut modes: watch::Receiver<Mode>,
) -> Option<Vec<u8>> {
    lock(&shared.requests).push(format!("{} {}", request.method, request.target));
    let mode = *modes.borrow_and_update();
    match mode {
        Mode::Serve | Mode::LoseAnswer | Mode::HoldPush | Mode::Stale => {}
        Mode::Slow(by) => tokio::time::sleep(by).await,
        Mode::Refuse => return None,
        Mode::Silent => {
            let _ = modes.wait_for(|mode| *mode != Mode::Silent).await;
            return None;
        }
        Mode::Status(status) => return Some(plain(status, &[])),
    }
    // As GitHub does, two headers are refused even where one of them is right.
    if request.headers("authorization") != [shared.authorization.as_str()] {
        return Some(plain(401, &[("WWW-Authenticate", "Basic realm=\"git\"")]));
    }
    let is_push = request.method == "POST" && request.target.ends_with("/git-receive-pack");
    let root = match mode {
        Mode::Stale if !request.target.contains("git-receive-pack") => shared.root.join("frozen"),
        _ => shared.root.clone(),
    };
    if !is_push {
        return Some(
            cgi::run(&root, request)
                .await
                .unwrap_or_else(|_| plain(500, &[])),
        );
    }
    if mode == Mode::HoldPush {
        // Carried on in a task of its own: the client's leaving must not end it.
        let (shared, request) = (Arc::clone(shared), request.clone());
        shared.holding.fetch_add(1, Ordering::SeqCst);
        let held = tokio::spawn(async move {
            let _ = modes.wait_for(|mode| *mode != Mode::HoldPush).await;
            shared.holding.fetch_sub(1, Ordering::SeqCst);
            let _ = cgi::run(&root, &request).await;
            shared.pushes.send_modify(|done| *done += 1);
        });
        let _ = held.await;
        return None;
    }
    let answer = cgi::run(&root, request)
        .await
        .unwrap_or_else(|_| plain(500, &[]));
    shared.pushes.send_modify(|done| *done += 1);
    if mode == Mode::LoseAnswer {
        None
    } else {
        Some(answer)
    }
}

fn plain(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("HTTP/1.1 {status} Status\r\n{headers}Content-Length: 0\r\n\r\n").into_bytes()
}

fn git(arguments: &[&str], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut command = Command::new("git");
    for name in cgi::surrounding_variables() {
        command.env_remove(name);
    }
    let status = command.args(arguments).arg(folder).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other("git init failed"))
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
