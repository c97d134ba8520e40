//! What happens in one run, decided by its seed before anything starts.

use std::time::Duration;

use lease::testing::http_git::Mode;
use nix::sys::signal::Signal;

use crate::dice::Dice;

/// The time in which things happen; afterwards everything is let go.
const LASTS: u64 = 10_000;

/// One run of a workflow.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) number: u64,
    pub(crate) starts: Duration,
    pub(crate) legs: Vec<Leg>,
}

/// One of its candidates.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) delay: Duration,
    pub(crate) script: String,
    pub(crate) attempts: u64,
    pub(crate) on_failure: bool,
    pub(crate) await_gates: bool,
    pub(crate) hold: bool,
    /// Reaches the store over a link of its own that can be cut.
    pub(crate) linked: bool,
}

/// What happens to a candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Its machine is gone.
    Lose,
    /// A signal to its supervisor.
    Supervisor(Signal),
    /// A signal to its watchdog.
    Watchdog(Signal),
    /// A signal to its command's processes.
    Tree(Signal),
    /// Its link to the store does this.
    Link(Mode),
    /// Its link shows readers what is there now, from now on.
    Freeze,
    /// A person asks for another candidate.
    Transfer,
}

/// A fault, when, and to whom.
#[derive(Debug)]
pub(crate) struct Happening {
    pub(crate) at: Duration,
    pub(crate) deployment: usize,
    pub(crate) leg: usize,
    pub(crate) fault: Fault,
}

/// A whole run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) happenings: Vec<Happening>,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Plan {
        let mut dice = Dice::new(seed);
        let mut numbers: Vec<u64> = (1..=dice.one_of(&[1, 1, 2, 2, 3])).collect();
        if dice.chance(30) {
            numbers.reverse();
        }
        let deployments: Vec<Deployment> = numbers
            .into_iter()
            .map(|n| deployment(n, &mut dice))
            .collect();
        let mut happenings = Vec::new();
        for (index, deployment) in deployments.iter().enumerate() {
            for (number, leg) in deployment.legs.iter().enumerate() {
                for (at, fault) in faults(leg, deployment.starts, &mut dice) {
                    happenings.push(Happening {
                        at,
                        deployment: index,
                        leg: number,
                        fault,
                    });
                }
            }
        }
        happenings.sort_by_key(|h| h.at);
        Plan {
            deployments,
            happenings,
        }
    }
}

fn deployment(number: u64, dice: &mut Dice) -> Deployment {
    let (await_gates, hold, linked) = (dice.chance(10), dice.chance(10), dice.chance(50));
    let legs = (0..dice.one_of(&[1, 2, 2, 2, 2, 3]))
        .map(|_| Leg {
            delay: dice.millis(0, 1500),
            script: script(dice),
            attempts: dice.within(1, 2),
            on_failure: dice.chance(50),
            await_gates,
            hold,
            linked,
        })
        .collect();
    Deployment {
        number,
        starts: dice.millis(0, 4000),
        legs,
    }
}

fn script(dice: &mut Dice) -> String {
    let write = r#"write "deploy-$BATON_ATTEMPT""#;
    let seconds = dice.within(2, 50) as f64 / 10.0;
    match dice.within(1, 10) {
        1..=5 => format!("{write} {seconds}"),
        6..=7 => format!("{write} {seconds}; exit 3"),
        8 => format!("trap '' TERM INT; {write} {seconds}"),
        9 => format!("{write} forever"),
        _ => format!(
            "(setsid \"$WRITER\" \"$TARGET\" \"$BATON_FENCING_TOKEN\" \"deploy-$BATON_ATTEMPT\" forever &); {write} {seconds}"
        ),
    }
}

/// Up to three things that happen to one candidate. Of supervisor and watchdog at most one is touched: no promise holds
/// where both are (design §4, promise 2), unless all is lost at once.
fn faults(leg: &Leg, from: Duration, dice: &mut Dice) -> Vec<(Duration, Fault)> {
    let mut found = Vec::new();
    let guardian = dice.chance(50);
    for _ in 0..dice.within(0, 3) {
        let at = from + dice.millis(300, LASTS - 4000);
        let until = at + dice.millis(200, 6000);
        match dice.within(1, 12) {
            1 => found.push((at, Fault::Lose)),
            2 if guardian => found.push((at, Fault::Supervisor(Signal::SIGKILL))),
            2 => found.push((at, Fault::Watchdog(Signal::SIGKILL))),
            3 | 4 => {
                let touch = if guardian {
                    Fault::Supervisor
                } else {
                    Fault::Watchdog
                };
                found.extend([
                    (at, touch(Signal::SIGSTOP)),
                    (until, touch(Signal::SIGCONT)),
                ]);
            }
            5 => found.push((at, Fault::Tree(Signal::SIGKILL))),
            6 => found.extend([
                (at, Fault::Tree(Signal::SIGSTOP)),
                (until, Fault::Tree(Signal::SIGCONT)),
            ]),
            7 => found.push((
                at,
                Fault::Supervisor(dice.one_of(&[Signal::SIGINT, Signal::SIGTERM])),
            )),
            8 => found.push((at, Fault::Transfer)),
            9 if leg.linked => {
                found.extend([
                    (at, Fault::Freeze),
                    (at, Fault::Link(Mode::Stale)),
                    (until, Fault::Link(Mode::Serve)),
                ]);
            }
            _ if leg.linked => {
                let mode = dice.one_of(&[
                    Mode::Silent,
                    Mode::Silent,
                    Mode::Refuse,
                    Mode::LoseAnswer,
                    Mode::HoldPush,
                    Mode::Status(503),
                    Mode::Slow(Duration::from_millis(300)),
                ]);
                found.extend([(at, Fault::Link(mode)), (until, Fault::Link(Mode::Serve))]);
            }
            _ => {}
        }
    }
    found
}
