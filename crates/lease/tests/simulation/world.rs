//! A simulated world around the shipped protocol: a store with slow, lost, late and stale answers, hosts whose clocks
//! differ, processes that crash, freeze and are signalled, commands that take their time. Everything follows from the
//! seed, so that a failing seed replays exactly.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
    time::Duration,
};

use lease::{
    Phase, Record, Timing,
    protocol::{
        Candidate, CandidateConfig, Command, Conclusion, Effect, Ended, Input, Now, Person, PersonConfig, Request,
        SwapAnswer, Watcher, WatcherConfig,
    },
    store::{Snapshot, StoreError, Version, Write},
};
use ledger::{AttemptOutcome, Entry, Event, Outcome, Timestamp};

/// xorshift64*: the simulation must not depend on a library's idea of randomness between versions.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n.max(1)
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from + 1))
    }
}

/// What runs on a host.
pub(crate) enum Actor {
    Candidate(Box<Candidate>),
    Watcher(Box<Watcher>),
    Person(Box<Person>),
}

/// How the deploy command of one candidate behaves.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) takes: Duration,
    pub(crate) succeeds: bool,
}

struct Tree {
    token: u64,
    command: Command,
    generation: u64,
    started: Duration,
    deadline: Duration,
    dying: bool,
}

pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) deployment: String,
    actor: Actor,
    plan: Plan,
    /// Local clock = offset + true time x rate / 1000.
    rate: u64,
    offset: Duration,
    tree: Option<Tree>,
    generation: u64,
    frozen_until: Duration,
    waiting: Vec<Input>,
    pub(crate) alive: bool,
    pub(crate) conclusion: Option<Conclusion>,
    deadline: Duration,
}

impl Host {
    fn local(&self, at: Duration) -> Duration {
        self.offset + Duration::from_micros(at.as_micros() as u64 * self.rate / 1000)
    }

    fn truth(&self, local: Duration) -> Duration {
        let micros = local.saturating_sub(self.offset).as_micros() as u64;
        Duration::from_micros(micros.saturating_mul(1000) / self.rate + 1)
    }
}

/// Something that happens at a moment.
#[derive(Clone)]
enum Happening {
    Deliver(usize, Input),
    Tick(usize, u64),
    StoreRead(usize, Duration),
    StoreSwap(usize, Arc<Write>, Duration),
    CommandDone(usize, u64),
    TreeDead(usize, u64),
    WatchdogDeadline(usize, u64),
    Fault(Fault),
}

/// A fault script's entry.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// SIGKILL of the whole candidate; its watchdog kills the tree.
    Crash(usize),
    /// The process stands still, its watchdog does not.
    Freeze(usize, Duration),
    /// Host cannot reach the store until then.
    Partition(usize, Duration),
    /// Nobody can.
    Outage(Duration),
    /// SIGINT.
    Signal(usize),
    /// A person asks for a transfer.
    Transfer,
    /// Reads show an old state until then.
    Stale(Duration),
}

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    pub(crate) slowest: u64,
    pub(crate) lost_percent: u64,
    pub(crate) late_percent: u64,
}

pub(crate) struct World {
    pub(crate) timing: Timing,
    pub(crate) hosts: Vec<Host>,
    pub(crate) now: Duration,
    pub(crate) dice: Dice,
    pub(crate) weather: Weather,
    pub(crate) log: Vec<String>,
    pub(crate) problems: Vec<String>,
    pub(crate) chain: Vec<Entry>,
    /// When commands started: for the takeover time. (true time, token, command)
    pub(crate) starts: Vec<(Duration, u64, Command)>,
    store: Snapshot,
    past: Vec<(Duration, Snapshot)>,
    holders: BTreeMap<u64, (String, u32)>,
    writes: u64,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    serial: u64,
    cut_until: Vec<Duration>,
    outage_until: Duration,
    stale_until: Duration,
}

