//! One cgroup (v2) for one command: found, made, killed at once, proven empty, removed.
//!
//! Source: the kernel's Documentation/admin-guide/cgroup-v2.rst (`cgroup.kill` since Linux 5.14, `cgroup.events`).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// What the names of our cgroups begin with.
const PREFIX: &str = "baton-";

/// Why there is no cgroup to be had. Texts are fragments that fit "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// `/proc/self/cgroup` has no `0::` line, or no cgroup2 mount shows this process's own cgroup.
    #[error("find the own cgroup in a cgroup v2 hierarchy")]
    NotMounted,
    /// The kernel is older than 5.14.
    #[error("find cgroup.kill in {}", .0.display())]
    NoKill(PathBuf),
    /// Not delegated to this user, read-only, or gone.
    #[error("use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
}

/// A cgroup of our own making, by its folder.
#[derive(Debug, Clone)]
pub(crate) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes `baton-<own pid>-<number>` below the cgroup of this process.
    pub(crate) fn create(number: u32) -> Result<Self, CgroupError> {
        let parent = own_folder()?;
        remove_stale(&parent);
        let path = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&path).map_err(|source| CgroupError::Io {
            path: path.clone(),
            source,
        })?;
        let cgroup = Self { path };
        if !cgroup.path.join("cgroup.kill").exists() {
            cgroup.remove();
            return Err(CgroupError::NoKill(cgroup.path));
        }
        Ok(cgroup)
    }

    /// One that another process made.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file into which a process writes `0` to move itself here.
    pub(crate) fn entrance(&self) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .open(self.path.join("cgroup.procs"))
    }

    /// Kills every process in it and below, also those of other users.
    pub(crate) fn kill(&self) -> io::Result<()> {
        fs::write(self.path.join("cgroup.kill"), "1")
    }

    /// Whether a live process is in it or below. Zombies do not count; a cgroup that is gone has none.
    pub(crate) fn populated(&self) -> io::Result<bool> {
        match fs::read_to_string(self.path.join("cgroup.events")) {
            Ok(events) => Ok(!events.lines().any(|line| line == "populated 0")),
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(gone) if gone.raw_os_error() == Some(Errno::ENODEV as i32) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes it, with the cgroups that the command made in it. What the kernel refuses is left: it is empty and harmless.
    pub(crate) fn remove(&self) {
        remove_below(&self.path);
    }
}

fn remove_below(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_below(&entry.path());
        }
    }
    let _left = fs::remove_dir(path);
}

/// Removes what supervisors left that were killed in the same instant as their watchdogs.
fn remove_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| {
            name.strip_prefix(PREFIX)?
                .split_once('-')?
                .0
                .parse::<u32>()
                .ok()
        });
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            // Refused while a process is in it.
            remove_below(&entry.path());
        }
    }
}

/// The folder of the cgroup that this process is in.
fn own_folder() -> Result<PathBuf, CgroupError> {
    let read = |path: &str| {
        fs::read_to_string(path).map_err(|source| CgroupError::Io {
            path: PathBuf::from(path),
            source,
        })
    };
    locate(&read("/proc/self/cgroup")?, &read("/proc/self/mountinfo")?)
        .into_iter()
        .find(|path| path.join("cgroup.procs").exists())
        .ok_or(CgroupError::NotMounted)
}

/// Where the cgroup named in `/proc/self/cgroup` should show, one path for each cgroup2 mount that covers it. In hybrid
/// mode systemd mounts cgroup2 at `/sys/fs/cgroup/unified`, so no path is assumed.
fn locate(own: &str, mounts: &str) -> Vec<PathBuf> {
    let Some(own) = own.lines().find_map(|line| line.strip_prefix("0::")) else {
        return Vec::new();
    };
    mounts
        .lines()
        .filter_map(|line| {
            // proc_pid_mountinfo(5): `id parent major:minor root mount-point options… - type source options`.
            let (mount, kind) = line.split_once(" - ")?;
            if kind.split(' ').next()? != "cgroup2" {
                return None;
            }
            let mut fields = mount.split(' ').skip(3);
            let (root, point) = (unescape(fields.next()?), unescape(fields.next()?));
            let inside = Path::new(own).strip_prefix(&root).ok()?;
            Some(Path::new(&point).join(inside))
        })
        .collect()
}

/// Undoes the octal escapes of mountinfo (`\040` for a space).
fn unescape(field: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(field.to_owned(), |field, (escape, plain)| {
        field.replace(escape, plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
";

    #[test]
    fn the_own_cgroup_is_found_where_a_hybrid_host_mounts_it() {
        let own = "9:name=systemd:/a\n0::/system.slice/runner.service\n";
        assert_eq!(
            locate(own, HYBRID),
            [Path::new(
                "/sys/fs/cgroup/unified/system.slice/runner.service"
            )]
        );
    }

    #[test]
    fn a_mount_that_shows_only_a_part_is_used_when_it_covers_the_own_cgroup() {
        let mounts = "\
50 31 0:38 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro
51 31 0:38 /other /mnt/my\\040groups rw - cgroup2 cgroup rw
";
        assert_eq!(
            locate("0::/docker/abc/x\n", mounts),
            [Path::new("/sys/fs/cgroup/x")]
        );
        assert_eq!(
            locate("0::/other/y\n", mounts),
            [Path::new("/mnt/my groups/y")]
        );
        assert!(locate("0::/elsewhere\n", mounts).is_empty());
    }

    #[test]
    fn a_host_without_cgroup_v2_has_none() {
        assert!(locate("4:memory:/x\n", HYBRID).is_empty());
        assert!(
            locate(
                "0::/\n",
                "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn what_dead_supervisors_left_is_removed_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let own = format!("baton-{}-1", std::process::id());
        // Pids end at 4194304 (proc_sys_kernel(5), pid_max).
        for name in [
            "baton-4194305-1/made-by-the-command",
            own.as_str(),
            "baton-x",
            "other-4194305-1",
        ] {
            fs::create_dir_all(parent.path().join(name)).unwrap();
        }
        remove_stale(parent.path());
        let mut left: Vec<_> = fs::read_dir(parent.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [own.as_str(), "baton-x", "other-4194305-1"]);
    }

    #[test]
    fn a_cgroup_that_is_gone_is_not_populated() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!Cgroup::at(dir.path().join("gone")).populated().unwrap());
        fs::write(dir.path().join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
        assert!(Cgroup::at(dir.path().to_owned()).populated().unwrap());
        fs::write(dir.path().join("cgroup.events"), "populated 0\nfrozen 0\n").unwrap();
        assert!(!Cgroup::at(dir.path().to_owned()).populated().unwrap());
    }
}
