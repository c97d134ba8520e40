//! A Docker daemon that runs no containers.

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Process, plain_http, program};

/// A daemon of its own on a Unix socket; needs root, as Docker does.
#[derive(Debug)]
pub struct Docker {
    process: Process,
    folder: TempDir,
}

impl Docker {
    /// Starts one and waits until it answers.
    pub fn start() -> Docker {
        Docker::start_with(&[])
    }

    /// Starts one that listens on a port of 127.0.0.1 as well, for clients with a certificate of the authority in
    /// `keys`: `ca.pem`, `server-cert.pem` and `server-key.pem`.
    pub fn start_with_tls(keys: &Path, port: u16) -> Docker {
        let file = |name: &str| keys.join(name).display().to_string();
        Docker::start_with(&[
            "--tlsverify".to_owned(),
            format!("--tlscacert={}", file("ca.pem")),
            format!("--tlscert={}", file("server-cert.pem")),
            format!("--tlskey={}", file("server-key.pem")),
            format!("--host=tcp://127.0.0.1:{port}"),
        ])
    }

    fn start_with(more: &[String]) -> Docker {
        let dockerd = program("dockerd", &["/usr/sbin"], "docker");
        let folder = TempDir::new().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let mut command = Command::new(dockerd);
        command
            .args(["--iptables=false", "--bridge=none", "--storage-driver=vfs"])
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg("-H")
            .arg(format!("unix://{}", at("docker.sock").display()))
            .args(more);
        let mut process = Process::start(&mut command, &at("log"));
        let socket = at("docker.sock");
        process.await_ready(Duration::from_secs(60), || answers(&socket));
        Docker { process, folder }
    }

    /// The socket's path.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Sends a signal, such as SIGSTOP to make it hang.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // Killed at once it would leave its containerd and mounts behind; asked, it ends them and removes its pid file.
        self.process.signal(Signal::SIGCONT);
        self.process.signal(Signal::SIGTERM);
        let end = Instant::now() + Duration::from_secs(15);
        while self.folder.path().join("pid").exists() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn answers(socket: &Path) -> bool {
    UnixStream::connect(socket)
        .and_then(|stream| {
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            plain_http::read(stream, "GET /_ping HTTP/1.0\r\n\r\n")
        })
        .is_ok_and(|answer| answer.status == 200)
}
