//! `docker.*` where Docker is away, hangs, refuses or lacks its plugin.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    time::Duration,
};

use crate::program::Preflight;

/// What `docker` says without its plugin (design §11).
const NO_PLUGIN: &str = "echo \"unknown flag: --short\nSee 'docker --help'.\" >&2\nexit 125";

fn docker_host(preflight: Preflight, socket: &std::path::Path) -> Preflight {
    preflight.with("DOCKER_HOST", format!("unix://{}", socket.display()))
}

#[test]
fn a_daemon_that_is_absent_fails_and_so_does_a_program_that_is_not_there() {
    let preflight = Preflight::of("docker").with("PATH", "/nowhere");
    let socket = preflight.folder().join("docker.sock");
    let ran = docker_host(preflight, &socket).run();
    ran.ends(2, "fail", &["docker.daemon", "docker.compose"]);
    ran.tells(
        "docker.daemon",
        "fail",
        &["failed to find the Docker socket"],
    );
    ran.tells(
        "docker.compose",
        "fail",
        &["failed to find the program docker"],
    );
    assert!(
        ran.row("docker.daemon")
            .contains("`systemctl start docker`")
    );
}

#[test]
fn a_daemon_that_hangs_and_a_program_that_hangs_end_in_time() {
    let preflight = Preflight::of("docker").script("docker", "exec sleep 600");
    let socket = preflight.folder().join("docker.sock");
    // Its queue takes the connection; nobody ever answers.
    let _listening = UnixListener::bind(&socket).unwrap();
    let ran = docker_host(preflight, &socket).run();
    ran.ends(2, "fail", &["docker.daemon"]);
    ran.tells("docker.daemon", "fail", &["it hangs"]);
    ran.tells(
        "docker.compose",
        "unknown",
        &["failed to learn the version"],
    );
    assert!(ran.took < Duration::from_secs(20), "{:?}", ran.took);
}

#[test]
fn a_socket_that_this_user_may_not_open_says_which_group_is_missing() {
    let preflight = Preflight::of("docker")
        .script("docker", NO_PLUGIN)
        .unprivileged();
    let socket = preflight.folder().join("docker.sock");
    let _listening = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o660)).unwrap();
    let ran = docker_host(preflight, &socket).run();
    ran.ends(2, "fail", &["docker.daemon", "docker.compose"]);
    ran.tells("docker.daemon", "fail", &["permission denied"]);
    assert!(ran.row("docker.daemon").contains("usermod -aG docker"));
    ran.tells(
        "docker.compose",
        "fail",
        &["failed to find the compose plugin"],
    );
}

#[test]
fn a_socket_that_nobody_listens_at_is_told_from_one_that_is_not_there() {
    let preflight = Preflight::of("docker.daemon");
    let socket = preflight.folder().join("docker.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let ran = docker_host(preflight, &socket).run();
    ran.ends(2, "fail", &["docker.daemon"]);
    ran.tells("docker.daemon", "fail", &["nobody listens there"]);
}

#[test]
fn a_real_daemon_passes_beside_a_program_without_its_plugin() {
    let docker = test_servers::Docker::start();
    let preflight = Preflight::of("docker").script("docker", NO_PLUGIN);
    let ran = docker_host(preflight, &docker.socket()).run();
    ran.ends(2, "fail", &["docker.compose"]);
    ran.tells("docker.daemon", "pass", &["Docker ", "docker.sock"]);
    ran.tells(
        "docker.compose",
        "fail",
        &["failed to find the compose plugin of docker"],
    );
}
