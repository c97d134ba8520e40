//! A Redis server with users, and on wish with TLS, or as a sentinel.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
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
    /// With TLS: the authority, in PEM, that clients must show a certificate of.
    pub clients_of: Option<String>,
    /// More lines of its configuration: `requirepass …`, `user …`, `replicaof …`, `sentinel monitor …`.
    pub config: String,
    /// Its port; a free one where none is named.
    pub port: Option<u16>,
    /// It watches others and holds no data: `redis-server --sentinel`.
    pub sentinel: bool,
    /// The address it listens on; 127.0.0.1 where none is named.
    pub address: Option<Ipv4Addr>,
    /// The folder that its own is made in; the system's temporary one where none is named.
    pub parent: Option<PathBuf>,
}

/// A Redis server of its own on 127.0.0.1 or another address.
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
        let folder = match &setup.parent {
            Some(parent) => TempDir::new_in(parent),
            None => TempDir::new(),
        };
        let folder = folder.expect("a folder");
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
        let port = setup.port.unwrap_or_else(free_port);
        let path = |name: &str| folder.path().join(name).display().to_string();
        let write = |name: &str, text: &str| fs::write(path(name), text).expect("a file");
        let address = setup.address.unwrap_or(Ipv4Addr::LOCALHOST);
        let mut config = format!(
            "bind {address}\nprotected-mode no\ndir {0}\nunixsocket {0}/redis.sock\n",
            folder.path().display()
        );
        if !setup.sentinel {
            config += "save \"\"\nenable-debug-command yes\n";
        }
        match &setup.tls {
            None => config += &format!("port {port}\n"),
            Some((certificate, key)) => {
                write("server.crt", certificate);
                write("server.key", key);
                config += &format!(
                    "port 0\ntls-port {port}\ntls-cert-file {}\ntls-key-file {}\n",
                    path("server.crt"),
                    path("server.key")
                );
                config += &match &setup.clients_of {
                    None => "tls-auth-clients no\n".to_owned(),
                    Some(authority) => {
                        write("clients.crt", authority);
                        format!("tls-ca-cert-file {}\n", path("clients.crt"))
                    }
                };
            }
        }
        config += &setup.config;
        write("redis.conf", &config);
        let mut command = Command::new(program("redis-server", &[], "redis"));
        command.arg(path("redis.conf"));
        if setup.sentinel {
            command.arg("--sentinel");
        }
        let mut process = Process::start(&mut command, Path::new(&path("log")));
        let address = SocketAddr::from((address, port));
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

    /// Where it listens beside its port.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// What it answers to one command through that socket, as `redis-cli` shows it.
    pub fn command(&self, words: &[&str]) -> String {
        let out = Command::new(program("redis-cli", &[], "redis"))
            .arg("-s")
            .arg(self.socket())
            .args(words)
            .output()
            .expect("redis-cli");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Sends a signal, such as SIGSTOP to make it hang.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}
