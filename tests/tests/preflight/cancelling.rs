//! SIGINT and SIGTERM while a check still waits.

use std::time::{Duration, Instant};

use baton_tests::{Process, Run, Scene, Step, patience};
use lease::testing::http_git::Mode;
use ledger::Event;
use nix::sys::signal::Signal;
use test_servers::Deaf;

use crate::SOON;

/// GitHub sends SIGTERM 7.5 s after SIGINT (design §6).
const IN_TIME: Duration = Duration::from_secs(7);

/// A preflight that waits for a host which drops packets.
fn busy(scene: &Scene, run: &Run, host: &Deaf) -> Step {
    scene
        .preflight(run, 1, "network.targets")
        .input("targets", host.address())
        .input("network-timeout-seconds", 120)
}

fn assert_ends_in_time(leg: &mut Process, signal: Signal, code: i32) {
    let told = Instant::now();
    leg.signal(signal);
    let ended = leg.wait(SOON).expect(code);
    assert!(
        told.elapsed() < IN_TIME,
        "{:?}: {}",
        told.elapsed(),
        ended.log()
    );
    assert!(ended.log().contains(signal.as_str()), "{}", ended.log());
    assert_eq!(ended.left("preflight.json"), "", "nothing was judged");
}

#[test]
fn a_signal_ends_it_in_time_and_the_ledger_says_so() {
    let host = Deaf::start();
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let (scene, run) = (Scene::new(), Run::number(1));
        let mut leg = busy(&scene, &run, &host).start();
        scene
            .audit()
            .await_entry(SOON, "the announcement", |entry| {
                matches!(entry.event, Event::Announced { .. })
            });
        assert!(leg.runs(), "the check still waits");
        assert_ends_in_time(&mut leg, signal, code);
        let after: Vec<Event> = scene
            .audit()
            .entries()
            .into_iter()
            .skip(1)
            .map(|entry| entry.event)
            .collect();
        let wanted = Event::Signalled {
            signal: signal.as_str().to_owned(),
        };
        assert_eq!(after, [wanted]);
    }
}

#[test]
fn a_signal_before_the_announcement_has_arrived_is_told_with_it() {
    let host = Deaf::start();
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    link.set(Mode::Slow(Duration::from_millis(200)));
    let mut leg = busy(&scene, &run, &host).over(&link).start();
    patience::until(SOON, "a request to the store", || {
        (!link.take_requests().is_empty()).then_some(())
    });
    assert_ends_in_time(&mut leg, Signal::SIGTERM, 143);
    let events: Vec<Event> = scene
        .audit()
        .entries()
        .into_iter()
        .map(|entry| entry.event)
        .collect();
    assert!(
        matches!(
            events.as_slice(),
            [Event::Announced { .. }, Event::Signalled { .. }]
        ),
        "{events:#?}"
    );
}

#[test]
fn a_signal_ends_it_in_time_where_the_store_does_not_answer() {
    let host = Deaf::start();
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    link.set(Mode::Silent);
    let mut leg = busy(&scene, &run, &host).over(&link).start();
    patience::until(SOON, "a request to the store", || {
        (!link.take_requests().is_empty()).then_some(())
    });
    assert_ends_in_time(&mut leg, Signal::SIGTERM, 143);
}
