//! A process that ends with its test.

use std::{
    fs::{File, OpenOptions},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// A server's process with everything it starts; killed when dropped. What it prints goes to a file.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` in a process group of its own, with its output in `log`.
    pub fn start(command: &mut Command, log: &Path) -> Process {
        let out: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("the same file"))
            .stderr(out)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"));
        Process {
            child,
            log: log.to_owned(),
        }
    }

    /// The process id, which is its group's too.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal to the whole group, such as SIGSTOP to make it hang.
    pub fn signal(&self, signal: Signal) {
        let _gone = killpg(Pid::from_raw(self.pid().cast_signed()), signal);
    }

    /// How it ended, where it has.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// Waits until `ready`; panics with the log where the process ends before, or the time is up.
    pub fn await_ready(&mut self, within: Duration, mut ready: impl FnMut() -> bool) {
        let end = Instant::now() + within;
        while !ready() {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended early with {status}:\n{}", self.log());
            }
            assert!(
                Instant::now() < end,
                "the server is not ready after {within:?}:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        let _status = self.child.wait();
    }
}

/// A TCP port of 127.0.0.1 that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Where a program lies: on PATH, in `more` folders, or in the usual system folders; panics with the mend where it is
/// nowhere.
pub fn program(name: &str, more: &[&str], tool: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(more.iter().copied())
        .chain(["/usr/sbin", "/sbin"])
        .map(|folder| Path::new(folder).join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("failed to find {name}: run `dist-scripts/bootstrap {tool}`"))
}

/// Waits until `done` gives something, at most `within`; panics naming `what` after that.
pub fn until<T>(within: Duration, what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < end, "waited {within:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
