//! The surroundings of one trial: a repository, a home and a tool cache of its own, so that trials on one machine
//! neither see nor disturb each other.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use baton_tests::{audit::Audit, binaries};
use tempfile::TempDir;

use crate::running::Running;

/// Sourced by every bash of a run. act overwrites the summary of one step with that of the next; here each step of ours
/// gets a file that outlives the run.
const HOOK: &str = r#"[[ -z ${INPUT_MODE:-} ]] || export GITHUB_STEP_SUMMARY=$TRIAL_RUN/$GITHUB_JOB${INPUT_CANDIDATE:+-$INPUT_CANDIDATE}.md
[[ ! -v INPUT_CHECKS ]] || export GITHUB_STEP_SUMMARY=$TRIAL_RUN/preflight-$INPUT_CANDIDATE.md
[[ ! -v INPUT_GATES ]] || export GITHUB_STEP_SUMMARY=$TRIAL_RUN/health-gates.md
[[ ! -v INPUT_PUSHGATEWAY_URL ]] || export GITHUB_STEP_SUMMARY=$TRIAL_RUN/metrics-$GITHUB_JOB${INPUT_CANDIDATE:+-$INPUT_CANDIDATE}.md
"#;

/// A repository with a workflow, and everything that act needs to run it.
pub(crate) struct Trial {
    folder: TempDir,
    repository: &'static str,
    arguments: Vec<String>,
    runs: usize,
}

impl Trial {
    /// A trial of a repository of this name, `owner/name`; nothing is in it yet.
    pub(crate) fn of(repository: &'static str) -> Trial {
        let trial = Trial {
            folder: tempfile::tempdir().unwrap(),
            repository,
            arguments: Vec::new(),
            runs: 0,
        };
        for folder in ["home", "tmp", "checkout"] {
            fs::create_dir(trial.folder.path().join(folder)).unwrap();
        }
        fs::write(trial.folder.path().join("hook"), HOOK).unwrap();
        trial
    }

    /// More arguments for act.
    pub(crate) fn with(mut self, arguments: &[&str]) -> Trial {
        self.arguments
            .extend(arguments.iter().map(|a| (*a).to_owned()));
        self
    }

    /// The folder of everything.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The repository's files.
    pub(crate) fn checkout(&self) -> PathBuf {
        self.folder.path().join("checkout")
    }

    /// The folder that outlives jobs and runs.
    pub(crate) fn tool_cache(&self) -> PathBuf {
        self.folder.path().join("home/.cache/act/tool_cache")
    }

    /// Makes a commit of the files as they are: act takes the run's ref and commit from it.
    pub(crate) fn commit(&self) {
        let origin = format!("https://github.com/{}.git", self.repository);
        for arguments in [
            &["init", "-q", "-b", "main"][..],
            &["remote", "add", "origin", &origin],
            &["add", "-A"],
            &["commit", "-q", "-m", "What is tried"],
        ] {
            let status = Command::new("git")
                .args(arguments)
                .current_dir(self.checkout())
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .env("GIT_CONFIG_SYSTEM", "/dev/null")
                .envs([
                    ("GIT_AUTHOR_NAME", "mona"),
                    ("GIT_AUTHOR_EMAIL", "mona@example.com"),
                ])
                .envs([
                    ("GIT_COMMITTER_NAME", "mona"),
                    ("GIT_COMMITTER_EMAIL", "mona@example.com"),
                ])
                .status()
                .unwrap();
            assert!(status.success(), "git {arguments:?}");
        }
    }

    /// The commit that is tried.
    pub(crate) fn sha(&self) -> String {
        let head = self.checkout().join(".git/refs/heads/main");
        fs::read_to_string(head).unwrap().trim().to_owned()
    }

    /// Starts act on a push.
    pub(crate) fn push(&mut self, workflow: &str) -> Running {
        self.start("push", workflow, &[])
    }

    /// Starts act as a person who fills in these inputs, each `name=value`.
    pub(crate) fn dispatch(&mut self, workflow: &str, inputs: &[&str]) -> Running {
        self.start("workflow_dispatch", workflow, inputs)
    }

    fn start(&mut self, event: &str, workflow: &str, inputs: &[&str]) -> Running {
        self.runs += 1;
        let run = self.folder.path().join(format!("run-{}", self.runs));
        fs::create_dir(&run).unwrap();
        let variable = |name: &str, path: &Path| format!("{name}={}", path.display());
        let mut act = Command::new(act());
        act.args([event, "--workflows", workflow])
            .args(inputs.iter().flat_map(|input| ["--input", input]))
            .args(["--platform", "self-hosted=-self-hosted"])
            .args(["--platform", "ubuntu-24.04=-self-hosted"])
            // As many at once as there are jobs: else the verdict would begin after a leg.
            .args(["--concurrent-jobs", "4"])
            // The staged binaries are files that git ignores.
            .arg("--use-gitignore=false")
            .args([
                "--env",
                &variable("BASH_ENV", &self.folder.path().join("hook")),
            ])
            .args(["--env", &variable("TRIAL_RUN", &run)])
            .args(&self.arguments)
            .current_dir(self.checkout())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path().join("home"))
            .env("TMPDIR", self.folder.path().join("tmp"))
            .stdin(Stdio::null());
        Running::start(act, run)
    }

    /// Lease and ledger of this lock, in the store that a trial uses by itself.
    pub(crate) fn audit(&self, lock: &str) -> Audit {
        let folder = self.tool_cache().join("baton");
        let stores: Vec<PathBuf> = fs::read_dir(&folder)
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        let mut made = stores
            .into_iter()
            .filter(|path| path.extension().is_some_and(|e| e == "git"));
        let store = made.next().unwrap_or_else(|| folder.join("none yet.git"));
        assert_eq!(made.next(), None, "one store");
        Audit::of(&store, lock)
    }
}

/// The project's own checkout.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

fn act() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let own = project().join(".tools/bin");
    std::iter::once(own)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("act"))
        .find(|file| file.is_file())
        .expect("act is there: dist-scripts/bootstrap act brings it")
}

/// The project's files as they lie there, without what git ignores, copied to `into`.
pub(crate) fn copy_project(into: &Path) {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "--deduplicate",
        ])
        .current_dir(project())
        .output()
        .unwrap();
    assert!(listed.status.success(), "the project is a git checkout");
    for name in String::from_utf8(listed.stdout)
        .unwrap()
        .split_terminator('\0')
    {
        let (from, to) = (project().join(name), into.join(name));
        // One that was deleted and not committed is listed too.
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
}

/// Puts the programs under test where the actions of the checkout `into` look for them.
pub(crate) fn stage(into: &Path) {
    let from = tempfile::tempdir().unwrap();
    for (action, built) in [
        ("preflight", binaries::preflight()),
        ("health-gates", binaries::health_gates()),
        ("runner-failover", binaries::runner_failover()),
        ("push-metrics", binaries::push_metrics()),
    ] {
        let program = from
            .path()
            .join(format!("{action}-linux-{}", architecture()));
        fs::copy(built, &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let staged = Command::new("bash")
        .arg(project().join("dist-scripts/stage"))
        .arg("--from")
        .arg(from.path())
        .arg("--into")
        .arg(into)
        .output()
        .unwrap();
    assert!(
        staged.status.success(),
        "{}",
        String::from_utf8_lossy(&staged.stderr)
    );
}

/// As the runner and our file names call it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => panic!("baton has no program for {other}"),
    }
}
