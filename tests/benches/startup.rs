//! Start-up: `--version` of every shipped program, beside what a step costs in any case.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failure of the bench itself is a panic"
)]

mod leg;

use std::{
    fs,
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

const RUNS: usize = 100;

/// Median milliseconds of one run; nothing where the program is not there.
fn time(command: &mut Command) -> Option<f64> {
    let mut figures = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begin = Instant::now();
        let status = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .ok()?;
        assert!(status.success());
        figures.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    Some(leg::median(&mut figures))
}

fn main() -> ExitCode {
    let mut programs: Vec<_> = fs::read_dir(leg::program().parent().expect("a folder"))
        .expect("the folder of the programs")
        .map(|entry| entry.expect("a program").path())
        .collect();
    programs.sort();
    assert!(programs.len() >= 4, "every shipped program: {programs:?}");
    let mut fine = true;
    for program in programs {
        let own = time(Command::new(&program).arg("--version")).expect("the program starts");
        let name = program.file_name().unwrap_or_default().display();
        let what = format!("{name} --version, median of {RUNS}");
        fine &= leg::within(&what, own, 5.0, "ms");
    }
    if let Some(bash) = time(Command::new("bash").args(["--noprofile", "--norc", "-c", ":"])) {
        leg::beside("bash -c : (the shell of any step)", bash, "ms");
    }
    if let Some(node) = time(Command::new("node").args(["-e", "0"])) {
        leg::beside("node -e 0 (the start of any JavaScript action)", node, "ms");
    }
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
