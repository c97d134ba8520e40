//! A Redis server with users, and on wish with TLS.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Process, free_port, program};

/// How to start one.
#[derive(Clone, Debug, Default)]
pub struct RedisSetup {
    /// Certificate chain and key, in PEM: it then speaks TLS alone.
    pub tls: Option<(String, String)>,
    /// More lines of its configuration: `requirepass …`, `user …`, `replicaof …`.
    pub config: String,
}

/// A Redis server of its own on 127.0.0.1.
#[derive(Debug)]
pub struct Redis {
    /// Its port.
    pub port: u16,
    process: Process,
    folder: TempDir,
}

impl Redis {
    /// Starts one that lets everybody in.
    pub fn start() -> Redis {
        Redis::start_with(&RedisSetup::default())
    }

    /// Starts one, and waits until it takes connections; what it then says is the test's to look at.
    pub fn start_with(setup: &RedisSetup) -> Redis {
        let folder = TempDir::new().expect("a folder");
        Redis::start_in(folder, setup)
    }

    /// Ends this one with SIGKILL and starts another on its folder, as after a crash.
    pub fn restart_with(self, setup: &RedisSetup) -> Redis {
        let Redis {
            process, folder, ..
        } = self;
        drop(process);
        Redis::start_in(folder, setup)
    }

    fn start_in(folder: TempDir, setup: &RedisSetup) -> Redis {
        let port = free_port();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut config = format!(
            "bind 127.0.0.1\nprotected-mode no\ndir {}\nsave \"\"\nenable-debug-command yes\n",
            folder.path().display()
        );
        match &setup.tls {
            None => config += &format!("port {port}\n"),
            Some((certificate, key)) => {
                fs::write(path("server.crt"), certificate).expect("a file");
                fs::write(path("server.key"), key).expect("a file");
                config += &format!(
                    "port 0\ntls-port {port}\ntls-cert-file {}\ntls-key-file {}\ntls-auth-clients no\n",
                    path("server.crt"),
                    path("server.key")
                );
            }
        }
        config += &setup.config;
        fs::write(path("redis.conf"), config).expect("a file");
        let mut process = Process::start(
            Command::new(program("redis-server", &[], "redis")).arg(path("redis.conf")),
            Path::new(&path("log")),
        );
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        process.await_ready(Duration::from_secs(30), || {
            TcpStream::connect(address).is_ok()
        });
        Redis {
            port,
            process,
            folder,
        }
    }

    /// The folder with its data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends a signal, such as SIGSTOP to make it hang.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}
