//! What the store says, read as a person would read it: with `git`, behind the candidates' backs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lease::{LockName, Phase, Record};
use ledger::{Entry, Event, Outcome};

use crate::patience;

/// Lease and ledger of one lock in a repository on this disk.
#[derive(Clone, Debug)]
pub struct Audit {
    repository: PathBuf,
    lock: LockName,
}

impl Audit {
    /// Of this lock in this repository; neither need be there yet.
    pub fn of(repository: &Path, lock: &str) -> Audit {
        Audit {
            repository: repository.to_owned(),
            lock: LockName::new(lock).unwrap(),
        }
    }

    /// `refs/baton/<lock>/<part>`
    pub fn reference(&self, part: &str) -> String {
        format!("refs/baton/{}/{part}", self.lock.encoded())
    }

    /// Runs git on the repository with nobody's configuration; its output where it succeeds.
    pub fn git(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("git")
            .arg("--git-dir")
            .arg(&self.repository)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .envs([("GIT_AUTHOR_NAME", "x"), ("GIT_AUTHOR_EMAIL", "x@x")])
            .envs([("GIT_COMMITTER_NAME", "x"), ("GIT_COMMITTER_EMAIL", "x@x")])
            .output()
            .expect("git starts");
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Every entry of the ledger, oldest first: the bodies of `git log`.
    ///
    /// # Panics
    /// A commit that holds no entry.
    pub fn entries(&self) -> Vec<Entry> {
        let log = self
            .git(&[
                "log",
                "--reverse",
                "--format=%B%x00",
                &self.reference("ledger"),
            ])
            .unwrap_or_default();
        log.split('\0')
            .map(str::trim)
            .filter(|message| !message.is_empty())
            .map(|message| {
                let (_, body) = message.split_once("\n\n").expect("subject and body");
                serde_json::from_str(body).expect("an entry")
            })
            .collect()
    }

    /// The ledger as `git log` shows it to a person: one subject a line, oldest first.
    pub fn subjects(&self) -> Vec<String> {
        let log = self
            .git(&["log", "--reverse", "--format=%s", &self.reference("ledger")])
            .unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// The lease's record.
    ///
    /// # Panics
    /// A lease without a readable one.
    pub fn record(&self) -> Option<Record> {
        let text = self.git(&["show", &format!("{}:record.json", self.reference("lease"))])?;
        Some(serde_json::from_str(&text).expect("a record"))
    }

    /// The commit a reference points to, without starting a process.
    pub fn commit(&self, part: &str) -> Option<String> {
        let text = fs::read_to_string(self.repository.join(self.reference(part))).ok()?;
        Some(text.trim().to_owned()).filter(|t| !t.is_empty())
    }

    /// Waits for an entry.
    ///
    /// # Panics
    /// It does not come.
    pub fn await_entry(
        &self,
        within: Duration,
        awaited: &str,
        is: impl Fn(&Entry) -> bool,
    ) -> Entry {
        let mut seen = None;
        patience::until(within, format!("the entry of {awaited}"), || {
            let tip = self.commit("ledger");
            if tip == seen {
                return None;
            }
            seen = tip;
            self.entries().into_iter().find(|entry| is(entry))
        })
    }

    /// Waits until the record is in this phase under this token, and returns it.
    ///
    /// # Panics
    /// It does not get there.
    pub fn await_phase(&self, phase: Phase, token: u64, within: Duration) -> Record {
        let mut seen = None;
        patience::until(within, format!("phase {phase} under token {token}"), || {
            let lease = self.commit("lease");
            if lease == seen {
                return None;
            }
            seen = lease;
            self.record()
                .filter(|r| r.phase == phase && r.token == token)
        })
    }

    /// Every end of this deployment that the ledger tells of; there must never be two.
    pub fn ends(&self, deployment: &str) -> Vec<(Outcome, Option<ledger::FailureReason>, String)> {
        self.entries()
            .into_iter()
            .filter(|e| e.deployment.id == deployment)
            .filter_map(|e| match e.event {
                Event::DeploymentFinished {
                    outcome,
                    reason,
                    detail,
                } => Some((outcome, reason, detail)),
                _ => None,
            })
            .collect()
    }

    /// The reasons of every takeover, in order.
    pub fn takeovers(&self) -> Vec<ledger::TakeoverReason> {
        self.entries()
            .into_iter()
            .filter_map(|e| match e.event {
                Event::Failover { reason, .. } => Some(reason),
                _ => None,
            })
            .collect()
    }
}
