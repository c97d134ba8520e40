//! `push-metrics` over a ledger of 10,000 and one of 100,000 events, beside a shell script that reads the counters from
//! the gateway, adds and pushes them back: a real Pushgateway, a store on disk, one in PostgreSQL and one in Redis, and a
//! server that plays Loki.
//!
//! The script knows one deployment and one place; it loses a deployment whenever two run at once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a failure of the bench itself is a panic"
)]

mod grown;
mod leg;

use std::{
    env, fs,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use grown::{ENVIRONMENT, Grown, REPOSITORY};
use test_servers::{Postgres, PostgresSetup, Pushgateway, Redis, RedisSetup};

/// What an engineer would write in an afternoon.
const SCRIPT: &str = include_str!("metrics.sh");

/// How often each is run; they take turns.
const ROUNDS: usize = 25;

/// How many events the two ledgers of a store have.
const EVENTS: [u64; 2] = [10_000, 100_000];

/// How often what needs new events is run: the events cost more than the runs.
const SHIPPED: usize = 11;

/// A server that takes whatever is pushed to it, as Loki does.
fn loki() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                while let Some(length) = head(&mut reader) {
                    let mut body = vec![0; length];
                    if reader.read_exact(&mut body).is_err() {
                        break;
                    }
                    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
                    let _gone = reader.get_mut().write_all(answer.as_bytes());
                }
            });
        }
    });
    format!("http://{address}")
}

/// Reads a request's head; the length of its body.
fn head(reader: &mut impl BufRead) -> Option<usize> {
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 0 {
        let (name, value) = line.trim().split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            return Some(length);
        }
        line.clear();
    }
    None
}

/// The step after the newest deployment of `ledger`, in a folder of its own.
fn step(folder: &Path, ledger: &Grown, inputs: &[(&str, &str)]) -> Command {
    let mut command = Command::new(leg::program().with_file_name("push-metrics"));
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("RUNNER_TEMP", folder)
        .env("RUNNER_NAME", "deploy-1")
        .env("GITHUB_WORKSPACE", folder)
        .env("GITHUB_REPOSITORY", REPOSITORY)
        .env("GITHUB_RUN_ID", ledger.run().to_string())
        .env("GITHUB_RUN_NUMBER", ledger.run().to_string())
        .env("GITHUB_RUN_ATTEMPT", "1")
        .env("GITHUB_STEP_SUMMARY", folder.join("summary.md"))
        .env("GITHUB_OUTPUT", folder.join("output"))
        .env("INPUT_ENVIRONMENT", ENVIRONMENT)
        .env("INPUT_REQUIRED", "true")
        .env("INPUT_STORE", ledger.store());
    for (name, value) in inputs {
        command.env(
            format!("INPUT_{}", name.to_uppercase().replace('-', "_")),
            value,
        );
    }
    command
}

/// Milliseconds of one run that must end well.
fn time(mut command: Command) -> f64 {
    let begin = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let took = begin.elapsed().as_secs_f64() * 1000.0;
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    took
}

/// How many processes called git a command starts itself.
fn gits(folder: &Path, mut command: Command) -> usize {
    let (bin, calls) = (folder.join("bin"), folder.join("calls"));
    fs::create_dir_all(&bin).unwrap();
    let path = env::var_os("PATH").unwrap_or_default();
    let real = env::split_paths(&path)
        .map(|folder| folder.join("git"))
        .find(|git| git.is_file())
        .expect("git");
    let wrapper = format!(
        "#!/bin/sh\necho \"$@\" >>{}\nPATH=${{PATH#*:}} exec {} \"$@\"\n",
        calls.display(),
        real.display()
    );
    fs::write(bin.join("git"), wrapper).unwrap();
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let paths = [bin].into_iter().chain(env::split_paths(&path));
    command.env("PATH", env::join_paths(paths).unwrap());
    time(command);
    fs::read_to_string(calls).unwrap().lines().count()
}

