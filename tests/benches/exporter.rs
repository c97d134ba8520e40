//! `runner-exporter` beside Debian's `prometheus-node-exporter`, in one run: the time of a scrape with one runner and with
//! fifty, resident memory, and what it costs while nobody asks.
//!
//! The runners are processes with control groups, logs and TCP connections of their own. Both exporters are asked over one
//! kept connection each, as Prometheus asks, in turns, so that both meet the same machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failure of the bench itself is a panic"
)]

#[path = "../../crates/runner-exporter/tests/exporting/host.rs"]
#[allow(dead_code, reason = "a bench uses its own part")]
mod host;
mod leg;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use host::{Exporter, Host, Runner, Server};
use nix::{time::clock_getcpuclockid, unistd::Pid};
use test_servers::{Process, free_port, program};

/// How many scrapes a figure is the median of.
const SCRAPES: usize = 200;

/// How long nobody asks.
const IDLE: Duration = Duration::from_secs(20);

/// Milliseconds of a scrape, design and all.
const ONE_RUNNER: f64 = 3.0;
const FIFTY_RUNNERS: f64 = 20.0;
/// MB.
const MEMORY: f64 = 8.0;
/// Percent of one CPU.
const IDLE_CPU: f64 = 0.1;

/// Somebody who scrapes over one connection, as Prometheus does.
struct Scraper {
    stream: BufReader<TcpStream>,
}

impl Scraper {
    fn new(address: SocketAddr) -> Scraper {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(host::PATIENCE)).unwrap();
        Scraper {
            stream: BufReader::new(stream),
        }
    }

    /// Milliseconds until the whole answer is there, and the answer.
    fn scrape(&mut self) -> (f64, String) {
        let began = Instant::now();
        self.stream
            .get_mut()
            .write_all(
                b"GET /metrics HTTP/1.1\r\nHost: bench\r\nAccept: text/plain;version=0.0.4\r\n\r\n",
            )
            .unwrap();
        let (mut line, mut length, mut chunked) = (String::new(), 0, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let header = line.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            chunked |= header == "transfer-encoding: chunked";
            if let Some(value) = header.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        let body = if chunked {
            self.chunks()
        } else {
            self.piece(length)
        };
        (
            began.elapsed().as_secs_f64() * 1000.0,
            String::from_utf8(body).unwrap(),
        )
    }

    fn piece(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn chunks(&mut self) -> Vec<u8> {
        let (mut all, mut line) = (Vec::new(), String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            all.extend(self.piece(length));
            // The end of the line behind a chunk.
            self.piece(2);
            if length == 0 {
                return all;
            }
        }
    }
}

/// An exporter that is measured.
struct Measured {
    name: String,
    pid: u32,
    scraper: Scraper,
}

impl Measured {
    fn of(name: &str, pid: u32, address: SocketAddr) -> Measured {
        Measured {
            name: name.to_owned(),
            pid,
            scraper: Scraper::new(address),
        }
    }

    /// A field of `/proc/PID/status`, in MB.
    fn memory(&self, field: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix(field)).unwrap();
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib * 1024.0 / 1_000_000.0
    }

    /// The CPU time of all its threads so far: the kernel's own count, finer than its ticks.
    fn cpu(&self) -> Duration {
        let clock = clock_getcpuclockid(Pid::from_raw(self.pid.cast_signed())).unwrap();
        clock.now().unwrap().into()
    }
}

/// A host with so many connected runners, and its exporter.
fn exporting(host: &Host, server: &Server, count: usize) -> (Vec<Runner>, Exporter) {
    let mut runners: Vec<Runner> = (1..=count)
        .map(|number| host.runner(&format!("runner-{number}")))
        .collect();
    for runner in &mut runners {
        runner.listen(server);
    }
    let exporter = host.start(&mut host.exporter());
    for runner in &runners {
        exporter.await_reason(runner, "connected");
    }
    (runners, exporter)
}

