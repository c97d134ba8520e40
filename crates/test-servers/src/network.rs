//! A network of the test's own: addresses, routes and drops that no other process sees.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
    thread,
};

use nix::sched::{CloneFlags, unshare};

use crate::program;

/// Runs `body` on a thread of its own, in a new network namespace that goes with it. `setup` are lines for `ip -batch`,
/// after which the loopback device is up. Threads and processes that `body` starts are in that network too; needs root.
pub fn in_network<T: Send>(setup: &str, body: impl FnOnce() -> T + Send) -> T {
    let ended = thread::scope(|scope| {
        scope
            .spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET).unwrap_or_else(|error| {
                    panic!("failed to make a network ({error}): run as root, as `dist-scripts/test` does")
                });
                ip(&format!("link set lo up\n{setup}\n"));
                body()
            })
            .join()
    });
    ended.unwrap_or_else(|failed| std::panic::resume_unwind(failed))
}

/// As [`in_network`], with an `/etc/hosts` and an `/etc/resolv.conf` that no other process sees.
pub fn in_named_network<T: Send>(
    setup: &str,
    hosts: &str,
    name_servers: &str,
    body: impl FnOnce() -> T + Send,
) -> T {
    let folder = tempfile::tempdir().expect("a folder");
    in_network(setup, || {
        unshare(CloneFlags::CLONE_NEWNS).expect("mounts of its own");
        mount(&["--make-rprivate", "/"]);
        for (name, text) in [("hosts", hosts), ("resolv.conf", name_servers)] {
            let file = folder.path().join(name);
            fs::write(&file, text).expect("a file");
            let (file, target) = (file.display().to_string(), format!("/etc/{name}"));
            mount(&["--bind", &file, &target]);
        }
        body()
    })
}

fn mount(words: &[&str]) {
    let out = Command::new("mount")
        .args(words)
        .output()
        .expect("mount, of util-linux");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "mount {words:?} failed: {said}");
}

/// Hands these lines to `ip -batch`, in the network of this thread.
pub(crate) fn ip(batch: &str) {
    let mut child = Command::new(program("ip", &[], "iproute2"))
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("ip starts");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(batch.as_bytes()).expect("it reads");
    drop(input);
    let status = child.wait().expect("it ends");
    assert!(status.success(), "ip -batch failed ({status}) on:\n{batch}");
}
