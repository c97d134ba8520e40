//! `health-gates` beside what people wait with today, over the same healthy services in one run: `curl`, `pg_isready` and
//! `redis-cli` in a shell, `wait-on`, and `wait4x` where it is on PATH. And the sizes that the design promises: 200 gates,
//! and 50 that are asked again and again.
//!
//! The contenders take turns, so that all meet the same machine. Each is started as a step starts it, by a shell.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a failure of the bench itself is a panic"
)]

mod leg;

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use test_servers::{Postgres, PostgresSetup, Redis};

const ROUNDS: usize = 21;
const CURL: &str = r#"curl --fail --silent --show-error --noproxy '*' "$API" | grep -q healthy"#;
const PG_ISREADY: &str = r#"pg_isready --quiet --host=127.0.0.1 --port="$PGPORT""#;
const REDIS_CLI: &str = r#"redis-cli -p "$REDISPORT" ping | grep -q PONG"#;

/// Answers every request with `head` and a small body, after `takes`; one thread a connection, as long as it lives.
fn serve(head: &'static str, takes: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, head, takes));
        }
    });
    address
}

fn answer(mut stream: TcpStream, head: &str, takes: Duration) {
    const BODY: &str = r#"{"status": "healthy"}"#;
    let mut request = [0; 8192];
    // A request fits one read here: it is short, and has no body.
    while stream.read(&mut request).is_ok_and(|got| got > 0) {
        thread::sleep(takes);
        let answered = write!(
            stream,
            "HTTP/1.1 {head}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        if answered.is_err() {
            return;
        }
    }
}

/// Three healthy services.
struct Services {
    api: SocketAddr,
    postgres: Postgres,
    redis: Redis,
}

impl Services {
    fn start() -> Services {
        Services {
            api: serve("200 OK", Duration::ZERO),
            postgres: Postgres::start_with(&PostgresSetup {
                access: "host all all 127.0.0.1/32 trust\n".to_owned(),
                ..PostgresSetup::default()
            }),
            redis: Redis::start(),
        }
    }

    fn api(&self) -> String {
        format!("http://{}/health", self.api)
    }

    /// A shell script over them.
    fn script(&self, text: &str) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", text])
            .env("API", self.api())
            .env("APIPORT", self.api.port().to_string())
            .env("PGPORT", self.postgres.port.to_string())
            .env("REDISPORT", self.redis.port.to_string());
        command
    }

    /// The program with the simple inputs for the three.
    fn simple(&self, folder: &Path) -> Command {
        let database = format!(
            "postgres://{}@127.0.0.1:{}/postgres",
            Postgres::USER,
            self.postgres.port
        );
        let redis = format!("redis://127.0.0.1:{}", self.redis.port);
        let mut command = ours(folder);
        command
            .env("INPUT_API_URL", self.api())
            .env("INPUT_DATABASE_URL", database)
            .env("INPUT_REDIS_URL", redis);
        command
    }

    /// The program with gates for the HTTP and TCP share of the three.
    fn share(&self, folder: &Path) -> Command {
        let gates = format!(
            "- {{name: api, http: '{}'}}\n- {{name: database, tcp: '127.0.0.1:{}'}}\n- {{name: cache, tcp: '127.0.0.1:{}'}}\n",
            self.api(),
            self.postgres.port,
            self.redis.port
        );
        let mut command = ours(folder);
        command.env("INPUT_GATES", gates);
        command
    }
}

/// The program, in a folder of its own, as a step's shell starts it.
fn ours(folder: &Path) -> Command {
    let mut command = Command::new("bash");
    command
        .args(["--noprofile", "--norc", "-c", "exec \"$0\""])
        .arg(leg::program().with_file_name("health-gates"))
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("GITHUB_WORKSPACE", folder)
        .env("RUNNER_TEMP", folder)
        .env("GITHUB_STEP_SUMMARY", folder.join("summary.md"))
        .env("INPUT_STORE", "none");
    command
}

