//! What a daemon holds, and nothing of what its containers were told.

use std::process::{Command, Stdio};

use probes::docker::{Container, DiskUsage, DockerError, Endpoint, containers, disk_usage};

use super::{answer, socket, soon};

const CANARY: &str = "canary-6b1f9e";

#[tokio::test]
async fn a_real_daemon_lists_its_containers_and_its_room_and_nothing_that_they_were_told() {
    let daemon = test_servers::Docker::start();
    let docker = test_servers::program("docker", &["/usr/bin"], "docker");
    let run = |arguments: &[&str]| {
        let done = Command::new(&docker)
            .env(
                "DOCKER_HOST",
                format!("unix://{}", daemon.socket().display()),
            )
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("docker runs");
        assert!(
            done.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    };
    let folder = tempfile::tempdir().expect("a folder");
    let tar = folder.path().join("image.tar");
    // Two blocks of zeros: the end of an archive without a file.
    std::fs::write(&tar, [0; 1024]).expect("a file");
    run(&["import", &tar.display().to_string(), "shop:v1"]);
    let told = format!("TOLD={CANARY}");
    run(&[
        "create", "--name", "web", "--env", &told, "--label", &told, "shop:v1", "/serve", CANARY,
    ]);

    let endpoint = Endpoint::Unix(daemon.socket());
    let all = containers(&endpoint, 10, soon()).await.expect("a list");
    let [web] = all.as_slice() else {
        panic!("{all:?}");
    };
    assert_eq!(
        (web.names.as_slice(), web.image.as_str()),
        (&["web".to_owned()][..], "shop:v1")
    );
    assert_eq!(
        (web.state.as_str(), web.status.as_str()),
        ("created", "Created")
    );
    assert_eq!(web.id.len(), 12);
    assert!(!format!("{all:?}").contains(CANARY));
    assert_eq!(containers(&endpoint, 0, soon()).await, Ok(Vec::new()));

    let usage = disk_usage(&endpoint, soon()).await.expect("the room");
    assert_eq!((usage.images, usage.containers, usage.volumes), (1, 1, 0));
}

#[tokio::test]
async fn a_list_from_elsewhere_is_bounded_and_steers_no_terminal() {
    let long = "x".repeat(900);
    let body = format!(
        r#"[{{"Id":"äbc","Names":["/a\u001b[2J"],"Image":"{long}","State":"running","Status":"Up","Command":"{CANARY}"}},{{"Names":null}},{{}}]"#
    );
    let (_folder, path, _server) = socket(answer("200 OK", "application/json", &body));
    let all = containers(&Endpoint::Unix(path), 2, soon())
        .await
        .expect("a list");
    assert_eq!(all.len(), 2);
    let Container {
        id, names, image, ..
    } = &all[0];
    assert_eq!((id.as_str(), names[0].as_str()), ("äbc", "a\\u{1b}[2J"));
    assert_eq!(image.chars().count(), 201);
}

#[tokio::test]
async fn what_was_not_counted_counts_as_nothing_and_a_refusal_is_told_in_the_daemons_words() {
    let body = r#"{"LayersSize":7,"Images":null,"Containers":[{"SizeRw":3},{}],"Volumes":[{"UsageData":{"Size":-1}},{"UsageData":{"Size":5}},{}],"BuildCache":[{"Size":11}]}"#;
    let (_folder, path, _server) = socket(answer("200 OK", "application/json", body));
    let wanted = DiskUsage {
        images: 0,
        images_bytes: 7,
        containers: 2,
        containers_bytes: 3,
        volumes: 3,
        volumes_bytes: 5,
        build_cache_bytes: 11,
    };
    assert_eq!(disk_usage(&Endpoint::Unix(path), soon()).await, Ok(wanted));

    let (_folder, path, _server) = socket(answer(
        "403 Forbidden",
        "application/json",
        r#"{"message":"a plugin says no"}"#,
    ));
    let error = disk_usage(&Endpoint::Unix(path), soon())
        .await
        .expect_err("refused");
    assert!(matches!(error, DockerError::Refused { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.starts_with("get the disk usage of Docker at unix://")
            && text.ends_with("a plugin says no"),
        "{text}"
    );
}
