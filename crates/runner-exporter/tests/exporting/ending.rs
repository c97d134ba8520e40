//! Signals.

use std::{
    io::{Read, Write},
    time::Duration,
};

use nix::sys::signal::Signal;
use test_servers::until;

use crate::host::{Exporter, Host, PATIENCE, Server, label, of, write};

fn exit_code(exporter: &mut Exporter) -> i32 {
    until(PATIENCE, "the end", || exporter.process.try_wait())
        .code()
        .unwrap()
}

#[test]
fn sigterm_ends_it_with_0_and_open_connections_do_not_hold_it_up() {
    let host = Host::new();
    host.runner("runner-1");
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut exporter = host.export(&[]);
        let idle = exporter.connect();
        let mut half = exporter.connect();
        half.write_all(b"GET /met").unwrap();
        exporter.process.signal(signal);
        assert_eq!(exit_code(&mut exporter), 0);
        drop((idle, half));
    }
}

#[test]
fn an_answer_that_runs_is_ended_before_the_program() {
    let host = Host::new();
    host.runner("runner-1");
    // A file system that hangs: the measuring thread waits at a pipe until somebody writes.
    let runner = host.path("runners/runner-1");
    std::fs::remove_file(runner.join(".env")).unwrap();
    nix::unistd::mkfifo(&runner.join(".env"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut exporter = host.export(&[]);
    let mut stream = exporter.connect();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n")
        .unwrap();
    // Opened for writing as soon as the thread reads.
    let mut pipe = std::fs::OpenOptions::new()
        .write(true)
        .open(runner.join(".env"))
        .unwrap();
    exporter.process.signal(Signal::SIGTERM);
    until(PATIENCE, "a closed port", || {
        std::net::TcpStream::connect(exporter.address)
            .is_err()
            .then_some(())
    });
    pipe.write_all(b"BATON_RUNNER_ROLE=secondary\n").unwrap();
    drop(pipe);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("role=\"secondary\""),
        "{answer}"
    );
    assert_eq!(exit_code(&mut exporter), 0);
}

#[test]
fn a_file_system_that_hangs_ends_a_scrape_with_a_reason() {
    let host = Host::new();
    host.runner("runner-1");
    let runner = host.path("runners/runner-1");
    std::fs::remove_file(runner.join(".env")).unwrap();
    nix::unistd::mkfifo(&runner.join(".env"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut exporter = host.export(&[]);
    for path in ["/metrics", "/health"] {
        let answer = exporter.get(path);
        assert_eq!(answer.status, 503);
        assert_eq!(
            answer.body,
            "failed to measure the runners within 8 s: a file system may hang\n"
        );
    }
    exporter.process.signal(Signal::SIGTERM);
    assert_eq!(exit_code(&mut exporter), 0);
}

#[test]
fn sighup_reads_the_settings_again_without_losing_a_request() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.listen(&server);
    let config = host.path("settings.json");
    write(&config, "{}");
    let exporter = host.export(&["--config", config.to_str().unwrap()]);
    exporter.await_reason(&runner, "connected");
    let environment = |exporter: &Exporter| {
        label(
            &of(&exporter.metrics(), "runner_status", "runner-1").unwrap(),
            "environment",
        )
    };
    assert_eq!(environment(&exporter), "production");
    std::thread::scope(|scope| {
        let scrapes = scope.spawn(|| {
            for _ in 0..200 {
                let line = of(&exporter.metrics(), "runner_status", "runner-1").unwrap();
                assert!(line.ends_with(" 1"), "{line}");
            }
        });
        for round in 0..20 {
            write(
                &config,
                &format!(
                    "{{\"runners\": {{\"runner-1\": {{\"environment\": \"round-{round}\"}}}}}}"
                ),
            );
            exporter.process.signal(Signal::SIGHUP);
            let wanted = format!("round-{round}");
            until(PATIENCE, &wanted, || {
                (environment(&exporter) == wanted).then_some(())
            });
        }
        scrapes.join().unwrap();
    });
    // What is wrong changes nothing.
    write(&config, "{\"enviroment\": \"x\"}");
    exporter.process.signal(Signal::SIGHUP);
    until(PATIENCE, "a word of the wrong file", || {
        exporter
            .process
            .log()
            .contains("goes on as before: failed to understand")
            .then_some(())
    });
    assert_eq!(environment(&exporter), "round-19");
}

#[test]
fn textfiles_are_written_again_and_again_until_sigterm() {
    let host = Host::new();
    let runner = host.runner("runner-1");
    let mut process = test_servers::Process::start(
        host.exporter()
            .args(["--docker-socket", "none", "--every", "1s", "--textfile"])
            .arg(host.folder.path()),
        &host.path("log"),
    );
    let file = host.path("runner-exporter.prom");
    let text = || std::fs::read_to_string(&file).unwrap_or_default();
    until(PATIENCE, "a file", || {
        text()
            .contains("runner_status{runner=\"runner-1\"")
            .then_some(())
    });
    write(&runner.folder.join(".env"), "BATON_RUNNER_ROLE=secondary\n");
    until(PATIENCE, "the next file", || {
        text().contains("role=\"secondary\"").then_some(())
    });
    process.signal(Signal::SIGTERM);
    let status = until(PATIENCE + Duration::ZERO, "the end", || process.try_wait());
    assert_eq!(status.code(), Some(0));
    let left: Vec<_> = std::fs::read_dir(host.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().ends_with(".new")),
        "{left:?}"
    );
}
