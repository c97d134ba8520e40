//! How busy the CPUs are.

use super::*;

const WINDOW: Duration = Duration::from_millis(200);

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
