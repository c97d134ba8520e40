//! The hosts of an Ansible inventory: names, addresses and ports, and what cannot be decided about them.
