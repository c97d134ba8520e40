//! The unit that is shipped.

use std::process::Command;

use test_servers::program;

const UNIT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../infrastructure/systemd/runner-exporter.service"
);

#[test]
fn systemd_finds_the_unit_closed_enough() {
    let analyze = program("systemd-analyze", &[], "systemd-analyze");
    let output = Command::new(analyze)
        .args(["security", "--offline=true", "--threshold=20", UNIT])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{output:?}");
    assert!(
        said.contains("exposure level for runner-exporter.service: 1.7"),
        "{said}"
    );
}

#[test]
fn every_option_of_the_unit_is_understood() {
    let analyze = program("systemd-analyze", &[], "systemd-analyze");
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("runner-exporter.service");
    let text = std::fs::read_to_string(UNIT).unwrap();
    let here = env!("CARGO_BIN_EXE_runner-exporter");
    std::fs::write(&unit, text.replace("/usr/local/bin/runner-exporter", here)).unwrap();
    let output = Command::new(analyze)
        .arg("verify")
        .arg(&unit)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("runner-exporter.service"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}
