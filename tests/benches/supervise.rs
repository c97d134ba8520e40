//! Supervising a command that prints a million lines, store time left out, beside the bare command on the same kind of
//! pipe. The pairs take turns, so that both meet the same machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failure of the bench itself is a panic"
)]

mod leg;

use std::{
    io::Read,
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

const PAIRS: usize = 5;
const LOOP: &str = "for ((i = 0; i < 1000000; i++)); do echo \"line $i of the deployment\"; done";

/// Runs it and reads its output to the end; seconds and bytes.
fn read_all(command: &mut Command) -> (f64, u64) {
    let begin = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let (mut buffer, mut total) = (vec![0_u8; 64 << 10], 0_u64);
    loop {
        match output.read(&mut buffer).unwrap() {
            0 => break,
            count => total += count as u64,
        }
    }
    assert!(child.wait().unwrap().success());
    (begin.elapsed().as_secs_f64(), total)
}

/// One deployment of `run`, alone on a new store.
fn supervised(run: &str) -> (f64, u64) {
    let deployment = leg::Deployment::new();
    let home = deployment.folder.path();
    read_all(
        Command::new(leg::program())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("RUNNER_TEMP", home)
            .env("GITHUB_REPOSITORY", "bench/bench")
            .env("GITHUB_RUN_ID", "1000")
            .env("GITHUB_STEP_SUMMARY", home.join("summary.md"))
            .env("INPUT_ENVIRONMENT", "production")
            .env(
                "INPUT_STORE",
                format!("git+file://{}", deployment.store().display()),
            )
            .env("INPUT_CANDIDATES", "1")
            .env("INPUT_RUN", run),
    )
}

fn main() -> ExitCode {
    let (mut ratios, mut bare_times) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let (bare, bytes) = read_all(Command::new("bash").args([
            "--noprofile",
            "--norc",
            "-eo",
            "pipefail",
            "-c",
            LOOP,
        ]));
        let (store, _) = supervised(":");
        let (whole, with_ours) = supervised(LOOP);
        assert!(with_ours >= bytes, "output was lost");
        ratios.push((whole - store) / bare);
        bare_times.push(bare);
    }
    leg::beside(
        "the bare loop, median of 5",
        leg::median(&mut bare_times),
        "s",
    );
    let fine = leg::within(
        "supervised / bare, median of 5 pairs",
        leg::median(&mut ratios),
        1.2,
        "x",
    );
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
