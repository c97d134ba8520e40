//! A host: folders of runners, units, control groups; listeners that run; an exporter.
//!
//! A listener is a shell under the listener's name, which does what the test writes to it. Processes, connections, logs and
//! `/proc` are real; the control group is a folder with the real processes' numbers.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use test_servers::{Process, until};

/// Stands for "hangs".
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The exporter: as it was built for these tests, or, where a bench uses this file, as it is shipped.
fn program() -> PathBuf {
    match option_env!("CARGO_BIN_EXE_runner-exporter") {
        Some(built) => built.into(),
        None => PathBuf::from(std::env::var_os("BATON_BIN_DIR").expect("BATON_BIN_DIR"))
            .join("runner-exporter"),
    }
}

pub(crate) struct Host {
    pub(crate) folder: tempfile::TempDir,
}

impl Host {
    pub(crate) fn new() -> Host {
        let folder = tempfile::tempdir().unwrap();
        for name in ["units", "cgroups", "runners"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Host { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A runner with its service, which does not run yet.
    pub(crate) fn runner(&self, name: &str) -> Runner {
        let folder = self.path("runners").join(name);
        fs::create_dir_all(folder.join("_diag")).unwrap();
        fs::create_dir(folder.join("bin")).unwrap();
        fs::write(
            folder.join(".runner"),
            format!("\u{feff}{{\"agentId\": 1, \"agentName\": \"{name}\", \"poolName\": \"Default\", \"gitHubUrl\": \"https://github.com/acme/shop\", \"workFolder\": \"_work\"}}"),
        )
        .unwrap();
        fs::write(
            folder.join(".env"),
            "LANG=C.UTF-8\nBATON_RUNNER_ROLE=primary\n",
        )
        .unwrap();
        let unit = format!("actions.runner.acme-shop.{name}.service");
        let text = format!("[Service]\nWorkingDirectory={}\n", folder.display());
        fs::write(self.path("units").join(&unit), text).unwrap();
        let group = self.path("cgroups").join("system.slice").join(unit);
        Runner {
            name: name.into(),
            folder,
            group,
            listener: None,
        }
    }

    /// The exporter's command line for this host.
    pub(crate) fn exporter(&self) -> Command {
        let mut command = Command::new(program());
        command
            .arg("--units")
            .arg(self.path("units"))
            .arg("--cgroups")
            .arg(self.path("cgroups"))
            .args(["--environment", "production", "--authorized-for-prod"]);
        command
    }

    /// Starts it without Docker.
    pub(crate) fn export(&self, more: &[&str]) -> Exporter {
        self.start(self.exporter().args(["--docker-socket", "none"]).args(more))
    }

    pub(crate) fn start(&self, command: &mut Command) -> Exporter {
        let log = self.path(&format!(
            "log-{}",
            fs::read_dir(self.folder.path()).unwrap().count()
        ));
        let mut process = Process::start(command.args(["--listen", "127.0.0.1:0"]), &log);
        let mut address = None;
        process.await_ready(PATIENCE, || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            address = text
                .lines()
                .find_map(|line| line.split_once("listening on ")?.1.parse().ok());
            address.is_some()
        });
        Exporter {
            process,
            address: address.unwrap(),
        }
    }
}

pub(crate) struct Runner {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    group: PathBuf,
    listener: Option<Listener>,
}

struct Listener {
    child: Child,
    orders: ChildStdin,
}

impl Runner {
    /// Starts its service: the listener runs, and has a log and no connection.
    pub(crate) fn start(&mut self) {
        self.start_listener();
        self.activate();
    }

    /// The listener alone.
    pub(crate) fn start_listener(&mut self) {
        let shell = fs::canonicalize("/bin/bash").unwrap();
        for name in ["Runner.Listener", "Runner.Worker"] {
            fs::copy(&shell, self.folder.join("bin").join(name)).unwrap();
        }
        let script = "trap '[ -z \"${worker-}\" ] || kill -9 $worker' EXIT; while read -r order; do eval \"$order\"; done";
        // A copy that another thread's child still holds open for writing cannot be executed yet.
        let mut child = until(PATIENCE, "a listener", || {
            let mut command = Command::new(self.folder.join("bin/Runner.Listener"));
            command.args(["-c", script]).current_dir(&self.folder);
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.spawn().ok()
        });
        let orders = child.stdin.take().unwrap();
        self.listener = Some(Listener { child, orders });
        self.say("[INFO Listener] Version: 2.330.0");
    }

    /// Puts the listener's number into the service's control group.
    pub(crate) fn activate(&self) {
        fs::create_dir_all(&self.group).unwrap();
        fs::write(self.group.join("cgroup.procs"), format!("{}\n", self.pid())).unwrap();
    }

    /// Takes the service's control group away, as systemd does when it ends.
    pub(crate) fn deactivate(&self) {
        fs::remove_dir_all(&self.group).unwrap();
    }

    /// Starts it, connected to `server` and listening for jobs.
    pub(crate) fn listen(&mut self, server: &Server) {
        self.start();
        self.connect(server);
        self.say("[INFO BrokerMessageListener] Session created.");
        self.say("[INFO Terminal] WRITE LINE: 2026-03-01 10:00:00Z: Listening for Jobs");
    }

    pub(crate) fn connect(&mut self, server: &Server) {
        self.order(&format!(
            "exec 3<>/dev/tcp/{}/{}",
            server.address.ip(),
            server.address.port()
        ));
    }

    pub(crate) fn disconnect(&mut self) {
        self.order("exec 3>&-");
    }

    /// A job begins.
    pub(crate) fn work(&mut self) {
        let fifo = self.folder.join("job");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::write(self.folder.join("_diag/Worker_20260301-100000-utc.log"), "").unwrap();
        self.order("bin/Runner.Worker -c 'read -r line <job' & worker=$!");
        if self.group.exists() {
            let group = self.group.join("cgroup.procs");
            self.order(&format!("echo $worker >>{}", group.display()));
        }
    }

    /// The job ends.
    pub(crate) fn finish(&mut self) {
        self.order("kill -9 $worker; wait $worker; worker=");
    }

    fn order(&mut self, order: &str) {
        let listener = self.listener.as_mut().unwrap();
        writeln!(listener.orders, "{order}").unwrap();
    }

    /// Writes a line of the listener's log, of now where it names no time.
    pub(crate) fn say(&self, line: &str) {
        self.say_at(&now(0), line);
    }

    pub(crate) fn say_at(&self, at: &str, line: &str) {
        let path = self.folder.join("_diag/Runner_20260301-100000-utc.log");
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        writeln!(log, "[{at} {}", &line[1..]).unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.listener.as_ref().unwrap().child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).unwrap();
    }

    /// The listener dies. Its job must be over: a worker would go on without it.
    pub(crate) fn kill(&mut self) {
        let mut listener = self.listener.take().unwrap();
        listener.child.kill().unwrap();
        listener.child.wait().unwrap();
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Some(mut listener) = self.listener.take() {
            // At the end of its orders it takes its worker along.
            drop(listener.orders);
            let _stopped = kill(
                Pid::from_raw(listener.child.id().cast_signed()),
                Signal::SIGCONT,
            );
            let _status = listener.child.wait();
        }
    }
}

/// As the log writes it, this many seconds from now.
pub(crate) fn now(seconds: i64) -> String {
    let output = Command::new("date")
        .args([
            "-u",
            "-d",
            &format!("{seconds} seconds"),
            "+%Y-%m-%d %H:%M:%SZ",
        ])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What stands for GitHub: it takes connections and keeps them.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _listener: TcpListener,
}

impl Server {
    pub(crate) fn new() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Server {
            address: listener.local_addr().unwrap(),
            _listener: listener,
        }
    }
}