/// The highest resident memory of a run, in MiB.
fn memory(mut command: Command) -> f64 {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut peak = 0;
    let status = loop {
        peak = peak.max(leg::peak_memory(child.id()).unwrap_or_default());
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        thread::sleep(Duration::from_millis(1));
    };
    assert!(status.success(), "it ends well: {status}");
    peak as f64 / 1024.0
}

fn pushes(folder: &Path, ledgers: &[Grown; 2], gateway: &Pushgateway) -> bool {
    let script = folder.join("metrics.sh");
    fs::write(&script, SCRIPT).unwrap();
    let its_gateway = Pushgateway::start();
    let scripted = || {
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc"])
            .arg(&script)
            .env("GATEWAY", its_gateway.url())
            .env("BRANCH", "refs/heads/main")
            .env("SECONDS_TAKEN", "310");
        command
    };
    let url = gateway.url();
    let pushed = |ledger| step(folder, ledger, &[("pushgateway-url", &url)]);
    let figures_alone = |ledger| step(folder, ledger, &[]);
    let mut figures = [const { Vec::new() }; 5];
    for round in 0..=ROUNDS {
        let took = [
            time(pushed(&ledgers[0])),
            time(pushed(&ledgers[1])),
            time(scripted()),
            time(figures_alone(&ledgers[0])),
            time(figures_alone(&ledgers[1])),
        ];
        // The first round finds caches cold.
        if round > 0 {
            figures
                .iter_mut()
                .zip(took)
                .for_each(|(all, one)| all.push(one));
        }
    }
    let [small, large, script, read_small, read_large] =
        figures.each_mut().map(|all| leg::median(all));
    let mut fine = leg::within("10,000 events, pushed, median of 25", small, 300.0, "ms");
    leg::beside("100,000 events, pushed", large, "ms");
    fine &= leg::within("  100,000 / 10,000 events", large / small, 1.5, "x");
    leg::beside(
        "a script with curl that reads, adds and pushes",
        script,
        "ms",
    );
    leg::beside("10,000 events, read and summed up alone", read_small, "ms");
    leg::beside("100,000 events, read and summed up alone", read_large, "ms");
    let calls = gits(folder, pushed(&ledgers[0]));
    fine & leg::within("commands of git for one push", calls as f64, 6.0, "")
}

/// The same from a PostgreSQL server, with a login by password each time.
fn from_postgres(folder: &Path, gateway: &Pushgateway) -> bool {
    // Nothing but what is measured: a vacuum of what was just written would run beside it.
    let server = Postgres::start_with(&PostgresSetup {
        settings: vec!["autovacuum=off".to_owned()],
        ..PostgresSetup::default()
    });
    let ledgers = EVENTS.map(|events| {
        let input = format!(
            "postgres://{}:canary%2Fp%40ss%20w%3Ard@127.0.0.1:{}/{}?sslmode=disable",
            Postgres::USER,
            server.port,
            server.database(&format!("events{events}"))
        );
        Grown::in_postgres(&input, events)
    });
    from_server("PostgreSQL", folder, &ledgers, gateway)
}

/// The same from a Redis server that keeps what it acknowledges.
fn from_redis(folder: &Path, gateway: &Pushgateway) -> bool {
    let server = Redis::start_with(&RedisSetup {
        config: "appendonly yes\nappendfsync always\n".to_owned(),
        ..RedisSetup::default()
    });
    let mut database = 0;
    let ledgers = EVENTS.map(|events| {
        database += 1;
        let input = format!("redis://127.0.0.1:{}/{database}", server.port);
        Grown::in_redis(&input, events)
    });
    from_server("Redis", folder, &ledgers, gateway)
}

