//! A store that was set back or emptied under those who have seen it newer: they say so, and do not wait without end.

use lease::{
    protocol::Conclusion,
    store::{Snapshot, StoreError},
};
use ledger::{AttemptOutcome, Event};

use crate::play::{PRIMARY, Play, STANDBY, config, secs};

/// How one ended whose store was set back: what it tells people.
fn told_of(play: &Play, leg: usize) -> String {
    match &play.legs[leg].end {
        Some(Conclusion::StoreLost(error @ StoreError::Foreign { .. })) => error.to_string(),
        other => panic!("{other:?}: {:?}", play.legs[leg].said),
    }
}

#[test]
fn an_emptied_store_is_told_of_at_once_and_ends_whoever_waits_within_the_deadline_and_the_lease_time()
 {
    let mut play = Play::pair(|_| {});
    let (queued, verdict) = (play.join(config(2, 1)), play.watch(1));
    play.run(4);
    play.crash(PRIMARY);
    play.store = Snapshot::default();
    play.run(4);
    for leg in [STANDBY, queued, verdict] {
        let said = play.legs[leg].said.join("\n");
        assert!(
            said.contains("the store shows no entry and no lease where entry "),
            "{leg}: {said}"
        );
        assert_eq!(said.matches("was it set back").count(), 1, "{leg}: {said}");
    }
    play.run(36);
    assert!(play.legs.iter().skip(1).all(|leg| leg.end.is_none()));
    play.run(2);
    for leg in [STANDBY, queued, verdict] {
        let told = told_of(&play, leg);
        assert!(told.contains("and token 1 (deploying)"), "{told}");
        assert!(told.contains("the store was set back"), "{told}");
        assert!(play.legs[leg].started.is_empty(), "{leg}");
    }
    assert_eq!(play.store, Snapshot::default(), "nobody wrote into it");
}

#[test]
fn a_holder_whose_store_was_emptied_kills_at_its_deadline_and_says_why_it_ends() {
    let mut play = Play::pair(|_| {});
    play.crash(STANDBY);
    play.run(4);
    play.store = Snapshot::default();
    play.run(14);
    assert_eq!(play.legs[PRIMARY].stops, [(secs(1018), true)]);
    play.ended(PRIMARY, AttemptOutcome::Fenced);
    assert_eq!(play.legs[PRIMARY].end, None);
    // From the first renewal that was refused, at 10 s, and the read that followed it.
    play.run(33);
    let told = told_of(&play, PRIMARY);
    assert!(told.contains("the store was set back"), "{told}");
}

#[test]
fn one_read_that_lags_behind_is_not_worth_a_word_and_a_store_that_catches_up_ends_nobody() {
    let mut play = Play::pair(|_| {});
    let earlier = play.store.clone();
    play.append(
        PRIMARY,
        Event::Announced {
            candidates: 2,
            instance: "other".to_owned(),
        },
    );
    play.run(2);
    play.legs[STANDBY].sees = Some(earlier.clone());
    play.run(2);
    play.legs[STANDBY].sees = None;
    play.run(4);
    let said = play.legs[STANDBY].said.join("\n");
    assert!(!said.contains("where entry"), "{said}");
    play.legs[STANDBY].sees = Some(earlier);
    play.run(30);
    play.legs[STANDBY].sees = None;
    play.run(60);
    assert_eq!(play.legs[STANDBY].end, None);
    let said = play.legs[STANDBY].said.join("\n");
    assert!(said.contains("was it set back"), "{said}");
    assert!(said.contains("shows again what it showed before"), "{said}");
}

#[test]
fn a_token_that_goes_back_is_refused_by_who_has_seen_the_newer_one() {
    let mut play = Play::pair(|_| {});
    let first = play.store.clone();
    play.crash(PRIMARY);
    play.run(25);
    assert_eq!(play.record().token, 2);
    let queued = play.join(config(2, 1));
    play.run(4);
    play.crash(STANDBY);
    // The writes of the second holder are lost: the record of token 1 stands again, and nobody renews it.
    play.store = first;
    play.run(120);
    assert_eq!(play.record().token, 1);
    assert!(play.legs[queued].started.is_empty());
    let told = told_of(&play, queued);
    assert!(told.contains("and token 2 (deploying)"), "{told}");
}
