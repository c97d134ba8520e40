//! When a reading may be pushed: no older one over a newer one, whatever holds the process up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use push_metrics::pushing::{Limits, News, Order, Pushing};

const FRESH: Duration = Limits::STEP.fresh_for;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn begun() -> Pushing {
    Pushing::new(Limits::STEP, 2, secs(100))
}

fn read(asked_at: Duration, content: u64) -> News {
    News::Read { asked_at, content }
}

/// The first group is pushed, of content 1 that was read at 100 s.
fn one_pushed(pushing: &mut Pushing) {
    assert_eq!(pushing.step(secs(100), News::Tick), Order::Read);
    let push = pushing.step(secs(100), read(secs(100), 1));
    assert_eq!(push, Order::Push(0));
    let push = pushing.step(secs(100), News::Pushed);
    assert_eq!(push, Order::Push(1));
}

#[test]
fn both_groups_are_pushed_and_the_ledger_is_read_once_more() {
    let mut pushing = begun();
    one_pushed(&mut pushing);
    assert_eq!(pushing.step(secs(100), News::Pushed), Order::Read);
    assert_eq!(pushing.step(secs(101), read(secs(101), 1)), Order::Done);
}

#[test]
fn totals_that_moved_meanwhile_follow_at_once() {
    let mut pushing = begun();
    one_pushed(&mut pushing);
    assert_eq!(pushing.step(secs(100), News::Pushed), Order::Read);
    assert_eq!(pushing.step(secs(101), read(secs(101), 2)), Order::Push(0));
    assert_eq!(pushing.step(secs(101), News::Pushed), Order::Push(1));
    assert_eq!(pushing.step(secs(101), News::Pushed), Order::Read);
    assert_eq!(pushing.step(secs(101), read(secs(101), 2)), Order::Done);
}

#[test]
fn a_reading_that_grew_old_before_its_push_is_not_pushed() {
    let mut pushing = begun();
    assert_eq!(pushing.step(secs(100), News::Tick), Order::Read);
    // The read was asked for at 100 s; this process was frozen before it could look at the answer.
    let late = secs(100) + FRESH + millis(1);
    assert_eq!(pushing.step(late, read(secs(100), 1)), Order::Read);
    assert_eq!(pushing.step(late, read(late, 2)), Order::Push(0));
}

#[test]
fn a_freeze_between_the_groups_has_the_ledger_read_again() {
    let mut pushing = begun();
    assert_eq!(pushing.step(secs(100), News::Tick), Order::Read);
    assert_eq!(pushing.step(secs(100), read(secs(100), 1)), Order::Push(0));
    let thawed = secs(120);
    assert_eq!(pushing.step(thawed, News::Pushed), Order::Read);
    // What was pushed over whatever stood there meanwhile is mended with the newer totals.
    assert_eq!(pushing.step(thawed, read(thawed, 2)), Order::Push(0));
    assert_eq!(pushing.step(thawed, News::Pushed), Order::Push(1));
}

#[test]
fn a_reading_that_is_the_same_again_pushes_only_what_does_not_stand_yet() {
    let mut pushing = begun();
    one_pushed(&mut pushing);
    let failed = pushing.step(secs(101), News::Failed { may_pass: true });
    assert_eq!(failed, Order::WaitUntil(secs(101) + millis(250)));
    let thawed = secs(110);
    assert_eq!(pushing.step(thawed, News::Tick), Order::Read);
    assert_eq!(pushing.step(thawed, read(thawed, 1)), Order::Push(1));
}

#[test]
fn a_wait_is_waited_out() {
    let mut pushing = begun();
    one_pushed(&mut pushing);
    let Order::WaitUntil(until) = pushing.step(secs(100), News::Failed { may_pass: true }) else {
        panic!("it gave up");
    };
    let early = until - millis(1);
    assert_eq!(pushing.step(early, News::Tick), Order::WaitUntil(until));
    assert_eq!(pushing.step(until, News::Tick), Order::Push(1));
}

#[test]
fn waits_grow_up_to_their_longest_and_begin_anew_after_a_success() {
    let mut pushing = begun();
    one_pushed(&mut pushing);
    let mut now = secs(100);
    let mut waits = Vec::new();
    for _ in 0..6 {
        let Order::WaitUntil(until) = pushing.step(now, News::Failed { may_pass: true }) else {
            panic!("it gave up");
        };
        waits.push((until - now).as_millis());
        now = until;
        while !matches!(pushing.step(now, News::Tick), Order::Push(1)) {
            pushing.step(now, read(now, 1));
        }
    }
    assert_eq!(waits, [250, 500, 1000, 2000, 4000, 4000]);
}

#[test]
fn what_does_not_pass_is_not_tried_again() {
    let mut pushing = begun();
    one_pushed(&mut pushing);
    let refused = pushing.step(secs(100), News::Failed { may_pass: false });
    assert_eq!(refused, Order::GivenUp);
}

#[test]
fn all_of_it_ends_in_time() {
    let mut pushing = begun();
    one_pushed(&mut pushing);
    let end = pushing.ends_at();
    assert_eq!(end, secs(100) + Limits::STEP.within);
    let last = pushing.step(end - millis(100), News::Failed { may_pass: true });
    assert_eq!(last, Order::GivenUp, "a wait past the end is not begun");
}

#[test]
fn a_ledger_that_never_rests_does_not_hold_the_step_up_for_ever() {
    let mut pushing = begun();
    let mut now = secs(100);
    let mut order = pushing.step(now, News::Tick);
    let mut content = 0;
    while order != Order::GivenUp {
        assert!(
            now < secs(100) + Limits::STEP.within + secs(2),
            "it goes on"
        );
        now += millis(100);
        let news = match order {
            Order::Read => {
                content += 1;
                read(now, content)
            }
            Order::Push(_) => News::Pushed,
            Order::WaitUntil(at) => {
                now = at;
                News::Tick
            }
            Order::Done | Order::GivenUp => panic!("{order:?}"),
        };
        order = pushing.step(now, news);
    }
}

#[test]
fn a_push_without_an_answer_is_done_again() {
    let mut pushing = begun();
    one_pushed(&mut pushing);
    assert_eq!(pushing.step(secs(100), News::Pushed), Order::Read);
    assert_eq!(pushing.step(secs(100), read(secs(100), 2)), Order::Push(0));
    let Order::WaitUntil(until) = pushing.step(secs(101), News::Failed { may_pass: true }) else {
        panic!("it gave up");
    };
    let mut again = pushing.clone();
    assert_eq!(again.step(until, News::Tick), Order::Push(0));
    // It may stand there with content 2, or not: a reading that goes back to 1 has to be pushed too.
    let late = secs(110);
    assert_eq!(pushing.step(late, News::Tick), Order::Read);
    assert_eq!(pushing.step(late, read(late, 1)), Order::Push(0));
}

#[test]
fn a_reading_that_grew_old_while_the_connection_was_made_is_read_again_without_a_wait() {
    let mut pushing = begun();
    assert_eq!(pushing.step(secs(100), News::Tick), Order::Read);
    assert_eq!(pushing.step(secs(100), read(secs(100), 1)), Order::Push(0));
    assert_eq!(pushing.fresh_until(), secs(100) + FRESH);
    let late = pushing.fresh_until() + millis(1);
    assert_eq!(pushing.step(late, News::Outdated), Order::Read);
    assert_eq!(pushing.step(late, read(late, 1)), Order::Push(0));
    assert_eq!(pushing.fresh_until(), late + FRESH);
    let end = pushing.ends_at() + millis(1);
    assert_eq!(pushing.step(end, News::Outdated), Order::GivenUp);
}
