//! Failures that a person answers for.

use std::net::TcpListener;

use baton_tests::{Ended, Run, Scene};
use ledger::{Event, PreflightResult};

use crate::{SOON, report, reported, told};

const TARGETS: &str = "network.targets";
const REASON: &str = "web3 is being replaced, OPS-1234";

/// A preflight whose one target is closed, with an override until this day.
fn overridden(scene: &Scene, run: &Run, until: &str, code: i32) -> Ended {
    // A port that was free a moment ago: this machine answers with a reset.
    let closed = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .unwrap();
    scene
        .preflight(run, 1, TARGETS)
        .input("targets", closed)
        .input("ignore", TARGETS)
        .input("ignore-reason", REASON)
        .input("ignore-until", until)
        .finish(SOON)
        .expect(code)
}

fn events(scene: &Scene) -> Vec<Event> {
    scene
        .audit()
        .entries()
        .into_iter()
        .map(|entry| entry.event)
        .collect()
}

#[test]
fn an_ignored_failure_is_shown_as_a_warning_and_stands_in_the_ledger_with_its_actor_and_reason() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let ended = overridden(&scene, &run, "9999-12-31", 0);
    assert_eq!(told(&ended), ("warn".to_owned(), String::new()));
    let found = reported(&ended, TARGETS);
    assert_eq!(
        (&found["status"], &found["ignored"]),
        (&"warn".into(), &true.into())
    );
    assert_eq!(found["finding"]["status"], "fail", "what was seen stays");
    let summary = ended.summary();
    let row = summary.lines().find(|line| line.contains(TARGETS));
    assert!(row.is_some_and(|row| row.contains("⚠️")), "{summary}");
    assert!(
        summary.contains("mona") && summary.contains("OPS-1234"),
        "{summary}"
    );
    let wanted = Event::Override {
        checks: vec![TARGETS.to_owned()],
        reason: REASON.to_owned(),
        until: Some("9999-12-31".to_owned()),
        actor: "mona".to_owned(),
    };
    let events = events(&scene);
    assert!(events.contains(&wanted), "{events:#?}");
    assert!(
        events.contains(&Event::Preflight {
            result: PreflightResult::Pass,
            failed: Vec::new(),
        }),
        "{events:#?}"
    );
    let subjects = scene.audit().subjects();
    let audited = subjects
        .iter()
        .find(|subject| subject.contains("in spite of"));
    assert!(
        audited.is_some_and(|said| [TARGETS, "mona", REASON].iter().all(|w| said.contains(w))),
        "{subjects:#?}"
    );
}

#[test]
fn an_override_that_has_expired_changes_nothing() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let ended = overridden(&scene, &run, "2020-01-31", 3);
    assert_eq!(told(&ended), ("fail".to_owned(), TARGETS.to_owned()));
    assert!(
        ended.log().contains("`ignore-until` is over"),
        "{}",
        ended.log()
    );
    assert_eq!(report(&ended)["override"]["expired"], true);
    let events = events(&scene);
    assert!(
        !events.iter().any(|e| matches!(e, Event::Override { .. })),
        "{events:#?}"
    );
    assert!(
        events.contains(&Event::Preflight {
            result: PreflightResult::Fail,
            failed: vec![TARGETS.to_owned()],
        }),
        "{events:#?}"
    );
}
