//! One step of a job as a runner starts it: a process of its own group with a clean environment in a folder of its own.

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs::{self, File},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use lease::testing::http_git::Server;
use nix::sys::signal::Signal;

use crate::{Run, Scene, binaries, patience, process, scene};

/// The lease time of tests: three tenths of the default, as everything else then is too; slow machines still keep it.
pub const LEASE: &str = "6600ms";

/// How long anything may take that should happen at once, on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);

/// What every script can call: `write WHAT SECONDS` writes to the target under the command's token; `forever` and
/// `release` ([`Scene::release`]) stand for seconds too.
const WRITE: &str = r#"write() { "$WRITER" "$TARGET" "$BATON_FENCING_TOKEN" "$@"; }"#;

/// The action that a step uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    RunnerFailover,
    Preflight,
    HealthGates,
    PushMetrics,
}

impl Action {
    fn program(self) -> &'static Path {
        match self {
            Action::RunnerFailover => binaries::runner_failover(),
            Action::Preflight => binaries::preflight(),
            Action::HealthGates => binaries::health_gates(),
            Action::PushMetrics => binaries::push_metrics(),
        }
    }

    /// A file of the step's own: the steps of one job share their folder and nothing in it but the temporary one.
    fn file(self, name: &str) -> String {
        match self {
            Action::RunnerFailover => name.to_owned(),
            Action::Preflight => format!("preflight-{name}"),
            Action::HealthGates => format!("gates-{name}"),
            Action::PushMetrics => format!("metrics-{name}"),
        }
    }
}

/// A step that has not started.
#[derive(Clone, Debug)]
pub struct Step {
    action: Action,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    arguments: Vec<String>,
}

impl Step {
    pub(crate) fn new(scene: &Scene, run: &Run, mode: &str, name: &str, runner: &str) -> Step {
        Step::of(Action::RunnerFailover, scene, run, name, runner).input("mode", mode)
    }

    /// A step of the job in the folder `name`.
    pub(crate) fn of(action: Action, scene: &Scene, run: &Run, name: &str, runner: &str) -> Step {
        let folder = scene.folder().join(name);
        let file = |name: &str| folder.join(name).display().to_string();
        let environment = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", file("home")),
            ("WRITER", binaries::target_writer().display().to_string()),
            ("TARGET", scene.target().path().display().to_string()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_ACTOR", "mona".to_owned()),
            ("GITHUB_EVENT_NAME", "push".to_owned()),
            ("GITHUB_JOB", "deploy".to_owned()),
            ("GITHUB_OUTPUT", file(&action.file("output"))),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("GITHUB_REPOSITORY", scene::REPOSITORY.to_owned()),
            ("GITHUB_RUN_ATTEMPT", run.attempt.to_string()),
            ("GITHUB_RUN_ID", run.id.to_string()),
            ("GITHUB_RUN_NUMBER", run.number.to_string()),
            ("GITHUB_SHA", format!("{:040x}", run.id)),
            ("GITHUB_STEP_SUMMARY", file(&action.file("summary.md"))),
            ("GITHUB_WORKFLOW", run.workflow.to_owned()),
            ("GITHUB_WORKSPACE", file("work")),
            ("RUNNER_NAME", runner.to_owned()),
            ("RUNNER_TEMP", file("temp")),
        ];
        Step {
            action,
            folder: folder.clone(),
            environment: environment
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            arguments: Vec::new(),
        }
        .input("environment", scene::ENVIRONMENT)
        .input(
            "store",
            format!("git+file://{}", scene.repository().display()),
        )
    }

    /// Sets an input, as action.yml hands it on.
    pub fn input(self, name: &str, value: impl Display) -> Step {
        let value = match name {
            "run" | "on-failure" => format!("{WRITE}\n{value}"),
            _ => value.to_string(),
        };
        self.variable(
            &format!("INPUT_{}", name.to_uppercase().replace('-', "_")),
            value,
        )
    }

    /// Leaves these inputs at their defaults.
    pub fn default_of(self, names: &[&str]) -> Step {
        names.iter().fold(self, |step, name| {
            step.unset(&format!("INPUT_{}", name.to_uppercase().replace('-', "_")))
        })
    }

    /// Sets a variable of the environment.
    pub fn variable(mut self, name: &str, value: impl Display) -> Step {
        self.environment.insert(name.to_owned(), value.to_string());
        self
    }

    /// Takes a variable away.
    pub fn unset(mut self, name: &str) -> Step {
        self.environment.remove(name);
        self
    }

    /// Another name for the runner that it runs on, and so another folder.
    pub fn on(mut self, runner: &str) -> Step {
        let name = self
            .folder
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let folder = self.folder.with_file_name(format!("{runner}-as-{name}"));
        let old = self.folder.display().to_string();
        for value in self.environment.values_mut() {
            *value = value.replace(&old, &folder.display().to_string());
        }
        self.folder = folder;
        self.variable("RUNNER_NAME", runner)
    }

    /// Adds an argument: a flag.
    pub fn flag(mut self, flag: &str) -> Step {
        self.arguments.push(flag.to_owned());
        self
    }

