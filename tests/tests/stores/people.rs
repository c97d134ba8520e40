//! What people ask for, over each store.

use baton_tests::{Run, Scene};

use crate::{SOON, TAKEOVER, server::Server};

#[test]
fn a_transfer_moves_a_deployment_to_the_other_candidate_over_each_store() {
    for server in Server::each() {
        let (scene, run) = (Scene::new(), Run::number(1));
        let leg = |number| {
            let script = "((BATON_FENCING_TOKEN == 2)) || write deploy forever; write deploy 0.1";
            server.keeps(scene.candidate(&run, number, script)).start()
        };
        let (mut primary, mut standby) = (leg(1), leg(2));
        scene.target().await_start(1, "deploy", SOON);
        standby.says("is ready", SOON);
        let transfer = server.keeps(scene.person("transfer"));
        transfer
            .input("reason", "runner-a goes for repair")
            .finish(SOON)
            .expect(0);
        let moved = standby.wait(TAKEOVER).expect(0);
        assert_eq!(moved.output("failover-reason"), "manual");
        primary.wait(SOON);
    }
}

#[test]
fn a_deployment_that_is_held_is_ended_by_a_person_over_each_store() {
    for server in Server::each() {
        let (scene, run) = (Scene::new(), Run::number(1));
        let leg = |number| {
            let leg = scene.candidate(&run, number, "write deploy forever");
            server.keeps(leg).input("on-primary-lost", "hold").start()
        };
        let (primary, mut standby) = (leg(1), leg(2));
        scene.target().await_start(1, "deploy", SOON);
        standby.says("is ready", SOON);
        primary.lose();
        let held = standby.wait(TAKEOVER).expect(3);
        assert_eq!(held.output("outcome"), "held");
        let unlock = server.keeps(scene.person("unlock"));
        let unlocked = unlock.input("reason", "checked by hand").finish(SOON);
        assert_eq!(unlocked.expect(0).output("deployment-id"), run.deployment());
        let next = scene.candidate(&Run::number(2), 1, "write deploy 0.1");
        server.keeps(next).finish(SOON).expect(0);
        assert_eq!(scene.target().starts("deploy").len(), 2);
    }
}
