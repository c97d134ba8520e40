//! The surroundings of one test: a store, a target, and a folder for every process, all gone afterwards.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lease::testing::http_git::Server;
use tempfile::TempDir;

use crate::{Step, audit::Audit, process, step::Action, target::Target};

/// The repository that every run belongs to.
pub const REPOSITORY: &str = "octo/shop";

/// The environment that is deployed to.
pub const ENVIRONMENT: &str = "production";

/// The token that links to the store ask for.
pub const TOKEN: &str = "link-token-4c1d8f20a9";

/// One run of a workflow, as GitHub numbers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `GITHUB_RUN_ID`.
    pub id: u64,
    /// `GITHUB_RUN_NUMBER`.
    pub number: u64,
    /// `GITHUB_RUN_ATTEMPT`.
    pub attempt: u64,
    /// `GITHUB_WORKFLOW`.
    pub workflow: &'static str,
}

impl Run {
    /// The first attempt of the run with this number; its id follows from it.
    pub fn number(number: u64) -> Run {
        Run {
            id: 4700 + number,
            number,
            attempt: 1,
            workflow: "deploy",
        }
    }

    /// The same run, run again.
    pub fn attempt(self, attempt: u64) -> Run {
        Run { attempt, ..self }
    }

    /// A run with the same numbers of another workflow.
    pub fn of_workflow(self, workflow: &'static str) -> Run {
        Run {
            workflow,
            id: self.id + 1_000_000,
            ..self
        }
    }

    /// The deployment's id: `octo/shop/4701/1`.
    pub fn deployment(&self) -> String {
        format!("{REPOSITORY}/{}/{}", self.id, self.attempt)
    }
}

/// A store, a target, and whoever deploys from the one to the other.
#[derive(Debug)]
pub struct Scene {
    folder: TempDir,
}

impl Default for Scene {
    fn default() -> Self {
        Scene::new()
    }
}

impl Scene {
    /// Nothing is there yet: the first candidate makes the store.
    ///
    /// # Panics
    /// No temporary folder can be made.
    pub fn new() -> Scene {
        Scene::named("baton-scene-")
    }

    /// The same, in a folder whose name begins so.
    ///
    /// # Panics
    /// No temporary folder can be made.
    pub fn named(prefix: &str) -> Scene {
        Scene {
            folder: tempfile::Builder::new().prefix(prefix).tempdir().unwrap(),
        }
    }

    /// The folder of it all.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps the folder for a person to look at.
    pub fn keep(self) -> PathBuf {
        let mut kept = self;
        kept.folder.disable_cleanup(true);
        kept.folder().to_owned()
    }

    /// The bare repository.
    pub fn repository(&self) -> PathBuf {
        self.folder().join("store.git")
    }

    /// A link to the store of one candidate's own, over HTTP, that can be cut, slowed and made to lie.
    ///
    /// # Panics
    /// No port is free, or git is missing.
    pub fn link(&self) -> Server {
        Server::start(self.folder(), TOKEN).unwrap()
    }

    /// Lease and ledger.
    pub fn audit(&self) -> Audit {
        self.audit_of(&self.lock())
    }

    /// The name of the lock.
    pub fn lock(&self) -> String {
        format!("{REPOSITORY}/{ENVIRONMENT}")
    }

    /// Lease and ledger of another lock.
    pub fn audit_of(&self, lock: &str) -> Audit {
        Audit::of(&self.repository(), lock)
    }

    /// What is deployed to.
    pub fn target(&self) -> Target {
        Target::at(self.folder().join("target.log"))
    }

    /// A candidate of a run, not yet started, with short timing; `script` is its deploy command.
    pub fn candidate(&self, run: &Run, number: u32, script: &str) -> Step {
        let (name, runner) = job(run, number);
        Step::new(self, run, "deploy", &name, &runner)
            .input("candidate", number)
            .input("candidates", 2)
            .input("run", script)
            .input("lease-time", crate::step::LEASE)
            .input("retry-wait", "0s")
            .input("attempts", 1)
    }

    /// The preflight of the same job as [`Scene::candidate`] of that run and number, not yet started, with these checks:
    /// what the machine of the test is like decides nothing.
    pub fn preflight(&self, run: &Run, number: u32, checks: &str) -> Step {
        let (name, runner) = job(run, number);
        Step::of(Action::Preflight, self, run, &name, &runner)
            .input("candidate", number)
            .input("candidates", 2)
            .input("checks", checks)
    }

    /// The health gates of the same job as [`Scene::candidate`] of that run and number, not yet started: what it needs to
    /// know of the deployment it finds.
    pub fn gates(&self, run: &Run, number: u32, gates: &str) -> Step {
        let (name, runner) = job(run, number);
        Step::of(Action::HealthGates, self, run, &name, &runner)
            .default_of(&["environment", "store"])
            .input("candidate", number)
            .input("gates", gates)
    }

    /// The step that pushes metrics in the same job as [`Scene::candidate`] of that run and number, not yet started.
    pub fn metrics(&self, run: &Run, number: u32) -> Step {
        let (name, runner) = job(run, number);
        Step::of(Action::PushMetrics, self, run, &name, &runner).input("candidate", number)
    }

    /// The step that pushes metrics behind [`Scene::verdict`] of that run, not yet started.
    pub fn metrics_of_verdict(&self, run: &Run) -> Step {
        let name = format!("verdict-of-{}-{}", run.id, run.attempt);
        Step::of(Action::PushMetrics, self, run, &name, "hosted")
    }

    /// The run's `verdict`, not yet started.
    pub fn verdict(&self, run: &Run) -> Step {
        Step::new(
            self,
            run,
            "verdict",
            &format!("verdict-of-{}-{}", run.id, run.attempt),
            "hosted",
        )
    }

    /// Another mode (`status`, `transfer`, `unlock`), not yet started.
    pub fn person(&self, mode: &str) -> Step {
        Step::new(
            self,
            &Run::number(99),
            mode,
            &format!("person-{mode}"),
            "laptop",
        )
        .unset("GITHUB_RUN_ID")
    }

    /// Lets every `write WHAT release` come to its end, now and later.
    ///
    /// # Panics
    /// The file cannot be made.
    pub fn release(&self) {
        let file = self.target().path().with_extension("log.release");
        fs::write(file, "").unwrap();
    }

    /// Every live process of a deploy command: they carry the target's path in their arguments.
    pub fn writers(&self) -> Vec<u32> {
        process::with_argument(self.target().path().to_str().unwrap())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for pid in self.writers() {
            process::send(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// The folder of a leg's job, and its runner.
fn job(run: &Run, number: u32) -> (String, String) {
    let runner = runner(number);
    (format!("{runner}-of-{}-{}", run.id, run.attempt), runner)
}

/// `runner-a`, `runner-b`, …
pub fn runner(candidate: u32) -> String {
    let letter = u8::try_from(candidate).map_or('z', |n| char::from(b'a' + n - 1));
    format!("runner-{letter}")
}
