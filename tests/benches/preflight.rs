//! `preflight` beside the same checks as a plain shell script with the usual tools, over the same targets, in one run;
//! and the sizes that the design promises: a thousand targets, and what this host can tell of itself.
//!
//! Targets that drop packets are a port whose queue is full: the kernel leaves further calls unanswered, and nobody need
//! be root for it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a failure of the bench itself is a panic"
)]

mod leg;

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What an engineer would write in an afternoon: one check after the other, each with the tool that is known for it.
const SCRIPT: &str = include_str!("preflight.sh");

/// How long a target may take, in seconds.
const TIMEOUT: u32 = 5;

/// Where the targets are.
struct Targets {
    answering: u16,
    dropping: u16,
    /// What fills the queue of the port that drops.
    _queue: Vec<TcpStream>,
    _full: TcpListener,
}

impl Targets {
    fn new() -> Targets {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let answering = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                drop(stream);
            }
        });
        let full = TcpListener::bind("0.0.0.0:0").unwrap();
        let dropping = full.local_addr().unwrap().port();
        let mut queue = Vec::new();
        let at = SocketAddr::from(([127, 0, 0, 1], dropping));
        while let Ok(stream) = TcpStream::connect_timeout(&at, Duration::from_millis(300)) {
            queue.push(stream);
            assert!(queue.len() < 900, "the queue of a port has an end");
        }
        Targets {
            answering,
            dropping,
            _queue: queue,
            _full: full,
        }
    }

    /// `host:port`, a line each.
    fn list(&self, answering: usize, dropping: usize) -> String {
        let lines = |count: usize, net: u8, port: u16| {
            (0..count)
                .map(move |n| format!("127.{net}.{}.{}:{port}\n", n / 250, n % 250 + 1))
                .collect::<String>()
        };
        lines(answering, 1, self.answering) + &lines(dropping, 2, self.dropping)
    }
}

/// A server that plays Prometheus and GitHub, as far as either side asks here.
fn simulated() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut head = [0; 8192];
                let got = stream.read(&mut head).unwrap_or_default();
                let head = String::from_utf8_lossy(&head[..got]).into_owned();
                let body = answer(&head);
                let _gone = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                     Date: Sat, 21 Nov 2026 12:00:00 GMT\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            });
        }
    });
    format!("http://{address}")
}

fn answer(head: &str) -> &'static str {
    if head.contains("/rules/branches/") {
        r#"[{"type":"pull_request","parameters":{"required_approving_review_count":2}},{"type":"required_status_checks","parameters":{"required_status_checks":[{"context":"verdict"}]}},{"type":"non_fast_forward"}]"#
    } else if head.contains("/approvals") {
        r#"[{"state":"approved","comment":"","user":{"login":"ada"},"environments":[{"name":"production"}]}]"#
    } else if head.contains("/deployments") {
        r#"[{"id":1,"created_at":"2026-11-21T08:00:00Z","updated_at":"2026-11-21T09:30:00Z"}]"#
    } else {
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"runner":"runner-a"},"value":[1.0,"1"]}]}}"#
    }
}

/// A step's environment, for either side.
fn step(mut command: Command, folder: &Path, server: &str, targets: &str) -> Command {
    let at = |name: &str| folder.join(name);
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("GITHUB_WORKSPACE", folder)
        .env("RUNNER_TEMP", folder)
        .env("RUNNER_NAME", "runner-a")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_REPOSITORY", "bench/bench")
        .env("GITHUB_RUN_ID", "1000")
        .env("GITHUB_REF", "refs/heads/main")
        .env("GITHUB_SHA", "abc")
        .env("GITHUB_API_URL", server)
        .env(
            "DOCKER_HOST",
            format!("unix://{}", at("docker.sock").display()),
        )
        .env("DB_PASSWORD", "not-a-secret")
        .env("INPUT_ENVIRONMENT", "production")
        .env("INPUT_STORE", "none")
        .env("INPUT_GITHUB_TOKEN", "bench")
        .env("INPUT_PROMETHEUS_URL", server)
        .env("INPUT_TARGETS", targets)
        .env("INPUT_NETWORK_TIMEOUT_SECONDS", TIMEOUT.to_string())
        .env("INPUT_SECRETS", "DB_PASSWORD")
        .env("INPUT_APPROVAL_ENVIRONMENT", "production")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Seconds of one run, and its peak of memory in KiB.
fn run(mut command: Command) -> (f64, u64) {
    let began = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let mut memory = 0;
    let status = loop {
        memory = memory.max(leg::peak_memory(child.id()).unwrap_or_default());
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        thread::sleep(Duration::from_millis(2));
    };
    assert!(
        status.code().is_some_and(|code| code <= 7),
        "it judges: {status}"
    );
    (began.elapsed().as_secs_f64(), memory)
}

fn main() -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("preflight.sh");
    fs::write(&script, SCRIPT).unwrap();
    let (targets, server) = (Targets::new(), simulated());
    let ours = |checks: &str, targets: &str| {
        let program = leg::program().with_file_name("preflight");
        let mut command = step(Command::new(program), folder.path(), &server, targets);
        command.env("INPUT_CHECKS", checks);
        run(command)
    };
    let theirs = |targets: &str| {
        let mut command = Command::new("bash");
        command.arg(&script);
        run(step(command, folder.path(), &server, targets)).0
    };

    let thousand = targets.list(700, 300);
    let (seconds, memory) = ours("network.targets", &thousand);
    let mut fine = leg::within("1,000 targets, 300 of them dropping", seconds, 7.0, "s");
    let mebibytes = memory as f64 / 1024.0;
    fine &= leg::within("the same, resident memory, peak", mebibytes, 30.0, "MiB");

    let some = targets.list(94, 6);
    let (seconds, _) = ours("all", &some);
    fine &= leg::within(
        "every check, 100 targets, 6 of them dropping",
        seconds,
        7.0,
        "s",
    );
    leg::beside("the same as a plain shell script", theirs(&some), "s");
    let well = targets.list(100, 0);
    leg::beside(
        "every check, 100 targets, all answering",
        ours("all", &well).0,
        "s",
    );
    leg::beside("the same as a plain shell script", theirs(&well), "s");

    let local = || {
        ours(
            "runner.cpu,runner.memory,runner.disk,docker,secrets.present",
            "",
        )
        .0
    };
    let mut figures: Vec<f64> = (0..10).map(|_| local() * 1000.0).collect();
    // The CPUs are watched for 200 ms of it. Told and not judged: what else runs here weighs more.
    let words = "checks of this host alone, median of 10 (wanted: 400)";
    leg::beside(words, leg::median(&mut figures), "ms");
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
