//! A server that is away, or lets nobody in.

use baton_tests::{Run, Scene};

use crate::{
    SOON,
    server::{Server, assert_unseen},
};

#[test]
fn a_server_that_is_away_is_told_by_its_place_with_exit_code_69() {
    for server in Server::each() {
        let (scene, address, shown) = (Scene::new(), server.address(), server.shown());
        drop(server);
        let status = scene.person("status").input("store", address);
        let ended = status.finish(SOON).expect(69);
        let log = ended.log();
        assert!(log.contains(&shown), "{shown} in:\n{log}");
        assert_unseen("the log", &log);
    }
}

#[test]
fn a_wrong_password_is_told_as_the_server_tells_it_and_not_shown() {
    for server in Server::each() {
        let scene = Scene::new();
        let wrong = server.address().replace("baton:canary", "baton:not-canary");
        let status = scene.person("status").input("store", wrong);
        let ended = status.finish(SOON).expect(69);
        let log = ended.log();
        assert!(log.contains("refuses access"), "{log}");
        assert_unseen("the log", &log.replace("not-canary", ""));
        assert!(!log.contains("not-canary"), "{log}");
    }
}

#[test]
fn who_only_looks_makes_nothing() {
    for server in Server::each() {
        let scene = Scene::new();
        let status = server.keeps(scene.person("status"));
        let looked = status.flag("--history=1d").finish(SOON).expect(0);
        assert!(
            looked.log().contains("nothing happened"),
            "{}",
            looked.log()
        );
        assert!(server.is_empty());
        let run = Run::number(1);
        server.is_deployed_over(&scene, &run);
        let status = server.keeps(scene.person("status"));
        let looked = status.flag("--history=1d").finish(SOON).expect(0);
        assert!(looked.log().contains("succeeded"), "{}", looked.log());
        assert!(!server.is_empty());
    }
}
