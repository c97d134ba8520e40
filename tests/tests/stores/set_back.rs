//! A store that is emptied or set back under a deployment.

use baton_tests::{Run, Scene};

use crate::{SOON, TAKEOVER, server::Server};

#[test]
fn a_store_that_is_emptied_under_a_deployment_ends_everybody_with_what_happened_and_what_to_do() {
    for server in Server::each() {
        let (scene, run) = (Scene::new(), Run::number(1));
        let leg = |number| {
            let leg = scene.candidate(&run, number, "write deploy forever");
            server.keeps(leg).start()
        };
        let (mut holder, mut standby) = (leg(1), leg(2));
        let mut verdict = server.keeps(scene.verdict(&run)).start();
        scene.target().await_start(1, "deploy", SOON);
        standby.says("is ready", SOON);
        verdict.says("judging", SOON);
        server.empty();
        for step in [&mut standby, &mut holder, &mut verdict] {
            let ended = step.wait(TAKEOVER).expect(69);
            let (log, summary) = (ended.log(), ended.summary());
            assert!(
                log.contains("the store shows no entry and no lease where entry "),
                "{log}"
            );
            for told in ["the store was set back", "Look what runs on the target"] {
                assert!(summary.contains(told), "{told} in:\n{summary}\n{log}");
            }
        }
        assert_eq!(scene.writers(), Vec::<u32>::new(), "the command is dead");
        // Nobody claimed again, and what comes next goes by what the store shows now.
        let next = server.is_deployed_over(&scene, &Run::number(2));
        assert_eq!(next.output("fencing-token"), "1");
    }
}
