//! The control groups that this process is in (cgroups(7)), version 2 and version 1.

use std::path::{Path, PathBuf};

use super::{Host, HostError, mounts::Mount};

/// Where a process stands in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The folder with its files, as the machine names it.
    pub(super) folder: PathBuf,
    /// The path below the hierarchy's mount, for people.
    pub(super) name: String,
    /// Whether this is version 2.
    pub(super) unified: bool,
}

/// The groups of this process in the hierarchy of `controller`, its own first and then every ancestor that can be seen
/// from here: each of them may set a limit, and the tightest one decides.
///
/// Empty where the controller is in no hierarchy that is mounted.
pub(super) fn groups(
    host: &Host,
    mounts: &[Mount],
    controller: &str,
) -> Result<Vec<Group>, HostError> {
    let Some(memberships) = host.read_if_there("/proc/self/cgroup")? else {
        return Ok(Vec::new()); // a kernel without cgroups
    };
    // A controller is in one hierarchy only: where a version 1 hierarchy has it, version 2 does not.
    let mut found = None;
    for line in memberships.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let has = |list: &str| list.split(',').any(|name| name == controller);
        if has(controllers) {
            let mount = mounts
                .iter()
                .rfind(|mount| mount.kind == "cgroup" && has(&mount.options));
            found = mount.map(|mount| (mount, path, false));
            break;
        }
        if controllers.is_empty() {
            let mount = mounts.iter().rfind(|mount| mount.kind == "cgroup2");
            found = mount.map(|mount| (mount, path, true));
        }
    }
    Ok(found.map_or_else(Vec::new, |(mount, path, unified)| {
        above(host, mount, path, unified)
    }))
}

fn above(host: &Host, mount: &Mount, path: &str, unified: bool) -> Vec<Group> {
    // A container that shares the host's namespace sees only its own group mounted, and the whole path in
    // /proc/self/cgroup; one that was moved out of its namespace sees a path with `..`. The mount itself is then as
    // near as we can look.
    let below = Path::new(path)
        .strip_prefix(&mount.root)
        .ok()
        .filter(|below| below.components().all(|part| part.as_os_str() != ".."))
        .filter(|below| host.place(mount.point.join(below)).is_dir())
        .unwrap_or(Path::new(""));
    below
        .ancestors()
        .map(|below| Group {
            folder: mount.point.join(below),
            name: format!("/{}", below.display()),
            unified,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn machine(cgroup: &str, folders: &[&str]) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        fs::write(root.path().join("proc/self/cgroup"), cgroup).unwrap();
        for folder in folders {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let host = Host::rooted_at(root.path());
        (root, host)
    }

    fn mounted(point: &str, root: &str, kind: &str, options: &str) -> Mount {
        Mount {
            root: root.into(),
            point: point.into(),
            kind: kind.to_owned(),
            options: options.to_owned(),
        }
    }

    fn folders(groups: &[Group]) -> Vec<&str> {
        groups.iter().map(|g| g.folder.to_str().unwrap()).collect()
    }

    #[test]
    fn version_two_gives_the_own_group_and_every_ancestor() {
        let (_root, host) = machine(
            "0::/a.slice/b.service\n",
            &["sys/fs/cgroup/a.slice/b.service"],
        );
        let mounts = [mounted("/sys/fs/cgroup", "/", "cgroup2", "rw")];
        let groups = groups(&host, &mounts, "memory").unwrap();
        assert_eq!(
            folders(&groups),
            [
                "/sys/fs/cgroup/a.slice/b.service",
                "/sys/fs/cgroup/a.slice",
                "/sys/fs/cgroup/"
            ]
        );
        assert_eq!(groups[0].name, "/a.slice/b.service");
        assert_eq!(groups[2].name, "/");
        assert!(groups[0].unified);
    }

    #[test]
    fn a_container_that_sees_only_its_own_group_is_measured_at_the_mount() {
        let (_root, host) = machine(
            "7:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/docker/abc\n",
            &["sys/fs/cgroup/memory", "sys/fs/cgroup/cpu,cpuacct"],
        );
        let mounts = [
            mounted(
                "/sys/fs/cgroup/memory",
                "/docker/abc",
                "cgroup",
                "rw,memory",
            ),
            mounted(
                "/sys/fs/cgroup/cpu,cpuacct",
                "/docker/abc",
                "cgroup",
                "rw,cpu,cpuacct",
            ),
        ];
        let memory = groups(&host, &mounts, "memory").unwrap();
        assert_eq!(folders(&memory), ["/sys/fs/cgroup/memory/"]);
        assert!(!memory[0].unified);
        let cpu = groups(&host, &mounts, "cpuacct").unwrap();
        assert_eq!(folders(&cpu), ["/sys/fs/cgroup/cpu,cpuacct/"]);
    }

    #[test]
    fn a_path_outside_of_what_is_mounted_never_leads_out_of_the_mount() {
        let (_root, host) = machine("0::/../../other\n", &["sys/fs/cgroup", "sys/other"]);
        let mounts = [mounted("/sys/fs/cgroup", "/", "cgroup2", "rw")];
        let groups = groups(&host, &mounts, "cpu").unwrap();
        assert_eq!(folders(&groups), ["/sys/fs/cgroup/"]);
    }

    #[test]
    fn a_kernel_without_the_controller_sets_no_limit() {
        let (_root, host) = machine("3:cpuset:/\n", &[]);
        assert_eq!(groups(&host, &[], "memory").unwrap(), []);
    }
}
