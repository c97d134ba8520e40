//! A Pushgateway that can be ended and started again on its port.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Process, free_port, plain_http, program};

/// How to start one.
#[derive(Clone, Debug, Default)]
pub struct PushgatewaySetup {
    /// It keeps what was pushed in a file, written at once, and reads it when it starts again.
    pub persistent: bool,
    /// The path that everything of it lies under: `/push`.
    pub prefix: String,
    /// Certificate chain and key, in PEM: it then speaks TLS alone.
    pub tls: Option<(String, String)>,
    /// A user and the bcrypt hash of the password, which everybody must name.
    pub user: Option<(String, String)>,
}

/// A Pushgateway of its own on 127.0.0.1.
#[derive(Debug)]
pub struct Pushgateway {
    /// Where it listens.
    pub address: SocketAddr,
    setup: PushgatewaySetup,
    process: Option<Process>,
    folder: TempDir,
}

impl Pushgateway {
    /// Starts one that forgets when it ends.
    pub fn start() -> Pushgateway {
        Pushgateway::start_with(PushgatewaySetup::default())
    }

    /// Starts one, and waits until it is ready.
    pub fn start_with(setup: PushgatewaySetup) -> Pushgateway {
        let mut gateway = Pushgateway {
            address: SocketAddr::from(([127, 0, 0, 1], free_port())),
            setup,
            process: None,
            folder: TempDir::new().expect("a folder"),
        };
        gateway.start_again();
        gateway
    }

    /// Its address with its base path: `http://127.0.0.1:1234/push`.
    pub fn url(&self) -> String {
        let scheme = if self.setup.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}{}", self.address, self.setup.prefix)
    }

    /// Its process id; panics where it is stopped.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a running gateway").pid()
    }

    /// Sends a signal, such as SIGSTOP to make it hang.
    pub fn signal(&self, signal: Signal) {
        self.process
            .as_ref()
            .expect("a running gateway")
            .signal(signal);
    }

    /// Ends it with SIGKILL. Nobody listens on its port until it is started again.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it on the same port and folder, and waits until it is ready.
    pub fn start_again(&mut self) {
        let mut command = Command::new(program("prometheus-pushgateway", &[], "pushgateway"));
        command
            .arg(format!("--web.listen-address={}", self.address))
            .arg(format!("--web.route-prefix={}", self.setup.prefix))
            .arg("--persistence.interval=1ms")
            .arg("--log.level=warn");
        match self.persistence() {
            Some(file) => command.arg(format!("--persistence.file={}", file.display())),
            None => command.arg("--persistence.file="),
        };
        if let Some(config) = self.web_config() {
            command.arg(format!("--web.config.file={}", config.display()));
        }
        let mut process = Process::start(&mut command, &self.folder.path().join("log"));
        let ready = format!("GET {}/-/ready", self.setup.prefix);
        let is_plain = self.setup.tls.is_none() && self.setup.user.is_none();
        process.await_ready(Duration::from_secs(30), || {
            if is_plain {
                plain_http::exchange(self.address, &ready, &[], "")
                    .is_ok_and(|answer| answer.status == 200)
            } else {
                TcpStream::connect(self.address).is_ok()
            }
        });
        self.process = Some(process);
    }

    /// The file in which it keeps what was pushed.
    pub fn persistence(&self) -> Option<PathBuf> {
        self.setup
            .persistent
            .then(|| self.folder.path().join("pushed"))
    }

    /// What Prometheus scrapes of it. Of one without TLS and without a user.
    pub fn metrics(&self) -> String {
        self.get("/metrics")
    }

    /// All groups as JSON (<https://github.com/prometheus/pushgateway#query-api>). Of one without TLS and without a user.
    pub fn groups(&self) -> String {
        self.get("/api/v1/metrics")
    }

    fn get(&self, path: &str) -> String {
        let request = format!("GET {}{path}", self.setup.prefix);
        let answer =
            plain_http::exchange(self.address, &request, &[], "").expect("a running gateway");
        assert_eq!(answer.status, 200, "{path}");
        answer.body
    }

    fn web_config(&self) -> Option<PathBuf> {
        let write = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            fs::write(&path, text).expect("a file");
            path
        };
        let mut config = String::new();
        if let Some((certificate, key)) = &self.setup.tls {
            let shown = |path: &Path| path.display().to_string();
            config += &format!(
                "tls_server_config: {{cert_file: {}, key_file: {}}}\n",
                shown(&write("server.crt", certificate)),
                shown(&write("server.key", key))
            );
        }
        if let Some((user, hash)) = &self.setup.user {
            config += &format!("basic_auth_users: {{'{user}': '{hash}'}}\n");
        }
        (!config.is_empty()).then(|| write("web.yml", &config))
    }
}
