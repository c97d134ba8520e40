//! A PgBouncer in front of a PostgreSQL server.

use std::{fs, os::unix::process::CommandExt, process::Command, time::Duration};

use tempfile::TempDir;

use crate::{
    Postgres, Process, free_port,
    postgres::{as_owner, owner},
    program,
};

/// A connection pooler of its own on 127.0.0.1 that gives a client another server connection for each transaction, and
/// lets everybody in as [`Postgres::USER`].
#[derive(Debug)]
pub struct PgBouncer {
    /// Its port.
    pub port: u16,
    _process: Process,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts one with so many connections to `server`, for any number of clients.
    pub fn start(server: &Postgres, connections: usize) -> PgBouncer {
        let folder = TempDir::new().expect("a folder");
        as_owner(folder.path());
        let port = free_port();
        let configuration = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n\
             postgres = host=127.0.0.1 port={} dbname=postgres user={} password='{}'\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = {connections}\n",
            server.port,
            Postgres::USER,
            Postgres::PASSWORD
        );
        fs::write(&configuration, text).expect("a file");
        as_owner(&configuration);
        let mut command = Command::new(program("pgbouncer", &[], "pgbouncer"));
        if let Some(user) = owner() {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command.current_dir("/").arg(&configuration);
        let log = folder.path().join("log");
        let mut process = Process::start(&mut command, &log);
        process.await_ready(Duration::from_secs(60), || {
            fs::read_to_string(&log).is_ok_and(|log| log.contains("process up"))
        });
        PgBouncer {
            port,
            _process: process,
            _folder: folder,
        }
    }
}
