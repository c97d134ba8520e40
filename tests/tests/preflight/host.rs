//! Two candidates on one host: the standby dies with the primary.

use baton_tests::{Run, Scene};

use crate::{SOON, reported, told};

const SEPARATE: &str = "runner.separate";

#[test]
fn the_second_candidate_on_one_host_fails_and_under_act_is_warned() {
    for (act, code, result) in [(false, 1, "fail"), (true, 0, "warn")] {
        let (scene, run) = (Scene::new(), Run::number(1));
        let preflight = |number| {
            let step = scene.preflight(&run, number, SEPARATE);
            if act {
                step.variable("ACT", true)
                    .variable("ACTIONS_CACHE_URL", "http://127.0.0.1:40123/key/")
            } else {
                step
            }
        };
        let first = preflight(1).finish(SOON).expect(0);
        assert_eq!(told(&first).0, "pass", "nobody else is there yet");
        let second = preflight(2).finish(SOON).expect(code);
        assert_eq!(told(&second).0, result);
        let found = reported(&second, SEPARATE);
        assert_eq!(found["status"], result, "{found:#}");
        let other = found["finding"]["parts"][0]["subject"].as_str().unwrap();
        assert!(other.contains("runner-a"), "{found:#}");
    }
}
