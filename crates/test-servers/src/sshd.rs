//! An SSH server that lets in the user who runs the test, by key.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use crate::{Process, free_port, program};

/// A server of its own on 127.0.0.1.
#[derive(Debug)]
pub struct Sshd {
    /// A client's configuration that knows the server as the host [`Sshd::HOST`].
    pub config: PathBuf,
    /// The one line of `authorized_keys`, without options.
    pub key: String,
    folder: TempDir,
    _process: Process,
}

impl Sshd {
    /// What the client's configuration calls it.
    pub const HOST: &str = "web1";

    /// Starts one. `options` stand before the key in `authorized_keys` (sshd(8)), such as `restrict,command="…"`.
    pub fn start(options: &str) -> Sshd {
        let binary = program("sshd", &[], "sshd");
        let keygen = program("ssh-keygen", &[], "sshd");
        let folder = TempDir::new().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["host", "client"] {
            let made = Command::new(&keygen)
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(at(name))
                .status()
                .expect("ssh-keygen runs");
            assert!(made.success(), "ssh-keygen makes a key");
        }
        let public = fs::read_to_string(at("client.pub")).expect("a key");
        let port = free_port();
        write(
            &at("sshd_config"),
            &format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized_keys\nPidFile none\n\
                 UsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\n",
                folder.path().display()
            ),
        );
        write(
            &at("config"),
            &format!(
                "Host {1}\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {0}/client\n  IdentitiesOnly yes\n  \
                 UserKnownHostsFile {0}/known_hosts\n  StrictHostKeyChecking accept-new\n  LogLevel ERROR\n",
                folder.path().display(),
                Sshd::HOST
            ),
        );
        if nix::unistd::geteuid().is_root() {
            // Where a server that root runs locks itself up before a login; the package's service makes it at boot.
            fs::create_dir_all("/run/sshd").expect("sshd's folder");
        }
        let mut command = Command::new(binary);
        command.arg("-D").arg("-e").arg("-f").arg(at("sshd_config"));
        let mut process = Process::start(&mut command, &at("log"));
        process.await_ready(Duration::from_secs(30), || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let server = Sshd {
            config: at("config"),
            key: public.trim().to_owned(),
            folder,
            _process: process,
        };
        server.allow(options);
        server
    }

    /// Changes the options before the key, for connections from now on.
    pub fn allow(&self, options: &str) {
        let space = if options.is_empty() { "" } else { " " };
        let line = format!("{options}{space}{}\n", self.key);
        write(&self.folder.path().join("authorized_keys"), &line);
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("its mode");
}
