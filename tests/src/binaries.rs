//! Where the programs under test are.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The deploying program: from the folder `BATON_BIN_DIR` names, else built once as cargo builds this test.
///
/// # Panics
/// It cannot be built.
pub fn runner_failover() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| find("runner-failover"))
}

/// The program that looks before a deployment whether it can succeed, from the same folder.
///
/// # Panics
/// It cannot be built.
pub fn preflight() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| find("preflight"))
}

/// The program that judges a release after its deployment, from the same folder.
///
/// # Panics
/// It cannot be built.
pub fn health_gates() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| find("health-gates"))
}

/// The program that pushes metrics and ships the audit trail, from the same folder.
///
/// # Panics
/// It cannot be built.
pub fn push_metrics() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| find("push-metrics"))
}

/// The wrapper of commands on a target, from the same folder.
///
/// # Panics
/// It cannot be built.
pub fn fence_guard() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| find("fence-guard"))
}

fn find(program: &str) -> PathBuf {
    match env::var_os("BATON_BIN_DIR") {
        Some(folder) => PathBuf::from(folder).join(program),
        None => build(program),
    }
}

/// The program that stands for a deploy command's work at its target (`src/bin/target-writer.rs`); cargo builds it with
/// every test and beside the demo.
pub fn target_writer() -> PathBuf {
    target_folder().join("target-writer")
}

/// Where cargo puts the programs of the profile that this one was built with.
fn target_folder() -> PathBuf {
    let here = env::current_exe().unwrap();
    let folder = here.parent().unwrap();
    // Tests lie one deeper than programs.
    if folder.ends_with("deps") {
        folder.parent().unwrap().to_owned()
    } else {
        folder.to_owned()
    }
}

fn build(package: &str) -> PathBuf {
    let folder = target_folder();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            package,
            "--bin",
            package,
            "--target-dir",
        ])
        .arg(folder.parent().unwrap())
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo starts");
    assert!(status.success(), "cargo builds {package}");
    folder.join(package)
}
