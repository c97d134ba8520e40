//! The program under test: one run of it in a folder of its own, and all that it left behind.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A user that owns nothing here.
const NOBODY: u32 = 65534;

/// One run, as a step on a runner would start it.
pub(crate) struct Preflight {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
    /// Lines of a shell that run first, as root in a mount namespace of their own.
    mounts: Option<String>,
    unprivileged: bool,
}

impl Preflight {
    /// Asks `checks`, without a store, on a runner that knows nothing else.
    pub(crate) fn of(checks: &str) -> Preflight {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let temp = folder.path().join("temp");
        fs::create_dir(&temp).unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let variables = [
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_REPOSITORY", "octo/shop".to_owned()),
            ("GITHUB_RUN_ID", "42".to_owned()),
            ("GITHUB_RUN_NUMBER", "7".to_owned()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_WORKFLOW", "deploy".to_owned()),
            ("GITHUB_JOB", "deploy".to_owned()),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("GITHUB_SHA", "abc".to_owned()),
            ("GITHUB_ACTOR", "ada".to_owned()),
            ("GITHUB_WORKSPACE", folder.path().display().to_string()),
            ("RUNNER_NAME", "runner-a".to_owned()),
            ("RUNNER_TEMP", temp.display().to_string()),
            ("HOME", at("temp")),
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("GITHUB_OUTPUT", at("temp/output")),
            ("GITHUB_STEP_SUMMARY", at("temp/summary")),
            ("INPUT_ENVIRONMENT", "production".to_owned()),
            ("INPUT_STORE", "none".to_owned()),
            ("INPUT_CHECKS", checks.to_owned()),
        ];
        let variables: BTreeMap<String, String> = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        for name in ["output", "summary"] {
            fs::write(temp.join(name), "").unwrap();
        }
        Preflight {
            folder,
            variables,
            mounts: None,
            unprivileged: false,
        }
    }

    /// Sets a variable.
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Preflight {
        self.variables.insert(name.to_owned(), value.to_string());
        self
    }

    /// Runs `shell` first, in a mount namespace of the run's own; it ends the run where a line fails.
    pub(crate) fn mounting(mut self, shell: &str) -> Preflight {
        self.mounts = Some(shell.to_owned());
        self
    }

    /// Runs as a user that owns nothing but its temporary folder.
    pub(crate) fn unprivileged(mut self) -> Preflight {
        self.unprivileged = true;
        self
    }

    /// The workspace, which is also where a run's files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the workspace.
    pub(crate) fn file(self, name: &str, text: &str) -> Preflight {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Puts a shell script in front of `PATH`. Another process writes it: a file that this one had open for writing
    /// while a parallel test starts a program could not be run (`ETXTBSY`).
    pub(crate) fn script(self, name: &str, text: &str) -> Preflight {
        let bin = self.folder().join("bin");
        let mut child = Command::new("install")
            .args(["-D", "-m", "755", "/dev/stdin"])
            .arg(bin.join(name))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(format!("#!/bin/sh\n{text}\n").as_bytes())
            .unwrap();
        drop(pipe);
        assert!(child.wait().unwrap().success());
        let path = format!("{}:/usr/bin:/bin", bin.display());
        self.with("PATH", path)
    }

    /// The command, with everything set.
    pub(crate) fn command(&self) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_preflight"));
        let mut command = match &self.mounts {
            None if self.unprivileged => {
                // A build's folder need not be open to others.
                let copy = self.folder().join("preflight");
                let copied = Command::new("cp").arg(program).arg(&copy).status();
                assert!(copied.unwrap().success());
                for path in ["temp", "temp/output", "temp/summary"] {
                    chown(self.folder().join(path), Some(NOBODY), Some(NOBODY)).unwrap();
                }
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={NOBODY}"))
                    .arg(format!("--regid={NOBODY}"))
                    .arg("--clear-groups")
                    .arg(copy);
                command
            }
            None => Command::new(program),
            Some(shell) => {
                let mut command = Command::new("unshare");
                let lines = format!("{shell}\nexec \"$0\"");
                command
                    .args(["--mount", "--", "sh", "-ec", &lines])
                    .arg(program);
                command
            }
        };
        command
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.folder())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Ran {
        let begun = Instant::now();
        let ended = self.command().output().unwrap();
        self.left(&ended, begun.elapsed())
    }

    /// What an ended run left behind.
    pub(crate) fn left(&self, ended: &std::process::Output, took: Duration) -> Ran {
        let temp = self.folder().join("temp");
        let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        let report = read(temp.join("baton/preflight.json"));
        Ran {
            code: ended.status.code(),
            took,
            log: String::from_utf8_lossy(&ended.stdout).into_owned(),
            errors: String::from_utf8_lossy(&ended.stderr).into_owned(),
            summary: read(temp.join("summary")),
            outputs: read(temp.join("output")),
            report: serde_json::from_str(&report).unwrap_or(Value::Null),
            report_text: report,
        }
    }
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) took: Duration,
    pub(crate) log: String,
    pub(crate) errors: String,
    pub(crate) summary: String,
    pub(crate) outputs: String,
    pub(crate) report: Value,
    pub(crate) report_text: String,
}

