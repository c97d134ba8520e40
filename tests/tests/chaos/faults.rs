//! What may break, and when: to the legs, to their ways to the store, and to the store.

use std::time::Duration;

use lease::testing::http_git::Mode;
use nix::sys::signal::Signal;
use test_servers::Way;

use crate::{dice::Dice, plan::Plan, stage, store::Kind};

/// The time in which things happen; afterwards everything is let go.
const LASTS: u64 = 12_000;

/// How much earlier a frozen command goes on than its watchdog.
const AHEAD: Duration = Duration::from_millis(300);

/// A fault, when, and to whom.
#[derive(Debug)]
pub(crate) struct Happening {
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
}

/// What breaks, or is whole again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Something happens to this leg of this deployment.
    Leg(usize, usize, LegFault),
    /// The way from a host to another is like this from now on.
    Way { from: u8, to: u8, way: Way },
    /// Something happens to the store.
    Store(StoreFault),
}

/// What happens to a leg.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LegFault {
    /// Its machine is gone.
    Lose,
    /// A signal to its supervisor.
    Supervisor(Signal),
    /// A signal to its watchdog.
    Watchdog(Signal),
    /// A signal to its command's processes.
    Tree(Signal),
    /// A signal to its watchdog and the command's processes.
    WatchdogWithTree(Signal),
    /// A signal to all of it.
    All(Signal),
    /// A person asks for another candidate.
    Transfer,
}

/// What happens to the store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StoreFault {
    /// It is killed and started again on what it has kept.
    Restart,
    /// Its processes stand still, or go on.
    Stand(bool),
    /// The second server takes over for good.
    FailOver,
    /// It answers one leg's host, or all of them, like this (git alone).
    Answer(Option<usize>, Mode),
    /// Its disk is full, or has room again (git alone).
    Full(bool),
}

impl Fault {
    /// For the table of figures; nothing where it only takes an earlier fault back.
    pub(crate) fn name(&self) -> Option<&'static str> {
        Some(match self {
            Fault::Leg(_, _, leg) => match leg {
                LegFault::Lose => "all of a leg killed",
                LegFault::Supervisor(Signal::SIGKILL) => "supervisor killed",
                LegFault::Supervisor(Signal::SIGSTOP) => "supervisor frozen",
                LegFault::Supervisor(Signal::SIGINT | Signal::SIGTERM) => "leg told to stop",
                LegFault::Watchdog(Signal::SIGKILL) => "watchdog killed",
                LegFault::Watchdog(Signal::SIGSTOP) => "watchdog frozen",
                LegFault::Tree(Signal::SIGKILL) => "command killed",
                LegFault::Tree(Signal::SIGSTOP) => "command frozen",
                LegFault::WatchdogWithTree(Signal::SIGSTOP) => "watchdog and command frozen",
                LegFault::All(Signal::SIGSTOP) => "all of a leg frozen",
                LegFault::Transfer => "transfer",
                _ => return None,
            },
            // Said of each of the store's hosts, and counted once.
            Fault::Way { from, to, .. } if ![*from, *to].contains(&stage::STORES[0]) => {
                return None;
            }
            Fault::Way { way, .. } if way.cut => "way cut",
            Fault::Way { way, .. } if way.loss > 0 => "way loses packets",
            Fault::Way { way, .. } if !way.delay.is_zero() => "way slow",
            Fault::Way { .. } => return None,
            Fault::Store(store) => match store {
                StoreFault::Restart => "store killed and started again",
                StoreFault::Stand(true) => "store frozen",
                StoreFault::FailOver => "store failed over",
                StoreFault::Answer(_, Mode::Serve) => return None,
                StoreFault::Answer(_, Mode::LoseAnswer) => "store loses answers",
                StoreFault::Answer(_, Mode::HoldPush) => "store applies writes late",
                StoreFault::Answer(_, Mode::Stale) => "store shows what was",
                StoreFault::Answer(..) => "store refuses",
                StoreFault::Full(true) => "store's disk full",
                StoreFault::Stand(false) | StoreFault::Full(false) => return None,
            },
        })
    }
}

/// Puts faults into the plan; whether the store may forget something by them.
pub(crate) fn strew(plan: &mut Plan, dice: &mut Dice) -> bool {
    let mut found = Vec::new();
    for (d, deployment) in plan.deployments.iter().enumerate() {
        for leg in 0..deployment.legs.len() {
            for (at, fault) in of_leg(plan.guarded, dice) {
                found.push((at, Fault::Leg(d, leg, fault)));
            }
        }
    }
    let runners = plan.deployments.iter().map(|d| d.legs.len()).max();
    for runner in 0..runners.unwrap_or(0) {
        for _ in 0..dice.one_of(&[0, 0, 0, 1, 1]) {
            found.extend(of_way(stage::runner(runner), dice));
        }
    }
    let mut forgetful = false;
    if dice.chance(60) {
        found.extend(of_store(plan, &mut forgetful, dice));
    }
    plan.happenings = found
        .into_iter()
        .map(|(at, fault)| Happening { at, fault })
        .collect();
    plan.happenings.sort_by_key(|h| h.at);
    forgetful
}

