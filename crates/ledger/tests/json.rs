//! What the chain and the tip look like as JSON, and what survives from a newer version.

#![allow(clippy::unwrap_used)]

mod chain;

use chain::{Chain, deployment, every_event, primary};
use ledger::{Entry, Event, Timestamp, Tip};
use serde_json::{Value, json};

fn entry(event: Event) -> Entry {
    let mut chain = Chain::default();
    chain.say(&deployment(7), Some(primary()), event);
    chain.entries.remove(0)
}

#[test]
fn every_event_survives_the_round_trip() {
    for event in every_event() {
        let entry = entry(event);
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(
            serde_json::from_str::<Entry>(&text).unwrap(),
            entry,
            "{text}"
        );
    }
}

#[test]
fn an_entry_that_nobody_signed_survives_the_round_trip() {
    let entry = Entry {
        by: None,
        ..entry(Event::DeploymentStarted)
    };
    let text = serde_json::to_string(&entry).unwrap();
    assert!(!text.contains("\"by\""), "{text}");
    assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
}

#[test]
fn an_entry_is_flat_and_names_its_event() {
    let value = serde_json::to_value(entry(Event::Signalled {
        signal: "SIGTERM".to_owned(),
    }))
    .unwrap();
    assert_eq!(value["event"], "signalled");
    assert_eq!(value["signal"], "SIGTERM");
    assert_eq!(value["seq"], 1);
    assert_eq!(value["at"], "2026-11-21T08:35:01.000Z");
    assert_eq!(value["deployment"]["ref"], "refs/heads/main");
    assert_eq!(value["by"]["role"], "primary");
}

#[test]
fn an_approval_tells_its_own_moment_beside_the_entrys() {
    let mut approvals = every_event()
        .into_iter()
        .filter(|e| matches!(e, Event::Approval { .. }));
    let value = serde_json::to_value(entry(approvals.next().unwrap())).unwrap();
    assert_eq!(value["event"], "approval");
    assert_eq!(value["at"], "2026-11-21T08:35:01.000Z");
    assert_eq!(value["reviewed_at"], "2026-11-21T08:34:59.500Z");
    assert_eq!(value["waited_seconds"], 754.25);
    let value = serde_json::to_value(entry(approvals.next().unwrap())).unwrap();
    let fields = value.as_object().unwrap();
    for unknown in ["comment", "reviewed_at", "waited_seconds"] {
        assert!(!fields.contains_key(unknown), "{value}");
    }
}

#[test]
fn every_tip_on_the_way_survives_the_round_trip() {
    let mut chain = Chain::default();
    assert_eq!(
        serde_json::from_value::<Tip>(serde_json::to_value(&chain.tip).unwrap()).unwrap(),
        chain.tip
    );
    for (run, event) in (1..).zip(every_event()) {
        chain.say(&deployment(run), Some(primary()), chain::announced());
        chain.say(&deployment(run), Some(primary()), Event::DeploymentStarted);
        chain.say(&deployment(run), Some(primary()), event);
        let text = serde_json::to_string(&chain.tip).unwrap();
        assert_eq!(
            serde_json::from_str::<Tip>(&text).unwrap(),
            chain.tip,
            "{text}"
        );
    }
}

#[test]
fn an_event_of_a_newer_version_is_read_as_unknown() {
    let mut value = serde_json::to_value(entry(Event::DeploymentStarted)).unwrap();
    value["event"] = json!("gate");
    value["gate"] = json!({"id": "api", "result": "pass"});
    let read: Entry = serde_json::from_value(value).unwrap();
    assert_eq!((read.seq, &read.event), (1, &Event::Unknown));
}

#[test]
fn a_value_of_a_newer_version_hides_its_event_and_not_the_chain() {
    let mut value =
        serde_json::to_value(entry(chain::finished(ledger::Outcome::Failed, None))).unwrap();
    value["reason"] = json!("solar_flare");
    let read: Entry = serde_json::from_value(value).unwrap();
    assert_eq!((read.seq, &read.event), (1, &Event::Unknown));
}

#[test]
fn an_entry_without_an_event_is_refused() {
    for event in [Value::Null, json!(7)] {
        let mut value = serde_json::to_value(entry(Event::DeploymentStarted)).unwrap();
        value["event"] = event;
        assert!(serde_json::from_value::<Entry>(value).is_err());
    }
    let mut value = serde_json::to_value(entry(Event::DeploymentStarted)).unwrap();
    value.as_object_mut().unwrap().remove("event");
    assert!(serde_json::from_value::<Entry>(value).is_err());
}

#[test]
fn fields_of_a_newer_version_do_not_get_in_the_way() {
    for event in every_event() {
        let entry = entry(event);
        let mut value = serde_json::to_value(&entry).unwrap();
        sprinkle(&mut value);
        assert_eq!(serde_json::from_value::<Entry>(value).unwrap(), entry);
    }
    let mut chain = Chain::default();
    chain
        .succeed(&deployment(1))
        .say(&deployment(2), Some(primary()), chain::announced())
        .say(&deployment(2), None, chain::alert("failed", 1))
        .say(&deployment(2), None, chain::shipped("loki", 3));
    let mut value = serde_json::to_value(&chain.tip).unwrap();
    sprinkle(&mut value);
    assert_eq!(serde_json::from_value::<Tip>(value).unwrap(), chain.tip);
}

/// Puts a new field into every object that is a structure; maps by name have none.
fn sprinkle(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if !matches!(
                    name.as_str(),
                    "labels" | "durations" | "newest_ran" | "announced" | "shipped"
                ) {
                    sprinkle(value);
                }
            }
            fields.insert("novelty".to_owned(), json!({"since": 9}));
        }
        Value::Array(values) => values
            .iter_mut()
            .filter(|v| v.is_object())
            .for_each(sprinkle),
        _ => {}
    }
}

#[test]
fn a_moment_is_exact_to_the_millisecond() {
    for millis in [0, 1, 999, 1000, 1_795_250_100_123, 253_402_300_799_999] {
        let text = serde_json::to_string(&Timestamp(millis)).unwrap();
        assert_eq!(
            serde_json::from_str::<Timestamp>(&text).unwrap(),
            Timestamp(millis),
            "{text}"
        );
    }
    assert_eq!(
        Timestamp(1_795_250_100_123).to_string(),
        "2026-11-21T08:35:00Z"
    );
}

#[test]
fn a_clock_out_of_its_mind_can_be_written_down() {
    assert_eq!(Timestamp(u64::MAX).day(), "9999-12-31");
    assert_eq!(
        serde_json::to_string(&Timestamp(u64::MAX)).unwrap(),
        "\"9999-12-31T23:59:59.999Z\""
    );
    assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    assert!(serde_json::from_str::<Timestamp>("1795250100").is_err());
}

#[test]
fn a_clock_that_ran_backwards_took_no_time() {
    assert_eq!(Timestamp(5).since(Timestamp(9)), std::time::Duration::ZERO);
    assert_eq!(
        Timestamp(9).since(Timestamp(5)),
        std::time::Duration::from_millis(4)
    );
}
