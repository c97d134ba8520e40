//! Runs one command under a supervisor: `run [--bare] [--stat] <bash text>`.
//!
//! `--bare` copies the command's output from the same kind of pipe with nothing but read and write, for comparison; `--stat`
//! prints the resident memory of supervisor and watchdog at the end, to standard error.

#![allow(clippy::print_stderr, reason = "it is a program for people")]

use std::io::{Read, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use supervisor::{
    CommandSpec, Containment, Event, Options, Stop, Supervisor, boottime, signals::Signals,
};

/// How long the command may go on when this program is not fed any more.
const LEASE: Duration = Duration::from_secs(18);

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    supervisor::become_watchdog_if_asked();
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let mut flag = |name| {
        let place = words.iter().position(|word| word == name);
        place.map(|place| words.remove(place)).is_some()
    };
    let (bare, stat) = (flag("--bare"), flag("--stat"));
    let script = words.join(" ");
    if bare {
        return run_bare(&script);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(script, stat))
}

async fn run(script: String, stat: bool) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut supervisor = Supervisor::launch(Options {
        kill_time: Duration::from_secs(2),
        grace: Duration::from_secs(3),
        containment: Containment::Auto,
        temp_dir: std::env::temp_dir(),
        on_line: None,
    })?;
    let mut signals = Signals::listen()?;
    supervisor.feed(boottime::now() + LEASE);
    supervisor.start(CommandSpec {
        script,
        cwd: std::env::current_dir()?,
        env: std::env::vars_os().collect(),
        timeout: None,
    })?;
    let mut heartbeat = tokio::time::interval(LEASE / 2);
    let mut success = false;
    loop {
        tokio::select! {
            _ = heartbeat.tick() => supervisor.feed(boottime::now() + LEASE),
            _ = signals.next() => supervisor.stop(Stop::Graceful),
            event = supervisor.next_event() => match event {
                Event::Exited(exit) => success = exit.success(),
                Event::TreeDead { .. } => break,
                Event::NotStarted(failure) => {
                    eprintln!("failed to {failure}");
                    break;
                }
                Event::Started { .. } | Event::TreeAlive { .. } | Event::WatchdogLost(_) => {}
            },
        }
    }
    if stat {
        for (name, pid) in [
            ("supervisor", std::process::id()),
            ("watchdog", supervisor.watchdog_pid()),
        ] {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
            let memory: Vec<_> = status
                .lines()
                .filter(|line| line.starts_with("Vm") || line.starts_with("Rss"))
                .collect();
            let of = |name: &str| {
                memory
                    .iter()
                    .find(|line| line.starts_with(name))
                    .map_or("", |line| line.trim_start_matches(name).trim())
            };
            eprintln!(
                "{name}: peak {}, now {}, of it not shared {}",
                of("VmHWM:"),
                of("VmRSS:"),
                of("RssAnon:")
            );
        }
    }
    supervisor.shutdown().await?;
    Ok(if success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn run_bare(script: &str) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut bash = Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut source = bash.stdout.take().ok_or("no pipe")?;
    let mut sink = std::fs::OpenOptions::new()
        .append(true)
        .open("/dev/stdout")?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match source.read(&mut buffer)? {
            0 => break,
            count => sink.write_all(&buffer[..count])?,
        }
    }
    Ok(if bash.wait()?.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
