//! Who wakes a person: one of all that have the same to tell, and another where that one dies first.

use lease::{
    protocol::{ALERT_UNSENT, AlarmEnd, Input},
    store::StoreError,
};
use ledger::Event;

use crate::play::{Net, Play, config, secs};

fn speaks(play: &Play, index: usize) -> bool {
    matches!(play.legs[index].alarm(), Some(AlarmEnd::Speak(_)))
}

fn waits(play: &Play, index: usize) -> bool {
    play.legs[index].alarm().is_none()
}

fn claims(play: &Play) -> Vec<(String, u32)> {
    let entries = play.chain.iter();
    entries
        .filter_map(|entry| match &entry.event {
            Event::Alert {
                instance, claim, ..
            } => Some((instance.clone(), *claim)),
            _ => None,
        })
        .collect()
}

#[test]
fn who_claims_first_speaks_and_nobody_else_does() {
    let mut play = Play::new();
    let first = play.alarms(1, "a", Net::Fine);
    let second = play.alarms(1, "b", Net::Fine);
    assert!(speaks(&play, first) && waits(&play, second));
    play.run(30);
    play.alerted(1);
    play.run(5);
    assert_eq!(play.legs[second].alarm(), Some(&AlarmEnd::Told));
    assert_eq!(claims(&play), [("a".to_owned(), 1)]);
}

#[test]
fn of_two_claims_under_way_at_once_one_wins() {
    let mut play = Play::new();
    let legs = ["a", "b"].map(|name| play.alarms(1, name, Net::Manual));
    for index in legs {
        let write = play.legs[index].outbox.remove(0);
        let nonce = write.nonce.clone();
        let result = play.swap(&write);
        play.tell(index, Input::Swapped { nonce, result });
    }
    play.run(10);
    assert_eq!(legs.map(|index| speaks(&play, index)), [true, false]);
    assert_eq!(claims(&play).len(), 1);
}

#[test]
fn what_was_told_is_not_told_again_not_even_after_it_is_over() {
    let mut play = Play::new();
    play.alarms(1, "a", Net::Fine);
    play.alerted(1);
    let late = play.alarms(1, "b", Net::Fine);
    assert_eq!(play.legs[late].alarm(), Some(&AlarmEnd::Told));
    let over = Event::AlertResolved {
        key: "run 1".to_owned(),
        channels: Vec::new(),
    };
    play.tells(&config(2, 1), vec![over], Net::Fine);
    let later = play.alarms(1, "c", Net::Fine);
    assert_eq!(play.legs[later].alarm(), Some(&AlarmEnd::Told));
}

#[test]
fn a_claim_that_nothing_follows_is_claimed_once_more_by_one() {
    let mut play = Play::new();
    play.alarms(1, "dies", Net::Fine);
    let waiting = ["b", "c"].map(|name| play.alarms(1, name, Net::Fine));
    play.run(ALERT_UNSENT.as_secs() - 3);
    assert!(waiting.iter().all(|index| waits(&play, *index)));
    play.run(6);
    let speaking = waiting.iter().filter(|index| speaks(&play, **index));
    assert_eq!(speaking.count(), 1);
    assert_eq!(
        claims(&play)
            .iter()
            .map(|(_, claim)| *claim)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    // The one that is left gives the second a minute of its own.
    play.run(ALERT_UNSENT.as_secs() - 10);
    assert_eq!(claims(&play).len(), 2);
    play.run(13);
    assert_eq!(claims(&play).len(), 3);
    assert!(waiting.iter().all(|index| speaks(&play, *index)));
}

#[test]
fn a_lost_answer_to_a_claim_is_read_back_and_speaks_once() {
    let mut play = Play::new();
    let index = play.alarms(1, "a", Net::Mute);
    play.run(4);
    assert!(waits(&play, index));
    play.legs[index].net = Net::Fine;
    play.run(10);
    assert!(speaks(&play, index));
    assert_eq!(claims(&play).len(), 1);
}

#[test]
fn another_deployments_alert_is_another() {
    let mut play = Play::new();
    let legs = [1, 2].map(|run| play.alarms(run, "a", Net::Fine));
    assert!(legs.iter().all(|index| speaks(&play, *index)));
}

#[test]
fn a_store_that_is_gone_ends_it_and_says_so() {
    let mut play = Play::new();
    let claiming = play.alarms(1, "a", Net::Cut);
    play.run(40);
    assert!(matches!(
        play.legs[claiming].alarm(),
        Some(AlarmEnd::StoreLost(_))
    ));
    let mut play = Play::new();
    play.alarms(1, "a", Net::Fine);
    let waiting = play.alarms(1, "b", Net::Fine);
    play.legs[waiting].net = Net::Cut;
    play.run(40);
    assert!(matches!(
        play.legs[waiting].alarm(),
        Some(AlarmEnd::StoreLost(StoreError::TimedOut { .. }))
    ));
}

#[test]
fn a_store_that_refuses_is_not_waited_for() {
    let mut play = Play::new();
    let index = play.alarms(1, "a", Net::Refused);
    play.run(1);
    assert!(matches!(
        play.legs[index].alarm(),
        Some(AlarmEnd::StoreLost(StoreError::Denied { .. }))
    ));
}

#[test]
fn a_read_that_lags_makes_nobody_speak_twice() {
    let mut play = Play::new();
    let before = play.store.clone();
    play.alarms(1, "a", Net::Fine);
    let second = play.alarms(1, "b", Net::Fine);
    play.legs[second].sees = Some(before);
    play.run(10);
    assert!(!speaks(&play, second));
    play.legs[second].sees = None;
    play.alerted(1);
    play.run(10);
    assert_eq!(play.legs[second].alarm(), Some(&AlarmEnd::Told));
    assert_eq!(claims(&play).len(), 1);
}

#[test]
fn while_another_is_about_to_tell_the_store_is_read_at_the_pace_of_a_poll() {
    let mut play = Play::new();
    play.alarms(1, "a", Net::Fine);
    let waiting = play.alarms(1, "b", Net::Fine);
    play.run(40);
    let reads = &play.legs[waiting].reads;
    assert!((18..=22).contains(&reads.len()), "{reads:?}");
    assert!(reads.windows(2).all(|pair| pair[1] - pair[0] >= secs(2)));
}

#[test]
fn an_alert_after_the_end_of_its_deployment_is_written() {
    let mut play = Play::new();
    play.preflight(&config(1, 1), ledger::PreflightResult::Fail);
    let judge = play.watch(1);
    play.run(2000);
    assert!(play.legs[judge].end.is_some());
    let ended = play.store.tip.deployment("o/r/1/1").map(|d| d.last_seq);
    let index = play.alarms(1, "a", Net::Fine);
    assert!(speaks(&play, index));
    assert_eq!(
        play.store.tip.deployment("o/r/1/1").map(|d| d.last_seq),
        ended,
        "an alert is no sign of life"
    );
}
