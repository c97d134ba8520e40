//! When `runner_status` is 1, and why it is not.

use std::{fs, os::unix::fs::PermissionsExt};

use nix::sys::signal::Signal;

use crate::host::{Host, Server, label, now, of};

#[test]
fn a_runner_that_listens_is_1_with_all_its_labels() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.listen(&server);
    let exporter = host.export(&[]);
    exporter.await_reason(&runner, "connected");
    let text = exporter.metrics();
    let labels = "{runner=\"runner-1\",environment=\"production\",role=\"primary\",authorized_for_prod=\"true\"}";
    assert!(
        text.contains(&format!("\nrunner_status{labels} 1\n")),
        "{text}"
    );
    assert!(
        text.contains(&format!("\nrunner_busy{labels} 0\n")),
        "{text}"
    );
    let info = of(&text, "runner_info", "runner-1").unwrap();
    assert_eq!(label(&info, "version"), "2.330.0");
    assert_eq!(label(&info, "url"), "https://github.com/acme/shop");
    assert_eq!(
        label(&info, "unit"),
        "actions.runner.acme-shop.runner-1.service"
    );
    for metric in ["runner_memory_usage_percent", "runner_disk_usage_percent"] {
        let value = exporter.value(metric, &runner).unwrap();
        assert!((0.0..=100.0).contains(&value), "{metric} {value}");
    }
}

#[test]
fn a_service_that_stops_is_0_at_the_next_scrape_and_1_again_when_it_is_back() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.listen(&server);
    let exporter = host.export(&[]);
    exporter.await_reason(&runner, "connected");
    runner.deactivate();
    assert_eq!(exporter.value("runner_status", &runner), Some(0.0));
    exporter.await_reason(&runner, "service_inactive");
    runner.kill();
    runner.listen(&server);
    exporter.await_reason(&runner, "connected");
}

#[test]
fn a_listener_that_dies_or_stands_still_is_0() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.listen(&server);
    let exporter = host.export(&[]);
    exporter.await_reason(&runner, "connected");
    runner.signal(Signal::SIGSTOP);
    exporter.await_reason(&runner, "listener_stopped");
    runner.signal(Signal::SIGCONT);
    exporter.await_reason(&runner, "connected");
    runner.kill();
    exporter.await_reason(&runner, "listener_gone");
    assert_eq!(exporter.value("runner_status", &runner), Some(0.0));
}

#[test]
fn a_listener_that_runs_but_has_lost_github_is_0() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.listen(&server);
    let exporter = host.export(&[]);
    exporter.await_reason(&runner, "connected");
    runner.say("[ERR  BrokerMessageListener] Catch exception during get next message.");
    runner.say("[ERR  Terminal] WRITE ERROR: 2026-03-01 10:00:00Z: Runner connect error: Name or service not known. Retrying until reconnected.");
    assert_eq!(exporter.value("runner_status", &runner), Some(0.0));
    exporter.await_reason(&runner, "disconnected");
    runner.say("[INFO Terminal] WRITE LINE: 2026-03-01 10:00:00Z: Runner reconnected.");
    exporter.await_reason(&runner, "connected");
}

#[test]
fn a_listener_whose_connection_is_gone_is_0_whatever_its_log_says() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.listen(&server);
    let exporter = host.export(&[]);
    exporter.await_reason(&runner, "connected");
    runner.disconnect();
    exporter.await_reason(&runner, "no_connection");
    runner.connect(&server);
    exporter.await_reason(&runner, "connected");
}

#[test]
fn a_loss_that_is_long_silent_is_over_and_one_of_a_clock_that_jumped_is_not() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.start();
    runner.connect(&server);
    runner.say_at(
        &now(-600),
        "[ERR  BrokerMessageListener] Catch exception during get next message.",
    );
    let exporter = host.export(&[]);
    exporter.await_reason(&runner, "connected");
    // Seen while it is written, by a log whose clock is ten minutes behind.
    runner.say_at(
        &now(-600),
        "[ERR  BrokerMessageListener] Catch exception during get next message.",
    );
    exporter.await_reason(&runner, "disconnected");
    runner.say_at(
        &now(36_000),
        "[ERR  BrokerMessageListener] Catch exception during get next message.",
    );
    exporter.await_reason(&runner, "disconnected");
}

