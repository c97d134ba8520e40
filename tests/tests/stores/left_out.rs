//! A store whose address holds a password is not kept for the later steps of a leg: one that names none is not meant to take
//! another.

use baton_tests::{Ended, Run, Scene, Step};

use crate::{
    SOON,
    server::{Server, assert_unseen},
};

/// That a step which names no store says so, and does nothing.
fn is_refused(step: Step) {
    // As action.yml hands on an input that the workflow leaves out.
    let ended = step.input("store", "").finish(SOON).expect(64);
    for text in [ended.log(), ended.summary()] {
        for part in [
            "store",
            "an earlier baton step of this job with a store whose address holds credentials",
            "in this step as it is set there",
        ] {
            assert!(text.contains(part), "{part} in:\n{text}");
        }
    }
    is_clean(&ended);
}

fn is_clean(ended: &Ended) {
    assert_unseen("the log", &ended.log());
    assert_unseen("the summary", &ended.summary());
    let left = ended.left("candidate.json");
    assert_unseen("the file for later steps", &left);
    assert!(left.contains("\"store_left_out\": true"), "{left}");
    for part in ["127.0.0.1", "postgres:", "redis:", "\"store\""] {
        assert!(!left.contains(part), "{part} in {left}");
    }
}

#[test]
fn a_later_step_that_names_no_store_ends_with_64_and_does_not_look_into_another() {
    for server in Server::each() {
        let (scene, run) = (Scene::new(), Run::number(1));
        let leg = || scene.candidate(&run, 1, "write deploy 0.1");
        let ready = || scene.preflight(&run, 1, "runner.disk");
        is_clean(&server.keeps(ready()).finish(SOON).expect(0));
        is_refused(leg());
        is_refused(ready());
        assert_eq!(scene.target().lines(), []);
        let leg = server.keeps(leg()).input("candidates", 1);
        is_clean(&leg.input("await-gates", true).finish(SOON).expect(0));
        let gates = || scene.gates(&run, 1, "- {name: up, command: 'true'}");
        is_refused(gates());
        let metrics = || scene.metrics(&run, 1).input("textfile", "baton.prom");
        is_refused(metrics());
        is_clean(&server.keeps(gates()).finish(SOON).expect(0));
        is_clean(&server.keeps(metrics()).finish(SOON).expect(0));
    }
}

#[test]
fn a_store_without_a_password_is_found_by_the_later_steps() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let leg = scene.candidate(&run, 1, "write deploy 0.1");
    let leg = leg.input("candidates", 1).input("await-gates", true);
    leg.finish(SOON).expect(0);
    let gates = scene.gates(&run, 1, "- {name: up, command: 'true'}");
    gates.input("store", "").finish(SOON).expect(0);
    let status = scene.person("status").finish(SOON).expect(0);
    assert!(status.log().contains("succeeded"), "{}", status.log());
}
