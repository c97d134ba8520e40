//! Whether a listener has a TCP connection, from the kernel's tables (proc_pid_net(5)).
//!
//! Responsible for: reading each network's tables once a scrape, and finding a process's own connections in them.
//!
//! Which connections are a process's own tell its descriptors, which root, the same user and CAP_SYS_PTRACE may see. Whoever
//! else asks gets a weaker answer: whether its *user* has one.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Established and, while one is being made, SYN_SENT (include/net/tcp_states.h).
const ESTABLISHED: u8 = 0x01;
const SYN_SENT: u8 = 0x02;

/// What connections there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Connection {
    None,
    /// One is being made.
    Beginning,
    Established,
}

/// The tables of this scrape, by network.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    networks: HashMap<PathBuf, Table>,
}

#[derive(Debug, Default)]
struct Table {
    by_inode: HashMap<u64, u8>,
    by_user: HashMap<u32, u8>,
}

/// A socket that was its listener's last time: as long as it stands, no descriptor need be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    pid: i32,
    started: u64,
    inode: Option<u64>,
}

impl Tables {
    /// The best connection that `pid` has.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub(crate) fn of(
        &mut self,
        pid: i32,
        started: u64,
        remembered: &mut Remembered,
    ) -> io::Result<Connection> {
        let table = self.network(pid)?;
        if (remembered.pid, remembered.started) != (pid, started) {
            *remembered = Remembered {
                pid,
                started,
                inode: None,
            };
        }
        let stands = remembered
            .inode
            .and_then(|inode| table.by_inode.get(&inode));
        if stands == Some(&ESTABLISHED) {
            return Ok(Connection::Established);
        }
        let process = PathBuf::from(format!("/proc/{pid}"));
        let best = match own(&process) {
            Ok(inodes) => {
                let known = inodes.filter_map(|inode| Some((*table.by_inode.get(&inode)?, inode)));
                let best = known.min();
                remembered.inode = best.map(|(_, inode)| inode);
                best.map(|(state, _)| state)
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let user = fs::metadata(&process)?.uid();
                table.by_user.get(&user).copied()
            }
            Err(error) => return Err(error),
        };
        Ok(match best {
            Some(ESTABLISHED) => Connection::Established,
            Some(_) => Connection::Beginning,
            None => Connection::None,
        })
    }

    /// The table of the network that `pid` is in; this process's own where that cannot be seen.
    fn network(&mut self, pid: i32) -> io::Result<&Table> {
        let seen = fs::read_link(format!("/proc/{pid}/ns/net"));
        let (key, whose) = match seen {
            Ok(network) => (network, pid.to_string()),
            Err(_) => (PathBuf::new(), "self".to_owned()),
        };
        if !self.networks.contains_key(&key) {
            let mut table = Table::default();
            for name in ["tcp", "tcp6"] {
                match fs::read_to_string(format!("/proc/{whose}/net/{name}")) {
                    Ok(text) => table.add(&text),
                    // A kernel without IPv6.
                    Err(error) if name == "tcp6" && error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            self.networks.insert(key.clone(), table);
        }
        Ok(self.networks.entry(key).or_default())
    }
}

impl Table {
    fn add(&mut self, text: &str) {
        for line in text.lines().skip(1) {
            // sl local_address rem_address st queues timer retrnsmt uid timeout inode
            let mut fields = line.split_ascii_whitespace().skip(3);
            let state = fields
                .next()
                .and_then(|state| u8::from_str_radix(state, 16).ok());
            let user = fields.nth(3).and_then(|user| user.parse().ok());
            let inode = fields.nth(1).and_then(|inode| inode.parse().ok());
            if let (Some(state @ (ESTABLISHED | SYN_SENT)), Some(user), Some(inode)) =
                (state, user, inode)
            {
                self.by_inode.insert(inode, state);
                let best = self.by_user.entry(user).or_insert(state);
                *best = state.min(*best);
            }
        }
    }
}

/// The inodes of a process's sockets.
fn own(process: &Path) -> io::Result<impl Iterator<Item = u64>> {
    Ok(fs::read_dir(process.join("fd"))?.filter_map(|entry| {
        let target = fs::read_link(entry.ok()?.path()).ok()?;
        target
            .to_str()?
            .strip_prefix("socket:[")?
            .strip_suffix(']')?
            .parse()
            .ok()
    }))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use supervisor::process::Process;

    use super::*;

    fn here() -> (i32, u64) {
        let pid = std::process::id().cast_signed();
        (pid, Process::read(pid).unwrap().started)
    }

    fn connection(remembered: &mut Remembered) -> Connection {
        let (pid, started) = here();
        Tables::default().of(pid, started, remembered).unwrap()
    }

    #[test]
    fn a_connection_is_seen_while_it_stands_and_a_listening_socket_is_none() {
        let listener = TcpListener::bind("[::1]:0")
            .or_else(|_| TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let mut remembered = Remembered::default();
        assert_eq!(connection(&mut remembered), Connection::None);
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (other, _) = listener.accept().unwrap();
        assert_eq!(connection(&mut remembered), Connection::Established);
        assert!(remembered.inode.is_some());
        assert_eq!(connection(&mut remembered), Connection::Established);
        drop((stream, other));
        assert_eq!(connection(&mut remembered), Connection::None);
        assert_eq!(remembered.inode, None);
    }

    #[test]
    fn a_table_is_read_by_inode_and_by_user() {
        let mut table = Table::default();
        table.add("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 x\n   1: 0100007F:1F90 0100007F:0001 02 00000000:00000000 00:00000000 00000000  1000        0 12 1 x\n   2: 0100007F:1F90 0100007F:0001 01 00000000:00000000 00:00000000 00000000  1001        0 13 1 x\n   3: 0100007F:1F90 0100007F:0001 06 00000000:00000000 00:00000000 00000000     0        0 0 1 x\nhalf a");
        assert_eq!(
            table.by_inode,
            HashMap::from([(12, SYN_SENT), (13, ESTABLISHED)])
        );
        assert_eq!(
            table.by_user,
            HashMap::from([(1000, SYN_SENT), (1001, ESTABLISHED)])
        );
    }
}
