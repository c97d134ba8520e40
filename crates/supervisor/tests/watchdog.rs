//! The watchdog alone, spoken to directly: what it refuses even if its supervisor asks for it.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where its preparation fails"
)]

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use supervisor::boottime;

/// A watchdog and our end of its socket. Dropping it ends the watchdog.
struct Watchdog {
    process: Child,
    starts: u32,
    socket: UnixStream,
}

impl Watchdog {
    fn new() -> Self {
        let (socket, theirs) = UnixStream::pair().unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_supervise"))
            .arg0("baton-watchdog")
            .env_clear()
            .env("BATON_WATCHDOG", "1")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut watchdog = Self {
            process,
            starts: 0,
            socket,
        };
        assert_eq!(watchdog.hear(), r#""ready""#);
        watchdog
    }

    fn say(&mut self, json: &str) {
        let length = u32::try_from(json.len()).unwrap();
        self.socket
            .write_all(&[&length.to_le_bytes(), json.as_bytes()].concat())
            .unwrap();
    }

    fn hear(&mut self) -> String {
        let mut length = [0; 4];
        self.socket.read_exact(&mut length).unwrap();
        let mut json = vec![0; u32::from_le_bytes(length).try_into().unwrap()];
        self.socket.read_exact(&mut json).unwrap();
        String::from_utf8(json).unwrap()
    }

    fn deadline(&mut self, at: Duration) {
        self.say(&format!(
            r#"{{"deadline":{{"secs":{},"nanos":{}}}}}"#,
            at.as_secs(),
            at.subsec_nanos()
        ));
    }

    fn start(&mut self, folder: &Path, script: &str) {
        // A file of its own each time: bash reads its script as it goes.
        self.starts += 1;
        let file = folder.join(format!("command-{}", self.starts));
        std::fs::write(&file, script).unwrap();
        let (file, folder) = (file.display(), folder.display());
        self.say(&format!(
            r#"{{"start":{{"file":"{file}","scratch":"{folder}/none","cwd":"{folder}","env":[["PATH","/usr/bin:/bin"]],
            "cgroup":null,"cgroup_required":false,"timeout":null,"grace":{{"secs":0,"nanos":0}},
            "kill_time":{{"secs":1,"nanos":0}}}}}}"#
        ));
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let _closed = self.socket.shutdown(std::net::Shutdown::Both);
        let status = self.process.wait();
        assert!(
            status.unwrap().success() || std::thread::panicking(),
            "the watchdog did not end well"
        );
    }
}

#[test]
fn it_starts_nothing_before_it_is_fed_nor_after_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let mut watchdog = Watchdog::new();
    watchdog.start(folder.path(), "touch ran");
    assert_eq!(watchdog.hear(), r#"{"not_started":"deadline_passed"}"#);
    watchdog.deadline(
        boottime::now()
            .checked_sub(Duration::from_millis(1))
            .unwrap(),
    );
    watchdog.start(folder.path(), "touch ran");
    assert_eq!(watchdog.hear(), r#"{"not_started":"deadline_passed"}"#);
    assert!(!folder.path().join("ran").exists());
    watchdog.deadline(boottime::now() + Duration::from_secs(60));
    watchdog.start(folder.path(), "touch ran");
    assert!(watchdog.hear().starts_with(r#"{"started""#));
    assert!(watchdog.hear().starts_with(r#"{"exited":{"status":0,"#));
    assert_eq!(watchdog.hear(), r#"{"tree_dead":{"killed_leftovers":0}}"#);
    assert!(folder.path().join("ran").exists());
}

#[test]
fn it_starts_nothing_while_a_tree_lives() {
    let folder = tempfile::tempdir().unwrap();
    let mut watchdog = Watchdog::new();
    watchdog.deadline(boottime::now() + Duration::from_secs(60));
    watchdog.start(folder.path(), "exec sleep 600");
    assert!(watchdog.hear().starts_with(r#"{"started""#));
    watchdog.start(folder.path(), "touch ran");
    assert_eq!(watchdog.hear(), r#"{"not_started":"no_watchdog"}"#);
    watchdog.say(r#"{"stop":{"now":true}}"#);
    assert!(watchdog.hear().contains(r#""stopped":true"#));
    assert!(watchdog.hear().starts_with(r#"{"tree_dead""#));
    assert!(!folder.path().join("ran").exists());
}

#[test]
fn food_that_comes_after_the_deadline_does_not_save_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let mut watchdog = Watchdog::new();
    let deadline = boottime::now() + Duration::from_millis(100);
    watchdog.deadline(deadline);
    watchdog.start(folder.path(), "exec sleep 600");
    assert!(watchdog.hear().starts_with(r#"{"started""#));
    let pid = nix::unistd::Pid::from_raw(watchdog.process.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
    watchdog.deadline(boottime::now() + Duration::from_secs(60));
    // Time is what must pass.
    while boottime::now() <= deadline {
        std::thread::yield_now();
    }
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGCONT).unwrap();
    assert!(watchdog.hear().contains(r#""fenced":true"#));
    assert!(watchdog.hear().starts_with(r#"{"tree_dead""#));
}

#[test]
fn it_answers_whether_it_lives() {
    let mut watchdog = Watchdog::new();
    watchdog.say(r#""ping""#);
    assert_eq!(watchdog.hear(), r#""alive""#);
}

#[test]
fn a_program_of_the_same_name_that_nobody_asked_stays_itself() {
    let output = Command::new(env!("CARGO_BIN_EXE_supervise"))
        .arg0("baton-watchdog")
        .env_remove("BATON_WATCHDOG")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("wrong arguments"));
}
