//! A PostgreSQL server with a password, and on wish with TLS.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::Signal,
    unistd::{User, geteuid},
};
use tempfile::TempDir;

use crate::{Process, free_port, program};

/// How to start one.
#[derive(Clone, Debug, Default)]
pub struct PostgresSetup {
    /// Certificate chain and key, in PEM.
    pub tls: Option<(String, String)>,
    /// The lines of `pg_hba.conf`; empty lets everybody in with a password.
    pub access: String,
    /// Whether it shall stay in the state of a server that recovers and takes no connections.
    pub starting_up: bool,
}

/// A PostgreSQL server of its own on 127.0.0.1, and on a socket in [`Postgres::folder`].
#[derive(Debug)]
pub struct Postgres {
    /// Its port.
    pub port: u16,
    process: Process,
    data: PathBuf,
    folder: TempDir,
}

impl Postgres {
    /// The user that may do everything.
    pub const USER: &str = "postgres";
    /// That user's password.
    pub const PASSWORD: &str = "canary/p@ss w:rd";

    /// Starts one that lets everybody in with a password.
    pub fn start() -> Postgres {
        Postgres::start_with(&PostgresSetup::default())
    }

    /// Starts one.
    pub fn start_with(setup: &PostgresSetup) -> Postgres {
        let folder = TempDir::new().expect("a folder");
        let data = folder.path().join("data");
        fs::write(folder.path().join("password"), Postgres::PASSWORD).expect("a file");
        as_owner(&folder.path().join("password"));
        as_owner(folder.path());
        let made = command("initdb")
            .arg("--pgdata")
            .arg(&data)
            .args([
                "--username",
                Postgres::USER,
                "--auth=scram-sha-256",
                "--no-sync",
            ])
            .args(["--locale=C", "--encoding=UTF8", "--pwfile"])
            .arg(folder.path().join("password"))
            .output()
            .expect("initdb");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let write = |name: &str, text: &str| {
            let path = data.join(name);
            fs::write(&path, text).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
            as_owner(&path);
        };
        if !setup.access.is_empty() {
            write("pg_hba.conf", &setup.access);
        }
        let port = free_port();
        let mut settings = vec![
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", folder.path().display()),
            "fsync=off".to_owned(),
            // Nothing in the machine's shared memory that a killed server would leave.
            "dynamic_shared_memory_type=mmap".to_owned(),
        ];
        if let Some((certificate, key)) = &setup.tls {
            write("server.crt", certificate);
            write("server.key", key);
            settings.push("ssl=on".to_owned());
        }
        if setup.starting_up {
            // It waits for an archive that never answers: recovery never ends.
            write("recovery.signal", "");
            settings.push("restore_command=sleep 3600".to_owned());
        }
        let mut server = command("postgres");
        server.arg("-D").arg(&data);
        for setting in &settings {
            server.arg("-c").arg(setting);
        }
        let log = folder.path().join("log");
        // Whole before it is waited for: a server that never gets ready is ended too.
        let mut server = Postgres {
            port,
            process: Process::start(&mut server, &log),
            data,
            folder,
        };
        let ready = match setup.starting_up {
            true => "listening on Unix socket",
            false => "ready to accept connections",
        };
        server.process.await_ready(Duration::from_secs(60), || {
            fs::read_to_string(&log).is_ok_and(|log| log.contains(ready))
        });
        server
    }

    /// The folder with its socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Sends a signal to the process that takes connections, such as SIGSTOP to make it hang.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its children are in sessions of their own and end when it says so: an immediate shutdown, without care.
        self.signal(Signal::SIGCONT);
        self.signal(Signal::SIGQUIT);
        let end = Instant::now() + Duration::from_secs(10);
        while self.data.join("postmaster.pid").exists() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// One of PostgreSQL's programs. None of them runs as root.
fn command(name: &str) -> Command {
    let folders: Vec<String> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin").display().to_string())
        .collect();
    let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    let mut command = Command::new(program(name, &folders, "postgresql"));
    if let Some(user) = owner() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.current_dir("/");
    command
}

fn as_owner(path: &Path) {
    if let Some(user) = owner() {
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        chown(path, Some(uid), Some(gid)).expect("another owner");
    }
}

fn owner() -> Option<User> {
    geteuid().is_root().then(|| {
        User::from_name("postgres")
            .expect("the list of users")
            .expect("a user called postgres, which comes with the server")
    })
}
