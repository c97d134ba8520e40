//! Compose: with the plugin, without, and with a `docker` that hangs.

use std::{path::Path, time::Duration};

use probes::{
    Answer,
    docker::{Compose, ComposeError, Environment, compose},
};
use tempfile::TempDir;
use tokio::time::Instant;

use super::scripts::script;

/// An environment whose PATH has these scripts and the system's own programs.
fn with(scripts: &[(&str, &str)]) -> (TempDir, Environment) {
    let folder = TempDir::new().expect("a folder");
    let bin = folder.path().join("bin");
    for (name, text) in scripts {
        script(&bin.join(name), text);
    }
    let environment = Environment {
        path: Some(bin.into_os_string()),
        config: Some(folder.path().join("config")),
        ..Environment::default()
    };
    (folder, environment)
}

async fn ask(scripts: &[(&str, &str)]) -> Result<Compose, ComposeError> {
    let (_folder, environment) = with(scripts);
    compose(&environment, Instant::now() + Duration::from_secs(20)).await
}

/// What `docker compose version --short` of 28.2 says without the plugin.
const NEW: &str =
    "echo 'unknown flag: --short\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]' >&2; exit 125";
/// What 20.10 says.
const OLD: &str = "echo \"unknown flag: --short\nSee 'docker --help'.\" >&2; exit 125";
/// What others say.
const NO_COMMAND: &str =
    "echo \"docker: 'compose' is not a docker command.\nSee 'docker --help'\" >&2; exit 1";

#[tokio::test]
async fn the_plugin_tells_its_version() {
    for (printed, version) in [
        ("2.29.7", "2.29.7"),
        ("v2.2.3", "2.2.3"),
        ("2.27.1+ds1-0", "2.27.1+ds1-0"),
    ] {
        let text = format!("[ \"$*\" = 'compose version --short' ] && echo {printed}");
        assert_eq!(
            ask(&[("docker", &text)]).await,
            Ok(Compose::Plugin(version.parse().expect("a version")))
        );
    }
}

#[tokio::test]
async fn a_docker_without_the_plugin_is_told_from_no_docker_at_all() {
    for text in [NEW, OLD, NO_COMMAND] {
        let error = ask(&[("docker", text)]).await.expect_err("no plugin");
        assert_eq!(error, ComposeError::NoPlugin { legacy: None }, "{text}");
        assert_eq!(error.answer(), Answer::Fail);
    }
    assert_eq!(ask(&[]).await, Err(ComposeError::NoDocker));
}

#[tokio::test]
async fn a_stand_alone_compose_counts_from_version_two_on() {
    let two = (
        "docker-compose",
        "[ \"$*\" = 'version --short' ] && echo 2.5.0",
    );
    let one = ("docker-compose", "echo 1.29.2");
    let broken = ("docker-compose", "exit 1");
    let found = Ok(Compose::Standalone("2.5.0".parse().expect("a version")));
    assert_eq!(ask(&[("docker", NEW), two]).await, found);
    assert_eq!(ask(&[two]).await, found);
    let error = ask(&[("docker", NEW), one]).await.expect_err("too old");
    assert_eq!(
        error.to_string(),
        "find the compose plugin of docker (docker-compose 1.29.2 is there, which is no longer maintained)"
    );
    assert_eq!(
        ask(&[("docker", NEW), broken]).await,
        Err(ComposeError::NoPlugin { legacy: None })
    );
}

#[tokio::test]
async fn another_failure_is_no_missing_plugin() {
    let failed = ask(&[("docker", "echo 'no space left\non device' >&2; exit 7")])
        .await
        .expect_err("it fails");
    assert_eq!(
        failed.to_string(),
        "learn the version of docker compose: exit 7: no space left on device"
    );
    assert_eq!(failed.answer(), Answer::Unknown);
    assert!(matches!(
        ask(&[("docker", "kill -9 $$")]).await,
        Err(ComposeError::Failed { ended, .. }) if ended == "killed by a signal"
    ));
    assert!(matches!(
        ask(&[("docker", "echo what")]).await,
        Err(ComposeError::Unreadable { printed }) if printed == "what"
    ));
    // More than a pipe holds, on both ends.
    let flood = "head -c 300000 /dev/zero | tr '\\0' x >&2; exit 9";
    let (_folder, mut environment) = with(&[("docker", flood)]);
    let mut path = environment.path.take().expect("a path");
    path.push(":/usr/bin:/bin");
    environment.path = Some(path);
    assert!(matches!(
        compose(&environment, Instant::now() + Duration::from_secs(20)).await,
        Err(ComposeError::Failed { ended, .. }) if ended == "exit 9"
    ));
}

#[tokio::test]
async fn a_docker_that_hangs_is_killed_with_what_it_started() {
    let text = "/bin/sleep 1000 & echo $$ $! > \"$0.new\"; /bin/mv \"$0.new\" \"$0.pids\"; wait";
    let (folder, environment) = with(&[("docker", text)]);
    let error = compose(&environment, Instant::now() + Duration::from_secs(2))
        .await
        .expect_err("it hangs");
    assert!(matches!(error, ComposeError::Late { .. }), "{error}");
    assert_eq!(error.answer(), Answer::Unknown);
    dead(&folder.path().join("bin/docker.pids"));
}

#[tokio::test]
async fn a_caller_that_stops_waiting_leaves_nothing_running() {
    let text = "/bin/sleep 1000 & echo $$ $! > \"$0.new\"; /bin/mv \"$0.new\" \"$0.pids\"; wait";
    let (folder, environment) = with(&[("docker", text)]);
    let asked = tokio::spawn(async move {
        compose(&environment, Instant::now() + Duration::from_secs(600)).await
    });
    let pids = folder.path().join("bin/docker.pids");
    while !pids.exists() {
        assert!(!asked.is_finished());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    asked.abort();
    assert!(asked.await.expect_err("aborted").is_cancelled());
    dead(&pids);
}

/// Waits until every process in the file is gone, or a zombie that its new parent has not looked at.
fn dead(pids: &Path) {
    let text = std::fs::read_to_string(pids).expect("it had started");
    let pids: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(pids.len(), 2, "{text}");
    for pid in pids {
        test_servers::until(Duration::from_secs(5), "the process to be dead", || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.map_or(true, |stat| stat.contains(") Z "))
                .then_some(())
        });
    }
}

#[tokio::test]
async fn the_real_docker_runs_a_plugin_of_the_given_configuration() {
    let docker = test_servers::program("docker", &[], "docker");
    let folder = TempDir::new().expect("a folder");
    script(
        &folder.path().join("cli-plugins/docker-compose"),
        r#"case $1 in
    docker-cli-plugin-metadata) echo '{"SchemaVersion":"0.1.0","Vendor":"test","Version":"v2.99.1"}' ;;
    *) [ "$*" = 'compose version --short' ] && echo 2.99.1 ;;
esac"#,
    );
    let environment = Environment {
        path: Some(docker.parent().expect("its folder").as_os_str().to_owned()),
        config: Some(folder.path().to_owned()),
        ..Environment::default()
    };
    assert_eq!(
        compose(&environment, Instant::now() + Duration::from_secs(20)).await,
        Ok(Compose::Plugin("2.99.1".parse().expect("a version")))
    );
}