pub(crate) struct Exporter {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Exporter {
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes and reads to the end.
    pub(crate) fn send(&self, bytes: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        Answer {
            status: head
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok())
                .unwrap_or(0),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ))
    }

    pub(crate) fn metrics(&self) -> String {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// Scrapes until the runner's reason is this one.
    pub(crate) fn await_reason(&self, runner: &Runner, reason: &str) {
        let mut seen = String::new();
        let end = std::time::Instant::now() + PATIENCE;
        while seen != reason {
            assert!(
                std::time::Instant::now() < end,
                "{} is {seen}, not {reason}",
                runner.name
            );
            seen = of(&self.metrics(), "runner_status_reason", &runner.name)
                .map_or_else(String::new, |line| label(&line, "reason"));
        }
    }

    pub(crate) fn value(&self, metric: &str, runner: &Runner) -> Option<f64> {
        of(&self.metrics(), metric, &runner.name)
            .and_then(|line| line.rsplit(' ').next()?.parse().ok())
    }
}

/// The series of a runner.
pub(crate) fn of(text: &str, metric: &str, runner: &str) -> Option<String> {
    let begin = format!("{metric}{{runner=\"{runner}\",");
    text.lines()
        .find(|line| line.starts_with(&begin))
        .map(str::to_owned)
}

pub(crate) fn label(line: &str, name: &str) -> String {
    let (_, rest) = line.split_once(&format!("{name}=\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// Writes a whole file of the host.
pub(crate) fn write(path: &Path, text: &str) {
    File::create(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}
