//! `actions/launch.sh`, the one shell file behind every action: which program it becomes, and what it says where
//! there is none (design §10). The programs here are stand-ins that print what they were given.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Prints its own process id and its arguments, and ends with a code that nothing else uses.
const PROGRAM: &str = "#!/bin/sh\necho \"pid $$ arguments $*\"\nexit 42\n";

/// A runner's folders with one action in them, and the environment that a runner would give.
struct Runner {
    folder: TempDir,
    os: &'static str,
    arch: &'static str,
}

impl Runner {
    fn new() -> Self {
        let runner = Self {
            folder: TempDir::new().unwrap(),
            os: "Linux",
            arch: "X64",
        };
        fs::create_dir_all(runner.action()).unwrap();
        runner
    }

    fn action(&self) -> PathBuf {
        self.folder.path().join("actions/runner-failover")
    }

    /// Puts a program at `path` below the runner's folder.
    fn put(&self, path: &str, content: &str, mode: u32) -> PathBuf {
        let file = self.folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        file
    }

    /// Puts the action's own program for an architecture.
    fn put_own(&self, arch: &str, mode: u32) -> PathBuf {
        self.put(
            &format!("actions/runner-failover/bin/runner-failover-linux-{arch}"),
            PROGRAM,
            mode,
        )
    }

    /// Records the sum of `PROGRAM` as a release does, and puts `content` into the tool cache under that sum.
    fn put_cached(&self, content: &str) -> PathBuf {
        let original = self.put("original", PROGRAM, 0o644);
        let sums = Command::new("sha256sum").arg(original).output().unwrap();
        let sum = String::from_utf8(sums.stdout)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned();
        assert_eq!(sum.len(), 64, "a sha256");
        self.put(
            "actions/runner-failover/SHA256SUMS",
            &format!("{sum}  bin/runner-failover-linux-x64\n"),
            0o644,
        );
        self.put(
            &format!("tools/baton/{sum}/runner-failover-linux-x64"),
            content,
            0o755,
        )
    }

