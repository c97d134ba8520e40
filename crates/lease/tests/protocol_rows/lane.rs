//! Rules 1 and 2: what a lost, late, refused or torn answer decides, which is nothing.

use lease::{
    Phase, Record,
    protocol::{Conclusion, Input, SwapAnswer},
    store::{Snapshot, Version},
};
use ledger::{Draft, Event, Outcome};

use crate::play::{Net, PRIMARY, Play, STANDBY, config};

/// The lease of one moment with the ledger of another.
fn torn(lease: &Snapshot, ledger: &Snapshot) -> Snapshot {
    let version = Version {
        lease: lease.version.lease.clone(),
        ledger: ledger.version.ledger.clone(),
    };
    Snapshot {
        record: lease.record.clone(),
        tip: ledger.tip.clone(),
        version,
    }
}

#[test]
fn an_unanswered_write_is_sent_again_every_second_and_at_most_four_at_once() {
    let mut play = Play::pair(|_| {});
    play.legs[PRIMARY].net = Net::Manual;
    play.run(17);
    let outbox = &play.legs[PRIMARY].outbox;
    assert_eq!(outbox.len(), 4);
    assert!(outbox.iter().all(|w| w.nonce == outbox[0].nonce));
}

#[test]
fn a_rejection_decides_nothing_where_the_lease_shows_our_nonce() {
    let mut play = Play::pair(|_| {});
    play.legs[PRIMARY].net = Net::Manual;
    play.run(11);
    let write = play.legs[PRIMARY].outbox[0].clone();
    play.swap(&write);
    play.tell(
        PRIMARY,
        Input::Swapped {
            nonce: write.nonce.clone(),
            result: SwapAnswer::Lost,
        },
    );
    play.legs[PRIMARY].net = Net::Fine;
    play.run(30);
    assert_eq!(play.legs[PRIMARY].stops, []);
    assert_eq!(play.phase(), Phase::Deploying);
}

#[test]
fn a_nonce_in_the_ledger_is_a_win_though_another_has_claimed_since() {
    let mut play = Play::pair(|_| {});
    let queued = play.join(config(2, 1));
    play.run(3);
    play.legs[PRIMARY].net = Net::Manual;
    play.succeeds(PRIMARY);
    let write = loop {
        let found = play.legs[PRIMARY]
            .outbox
            .iter()
            .find(|w| w.record.as_ref().is_some_and(|r| r.phase.is_terminal()));
        match found.cloned() {
            Some(write) if matches!(play.swap(&write), SwapAnswer::Won(_)) => break write,
            Some(write) => {
                play.tell(
                    PRIMARY,
                    Input::Swapped {
                        nonce: write.nonce.clone(),
                        result: SwapAnswer::Lost,
                    },
                );
                play.legs[PRIMARY].outbox.retain(|w| w.nonce != write.nonce);
                play.run(1);
            }
            None => play.run(1),
        }
    };
    play.run(3);
    assert_eq!(play.legs[queued].started.len(), 1);
    play.tell(
        PRIMARY,
        Input::Swapped {
            nonce: write.nonce.clone(),
            result: SwapAnswer::Lost,
        },
    );
    play.run(1);
    assert!(
        matches!(
            play.legs[PRIMARY].end,
            Some(Conclusion::Proceed { finished: true, .. })
        ),
        "{:?}",
        play.legs[0].end
    );
    assert_eq!(play.outcome(1), Some(Outcome::Succeeded));
}

#[test]
fn a_ledger_that_moved_under_the_holder_makes_it_try_again_and_never_lose() {
    let mut play = Play::pair(|c| c.attempts = 2);
    play.run(3);
    let waits = |play: &mut Play| {
        play.append(
            STANDBY,
            Event::Signalled {
                signal: "SIGINT".to_owned(),
            },
        )
    };
    waits(&mut play);
    play.fails(PRIMARY);
    play.run(1);
    assert_eq!(
        play.count(|e| matches!(e, Event::AttemptFinished { .. })),
        1
    );
    assert_eq!(play.legs[PRIMARY].end, None);
}

#[test]
fn a_claim_that_was_given_up_and_lands_all_the_same_is_owned_up_to() {
    let mut play = Play::pair(|_| {});
    play.run(5);
    let earlier = play.store.clone();
    play.run(6);
    play.crash(PRIMARY);
    play.legs[STANDBY].net = Net::Manual;
    play.run(26);
    let claim = play.legs[STANDBY].outbox[0].clone();
    // A read that lags shows an earlier heartbeat: the claim seems to have come to nothing.
    play.tell(
        STANDBY,
        Input::Swapped {
            nonce: claim.nonce.clone(),
            result: SwapAnswer::Lost,
        },
    );
    play.tell(STANDBY, Input::Read(Ok(earlier)));
    play.legs[STANDBY].net = Net::Fine;
    play.swap(&claim);
    play.run(4);
    assert_eq!(play.legs[STANDBY].started.len(), 1, "{:?}", play.record());
    assert_eq!(play.record().holder.candidate, 2);
}

#[test]
fn reads_that_lag_do_not_cost_a_healthy_holder_its_lease() {
    let mut play = Play::pair(|_| {});
    play.run(25);
    let earlier = play.store.clone();
    play.run(200);
    play.legs[PRIMARY].sees = Some(earlier.clone());
    play.tell(PRIMARY, Input::Read(Ok(earlier)));
    play.run(30);
    assert_eq!(play.legs[PRIMARY].stops, []);
    assert_eq!(play.phase(), Phase::Deploying);
}

