//! What a person is told who set the inputs wrong.

#![allow(clippy::unwrap_used)]

use std::process::Command;

/// What the program says of these inputs: the variables that a runner makes of them, by their name.
fn told(inputs: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_health-gates"))
        .env_clear()
        .current_dir(folder.path())
        .envs(inputs.iter().copied())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn a_wrong_simple_input_is_told_by_its_own_name_with_a_mend_that_can_be_read() {
    let told = told(&[
        ("INPUT_API_URL", "ftp://x"),
        ("INPUT_DATABASE_URL", "mysql://u:canary-7f3a@h/x"),
        ("INPUT_GATES", "- {name: web, http: ftp://y}"),
    ]);
    assert!(
        told.starts_with("3 inputs are wrong:\n  api-url\n"),
        "{told}"
    );
    assert!(told.contains("\n  database-url\n"), "{told}");
    assert!(told.contains("`postgres://host:5432/database`"), "{told}");
    assert!(
        told.contains("\n  `gates` line 1, gate web, http, `url`\n"),
        "{told}"
    );
    for never in ["line 0", "canary", "***"] {
        assert!(!told.contains(never), "{never} in {told}");
    }
}

#[test]
fn a_wrong_timeout_is_told_once() {
    for timeout in ["-1s", "1e3", "0s"] {
        let told = told(&[
            ("INPUT_TIMEOUT", timeout),
            ("INPUT_GATES", "- {name: a, tcp: 'h:1'}"),
        ]);
        assert!(told.starts_with("1 input is wrong:\n  timeout\n"), "{told}");
    }
}

#[test]
fn a_file_that_is_too_large_is_not_mended_by_checking_it_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.yml");
    std::fs::write(&file, vec![b' '; (1 << 20) + 1]).unwrap();
    let large = told(&[("INPUT_GATES", file.to_str().unwrap())]);
    assert!(
        large.contains("make several files and steps of it"),
        "{large}"
    );
    assert!(!large.contains("check the repository out"), "{large}");
    std::fs::remove_file(&file).unwrap();
    let missing = told(&[("INPUT_GATES", file.to_str().unwrap())]);
    assert!(
        missing.contains("check the repository out first"),
        "{missing}"
    );
}
