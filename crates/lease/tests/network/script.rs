//! The script of a play: who comes when, how everybody behaves, and what goes wrong. Everything follows from the seed.

use std::{collections::BTreeSet, fmt, time::Duration};

use lease::{
    Timing,
    protocol::{CandidateConfig, PersonConfig, Request, WatcherConfig},
};
use ledger::PreflightResult;

use crate::{
    cast::{candidate, secs, watcher},
    clock::Clock,
    dice::Dice,
};

/// How one command behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) takes: Duration,
    pub(crate) succeeds: bool,
}

/// How the gates of a leg behave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gates {
    /// From the end of the step that deployed.
    pub(crate) begins_after: Duration,
    pub(crate) run: Run,
}

/// How everything that a leg runs behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) deploy: Run,
    pub(crate) on_failure: Run,
    /// Nothing where no gates step follows.
    pub(crate) gates: Option<Gates>,
}

/// A leg and the host that it runs on.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    pub(crate) name: String,
    pub(crate) config: CandidateConfig,
    pub(crate) plan: Plan,
    pub(crate) clock: Clock,
    /// What its preflight tells first, where it tells.
    pub(crate) preflight: Option<PreflightResult>,
    /// SIGINT comes then.
    pub(crate) signal: Option<Duration>,
}

/// How fast and how faithful network and store are when nothing in particular is wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// The grain of the simulation: a message waits for the next tick.
    pub(crate) tick: Duration,
    /// One way.
    pub(crate) fastest: Duration,
    pub(crate) slowest: Duration,
    /// The store works on a request for so many milliseconds at most.
    pub(crate) works: u64,
    /// So many answers in a hundred never come.
    pub(crate) lost_percent: u64,
    /// So many writes in a hundred take effect late, and nobody is told.
    pub(crate) late_percent: u64,
    /// So many writes in a hundred reach the store again, later.
    pub(crate) again_percent: u64,
    /// How late, in milliseconds at most.
    pub(crate) latest: u64,
    /// So many writes in a hundred are sent twice by their client.
    pub(crate) twice_percent: u64,
}

/// What goes wrong between one host and the store, or with one of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Partition,
    /// Nothing comes from the host to the store.
    Mute,
    /// Nothing comes from the store to the host.
    Deafen,
    Repair,
    /// Messages wait on the link.
    Hold,
    Release,
    /// So many messages in a thousand are lost, and all that is under way with them.
    Loss(u32),
    /// A message may take so long.
    Slow(Duration),
    /// The process, with all its connections.
    Kill,
    /// A process that was killed comes back.
    Bounce,
}

/// What happens at a moment.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a handful of each play")]
pub(crate) enum Act {
    Leg(Leg),
    Verdict(String, Clock, WatcherConfig),
    Person(String, Clock, PersonConfig),
    /// Of the host with this name, or of the store.
    Fault(String, Fault),
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Leg(leg) => write!(
                f,
                "{} comes: {:?}, preflight {:?}, signal {:?}, clock {:?}",
                leg.name, leg.plan, leg.preflight, leg.signal, leg.clock
            ),
            Act::Verdict(name, ..) => write!(f, "{name} comes"),
            Act::Person(name, _, config) => write!(f, "{name} asks for {:?}", config.request),
            Act::Fault(name, fault) => write!(f, "fault {fault:?} of {name}"),
        }
    }
}

/// What is broken on purpose, so that the judge has something to say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Broken {
    /// The store takes every write, whatever it expects.
    pub(crate) ignores_expected: bool,
    /// Clients call an unanswered write won.
    pub(crate) takes_silence_for_yes: bool,
    /// Watchdogs kill nothing.
    pub(crate) watchdogs_sleep: bool,
}

/// A whole play.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) timing: Timing,
    /// The store tells of changes.
    pub(crate) notified: bool,
    pub(crate) weather: Weather,
    pub(crate) broken: Broken,
    /// In the order of their moments.
    pub(crate) acts: Vec<(Duration, Act)>,
    /// Hosts of which a fault, a signal or a person has taken hold.
    pub(crate) touched: BTreeSet<String>,
}

impl Script {
    /// A play with fair weather and nobody in it.
    pub(crate) fn fair(seed: u64, timing: Timing) -> Script {
        let notified = timing == Timing::NOTIFIED;
        // A request takes four ways, four ticks and the store's work at most: 2 s, and 0.5 s where changes are told.
        let (slowest, works, tick) = if notified {
            (70, 60, 40)
        } else {
            (380, 200, 70)
        };
        Script {
            seed,
            timing,
            notified,
            weather: Weather {
                tick: Duration::from_millis(tick),
                fastest: Duration::from_millis(2),
                slowest: Duration::from_millis(slowest),
                works,
                lost_percent: 0,
                late_percent: 0,
                again_percent: 0,
                latest: 1_000,
                twice_percent: 0,
            },
            broken: Broken::default(),
            acts: Vec::new(),
            touched: BTreeSet::new(),
        }
    }

    /// Whether requests are answered as fast as the promises presume, and none goes wrong by itself.
    pub(crate) fn is_fair(&self) -> bool {
        self.weather.lost_percent == 0 && self.weather.late_percent == 0
    }

    pub(crate) fn act(&mut self, at: Duration, act: Act) {
        let place = self.acts.partition_point(|(other, _)| *other <= at);
        self.acts.insert(place, (at, act));
    }

    pub(crate) fn fault(&mut self, at: Duration, name: &str, fault: Fault) {
        if name == "store" {
            self.touch_all();
        }
        self.touched.insert(name.to_owned());
        self.act(at, Act::Fault(name.to_owned(), fault));
    }

    pub(crate) fn touch_all(&mut self) {
        let names: Vec<_> = self.legs().map(|leg| leg.name.clone()).collect();
        self.touched.extend(names);
    }

    pub(crate) fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.acts.iter().filter_map(|(_, act)| match act {
            Act::Leg(leg) => Some(leg),
            _ => None,
        })
    }

    /// A leg whose command works for `takes` seconds.
    pub(crate) fn leg(&self, dice: &mut Dice, run: u64, number: u32, takes: u64) -> Leg {
        let run_of = |takes| Run {
            takes: secs(takes),
            succeeds: true,
        };
        Leg {
            name: format!("leg-{run}-{number}"),
            config: candidate(self.timing, run, number, 2),
            plan: Plan {
                deploy: run_of(takes),
                on_failure: run_of(5),
                gates: None,
            },
            clock: clock(dice),
            preflight: None,
            signal: None,
        }
    }

    /// `verdict` of a run.
    pub(crate) fn verdict(&mut self, dice: &mut Dice, at: Duration, run: u64) {
        let config = watcher(self.timing, run);
        let act = Act::Verdict(format!("verdict-{run}"), clock(dice), config);
        self.act(at, act);
    }

    /// Somebody asks for something, which may take hold of every leg.
    pub(crate) fn person(&mut self, dice: &mut Dice, at: Duration, request: Request) {
        let config = PersonConfig {
            request,
            actor: "someone".to_owned(),
            reason: "wanted".to_owned(),
            deployment: None,
            resend_after: self.timing.resend_after,
        };
        let name = format!("person-{}", self.acts.len());
        self.touch_all();
        self.act(at, Act::Person(name, clock(dice), config));
    }
}

/// Two clocks differ by at most a tenth in rate: 953/1000 to 1047/1000.
pub(crate) fn clock(dice: &mut Dice) -> Clock {
    Clock {
        rate: 953 + dice.below(95),
        offset: dice.millis(0, 1_000_000),
    }
}
