use super::*;
use crate::{attempt::Outcome, state::Place};

fn request(token: u64, deployment: &str) -> Request {
    Request {
        token,
        deployment: deployment.into(),
        version: "v2".into(),
        runner: "r".into(),
        by: "b".into(),
        step: "one".into(),
        command: vec!["true".into()],
    }
}

fn running(token: u64) -> Running {
    Running {
        token,
        step: "one".into(),
        version: Some("v2".into()),
        since: "2026-01-01T00:00:00Z".into(),
        keeper: 42,
        started: 1,
        guard: 41,
        guard_started: 1,
        mark: "mark".into(),
        place: Place {
            host: "h".into(),
            boot: "b".into(),
            pid_namespace: "p".into(),
        },
    }
}

/// Token 7 of deployment `d` was admitted; `done` is its step `one`.
fn state(done: bool) -> State {
    let mut state = State::new();
    state.admit(&request(7, "d"), "2026-01-01T00:00:00Z");
    if done {
        state.running = Some(running(7));
        state.finish("v2", Outcome::Succeeded, Some(0), "2026-01-01T00:00:01Z");
    }
    state
}

#[test]
fn every_token_below_the_newest_is_refused_whatever_else_is_right() {
    for (done, id) in [(false, "d"), (true, "d"), (false, "e")] {
        for token in 1..7 {
            let judged = judge(&state(done), &request(token, id), None);
            assert!(
                matches!(judged, Err(GuardError::OlderToken { newest: 7, .. })),
                "{token}: {judged:?}"
            );
        }
    }
}

#[test]
fn the_same_token_of_another_deployment_is_refused() {
    assert!(matches!(
        judge(&state(false), &request(7, "e"), None),
        Err(GuardError::OtherDeployment { .. })
    ));
}

#[test]
fn the_same_token_of_another_runner_is_refused_whatever_was_done() {
    let other = Request {
        runner: "another".into(),
        ..request(7, "d")
    };
    let mut runs = state(false);
    runs.running = Some(running(7));
    for state in [state(false), state(true), runs] {
        let judged = judge(&state, &other, None);
        assert!(
            matches!(judged, Err(GuardError::GivenTwice { token: 7, .. })),
            "{judged:?}"
        );
        assert!(judge(&state, &request(7, "d"), None).is_ok());
        let newer = Request {
            token: 8,
            ..other.clone()
        };
        assert!(judge(&state, &newer, None).is_ok());
    }
    // Who wrote the state anew knew no runner.
    let by_hand = State::parse(b"{\"schema\": 1, \"fencing_token\": 7}\n").unwrap();
    assert!(judge(&by_hand, &other, None).is_ok());
}

#[test]
fn a_first_token_is_let_in_at_once() {
    let judged = judge(&State::new(), &request(1, "d"), None).unwrap();
    let expected = Admission::Enter {
        end: None,
        done: None,
        version_there: false,
    };
    assert_eq!(judged, expected);
}

#[test]
fn a_newer_token_ends_what_runs_also_where_its_own_step_is_done() {
    let mut before = state(true);
    before.running = Some(running(7));
    for id in ["d", "e"] {
        let judged = judge(&before, &request(8, id), None).unwrap();
        let Admission::Enter { end, done, .. } = judged else {
            panic!("{judged:?}");
        };
        assert_eq!(end, before.running);
        assert_eq!(done.is_some(), id == "d");
    }
}

#[test]
fn the_same_token_goes_behind_what_runs_unless_its_step_is_done() {
    let mut before = state(false);
    before.running = Some(running(7));
    assert_eq!(
        judge(&before, &request(7, "d"), None).unwrap(),
        Admission::Behind(running(7))
    );
    let mut before = state(true);
    before.running = Some(running(7));
    assert!(matches!(
        judge(&before, &request(7, "d"), None),
        Ok(Admission::Done(_))
    ));
}

#[test]
fn a_version_that_is_there_is_told_to_another_deployment_alone() {
    for (id, told) in [("d", false), ("e", true)] {
        let judged = judge(&state(true), &request(8, id), None).unwrap();
        assert!(
            matches!(judged, Admission::Enter { version_there, .. } if version_there == told),
            "{id}"
        );
    }
}

#[test]
fn what_descends_from_the_running_command_is_refused_and_what_does_not_is_not() {
    let mut before = state(false);
    before.running = Some(running(7));
    for token in [7, 8] {
        assert!(matches!(
            judge(&before, &request(token, "d"), Some("outer,mark")),
            Err(GuardError::WithinItself { .. })
        ));
        assert!(judge(&before, &request(token, "d"), Some("another")).is_ok());
    }
}

#[test]
fn a_deployment_has_at_most_so_many_steps_and_the_next_one_starts_anew() {
    let mut full = state(false);
    for number in 0..MOST_STEPS {
        full.running = Some(Running {
            step: format!("step-{number}"),
            ..running(7)
        });
        full.finish("v2", Outcome::Succeeded, Some(0), "2026-01-01T00:00:01Z");
    }
    assert!(matches!(
        judge(&full, &request(7, "d"), None),
        Err(GuardError::TooManySteps { .. })
    ));
    assert!(full.text().unwrap().len() < 1024 * 1024);
    let next = request(8, "e");
    assert!(judge(&full, &next, None).is_ok());
    full.admit(&next, "2026-01-01T00:00:02Z");
    assert!(full.text().unwrap().len() < 1024);
}
