//! This machine, and recordings of others: containers with quotas and limits in both versions of control groups.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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

const WINDOW: Duration = Duration::from_millis(200);

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

#[tokio::test(start_paused = true)]
async fn without_a_quota_cpu_use_is_the_machines_and_waiting_for_disks_is_idle() {
    let recording = Recording::version_two("/");
    let host = recording.host();
    recording.write(
        "proc/stat",
        "cpu  100 10 20 1000 50 5 5 10 40 0\ncpu0 1\ncpu1 1\n",
    );
    let before = host.cpu_sample().unwrap();
    tokio::time::advance(WINDOW).await;
    // 4 user, 1 nice, 2 system, 20 idle, 10 iowait, 1 irq, 1 softirq, 1 stolen; guest time is in user already.
    recording.write(
        "proc/stat",
        "cpu  104 11 22 1020 60 6 6 11 44 0\ncpu0 1\ncpu1 1\n",
    );
    let used = host
        .cpu_between(&before, &host.cpu_sample().unwrap())
        .unwrap();
    assert_eq!(used.percent, 25.0);
    assert_eq!(used.cpus, 2.0);
    assert_eq!(used.window, WINDOW);
    assert_eq!(used.source, Source::Machine);
}

#[tokio::test(start_paused = true)]
async fn a_container_with_half_a_cpu_is_busy_while_the_machine_is_idle() {
    let recording = Recording::version_two("/docker/abc");
    recording.write("sys/fs/cgroup/docker/abc/cpu.max", "50000 100000\n");
    recording.write("sys/fs/cgroup/docker/cpu.max", "max 100000\n");
    recording.write(
        "sys/fs/cgroup/docker/abc/cpu.stat",
        "usage_usec 1000000\nuser_usec 1\n",
    );
    let host = recording.host();
    let before = host.cpu_sample().unwrap();
    tokio::time::advance(WINDOW).await;
    recording.stat(1, 99);
    recording.write(
        "sys/fs/cgroup/docker/abc/cpu.stat",
        "usage_usec 1090000\nuser_usec 1\n",
    );
    let used = host
        .cpu_between(&before, &host.cpu_sample().unwrap())
        .unwrap();
    assert_eq!(used.percent.round(), 90.0);
    assert_eq!(used.cpus, 0.5);
    assert_eq!(used.source, Source::Cgroup("/docker/abc".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn of_several_quotas_above_one_another_the_one_with_the_least_left_decides() {
    let recording = Recording::version_two("/pod/container");
    recording.write("sys/fs/cgroup/pod/cpu.max", "100000 100000\n");
    recording.write("sys/fs/cgroup/pod/cpu.stat", "usage_usec 0\n");
    recording.write("sys/fs/cgroup/pod/container/cpu.max", "50000 100000\n");
    recording.write("sys/fs/cgroup/pod/container/cpu.stat", "usage_usec 0\n");
    let host = recording.host();
    let before = host.cpu_sample().unwrap();
    tokio::time::advance(WINDOW).await;
    recording.write("sys/fs/cgroup/pod/cpu.stat", "usage_usec 160000\n");
    recording.write("sys/fs/cgroup/pod/container/cpu.stat", "usage_usec 10000\n");
    let used = host
        .cpu_between(&before, &host.cpu_sample().unwrap())
        .unwrap();
    assert_eq!(used.percent.round(), 80.0);
    assert_eq!(used.source, Source::Cgroup("/pod".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_quota_of_more_than_the_machine_has_is_none() {
    let recording = Recording::version_two("/big");
    recording.write("sys/fs/cgroup/big/cpu.max", "800000 100000\n");
    recording.write("sys/fs/cgroup/big/cpu.stat", "usage_usec 0\n");
    let host = recording.host();
    let before = host.cpu_sample().unwrap();
    tokio::time::advance(WINDOW).await;
    recording.stat(30, 10);
    let used = host
        .cpu_between(&before, &host.cpu_sample().unwrap())
        .unwrap();
    assert_eq!((used.percent, used.source), (75.0, Source::Machine));
}

#[tokio::test(start_paused = true)]
async fn version_one_counts_the_time_in_a_hierarchy_of_its_own() {
    let recording = Recording::new(
        "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
         33 31 0:30 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n\
         41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        "2:cpuacct:/job\n1:cpu:/job\n0::/\n",
    );
    recording.write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "150000\n");
    recording.write("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
    recording.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    recording.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    recording.write("sys/fs/cgroup/cpuacct/job/cpuacct.usage", "5000000000\n");
    let host = recording.host();
    let before = host.cpu_sample().unwrap();
    tokio::time::advance(WINDOW).await;
    recording.write("sys/fs/cgroup/cpuacct/job/cpuacct.usage", "5150000000\n");
    let used = host
        .cpu_between(&before, &host.cpu_sample().unwrap())
        .unwrap();
    assert_eq!(used.percent.round(), 50.0);
    assert_eq!(used.cpus, 1.5);
}

#[tokio::test(start_paused = true)]
async fn numbers_that_never_move_are_no_measurement() {
    let recording = Recording::version_two("/");
    let error = recording.host().cpu(WINDOW).await.unwrap_err();
    assert!(matches!(error, HostError::StandsStill { .. }), "{error}");
}

#[tokio::test]
async fn this_machine_is_measured_in_the_window_and_little_more() {
    let begun = Instant::now();
    let used = Host::new().cpu(WINDOW).await.unwrap();
    assert!((0.0..=100.0).contains(&used.percent), "{used:?}");
    assert!(used.cpus > 0.0);
    assert!(used.window >= WINDOW, "{used:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_busy_loop_is_seen() {
    let cpus = std::thread::available_parallelism().unwrap().get();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let busy = std::thread::scope(|scope| {
        for _ in 0..cpus {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            });
        }
        let host = Host::new();
        let before = host.cpu_sample().unwrap();
        std::thread::sleep(WINDOW); // the window that is measured
        let after = host.cpu_sample().unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        host.cpu_between(&before, &after).unwrap()
    });
    assert!(busy.percent > 60.0, "{busy:?}");
}

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

/// What `df` says of a path: total and available bytes, and the type.
fn df(path: &Path) -> (u64, u64, String) {
    let out = Command::new("df")
        .args(["-B1", "--output=size,avail,fstype"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let words: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
    (
        words[0].parse().unwrap(),
        words[1].parse().unwrap(),
        words[2].to_owned(),
    )
}

#[tokio::test]
async fn a_disk_is_measured_as_df_measures_it() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Host::new().disk(folder.path(), soon()).await.unwrap();
    let (total, free, kind) = df(folder.path());
    assert_eq!(disk.total, total);
    assert_eq!(disk.kind, kind);
    assert!(!disk.read_only);
    // Others write to the same disk between the two looks.
    assert!(
        (disk.free_gb() - free as f64 / GB).abs() < 2.0,
        "{disk:?} {free}"
    );
}

#[tokio::test]
async fn a_link_is_followed_to_the_disk_it_points_to() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/shm", &link).unwrap();
    let disk = Host::new().disk(&link, soon()).await.unwrap();
    assert_eq!(disk.path, Path::new("/dev/shm"));
    assert_eq!(disk.kind, "tmpfs");
}

#[tokio::test]
async fn a_path_that_is_not_there_is_told_from_one_that_may_not_be_seen() {
    let host = Host::new();
    let error = host
        .disk(Path::new("/no/such/path"), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, HostError::NoSuchPath { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "look at /no/such/path: there is no such path"
    );
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

#[tokio::test]
async fn tmpfs_overlay_and_read_only_mounts_are_measured_each_as_what_it_is() {
    let Some(folder) = std::env::var_os(INSIDE) else {
        return again(
            "tmpfs_overlay_and_read_only_mounts_are_measured_each_as_what_it_is",
            "mkdir 'a b' ro over lower layers
             mount -t tmpfs -o size=64m none 'a b'
             mount -t tmpfs -o size=32m none layers; mkdir layers/upper layers/work
             mount -t overlay -o lowerdir=lower,upperdir=layers/upper,workdir=layers/work none over
             mount -t tmpfs -o ro,size=16m none ro
             exec \"$@\"",
        );
    };
    let folder = Path::new(&folder);
    let host = Host::new();
    let disk = async |name: &str| host.disk(&folder.join(name), soon()).await.unwrap();

    let tmpfs = disk("a b").await;
    assert_eq!((tmpfs.kind.as_str(), tmpfs.total), ("tmpfs", 64 << 20));
    assert_eq!(tmpfs.mount, folder.join("a b"));
    // An overlay has what the layer that is written to has.
    let overlay = disk("over").await;
    assert_eq!(
        (overlay.kind.as_str(), overlay.total),
        ("overlay", 32 << 20)
    );
    assert!(!overlay.read_only);
    assert!(disk("ro").await.read_only);
    assert!(disk("ro").await.inodes_free.is_some());
}

#[tokio::test]
async fn a_folder_that_this_user_may_not_enter_is_no_missing_one() {
    let Some(folder) = std::env::var_os(INSIDE) else {
        return again(
            "a_folder_that_this_user_may_not_enter_is_no_missing_one",
            "mkdir -p closed/in; chmod 0 closed; chmod 755 .; cp \"$1\" test; chmod 755 test; shift
             exec setpriv --bounding-set -all --inh-caps -all --securebits +noroot,+noroot_locked ./test \"$@\"",
        );
    };
    let path = Path::new(&folder).join("closed/in");
    let error = Host::new().disk(&path, soon()).await.unwrap_err();
    assert!(matches!(error, HostError::NoPermission { .. }), "{error}");
}

/// Whatever is used of the disks and the memory is well.
fn content(host: Host, paths: Paths) -> HostProbe {
    HostProbe {
        host,
        paths,
        disk_below: 100.1,
        memory_below: 100.1,
        cpu_below: None,
    }
}

async fn seen(probe: &HostProbe) -> Observation {
    probe.check(soon()).await
}

#[tokio::test]
async fn the_probe_tells_every_share_where_all_is_well_and_only_what_is_wrong_elsewhere() {
    let recording = Recording::version_two("/");
    let well = content(recording.host(), Paths::Named(vec!["/".into()]));
    let observed = seen(&well).await;
    assert_eq!(observed.answer, Answer::Pass);
    assert!(observed.seen.starts_with("disk / "), "{}", observed.seen);
    assert!(
        observed.seen.ends_with(" % used; memory 25 % used"),
        "{}",
        observed.seen
    );
    assert_eq!(well.identity(), "host disk /, memory");

    let full = HostProbe {
        memory_below: 25.0,
        ..well.clone()
    };
    let observed = seen(&full).await;
    assert_eq!(observed.answer, Answer::Fail);
    assert_eq!(
        observed.seen,
        "memory 25.0 % used of 8.6 GB, wanted below 25 %"
    );

    let full = HostProbe {
        disk_below: 0.001,
        ..well
    };
    let observed = seen(&full).await;
    assert_eq!(observed.answer, Answer::Fail);
    assert!(observed.seen.starts_with("disk / "), "{}", observed.seen);
    assert!(
        observed.seen.contains(" GB free), wanted below 0 %"),
        "{}",
        observed.seen
    );
    assert!(!observed.seen.contains("memory"), "{}", observed.seen);
}

#[tokio::test]
async fn a_control_group_that_is_full_is_named() {
    let recording = Recording::version_two("/pod");
    let file = |name: &str, text: &str| recording.write(&format!("sys/fs/cgroup/pod/{name}"), text);
    file("memory.max", "2000000000\n");
    file("memory.current", "1960000000\n");
    file("memory.stat", "inactive_file 0\n");
    let probe = HostProbe {
        memory_below: 95.0,
        ..content(recording.host(), Paths::Named(vec!["/".into()]))
    };
    assert_eq!(
        seen(&probe).await.seen,
        "memory 98.0 % used of 2.0 GB of the control group /pod, wanted below 95 %"
    );
}

#[tokio::test]
async fn a_path_that_is_missing_fails_and_a_kernel_that_says_nothing_is_unknown() {
    let probe = content(Host::new(), Paths::Named(vec!["/no/such/mount".into()]));
    let observed = seen(&probe).await;
    assert_eq!(
        (observed.answer, observed.seen.as_str()),
        (
            Answer::Fail,
            "failed to look at /no/such/mount: there is no such path"
        )
    );
    let recording = Recording::version_two("/");
    fs::remove_file(recording.0.path().join("proc/meminfo")).unwrap();
    let probe = content(recording.host(), Paths::Named(vec!["/".into()]));
    let observed = seen(&probe).await;
    assert_eq!(observed.answer, Answer::Unknown);
    assert!(
        observed.seen.contains("proc/meminfo: No such file"),
        "{}",
        observed.seen
    );
}

#[tokio::test]
async fn cpus_are_looked_at_where_they_are_asked_for() {
    let recording = Recording::version_two("/");
    recording.stat(100, 100);
    let probe = HostProbe {
        cpu_below: Some(50.0),
        ..content(recording.host(), Paths::Named(vec!["/".into()]))
    };
    assert!(probe.identity().ends_with(", memory, cpu"));
    let (observed, ()) = tokio::join!(seen(&probe), async {
        // Within the window, which is many times as long.
        tokio::time::sleep(Duration::from_millis(20)).await;
        recording.stat(400, 200);
    });
    assert_eq!(observed.answer, Answer::Fail);
    assert_eq!(
        observed.seen,
        "cpu 75.0 % used of 2 CPUs, wanted below 50 %"
    );
}

#[tokio::test]
async fn a_full_disk_and_one_without_files_left_fail_and_an_image_for_reading_does_not() {
    let Some(folder) = std::env::var_os(INSIDE) else {
        return again(
            "a_full_disk_and_one_without_files_left_fail_and_an_image_for_reading_does_not",
            "mkdir full files image
             mount -t tmpfs -o size=8m none full; head -c 7800000 /dev/zero > full/f
             mount -t tmpfs -o size=8m,nr_inodes=20 none files; touch files/{1..18}
             mount -t tmpfs -o size=8m none image; head -c 7900000 /dev/zero > image/f
             mount -o remount,ro image
             exec \"$@\"",
        );
    };
    let folder = Path::new(&folder);
    let below = async |paths: Paths| {
        let probe = HostProbe {
            disk_below: 90.0,
            ..content(Host::new(), paths)
        };
        seen(&probe).await
    };
    let of = |name: &str| folder.join(name);
    let full = below(Paths::Named(vec![of("full"), of("full/f")])).await;
    assert_eq!(full.answer, Answer::Fail);
    assert_eq!(
        full.seen,
        format!(
            "disk {} 93.0 % used (0.0 GB free), wanted below 90 %",
            of("full").display()
        )
    );
    let files = below(Paths::Named(vec![of("files")])).await;
    assert_eq!(
        files.seen,
        format!(
            "inodes of {} 95.0 % used (1 free), wanted below 90 %",
            of("files").display()
        )
    );
    let image = below(Paths::Named(vec![of("image")])).await;
    assert_eq!(image.answer, Answer::Fail, "{}", image.seen);
    let image = below(Paths::Usual(vec![of("image")])).await;
    assert_eq!(image.answer, Answer::Pass, "{}", image.seen);
}