/// Milliseconds of one run that must end well.
fn time(command: &mut Command) -> f64 {
    let begin = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let took = begin.elapsed().as_secs_f64() * 1000.0;
    let said = String::from_utf8_lossy(&output.stdout);
    let erred = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}{erred}",
        output.status
    );
    took
}

fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Takes turns; the median of each in milliseconds.
fn turns(rounds: usize, contenders: &mut [(&str, Command)]) -> Vec<f64> {
    let mut figures = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..rounds {
        for (figures, (_, command)) in figures.iter_mut().zip(contenders.iter_mut()) {
            let took = time(command);
            // The first round finds caches cold.
            if round > 0 {
                figures.push(took);
            }
        }
    }
    figures.iter_mut().map(|one| leg::median(one)).collect()
}

/// Ours, first in the list, beside each of the others: never slower.
fn race(rounds: usize, mut contenders: Vec<(&str, Command)>) -> bool {
    let medians = turns(rounds, &mut contenders);
    let mut fine = true;
    for ((what, _), median) in contenders.iter().zip(&medians).skip(1) {
        leg::beside(what, *median, "ms");
        fine &= leg::within("  health-gates / that", medians[0] / median, 1.0, "x");
    }
    fine
}

fn three_services(services: &Services, folder: &Path) -> bool {
    let mut direct = Command::new(leg::program().with_file_name("health-gates"));
    let by_shell = services.simple(folder);
    direct.env_clear().envs(
        by_shell
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let alone = turns(ROUNDS, &mut [("direct", direct)])[0];
    let mut fine = leg::within("3 healthy services, start to verdict", alone, 20.0, "ms");

    let in_turn = format!("{CURL}\n{PG_ISREADY}\n{REDIS_CLI}");
    let beside = format!(
        "({CURL}) & a=$!\n{PG_ISREADY} & b=$!\n({REDIS_CLI}) & c=$!\nwait $a; wait $b; wait $c"
    );
    let waiting: String = [CURL, PG_ISREADY, REDIS_CLI]
        .iter()
        .map(|one| format!("until {one}; do sleep 1; done\n"))
        .collect();
    let mut contenders = vec![
        ("health-gates", by_shell),
        (
            "curl, pg_isready, redis-cli in turn",
            services.script(&in_turn),
        ),
        ("the same, side by side", services.script(&beside)),
        (
            "the same, each in a loop that waits",
            services.script(&waiting),
        ),
    ];
    if is_there("wait4x") {
        let (http, postgres, redis) = (
            r#"wait4x http "$API" --quiet"#,
            r#"wait4x postgresql "postgres://postgres@127.0.0.1:$PGPORT/postgres?sslmode=disable" --quiet"#,
            r#"wait4x redis "redis://127.0.0.1:$REDISPORT" --quiet"#,
        );
        let in_turn = format!("{http}\n{postgres}\n{redis}");
        let beside =
            format!("{http} & a=$!\n{postgres} & b=$!\n{redis} & c=$!\nwait $a; wait $b; wait $c");
        contenders.push(("wait4x in turn", services.script(&in_turn)));
        contenders.push(("wait4x side by side", services.script(&beside)));
    } else {
        println!("      wait4x is not on PATH: left out");
    }
    fine &= race(ROUNDS, contenders);
    if is_there("wait-on") {
        let theirs = r#"wait-on "http-get://127.0.0.1:$APIPORT/health" "tcp:127.0.0.1:$PGPORT" "tcp:127.0.0.1:$REDISPORT""#;
        let contenders = vec![
            ("health-gates", services.share(folder)),
            ("wait-on, one HTTP and two TCP", services.script(theirs)),
        ];
        fine &= race(7, contenders);
    } else {
        println!("      wait-on is not on PATH: left out");
    }
    fine
}

/// The program, without a shell before it, with these gates.
fn begin(folder: &Path, gates: &str, more: &[(&str, &str)]) -> Child {
    let file = folder.join("gates.yml");
    fs::write(&file, gates).unwrap();
    let shell = ours(folder);
    let variables = shell.get_envs();
    Command::new(leg::program().with_file_name("health-gates"))
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .env("INPUT_GATES", &file)
        .envs(more.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

/// `count` gates on one server.
fn list(count: usize, server: SocketAddr, more: &str) -> String {
    let mut text = String::new();
    for number in 0..count {
        let _never = writeln!(
            text,
            "- {{name: service-{number}, http: 'http://{server}/{number}'{more}}}"
        );
    }
    text
}

/// The wall time of these gates in seconds, the middle one of five, and the largest memory in KiB.
fn wall(folder: &Path, gates: &str) -> (f64, u64) {
    let (mut walls, mut peak) = (Vec::new(), 0);
    for _ in 0..5 {
        let began = Instant::now();
        let mut child = begin(folder, gates, &[]);
        let status = loop {
            peak = peak.max(leg::peak_memory(child.id()).unwrap_or_default());
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            thread::sleep(Duration::from_millis(5));
        };
        walls.push(began.elapsed().as_secs_f64());
        assert!(status.success(), "200 gates pass: {status}");
    }
    (leg::median(&mut walls), peak)
}

fn two_hundred(folder: &Path) -> bool {
    const SLOW: Duration = Duration::from_secs(1);
    let slow = serve("200 OK", SLOW);
    let one = list(199, serve("200 OK", Duration::ZERO), "")
        + &format!("- {{name: slow, http: 'http://{slow}/'}}\n");
    let (one_slow, _) = wall(folder, &one);
    let (all_slow, peak) = wall(folder, &list(200, slow, ""));
    let mut fine = leg::within(
        "200 gates, one of which takes 1 s / that one",
        one_slow / SLOW.as_secs_f64(),
        1.05,
        "x",
    );
    leg::beside(
        "200 gates that take 1 s each, all answered at once / one of them",
        all_slow / SLOW.as_secs_f64(),
        "x",
    );
    let mebibytes = peak as f64 / 1024.0;
    fine &= leg::within("200 gates, resident memory, peak", mebibytes, 40.0, "MiB");
    fine
}

/// The share of one core that a process has used so far, in percent of `wall`: user and system time of `/proc/<pid>/stat`
/// (proc(5)), in ticks of 10 ms.
fn cpu_share(pid: u32, wall: Duration) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / wall.as_secs_f64())
}

/// Steady is what a gate comes to that stays unhealthy: with the backoff as it is without a word, a try every 15 to 30
/// seconds once the first half minute is over.
fn steady(folder: &Path) -> bool {
    const WATCHED: Duration = Duration::from_secs(20);
    let server = serve("503 Service Unavailable", Duration::ZERO);
    let measure = |more: &str, from: Duration| {
        let gates = list(50, server, more);
        let mut child = begin(folder, &gates, &[("INPUT_TIMEOUT", "2m")]);
        thread::sleep(from);
        let before = cpu_share(child.id(), WATCHED).expect("it still asks");
        let began = Instant::now();
        thread::sleep(WATCHED);
        let after = cpu_share(child.id(), WATCHED).expect("it still asks");
        assert!(child.try_wait().unwrap().is_none(), "it still asks");
        let share = (after - before) * WATCHED.as_secs_f64() / began.elapsed().as_secs_f64();
        leg::kill(&[child.id()]);
        let _status = child.wait();
        share
    };
    let share = measure("", Duration::from_secs(35));
    let fine = leg::within("50 gates polled steadily, share of a core", share, 1.0, "%");
    leg::beside(
        "the same with `max-backoff: 1s`, 67 tries a second",
        measure(", max-backoff: 1s", Duration::from_secs(3)),
        "%",
    );
    fine
}

fn main() -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let services = Services::start();
    let mut fine = three_services(&services, folder.path());
    fine &= two_hundred(folder.path());
    fine &= steady(folder.path());
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
