//! The ledger's own affairs: alerts that are told once, and places that the chain is shipped to.

#![allow(clippy::unwrap_used)]

mod chain;

use chain::{
    Chain, alert, alert_resolved, alert_sent, announced, deployment, finished, primary, shipped,
};
use ledger::{ALERTS_KEPT, AlertKind, AlertState, Event, Outcome, SINKS_KEPT, Timestamp, Tip};

fn said(events: impl IntoIterator<Item = Event>) -> Tip {
    let mut chain = Chain::default();
    for event in events {
        chain.say(&deployment(7), Some(primary()), event);
    }
    chain.tip
}

fn open(tip: &Tip) -> Vec<&str> {
    tip.open_alerts().map(|a| a.key.as_str()).collect()
}

#[test]
fn an_alert_is_remembered_with_whoever_means_to_tell_it() {
    let tip = said([alert("a", 1)]);
    let wanted = AlertState {
        key: "a".to_owned(),
        kind: AlertKind::DeploymentFailed,
        deployment: deployment(7).id,
        at: Timestamp(chain::START.0 + 1000),
        instance: "instance-1".to_owned(),
        claim: 1,
        sent: false,
        resolved: false,
    };
    assert_eq!(tip.alert("a"), Some(&wanted));
    assert_eq!(tip.alert("b"), None);
    assert_eq!(open(&tip), [""; 0], "nobody was told yet");
}

#[test]
fn a_higher_claim_takes_an_alert_over_and_no_other_does() {
    let mut tip = said([alert("a", 1), alert("a", 2)]);
    let second = tip.alert("a").cloned().unwrap();
    assert_eq!(
        (second.instance.as_str(), second.claim),
        ("instance-2", 2),
        "and it stands there once"
    );
    assert_eq!(second.at, Timestamp(chain::START.0 + 1000), "since when");
    assert_eq!(tip.alerts.len(), 1);
    for late in [1, 2] {
        let mut event = alert("a", late);
        if let Event::Alert { instance, .. } = &mut event {
            *instance = "late".to_owned();
        }
        assert!(tip.knows(&event), "claim {late}");
        tip = after(&tip, event);
        assert_eq!(tip.alert("a"), Some(&second), "claim {late}");
    }
    assert!(!tip.knows(&alert("a", 3)));
}

fn after(tip: &Tip, event: Event) -> Tip {
    let mut chain = Chain {
        tip: tip.clone(),
        ..Chain::default()
    };
    chain.say(&deployment(7), None, event);
    chain.tip
}

#[test]
fn an_alert_that_was_sent_is_open_until_it_is_resolved() {
    let sent = said([
        alert("a", 1),
        alert("b", 1),
        alert_sent("a"),
        alert_sent("b"),
    ]);
    assert_eq!(open(&sent), ["a", "b"]);
    let resolved = after(&sent, alert_resolved("a"));
    assert_eq!(open(&resolved), ["b"]);
    assert!(resolved.alert("a").unwrap().resolved);
}

#[test]
fn nobody_claims_what_was_sent() {
    let tip = said([alert("a", 1), alert_sent("a")]);
    let before = tip.alert("a").cloned();
    assert!(tip.knows(&alert("a", 2)) && tip.knows(&alert("a", 99)));
    assert_eq!(after(&tip, alert("a", 99)).alert("a").cloned(), before);
}

#[test]
fn what_is_known_is_told_from_what_is_news() {
    let nothing = Tip::default();
    assert!(!nothing.knows(&alert("a", 1)));
    assert!(!nothing.knows(&alert_sent("a")));
    assert!(
        nothing.knows(&alert_resolved("a")),
        "what nobody was alerted to needs no end"
    );
    assert!(!nothing.knows(&shipped("loki", 1)));
    let claimed = said([alert("a", 1)]);
    assert!(!claimed.knows(&alert_sent("a")) && !claimed.knows(&alert_resolved("a")));
    let over = said([alert("a", 1), alert_sent("a"), alert_resolved("a")]);
    assert!(over.knows(&alert_sent("a")) && over.knows(&alert_resolved("a")));
    for event in chain::every_event() {
        assert!(
            event.is_bookkeeping() || !over.knows(&event),
            "what is told of a deployment is always news: {event:?}"
        );
    }
}

#[test]
fn an_end_without_a_beginning_makes_no_alert() {
    let tip = said([alert_sent("a"), alert_resolved("a")]);
    assert_eq!(tip.alerts, []);
}

#[test]
fn alerts_that_are_over_are_forgotten_first_and_then_the_oldest() {
    let key = |n: usize| format!("key-{n:03}");
    let mut chain = Chain::default();
    for n in 0..ALERTS_KEPT {
        chain.say(&deployment(7), None, alert(&key(n), 1));
        chain.say(&deployment(7), None, alert_sent(&key(n)));
    }
    chain.say(&deployment(7), None, alert_resolved(&key(40)));
    chain.say(&deployment(7), None, alert("new", 1));
    let keys =
        |chain: &Chain| -> Vec<String> { chain.tip.alerts.iter().map(|a| a.key.clone()).collect() };
    let known = keys(&chain);
    assert_eq!(known.len(), ALERTS_KEPT);
    assert!(!known.contains(&key(40)) && known.contains(&key(0)));
    chain.say(&deployment(7), None, alert("newer", 1));
    let known = keys(&chain);
    assert_eq!(known.len(), ALERTS_KEPT);
    assert!(!known.contains(&key(0)) && known.contains(&key(1)));
    assert_eq!(known[ALERTS_KEPT - 2..], ["new", "newer"]);
}

