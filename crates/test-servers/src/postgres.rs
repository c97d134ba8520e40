//! A PostgreSQL server with a password, and on wish with TLS.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User, geteuid},
};
use tempfile::TempDir;

use crate::{Process, free_port, program, until};

/// How to start one.
#[derive(Clone, Debug, Default)]
pub struct PostgresSetup {
    /// Certificate chain and key, in PEM.
    pub tls: Option<(String, String)>,
    /// The lines of `pg_hba.conf`; empty lets everybody in with a password.
    pub access: String,
    /// Whether it shall stay in the state of a server that recovers and takes no connections.
    pub starting_up: bool,
    /// Further lines of `postgresql.conf`: `max_connections=5`.
    pub settings: Vec<String>,
    /// The address it listens on beside its socket; 127.0.0.1 where none is named.
    pub address: Option<Ipv4Addr>,
    /// The folder that its own is made in; the system's temporary one where none is named.
    pub parent: Option<PathBuf>,
}

/// A PostgreSQL server of its own on 127.0.0.1 or another address, and on a socket in [`Postgres::folder`].
#[derive(Debug)]
pub struct Postgres {
    /// Its port.
    pub port: u16,
    address: Ipv4Addr,
    process: Option<Process>,
    settings: Vec<String>,
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
        let mut server = Postgres::new(setup);
        let password = server.folder().join("password");
        fs::write(&password, Postgres::PASSWORD).expect("a file");
        as_owner(&password);
        let mut make = command("initdb");
        make.arg("--pgdata").arg(&server.data);
        make.args(["--username", Postgres::USER, "--auth=scram-sha-256"]);
        make.args(["--no-sync", "--locale=C", "--encoding=UTF8", "--pwfile"]);
        run(make.arg(&password));
        if !setup.access.is_empty() {
            server.write("pg_hba.conf", &setup.access);
        }
        if let Some((certificate, key)) = &setup.tls {
            server.write("server.crt", certificate);
            server.write("server.key", key);
            server.settings.push("ssl=on".to_owned());
        }
        if setup.starting_up {
            // It waits for an archive that never answers: recovery never ends.
            server.write("recovery.signal", "");
            server
                .settings
                .push("restore_command=sleep 3600".to_owned());
        }
        server.settings.extend(setup.settings.iter().cloned());
        server.launch(match setup.starting_up {
            true => "listening on Unix socket",
            false => "ready to accept connections",
        });
        server
    }

    /// Starts a standby of `primary`, in recovery as long as that lives. Where it is not `hot` it takes no connections.
    pub fn standby_of(primary: &Postgres, hot: bool) -> Postgres {
        Postgres::standby_with(primary, hot, &PostgresSetup::default())
    }

    /// The same with an address, a folder and settings of its own.
    pub fn standby_with(primary: &Postgres, hot: bool, setup: &PostgresSetup) -> Postgres {
        let mut server = Postgres::new(setup);
        let mut copy = command("pg_basebackup");
        copy.env("PGPASSWORD", Postgres::PASSWORD);
        copy.arg(format!("--host={}", primary.address));
        copy.args(["--username", Postgres::USER, "--port"]);
        copy.arg(primary.port.to_string());
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
        run(copy.arg("--pgdata").arg(&server.data));
        let (setting, ready) = match hot {
            true => ("hot_standby=on", "ready to accept read-only connections"),
            false => ("hot_standby=off", "consistent recovery state reached"),
        };
        server.settings.push(setting.to_owned());
        server.settings.extend(setup.settings.iter().cloned());
        server.launch(ready);
        server
    }

    /// A place for one.
    fn new(setup: &PostgresSetup) -> Postgres {
        let folder = match &setup.parent {
            Some(parent) => TempDir::new_in(parent),
            None => TempDir::new(),
        };
        let folder = folder.expect("a folder");
        as_owner(folder.path());
        let port = free_port();
        let address = setup.address.unwrap_or(Ipv4Addr::LOCALHOST);
        Postgres {
            port,
            address,
            process: None,
            settings: vec![
                format!("port={port}"),
                format!("listen_addresses={address}"),
                format!("unix_socket_directories={}", folder.path().display()),
                "fsync=off".to_owned(),
                // Nothing in the machine's shared memory that a killed server would leave.
                "dynamic_shared_memory_type=mmap".to_owned(),
            ],
            data: folder.path().join("data"),
            folder,
        }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.data.join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
        as_owner(&path);
    }

    fn launch(&mut self, ready: &str) {
        let mut server = command("postgres");
        server.arg("-D").arg(&self.data);
        for setting in &self.settings {
            server.arg("-c").arg(setting);
        }
        let log = self.folder.path().join("log");
        let _earlier = fs::remove_file(&log);
        // Kept before it is waited for: a server that never gets ready is ended too.
        let process = self.process.insert(Process::start(&mut server, &log));
        process.await_ready(Duration::from_secs(60), || {
            fs::read_to_string(&log).is_ok_and(|log| log.contains(ready))
        });
    }

    /// Kills the process that takes connections, as a host that runs out of memory would, and waits until all of its
    /// children have noticed.
    pub fn crash(&mut self) {
        self.process = None;
        until(Duration::from_secs(20), "the server's last process", || {
            self.processes().is_empty().then_some(())
        });
    }

    /// Starts it again after a [crash](Postgres::crash), on the same port with the same data.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it is running");
        self.launch("ready to accept connections");
    }

    /// Makes a database, and gives its name back.
    pub fn database(&self, name: &str) -> String {
        let mut make = command("createdb");
        make.env("PGPASSWORD", Postgres::PASSWORD);
        make.args(["--host=127.0.0.1", "--username", Postgres::USER, "--port"]);
        run(make.arg(self.port.to_string()).arg(name));
        name.to_owned()
    }

    /// Lets a standby take writes from now on, as when its primary is lost; returns when it does.
    pub fn promote(&self) {
        run(command("pg_ctl")
            .args(["promote", "--pgdata"])
            .arg(&self.data));
    }

    /// The processes that live in its folder.
    fn processes(&self) -> Vec<PathBuf> {
        fs::read_dir("/proc")
            .expect("/proc")
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd == self.data))
            .collect()
    }

    /// The folder with its socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// Sends a signal to every one of its processes, such as SIGSTOP to make all of it stand still.
    pub fn signal_all(&self, signal: Signal) {
        for process in self.processes() {
            let name = process.file_name().and_then(|name| name.to_str());
            if let Some(pid) = name.and_then(|name| name.parse().ok()) {
                let _gone = kill(Pid::from_raw(pid), signal);
            }
        }
    }

    /// Sends a signal to the process that takes connections, such as SIGSTOP to make it hang.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its children are in sessions of their own and end when it says so: an immediate shutdown, without care.
        self.signal(Signal::SIGCONT);
        self.signal(Signal::SIGQUIT);
        let end = Instant::now() + Duration::from_secs(10);
        while self.process.is_some()
            && self.data.join("postmaster.pid").exists()
            && Instant::now() < end
        {
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

fn run(command: &mut Command) {
    let done = command.output().expect("a program of PostgreSQL's");
    assert!(
        done.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

pub(crate) fn as_owner(path: &Path) {
    if let Some(user) = owner() {
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        chown(path, Some(uid), Some(gid)).expect("another owner");
    }
}

pub(crate) fn owner() -> Option<User> {
    geteuid().is_root().then(|| {
        User::from_name("postgres")
            .expect("the list of users")
            .expect("a user called postgres, which comes with the server")
    })
}
