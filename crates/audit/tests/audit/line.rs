//! The shape of a line.

use std::collections::BTreeSet;

use crate::entries::{EVENTS, HOSTILE, entry, every_event, name, origin};
use audit::{Origin, line};
use ledger::{Entry, Event, PreflightResult};
use serde_json::Value;

#[test]
fn a_line_has_every_field_in_the_promised_order() {
    let queued = Event::Queued {
        behind: "octo/shop/4710/1".to_owned(),
        holder: "runner-a".to_owned(),
    };
    assert_eq!(
        line(&entry(7, queued), &origin()),
        concat!(
            r#"{"audit_id":7,"at":"2026-11-21T08:35:00.123Z","event":"queued","environment":"production","#,
            r#""repository":"octo/shop","lock":"octo/shop/production","deployment_id":"octo/shop/4711/2","#,
            r#""workflow_run_id":4711,"workflow_run_attempt":2,"runner_id":"runner-b","candidate":2,"#,
            r#""role":"secondary","actor":"mona","workflow":"deploy.yml","ref":"refs/heads/main","sha":"c0ffee","#,
            r#""version":"1.2.3","token":42,"message":"candidate 2 (secondary, runner-b) waits behind "#,
            r#"octo/shop/4710/1, which runner-a carries out [octo/shop/4711/2]","#,
            r#""data":{"behind":"octo/shop/4710/1","holder":"runner-a"}}"#,
        )
    );
}

#[test]
fn every_event_has_a_line_with_its_name_and_the_fields_that_the_ledger_has() {
    let events = every_event();
    let names: BTreeSet<&str> = events.iter().map(name).collect();
    assert_eq!(names.len(), EVENTS, "every event is listed: {names:?}");
    for event in events {
        let made = entry(1, event);
        let written: Value = serde_json::from_str(&line(&made, &origin())).expect("JSON");
        assert_eq!(written["event"], name(&made.event));
        let mut kept = serde_json::to_value(&made.event).expect("JSON");
        kept.as_object_mut().expect("an object").remove("event");
        assert_eq!(written["data"], kept, "{}", name(&made.event));
    }
}

#[test]
fn what_no_candidate_wrote_names_no_runner() {
    let mut made = entry(1, Event::DeploymentStarted);
    made.by = None;
    made.deployment.run = "trial".to_owned();
    let written: Value = serde_json::from_str(&line(&made, &origin())).expect("JSON");
    for field in ["runner_id", "candidate", "role", "workflow_run_id"] {
        assert_eq!(written.get(field), Some(&Value::Null), "{field}");
    }
}

/// What Python's `splitlines` takes for the end of a line, which is more than any other reader takes.
fn ends_a_line(c: char) -> bool {
    "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}".contains(c)
}

fn hostile() -> (Entry, Origin) {
    let mut made = entry(
        1,
        Event::Preflight {
            result: PreflightResult::Fail,
            failed: vec![HOSTILE.to_owned()],
        },
    );
    HOSTILE.clone_into(&mut made.deployment.git_ref);
    HOSTILE.clone_into(&mut made.deployment.workflow);
    HOSTILE.clone_into(&mut made.deployment.version);
    HOSTILE.clone_into(&mut made.deployment.environment);
    let from = Origin {
        lock: HOSTILE.to_owned(),
        ..origin()
    };
    (made, from)
}

#[test]
fn hostile_text_adds_no_line_and_no_field_and_comes_back_unchanged() {
    let (made, from) = hostile();
    let text = line(&made, &from);
    assert!(!text.contains(ends_a_line), "{text:?}");
    let written: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(written.as_object().expect("an object").len(), 20);
    for field in ["ref", "workflow", "version", "environment", "lock"] {
        assert_eq!(written[field], HOSTILE, "{field}");
    }
    assert_eq!(written["data"]["failed"][0], HOSTILE);
}

#[test]
fn a_line_depends_on_the_entry_and_not_on_who_ships_it() {
    let elsewhere = Origin {
        environment: "staging".to_owned(),
        repository: String::new(),
        ..origin()
    };
    let made = entry(1, Event::DeploymentStarted);
    assert_eq!(line(&made, &elsewhere), line(&made, &origin()));
    // An entry that does not say.
    let mut silent = made;
    silent.deployment.environment = String::new();
    silent.deployment.run = "trial".to_owned();
    let written: Value = serde_json::from_str(&line(&silent, &elsewhere)).expect("JSON");
    assert_eq!(written["environment"], "staging");
    assert_eq!(written["repository"], "");
}
