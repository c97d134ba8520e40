//! One leg that is not fit, or both, or none: who deploys, when, and what the run comes to.

use baton_tests::{Run, Scene, judge};
use ledger::{Event, FailureReason, Outcome, PreflightResult, TakeoverReason};
use serde_json::Value;

use crate::{QUICK, REF, REF_FAILED, SOON, fails, told};

/// Waiting it out would be noticed.
const LONG: &str = "10m";

#[test]
fn a_standby_deploys_at_once_where_the_primarys_preflight_has_failed() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let unfit = fails(scene.preflight(&run, 1, REF))
        .finish(SOON)
        .expect(REF_FAILED);
    assert_eq!(told(&unfit), ("fail".to_owned(), REF.to_owned()));
    let fit = scene.preflight(&run, 2, REF).finish(SOON).expect(0);
    assert_eq!(told(&fit), ("pass".to_owned(), String::new()));
    assert_eq!(
        scene.audit().commit("lease"),
        None,
        "a preflight leaves the lease alone"
    );
    let ended = scene
        .candidate(&run, 2, QUICK)
        .input("primary-grace", LONG)
        .finish(SOON)
        .expect(0);
    assert_took_over_for_preflight(&scene, &run, &ended);
}

#[test]
fn a_standby_that_waits_for_the_primary_goes_on_as_soon_as_that_ones_preflight_fails() {
    let (scene, run) = (Scene::new(), Run::number(1));
    scene.preflight(&run, 2, REF).finish(SOON).expect(0);
    let mut standby = scene
        .candidate(&run, 2, QUICK)
        .input("primary-grace", LONG)
        .start();
    standby.says("is ready", SOON);
    assert_eq!(scene.audit().commit("lease"), None);
    fails(scene.preflight(&run, 1, REF))
        .finish(SOON)
        .expect(REF_FAILED);
    let ended = standby.wait(SOON).expect(0);
    assert_took_over_for_preflight(&scene, &run, &ended);
}

fn assert_took_over_for_preflight(scene: &Scene, run: &Run, ended: &baton_tests::Ended) {
    let output = |name| ended.output(name);
    assert_eq!(
        ["outcome", "proceed", "failover", "failover-reason"].map(output),
        ["succeeded", "true", "true", "preflight"]
    );
    assert_eq!(scene.audit().takeovers(), [TakeoverReason::Preflight]);
    let verdict = scene.verdict(run).finish(SOON).expect(0);
    assert_eq!(verdict.output("outcome"), "succeeded");
    assert_eq!(scene.target().starts("deploy").len(), 1);
    judge::assert_sound(scene, &[&run.deployment()]);
}

#[test]
fn a_run_with_no_fit_candidate_has_failed_and_a_leg_that_comes_later_ends_green() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut verdict = scene.verdict(&run).start();
    for number in [1, 2] {
        let unfit = fails(scene.preflight(&run, number, REF))
            .finish(SOON)
            .expect(REF_FAILED);
        assert_eq!(told(&unfit), ("fail".to_owned(), REF.to_owned()));
        assert!(unfit.summary().contains(REF), "{}", unfit.summary());
    }
    let verdict = verdict.wait(SOON).expect(1);
    assert_eq!(verdict.output("outcome"), "failed");
    for party in ["candidate 1", "candidate 2"] {
        let named = verdict
            .summary()
            .lines()
            .any(|line| line.contains("What now") && line.contains(party) && line.contains(REF));
        assert!(named, "{party}: {}", verdict.summary());
    }
    let ends = scene.audit().ends(&run.deployment());
    assert!(
        matches!(
            ends.as_slice(),
            [(Outcome::Failed, Some(FailureReason::Preflight), _)]
        ),
        "{ends:?}"
    );
    assert_eq!(scene.audit().commit("lease"), None);

    let before = scene.audit().commit("ledger");
    let late = fails(scene.preflight(&run, 2, REF))
        .on("runner-z")
        .finish(SOON)
        .expect(0);
    assert_eq!(told(&late), ("finished".to_owned(), String::new()));
    assert_eq!(late.left("preflight.json"), "", "nothing was checked");
    assert!(
        late.summary().contains("has ended already"),
        "{}",
        late.summary()
    );
    assert_eq!(scene.audit().commit("ledger"), before, "nothing was told");
    assert_eq!(scene.target().lines(), []);
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_leg_that_comes_after_a_deployment_succeeded_ends_green_too() {
    let (scene, run) = (Scene::new(), Run::number(1));
    scene.preflight(&run, 1, REF).finish(SOON).expect(0);
    scene.candidate(&run, 1, QUICK).finish(SOON).expect(0);
    let lease = scene.audit().commit("lease");
    let late = fails(scene.preflight(&run, 2, REF)).finish(SOON).expect(0);
    assert_eq!(told(&late), ("finished".to_owned(), String::new()));
    let other = Run::number(2);
    scene.preflight(&other, 1, REF).finish(SOON).expect(0);
    assert_eq!(
        scene.audit().commit("lease"),
        lease,
        "a preflight leaves the lease alone"
    );
}

#[test]
fn the_deploying_step_goes_on_as_the_candidate_that_preflight_announced() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let checked = scene
        .preflight(&run, 1, REF)
        .input("version", "v1-of-the-first-step")
        .finish(SOON)
        .expect(0);
    let left: Value = serde_json::from_str(&checked.left("candidate.json")).unwrap();
    let ended = scene
        .candidate(&run, 1, "[[ $BATON_VERSION == v2 ]]; write deploy 0.2")
        // What the first step was told need not be said again.
        .default_of(&["store", "environment"])
        .input("version", "v2")
        .finish(SOON)
        .expect(0);
    assert_eq!(ended.output("proceed"), "true");
    let after: Value = serde_json::from_str(&ended.left("candidate.json")).unwrap();
    assert_eq!(left["instance"], after["instance"]);

    let audit = scene.audit();
    let announced: Vec<String> = audit
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.event {
            Event::Announced { instance, .. } => Some(instance),
            _ => None,
        })
        .collect();
    assert_eq!(announced, [left["instance"].as_str().unwrap()]);
    assert_eq!(audit.record().unwrap().deployment.version, "v2");
    let tip = audit
        .git(&[
            "show",
            &format!("{}:deployments.json", audit.reference("ledger")),
        ])
        .unwrap();
    let tip: Value = serde_json::from_str(&tip).unwrap();
    assert_eq!(tip[0]["deployment"]["version"], "v2", "{tip:#}");
    judge::assert_sound(&scene, &[&run.deployment()]);
}

#[test]
fn a_runner_that_was_mended_is_fit_again() {
    let (scene, run) = (Scene::new(), Run::number(1));
    fails(scene.preflight(&run, 1, REF))
        .finish(SOON)
        .expect(REF_FAILED);
    // The same job asks once more.
    scene.preflight(&run, 1, REF).finish(SOON).expect(0);
    let ended = scene.candidate(&run, 1, QUICK).finish(SOON).expect(0);
    assert_eq!(ended.output("proceed"), "true");
    let judged: Vec<PreflightResult> = scene
        .audit()
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.event {
            Event::Preflight { result, .. } => Some(result),
            _ => None,
        })
        .collect();
    assert_eq!(judged, [PreflightResult::Fail, PreflightResult::Pass]);
}