/// Debian's exporter with its defaults.
fn node_exporter(folder: &Host) -> (Process, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut command = Command::new(program("prometheus-node-exporter", &[], "node-exporter"));
    command
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=error");
    let mut process = Process::start(&mut command, &folder.path("node-exporter.log"));
    process.await_ready(host::PATIENCE, || TcpStream::connect(address).is_ok());
    (process, address)
}

fn main() -> ExitCode {
    let (one, fifty, server) = (Host::new(), Host::new(), Server::new());
    let (_runner, alone) = exporting(&one, &server, 1);
    let (runners, many) = exporting(&fifty, &server, 50);
    let (node, node_address) = node_exporter(&one);
    let mut all = [
        Measured::of(
            "runner-exporter, 1 runner",
            alone.process.pid(),
            alone.address,
        ),
        Measured::of(
            "runner-exporter, 50 runners",
            many.process.pid(),
            many.address,
        ),
        Measured::of("prometheus-node-exporter", node.pid(), node_address),
    ];
    let mut fine = scrapes(&mut all, runners.len());
    fine &= idle(&all);
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The time of a scrape, what it costs, and the memory behind them.
fn scrapes(all: &mut [Measured; 3], runners: usize) -> bool {
    let mut times: [Vec<f64>; 3] = Default::default();
    let before = all.each_ref().map(Measured::cpu);
    for _ in 0..SCRAPES {
        for (measured, times) in all.iter_mut().zip(&mut times) {
            let (took, text) = measured.scraper.scrape();
            times.push(took);
            // Whatever is fast because it tells nothing is no figure.
            let wanted = match measured.name.as_str() {
                "prometheus-node-exporter" => ("node_cpu_seconds_total{", 1),
                "runner-exporter, 1 runner" => ("runner_status{", 1),
                _ => ("runner_status{", runners),
            };
            let series = text.lines().filter(|line| line.starts_with(wanted.0));
            assert!(series.count() >= wanted.1, "{}: {text}", measured.name);
        }
    }
    let mut fine = true;
    let limits = [Some(ONE_RUNNER), Some(FIFTY_RUNNERS), None];
    for (((measured, times), limit), before) in all.iter().zip(&mut times).zip(limits).zip(before) {
        let name = &measured.name;
        let median = leg::median(times);
        let what = format!("{name}: a scrape, median of {SCRAPES}");
        match limit {
            Some(limit) => fine &= leg::within(&what, median, limit, "ms"),
            None => leg::beside(&what, median, "ms"),
        }
        leg::beside("the same, slowest", times[times.len() - 1], "ms");
        let cpu = (measured.cpu() - before).as_secs_f64() * 1000.0 / SCRAPES as f64;
        leg::beside("the same, CPU time of one", cpu, "ms");
        let what = format!("{name}: resident memory, then");
        let resident = measured.memory("VmRSS:");
        match limit {
            Some(_) => fine &= leg::within(&what, resident, MEMORY, "MB"),
            None => leg::beside(&what, resident, "MB"),
        }
        leg::beside("the same, at its peak", measured.memory("VmHWM:"), "MB");
    }
    fine
}

/// What each costs while nobody asks, all in the same seconds.
fn idle(all: &[Measured; 3]) -> bool {
    let (began, before) = (Instant::now(), all.each_ref().map(Measured::cpu));
    thread::sleep(IDLE);
    let passed = began.elapsed().as_secs_f64();
    let mut fine = true;
    for (measured, before) in all.iter().zip(before) {
        let what = format!("{}: CPU over {} idle s", measured.name, IDLE.as_secs());
        let percent = (measured.cpu() - before).as_secs_f64() / passed * 100.0;
        if measured.name.starts_with("runner") {
            fine &= leg::within(&what, percent, IDLE_CPU, "%");
        } else {
            leg::beside(&what, percent, "%");
        }
    }
    fine
}
