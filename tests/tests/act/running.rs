//! act at work: its jobs as processes, and how it ended.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use baton_tests::{patience, process};
use nix::sys::signal::Signal;

use crate::trial::architecture;

/// A run. Dropping it ends it and everything below it.
pub(crate) struct Running {
    child: Child,
    folder: PathBuf,
    ended: bool,
}

/// How a run ended.
pub(crate) struct Ended {
    /// act's own exit code: not 0 where any job failed.
    pub(crate) code: Option<i32>,
    folder: PathBuf,
}

impl Running {
    pub(crate) fn start(mut act: Command, folder: PathBuf) -> Running {
        let log = File::create(folder.join("log")).unwrap();
        let child = act
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Running {
            child,
            folder,
            ended: false,
        }
    }

    /// The supervisor of this candidate's leg.
    pub(crate) fn leg(&self, candidate: u32) -> u32 {
        let program = format!("/runner-failover-linux-{}", architecture());
        let number = format!("INPUT_CANDIDATE={candidate}");
        let found = patience::within_reach(Duration::from_secs(5), || {
            process::descendants(self.child.id())
                .into_iter()
                .find(|pid| {
                    process::arguments(*pid).ends_with(&program)
                        && has_variable(*pid, &number)
                        && has_variable(*pid, "INPUT_MODE=deploy")
                })
        });
        found.unwrap_or_else(|| {
            panic!(
                "no leg of candidate {candidate} runs:\n{}",
                log(&self.folder)
            )
        })
    }

    /// What a lost machine looks like: supervisor, watchdog and the command's tree get SIGKILL in one go.
    pub(crate) fn lose(&self, supervisor: u32) {
        // First all stand still, so that none sees another's end and acts on it.
        let mut all = vec![supervisor];
        all.extend(process::descendants(supervisor));
        for pid in &all {
            process::send(*pid, Signal::SIGSTOP);
        }
        all.extend(process::descendants(supervisor));
        assert!(all.len() >= 3, "supervisor, watchdog and command: {all:?}");
        for pid in &all {
            process::send(*pid, Signal::SIGKILL);
        }
        patience::until(Duration::from_secs(5), "the end of the killed leg", || {
            all.iter().all(|pid| !process::lives(*pid)).then_some(())
        });
    }

    /// Waits for the end of all jobs.
    pub(crate) fn wait(mut self, within: Duration) -> Ended {
        let status = patience::within_reach(within, || self.child.try_wait().unwrap());
        let status = status.unwrap_or_else(|| {
            panic!(
                "waited {within:?} in vain for the run's end:\n{}",
                log(&self.folder)
            )
        });
        self.ended = true;
        Ended {
            code: status.code(),
            folder: self.folder.clone(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut all = vec![self.child.id()];
        all.extend(process::descendants(self.child.id()));
        for pid in all {
            process::send(pid, Signal::SIGKILL);
        }
        let _collected = self.child.wait();
    }
}

impl Ended {
    /// The summary that a baton step wrote: `verdict`, `deploy-1` for the leg of candidate 1, `preflight-1` for its preflight,
    /// `metrics-deploy-1` for what it pushed.
    pub(crate) fn summary(&self, job: &str) -> String {
        let file = self.folder.join(format!("{job}.md"));
        fs::read_to_string(&file).unwrap_or_else(|_| {
            panic!(
                "the job {job} left no summary; act said:\n{}",
                log(&self.folder)
            )
        })
    }

    /// What the step that keeps artifacts was given under this name; see [`crate::consumer`].
    pub(crate) fn artifact(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join("artifacts").join(name)).filter(|folder| folder.is_dir())
    }

    /// What act said, for a person who looks why a test failed.
    pub(crate) fn log(&self) -> String {
        log(&self.folder)
    }
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

fn has_variable(pid: u32, variable: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|found| found == variable.as_bytes())
}
