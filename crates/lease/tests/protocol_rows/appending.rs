//! Steps that only add to the ledger: what they tell, once, and when they tell nothing.

use lease::{
    Phase,
    protocol::{AppenderEnd, Input, SwapAnswer},
    store::StoreError,
};
use ledger::{AlertKind, Event, Outcome, PreflightResult};

use crate::play::{Net, PRIMARY, Play, STANDBY, config, preflight, secs};

fn announced(event: &Event) -> bool {
    matches!(event, Event::Announced { .. })
}

fn judged(event: &Event) -> bool {
    matches!(event, Event::Preflight { .. })
}

fn timed_out() -> SwapAnswer {
    SwapAnswer::Unknown(StoreError::TimedOut {
        place: "here".to_owned(),
        after: secs(3),
    })
}

/// A preflight that passes, with its first write waiting in the outbox.
fn waiting(play: &mut Play) -> usize {
    let leg = config(1, 2);
    let events = preflight(&leg, PreflightResult::Pass);
    let teller = play.tells(&leg, events, Net::Manual);
    assert_eq!(play.legs[teller].outbox.len(), 1);
    teller
}

#[test]
fn everything_is_told_by_one_swap_that_leaves_the_lease_alone() {
    let mut play = Play::new();
    let teller = play.preflight(&config(1, 1), PreflightResult::Pass);
    assert_eq!(play.chain.len(), 2);
    assert!(announced(&play.chain[0].event) && judged(&play.chain[1].event));
    assert_eq!(play.chain[0].nonce, play.chain[1].nonce);
    assert_eq!(play.chain[1].by, Some(config(1, 1).me));
    assert!(
        play.legs[teller]
            .sends
            .iter()
            .all(|(_, w)| w.record.is_none())
    );
    assert_eq!(
        (&play.store.record, &play.store.version.lease),
        (&None, &None)
    );
    let Some(AppenderEnd::Done(snapshot)) = play.legs[teller].told() else {
        panic!("{:?}", play.legs[teller].told());
    };
    assert_eq!(**snapshot, play.store, "it ends with what stands now");
}

#[test]
fn an_announcement_that_stands_there_already_is_not_repeated() {
    let mut play = Play::new();
    play.preflight(&config(1, 1), PreflightResult::Pass);
    play.preflight(&config(1, 1), PreflightResult::Fail);
    assert_eq!((play.count(announced), play.count(judged)), (1, 2));
}

#[test]
fn a_review_that_another_candidate_told_of_is_not_repeated() {
    let said = |user: &str, state: &str, waited: u64| Event::Approval {
        environment: "production".to_owned(),
        user: user.to_owned(),
        state: state.to_owned(),
        comment: String::new(),
        reviewed_at: None,
        waited: Some(secs(waited)),
    };
    let told = |play: &Play, run: u64| -> Vec<(u32, String)> {
        let of = crate::play::deployment(run).id;
        let entries = play.chain.iter().filter(|e| e.deployment.id == of);
        entries
            .filter_map(|e| match &e.event {
                Event::Approval { user, state, .. } => {
                    Some((e.by.as_ref()?.candidate, format!("{user} {state}")))
                }
                _ => None,
            })
            .collect()
    };
    let mut play = Play::new();
    let first = vec![said("grace", "rejected", 5), said("grace", "approved", 5)];
    play.tells(&config(1, 1), first, Net::Fine);
    // GitHub's answer a moment later: the same review, measured a little differently, and one more.
    let second = vec![said("grace", "approved", 6), said("ada", "approved", 9)];
    play.tells(&config(1, 2), second, Net::Fine);
    let wanted = [
        (1, "grace rejected".to_owned()),
        (1, "grace approved".to_owned()),
        (2, "ada approved".to_owned()),
    ];
    assert_eq!(told(&play, 1), wanted);
    play.tells(&config(2, 1), vec![said("grace", "approved", 5)], Net::Fine);
    let of_another = [(1, "grace approved".to_owned())];
    assert_eq!(told(&play, 2), of_another, "a deployment has its own");
}

#[test]
fn where_nothing_is_left_to_tell_nothing_is_written() {
    let mut play = Play::new();
    let leg = config(1, 1);
    play.preflight(&leg, PreflightResult::Pass);
    let signal = Event::Signalled {
        signal: "SIGINT".to_owned(),
    };
    play.tells(&leg, vec![signal.clone()], Net::Fine);
    let before = play.chain.clone();
    let mut again = preflight(&leg, PreflightResult::Pass);
    again.truncate(1);
    again.push(signal);
    let teller = play.tells(&leg, again, Net::Fine);
    assert_eq!(play.chain, before);
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::Done(_))
    ));
}

#[test]
fn nothing_is_told_after_the_deployments_end() {
    let mut play = Play::pair(|_| {});
    play.succeeds(PRIMARY);
    play.run(1);
    assert_eq!(play.phase(), Phase::Succeeded);
    let before = play.chain.clone();
    let teller = play.preflight(&config(1, 3), PreflightResult::Fail);
    assert_eq!(play.chain, before);
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::Finished {
            outcome: Outcome::Succeeded,
            ..
        })
    ));
}

