//! docs/stores.md, done as written. The servers of all these tests are set up by it.

use std::{fs, path::Path, process::Command};

use baton_tests::{Run, Scene};

use crate::{
    SOON,
    server::{CANARY, Server, sql},
};

/// The page.
pub(crate) fn text() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/stores.md");
    fs::read_to_string(page).unwrap()
}

/// The blocks of the page in this language, in order.
pub(crate) fn blocks(language: &str) -> Vec<String> {
    let page = text();
    let fence = format!("```{language}\n");
    let found: Vec<String> = page
        .split(&fence)
        .skip(1)
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!found.is_empty(), "no block of {language}");
    found
}

#[test]
fn a_user_who_may_make_nothing_deploys_over_the_tables_that_the_page_makes() {
    let server = Server::postgres();
    let Server::Postgres(postgres) = &server else {
        unreachable!("it is one")
    };
    sql(
        postgres,
        "postgres",
        "ALTER DATABASE baton OWNER TO postgres",
    );
    let (scene, run) = (Scene::new(), Run::number(1));
    let leg = || {
        let leg = scene.candidate(&run, 1, "write deploy 0.1");
        server.keeps(leg).input("candidates", 1)
    };
    let refused = leg().finish(SOON).expect(69);
    for part in ["permission denied", "CREATE TABLE", "GRANT"] {
        assert!(refused.log().contains(part), "{part}: {}", refused.log());
    }
    assert_eq!(scene.target().lines(), []);
    for statement in blocks("sql")[1].split_terminator(";\n") {
        sql(postgres, "baton", statement);
    }
    leg().finish(SOON).expect(0);
    assert_eq!(scene.target().starts("deploy").len(), 1);
}

#[test]
fn the_tables_of_the_page_are_those_that_are_made() {
    let page = &blocks("sql")[1];
    assert!(
        page.starts_with(lease::store::postgres::SCHEMA_SQL),
        "{page}"
    );
}

#[test]
fn the_trail_is_read_by_hand_as_the_page_says() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let server = Server::postgres();
    server.is_deployed_over(&scene, &run);
    let Server::Postgres(postgres) = &server else {
        unreachable!("it is one")
    };
    let query = blocks("sql")[2].replace("SELECT seq, to_", "SELECT entry ->> 'event' || ' ', to_");
    assert!(sql(postgres, "baton", &query).is_some(), "{query}");

    let (scene, server) = (Scene::new(), Server::redis());
    server.is_deployed_over(&scene, &run);
    let Server::Redis(redis) = &server else {
        unreachable!("it is one")
    };
    let block = blocks("sh").into_iter().find(|b| b.contains("redis-cli"));
    let shown = Command::new("bash")
        .args(["-ec", &block.unwrap()])
        .env_remove("REDISCLI_AUTH")
        .env("PATH", path_with_port(&scene, redis.port))
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("deployment_finished"), "{shown}");
    assert!(!shown.contains(CANARY), "{shown}");
}

/// A PATH whose `redis-cli` is the real one at this server.
fn path_with_port(scene: &Scene, port: u16) -> String {
    let folder = scene.folder().join("cli");
    fs::create_dir_all(&folder).unwrap();
    let real = test_servers::program("redis-cli", &[], "redis");
    let script = format!("#!/bin/sh\nexec {} -p {port} \"$@\"\n", real.display());
    let file = folder.join("redis-cli");
    fs::write(&file, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&file, mode).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}
