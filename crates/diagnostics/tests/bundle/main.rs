//! Bundles of recorded and hostile hosts: what is in them, what must never be, how long and how large they may get.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

mod bounds;
mod canary;
mod recorded;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use actions_kit::{Environment, Redactor};
use diagnostics::{About, Bundle, Part, Reach, Subject, WITHIN, gather};
use ledger::{Deployment, Entry, Event, Timestamp};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

/// A runner's root as its listener sees it, with a machine's `/proc` beside it.
pub(crate) struct Host {
    folder: TempDir,
    pub(crate) subject: Subject,
}

impl Host {
    pub(crate) fn new() -> Host {
        let folder = TempDir::new().unwrap();
        let runner = folder.path().join("runner");
        let temp = runner.join("_work/_temp");
        for made in [
            &temp,
            &runner.join("_diag"),
            &folder.path().join("machine/proc"),
        ] {
            fs::create_dir_all(made).unwrap();
        }
        let missing = folder.path().join("no-docker.sock");
        let environment = Environment::from([
            (
                "DOCKER_HOST".to_owned(),
                format!("unix://{}", missing.display()),
            ),
            ("TMPDIR".to_owned(), temp.display().to_string()),
        ]);
        let subject = Subject {
            about: About {
                deployment: "octo/shop/4711/1".to_owned(),
                environment: "production".to_owned(),
                version: "v42".to_owned(),
                candidate: 1,
                role: "primary".to_owned(),
                runner: "runner-a".to_owned(),
                instance: "0f".to_owned(),
                ended: "candidate 1 failed to deploy v42".to_owned(),
                at: Timestamp(1_800_000_000_000),
            },
            environment,
            root: folder.path().join("machine"),
            preflight: temp.join("baton/preflight.json"),
            temp,
            reach: Vec::new(),
            history: Part::Had(vec![entry(1, 60), entry(2, 0)]),
            last_lines: vec!["copying".to_owned(), "no space left".to_owned()],
        };
        Host { folder, subject }
    }

    /// A path in the runner's root.
    pub(crate) fn runner(&self, path: &str) -> PathBuf {
        self.folder.path().join("runner").join(path)
    }

    /// Writes a file of the recorded machine.
    pub(crate) fn machine(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.subject.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// One process of the recorded machine.
    pub(crate) fn process(&self, pid: u32, parent: u32, name: &str, arguments: &[&str]) {
        // From field 4 on: the parent, 17 others, the start in ticks, one other, the resident pages, and the rest.
        let others = ["0"; 17].join(" ");
        let stat = format!("{pid} ({name}) S {parent} {others} 100 0 256 0 0\n");
        self.machine(&format!("proc/{pid}/stat"), stat);
        let mut line = arguments.join("\0");
        line.push('\0');
        self.machine(&format!("proc/{pid}/cmdline"), line);
        self.machine(&format!("proc/{pid}/environ"), "NAME=from-an-environment\0");
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let mut all: Vec<(String, String)> = self
            .subject
            .environment
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .filter(|(known, _)| known != name)
            .collect();
        all.push((name.to_owned(), value.to_owned()));
        self.subject.environment = Environment::from_iter(all);
    }

    pub(crate) async fn gather(&self) -> Bundle {
        gather(&self.subject, Instant::now() + WITHIN).await
    }

    /// Gathers and writes; the JSON document and the text.
    pub(crate) async fn written(&self, redactor: &Redactor) -> (Value, String) {
        let bundle = self.gather().await;
        self.write(&bundle, redactor)
    }

    pub(crate) fn write(&self, bundle: &Bundle, redactor: &Redactor) -> (Value, String) {
        let folder = bundle.write(&self.own(), redactor).unwrap();
        read(&folder)
    }

    /// Where bundles go.
    pub(crate) fn own(&self) -> PathBuf {
        self.subject.temp.join("baton")
    }
}

pub(crate) fn read(folder: &Path) -> (Value, String) {
    let json = fs::read_to_string(folder.join("diagnostics.json")).unwrap();
    let text = fs::read_to_string(folder.join("diagnostics.txt")).unwrap();
    (serde_json::from_str(&json).unwrap(), text)
}

pub(crate) fn entry(seq: u64, ago: u64) -> Entry {
    Entry {
        seq,
        nonce: format!("nonce-{seq}"),
        at: Timestamp(1_800_000_000_000 - ago * 1000),
        deployment: Deployment {
            id: "octo/shop/4711/1".to_owned(),
            run: "octo/shop/4711".to_owned(),
            workflow: "deploy".to_owned(),
            git_ref: "refs/heads/main".to_owned(),
            run_number: 1,
            run_attempt: 1,
            sha: String::new(),
            actor: "mona".to_owned(),
            version: "v42".to_owned(),
            trigger: "push".to_owned(),
            environment: "production".to_owned(),
        },
        by: None,
        token: seq,
        event: Event::AttemptStarted { number: 1 },
    }
}

pub(crate) fn reach(what: &str, host: &str, port: u16) -> Reach {
    Reach {
        what: what.to_owned(),
        host: host.to_owned(),
        port,
    }
}

/// A moment that a slow machine needs beyond a deadline.
pub(crate) const SLACK: Duration = Duration::from_secs(5);