impl World {
    pub(crate) fn new(seed: u64, timing: Timing, weather: Weather) -> Self {
        World {
            timing,
            hosts: Vec::new(),
            now: Duration::ZERO,
            dice: Dice::new(seed),
            weather,
            log: Vec::new(),
            problems: Vec::new(),
            chain: Vec::new(),
            starts: Vec::new(),
            store: Snapshot::default(),
            past: Vec::new(),
            holders: BTreeMap::new(),
            writes: 0,
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            serial: 0,
            cut_until: Vec::new(),
            outage_until: Duration::ZERO,
            stale_until: Duration::ZERO,
        }
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        self.store.record.as_ref()
    }

    pub(crate) fn outcome(&self, deployment: &str) -> Option<Outcome> {
        self.store.tip.deployment(deployment).and_then(|d| d.outcome)
    }

    pub(crate) fn add_candidate(&mut self, at: Duration, config: CandidateConfig, plan: Plan) -> usize {
        let name = format!("{}#{}", config.deployment.id, config.me.candidate);
        let deployment = config.deployment.id.clone();
        self.add(at, name, deployment, Actor::Candidate(Box::new(Candidate::new(config))), plan)
    }

    pub(crate) fn add_watcher(&mut self, at: Duration, config: WatcherConfig) -> usize {
        let name = format!("{}#verdict", config.deployment.id);
        let deployment = config.deployment.id.clone();
        let plan = Plan { takes: Duration::ZERO, succeeds: true };
        self.add(at, name, deployment, Actor::Watcher(Box::new(Watcher::new(config))), plan)
    }

    fn add(&mut self, at: Duration, name: String, deployment: String, actor: Actor, plan: Plan) -> usize {
        let index = self.hosts.len();
        // Two clocks differ by at most a tenth in rate: 953/1000 to 1047/1000.
        let rate = 953 + self.dice.below(95);
        let offset = self.dice.millis(0, 1_000_000);
        self.hosts.push(Host {
            name,
            deployment,
            actor,
            plan,
            rate,
            offset,
            tree: None,
            generation: 0,
            frozen_until: Duration::ZERO,
            waiting: Vec::new(),
            alive: true,
            conclusion: None,
            deadline: Duration::ZERO,
        });
        self.cut_until.push(Duration::ZERO);
        self.at(at, Happening::Deliver(index, Input::Tick));
        index
    }

    pub(crate) fn fault(&mut self, at: Duration, fault: Fault) {
        self.at(at, Happening::Fault(fault));
    }

    fn at(&mut self, at: Duration, happening: Happening) {
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
        self.hosts.iter().all(|h| !h.alive || h.conclusion.is_some())
    }

    fn say(&mut self, text: String) {
        self.log.push(format!("{:>9.3} {text}", self.now.as_secs_f64()));
    }

