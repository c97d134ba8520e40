//! A target: a folder with the state and a log that guarded commands append to.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Stands for "hangs".
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Target {
    pub(crate) folder: tempfile::TempDir,
}

/// A request with everything set; tests change what they are about.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) token: u64,
    pub(crate) deployment: String,
    pub(crate) version: String,
    pub(crate) runner: String,
    pub(crate) step: Option<String>,
    pub(crate) command: Vec<String>,
}

pub(crate) fn call(token: u64, script: &str) -> Call {
    Call {
        token,
        deployment: format!("o/r/{token}/1"),
        version: format!("v{token}"),
        runner: "runner-1".into(),
        step: None,
        command: ["sh", "-c", script].map(String::from).into(),
    }
}

impl Call {
    pub(crate) fn deployment(mut self, id: &str) -> Call {
        self.deployment = id.into();
        self
    }

    pub(crate) fn version(mut self, version: &str) -> Call {
        self.version = version.into();
        self
    }

    pub(crate) fn runner(mut self, name: &str) -> Call {
        self.runner = name.into();
        self
    }

    pub(crate) fn step(mut self, name: &str) -> Call {
        self.step = Some(name.into());
        self
    }
}

impl Target {
    pub(crate) fn new() -> Target {
        Target {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn guard(&self, call: &Call) -> Command {
        let mut guard = Command::new(env!("CARGO_BIN_EXE_fence-guard"));
        guard
            .arg("--state")
            .arg(self.path("state.json"))
            .args(["--token", &call.token.to_string()])
            .args(["--deployment", &call.deployment])
            .args(["--version", &call.version])
            .args(["--runner", &call.runner, "--by", "octocat"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        if let Some(step) = &call.step {
            guard.args(["--step", step]);
        }
        guard.arg("--").args(&call.command);
        guard
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, call: &Call) -> Output {
        self.guard(call).output().unwrap()
    }

    /// Starts it, in a process group of its own as sshd would; its outputs go to files, as pipes of a test that ended would end it.
    pub(crate) fn start(&self, call: &Call) -> Child {
        self.guard(call)
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.path(&format!("errors-{}", call.token))).unwrap())
            .process_group(0)
            .spawn()
            .unwrap()
    }

    pub(crate) fn errors(&self, token: u64) -> String {
        fs::read_to_string(self.path(&format!("errors-{token}"))).unwrap()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        log.lines().map(String::from).collect()
    }

    pub(crate) fn state(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("state.json")).unwrap()).unwrap()
    }

    pub(crate) fn await_line(&self, line: &str) {
        until(&format!("{line:?} in the log"), || {
            self.log().iter().any(|l| l == line).then_some(())
        });
    }

    pub(crate) fn status(&self, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_fence-guard"))
            .arg("--state")
            .arg(self.path("state.json"))
            .arg("--status")
            .args(more)
            .output()
            .unwrap()
    }
}

impl Drop for Target {
    /// Ends all that the test started, also where it failed: everything runs in the target's folder.
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let here: Vec<i32> = fs::read_dir("/proc")
                .unwrap()
                .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
                .filter(|pid| {
                    fs::read_link(format!("/proc/{pid}/cwd"))
                        .is_ok_and(|folder| folder.starts_with(self.folder.path()))
                })
                .filter(|pid| acts(*pid))
                .collect();
            if here.is_empty() || Instant::now() > deadline {
                return;
            }
            for pid in here {
                // It may end by itself meanwhile.
                let pid = nix::unistd::Pid::from_raw(pid);
                let _gone = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
            }
        }
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what}");
        sleep(Duration::from_millis(5));
    }
}

/// Whether the process can still act.
pub(crate) fn acts(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().starts_with(" Z"))
}

/// The keeper of the command that the state records.
pub(crate) fn keeper(target: &Target) -> i32 {
    i32::try_from(target.state()["running"]["keeper"].as_i64().unwrap()).unwrap()
}

/// The pid that a command wrote into a file of its target.
pub(crate) fn pid_in(target: &Target, name: &str) -> i32 {
    until(&format!("pid in {name}"), || {
        fs::read_to_string(target.path(name))
            .ok()
            .filter(|text| text.ends_with('\n'))
            .and_then(|text| text.trim().parse().ok())
    })
}

pub(crate) fn kill(pid: i32, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

pub(crate) fn end(mut child: Child) -> Option<i32> {
    until("end of the guard", || child.try_wait().unwrap()).code()
}

/// Where a token acts after a newer one has acted.
pub(crate) fn overlaps(log: &[String]) -> Vec<String> {
    let mut newest = 0;
    let token = |line: &String| -> u64 { line.split(' ').next().unwrap().parse().unwrap() };
    log.iter()
        .filter(|line| {
            let older = token(line) < newest;
            newest = newest.max(token(line));
            older
        })
        .cloned()
        .collect()
}
