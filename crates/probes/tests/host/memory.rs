//! How much memory is used, of the machine or of a control group's limit.

use super::*;

#[test]
fn memory_that_the_kernel_can_give_back_is_free() {
    let memory = Recording::version_two("/").host().memory().unwrap();
    assert_eq!(memory.percent, 25.0);
    assert_eq!(memory.total, 8 << 30);
    assert_eq!(memory.used, 2 << 30);
    assert_eq!(memory.source, Source::Machine);
}

#[test]
fn the_tightest_limit_of_all_groups_above_decides_and_old_cache_is_free() {
    let recording = Recording::version_two("/pod/container");
    let group = |path: &str, max: &str, current: u64, inactive: u64| {
        recording.write(&format!("sys/fs/cgroup{path}/memory.max"), max);
        recording.write(
            &format!("sys/fs/cgroup{path}/memory.current"),
            &current.to_string(),
        );
        let stat = format!("anon 5\ninactive_file {inactive}\nactive_file 7\n");
        recording.write(&format!("sys/fs/cgroup{path}/memory.stat"), &stat);
    };
    group("/pod/container", "1000000\n", 900_000, 600_000);
    group("/pod", "2000000\n", 1_900_000, 100_000);
    let memory = recording.host().memory().unwrap();
    assert_eq!(memory.percent, 90.0);
    assert_eq!((memory.used, memory.total), (1_800_000, 2_000_000));
    assert_eq!(memory.source, Source::Cgroup("/pod".to_owned()));

    group("/pod", "max\n", 1_900_000, 0);
    let memory = recording.host().memory().unwrap();
    assert_eq!(memory.percent, 30.0);

    // A roomy group on a full machine: the machine decides.
    group("/pod/container", "1000000\n", 100_000, 0);
    let memory = recording.host().memory().unwrap();
    assert_eq!((memory.percent, memory.source), (25.0, Source::Machine));
}

#[test]
fn version_one_counts_the_cache_of_the_groups_below_and_writes_no_limit_as_a_huge_number() {
    let recording = Recording::new(
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        "4:memory:/job\n",
    );
    recording.write(
        "sys/fs/cgroup/memory/memory.limit_in_bytes",
        "9223372036854771712\n",
    );
    recording.write(
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes",
        "1000000\n",
    );
    recording.write("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "950000\n");
    recording.write(
        "sys/fs/cgroup/memory/job/memory.stat",
        "inactive_file 1\ntotal_inactive_file 100000\n",
    );
    let memory = recording.host().memory().unwrap();
    assert_eq!(memory.percent, 85.0);
    assert_eq!(memory.source, Source::Cgroup("/job".to_owned()));
}

#[test]
fn a_machine_without_its_files_is_an_error_that_names_the_file() {
    let empty = tempfile::tempdir().unwrap();
    let error = Host::rooted_at(empty.path()).memory().unwrap_err();
    assert!(error.to_string().contains("proc/meminfo"), "{error}");
}
