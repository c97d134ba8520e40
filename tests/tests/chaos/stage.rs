//! Where a round takes place: a folder, the hosts and the wire between them, and what a killed run before has left.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use baton_tests::{Scene, process};
use nix::{sys::signal::Signal, unistd::Pid};
use test_servers::Hosts;

/// The hosts of the store's first and second server.
pub(crate) const STORES: [u8; 2] = [0, 1];

/// The host of those who only look: verdicts, persons, sentinels, the judge.
pub(crate) const WATCH: u8 = 2;

/// The first runner's host.
const RUNNERS: u8 = 3;

/// How many hosts there are.
pub(crate) const HOSTS: u8 = RUNNERS + 3;

/// Begins the names of the folders of rounds under way; the process id of their test follows.
const UNDER_WAY: &str = "baton-chaos-";

/// The host of a deployment's leg.
pub(crate) fn runner(leg: usize) -> u8 {
    RUNNERS + u8::try_from(leg).unwrap()
}

/// Folder and hosts of one round.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) hosts: Hosts,
    pub(crate) scene: Scene,
}

impl Stage {
    pub(crate) fn new(seed: u64) -> Stage {
        let scene = Scene::named(&format!("{UNDER_WAY}{}-{seed}-", std::process::id()));
        // Servers that do not run as root go through it.
        fs::set_permissions(scene.folder(), fs::Permissions::from_mode(0o755)).unwrap();
        Stage {
            hosts: Hosts::new(HOSTS, seed),
            scene,
        }
    }

    /// Keeps the folder under a name that says what it is.
    pub(crate) fn keep(self, seed: u64) -> PathBuf {
        let folder = self.scene.keep();
        let kept =
            std::env::temp_dir().join(format!("baton-failed-chaos-{seed}-{}", std::process::id()));
        match fs::rename(&folder, &kept) {
            Ok(()) => kept,
            Err(_) => folder,
        }
    }
}

/// Ends and removes what a test that was killed has left: its folders, and every process that was started in them.
pub(crate) fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(UNDER_WAY)
            .and_then(|rest| rest.split('-').next()?.parse().ok());
        let Some(owner) = owner else { continue };
        if nix::sys::signal::kill(Pid::from_raw(owner), None).is_err() {
            end_all(&entry.path());
            let _others = fs::remove_dir_all(entry.path());
        }
    }
}

/// Ends every process that has to do with this folder, and takes its mounts away.
pub(crate) fn end_all(folder: &Path) {
    for _again in 0..3 {
        let text = folder.display().to_string();
        for pid in process::with_argument(&text)
            .into_iter()
            .chain(process::working_in(folder))
        {
            process::send(pid, Signal::SIGKILL);
        }
    }
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    for mount in mounts.lines().filter_map(|l| l.split(' ').nth(1)) {
        if Path::new(mount).starts_with(folder) {
            let _gone = Command::new("umount").arg("--lazy").arg(mount).status();
        }
    }
}
