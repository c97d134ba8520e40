//! What the benches share: the shipped program as legs of a deployment, each in a folder of its own, and figures beside
//! their limits.

#![allow(dead_code, reason = "no bench uses all of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench is a program for people, and a failure of its own is a panic"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// The program as it is shipped; `dist-scripts/bench` names its folder.
pub(crate) fn program() -> PathBuf {
    let folder = env::var_os("BATON_BIN_DIR")
        .expect("BATON_BIN_DIR names the folder of the programs: make bench");
    PathBuf::from(folder).join("runner-failover")
}

/// One deployment on a store of its own, in a folder that goes with it.
pub(crate) struct Deployment {
    pub(crate) folder: tempfile::TempDir,
}

impl Deployment {
    pub(crate) fn new() -> Self {
        Deployment {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store.git")
    }

    /// A bare repository that writes a line for every push that it takes.
    pub(crate) fn counting_store(&self) -> PathBuf {
        let (store, pushes) = (self.store(), self.folder.path().join("pushes"));
        let made = Command::new("git")
            .args(["init", "--quiet", "--bare"])
            .arg(&store)
            .status()
            .unwrap();
        assert!(made.success());
        let hook = store.join("hooks/post-receive");
        fs::create_dir_all(store.join("hooks")).unwrap();
        fs::write(
            &hook,
            format!("#!/bin/sh\ndate +%s.%N >> {}\n", pushes.display()),
        )
        .unwrap();
        let made = Command::new("chmod").arg("+x").arg(&hook).status().unwrap();
        assert!(made.success());
        pushes
    }

    /// What the deploy commands wrote: `<candidate> <seconds since 1970>`.
    pub(crate) fn target(&self) -> PathBuf {
        self.folder.path().join("target")
    }

    /// Starts candidate `number` of two; `command` follows the line that it writes to the target.
    pub(crate) fn leg(&self, number: u32, command: &str, inputs: &[(&str, &str)]) -> Child {
        let home = self.folder.path().join(format!("leg-{number}"));
        fs::create_dir_all(&home).unwrap();
        let output = fs::File::create(home.join("log")).unwrap();
        let mut leg = Command::new(program());
        leg.env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("RUNNER_TEMP", &home)
            .env("RUNNER_NAME", format!("runner-{number}"))
            .env("GITHUB_REPOSITORY", "bench/bench")
            .env("GITHUB_RUN_ID", "1000")
            .env("GITHUB_RUN_NUMBER", "1")
            .env("GITHUB_RUN_ATTEMPT", "1")
            .env("GITHUB_STEP_SUMMARY", home.join("summary.md"))
            .env("INPUT_ENVIRONMENT", "production")
            .env(
                "INPUT_STORE",
                format!("git+file://{}", self.store().display()),
            )
            .env("INPUT_CANDIDATE", number.to_string())
            .env("INPUT_CANDIDATES", "2")
            .env(
                "INPUT_RUN",
                format!(
                    "echo {number} $EPOCHREALTIME >> {}\n{command}",
                    self.target().display()
                ),
            )
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        for (name, value) in inputs {
            leg.env(
                format!("INPUT_{}", name.to_uppercase().replace('-', "_")),
                value,
            );
        }
        leg.spawn().unwrap()
    }

    /// When candidate `number` began its command, in seconds since 1970.
    pub(crate) fn began(&self, number: u32) -> Option<f64> {
        let text = fs::read_to_string(self.target()).ok()?;
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix(&format!("{number} ")))?;
        line.parse().ok()
    }

    /// Waits for it.
    pub(crate) fn await_begin(&self, number: u32, within: Duration) -> f64 {
        let until = Instant::now() + within;
        loop {
            if let Some(at) = self.began(number) {
                return at;
            }
            assert!(
                Instant::now() < until,
                "candidate {number} did not begin within {within:?}: {}",
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn logs(&self) -> String {
        let read = |n| {
            fs::read_to_string(self.folder.path().join(format!("leg-{n}/log"))).unwrap_or_default()
        };
        format!("\n--- leg 1\n{}\n--- leg 2\n{}", read(1), read(2))
    }
}

/// Seconds since 1970, as the commands write them.
pub(crate) fn wall() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

/// Every live process below `pid`, itself included.
pub(crate) fn tree(pid: u32) -> Vec<u32> {
    let children = |pid: u32| {
        let text =
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        text.split_whitespace()
            .filter_map(|p| p.parse().ok())
            .collect::<Vec<u32>>()
    };
    let mut all = vec![pid];
    let mut at = 0;
    while at < all.len() {
        all.extend(children(all[at]));
        at += 1;
    }
    all
}

/// The highest resident memory that a process ever had, in KiB.
pub(crate) fn peak_memory(pid: u32) -> Option<u64> {
    let status =
        fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// SIGKILL, by pid.
pub(crate) fn kill(pids: &[u32]) {
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let _gone = Command::new("kill")
        .arg("-9")
        .args(&pids)
        .stderr(Stdio::null())
        .status();
}

/// The median of some figures.
pub(crate) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Prints a figure beside its limit; whether it stays within.
pub(crate) fn within(what: &str, figure: f64, limit: f64, unit: &str) -> bool {
    let sign = if figure <= limit { "ok  " } else { "PAST" };
    println!("{sign}  {what:<62} {figure:>9.3} {unit}   (limit {limit} {unit})");
    figure <= limit
}

/// Prints a figure that has no limit: what a user would pick instead.
pub(crate) fn beside(what: &str, figure: f64, unit: &str) {
    println!("      {what:<62} {figure:>9.3} {unit}");
}
