//! The command line, and what keeps the exporter from starting.

use std::{net::TcpListener, process::Output};

use crate::host::{Host, write};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_port_that_is_taken_is_one_clear_line_and_69() {
    let host = Host::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = host
        .exporter()
        .args(["--listen", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(69));
    assert_eq!(
        said(&output),
        format!(
            "runner-exporter: failed to listen on {address}: Address already in use (os error 98)\n"
        )
    );
}

#[test]
fn every_wrong_option_is_told_at_once_and_64() {
    let output = Host::new()
        .exporter()
        .args(["--lisen", "x", "--every", "y"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = said(&output);
    assert!(
        said.starts_with("3 options are wrong:\n") && said.contains("wanted: --listen"),
        "{said}"
    );
}

#[test]
fn settings_that_are_wrong_are_64() {
    let host = Host::new();
    let config = host.path("settings.json");
    write(&config, "{\"runners\": []}");
    let output = host
        .exporter()
        .arg("--config")
        .arg(&config)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(
        said(&output).contains("failed to understand ") && said(&output).contains("line 1"),
        "{}",
        said(&output)
    );
}
