use super::*;

fn full() -> State {
    let mut state = State::parse(
        b"{\"schema\": 1, \"fencing_token\": 6, \"site\": {\"name\": \"K\xc3\xb6ln\", \"rooms\": [1, 2.5, null]}}\n",
    )
    .unwrap();
    let request = Request {
        token: 18_446_744_073_709_551_615,
        deployment: "o/r/1/1".into(),
        version: "v1".into(),
        runner: "r".into(),
        by: "b".into(),
        step: "one".into(),
        command: vec!["true".into()],
    };
    state.admit(&request, "2026-01-01T00:00:00Z");
    state.running = Some(Running {
        token: request.token,
        step: "one".into(),
        version: Some("v1".into()),
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
    });
    state
}

#[test]
fn what_is_written_is_read_back_with_what_this_program_does_not_know() {
    let state = full();
    assert_eq!(
        State::parse(state.text().unwrap().as_bytes()).unwrap(),
        state
    );
    assert!(state.text().unwrap().contains("Köln"));
}

#[test]
fn a_state_cut_at_any_byte_is_no_state() {
    let text = full().text().unwrap();
    for length in 0..text.len() {
        assert!(
            State::parse(&text.as_bytes()[..length]).is_err(),
            "cut to {length} of {} bytes",
            text.len()
        );
    }
    // A page that never reached the disk, as some file systems leave it after a power cut.
    for length in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[length..].fill(0);
        assert!(State::parse(&bytes).is_err(), "zeroes from {length} on");
    }
}

#[test]
fn a_failure_changes_no_version_and_marks_nothing_done() {
    let mut state = full();
    state.finish("v1", Outcome::Failed, Some(3), "2026-01-01T00:00:09Z");
    assert_eq!(state.running, None);
    assert_eq!(state.current_version, None);
    assert_eq!(state.last_deploy_timestamp, None);
    assert!(state.deployment.unwrap().steps.is_empty());
    let attempt = state.last_attempt.unwrap();
    assert_eq!(
        attempt.text(),
        "v1 failed with exit code 3 at 2026-01-01T00:00:09Z, step one of token 18446744073709551615, started 2026-01-01T00:00:00Z"
    );
}

#[test]
fn the_version_before_is_remembered_once_and_not_lost_by_a_second_step() {
    let mut state = full();
    for version in ["v1", "v1", "v2", "v2"] {
        state.running = full().running;
        state.finish(version, Outcome::Succeeded, Some(0), "2026-01-01T00:00:09Z");
    }
    assert_eq!(state.current_version.as_deref(), Some("v2"));
    assert_eq!(state.previous_version.as_deref(), Some("v1"));
}

#[test]
fn a_command_that_a_newer_token_ended_is_remembered_as_ended_for_it() {
    let mut state = full();
    let next = |token| Request {
        token,
        deployment: "o/r/2/1".into(),
        version: "v2".into(),
        runner: "r".into(),
        by: "b".into(),
        step: "one".into(),
        command: vec!["true".into()],
    };
    let mut older = full().running.unwrap();
    older.token = 7;
    for (token, outcome) in [(7, Outcome::Killed), (8, Outcome::Overtaken)] {
        state.running = Some(older.clone());
        state.admit(&next(token), "2026-01-01T00:00:09Z");
        assert_eq!(state.last_attempt.as_ref().unwrap().outcome, outcome);
    }
}

#[test]
fn a_state_of_an_older_program_is_read_and_one_written_by_hand_knows_of_nothing_that_ran() {
    let old = r#"{"schema": 1, "fencing_token": 7, "current_version": "v1", "deploy_runner": "r",
        "deployment": {"id": "d", "steps": {"one": {"version": "v1", "token": 7, "at": "t"}}},
        "running": {"token": 7, "step": "one", "since": "t", "keeper": 42, "started": 1, "guard": 41, "guard_started": 1,
            "mark": "m", "host": "h", "boot": "b", "pid_namespace": "p"}}
"#;
    let state = State::parse(old.as_bytes()).unwrap();
    assert!(state.knows_what_ran);
    assert_eq!(state.running.unwrap().version, None);
    let by_hand = |text: &str| State::parse(text.as_bytes()).unwrap().knows_what_ran;
    assert!(!by_hand("{\"schema\": 1, \"fencing_token\": 7}\n"));
    assert!(by_hand(
        "{\"schema\": 1, \"fencing_token\": 7, \"running\": null}\n"
    ));
}
