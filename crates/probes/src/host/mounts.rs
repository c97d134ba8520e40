//! The mounts this process sees: `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::path::{Path, PathBuf};

use super::{Host, HostError};

/// One mount, as far as it is asked about here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Which folder of the file system is mounted.
    pub(super) root: PathBuf,
    /// Where.
    pub(super) point: PathBuf,
    /// The file system's type: `ext4`, `overlay`, `cgroup2`.
    pub(super) kind: String,
    /// The file system's own options; a version 1 cgroup hierarchy names its controllers here.
    pub(super) options: String,
}

/// Every mount, the one mounted first coming first.
pub(super) fn mounts(host: &Host) -> Result<Vec<Mount>, HostError> {
    Ok(host
        .read("/proc/self/mountinfo")?
        .lines()
        .filter_map(mount)
        .collect())
}

/// File systems that keep files for longer than the host is up, on a disk or a server.
const LASTING: &[&str] = &[
    "9p", "bcachefs", "btrfs", "ceph", "cifs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk",
    "jfs", "nfs", "nfs4", "smb3", "vfat", "virtiofs", "xfs", "zfs",
];

impl Host {
    /// Where file systems are mounted that keep files, on a disk or a server: not those of the kernel's own, of memory or
    /// of containers. The one mounted first comes first; one that is mounted several times comes as often.
    ///
    /// # Errors
    /// [`HostError::Read`]
    pub fn mount_points(&self) -> Result<Vec<PathBuf>, HostError> {
        Ok(mounts(self)?
            .into_iter()
            .filter(|mount| LASTING.contains(&mount.kind.as_str()))
            .map(|mount| mount.point)
            .collect())
    }
}

/// The mount that a path lies on: the longest mount point that contains it, and of several on the same point the last,
/// which covers the others.
pub(super) fn containing<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.components().count())
}

fn mount(line: &str) -> Option<Mount> {
    // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    // The optional fields are of any number, and end with the dash.
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(3);
    let mut after = after.split(' ');
    Some(Mount {
        root: unescape(before.next()?),
        point: unescape(before.next()?),
        kind: after.next()?.to_owned(),
        options: after.nth(1).unwrap_or_default().to_owned(),
    })
}

/// A path without the kernel's escapes: space, tab, line feed and backslash stand there as `\040` and so on.
fn unescape(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;

    let bytes = text.as_bytes();
    let mut path = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let octal = bytes
            .get(at + 1..at + 4)
            .filter(|_| bytes[at] == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        path.push(octal.unwrap_or(bytes[at]));
        at += if octal.is_some() { 4 } else { 1 };
    }
    std::ffi::OsString::from_vec(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_has_the_path_and_the_last_of_equals_covers_the_others() {
        let mounts: Vec<Mount> = [
            "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
            "28 27 0:30 / /srv rw shared:5 master:1 - tmpfs none rw",
            "29 28 0:31 / /srv rw - overlay overlay rw,lowerdir=/a",
            "30 27 0:32 / /srv/data\\040two ro - xfs /dev/sdb ro",
        ]
        .iter()
        .filter_map(|line| mount(line))
        .collect();
        let kind = |path: &str| containing(&mounts, Path::new(path)).map(|m| m.kind.as_str());

        assert_eq!(kind("/home"), Some("ext4"));
        assert_eq!(kind("/srv/x"), Some("overlay"));
        assert_eq!(kind("/srv/data two/x"), Some("xfs"));
        // A name that only begins like a mount point is another folder.
        assert_eq!(kind("/srv2"), Some("ext4"));
    }

    #[test]
    fn escapes_of_the_kernel_are_undone_and_a_lone_backslash_stays() {
        assert_eq!(unescape("/a\\040b\\011c\\134d"), Path::new("/a b\tc\\d"));
        assert_eq!(unescape("/a\\b\\9"), Path::new("/a\\b\\9"));
    }
}