    /// Reaches the store over this link instead of the disk.
    pub fn over(self, link: &Server) -> Step {
        self.input("store", format!("git+{}", link.url()))
            .input("github-token", scene::TOKEN)
    }

    /// Starts it.
    ///
    /// # Panics
    /// The program cannot be started.
    pub fn start(self) -> Process {
        for folder in ["home", "temp", "work"] {
            fs::create_dir_all(self.folder.join(folder)).unwrap();
        }
        let log = File::create(self.folder.join(self.action.file("log"))).unwrap();
        let child = Command::new(self.action.program())
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.folder.join("work"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            // A group of its own, as a runner gives a step.
            .process_group(0)
            .spawn()
            .unwrap();
        Process {
            child,
            action: self.action,
            folder: self.folder,
            ended: None,
        }
    }

    /// Starts it and waits for its end.
    ///
    /// # Panics
    /// It does not end in time.
    pub fn finish(self, within: Duration) -> Ended {
        self.start().wait(within)
    }
}

/// A step that runs. Dropping it ends it and everything below it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    action: Action,
    folder: PathBuf,
    ended: Option<Ended>,
}

/// How a step ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; nothing where a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    action: Action,
    folder: PathBuf,
}

impl Process {
    /// The supervisor's process id, also that of its group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder with everything of this step.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its watchdog.
    ///
    /// # Panics
    /// There is none.
    pub fn watchdog(&self) -> u32 {
        patience::until(SOON, "the watchdog", || {
            process::descendants(self.pid())
                .into_iter()
                .find(|p| process::arguments(*p).starts_with("baton-watchdog"))
        })
    }

    /// The deploy command and everything below it.
    pub fn tree(&self) -> Vec<u32> {
        process::descendants(self.watchdog())
    }

    /// Sends a signal to the supervisor alone.
    pub fn signal(&self, signal: Signal) {
        process::send(self.pid(), signal);
    }

    /// What a lost machine looks like: supervisor, watchdog and tree get SIGKILL in one go.
    pub fn lose(&self) {
        let below = process::descendants(self.pid());
        // First all stand still, so that none sees another's end and acts on it.
        for pid in std::iter::once(self.pid()).chain(below.iter().copied()) {
            process::send(pid, Signal::SIGSTOP);
        }
        for pid in process::descendants(self.pid())
            .into_iter()
            .chain(below)
            .chain([self.pid()])
        {
            process::send(pid, Signal::SIGKILL);
        }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        read(&self.folder.join(self.action.file("log")))
    }

    /// Waits until it has said something.
    ///
    /// # Panics
    /// It does not say it.
    pub fn says(&self, text: &str, within: Duration) {
        let heard = patience::within_reach(within, || self.log().contains(text).then_some(()));
        assert!(
            heard.is_some(),
            "waited {within:?} in vain for {text:?} in:\n{}",
            self.log()
        );
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.look().is_none()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It does not end in time.
    pub fn wait(&mut self, within: Duration) -> Ended {
        let ended = patience::within_reach(within, || self.look());
        ended.unwrap_or_else(|| {
            panic!(
                "waited {within:?} in vain for the end of a step that said:\n{}",
                self.log()
            )
        })
    }

    fn look(&mut self) -> Option<Ended> {
        if self.ended.is_none()
            && let Some(status) = self.child.try_wait().unwrap()
        {
            self.ended = Some(Ended {
                code: status.code(),
                signal: status.signal(),
                action: self.action,
                folder: self.folder.clone(),
            });
        }
        self.ended.clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.look().is_none() {
            self.lose();
            let _collected = self.child.wait();
        }
    }
}

impl Ended {
    /// Everything it said.
    pub fn log(&self) -> String {
        read(&self.folder.join(self.action.file("log")))
    }

    /// The job summary.
    pub fn summary(&self) -> String {
        read(&self.folder.join(self.action.file("summary.md")))
    }

    /// A file that it left in the runner's temporary folder, for later steps or for a person; empty where it is not there.
    pub fn left(&self, name: &str) -> String {
        read(&self.folder.join("temp/baton").join(name))
    }

    /// The file of outputs, as it is.
    pub fn output_file(&self) -> String {
        read(&self.folder.join(self.action.file("output")))
    }

    /// An output, read as a runner reads it.
    ///
    /// # Panics
    /// It was not set.
    pub fn output(&self, name: &str) -> String {
        let file = self.output_file();
        let mut lines = file.lines();
        let mut found = None;
        while let Some(line) = lines.next() {
            let (key, delimiter) = line.split_once("<<").expect("an output with a delimiter");
            let value: Vec<&str> = lines.by_ref().take_while(|l| *l != delimiter).collect();
            if key == name {
                found = Some(value.join("\n"));
            }
        }
        found.unwrap_or_else(|| panic!("no output {name} in:\n{file}\nlog:\n{}", self.log()))
    }

    /// That it ended with this code.
    ///
    /// # Panics
    /// It did not; everything it said is shown.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ended {
        assert_eq!(
            self.code,
            Some(code),
            "signal {:?}, log:\n{}",
            self.signal,
            self.log()
        );
        self
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
