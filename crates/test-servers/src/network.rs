//! A network of the test's own: addresses, routes and drops that no other process sees.

use std::{
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

fn ip(batch: &str) {
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
