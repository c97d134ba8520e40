use super::*;

fn cpu_use(percent: f64, source: Source) -> CpuUse {
    CpuUse {
        percent,
        cpus: 4.0,
        window: Duration::from_millis(200),
        source,
    }
}

fn disk_with(free_gb: f64) -> Disk {
    Disk {
        path: "/srv".into(),
        mount: "/srv".into(),
        kind: "ext4".to_owned(),
        free: (free_gb * GB) as u64,
        used: ((100.0 - free_gb) * GB) as u64,
        total: (100.0 * GB) as u64,
        inodes_free: Some(1000),
        inodes: Some(2000),
        read_only: false,
    }
}

#[test]
fn cpu_use_at_the_limit_fails_and_just_below_it_passes() {
    let finding = judged_cpu(80.0, Ok(cpu_use(79.9, Source::Machine)));
    assert_eq!(finding.status, Status::Pass);
    assert_eq!(finding.seen, "79 % of 4 CPUs over 200 ms");
    assert_eq!(finding.wanted, "below 80 %");
    let finding = judged_cpu(80.0, Ok(cpu_use(80.0, Source::Machine)));
    assert_eq!(finding.status, Status::Fail);
    assert!(finding.mend.contains("ps -eo"));
    let finding = judged_cpu(
        80.0,
        Ok(cpu_use(95.0, Source::Cgroup("/docker/a".to_owned()))),
    );
    assert_eq!(
        finding.seen,
        "95 % of 4 CPUs over 200 ms, the limit of the control group /docker/a"
    );
    assert!(finding.mend.contains("CPUQuota"));
}

#[test]
fn memory_is_judged_against_whichever_limit_it_was_measured_by() {
    let used = |percent, source| MemoryUse {
        percent,
        used: 1,
        total: 8_000_000_000,
        source,
    };
    let finding = judged_memory(80.0, Ok(used(42.0, Source::Machine)));
    assert_eq!(
        (finding.status, finding.seen.as_str()),
        (Status::Pass, "42 % of 8 GB")
    );
    let finding = judged_memory(80.0, Ok(used(81.0, Source::Cgroup("/".to_owned()))));
    assert_eq!(finding.status, Status::Fail);
    assert!(finding.mend.contains("MemoryMax"));
}

#[test]
fn what_cannot_be_measured_is_unknown_and_no_failure() {
    let gone = || HostError::StandsStill {
        path: "/proc/stat".into(),
    };
    for finding in [
        judged_cpu(80.0, Err(gone())),
        judged_memory(80.0, Err(gone())),
    ] {
        assert_eq!(finding.status, Status::Unknown);
        assert!(finding.seen.starts_with("failed to "), "{}", finding.seen);
    }
}

#[test]
fn each_path_is_a_part_and_the_worst_comes_first() {
    let (good, full, data) = (Path::new("/srv"), Path::new("/full"), Path::new("/data"));
    let finding = judged_disks(
        10.0,
        &[
            (good, Ok(disk_with(10.0))),
            (data, Err(HostError::NoPermission { path: data.into() })),
            (full, Ok(disk_with(9.96))),
        ],
    );
    assert_eq!(finding.status, Status::Fail);
    let (full, denied) = finding.seen.split_once("; ").unwrap();
    assert_eq!(full, "/full: 9.9 GB free of 100 GB (ext4 on /srv)");
    assert_eq!(denied, "/data: this user may not look at it");
    let parts: Vec<(&str, Status)> = finding
        .parts
        .iter()
        .map(|part| (part.subject.as_str(), part.status))
        .collect();
    assert_eq!(
        parts,
        [
            ("/full", Status::Fail),
            ("/data", Status::Unknown),
            ("/srv", Status::Pass)
        ]
    );
}

#[test]
fn a_disk_that_takes_no_writes_fails_however_much_is_free() {
    let path = Path::new("/srv");
    let mut read_only = disk_with(90.0);
    read_only.read_only = true;
    let mut no_inodes = disk_with(90.0);
    no_inodes.inodes_free = Some(0);
    let missing = || path.to_owned();
    for (answer, word) in [
        (Ok(read_only), "read-only"),
        (Ok(no_inodes), "no inodes"),
        (
            Err(HostError::NoSuchPath { path: missing() }),
            "no such path",
        ),
        (
            Err(HostError::TimedOut { path: missing() }),
            "did not answer",
        ),
    ] {
        let finding = judged_disks(10.0, &[(path, answer)]);
        assert_eq!(finding.status, Status::Fail, "{finding:?}");
        assert!(finding.seen.contains(word), "{finding:?}");
        assert!(!finding.mend.is_empty());
    }
    assert_eq!(judged_disks(10.0, &[]).status, Status::Unknown);
}

#[tokio::test]
async fn this_machine_is_measured_and_judged() {
    let host = Host::new();
    let deadline = Instant::now() + Duration::from_secs(10);
    assert_eq!(memory(101.0, &host).status, Status::Pass);
    assert_eq!(memory(0.0, &host).status, Status::Fail);
    let paths = [PathBuf::from("/"), PathBuf::from("/proc")];
    let finding = disk(0.0, &paths[..1], &host, deadline).await;
    assert_ne!(finding.status, Status::Unknown, "{finding:?}");
    let finding = disk(1e9, &paths, &host, deadline).await;
    assert_eq!(finding.status, Status::Fail);
    assert_eq!(finding.parts.len(), 2);
    let finding = cpu(101.0, &host, Duration::from_millis(50)).await;
    assert_eq!(finding.status, Status::Pass, "{finding:?}");
}