/// At most two things that happen to one candidate. Where the target is not guarded, of supervisor and watchdog at most
/// one is touched: no promise holds where both are (design §4, promise 2), unless all is lost at once.
fn of_leg(guarded: bool, dice: &mut Dice) -> Vec<(Duration, LegFault)> {
    let mut found = Vec::new();
    let guardian = dice.chance(50);
    for _ in 0..dice.one_of(&[0, 0, 1, 1, 2]) {
        let at = dice.millis(100, LASTS - 4000);
        let until = at + dice.millis(200, 8000);
        let mut freeze = |touch: fn(Signal) -> LegFault| {
            found.extend([
                (at, touch(Signal::SIGSTOP)),
                (until, touch(Signal::SIGCONT)),
            ]);
        };
        match dice.within(1, 10) {
            1..=4 if guarded => {
                let touch = dice.one_of(&[LegFault::All, LegFault::WatchdogWithTree]);
                // Long enough for another to take over, and the command goes on before those who would end it.
                let until = at + dice.millis(5500, 9000);
                found.extend([
                    (at, touch(Signal::SIGSTOP)),
                    (until, LegFault::Tree(Signal::SIGCONT)),
                    (until + AHEAD, touch(Signal::SIGCONT)),
                ]);
            }
            1 | 2 if guardian => freeze(LegFault::Supervisor),
            1 | 2 => freeze(LegFault::Watchdog),
            3 => freeze(LegFault::Tree),
            4 | 5 if guardian => found.push((at, LegFault::Supervisor(Signal::SIGKILL))),
            4 | 5 => found.push((at, LegFault::Watchdog(Signal::SIGKILL))),
            6 | 7 => found.push((at, LegFault::Lose)),
            8 => found.push((at, LegFault::Tree(Signal::SIGKILL))),
            9 => {
                let signal = dice.one_of(&[Signal::SIGINT, Signal::SIGTERM]);
                found.push((at, LegFault::Supervisor(signal)));
            }
            _ => found.push((at, LegFault::Transfer)),
        }
    }
    found
}

/// A host and the store's hosts: one way or both, cut, slow or lossy, for a while.
fn of_way(host: u8, dice: &mut Dice) -> Vec<(Duration, Fault)> {
    let at = dice.millis(300, LASTS - 3000);
    let until = at + dice.millis(200, 8000);
    let way = match dice.within(1, 6) {
        1..=3 => Way {
            cut: true,
            ..Way::default()
        },
        4..=5 => Way {
            delay: dice.millis(20, 400),
            ..Way::default()
        },
        _ => Way {
            loss: dice.within(5, 40),
            ..Way::default()
        },
    };
    let (there, back) = dice.one_of(&[(true, true), (true, true), (true, false), (false, true)]);
    let mut found = Vec::new();
    for store in stage::STORES {
        for (wanted, from, to) in [(there, host, store), (back, store, host)] {
            if wanted {
                found.push((at, Fault::Way { from, to, way }));
                let way = Way::default();
                found.push((until, Fault::Way { from, to, way }));
            }
        }
    }
    found
}

/// One thing that happens to the store itself, as this kind of store has it.
fn of_store(plan: &Plan, forgetful: &mut bool, dice: &mut Dice) -> Vec<(Duration, Fault)> {
    let at = dice.millis(1000, LASTS - 3000);
    let until = at + dice.millis(300, 6000);
    let for_a_while = |from, to| vec![(at, Fault::Store(from)), (until, Fault::Store(to))];
    match (plan.store, dice.within(1, 10)) {
        (_, 1..=2) => for_a_while(StoreFault::Stand(true), StoreFault::Stand(false)),
        (_, 3..=5) => vec![(at, Fault::Store(StoreFault::Restart))],
        (Kind::Git, 6..=7) => for_a_while(StoreFault::Full(true), StoreFault::Full(false)),
        (Kind::Git, _) => {
            let mode = dice.one_of(&[
                Mode::LoseAnswer,
                Mode::HoldPush,
                Mode::Refuse,
                Mode::Stale,
                Mode::Status(503),
            ]);
            let whom = dice.one_of(&[None, Some(0), Some(0), Some(1)]);
            // Where all were shown what was, nobody could do anything but wait.
            let whom = whom.or((mode == Mode::Stale).then_some(0));
            for_a_while(
                StoreFault::Answer(whom, mode),
                StoreFault::Answer(whom, Mode::Serve),
            )
        }
        (Kind::Postgres, n) => {
            let mut found = vec![(until, Fault::Store(StoreFault::FailOver))];
            if n > 7 {
                found.extend(apart(at));
            }
            found
        }
        (Kind::Redis, _) if plan.guarded => {
            *forgetful = true;
            let mut found = vec![(until, Fault::Store(StoreFault::FailOver))];
            found.extend(apart(at));
            found
        }
        (Kind::Redis, _) => vec![(at, Fault::Store(StoreFault::Restart))],
    }
}

/// The first server reaches the second no more.
fn apart(at: Duration) -> Vec<(Duration, Fault)> {
    cut_apart()
        .map(|(from, to, way)| (at, Fault::Way { from, to, way }))
        .into()
}

/// The ways between the two servers, cut.
pub(crate) fn cut_apart() -> [(u8, u8, Way); 2] {
    let [first, second] = stage::STORES;
    let way = Way {
        cut: true,
        ..Way::default()
    };
    [(first, second, way), (second, first, way)]
}
