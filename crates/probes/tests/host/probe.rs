//! The probe over all of them.

use super::*;

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
            "probe::a_full_disk_and_one_without_files_left_fail_and_an_image_for_reading_does_not",
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
