//! How full the disks are, and what fills the runner's folders at their top level.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant as Clock},
};

use probes::{foreign, host::Host};
use serde::Serialize;
use tokio::{task::JoinSet, time::Instant};

use crate::{Part, Subject, part::apart};

/// How many file systems are looked at.
const MOUNTS: usize = 32;
/// How many things in a folder are told, the largest.
const TOLD: usize = 20;
/// How many files are looked at in one folder to be filled, over all that lies in it.
const LOOKS: usize = 20_000;
/// How deep.
const DEPTH: usize = 6;

/// One file system; sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disk {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// `ext4`, `overlay`, …
    pub kind: String,
    /// What this user may still write.
    pub free: u64,
    /// In all.
    pub total: u64,
    /// 0 to 100, as `df` counts.
    pub percent: f64,
    /// Of the files that it can hold, 0 to 100.
    pub inodes_percent: Option<f64>,
    /// Whether it is mounted without the right to write.
    pub read_only: bool,
}

/// What lies in one folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Filling {
    /// The folder.
    pub folder: PathBuf,
    /// How many things lie in it; of more than 20,000 no more are counted.
    pub items: usize,
    /// The 20 largest, the largest first.
    pub largest: Vec<Item>,
}

/// A thing at the top level of a folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// Its name, with what is no letter of a line escaped.
    pub name: String,
    /// What it takes on the disk, with what lies in it.
    pub bytes: u64,
    /// There is more in it than was looked at.
    pub at_least: bool,
}

/// Every file system that keeps files, and those of the runner's folders, each once.
pub(crate) async fn disks(subject: &Subject, deadline: Instant) -> Part<Vec<Part<Disk>>> {
    let host = Host::rooted_at(&subject.root);
    let mut paths = vec![subject.temp.clone(), PathBuf::from("/")];
    paths.extend(
        ["TMPDIR", "HOME", "GITHUB_WORKSPACE", "RUNNER_TOOL_CACHE"]
            .map(|name| subject.folder(name))
            .into_iter()
            .flatten(),
    );
    paths.extend([PathBuf::from("/tmp"), PathBuf::from("/var/lib/docker")]);
    let mounted = {
        let host = host.clone();
        apart("the mounts", deadline, move || host.mount_points().into()).await
    };
    paths.extend(mounted.had().into_iter().flatten().take(MOUNTS).cloned());
    let mut asked = JoinSet::new();
    for (place, path) in paths.into_iter().enumerate() {
        let host = host.clone();
        asked.spawn(async move { (place, host.disk(&path, deadline).await) });
    }
    let mut answered = asked.join_all().await;
    answered.sort_by_key(|(place, _)| *place);
    let mut all: Vec<Part<Disk>> = Vec::new();
    for (_, answer) in answered {
        match answer {
            Ok(disk) => {
                let told = Disk {
                    percent: disk.percent(),
                    inodes_percent: disk.inodes_percent(),
                    mount: disk.mount,
                    kind: disk.kind,
                    free: disk.free,
                    total: disk.total,
                    read_only: disk.read_only,
                };
                if !all
                    .iter()
                    .any(|one| one.had().is_some_and(|one| one.mount == told.mount))
                {
                    all.push(Part::Had(told));
                }
            }
            // `/var/lib/docker` where there is no Docker.
            Err(probes::host::HostError::NoSuchPath { .. }) => {}
            Err(error) => all.push(Part::failed(error)),
        }
    }
    Part::Had(all)
}

/// What fills the runner's working folder and the folders for temporary files.
pub(crate) async fn filling(subject: &Subject, deadline: Instant) -> Vec<Part<Filling>> {
    // `<root>/_work/_temp`: what fills the disk lies beside it, in the workspaces.
    let work = subject
        .temp
        .parent()
        .filter(|work| work.ends_with("_work"))
        .map_or_else(|| subject.temp.clone(), Path::to_owned);
    let mut folders = vec![work];
    let temporary = subject
        .folder("TMPDIR")
        .unwrap_or_else(|| PathBuf::from("/tmp"));
    if !folders.contains(&temporary) {
        folders.push(temporary);
    }
    let mut looked = JoinSet::new();
    for (place, folder) in folders.into_iter().enumerate() {
        looked.spawn(async move {
            let what = folder.display().to_string();
            // The thread ends by itself before nobody waits for it any more, unless a file system holds it.
            let left = deadline.saturating_duration_since(Instant::now());
            let until = Clock::now() + left.saturating_sub(Duration::from_millis(200));
            let part = apart(&what, deadline, move || fill(folder, until)).await;
            (place, part)
        });
    }
    let mut all = looked.join_all().await;
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, part)| part).collect()
}

fn fill(folder: PathBuf, until: Clock) -> Part<Filling> {
    let listed = match fs::read_dir(&folder) {
        Ok(listed) => listed,
        Err(error) => {
            return Part::failed(format_args!("list {}: {error}", folder.display()));
        }
    };
    let entries: Vec<_> = listed.flatten().take(LOOKS).collect();
    let items = entries.len();
    // Each has its share: the first must not use up what shows that the last is the largest.
    let share = (LOOKS / items.max(1)).max(1);
    let mut largest: Vec<Item> = entries
        .into_iter()
        .map(|entry| {
            let mut walk = Walk {
                device: None,
                looks: share,
                until,
                at_least: false,
            };
            let bytes = walk.size(&entry.path(), DEPTH);
            Item {
                name: foreign::bounded(&entry.file_name().to_string_lossy(), 200),
                bytes,
                at_least: walk.at_least,
            }
        })
        .collect();
    largest.sort_by(|one, other| other.bytes.cmp(&one.bytes).then(one.name.cmp(&other.name)));
    largest.truncate(TOLD);
    Part::Had(Filling {
        folder,
        items,
        largest,
    })
}

/// A bounded look into a folder. Links are not followed, other file systems not entered.
struct Walk {
    device: Option<u64>,
    looks: usize,
    until: Clock,
    at_least: bool,
}

impl Walk {
    fn size(&mut self, path: &Path, depth: usize) -> u64 {
        if self.looks == 0 || Clock::now() > self.until {
            self.at_least = true;
            return 0;
        }
        self.looks -= 1;
        let Ok(data) = fs::symlink_metadata(path) else {
            self.at_least = true;
            return 0;
        };
        if *self.device.get_or_insert(data.dev()) != data.dev() {
            return 0;
        }
        let mut bytes = data.blocks().saturating_mul(512);
        if data.is_dir() {
            let Ok(listed) = fs::read_dir(path) else {
                self.at_least = true;
                return bytes;
            };
            for entry in listed.flatten() {
                if depth == 0 || self.looks == 0 {
                    self.at_least = true;
                    break;
                }
                bytes = bytes.saturating_add(self.size(&entry.path(), depth - 1));
            }
        }
        bytes
    }
}