    fn problem(&mut self, text: String) {
        self.say(format!("PROBLEM {text}"));
        self.problems.push(text);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deliver(host, input) => self.deliver(host, input),
            Happening::Tick(host, generation) => {
                if self.hosts[host].generation == generation {
                    self.deliver(host, Input::Tick);
                }
            }
            Happening::StoreRead(host, sent) => self.store_read(host, sent),
            Happening::StoreSwap(host, write, sent) => self.store_swap(host, &write, sent),
            Happening::CommandDone(host, generation) => {
                let succeeds = self.hosts[host].plan.succeeds;
                self.tree_over(host, generation, Some(succeeds));
            }
            Happening::TreeDead(host, generation) => self.tree_over(host, generation, None),
            Happening::WatchdogDeadline(host, generation) => {
                let due = self.hosts[host].tree.as_ref().is_some_and(|t| {
                    t.generation == generation && !t.dying && t.deadline <= self.now
                });
                if due {
                    self.kill(host, self.timing.kill);
                }
            }
            Happening::Fault(fault) => self.strike(fault),
        }
    }

    fn strike(&mut self, fault: Fault) {
        self.say(format!("fault {fault:?}"));
        match fault {
            Fault::Crash(host) => {
                self.hosts[host].alive = false;
                self.kill(host, self.timing.kill);
            }
            Fault::Freeze(host, time) => self.hosts[host].frozen_until = self.now + time,
            Fault::Partition(host, time) => self.cut_until[host] = self.now + time,
            Fault::Outage(time) => self.outage_until = self.now + time,
            Fault::Stale(time) => self.stale_until = self.now + time,
            Fault::Signal(host) => self.deliver(host, Input::Signal { name: "SIGINT".to_owned() }),
            Fault::Transfer => {
                let config = PersonConfig {
                    request: Request::Transfer,
                    actor: "someone".to_owned(),
                    reason: "wanted".to_owned(),
                    deployment: None,
                    resend_after: self.timing.resend_after,
                };
                let plan = Plan { takes: Duration::ZERO, succeeds: true };
                let person = Actor::Person(Box::new(Person::new(config)));
                self.add(self.now, "person".to_owned(), String::new(), person, plan);
            }
        }
    }

    fn deliver(&mut self, index: usize, input: Input) {
        let host = &mut self.hosts[index];
        if !host.alive || host.conclusion.is_some() {
            return;
        }
        if self.now < host.frozen_until {
            let thaw = host.frozen_until;
            if !matches!(input, Input::Tick) {
                host.waiting.push(input);
            }
            self.at(thaw, Happening::Deliver(index, Input::Tick));
            return;
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
        let now = Now { boot: host.local(self.now), wall: Timestamp(wall) };
        let (effects, wake) = match &mut host.actor {
            Actor::Candidate(actor) => (actor.step(now, &nonce, input), actor.wake_at()),
            Actor::Watcher(actor) => (actor.step(now, &nonce, input), actor.wake_at()),
            Actor::Person(actor) => {
                let effects = actor.step(now, &nonce, input);
                if actor.end().is_some() {
                    host.alive = false;
                }
                (effects, actor.wake_at())
            }
        };
        host.generation += 1;
        let tick = (host.truth(wake), Happening::Tick(index, host.generation));
        for effect in effects {
            self.carry_out(index, effect);
        }
        self.at(tick.0, tick.1);
    }

    fn carry_out(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::Read => {
                let there = self.latency();
                self.at(self.now + there, Happening::StoreRead(index, self.now));
            }
            Effect::Send(write) => {
                // A late write reaches the store after its sender has given the request up.
                let late = self.dice.chance(self.weather.late_percent);
                let there = if late { self.dice.millis(3_000, 9_000) } else { self.latency() };
                let timeout = self.timing.request_timeout;
                let unreachable = self.is_cut(index) && !late;
                if unreachable || late {
                    let error = StoreError::TimedOut { place: "sim".to_owned(), after: timeout };
                    let result = SwapAnswer::Unknown(error);
                    let nonce = write.nonce.clone();
                    self.at(self.now + timeout, Happening::Deliver(index, Input::Swapped { nonce, result }));
                }
                if !unreachable {
                    let sent = if late { Duration::MAX } else { self.now };
                    self.at(self.now + there, Happening::StoreSwap(index, write, sent));
                }
            }
            Effect::Feed(deadline) => {
                let host = &mut self.hosts[index];
                let deadline = host.truth(deadline);
                host.deadline = deadline;
                if let Some(tree) = &mut host.tree {
                    tree.deadline = deadline;
                    let generation = tree.generation;
                    self.at(deadline, Happening::WatchdogDeadline(index, generation));
                }
            }
            Effect::Start { command, token, timeout, .. } => self.start(index, command, token, timeout),
            Effect::Stop { now } => {
                let within = if now { self.timing.kill } else { Duration::from_secs(3) };
                self.kill(index, within);
            }
            Effect::Say(text) => {
                let name = self.hosts[index].name.clone();
                self.say(format!("{name}: {text}"));
            }
            Effect::Finish(conclusion) => {
                let name = self.hosts[index].name.clone();
                self.say(format!("{name} ends: {conclusion:?}"));
                if self.hosts[index].tree.is_some() {
                    self.problem(format!("{name} ended while its tree lives"));
                }
                self.hosts[index].conclusion = Some(*conclusion);
            }
        }
    }

    fn start(&mut self, index: usize, command: Command, token: u64, timeout: Duration) {
        let name = self.hosts[index].name.clone();
        self.say(format!("{name} starts {command:?} under token {token}"));
        let others: Vec<_> = self.hosts.iter().filter(|h| h.tree.is_some()).map(|h| h.name.clone()).collect();
        if !others.is_empty() {
            self.problem(format!("{name} starts {command:?} while the tree of {others:?} lives"));
        }
        let deployment = self.hosts[index].deployment.clone();
        if let Some(outcome) = self.outcome(&deployment) {
            self.problem(format!("{name} starts {command:?} after its deployment ended {outcome}"));
        }
        self.starts.push((self.now, token, command));
        self.serial += 1;
        let generation = self.serial;
        let host = &mut self.hosts[index];
        let deadline = host.deadline;
        host.tree =
            Some(Tree { token, command, generation, started: self.now, deadline, dying: false });
        let takes = host.plan.takes.min(timeout);
        self.at(self.now + takes, Happening::CommandDone(index, generation));
        self.at(deadline, Happening::WatchdogDeadline(index, generation));
    }

    /// The tree is dead within `within`; a second kill may be quicker than the first.
    fn kill(&mut self, index: usize, within: Duration) {
        let Some(tree) = &mut self.hosts[index].tree else { return };
        tree.dying = true;
        let generation = tree.generation;
        let after = self.dice.millis(0, within.as_millis() as u64);
        self.at(self.now + after, Happening::TreeDead(index, generation));
    }

    fn tree_over(&mut self, index: usize, generation: u64, result: Option<bool>) {
        let host = &mut self.hosts[index];
        if host.tree.as_ref().is_none_or(|t| t.generation != generation) {
            return;
        }
        let Some(tree) = host.tree.take() else { return };
        let outcome = match result {
            Some(true) => AttemptOutcome::Succeeded,
            Some(false) => AttemptOutcome::ExitCode,
            None => AttemptOutcome::Stopped,
        };
        let ran = self.now.saturating_sub(tree.started);
        let name = host.name.clone();
        self.say(format!("{name}: {:?} under token {} is over: {outcome}", tree.command, tree.token));
        self.deliver(index, Input::Ended(Ended { outcome, detail: outcome.to_string(), ran }));
    }

    fn latency(&mut self) -> Duration {
        let slowest = self.weather.slowest;
        self.dice.millis(5, slowest.max(6) / 2)
    }

    fn is_cut(&self, host: usize) -> bool {
        self.now < self.cut_until[host] || self.now < self.outage_until
    }

    fn store_read(&mut self, host: usize, sent: Duration) {
        let timeout = sent + self.timing.request_timeout;
        if self.is_cut(host) || self.dice.chance(self.weather.lost_percent) {
            let error = StoreError::TimedOut { place: "sim".to_owned(), after: self.timing.request_timeout };
            self.at(timeout, Happening::Deliver(host, Input::Read(Err(error))));
            return;
        }
        let snapshot = if self.now < self.stale_until && self.dice.chance(60) && !self.past.is_empty() {
            let back = self.dice.below(self.past.len().min(4) as u64) as usize;
            self.past[self.past.len() - 1 - back].1.clone()
        } else {
            self.store.clone()
        };
        let back = self.now + self.latency();
        self.at(back, Happening::Deliver(host, Input::Read(Ok(snapshot))));
    }

    fn store_swap(&mut self, host: usize, write: &Write, sent: Duration) {
        let lease = |s: &Snapshot| s.version.lease.clone();
        let ledger = |s: &Snapshot| s.version.ledger.clone();
        let already = self.store.record.as_ref().is_some_and(|r| write.record.is_some() && r.nonce == write.nonce)
            || (write.record.is_none() && self.chain.last().is_some_and(|e| e.nonce == write.nonce));
        let fits = (write.record.is_none() || lease(&self.store) == write.expected.lease)
            && (write.entries.is_empty() || ledger(&self.store) == write.expected.ledger);
        if !already && fits {
            self.apply(host, write);
        }
        let answered = sent != Duration::MAX && !self.is_cut(host) && !self.dice.chance(self.weather.lost_percent);
        let result = match (answered, already || fits) {
            (true, true) => SwapAnswer::Won(left_behind(write)),
            (true, false) => SwapAnswer::Lost,
            (false, _) if sent == Duration::MAX => return,
            (false, _) => {
                SwapAnswer::Unknown(StoreError::TimedOut { place: "sim".to_owned(), after: self.timing.request_timeout })
            }
        };
        let at = if answered { self.now + self.latency() } else { sent + self.timing.request_timeout };
        let nonce = write.nonce.clone();
        self.at(at, Happening::Deliver(host, Input::Swapped { nonce, result }));
    }

    fn apply(&mut self, host: usize, write: &Write) {
        self.past.push((self.now, self.store.clone()));
        if let Some(record) = &write.record {
            self.judge_record(host, record);
            self.store.record = Some(record.clone());
            self.store.version.lease = Some(format!("lease-{}", write.nonce));
        }
        if !write.entries.is_empty() {
            for entry in &write.entries {
                self.say(format!("  #{} {}", entry.seq, entry.subject()));
                self.judge_entry(entry);
                self.chain.push(entry.clone());
            }
            self.store.tip = write.tip.clone();
            self.store.version.ledger = Some(format!("ledger-{}", write.nonce));
        }
    }

    fn judge_record(&mut self, host: usize, record: &Record) {
        let before = self.store.record.as_ref().map_or(0, |r| r.token);
        if record.token < before {
            self.problem(format!("the token fell from {before} to {}", record.token));
        }
        if record.phase == Phase::Deploying || record.phase == Phase::Deployed {
            let holder = (record.deployment.id.clone(), record.holder.candidate);
            let known = self.holders.entry(record.token).or_insert_with(|| holder.clone()).clone();
            if known != holder {
                self.problem(format!("token {} belongs to {known:?} and {holder:?}", record.token));
            }
        }
        let name = self.hosts[host].name.clone();
        if self.store.record.as_ref().is_none_or(|r| r.phase != record.phase || r.token != record.token) {
            self.say(format!("  {name} writes {} token {}", record.phase, record.token));
        }
    }

    fn judge_entry(&mut self, entry: &Entry) {
        let expected = self.chain.len() as u64 + 1;
        if entry.seq != expected {
            self.problem(format!("entry {} stands at place {expected}", entry.seq));
        }
        let id = entry.deployment.id.clone();
        let of = |e: &Entry| e.deployment.id == id;
        let ended = self.chain.iter().any(|e| of(e) && matches!(e.event, Event::DeploymentFinished { .. }));
        let rolled_back = self.chain.iter().any(|e| of(e) && matches!(e.event, Event::OnFailureStarted));
        match entry.event {
            Event::DeploymentFinished { .. } if ended => self.problem(format!("{id} ends twice")),
            Event::AttemptStarted { .. } if ended => self.problem(format!("{id} is attempted after its end")),
            Event::AttemptStarted { .. } if rolled_back => self.problem(format!("{id} is attempted after on-failure")),
            Event::OnFailureStarted if rolled_back => self.problem(format!("{id} is rolled back twice")),
            _ => {}
        }
    }
}

/// The version that a write leaves, whatever others have written since.
fn left_behind(write: &Write) -> Version {
    Version {
        lease: write.record.as_ref().map(|_| format!("lease-{}", write.nonce)).or(write.expected.lease.clone()),
        ledger: if write.entries.is_empty() {
            write.expected.ledger.clone()
        } else {
            Some(format!("ledger-{}", write.nonce))
        },
    }
}