#[test]
fn a_read_that_shows_an_earlier_chain_or_token_is_not_looked_at() {
    let mut play = Play::pair(|_| {});
    let earlier = Snapshot::default();
    play.run(1);
    play.crash(PRIMARY);
    play.run(15);
    play.tell(STANDBY, Input::Read(Ok(earlier)));
    play.run(8);
    let announced = |e: &Event| matches!(e, Event::Announced { .. });
    assert_eq!(play.count(announced), 2);
    assert_eq!(play.legs[STANDBY].started.len(), 1, "its wait goes on");
}

#[test]
fn a_claim_seen_in_the_ledger_alone_is_not_gone_on_with_until_the_lease_shows_it_too() {
    let mut play = Play::new();
    let first = play.join(config(1, 1));
    play.run(1);
    let second = play.join(config(2, 1));
    play.run(1);
    play.legs[second].net = Net::Manual;
    play.succeeds(first);
    let before = play.store.clone();
    play.run(2);
    let claim = play.legs[second]
        .outbox
        .iter()
        .rfind(|w| w.record.is_some())
        .unwrap()
        .clone();
    play.swap(&claim);
    play.tell(second, Input::Read(Ok(torn(&before, &play.store))));
    assert_eq!(play.legs[second].started, []);
    play.legs[second].net = Net::Fine;
    play.run(3);
    assert_eq!(play.legs[second].started.len(), 1);
    play.run(30);
    assert_eq!(
        play.legs[second].stops,
        [],
        "its renewals go over the version that stands"
    );
}

#[test]
fn an_end_seen_in_the_lease_alone_is_sent_until_the_ledger_shows_it_too() {
    let mut play = Play::new();
    let leg = play.join(config(1, 1));
    play.run(1);
    play.legs[leg].net = Net::Manual;
    let before = play.store.clone();
    play.succeeds(leg);
    play.run(1);
    let write = play.legs[leg].outbox.last().unwrap().clone();
    play.swap(&write);
    let half = torn(&play.store, &before);
    play.tell(leg, Input::Read(Ok(half.clone())));
    assert_eq!(
        play.legs[leg].end, None,
        "going now would cut the push off before it moves the ledger"
    );
    let sent = play.legs[leg].outbox.len();
    play.run(2);
    play.tell(leg, Input::Read(Ok(half)));
    assert!(play.legs[leg].outbox.len() > sent, "it is sent again");
    let whole = play.store.clone();
    play.tell(leg, Input::Read(Ok(whole)));
    let end = &play.legs[leg].end;
    assert!(
        matches!(end, Some(Conclusion::Proceed { finished: true, .. })),
        "{end:?}"
    );
}

#[test]
fn a_lease_without_the_ledger_that_goes_with_it_does_not_end_a_hold() {
    let mut play = Play::pair(|_| {});
    play.run(2);
    let mut newer = play.store.clone();
    if let Some(record) = &mut newer.record {
        record.token = 9;
        record.nonce = "another".to_owned();
    }
    play.tell(PRIMARY, Input::Read(Ok(torn(&newer, &play.store))));
    assert_eq!(play.legs[PRIMARY].stops, []);
}

#[test]
fn a_store_that_was_set_back_is_given_up_on() {
    let mut play = Play::pair(|_| {});
    let before = play.store.clone();
    play.crash(STANDBY);
    play.run(30);
    play.store = Snapshot {
        version: before.version.clone(),
        ..before
    };
    play.run(20);
    assert_eq!(play.legs[PRIMARY].stops.len(), 1, "nothing can be renewed");
    play.ended(PRIMARY, ledger::AttemptOutcome::Fenced);
    let reads = play.legs[PRIMARY].reads.len();
    play.run(60);
    assert!(
        play.legs[PRIMARY].reads.len() - reads < 90,
        "it does not ask in a hurry any more"
    );
    play.run(1800);
    assert!(
        matches!(play.legs[PRIMARY].end, Some(Conclusion::StoreLost(_))),
        "{:?}",
        play.legs[PRIMARY].end
    );
}

#[test]
fn a_holder_never_writes_over_a_lease_that_is_not_its_own() {
    let mut play = Play::pair(|_| {});
    play.run(9);
    let before = play.store.clone();
    play.legs[PRIMARY].net = Net::Manual;
    play.run(2);
    play.crash(STANDBY);
    let taken = Record {
        token: 2,
        ..play.record().clone()
    };
    let event = Event::AttemptStarted { number: 1 };
    let draft = Draft {
        deployment: taken.deployment.clone(),
        by: None,
        token: 2,
        event,
    };
    play.put(Some(taken), vec![draft]);
    let nonce = play.legs[PRIMARY].outbox[0].nonce.clone();
    play.legs[PRIMARY].net = Net::Fine;
    play.legs[PRIMARY].sees = Some(torn(&play.store, &before));
    play.tell(
        PRIMARY,
        Input::Swapped {
            nonce,
            result: SwapAnswer::Lost,
        },
    );
    play.run(5);
    assert_eq!(play.record().token, 2);
}
