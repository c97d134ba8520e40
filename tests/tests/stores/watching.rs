//! What `verdict` and `status` say of a store that they cannot look into, or that is not as it should be.

use baton_tests::{Run, Scene};
use nix::sys::signal::Signal;

use crate::{SOON, TAKEOVER, server::Server};

#[test]
fn a_verdict_says_once_that_its_store_is_away_and_once_that_it_answers_again() {
    for server in Server::each() {
        let (scene, run) = (Scene::new(), Run::number(1));
        let mut verdict = server.keeps(scene.verdict(&run)).start();
        verdict.says("judging", SOON);
        server.signal(Signal::SIGSTOP);
        verdict.says("; trying again", SOON);
        server.signal(Signal::SIGCONT);
        verdict.says("the store answers again", SOON);
        server.is_deployed_over(&scene, &run);
        let judged = verdict.wait(TAKEOVER).expect(0);
        let log = judged.log();
        let told = |what: &str| log.matches(what).count();
        assert_eq!(
            told("; trying again"),
            told("the store answers again"),
            "{log}"
        );
    }
}

#[test]
fn a_status_does_not_call_a_lock_unused_that_it_cannot_read() {
    let server = Server::redis();
    let Server::Redis(redis) = &server else {
        unreachable!("it is one")
    };
    let scene = Scene::new();
    let status = || server.keeps(scene.person("status"));
    let unused = status().finish(SOON).expect(0);
    assert!(unused.log().contains("never deployed"), "{}", unused.log());
    let ledger = "baton:{octo%2Fshop%2Fproduction}:ledger";
    redis.command(&["SET", ledger, "hello"]);
    let refused = status().finish(SOON).expect(69).log();
    assert!(!refused.contains("never deployed"), "{refused}");
    // The sign of an encoding is one of the runner's too, and encoded once more.
    let refused = refused.replace("%25", "%");
    assert!(
        refused.contains(&format!("the key {ledger}")) && refused.contains("it is no stream"),
        "{refused}"
    );
}

#[test]
fn a_status_does_not_call_a_lock_unused_whose_lease_alone_is_gone() {
    for server in Server::each() {
        let (scene, run) = (Scene::new(), Run::number(1));
        server.is_deployed_over(&scene, &run);
        server.lose_the_lease();
        let status = server.keeps(scene.person("status"));
        let refused = status.finish(SOON).expect(69).log();
        assert!(
            refused.contains("it has entries up to #") && refused.contains("there is no lease"),
            "{refused}"
        );
    }
}

#[test]
fn a_gap_in_the_ledger_is_told_by_everybody_who_reads_it() {
    for server in Server::each() {
        let (scene, run) = (Scene::new(), Run::number(1));
        server.is_deployed_over(&scene, &run);
        server.lose_entry(2);
        let gap = "missing is #2,";
        let history = server.keeps(scene.person("status")).flag("--history=1d");
        let told = history.finish(SOON).expect(69).log();
        assert!(told.contains(gap), "{told}");
        let verdict = server.keeps(scene.verdict(&run)).finish(SOON).expect(0);
        assert!(verdict.log().contains(gap), "{}", verdict.log());
        let metrics = scene.metrics(&run, 1).input("events-file", "events.jsonl");
        let metrics = server.keeps(metrics).input("required", true);
        let told = metrics.finish(SOON).expect(69).log();
        assert!(told.contains(gap), "{told}");
    }
}

#[test]
fn a_holder_that_was_suspended_is_told_so_and_not_to_look_at_the_network() {
    let server = Server::postgres();
    let (scene, run) = (Scene::new(), Run::number(1));
    let leg = |number| {
        let script = "((BATON_FENCING_TOKEN == 2)) || write deploy forever; write deploy 0.1";
        server.keeps(scene.candidate(&run, number, script)).start()
    };
    let (mut frozen, mut standby) = (leg(1), leg(2));
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    frozen.signal(Signal::SIGSTOP);
    standby.wait(TAKEOVER).expect(0);
    frozen.signal(Signal::SIGCONT);
    let ended = frozen.wait(SOON).expect(1);
    assert!(
        ended.log().contains("this process stood still for"),
        "{}",
        ended.log()
    );
    let summary = ended.summary();
    assert!(
        summary.contains("it was suspended, or this host was"),
        "{summary}"
    );
    assert!(!summary.contains("could not reach"), "{summary}");
}

#[test]
fn a_redis_server_that_forgets_is_warned_of_where_a_deployment_begins() {
    for (file, warned) in [("yes", false), ("no", true)] {
        let server = Server::redis();
        let Server::Redis(redis) = &server else {
            unreachable!("it is one")
        };
        redis.command(&["CONFIG", "SET", "appendonly", file]);
        let (scene, run) = (Scene::new(), Run::number(1));
        let log = server.is_deployed_over(&scene, &run).log();
        let lines = log.matches("keeps no append-only file").count();
        assert_eq!(lines, usize::from(warned), "{log}");
    }
}
