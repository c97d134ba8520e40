//! The hosts of an Ansible inventory: names, addresses and ports, and what cannot be decided about them.
//!
//! Responsible for [`read`]: by `ansible-inventory --list` where it is installed, else by a reader of its own for INI and
//! YAML inventories, folders of them, `group_vars/` and `host_vars/` beside them, and lists of hosts; and for
//! [`parse_targets`], lists of hosts and ports without an inventory.
//!
//! What cannot be told from the files alone (templates, encrypted values, hosts behind other hosts, programs and plugins
//! as inventories) is reported for each host as [`Address::Undecided`]; no host is dropped. Variables other than those
//! that decide about an address are dropped unread, and no message quotes a value.
//!
//! Not responsible for reaching the hosts (the `probes` crate) or for what their answer means; nor for `group_vars` beside
//! a playbook, which only `ansible-inventory` started in the playbook's folder sees.

mod address;
mod ansible;
mod answer;
mod error;
mod graph;
mod ini;
mod inventory;
mod node;
mod pattern;
mod read;
mod source;
mod targets;
mod text;
mod value;
mod vars_files;
mod words;
mod words_of_ansible;
mod yaml;

pub use error::{InventoryError, Problem};
pub use inventory::{Address, Host, Inventory, MOST_HOSTS, ReadBy, SSH_PORT, Target};
pub use read::{Options, Reader, read};
pub use targets::{TargetsError, parse_targets};
