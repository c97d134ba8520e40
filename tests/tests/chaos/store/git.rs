//! A repository behind a server that speaks HTTP on the store's host, one port a host that asks: each can be answered
//! differently.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
};

use baton_tests::scene;
use lease::{
    Phase,
    testing::http_git::{Mode, Server},
};
use test_servers::Hosts;

use super::{Access, Books, Servers, Store};
use crate::{
    faults::{Fault, StoreFault},
    plan::Plan,
    stage::{self, STORES, Stage},
};

/// Enough for a round, and soon filled.
const DISK: &str = "size=16m,mode=755";

struct Git {
    servers: BTreeMap<u8, Server>,
    disk: Option<Disk>,
}

/// Starts the servers.
pub(super) fn start(plan: &Plan, stage: &Stage) -> Store {
    let fills = plan
        .happenings
        .iter()
        .any(|h| matches!(h.fault, Fault::Store(StoreFault::Full(_))));
    let disk = fills.then(|| Disk::mount(&stage.scene.repository()));
    let hosts = [stage::WATCH].into_iter().chain((0..3).map(stage::runner));
    let servers: BTreeMap<u8, Server> = hosts.map(|host| (host, serve(stage, 0))).collect();
    let addresses = servers.iter();
    let addresses = addresses.map(|(host, server)| (*host, format!("git+{}", server.url())));
    Store {
        access: Access::Each(addresses.collect()),
        reader: Box::new(|stage| {
            let audit = stage.scene.audit();
            Some(Books {
                entries: audit.entries(),
                held: audit.record().is_some_and(|r| r.phase == Phase::Held),
            })
        }),
        servers: Box::new(Git { servers, disk }),
    }
}

impl Git {
    fn set(&self, mode: Mode) {
        for server in self.servers.values() {
            server.set(mode);
        }
    }
}

fn serve(stage: &Stage, port: u16) -> Server {
    let address = SocketAddr::new(IpAddr::V4(Hosts::address(STORES[0])), port);
    stage.hosts.on(STORES[0], || {
        Server::start_at(address, stage.scene.folder(), scene::TOKEN).unwrap()
    })
}

impl Servers for Git {
    fn strike(&mut self, stage: &Stage, fault: StoreFault) {
        match fault {
            StoreFault::Restart => {
                // What is being served dies in the middle, with the processes that serve it.
                let ports: Vec<(u8, u16)> = std::mem::take(&mut self.servers)
                    .iter()
                    .map(|(host, server)| (*host, server.address().port()))
                    .collect();
                self.servers = ports
                    .into_iter()
                    .map(|(host, port)| (host, serve(stage, port)))
                    .collect();
            }
            StoreFault::Stand(true) => self.set(Mode::Silent),
            StoreFault::Stand(false) => self.set(Mode::Serve),
            StoreFault::Answer(None, mode) => self.set(mode),
            StoreFault::Answer(Some(leg), mode) => {
                let server = &self.servers[&stage::runner(leg)];
                // Files of git's that come and go can be in the way of a copy: then the reader is shown what is there.
                if mode != Mode::Stale || server.freeze().is_ok() {
                    server.set(mode);
                }
            }
            StoreFault::Full(full) => {
                if let Some(disk) = &self.disk {
                    disk.fill(full);
                }
            }
            StoreFault::FailOver => unreachable!("a repository has no second server"),
        }
    }

    fn let_go(&mut self, _stage: &Stage) {
        self.set(Mode::Serve);
        if let Some(disk) = &self.disk {
            disk.fill(false);
        }
    }
}

/// A small file system of the repository's own.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Disk {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK, "baton-chaos"])
            .arg(at)
            .status()
            .expect("mount, of util-linux");
        assert!(
            mounted.success(),
            "failed to mount a file system: run as root"
        );
        Disk(at.to_owned())
    }

    fn fill(&self, full: bool) {
        let ballast = self.0.join("ballast");
        if !full {
            let _was_empty = fs::remove_file(ballast);
            return;
        }
        let mut file = fs::File::create(ballast).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