fn alert(claim: u32) -> Event {
    Event::Alert {
        key: "failed o/r/1/1".to_owned(),
        kind: AlertKind::DeploymentFailed,
        instance: format!("instance-{claim}"),
        claim,
    }
}

fn sent() -> Event {
    Event::AlertSent {
        key: "failed o/r/1/1".to_owned(),
        channels: Vec::new(),
    }
}

fn shipped(to: u64) -> Event {
    Event::AuditShipped {
        sink: "loki".to_owned(),
        to,
    }
}

/// A deployment that has come to its end.
fn ended() -> Play {
    let mut play = Play::pair(|_| {});
    play.succeeds(PRIMARY);
    play.run(1);
    assert_eq!(play.phase(), Phase::Succeeded);
    play
}

#[test]
fn the_ledgers_own_affairs_go_on_after_the_deployments_end() {
    let mut play = ended();
    let (record, before) = (play.record().clone(), play.chain.len());
    let events = vec![alert(1), sent(), shipped(9)];
    let teller = play.tells(&config(1, 1), events.clone(), Net::Fine);
    let told: Vec<_> = play.chain[before..]
        .iter()
        .map(|e| e.event.clone())
        .collect();
    assert_eq!(told, events);
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::Done(_))
    ));
    assert_eq!(*play.record(), record, "the lease is as it was");
    assert!(
        play.store
            .tip
            .alert("failed o/r/1/1")
            .is_some_and(|a| a.sent)
    );
    assert_eq!(play.store.tip.shipped("loki"), 9);
}

#[test]
fn what_the_ledger_knows_of_its_own_affairs_is_left_out() {
    let mut play = ended();
    play.tells(&config(1, 1), vec![alert(1), shipped(9)], Net::Fine);
    let before = play.chain.len();
    let teller = play.tells(&config(1, 2), vec![alert(1), shipped(8)], Net::Fine);
    assert_eq!(play.chain.len(), before, "another was first");
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::Done(_))
    ));
    let second = vec![alert(1), alert(2), shipped(9), shipped(10)];
    play.tells(&config(1, 2), second, Net::Fine);
    let told: Vec<_> = play.chain[before..]
        .iter()
        .map(|e| e.event.clone())
        .collect();
    assert_eq!(told, [alert(2), shipped(10)], "what is news is told");
}

#[test]
fn of_two_that_mean_to_alert_at_once_one_claims_and_the_other_learns_of_it() {
    let mut play = ended();
    let slow = play.tells(&config(1, 1), vec![alert(1)], Net::Manual);
    let write = play.legs[slow].outbox[0].clone();
    let mut other = alert(1);
    if let Event::Alert { instance, .. } = &mut other {
        *instance = "another".to_owned();
    }
    play.tells(&config(1, 2), vec![other], Net::Fine);
    let (nonce, result) = (write.nonce.clone(), play.swap(&write));
    assert!(matches!(result, SwapAnswer::Lost));
    play.tell(slow, Input::Swapped { nonce, result });
    play.run(2);
    assert_eq!(play.count(|e| matches!(e, Event::Alert { .. })), 1);
    let Some(AppenderEnd::Done(seen)) = play.legs[slow].told() else {
        panic!("{:?}", play.legs[slow].told());
    };
    let claimed = seen.tip.alert("failed o/r/1/1").unwrap();
    assert_eq!(claimed.instance, "another", "and is told by what it sees");
}

#[test]
fn one_event_of_the_deployment_itself_stops_a_list_at_the_end() {
    let mut play = ended();
    let before = play.chain.clone();
    let mut events = vec![alert(1), shipped(9)];
    events.extend(preflight(&config(1, 3), PreflightResult::Pass));
    let teller = play.tells(&config(1, 3), events, Net::Fine);
    assert_eq!(play.chain, before);
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::Finished { .. })
    ));
}

#[test]
fn nothing_is_told_under_a_number_that_another_process_has() {
    let mut play = Play::pair(|_| {});
    let before = play.chain.clone();
    let mut twin = config(1, 2);
    twin.instance = "another".to_owned();
    let teller = play.preflight(&twin, PreflightResult::Fail);
    assert_eq!(play.chain, before);
    let Some(AppenderEnd::NumberTaken { by }) = play.legs[teller].told() else {
        panic!("{:?}", play.legs[teller].told());
    };
    assert_eq!(*by, config(1, 2).me);
}

#[test]
fn an_entry_carries_the_token_in_force_for_its_deployment() {
    let mut play = Play::pair(|_| {});
    play.preflight(&config(1, 3), PreflightResult::Pass);
    play.preflight(&config(2, 1), PreflightResult::Pass);
    let tokens: Vec<_> = play
        .chain
        .iter()
        .filter(|e| judged(&e.event))
        .map(|e| e.token)
        .collect();
    assert_eq!(tokens, [1, 0]);
}

