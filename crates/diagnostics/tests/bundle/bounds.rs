//! Hosts that hang, and hosts that have too much of everything.

use std::{fs, os::unix::ffi::OsStrExt, process::Command};

use actions_kit::Redactor;
use diagnostics::{MOST, WITHIN, gather};
use tokio::time::Instant;

use crate::{Host, SLACK, reach};

#[tokio::test]
async fn what_hangs_costs_its_own_part_and_no_more_than_its_time() {
    let mut host = Host::new();
    let deaf = test_servers::Deaf::start();
    host.set("DOCKER_HOST", &format!("tcp://{}", deaf.address()));
    host.subject.reach = vec![reach("the store", "127.0.0.1", deaf.address().port())];
    // Pipes that nobody writes to: whoever opens one in the usual way waits for ever.
    fs::create_dir(host.own()).unwrap();
    for pipe in [
        host.runner("_diag/Runner_20261121-083500-utc.log"),
        host.subject.preflight.clone(),
    ] {
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
    }
    host.machine("proc/loadavg", "1 2 3\n");
    let pipe = host.subject.root.join("proc/uptime");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );

    let limit = std::time::Duration::from_secs(2);
    let begun = Instant::now();
    let bundle = gather(&host.subject, begun + limit).await;
    assert!(begun.elapsed() < limit + SLACK, "{:?}", begun.elapsed());
    assert!(limit < WITHIN);

    let (json, _) = host.write(&bundle, &Redactor::new());
    let missing = |pointer: &str| {
        json.pointer(&format!("{pointer}/missing"))
            .and_then(serde_json::Value::as_str)
            .unwrap_or_else(|| panic!("{pointer} in {json:#}"))
    };
    assert!(missing("/docker/daemon").contains("127.0.0.1"));
    assert!(missing("/docker/containers").contains("127.0.0.1"));
    assert!(missing("/network/0/connected").contains("no answer"));
    assert!(missing("/logs/listener").contains("it is no file"));
    assert!(missing("/preflight").starts_with("failed to understand"));
    assert_eq!(
        missing("/host/uptime_seconds"),
        "failed to look at the kernel in time"
    );
    assert_eq!(json["host"]["load"], serde_json::json!([1.0, 2.0, 3.0]));
    // Whoever opened the pipe for reading may end.
    drop(fs::OpenOptions::new().read(true).write(true).open(&pipe));
}

#[tokio::test]
async fn a_bundle_stays_within_two_mebibytes_however_much_there_is() {
    let mut host = Host::new();
    // Four bytes a character, and each line longer than it may be.
    let line = "\u{1f4a5}".repeat(2000);
    for kind in ["Runner", "Worker"] {
        let log = format!("{line}\n").repeat(400);
        fs::write(
            host.runner(&format!("_diag/{kind}_20261121-083500-utc.log")),
            log,
        )
        .unwrap();
    }
    host.subject.last_lines = vec!["\u{1f4a5}".repeat(4000); 1000];
    for pid in 10..1000 {
        host.process(pid, 1, &"n".repeat(60), &["/usr/bin/true"]);
    }
    for number in 0..500 {
        fs::write(
            host.subject
                .temp
                .join(format!("{number}-{}", "x".repeat(200))),
            "",
        )
        .unwrap();
    }
    let bundle = host.gather().await;
    let folder = bundle.write(&host.own(), &Redactor::new()).unwrap();
    let size: u64 = ["diagnostics.json", "diagnostics.txt"]
        .iter()
        .map(|name| fs::metadata(folder.join(name)).unwrap().len())
        .sum();
    assert!(size <= MOST as u64, "{size}");
    let (json, text) = crate::read(&folder);
    assert_eq!(
        json["last_lines"]["missing"],
        "left out: it is larger than a bundle may be"
    );
    assert!(text.contains("(left out: it is larger than a bundle may be)"));
    assert_eq!(json["processes"]["count"], 990);
    assert_eq!(json["processes"]["told"].as_array().unwrap().len(), 400);
    assert_eq!(json["history"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn of_a_huge_log_the_last_two_hundred_lines_are_told() {
    let host = Host::new();
    let log: String = (0..200_000).map(|n| format!("line {n}\n")).collect();
    fs::write(host.runner("_diag/Runner_20261121-083500-utc.log"), log).unwrap();
    let (json, _) = host.written(&Redactor::new()).await;
    let lines = json["logs"]["listener"]["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 200);
    assert_eq!(
        (&lines[0], &lines[199]),
        (&"line 199800".into(), &"line 199999".into())
    );
}

#[tokio::test]
async fn hostile_names_are_escaped_and_links_and_unreadable_folders_not_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let host = Host::new();
    let name = std::ffi::OsStr::from_bytes(b"a\x1b[2J\n::error::b\xff");
    fs::write(host.subject.temp.join(name), "x").unwrap();
    symlink("/", host.subject.temp.join("everything")).unwrap();
    symlink(
        "/etc/passwd",
        host.runner("_diag/Runner_20261121-093500-utc.log"),
    )
    .unwrap();
    let shut = host.subject.temp.join("shut");
    fs::create_dir(&shut).unwrap();
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
    let (json, text) = host.written(&Redactor::new()).await;
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).unwrap();
    let all = json["filling"][1]["largest"].as_array().unwrap();
    let item = |start: &str| {
        all.iter()
            .find(|item| item["name"].as_str().unwrap().starts_with(start))
            .unwrap_or_else(|| panic!("{start} in {all:?}"))
    };
    assert_eq!(item("a")["name"], "a\\u{1b}[2J\\n::error::b\u{fffd}");
    assert!(item("everything")["bytes"].as_u64().unwrap() < 10_000);
    assert!(item("shut")["bytes"].as_u64().unwrap() < 10_000);
    assert!(
        !text.contains('\u{1b}') && !text.contains("\n::error"),
        "{text}"
    );
    let missing = json["logs"]["listener"]["missing"].as_str().unwrap();
    assert!(missing.starts_with("failed to read"), "{missing}");
    assert!(!text.contains("root:"), "what a link leads to is not read");
}

#[tokio::test]
async fn a_host_that_is_no_runners_and_has_no_proc_still_makes_a_bundle() {
    let host = Host::new();
    fs::remove_dir(host.runner("_diag")).unwrap();
    fs::remove_dir_all(&host.subject.root).unwrap();
    let (json, text) = host.written(&Redactor::new()).await;
    for pointer in [
        "/logs",
        "/processes",
        "/host/kernel",
        "/host/cpu",
        "/host/memory",
        "/preflight",
    ] {
        let missing = json.pointer(&format!("{pointer}/missing"));
        assert!(
            missing.is_some_and(serde_json::Value::is_string),
            "{pointer} in {json:#}"
        );
    }
    assert!(text.contains("no space left"));
}
