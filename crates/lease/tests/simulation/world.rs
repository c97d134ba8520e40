//! A simulated world around the shipped protocol: a store with slow, lost, late, torn and stale answers, hosts whose
//! clocks differ, processes that crash, freeze and are signalled, commands that take their time. Everything follows
//! from the seed, so that a failing seed replays exactly.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    sync::Arc,
    time::Duration,
};

use lease::{
    Record, Timing,
    protocol::{
        Alarm, AlarmConfig, Appender, AppenderConfig, Candidate, CandidateConfig, Command, Effect,
        Input, Now, Person, PersonConfig, SwapAnswer, Watcher, WatcherConfig,
    },
    store::{Snapshot, StoreError, Write},
};
use ledger::{Entry, Outcome, Timestamp};

use crate::{
    cast,
    dice::Dice,
    faults::Fault,
    host::{Actor, Host, Plan},
    rate::Clock,
};

/// Something that happens at a moment.
#[derive(Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "most of what happens is an answer of the store"
)]
pub(crate) enum Happening {
    Deliver(usize, Input),
    Tick(usize, u64),
    StoreRead(usize, Duration),
    StoreSwap(usize, Arc<Write>, Duration),
    CommandDone(usize, u64),
    TreeDead(usize, u64),
    Stuck(usize, u64),
    WatchdogDeadline(usize, u64),
    /// The gates step of a host begins, with the token of the step before it.
    GatesStep {
        host: usize,
        token: u64,
    },
    Fault(Fault),
    /// A host that claimed an alert has told people.
    Told(usize),
}

/// How bad the network and the store are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// A request takes at most this many milliseconds.
    pub(crate) slowest: u64,
    pub(crate) lost_percent: u64,
    /// Writes that take effect after their sender has given the request up.
    pub(crate) late_percent: u64,
    /// A late write takes at most this many milliseconds.
    pub(crate) latest: u64,
    /// Reads that show the lease of one moment and the ledger of another.
    pub(crate) torn_percent: u64,
}

pub(crate) struct World {
    pub(crate) timing: Timing,
    pub(crate) hosts: Vec<Host>,
    pub(crate) now: Duration,
    pub(crate) dice: Dice,
    pub(crate) weather: Weather,
    /// Whether `log` is kept: a run that fails is run again with it.
    pub(crate) logging: bool,
    pub(crate) log: Vec<String>,
    pub(crate) problems: Vec<String>,
    pub(crate) chain: Vec<Entry>,
    /// When commands started: for the takeover time. (true time, token, command)
    pub(crate) starts: Vec<(Duration, u64, Command)>,
    pub(crate) store: Snapshot,
    /// The last states, and when each was replaced.
    pub(crate) past: Vec<(Duration, Snapshot)>,
    /// Which candidate of which deployment owns a token.
    pub(crate) holders: BTreeMap<u64, (String, u32)>,
    /// Of every write of a record: who sent it first, when, and whether it took effect.
    pub(crate) renewals: BTreeMap<String, (usize, Duration, bool)>,
    pub(crate) largest_token: u64,
    /// Deployments whose lease was removed under them: nobody can tell what became of their attempt.
    pub(crate) lost_records: BTreeSet<String>,
    pub(crate) proceeded: BTreeSet<(String, u64)>,
    /// The last moment at which something kept everybody from a store that tells the truth.
    pub(crate) troubled_until: Duration,
    pub(crate) outage_until: Duration,
    pub(crate) stale_until: Duration,
    pub(crate) serial: u64,
    writes: u64,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    happenings: BTreeMap<u64, Happening>,
}

impl World {
    pub(crate) fn new(seed: u64, timing: Timing, weather: Weather) -> Self {
        World {
            timing,
            hosts: Vec::new(),
            now: Duration::ZERO,
            dice: Dice::new(seed),
            weather,
            logging: true,
            log: Vec::new(),
            problems: Vec::new(),
            chain: Vec::new(),
            starts: Vec::new(),
            store: Snapshot::default(),
            past: Vec::new(),
            holders: BTreeMap::new(),
            renewals: BTreeMap::new(),
            largest_token: 0,
            lost_records: BTreeSet::new(),
            proceeded: BTreeSet::new(),
            troubled_until: Duration::ZERO,
            outage_until: Duration::ZERO,
            stale_until: Duration::ZERO,
            serial: 0,
            writes: 0,
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
        }
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        self.store.record.as_ref()
    }

    pub(crate) fn outcome(&self, deployment: &str) -> Option<Outcome> {
        self.store
            .tip
            .deployment(deployment)
            .and_then(|d| d.outcome)
    }

    pub(crate) fn add_candidate(
        &mut self,
        at: Duration,
        mut config: CandidateConfig,
        plan: Plan,
    ) -> usize {
        config.policy.timing = self.timing;
        let name = format!("{}#{}", config.deployment.id, config.me.candidate);
        let deployment = config.deployment.id.clone();
        let actor = Actor::Candidate(Box::new(Candidate::new(config.clone())));
        let index = self.add(at, name, deployment, actor, plan);
        self.hosts[index].party = Some(config.me.clone());
        self.hosts[index].config = Some(config);
        index
    }

