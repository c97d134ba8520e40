//! One step with a clean environment in a folder of its own, and what it left.

use std::{collections::BTreeMap, fs, process::Stdio};

use tempfile::TempDir;
use tokio::process::Command;

/// A token that looks like nothing else.
pub(crate) const CANARY: &str = "ghs_canary5d81f0c2b7e94a36";

/// A step that has not started.
pub(crate) struct Step {
    folder: TempDir,
    command: Command,
}

/// How a step ended.
pub(crate) struct Ended {
    pub(crate) log: String,
    pub(crate) summary: String,
    outputs: BTreeMap<String, String>,
}

impl Step {
    /// A step of this mode that asks the GitHub at `api_url`.
    pub(crate) fn new(mode: &str, api_url: &str) -> Step {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner-failover"));
        let file = |name: &str| folder.path().join(name);
        command
            .env_clear()
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_API_URL", api_url)
            .env("GITHUB_SERVER_URL", "https://github.example")
            .env("GITHUB_REPOSITORY", "octo-org/shop")
            .env("GITHUB_RUN_ID", "99")
            .env("GITHUB_RUN_NUMBER", "9")
            .env("GITHUB_RUN_ATTEMPT", "1")
            .env("GITHUB_OUTPUT", file("output"))
            .env("GITHUB_STEP_SUMMARY", file("summary.md"))
            .env("RUNNER_NAME", "hosted")
            .env("RUNNER_TEMP", folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Step { folder, command }
            .input("mode", mode)
            .input("environment", "production")
    }

    /// Sets an input, as action.yml hands it on.
    pub(crate) fn input(self, name: &str, value: &str) -> Step {
        let variable = format!("INPUT_{}", name.to_uppercase().replace('-', "_"));
        self.variable(&variable, value)
    }

    /// Sets a variable of the environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Step {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end, which must have this code. No test may see the canary anywhere.
    pub(crate) async fn ends_with(mut self, code: i32) -> Ended {
        let output = self.command.output().await.unwrap();
        let read =
            |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let log = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let (summary, file) = (read("summary.md"), read("output"));
        assert_eq!(output.status.code(), Some(code), "{log}\n{summary}");
        for text in [&log, &summary, &file] {
            // The one place where a secret may stand: where the runner is told to hide it.
            let seen = text
                .lines()
                .find(|line| line.contains(CANARY) && !line.starts_with("::add-mask::"));
            assert_eq!(seen, None);
        }
        Ended {
            log,
            summary,
            outputs: outputs(&file),
        }
    }
}

impl Ended {
    /// An output, read as a runner reads it; nothing where it was not set.
    pub(crate) fn output(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(String::as_str)
    }

    /// How many errors the run's page shows.
    pub(crate) fn errors(&self) -> usize {
        self.log
            .lines()
            .filter(|line| line.starts_with("::error"))
            .count()
    }

    /// The cells of the summary's line about `what`.
    pub(crate) fn row(&self, what: &str) -> Vec<String> {
        let line = self
            .summary
            .lines()
            .find(|line| line.starts_with('|') && line.contains(what))
            .unwrap_or_else(|| panic!("no line about {what} in:\n{}", self.summary));
        line.trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    }
}

fn outputs(file: &str) -> BTreeMap<String, String> {
    let mut lines = file.lines();
    let mut outputs = BTreeMap::new();
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").unwrap();
        let value: Vec<&str> = lines.by_ref().take_while(|l| *l != delimiter).collect();
        outputs.insert(name.to_owned(), value.join("\n"));
    }
    outputs
}