    fn command(&self) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../actions/launch.sh");
        let mut command = Command::new("/bin/bash");
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c"])
            .arg("exec bash \"$LAUNCH\" runner-failover --mode 'two words'")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("LAUNCH", script.canonicalize().unwrap())
            .env("GITHUB_ACTION_PATH", self.action())
            .env("RUNNER_OS", self.os)
            .env("RUNNER_ARCH", self.arch)
            .env("RUNNER_TEMP", self.folder.path())
            .env("RUNNER_TOOL_CACHE", self.folder.path().join("tools"))
            .stdin(Stdio::null());
        command
    }

    fn launch(&self) -> Output {
        self.command().output().unwrap()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Asserts that nothing was started, and gives the one line that says why.
fn refusal(output: &Output) -> String {
    let lines = text(output);
    assert_eq!(output.status.code(), Some(64), "{lines}");
    assert_eq!(
        lines.lines().count(),
        1,
        "one line, and no program's output: {lines}"
    );
    let line = lines.trim_end().to_owned();
    assert!(
        line.starts_with("::error::runner-failover: failed to "),
        "{line}"
    );
    line
}

#[test]
fn the_program_replaces_the_shell_so_that_signals_reach_it() {
    let runner = Runner::new();
    runner.put_own("x64", 0o755);
    let child = runner.command().stdout(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        text(&output),
        format!("pid {id} arguments --mode two words\n")
    );
    assert_eq!(output.status.code(), Some(42));
}

#[test]
fn the_good_case_starts_no_other_process() {
    let runner = Runner::new();
    runner.put_own("x64", 0o755);
    // A PATH with bash alone: whatever else the script called would fail and be seen.
    let path = runner.folder.path().join("path");
    fs::create_dir(&path).unwrap();
    symlink("/bin/bash", path.join("bash")).unwrap();
    let output = runner.command().env("PATH", path).output().unwrap();
    assert_eq!(output.status.code(), Some(42), "{}", text(&output));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn every_forge_s_name_of_an_architecture_is_understood() {
    let names = [
        ("x64", ["X64", "x64", "amd64", "x86_64"].as_slice()),
        ("arm64", ["ARM64", "arm64", "aarch64"].as_slice()),
    ];
    for (wanted, spellings) in names {
        for spelling in spellings {
            let mut runner = Runner::new();
            runner.arch = spelling;
            runner.put_own(wanted, 0o755);
            let output = runner.launch();
            assert_eq!(
                output.status.code(),
                Some(42),
                "{spelling}: {}",
                text(&output)
            );
        }
    }
}

#[test]
fn a_forge_that_names_neither_system_nor_architecture_gets_the_machine_s_own() {
    let mut runner = Runner::new();
    (runner.os, runner.arch) = ("", "");
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64"
    };
    runner.put_own(arch, 0o755);
    let output = runner.launch();
    assert_eq!(output.status.code(), Some(42), "{}", text(&output));
}

#[test]
fn a_runner_without_a_program_for_its_kind_is_told_to_change_runs_on() {
    for (os, arch) in [
        ("Windows", "X64"),
        ("macOS", "ARM64"),
        ("Linux", "ARM"),
        ("Linux", "X86"),
    ] {
        let mut runner = Runner::new();
        (runner.os, runner.arch) = (os, arch);
        runner.put_own("x64", 0o755);
        let line = refusal(&runner.launch());
        assert!(line.contains("runs-on"), "{line}");
    }
}

#[test]
fn a_ref_without_programs_is_told_to_pin_a_release() {
    let line = refusal(&Runner::new().launch());
    assert!(
        line.contains("pin baton to a release") && line.contains("dist-scripts/stage"),
        "{line}"
    );
}

#[test]
fn the_tool_cache_serves_where_the_action_carries_no_program() {
    let runner = Runner::new();
    runner.put_cached(PROGRAM);
    let output = runner.launch();
    assert_eq!(output.status.code(), Some(42), "{}", text(&output));
}

#[test]
fn the_action_s_own_program_goes_before_the_tool_cache() {
    let runner = Runner::new();
    runner.put_cached("#!/bin/sh\nexit 9\n");
    runner.put_own("x64", 0o755);
    assert_eq!(runner.launch().status.code(), Some(42));
}

#[test]
fn a_cached_program_that_differs_from_its_recorded_sum_is_not_run() {
    let runner = Runner::new();
    let cached = runner.put_cached("#!/bin/sh\necho changed\n");
    let line = refusal(&runner.launch());
    assert!(
        line.contains("failed to trust") && line.contains(cached.to_str().unwrap()),
        "{line}"
    );
}

#[test]
fn a_recorded_sum_without_a_cached_program_says_where_it_would_belong() {
    let runner = Runner::new();
    let cached = runner.put_cached(PROGRAM);
    fs::remove_file(&cached).unwrap();
    let line = refusal(&runner.launch());
    assert!(line.contains(cached.to_str().unwrap()), "{line}");
}

#[test]
fn a_program_that_lost_its_run_bit_runs_with_a_warning() {
    let runner = Runner::new();
    let program = runner.put_own("x64", 0o644);
    let output = runner.launch();
    assert_eq!(output.status.code(), Some(42), "{}", text(&output));
    assert!(
        text(&output).starts_with("::warning::runner-failover: "),
        "{}",
        text(&output)
    );
    assert_ne!(
        fs::metadata(program).unwrap().permissions().mode() & 0o100,
        0,
        "mended where it lies"
    );
}

#[test]
fn a_program_that_cannot_be_mended_in_place_runs_from_the_runner_s_temporary_folder() {
    let runner = Runner::new();
    let program = runner.put_own("x64", 0o644);
    // Root may change any file, so a chmod that refuses the action's folder stands in for a read-only one.
    let refusing = format!(
        "#!/bin/sh\ncase $2 in */actions/*) exit 1 ;; esac\nexec {} \"$@\"\n",
        which("chmod")
    );
    let chmod = runner.put("path/chmod", &refusing, 0o755);
    let path = format!(
        "{}:{}",
        chmod.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let output = runner.command().env("PATH", path).output().unwrap();
    assert_eq!(output.status.code(), Some(42), "{}", text(&output));
    assert_eq!(
        fs::metadata(program).unwrap().permissions().mode() & 0o111,
        0,
        "left as it was"
    );
}

#[test]
fn a_file_that_is_no_program_ends_with_a_plain_error() {
    let runner = Runner::new();
    let own = runner.put_own("x64", 0o755);
    fs::write(&own, b"\x7fELF\x02\x01\x01\0 for another machine\0\0").unwrap();
    let line = refusal(&runner.launch());
    assert!(line.contains("failed to execute"), "{line}");
}

#[test]
fn a_path_cannot_smuggle_a_second_line_into_the_log() {
    let runner = Runner::new();
    let folder = runner.folder.path().join("50%\n::warning::smuggled");
    let output = runner
        .command()
        .env("GITHUB_ACTION_PATH", folder)
        .output()
        .unwrap();
    let line = refusal(&output);
    assert!(line.contains("50%25%0A::warning::smuggled"), "{line}");
}

/// Where a program of the machine lies.
fn which(name: &str) -> String {
    let paths = std::env::var("PATH").unwrap();
    let found = paths
        .split(':')
        .map(|folder| format!("{folder}/{name}"))
        .find(|file| Path::new(file).is_file());
    found.unwrap()
}