    pub(crate) fn add_watcher(&mut self, at: Duration, mut config: WatcherConfig) -> usize {
        config.poll = self.timing.poll;
        config.resend_after = self.timing.resend_after;
        let name = format!("{}#verdict", config.deployment.id);
        let deployment = config.deployment.id.clone();
        let actor = Actor::Watcher(Box::new(Watcher::new(config)));
        self.add(at, name, deployment, actor, cast::works(0))
    }

    pub(crate) fn add_person(&mut self, config: PersonConfig) -> usize {
        let actor = Actor::Person(Box::new(Person::new(config)));
        self.add(
            self.now,
            "person".to_owned(),
            String::new(),
            actor,
            cast::works(0),
        )
    }

    pub(crate) fn add_appender(&mut self, name: String, config: AppenderConfig) -> usize {
        let deployment = config.deployment.id.clone();
        let actor = Actor::Appender(Box::new(Appender::new(config)));
        self.add(self.now, name, deployment, actor, cast::works(0))
    }

    pub(crate) fn add_alarm(&mut self, at: Duration, config: AlarmConfig) -> usize {
        let (name, deployment) = (config.instance.clone(), config.deployment.id.clone());
        let actor = Actor::Alarm(Box::new(Alarm::new(config)));
        self.add(at, name, deployment, actor, cast::works(0))
    }

    fn add(
        &mut self,
        at: Duration,
        name: String,
        deployment: String,
        actor: Actor,
        plan: Plan,
    ) -> usize {
        let index = self.hosts.len();
        // Two clocks differ by at most a tenth in rate: 953/1000 to 1047/1000.
        let rate = 953 + self.dice.below(95);
        let offset = self.dice.millis(0, 1_000_000);
        self.hosts.push(Host {
            name,
            deployment,
            party: None,
            config: None,
            begins: at,
            actor,
            plan,
            clock: Clock { rate, offset },
            tree: None,
            generation: 0,
            frozen_until: Duration::ZERO,
            suspended_until: Duration::ZERO,
            cut_until: Duration::ZERO,
            waiting: Vec::new(),
            alive: true,
            touched: false,
            conclusion: None,
            judges: false,
            deadline: Duration::ZERO,
            reads: Vec::new(),
            heartbeats: Vec::new(),
        });
        self.at(at, Happening::Deliver(index, Input::Tick));
        index
    }

    pub(crate) fn fault(&mut self, at: Duration, fault: Fault) {
        self.at(at, Happening::Fault(fault));
    }

    pub(crate) fn at(&mut self, at: Duration, happening: Happening) {
        self.serial += 1;
        self.queue.push(Reverse((at.max(self.now), self.serial)));
        self.happenings.insert(self.serial, happening);
    }

    /// Runs until `end`, or until nothing is left to happen.
    pub(crate) fn run_until(&mut self, end: Duration) {
        while let Some(Reverse((at, serial))) = self.queue.peek().copied() {
            if at > end || !self.problems.is_empty() {
                break;
            }
            self.queue.pop();
            self.now = at;
            if let Some(happening) = self.happenings.remove(&serial) {
                self.happen(happening);
            }
        }
    }

    /// Whether every process has come to its end.
    pub(crate) fn is_quiet(&self) -> bool {
        self.hosts
            .iter()
            .all(|h| !h.alive || h.conclusion.is_some())
    }

    pub(crate) fn say(&mut self, text: impl FnOnce() -> String) {
        if self.logging {
            self.log
                .push(format!("{:>9.3} {}", self.now.as_secs_f64(), text()));
        }
    }

    pub(crate) fn problem(&mut self, text: String) {
        self.say(|| format!("PROBLEM {text}"));
        self.problems.push(text);
    }

    fn happen(&mut self, happening: Happening) {
        if let Happening::CommandDone(host, _)
        | Happening::TreeDead(host, _)
        | Happening::Stuck(host, _)
        | Happening::WatchdogDeadline(host, _) = happening
            && self.now < self.hosts[host].suspended_until
        {
            // Nothing on a suspended host moves; what was due happens soon after it wakes up.
            let late = self.dice.millis(0, self.timing.kill.as_millis() as u64 / 2);
            let wakes = self.hosts[host].suspended_until + late;
            return self.at(wakes, happening);
        }
        match happening {
            Happening::Deliver(host, input) => self.deliver(host, input),
            Happening::Tick(host, generation) => {
                if self.hosts[host].generation == generation {
                    self.deliver(host, Input::Tick);
                }
            }
            Happening::StoreRead(host, sent) => self.store_read(host, sent),
            Happening::StoreSwap(host, write, sent) => self.store_swap(host, &write, sent),
            Happening::CommandDone(host, generation) => self.command_done(host, generation),
            Happening::TreeDead(host, generation) => self.tree_over(host, generation, None),
            Happening::Stuck(host, generation) => self.tree_stuck(host, generation),
            Happening::WatchdogDeadline(host, generation) => self.watchdog(host, generation),
            Happening::GatesStep { host, token } => self.begin_gates(host, token),
            Happening::Fault(fault) => self.strike(fault),
            Happening::Told(host) => self.told(host),
        }
    }

