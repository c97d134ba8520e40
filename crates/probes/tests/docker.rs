//! Docker against a real daemon, and against everything else that may be at its address.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "docker/compose.rs"]
mod compose;
#[path = "docker/holdings.rs"]
mod holdings;
#[path = "http/scripted.rs"]
mod scripted;
#[path = "docker/scripts.rs"]
mod scripts;
#[path = "docker/tls.rs"]
mod tls;

use std::{
    fs::Permissions,
    os::unix::{fs::PermissionsExt, net::UnixListener, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::{sys::signal::Signal, unistd::geteuid};
use probes::{
    Answer, Probe,
    docker::{Daemon, DockerError, DockerProbe, Endpoint, Engine, Environment, daemon},
};
use scripted::{Says, Scripted, answer};
use tempfile::TempDir;
use tokio::time::Instant;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn probe(endpoint: Endpoint, minimum: &str) -> DockerProbe {
    DockerProbe {
        endpoint,
        minimum: minimum.parse().expect("a version"),
    }
}

async fn ask(socket: &Path) -> Result<Daemon, DockerError> {
    daemon(&Endpoint::Unix(socket.to_owned()), soon()).await
}

/// A socket where every request hears the same.
fn socket(says: Says) -> (TempDir, PathBuf, Scripted) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("docker.sock");
    let server = Scripted::unix(&path, says);
    (folder, path, server)
}

#[tokio::test]
async fn a_real_daemon_tells_its_version_and_hangs_when_stopped() {
    let docker = test_servers::Docker::start();
    let environment = Environment {
        host: Some(format!("unix://{}", docker.socket().display())),
        ..Environment::default()
    };
    let endpoint = Endpoint::of(&environment).expect("an endpoint");
    let found = daemon(&endpoint, soon()).await.expect("an answer");
    assert_eq!(found.engine, Engine::Docker);
    assert!(
        found.version >= "20.10".parse().expect("a version"),
        "{found:?}"
    );
    assert!(found.api_version.starts_with("1."), "{found:?}");
    assert_eq!(found.os, "linux");
    assert!(!found.arch.is_empty());

    let seen = probe(endpoint.clone(), "20.10").check(soon()).await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    let seen = probe(endpoint.clone(), "999.1").check(soon()).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(seen.seen.ends_with("older than 999.1"), "{}", seen.seen);

    docker.signal(Signal::SIGSTOP);
    let begun = Instant::now();
    let error = daemon(&endpoint, begun + Duration::from_millis(300))
        .await
        .expect_err("it hangs");
    assert!(matches!(error, DockerError::Silent { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_daemon_that_accepts_and_never_answers_hangs() {
    let (_folder, path, _server) = socket(Says::Nothing);
    let endpoint = Endpoint::Unix(path);
    let error = daemon(&endpoint, Instant::now() + Duration::from_millis(200))
        .await
        .expect_err("it hangs");
    assert!(matches!(error, DockerError::Silent { .. }), "{error:?}");
    assert_eq!(error.answer(), Answer::Fail);
}

#[tokio::test]
async fn an_absent_daemon_is_named_by_what_is_missing() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("docker.sock");
    assert_eq!(
        ask(&path).await,
        Err(DockerError::NoSocket { path: path.clone() })
    );
    // Its listener is gone, the file stays: what a daemon that was killed leaves.
    drop(UnixListener::bind(&path).expect("a socket"));
    let error = ask(&path).await.expect_err("nobody listens");
    assert!(
        matches!(error, DockerError::NobodyListens { .. }),
        "{error:?}"
    );
    let tcp = Endpoint::Tcp {
        authority: format!("127.0.0.1:{}", test_servers::free_port()),
        tls: None,
    };
    let error = daemon(&tcp, soon()).await.expect_err("nobody listens");
    assert!(
        matches!(error, DockerError::NobodyListens { .. }),
        "{error:?}"
    );
    assert!(error.mend().contains("systemctl"));
}

/// Runs itself as nobody where it runs as root, to whom no permission is denied.
#[tokio::test]
async fn a_socket_that_this_user_may_not_open_is_denied() {
    const SOCKET: &str = "PROBES_TEST_SOCKET";
    if let Ok(path) = std::env::var(SOCKET) {
        denied(Path::new(&path)).await;
        return;
    }
    let (folder, path, _server) = socket(Says::Nothing);
    std::fs::set_permissions(&path, Permissions::from_mode(0o000)).expect("its owner may");
    if !geteuid().is_root() {
        denied(&path).await;
        return;
    }
    let copy = folder.path().join("test");
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its owner may");
    let me = std::env::current_exe().expect("this test");
    assert!(
        Command::new("install")
            .args(["-m", "755"])
            .args([&me, &copy])
            .status()
            .expect("install runs")
            .success()
    );
    let mut child = Command::new(&copy);
    child
        .args(["--exact", "a_socket_that_this_user_may_not_open_is_denied"])
        .env(SOCKET, &path)
        .current_dir("/")
        .uid(65534)
        .gid(65534);
    let output = tokio::task::spawn_blocking(move || child.output())
        .await
        .expect("it ran")
        .expect("it ran");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

async fn denied(path: &Path) {
    let error = ask(path).await.expect_err("denied");
    assert_eq!(
        error,
        DockerError::PermissionDenied {
            path: path.to_owned()
        }
    );
    assert!(error.mend().contains("group docker"), "{}", error.mend());
    assert_eq!(error.answer(), Answer::Fail);
}

#[tokio::test]
async fn what_is_not_docker_is_said_to_be_that() {
    for says in [
        answer("200 OK", "text/html; charset=utf-8", "<html>canary</html>"),
        answer("404 Not Found", "text/plain", "404 page canary not found"),
        answer(
            "400 Bad Request",
            "text/plain",
            "Client sent an HTTP request to an HTTPS server.",
        ),
        answer("200 OK", "application/json", r#"{"Version":"20.10","ApiV"#),
        answer(
            "200 OK",
            "application/json",
            r#"{"Version":"canary","ApiVersion":"1"}"#,
        ),
        answer("200 OK", "application/json", "[]"),
    ] {
        let (_folder, path, _server) = socket(says.clone());
        let error = ask(&path).await.expect_err("not Docker");
        assert!(
            matches!(error, DockerError::NotDocker { .. }),
            "{says:?}: {error:?}"
        );
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    let (_folder, path, _server) = socket(Says::Text("SSH-2.0-x\r\n".to_owned()));
    let error = ask(&path).await.expect_err("not HTTP");
    assert!(
        matches!(error, DockerError::Unreachable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_daemon_that_refuses_is_quoted_on_one_line() {
    let (_folder, path, _server) = socket(answer(
        "403 Forbidden",
        "application/json",
        r#"{"message":"authorization denied by plugin x:\n::error::no"}"#,
    ));
    let error = ask(&path).await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        format!(
            "get the version of Docker at unix://{}: 403 Forbidden: authorization denied by plugin x: ::error::no",
            path.display()
        )
    );
}

#[tokio::test]
async fn an_old_daemon_fails_and_podman_is_called_by_its_name() {
    let old = r#"{"Version":"19.03.15","ApiVersion":"1.40","Os":"linux","Arch":"amd64"}"#;
    let server = Scripted::tcp(answer("200 OK", "application/json", old)).await;
    let endpoint = Endpoint::of(&Environment {
        host: Some(format!("tcp://{}/behind/a/proxy", server.address)),
        ..Environment::default()
    })
    .expect("an endpoint");
    let seen = probe(endpoint, "20.10").check(soon()).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(
        seen.seen
            .starts_with("Docker 19.03.15 (API 1.40) at tcp://"),
        "{}",
        seen.seen
    );

    let podman = r#"{"Platform":{"Name":"linux/amd64/debian-12"},"Components":[{"Name":"Podman Engine","Version":"4.3.1","Details":{"APIVersion":"4.3.1"}}],"Version":"4.3.1","ApiVersion":"1.41","Os":"linux","Arch":"amd64"}"#;
    let (_folder, path, _server) = socket(answer("200 OK", "application/json", podman));
    assert_eq!(ask(&path).await.expect("an answer").engine, Engine::Podman);
    let seen = probe(Endpoint::Unix(path), "20.10").check(soon()).await;
    assert_eq!(seen.answer, Answer::Unknown);
    assert!(
        seen.seen.starts_with("Podman 4.3.1 (API 1.41) at unix://"),
        "{}",
        seen.seen
    );
}
