//! `runner.memory` in a container: its own limits count, not the machine's. The control groups are a
//! recording, bound over the run's own view of them in a mount namespace.

use crate::program::{Preflight, Ran};

const GIB: u64 = 1 << 30;

fn in_container(used: u64) -> Ran {
    Preflight::of("runner.memory")
        .file("cgroup", "0::/docker/abc\n")
        .file(
            "mountinfo",
            "22 1 0:21 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
        )
        .file("group/docker/abc/memory.max", &format!("{}\n", 2 * GIB))
        .file("group/docker/abc/memory.current", &format!("{used}\n"))
        .file("group/docker/abc/memory.stat", "anon 0\ninactive_file 0\n")
        .mounting(
            "mount --bind group /sys/fs/cgroup\n\
             mount --bind cgroup /proc/$$/cgroup\n\
             mount --bind mountinfo /proc/$$/mountinfo",
        )
        .run()
}

#[test]
fn a_full_container_on_an_idle_machine_fails_and_names_the_limit() {
    let ran = in_container(2 * GIB - (1 << 20));
    ran.ends(1, "fail", &["runner.memory"]);
    ran.tells("runner.memory", "fail", &["99 % of 2.1 GB", "/docker/abc"]);
    assert!(ran.row("runner.memory").contains("docker update --memory"));
}

#[test]
fn a_container_with_room_is_judged_by_whichever_is_tighter() {
    let ran = in_container(GIB / 64);
    assert!(
        !ran.row("runner.memory").contains("/docker/abc"),
        "{}",
        ran.summary
    );
}