    pub(crate) fn deliver(&mut self, index: usize, input: Input) {
        let host = &mut self.hosts[index];
        if !host.alive || host.conclusion.is_some() {
            return;
        }
        let thaw = host.frozen_until.max(host.suspended_until);
        if self.now < thaw {
            if !matches!(input, Input::Tick) {
                host.waiting.push(input);
            }
            self.at(thaw, Happening::Deliver(index, Input::Tick));
            return;
        }
        if let (Input::Swapped { nonce, result }, true) = (&input, self.logging) {
            let text = format!("    {} hears of {nonce}: {result:?}", host.name);
            self.say(|| text);
        }
        for input in std::mem::take(&mut self.hosts[index].waiting) {
            self.step(index, input);
        }
        self.step(index, input);
    }

    fn step(&mut self, index: usize, input: Input) {
        self.writes += 1;
        let nonce = format!("n{}", self.writes);
        let host = &mut self.hosts[index];
        if host.conclusion.is_some() {
            return;
        }
        let wall = 1_700_000_000_000 + self.now.as_millis() as u64;
        let now = Now {
            boot: host.clock.local(self.now),
            wall: Timestamp(wall),
        };
        let over = matches!(&host.actor, Actor::Alarm(actor) if actor.end().is_some());
        let effects = host.actor.step(now, &nonce, input);
        let told = match &host.actor {
            Actor::Appender(actor) => actor.end().cloned(),
            _ => None,
        };
        let asked = matches!(&host.actor, Actor::Person(actor) if actor.end().is_some());
        if asked || told.is_some() {
            host.alive = false;
        }
        let claimed = match &host.actor {
            Actor::Alarm(actor) => actor.end().filter(|_| !over).cloned(),
            _ => None,
        };
        if over {
            return;
        }
        host.generation += 1;
        let tick = (
            host.clock.truth(host.actor.wake_at()),
            Happening::Tick(index, host.generation),
        );
        if let Some(end) = told {
            self.judge_told(index, &end);
        }
        if let Some(end) = claimed {
            return self.alarm_over(index, &end);
        }
        for effect in effects {
            self.carry_out(index, effect);
        }
        self.at(tick.0, tick.1);
    }

    fn carry_out(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::Read => {
                self.hosts[index].reads.push(self.now);
                let there = self.latency();
                self.at(self.now + there, Happening::StoreRead(index, self.now));
            }
            Effect::Send(write) => self.send(index, write),
            Effect::Feed(deadline) => self.feed(index, deadline),
            Effect::Start {
                command,
                token,
                timeout,
                ..
            } => self.start(index, command, token, timeout),
            Effect::Stop { now } => {
                let within = if now {
                    self.timing.kill
                } else {
                    Duration::from_secs(3)
                };
                self.kill(index, within);
            }
            Effect::Waiting(_) => {}
            Effect::Say(text) => {
                let name = self.hosts[index].name.clone();
                self.say(|| format!("{name}: {text}"));
            }
            Effect::Finish(conclusion) => {
                let name = self.hosts[index].name.clone();
                self.say(|| format!("{name} ends: {conclusion:?}"));
                self.judge_conclusion(index, &conclusion);
                self.next_step(index, &conclusion);
                self.hosts[index].conclusion = Some(*conclusion);
            }
        }
    }

    fn send(&mut self, index: usize, write: Arc<Write>) {
        if write.record.is_some() && !self.renewals.contains_key(&write.nonce) {
            self.renewals
                .insert(write.nonce.clone(), (index, self.now, false));
            if write.entries.is_empty() {
                self.hosts[index].heartbeats.push(self.now);
            }
        }
        let (name, nonce) = (self.hosts[index].name.clone(), write.nonce.clone());
        let expected = write.expected.clone();
        self.say(|| format!("    {name} sends {nonce} over {expected:?}"));
        // A late write reaches the store after its sender has given the request up.
        let late = self.dice.chance(self.weather.late_percent);
        let there = if late {
            self.dice.millis(3_000, self.weather.latest)
        } else {
            self.latency()
        };
        let timeout = self.timing.request_timeout;
        let unreachable = self.is_cut(index) && !late;
        if unreachable || late {
            let error = StoreError::TimedOut {
                place: "sim".to_owned(),
                after: timeout,
            };
            let result = SwapAnswer::Unknown(error);
            let nonce = write.nonce.clone();
            self.at(
                self.now + timeout,
                Happening::Deliver(index, Input::Swapped { nonce, result }),
            );
        }
        if !unreachable {
            let sent = if late { Duration::MAX } else { self.now };
            self.at(self.now + there, Happening::StoreSwap(index, write, sent));
        }
    }

    pub(crate) fn latency(&mut self) -> Duration {
        let slowest = self.weather.slowest;
        self.dice.millis(5, slowest.max(10) / 2)
    }

    pub(crate) fn is_cut(&self, host: usize) -> bool {
        self.now < self.hosts[host].cut_until || self.now < self.outage_until
    }
}
