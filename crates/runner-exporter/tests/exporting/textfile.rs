//! The file for node_exporter.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::host::Host;

#[test]
fn a_file_is_written_once_for_everybody_to_read() {
    let host = Host::new();
    host.runner("runner-1");
    let folder = host.path("textfile");
    fs::create_dir(&folder).unwrap();
    let output = host
        .exporter()
        .args(["--docker-socket", "none", "--textfile"])
        .arg(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["runner-exporter.prom"]);
    let file = folder.join("runner-exporter.prom");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o644
    );
    let text = fs::read_to_string(file).unwrap();
    // A second lies between two looks at the CPUs.
    assert!(
        text.contains("\nrunner_cpu_usage_percent{runner=\"runner-1\""),
        "{text}"
    );
}

#[test]
fn a_folder_that_is_not_there_is_69_and_nothing_is_made() {
    let host = Host::new();
    let folder = host.path("nowhere");
    let output = host
        .exporter()
        .args(["--docker-socket", "none", "--textfile"])
        .arg(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(69));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains(&format!(
            "failed to write {}/runner-exporter.prom: No such file",
            folder.display()
        )),
        "{said}"
    );
    assert!(!folder.exists());
}
