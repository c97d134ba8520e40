//! A supervisor that the tests start, kill and stop: it does what its standard input says and notes what happens in a file.
//!
//! `supervise <folder> <containment> <kill time> <grace>`, times in milliseconds. Orders, one a line:
//! `feed <ms>` (once), `keep <ms>` (feed that much, every 50 ms), `start <timeout ms or ->` (runs `<folder>/command`),
//! `elsewhere <name>` (runs it in that folder),
//! `stop`, `now`, `clear`, `child` (a child of its own, in a process group of its own), `tail`, `launch`, `quit`.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

use supervisor::signals::Signals;
use supervisor::{CommandSpec, Containment, Options, Stop, Supervisor, boottime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    supervisor::become_watchdog_if_asked();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(supervise(std::env::args().skip(1).collect()))
}

async fn supervise(args: Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
    let [folder, containment, kill_time, grace] = args.as_slice() else {
        return Err("wrong arguments".into());
    };
    let folder = PathBuf::from(folder);
    let mut notes = File::options()
        .append(true)
        .create(true)
        .open(folder.join("notes"))?;
    // Each note is one write, so that a reader never sees half of one.
    let mut note = move |text: String| notes.write_all(format!("{text}\n").as_bytes());
    let launch = || -> Result<Supervisor, Box<dyn std::error::Error>> {
        let mut lines = File::options()
            .append(true)
            .create(true)
            .open(folder.join("lines"))?;
        Ok(Supervisor::launch(Options {
            kill_time: Duration::from_millis(kill_time.parse()?),
            grace: Duration::from_millis(grace.parse()?),
            containment: match containment.as_str() {
                "cgroup" => Containment::Cgroup,
                "subreaper" => Containment::Subreaper,
                _ => Containment::Auto,
            },
            temp_dir: folder.clone(),
            on_line: Some(Box::new(move |line| {
                if line.starts_with(b"observe:") {
                    let _noted = lines.write_all(&[line, b"\n"].concat());
                }
            })),
        })?)
    };
    let mut supervisor = launch()?;
    let mut signals = Signals::listen()?;
    let mut orders = orders();
    let mut keep = None;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    note(format!("ready {}", supervisor.watchdog_pid()))?;
    loop {
        tokio::select! {
            event = supervisor.next_event() => note(format!("{event:?}"))?,
            signal = signals.next() => note(format!("received {signal}"))?,
            _ = tick.tick() => {
                if let Some(keep) = keep {
                    supervisor.feed(boottime::now() + keep);
                }
            }
            order = orders.recv() => {
                let order = order.unwrap_or_else(|| "quit".to_owned());
                let (word, argument) = order.split_once(' ').unwrap_or((&order, "-"));
                let time = argument.parse().ok().map(Duration::from_millis);
                match word {
                    "feed" => {
                        keep = None;
                        supervisor.feed(boottime::now() + time.unwrap_or_default());
                    }
                    "keep" => {
                        keep = time;
                        supervisor.feed(boottime::now() + time.unwrap_or_default());
                    }
                    "start" | "elsewhere" => match supervisor.start(CommandSpec {
                        script: std::fs::read_to_string(folder.join("command"))?,
                        cwd: if word == "start" { folder.clone() } else { folder.join(argument) },
                        env: std::env::vars_os().collect(),
                        timeout: time,
                    }) {
                        Ok(()) => note("accepted".to_owned())?,
                        Err(error) => note(format!("refused: {error}"))?,
                    },
                    "stop" => supervisor.stop(Stop::Graceful),
                    "now" => supervisor.stop(Stop::Now),
                    "clear" => {
                        keep = None;
                        supervisor.clear_deadline();
                    }
                    "child" => {
                        let child = std::process::Command::new("sleep").arg("600").process_group(0).spawn()?;
                        note(format!("child {}", child.id()))?;
                    }
                    "tail" => {
                        let tail = supervisor.tail();
                        note(format!("tail {} {:?} {:?}", tail.len(), tail.first(), tail.last()))?;
                    }
                    "launch" => {
                        let _proven = supervisor.shutdown().await;
                        supervisor = launch()?;
                        note(format!("ready {}", supervisor.watchdog_pid()))?;
                    }
                    "quit" => {
                        let ended = supervisor.shutdown().await;
                        note(format!("shut down {ended:?}"))?;
                        return Ok(());
                    }
                    _ => return Err(format!("unknown order {order}").into()),
                }
            }
        }
    }
}

/// Standard input, line by line, off the async thread.
fn orders() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (given, orders) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if given.send(line).is_err() {
                break;
            }
        }
    });
    orders
}
