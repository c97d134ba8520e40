//! What a reader gives: hosts, and how they were found.

use std::fmt;

/// The port of a host that names none: SSH's.
pub const SSH_PORT: u16 = 22;

/// How many hosts an inventory may have; a typo in a range (`[1:999999999]`) must not exhaust the memory.
pub const MOST_HOSTS: usize = 100_000;

/// The hosts of an inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// Each host once, in the order of the inventory, and one entry for each source whose hosts cannot be known.
    pub hosts: Vec<Host>,
    /// Whose reading it is.
    pub read_by: ReadBy,
    /// What a person should know: why one reader was left for the other, which file was passed over. One line each,
    /// without a secret.
    pub notes: Vec<String>,
}

/// One host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name in the inventory; the source's path for a source whose hosts cannot be known.
    pub name: String,
    /// Where it is reached.
    pub address: Address,
    /// The groups that it is in, directly or through a child group, sorted, without `all`.
    pub groups: Vec<String>,
}

/// Where a host is reached, as far as the inventory tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// There.
    Target(Target),
    /// It cannot be told from the inventory alone.
    Undecided {
        /// Why, in one line, without a secret.
        why: String,
    },
    /// It is not reached over the network.
    Skipped {
        /// Why, in one line.
        why: String,
    },
}

/// A host and a TCP port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// A name, or an IPv4 or IPv6 address without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

/// Whose reading an inventory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBy {
    /// `ansible-inventory --list`.
    AnsibleInventory,
    /// This crate's own reader.
    Own,
}
