//! This machine, and recordings of others: containers with quotas and limits in both versions of control groups.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cpu;
mod disk;
mod memory;
mod probe;

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use probes::{
    Answer, Observation, Probe,
    host::{GB, Host, HostError, HostProbe, Paths, Source},
};
use tokio::time::Instant as Deadline;

/// A machine of two CPUs and 8 GiB, as a folder of files.
struct Recording(tempfile::TempDir);

impl Recording {
    fn new(mountinfo: &str, cgroup: &str) -> Recording {
        let recording = Recording(tempfile::tempdir().unwrap());
        recording.write("proc/self/mountinfo", mountinfo);
        recording.write("proc/self/cgroup", cgroup);
        recording.stat(0, 0);
        recording.write(
            "proc/meminfo",
            "MemTotal:        8388608 kB\nMemFree:          100000 kB\nMemAvailable:    6291456 kB\n",
        );
        recording
    }

    fn version_two(group: &str) -> Recording {
        Recording::new(
            "22 1 0:21 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
            &format!("0::{group}\n"),
        )
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Ticks since boot.
    fn stat(&self, busy: u64, idle: u64) {
        self.write(
            "proc/stat",
            &format!("cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\nintr 5\n"),
        );
    }

    fn host(&self) -> Host {
        Host::rooted_at(self.0.path())
    }
}

fn soon() -> Deadline {
    Deadline::now() + Duration::from_secs(5)
}

/// Set in the runs that [`again`] starts, to the folder that its set-up made.
const INSIDE: &str = "PROBES_TEST_FOLDER";

/// Runs a test of this file again, as `script` says: it is started in a new folder, with a command for the test in "$@".
fn again(test: &str, script: &str) {
    let folder = tempfile::tempdir().unwrap();
    // Users without rights may make mounts too, as root of a user namespace of their own.
    let namespaces: &[&str] = match nix::unistd::geteuid().is_root() {
        true => &["--mount"],
        false => &["--mount", "--user", "--map-root-user"],
    };
    let out = Command::new("unshare")
        .args(namespaces)
        .args(["--propagation", "private", "bash", "-euc"])
        .arg(format!("cd \"$0\"; {script}"))
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(INSIDE, folder.path())
        .output()
        .expect("unshare, of util-linux");
    let text = [out.stdout, out.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(out.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}
