//! Fifty runners, a thousand scrapes.

use std::{fs, process::Command};

use crate::host::{Host, Server, of};

/// Resident memory in KiB.
fn resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How many descriptors a process has open.
pub(crate) fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

#[test]
fn fifty_runners_are_told_apart_and_one_that_is_lost_is_no_others_matter() {
    let (host, server) = (Host::new(), Server::new());
    let mut runners: Vec<_> = (1..=50)
        .map(|number| host.runner(&format!("runner-{number}")))
        .collect();
    for runner in &mut runners {
        runner.listen(&server);
    }
    let exporter = host.export(&[]);
    for runner in &runners {
        exporter.await_reason(runner, "connected");
    }
    runners[6].kill();
    exporter.await_reason(&runners[6], "listener_gone");
    let text = exporter.metrics();
    let up = text
        .lines()
        .filter(|line| line.starts_with("runner_status{") && line.ends_with(" 1"));
    assert_eq!(up.count(), 49);
    assert!(text.contains("\nrunner_exporter_runners 50\n"));
}

#[test]
fn a_thousand_scrapes_in_a_row_leave_nothing_behind() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.listen(&server);
    let exporter = host.export(&[]);
    exporter.await_reason(&runner, "connected");
    for _ in 0..100 {
        exporter.metrics();
    }
    let pid = exporter.process.pid();
    let (memory, files) = (resident(pid), descriptors(pid));
    for scrape in 0..1000 {
        let text = exporter.metrics();
        assert!(
            of(&text, "runner_status", "runner-1")
                .unwrap()
                .ends_with(" 1"),
            "scrape {scrape}"
        );
    }
    // The last connection may not be closed yet.
    test_servers::until(crate::host::PATIENCE, "closed connections", || {
        (descriptors(pid) <= files + 1).then_some(())
    });
    let grown = resident(pid).saturating_sub(memory);
    assert!(
        grown < 1024,
        "{grown} KiB more than after the first hundred"
    );
    assert_eq!(
        exporter.process.log().lines().count(),
        1,
        "{}",
        exporter.process.log()
    );
}

#[test]
fn two_runners_of_one_name_never_make_one_series() {
    let host = Host::new();
    for (folder, owner) in [
        ("a", "acme/shop"),
        ("b", "acme/billing"),
        ("c", "acme/billing"),
    ] {
        let runner = host.runner(folder);
        fs::write(
            runner.folder.join(".runner"),
            format!("{{\"agentName\": \"host\", \"gitHubUrl\": \"https://github.com/{owner}\"}}"),
        )
        .unwrap();
    }
    let text = host.export(&[]).metrics();
    let third = format!(
        "host@acme/billing@{}",
        host.path("runners").join("c").display()
    );
    for name in ["host", "host@acme/billing", &third] {
        assert!(
            of(&text, "runner_status", name).is_some(),
            "{name} is not in:\n{text}"
        );
    }
    let mut series: Vec<&str> = text
        .lines()
        .filter_map(|line| line.rsplit_once(' ').map(|(series, _)| series))
        .collect();
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all);
}

#[test]
fn a_host_without_runners_says_so() {
    let host = Host::new();
    let exporter = host.export(&[]);
    let health = exporter.get("/health");
    assert_eq!(
        (health.status, health.body.as_str()),
        (503, "failed to find a runner on this host\n")
    );
    assert!(exporter.metrics().contains("\nrunner_exporter_runners 0\n"));
}

#[test]
fn a_runner_that_is_added_is_found_without_a_word() {
    let host = Host::new();
    let exporter = host.export(&[]);
    exporter.metrics();
    let added = host.runner("runner-1");
    exporter.await_reason(&added, "service_inactive");
}

#[test]
fn it_starts_no_process() {
    let host = Host::new();
    host.runner("runner-1");
    let exporter = host.export(&[]);
    exporter.metrics();
    let pid = exporter.process.pid();
    let output = Command::new("ps")
        .args(["-o", "pid=", "--ppid", &pid.to_string()])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
}