impl Ran {
    /// All of it, for the message of an assertion and for the search for what must not be there.
    pub(crate) fn everything(&self) -> String {
        format!(
            "exit {:?}\n{}\n{}\n{}\n{}\n{}",
            self.code, self.log, self.errors, self.summary, self.outputs, self.report_text
        )
    }

    /// What the report says of one check.
    #[track_caller]
    pub(crate) fn check(&self, id: &str) -> &Value {
        let checks = self.report["checks"].as_array();
        checks
            .and_then(|checks| checks.iter().find(|check| check["id"] == id))
            .unwrap_or_else(|| panic!("{id} is not in the report:\n{}", self.everything()))
    }

    /// How a check ended by what was measured.
    #[track_caller]
    pub(crate) fn measured(&self, id: &str) -> &str {
        self.check(id)["finding"]["status"].as_str().unwrap()
    }

    /// The parts of a check: subject, status and words.
    #[track_caller]
    pub(crate) fn parts(&self, id: &str) -> Vec<(&str, &str, &str)> {
        let parts = self.check(id)["finding"]["parts"].as_array();
        parts
            .into_iter()
            .flatten()
            .map(|part| {
                (
                    part["subject"].as_str().unwrap(),
                    part["status"].as_str().unwrap(),
                    part["seen"].as_str().unwrap(),
                )
            })
            .collect()
    }

    /// Asserts the exit code, and that outputs and report agree with it.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32, result: &str, failed: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.everything());
        assert_eq!(self.report["exit_code"], code, "{}", self.everything());
        assert_eq!(self.report["result"], result, "{}", self.everything());
        assert_eq!(self.output("result"), result, "{}", self.outputs);
        assert_eq!(self.output("failed"), failed.join(","), "{}", self.outputs);
        assert!(
            self.output("report").ends_with("preflight.json"),
            "{}",
            self.outputs
        );
    }

    /// An output of the step.
    pub(crate) fn output(&self, name: &str) -> &str {
        let start = format!("{name}<<");
        let mut lines = self.outputs.lines();
        while let Some(line) = lines.next() {
            if line.starts_with(&start) {
                return lines.next().unwrap_or_default();
            }
            if let Some(value) = line.strip_prefix(&format!("{name}=")) {
                return value;
            }
        }
        panic!("no output {name} in\n{}", self.outputs)
    }

    /// Asserts that a check ended with `status` and that summary and log, its annotations among it, say
    /// `words`.
    #[track_caller]
    pub(crate) fn tells(&self, id: &str, status: &str, words: &[&str]) {
        let check = self.check(id);
        let all = self.everything();
        assert_eq!(check["finding"]["status"], status, "{id}\n{all}");
        let sign = match check["status"].as_str() {
            Some("fail") => "❌",
            Some("pass") => "✅",
            _ => "⚠️",
        };
        let row = self.row(id);
        assert!(row.starts_with(&format!("| {sign} |")), "{row}\n{all}");
        // A failure and a warning are annotations, which the log shows too.
        let line = match check["status"].as_str() {
            Some("fail") => self.line(&format!("::error title=baton::{id}: ")),
            Some("warn") => self.line(&format!("::warning title=baton::{id}: ")),
            _ => self.line(&format!("{sign} {id}")),
        };
        for word in words {
            for text in [row, line] {
                assert!(
                    plain(text).contains(word),
                    "{word} is missing in\n{text}\n{all}"
                );
            }
        }
        if status != "pass" {
            assert_ne!(check["mend"], "", "{id} has no mend\n{all}");
        }
    }

    /// The row of a check in the summary.
    #[track_caller]
    pub(crate) fn row(&self, id: &str) -> &str {
        let mut rows = self.summary.lines();
        rows.find(|line| line.contains(&format!("| `{id}`")))
            .unwrap_or_else(|| panic!("{id} has no row in\n{}", self.everything()))
    }

    /// The first line of the log that has `text`.
    #[track_caller]
    pub(crate) fn line(&self, text: &str) -> &str {
        let mut lines = self.log.lines();
        lines
            .find(|line| line.contains(text))
            .unwrap_or_else(|| panic!("{text} is not in the log:\n{}", self.everything()))
    }
}

/// Text without the marks that Markdown and commands need.
fn plain(text: &str) -> String {
    text.replace('\\', "").replace("%25", "%")
}
