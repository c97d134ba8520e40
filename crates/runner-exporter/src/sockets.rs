//! Whether a listener has a TCP connection.
//!
//! Responsible for: reading each network's connections once a scrape, and finding a process's own among them.
//!
//! Which connections are a process's own tell its descriptors, which root, the same user and CAP_SYS_PTRACE may see. Whoever
//! else asks goes by the control group that a connection was made in, where the kernel tells (5.7, version 2 hierarchy),
//! which is the listener's service; else by the user.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::inet_diag::{self, Entry};

/// Established and, while one is being made, SYN_SENT (include/net/tcp_states.h).
pub(crate) const ESTABLISHED: u8 = 0x01;
pub(crate) const SYN_SENT: u8 = 0x02;

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

/// The best state of each, which is the lowest number.
#[derive(Debug, Default)]
struct Table {
    by_inode: HashMap<u64, u8>,
    by_user: HashMap<u32, u8>,
    by_group: HashMap<u64, u8>,
}

/// A socket that was its listener's last time: as long as it stands, no descriptor need be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    pid: i32,
    started: u64,
    inode: Option<u64>,
}

impl Tables {
    /// The best connection that `pid` has. `group`: the folder of its control group in the version 2 hierarchy.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub(crate) fn of(
        &mut self,
        (pid, started): (i32, u64),
        group: Option<&Path>,
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
                table.not_looking_inside(&process, group)?
            }
            Err(error) => return Err(error),
        };
        Ok(match best {
            Some(ESTABLISHED) => Connection::Established,
            Some(_) => Connection::Beginning,
            None => Connection::None,
        })
    }

    /// The table of the network that `pid` is in; of this process's own where that cannot be seen.
    fn network(&mut self, pid: i32) -> io::Result<&Table> {
        let network =
            |whose: &str| fs::read_link(format!("/proc/{whose}/ns/net")).unwrap_or_default();
        let own = network("self");
        let its = fs::read_link(format!("/proc/{pid}/ns/net")).unwrap_or_else(|_| own.clone());
        if !self.networks.contains_key(&its) {
            let asked = if its == own {
                inet_diag::connections().ok()
            } else {
                None
            };
            let entries = match asked {
                Some(entries) => entries,
                None if its == own => listed("self")?,
                None => listed(&pid.to_string())?,
            };
            let mut table = Table::default();
            entries.iter().for_each(|entry| table.add(entry));
            self.networks.insert(its.clone(), table);
        }
        Ok(self.networks.entry(its).or_default())
    }
}

impl Table {
    fn add(&mut self, entry: &Entry) {
        fn best<K: std::hash::Hash + Eq>(of: &mut HashMap<K, u8>, key: K, state: u8) {
            let best = of.entry(key).or_insert(state);
            *best = state.min(*best);
        }
        best(&mut self.by_inode, entry.inode, entry.state);
        best(&mut self.by_user, entry.user, entry.state);
        if let Some(group) = entry.group {
            best(&mut self.by_group, group, entry.state);
        }
    }

    /// What can be said of a process whose descriptors are closed to us.
    fn not_looking_inside(&self, process: &Path, group: Option<&Path>) -> io::Result<Option<u8>> {
        let group = group.and_then(|group| fs::metadata(group).ok());
        if let Some(group) = group.filter(|_| !self.by_group.is_empty()) {
            return Ok(self.by_group.get(&group.ino()).copied());
        }
        let user = fs::metadata(process)?.uid();
        Ok(self.by_user.get(&user).copied())
    }
}

/// The tables of proc_pid_net(5), for a kernel without sock_diag and for other networks.
fn listed(whose: &str) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for name in ["tcp", "tcp6"] {
        match fs::read_to_string(format!("/proc/{whose}/net/{name}")) {
            Ok(text) => entries.extend(text.lines().skip(1).filter_map(entry)),
            // A kernel without IPv6.
            Err(error) if name == "tcp6" && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}

/// `sl local_address rem_address st queues timer retrnsmt uid timeout inode`
fn entry(line: &str) -> Option<Entry> {
    let mut fields = line.split_ascii_whitespace().skip(3);
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    let user = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    matches!(state, ESTABLISHED | SYN_SENT).then_some(Entry {
        state,
        user,
        inode,
        group: None,
    })
}

/// The inodes of a process's sockets.
fn own(process: &Path) -> io::Result<impl Iterator<Item = u64>> {
    Ok(fs::read_dir(process.join("fd"))?.filter_map(|entry| {
        let target = fs::read_link(entry.ok()?.path()).ok()?;
        let inode = target.to_str()?.strip_prefix("socket:[")?;
        inode.strip_suffix(']')?.parse().ok()
    }))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use supervisor::process::Process;

    use super::*;

    fn connection(remembered: &mut Remembered) -> Connection {
        let pid = std::process::id().cast_signed();
        let started = Process::read(pid).unwrap().started;
        Tables::default()
            .of((pid, started), None, remembered)
            .unwrap()
    }

    #[test]
    fn a_connection_is_seen_while_it_stands_and_a_listening_socket_is_none() {
        let six = TcpListener::bind("[::1]:0");
        let listener = six.or_else(|_| TcpListener::bind("127.0.0.1:0")).unwrap();
        let mut remembered = Remembered::default();
        assert_eq!(connection(&mut remembered), Connection::None);
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (other, _) = listener.accept().unwrap();
        assert_eq!(connection(&mut remembered), Connection::Established);
        let inode = remembered.inode.unwrap();
        assert_eq!(connection(&mut remembered), Connection::Established);
        // The two ways to ask say the same.
        let seen = |entries: Vec<Entry>| {
            let found = entries.into_iter().find(|entry| entry.inode == inode);
            found.map(|entry| (entry.state, entry.user)).unwrap()
        };
        assert_eq!(
            seen(listed("self").unwrap()),
            seen(inet_diag::connections().unwrap())
        );
        drop((stream, other));
        assert_eq!(connection(&mut remembered), Connection::None);
        assert_eq!(remembered.inode, None);
    }

    #[test]
    fn a_line_of_the_kernels_table_is_an_entry_where_it_is_a_connection() {
        let line = |state: &str| {
            format!(
                "   0: 0100007F:1F90 0100007F:0001 {state} 00000000:00000000 00:00000000 00000000  1000        0 11 1 x"
            )
        };
        let found = entry(&line("01")).unwrap();
        assert_eq!(
            (found.state, found.user, found.inode),
            (ESTABLISHED, 1000, 11)
        );
        assert_eq!(entry(&line("02")).map(|entry| entry.state), Some(SYN_SENT));
        assert_eq!(entry(&line("0A")), None);
        assert_eq!(entry("   0: 01"), None);
    }

    #[test]
    fn where_descriptors_are_closed_the_group_tells_and_then_the_user() {
        let here = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let inode = fs::metadata(here.path()).unwrap().ino();
        let user = fs::metadata("/proc/self").unwrap().uid();
        let mut table = Table::default();
        let process = Path::new("/proc/self");
        let entry = Entry {
            state: ESTABLISHED,
            user,
            inode: 1,
            group: None,
        };
        table.add(&entry);
        let state = table
            .not_looking_inside(process, Some(elsewhere.path()))
            .unwrap();
        assert_eq!(state, Some(ESTABLISHED), "by the user");
        table.add(&Entry {
            group: Some(inode),
            ..entry
        });
        let state = |group: &Path| table.not_looking_inside(process, Some(group)).unwrap();
        assert_eq!(state(here.path()), Some(ESTABLISHED), "by its group");
        assert_eq!(state(elsewhere.path()), None, "by another group");
    }
}
