//! One deployment from its first check to its metrics, with a runner that is lost on the way.

use baton_tests::{Run, Scene, process};

use crate::{
    SOON, TAKEOVER,
    server::{Server, assert_unseen},
};

#[test]
fn a_deployment_over_postgresql_outlives_its_runner_and_no_step_shows_the_password() {
    outlives_its_runner(&Server::postgres());
}

#[test]
fn a_deployment_over_redis_outlives_its_runner_and_no_step_shows_the_password() {
    outlives_its_runner(&Server::redis());
}

fn outlives_its_runner(server: &Server) {
    let (scene, run) = (Scene::new(), Run::number(1));
    let ready = scene.preflight(&run, 1, "runner.disk");
    server.keeps(ready).finish(SOON).expect(0);
    let leg = |number| {
        let leg = scene.candidate(&run, number, "write deploy release");
        server.keeps(leg).input("await-gates", true).start()
    };
    let (primary, mut standby) = (leg(1), leg(2));
    let mut verdict = server.keeps(scene.verdict(&run)).start();
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    for pid in [primary.pid(), standby.pid(), verdict.pid()] {
        for pid in process::descendants(pid).into_iter().chain([pid]) {
            assert_unseen("the arguments", &process::arguments(pid));
        }
    }
    primary.lose();
    scene.target().await_start(2, "deploy", TAKEOVER);
    scene.release();
    let took_over = standby.wait(SOON).expect(0);
    assert_eq!(took_over.output("proceed"), "true");
    assert_eq!(took_over.output("fencing-token"), "2");
    assert_eq!(took_over.output("failover-reason"), "primary_unreachable");

    let gates = scene.gates(&run, 2, "- {name: up, command: 'true'}");
    let gates = server.keeps(gates).finish(SOON).expect(0);
    let judged = verdict.wait(SOON).expect(0);
    assert_eq!(judged.output("outcome"), "succeeded");
    let metrics = scene.metrics(&run, 2).input("textfile", "baton.prom");
    let metrics = server.keeps(metrics).input("required", true);
    let metrics = metrics.finish(SOON).expect(0);

    let status = |flags: &[&str]| {
        let status = server.keeps(scene.person("status"));
        let status = flags.iter().fold(status, |status, flag| status.flag(flag));
        status.finish(SOON).expect(0)
    };
    let shown = status(&[]);
    assert!(shown.log().contains("succeeded"), "{}", shown.log());
    let history = status(&["--history=1d", "--json"]);
    let told = history.log();
    for event in [
        "preflight",
        "announced",
        "deployment_started",
        "failover",
        "gate",
        "deployment_finished",
    ] {
        assert!(told.contains(event), "{event} in:\n{told}");
    }
    for (what, ended) in [
        ("the leg that took over", &took_over),
        ("the gates", &gates),
        ("the verdict", &judged),
        ("the metrics", &metrics),
        ("the status", &shown),
        ("the history", &history),
    ] {
        assert_unseen(what, &ended.log());
        assert_unseen(what, &ended.summary());
        assert_unseen(what, &ended.output_file());
        assert_unseen(what, &ended.left("candidate.json"));
    }
    assert_unseen("the lost leg", &primary.log());
    assert_eq!(scene.target().overlaps(), Vec::<String>::new());
}