/// Both ledgers of a server, by turns.
fn from_server(name: &str, folder: &Path, ledgers: &[Grown; 2], gateway: &Pushgateway) -> bool {
    let url = gateway.url();
    let pushed = |ledger| step(folder, ledger, &[("pushgateway-url", &url)]);
    let mut figures = [const { Vec::new() }; 2];
    for round in 0..=ROUNDS {
        let took = [time(pushed(&ledgers[0])), time(pushed(&ledgers[1]))];
        if round > 0 {
            figures
                .iter_mut()
                .zip(took)
                .for_each(|(all, one)| all.push(one));
        }
    }
    let [small, large] = figures.each_mut().map(|all| leg::median(all));
    let what = format!("10,000 events in {name}, pushed, median of {ROUNDS}");
    let fine = leg::within(&what, small, 60.0, "ms");
    leg::beside(&format!("100,000 events in {name}, pushed"), large, "ms");
    fine & leg::within("  100,000 / 10,000 events", large / small, 1.5, "x")
}

/// What a step after each deployment ships: the events of that deployment.
fn shipped(folder: &Path, ledgers: &mut [Grown; 2], gateway: &Pushgateway) -> bool {
    let (url, loki) = (gateway.url(), loki());
    let mut figures = [const { Vec::new() }; 4];
    for round in 0..=SHIPPED {
        for (at, ledger) in ledgers.iter_mut().enumerate() {
            // Both are ledgers of one lock: each has a file of its own.
            let file = folder.join(format!("events-{at}.jsonl"));
            let to_file = [
                ("pushgateway-url", url.as_str()),
                ("events-file", file.to_str().unwrap()),
            ];
            let to_both = [to_file[0], to_file[1], ("loki-url", &loki)];
            for (more, inputs) in [&to_file[..], &to_both[..]].into_iter().enumerate() {
                ledger.one_more();
                let took = time(step(folder, ledger, inputs));
                let shipped = fs::read_to_string(&file).unwrap();
                let newest = format!("\"deployment_id\":\"{REPOSITORY}/{}/1\"", ledger.run());
                assert!(shipped.contains(&newest), "the new events are shipped");
                if round > 0 {
                    figures[at + 2 * more].push(took);
                }
            }
        }
    }
    let [small, large, small_both, large_both] = figures.each_mut().map(|all| leg::median(all));
    leg::beside("10,000, and new events into a file", small, "ms");
    leg::beside("100,000, the same", large, "ms");
    let mut fine = leg::within("  100,000 / 10,000 events", large / small, 1.5, "x");
    leg::beside("10,000, into a file and to Loki", small_both, "ms");
    leg::beside("100,000, the same", large_both, "ms");
    let growth = large_both / small_both;
    fine &= leg::within("  100,000 / 10,000 events", growth, 1.5, "x");
    fine
}

/// A file that holds the first event alone gets all others.
fn whole_chain(folder: &Path, ledger: &Grown) -> bool {
    let file = folder.join("whole.jsonl");
    let inputs = [("events-file", file.to_str().unwrap())];
    fs::write(&file, ledger.first_line()).unwrap();
    let begin = Instant::now();
    let peak = memory(step(folder, ledger, &inputs));
    leg::beside(
        "100,000 events, all of them read into a file",
        begin.elapsed().as_secs_f64(),
        "s",
    );
    let lines = fs::read_to_string(&file).unwrap().lines().count() as u64;
    assert_eq!(lines, ledger.events(), "every event has its line");
    leg::within("the same, resident memory, peak", peak, 256.0, "MiB")
}

fn main() -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let mut ledgers = EVENTS.map(|events| Grown::new(folder.path(), events));
    leg::beside("(both ledgers written)", begin.elapsed().as_secs_f64(), "s");
    let gateway = Pushgateway::start();
    let mut fine = pushes(folder.path(), &ledgers, &gateway);
    fine &= from_postgres(folder.path(), &gateway);
    fine &= from_redis(folder.path(), &gateway);
    fine &= whole_chain(folder.path(), &ledgers[1]);
    fine &= shipped(folder.path(), &mut ledgers, &gateway);
    let peak = memory(step(
        folder.path(),
        &ledgers[1],
        &[("pushgateway-url", &gateway.url())],
    ));
    fine &= leg::within("100,000 events, pushed: memory, peak", peak, 16.0, "MiB");
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