#[test]
fn a_ledger_that_moved_is_read_and_judged_anew() {
    let mut play = Play::new();
    let teller = waiting(&mut play);
    let write = play.legs[teller].outbox[0].clone();
    // The leg's own announcement comes first, by its next step: it need not be told any more.
    play.legs[teller].net = Net::Fine;
    play.join(config(1, 2));
    let nonce = write.nonce.clone();
    let result = play.swap(&write);
    assert!(matches!(result, SwapAnswer::Lost));
    play.tell(teller, Input::Swapped { nonce, result });
    play.run(1);
    assert_eq!((play.count(announced), play.count(judged)), (1, 1));
    assert_eq!(play.legs[teller].reads.len(), 2);
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::Done(_))
    ));
}

#[test]
fn an_end_that_came_first_is_not_written_behind() {
    let mut play = Play::pair(|_| {});
    let teller = waiting(&mut play);
    play.succeeds(PRIMARY);
    play.run(1);
    assert_eq!(play.phase(), Phase::Succeeded);
    let write = play.legs[teller].outbox[0].clone();
    let nonce = write.nonce.clone();
    let result = play.swap(&write);
    play.tell(teller, Input::Swapped { nonce, result });
    play.run(2);
    assert_eq!(play.count(judged), 0);
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::Finished { .. })
    ));
}

#[test]
fn a_rejection_decides_nothing_where_the_ledger_shows_our_nonce() {
    let mut play = Play::new();
    let teller = waiting(&mut play);
    let write = play.legs[teller].outbox[0].clone();
    play.swap(&write);
    play.preflight(&config(1, 1), PreflightResult::Pass);
    let (nonce, result) = (write.nonce.clone(), SwapAnswer::Lost);
    play.tell(teller, Input::Swapped { nonce, result });
    play.run(1);
    assert_eq!(play.count(judged), 2, "one of each leg");
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::Done(_))
    ));
}

#[test]
fn a_lost_answer_is_read_back_and_not_told_again() {
    let mut play = Play::new();
    let teller = waiting(&mut play);
    let write = play.legs[teller].outbox[0].clone();
    play.swap(&write);
    let nonce = write.nonce.clone();
    let result = timed_out();
    play.tell(teller, Input::Swapped { nonce, result });
    play.run(1);
    assert_eq!(play.count(judged), 1);
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::Done(_))
    ));
}

#[test]
fn an_unanswered_write_is_sent_again_as_it_is_and_at_most_four_at_once() {
    let mut play = Play::new();
    let teller = waiting(&mut play);
    play.run(30);
    let outbox = &play.legs[teller].outbox;
    assert_eq!(outbox.len(), 4);
    assert!(outbox.iter().all(|w| **w == *outbox[0]));
}

#[test]
fn a_heartbeat_in_between_costs_neither_the_holder_nor_the_step_anything() {
    let mut play = Play::pair(|_| {});
    let teller = waiting(&mut play);
    let before = play.record().nonce.clone();
    play.run(11);
    assert_ne!(play.record().nonce, before, "the holder has renewed");
    let write = play.legs[teller].outbox[0].clone();
    let nonce = write.nonce.clone();
    let result = play.swap(&write);
    play.tell(teller, Input::Swapped { nonce, result });
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::Done(_))
    ));
    play.run(60);
    assert_eq!(play.legs[PRIMARY].stops, []);
    assert_eq!(play.phase(), Phase::Deploying);
    assert_eq!(play.legs[STANDBY].end, None);
}

#[test]
fn a_read_that_shows_an_earlier_chain_decides_nothing() {
    let mut play = Play::new();
    let earlier = play.store.clone();
    play.join(config(1, 1));
    let teller = waiting(&mut play);
    let write = play.legs[teller].outbox[0].clone();
    play.swap(&write);
    play.legs[teller].sees = Some(earlier);
    let (nonce, result) = (write.nonce.clone(), SwapAnswer::Lost);
    play.tell(teller, Input::Swapped { nonce, result });
    play.run(3);
    assert_eq!(play.legs[teller].told(), None);
    play.legs[teller].sees = None;
    play.run(3);
    assert_eq!(play.count(judged), 1);
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::Done(_))
    ));
}

#[test]
fn a_store_out_of_reach_is_given_up_after_the_patience() {
    let leg = config(1, 1);
    let mut play = Play::new();
    let unread = play.tells(&leg, preflight(&leg, PreflightResult::Pass), Net::Cut);
    let unwritten = waiting(&mut play);
    play.legs[unwritten].net = Net::Cut;
    play.run(59);
    for teller in [unread, unwritten] {
        assert_eq!(play.legs[teller].told(), None);
    }
    play.run(4);
    for teller in [unread, unwritten] {
        let told = play.legs[teller].told();
        assert!(matches!(told, Some(AppenderEnd::StoreLost(e)) if e.is_passing()));
        assert!(play.legs[teller].reads.len() <= 22, "it does not hurry");
    }
}

#[test]
fn a_refusal_is_not_waited_out() {
    let leg = config(1, 1);
    let mut play = Play::new();
    let events = preflight(&leg, PreflightResult::Pass);
    let teller = play.tells(&leg, events, Net::Refused);
    assert!(matches!(
        play.legs[teller].told(),
        Some(AppenderEnd::StoreLost(StoreError::Denied { .. }))
    ));
}