#[test]
fn a_clock_that_was_set_back_leaves_the_newer_log_the_newer_one() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.start();
    runner.connect(&server);
    runner.say("[INFO BrokerMessageListener] Session created.");
    // What was written before the clock was set back lies two days ahead of what is written now.
    let log = fs::File::options()
        .append(true)
        .open(runner.folder.join("_diag/Runner_20260301-100000-utc.log"))
        .unwrap();
    let ahead = std::time::Duration::from_secs(2 * 24 * 3600);
    log.set_modified(std::time::SystemTime::now() + ahead)
        .unwrap();
    let exporter = host.export(&[]);
    exporter.await_reason(&runner, "connected");
    let lost = "Runner connect error: Name or service not known. Retrying until reconnected.";
    fs::write(
        runner.folder.join("_diag/Runner_20260227-100000-utc.log"),
        format!(
            "[{} ERR  Terminal] WRITE ERROR: 2026-02-27 10:00:00Z: {lost}\n",
            now(0)
        ),
    )
    .unwrap();
    exporter.await_reason(&runner, "disconnected");
}

#[test]
fn a_diag_that_cannot_be_read_is_0_and_makes_the_exporter_ill() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.listen(&server);
    let exporter = host.export(&[]);
    exporter.await_reason(&runner, "connected");
    assert_eq!(exporter.get("/health").body, "OK\n");
    let diag = runner.folder.join("_diag");
    let hidden = runner.folder.join("_hidden");
    if nix::unistd::geteuid().is_root() {
        // Nothing is closed to root.
        fs::rename(&diag, &hidden).unwrap();
    } else {
        fs::set_permissions(&diag, fs::Permissions::from_mode(0o000)).unwrap();
    }
    exporter.await_reason(&runner, "diag_unreadable");
    assert_eq!(exporter.value("runner_status", &runner), Some(0.0));
    let health = exporter.get("/health");
    assert_eq!(health.status, 503);
    assert!(
        health.body.starts_with("failed to read ") && health.body.contains("_diag"),
        "{}",
        health.body
    );
    let text = exporter.metrics();
    assert!(
        !text.contains("errors_total{collector=\"diag\"} 0\n"),
        "{text}"
    );
    if hidden.exists() {
        fs::rename(&hidden, &diag).unwrap();
    }
    fs::set_permissions(&diag, fs::Permissions::from_mode(0o755)).unwrap();
    exporter.await_reason(&runner, "connected");
    assert_eq!(exporter.get("/health").body, "OK\n");
}

#[test]
fn a_folder_that_is_gone_leaves_the_runner_under_its_labels_with_0() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.listen(&server);
    let exporter = host.export(&[]);
    exporter.await_reason(&runner, "connected");
    let before = of(&exporter.metrics(), "runner_status", "runner-1").unwrap();
    fs::rename(&runner.folder, host.path("away")).unwrap();
    exporter.await_reason(&runner, "folder_missing");
    let after = of(&exporter.metrics(), "runner_status", "runner-1").unwrap();
    assert_eq!(after, before.replace("} 1", "} 0"));
    assert_eq!(exporter.get("/health").status, 503);
    fs::rename(host.path("away"), &runner.folder).unwrap();
    exporter.await_reason(&runner, "connected");
}

#[test]
fn a_worker_makes_its_runner_busy_and_leaves_the_time_of_its_job() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.listen(&server);
    let exporter = host.export(&[]);
    assert_eq!(
        exporter.value("runner_last_job_timestamp_seconds", &runner),
        None
    );
    runner.work();
    test_servers::until(crate::host::PATIENCE, "a busy runner", || {
        (exporter.value("runner_busy", &runner) == Some(1.0)).then_some(())
    });
    runner.finish();
    test_servers::until(crate::host::PATIENCE, "a runner that is free", || {
        (exporter.value("runner_busy", &runner) == Some(0.0)).then_some(())
    });
    test_servers::until(crate::host::PATIENCE, "the time of the job", || {
        exporter
            .value("runner_last_job_timestamp_seconds", &runner)
            .filter(|at| *at > 1.7e9)
    });
}

#[test]
fn a_runner_that_is_no_service_is_found_by_its_folder() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    let unit = host
        .path("units")
        .join("actions.runner.acme-shop.runner-1.service");
    fs::remove_file(unit).unwrap();
    runner.start_listener();
    runner.connect(&server);
    runner.say("[INFO BrokerMessageListener] Session created.");
    let folder = runner.folder.to_str().unwrap().to_owned();
    let exporter = host.export(&["--runner-dir", &folder]);
    exporter.await_reason(&runner, "connected");
    runner.work();
    test_servers::until(crate::host::PATIENCE, "a busy runner", || {
        (exporter.value("runner_busy", &runner) == Some(1.0)).then_some(())
    });
    runner.finish();
    test_servers::until(crate::host::PATIENCE, "a runner that is free", || {
        (exporter.value("runner_busy", &runner) == Some(0.0)).then_some(())
    });
    runner.kill();
    exporter.await_reason(&runner, "listener_gone");
}
