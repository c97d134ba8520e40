use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use super::*;
use crate::Status;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// An environment whose PATH is `folder` alone and whose daemon, if any, listens in it.
fn environment(folder: &Path) -> Environment {
    Environment {
        host: Some(format!("unix://{}", folder.join("docker.sock").display())),
        path: Some(folder.into()),
        home: Some(folder.to_owned()),
        ..Environment::default()
    }
}

fn program(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A daemon that says it is of `version`.
fn daemon_of(folder: &Path, version: &str) -> std::thread::JoinHandle<()> {
    use std::io::{Read, Write};
    let listener = std::os::unix::net::UnixListener::bind(folder.join("docker.sock")).unwrap();
    let body =
        format!(r#"{{"Version":"{version}","ApiVersion":"1.41","Os":"linux","Arch":"amd64"}}"#);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _asked = stream.read(&mut [0; 4096]).unwrap();
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").unwrap();
    })
}

#[tokio::test]
async fn a_daemon_passes_from_the_wanted_version_on() {
    for (version, status) in [
        ("20.10.24+dfsg1", Status::Pass),
        ("27.3.1", Status::Pass),
        ("19.03.15", Status::Fail),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let daemon_thread = daemon_of(folder.path(), version);
        let finding = daemon("20.10", &environment(folder.path()), soon()).await;
        daemon_thread.join().unwrap();
        assert_eq!(finding.status, status, "{finding:?}");
        assert!(finding.seen.contains(version), "{finding:?}");
        assert_eq!(finding.mend.is_empty(), status == Status::Pass);
    }
}

#[tokio::test]
async fn no_daemon_is_a_failure_and_a_host_that_cannot_be_asked_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let finding = daemon("20.10", &environment(folder.path()), soon()).await;
    assert_eq!(finding.status, Status::Fail, "{finding:?}");
    assert!(
        finding.mend.contains("systemctl start docker"),
        "{finding:?}"
    );

    let mut elsewhere = environment(folder.path());
    elsewhere.host = Some("ssh://deploy@example".to_owned());
    let finding = daemon("20.10", &elsewhere, soon()).await;
    assert_eq!(finding.status, Status::Unknown, "{finding:?}");
}

#[tokio::test]
async fn compose_passes_as_a_plugin_warns_alone_and_fails_where_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = "echo \"unknown flag: --short\" >&2; exit 125";

    let finding = compose(&environment(folder.path()), soon()).await;
    assert_eq!(finding.status, Status::Fail, "{finding:?}");

    program(folder.path(), "docker", missing);
    let finding = compose(&environment(folder.path()), soon()).await;
    assert_eq!(finding.status, Status::Fail, "{finding:?}");
    assert!(
        finding.mend.contains("docker-compose-plugin"),
        "{finding:?}"
    );

    program(folder.path(), "docker-compose", "echo 2.29.7");
    let finding = compose(&environment(folder.path()), soon()).await;
    assert_eq!(finding.status, Status::Warn, "{finding:?}");

    program(folder.path(), "docker", "echo 2.29.7");
    let finding = compose(&environment(folder.path()), soon()).await;
    assert_eq!(finding.status, Status::Pass, "{finding:?}");

    program(folder.path(), "docker", "echo broken >&2; exit 1");
    let finding = compose(&environment(folder.path()), soon()).await;
    assert_eq!(finding.status, Status::Unknown, "{finding:?}");
}