#[test]
fn shipping_only_goes_forward() {
    let tip = said([shipped("loki", 7), shipped("file", 3), shipped("loki", 5)]);
    assert_eq!((tip.shipped("loki"), tip.shipped("file")), (7, 3));
    assert_eq!(tip.shipped("elsewhere"), 0);
    assert!(tip.knows(&shipped("loki", 7)) && !tip.knows(&shipped("loki", 8)));
}

#[test]
fn a_new_place_is_remembered_in_the_stead_of_the_one_furthest_behind() {
    let mut chain = Chain::default();
    for n in 0..SINKS_KEPT as u64 {
        let place = format!("place-{n}");
        chain.say(&deployment(7), None, shipped(&place, 100 + n));
    }
    // It starts at the beginning of the chain, behind all others.
    chain.say(&deployment(7), None, shipped("new", 5));
    assert_eq!(chain.tip.shipped.len(), SINKS_KEPT);
    assert_eq!(
        (chain.tip.shipped("new"), chain.tip.shipped("place-0")),
        (5, 0)
    );
    chain.say(&deployment(7), None, shipped("new", 50));
    chain.say(&deployment(7), None, shipped("newer", 60));
    assert_eq!(
        (chain.tip.shipped("newer"), chain.tip.shipped("new")),
        (60, 0)
    );
    assert_eq!(chain.tip.shipped("place-1"), 101);
}

#[test]
fn the_ledgers_own_affairs_change_nothing_of_any_deployment() {
    let mut chain = Chain::default();
    chain
        .succeed(&deployment(1))
        .say(&deployment(2), Some(primary()), announced())
        .say(
            &deployment(2),
            Some(primary()),
            Event::Signalled {
                signal: "SIGTERM".to_owned(),
            },
        );
    let own = chain::every_event();
    let own: Vec<Event> = own.into_iter().filter(Event::is_bookkeeping).collect();
    assert_eq!(own.len(), 5);
    for event in own {
        for about in [deployment(1), deployment(2), deployment(3)] {
            let before = chain.tip.clone();
            chain.say(&about, Some(primary()), event.clone());
            let after = &chain.tip;
            assert_eq!(after.seq, before.seq + 1);
            assert_eq!(after.deployments, before.deployments, "{event:?}");
            assert_eq!(after.totals, before.totals);
            assert_eq!((&after.days, &after.gates), (&before.days, &before.gates));
            assert_eq!(after.newest_ran, before.newest_ran);
        }
    }
}

#[test]
fn an_alert_of_a_finished_deployment_does_not_begin_it_anew() {
    let mut chain = Chain::default();
    chain.succeed(&deployment(1));
    chain.say(&deployment(1), None, alert("a", 1));
    let state = chain.tip.deployment(&deployment(1).id).unwrap();
    assert_eq!(
        (state.outcome, state.last_seq),
        (Some(Outcome::Succeeded), 5)
    );
    assert_eq!(chain.tip.seq, 6);
}

#[test]
fn a_tip_with_alerts_and_places_survives_the_round_trip() {
    let tip = said([
        alert("a \u{1F6A8} \"\\\n", 1),
        alert("b", 1),
        alert_sent("b"),
        alert_resolved("b"),
        shipped("loki", 4),
    ]);
    let text = serde_json::to_string(&tip).unwrap();
    assert_eq!(serde_json::from_str::<Tip>(&text).unwrap(), tip, "{text}");
}

#[test]
fn a_tip_from_before_there_were_alerts_is_read_and_written_without_them() {
    let mut chain = Chain::default();
    chain.succeed(&deployment(1));
    let value = serde_json::to_value(&chain.tip).unwrap();
    let fields = value.as_object().unwrap();
    assert!(!fields.contains_key("alerts") && !fields.contains_key("shipped"));
    let read: Tip = serde_json::from_value(value).unwrap();
    assert_eq!((read.alerts.len(), read.shipped.len()), (0, 0));
    assert_eq!(read, chain.tip);
    let after = after(&read, alert("a", 1));
    assert_eq!(after.alert("a").unwrap().claim, 1);
}

#[test]
fn every_way_of_telling_is_written_with_what_came_of_it() {
    let mut chain = Chain::default();
    chain.say(&deployment(7), None, alert_sent("a"));
    let value = serde_json::to_value(&chain.entries[0]).unwrap();
    assert_eq!(value["event"], "alert_sent");
    assert_eq!(value["channels"][2]["detail"], "HTTP 500");
    assert_eq!(value["channels"][2]["told"], false);
    assert!(value["channels"][3].get("detail").is_none(), "{value}");
    chain.say(&deployment(7), None, finished(Outcome::Succeeded, None));
    assert_eq!(chain.tip.open_alerts().count(), 0);
}
