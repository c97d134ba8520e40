//! A state of the model, and what happens next in it.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use lease::{
    protocol::{Candidate, Effect, Input, Judged, Person, SwapAnswer, Watcher},
    store::{Snapshot, StoreError, Write},
};

use crate::{
    clock::Millis,
    host::{Actor, Host, Life, Tree},
    judge::{Judge, Rule},
    requests::{Request, nonce_of},
    scenario::{Part, Scenario},
};

/// What is on its way.
#[derive(Clone, Debug)]
pub(crate) enum Mail {
    /// The answer to a read.
    Shows(usize, Arc<Snapshot>),
    /// No answer to a read.
    ShowsNothing(usize),
    /// The answer to a send of a write.
    Swapped(usize, Arc<Write>, Answer),
    /// The store says that something has changed.
    Told(usize),
    /// A read arrives at the store.
    ReadArrives(usize),
    /// A write arrives at the store; whether somebody waits for the answer, and until when.
    SwapArrives(usize, Arc<Write>, Option<Millis>),
    /// What the command of a host came to.
    Ended(usize, ledger::AttemptOutcome),
    Judged(usize, bool),
    /// The gates step of a leg begins, with the token of the step before it.
    GatesStep(usize, u64),
    /// GitHub kills what it told to stop.
    Killed(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Won,
    Lost,
    Unknown,
}

/// What comes next, of several things that come at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Mail(usize),
    Tick(usize),
    Watchdog(usize),
    TreeOver(usize),
}

#[derive(Clone)]
pub(crate) struct World {
    /// True time since the world began. No part of what makes two states different.
    pub(crate) now: Millis,
    pub(crate) store: Arc<Snapshot>,
    /// What stood there before the last change, where a read may still show it.
    pub(crate) before: Option<Arc<Snapshot>>,
    /// What stood there before the newest claim, where the store may be set back to it.
    pub(crate) copy: Option<Arc<Snapshot>>,
    pub(crate) hosts: Vec<Arc<Host>>,
    pub(crate) mail: Vec<(Millis, Mail)>,
    /// Requests just sent, whose fate is to be chosen.
    pub(crate) undecided: Vec<(usize, Request)>,
    /// Who has just taken a step.
    pub(crate) stirred: Option<usize>,
    pub(crate) faults: u8,
    pub(crate) slow: u8,
    pub(crate) judge: Judge,
    /// Kept where a path is told to people.
    pub(crate) log: Option<Vec<String>>,
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.store.hash(state);
        (&self.before, &self.copy).hash(state);
        for host in &self.hosts {
            host.hash_at(self.now, state);
        }
        self.mail.len().hash(state);
        for (at, mail) in &self.mail {
            // What is overdue comes in this order once its addressee moves again.
            at.saturating_sub(self.now).hash(state);
            mail.hash(state);
        }
        for (who, request) in &self.undecided {
            (who, request).hash(state);
        }
        (self.stirred, self.faults, self.slow).hash(state);
        self.judge.hash(state);
    }
}

impl Hash for Mail {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Mail::Shows(who, snapshot) => (who, snapshot).hash(state),
            Mail::ShowsNothing(who)
            | Mail::Told(who)
            | Mail::ReadArrives(who)
            | Mail::Killed(who) => who.hash(state),
            Mail::Swapped(who, write, answer) => (who, write, answer).hash(state),
            Mail::SwapArrives(who, write, waits) => (who, write, waits.is_some()).hash(state),
            Mail::Ended(who, outcome) => (who, *outcome as u8).hash(state),
            Mail::Judged(who, stopped) => (who, stopped).hash(state),
            Mail::GatesStep(who, token) => (who, token).hash(state),
        }
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        let hashed = |world: &World| {
            let mut hasher = DefaultHasher::new();
            world.hash(&mut hasher);
            hasher.finish()
        };
        hashed(self) == hashed(other)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} ms: {:?}", self.now, self.store.record)
    }
}

impl World {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let host = |member: &crate::scenario::Member| Host {
            actor: match &member.part {
                Part::Candidate(config) => {
                    Actor::Candidate(Box::new(Candidate::new((**config).clone())))
                }
                Part::Watcher(config) => Actor::Watcher(Box::new(Watcher::new((**config).clone()))),
                Part::Person(config) => Actor::Person(Box::new(Person::new(config.clone()))),
            },
            life: member.begins.map_or(Life::Dormant, Life::Begins),
            clock: member.clock,
            tree: None,
            deadline: 0,
            frozen: 0,
            cut: None,
            writes: 0,
            touched: false,
            signalled: false,
            judges: false,
        };
        World {
            now: 0,
            store: Arc::default(),
            before: None,
            copy: None,
            hosts: scenario.cast.iter().map(host).map(Arc::new).collect(),
            mail: Vec::new(),
            undecided: Vec::new(),
            stirred: None,
            faults: scenario.faults,
            slow: scenario.slow,
            judge: Judge::default(),
            log: None,
        }
    }

    pub(crate) fn say(&mut self, text: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(log) = &mut self.log {
            log.push(format!("{:>8.3} {}", now as f64 / 1000.0, text()));
        }
    }

    pub(crate) fn host_mut(&mut self, who: usize) -> &mut Host {
        Arc::make_mut(&mut self.hosts[who])
    }

    pub(crate) fn post(&mut self, at: Millis, mail: Mail) {
        let place = self.mail.partition_point(|(due, _)| *due <= at);
        self.mail.insert(place, (at, mail));
    }

    /// Everything that comes at the next moment at which anything comes, and that moment.
    pub(crate) fn upcoming(&self, scenario: &Scenario) -> (Millis, Vec<Next>) {
        let mut soonest = Millis::MAX;
        let mut found = Vec::new();
        let mut consider = |at: Millis, next: Next| {
            let at = at.max(self.now);
            if at < soonest {
                soonest = at;
                found.clear();
            }
            if at == soonest {
                found.push(next);
            }
        };
        for (place, (at, mail)) in self.mail.iter().enumerate() {
            let thaws = mail.addressee().map_or(0, |who| self.hosts[who].frozen);
            consider((*at).max(thaws), Next::Mail(place));
        }
        for (who, host) in self.hosts.iter().enumerate() {
            match host.life {
                Life::Begins(at) => consider(at.max(host.frozen), Next::Tick(who)),
                Life::Runs => consider(host.wakes().max(host.frozen), Next::Tick(who)),
                _ => {}
            }
            if let Some(tree) = &host.tree {
                let over = tree.dead.unwrap_or(Millis::MAX).min(tree.ends);
                if over < Tree::NEVER {
                    consider(over, Next::TreeOver(who));
                }
                if scenario.timed && tree.dead.is_none() && !tree.stuck && !host.judges {
                    consider(host.deadline, Next::Watchdog(who));
                }
            }
        }
        (soonest, found)
    }

    pub(crate) fn happen(&mut self, scenario: &Scenario, at: Millis, next: Next) {
        self.now = at;
        if at > Scenario::HORIZON {
            return self.judge.broken(Rule::Ends);
        }
        match next {
            Next::Tick(who) => {
                if let Life::Begins(_) = self.hosts[who].life {
                    self.host_mut(who).life = Life::Runs;
                }
                self.step(scenario, who, &|| Input::Tick);
            }
            Next::Watchdog(who) => {
                self.say(|| format!("{}: the watchdog kills", scenario.label(who)));
                self.kill(scenario, who, scenario.kill());
            }
            Next::TreeOver(who) => self.tree_over(scenario, who),
            Next::Mail(place) => {
                let (_, mail) = self.mail.remove(place);
                self.deliver(scenario, mail);
            }
        }
    }

    fn deliver(&mut self, scenario: &Scenario, mail: Mail) {
        match mail {
            Mail::Shows(who, snapshot) => {
                self.step(scenario, who, &|| Input::Read(Ok((*snapshot).clone())));
            }
            Mail::ShowsNothing(who) => {
                self.step(scenario, who, &|| Input::Read(Err(timed_out(scenario))));
            }
            Mail::Told(who) => self.step(scenario, who, &|| Input::Changed),
            Mail::Swapped(who, write, answer) => {
                self.say(|| format!("    {} hears: {answer:?}", scenario.label(who)));
                self.step(scenario, who, &|| Input::Swapped {
                    nonce: write.nonce.clone(),
                    result: match answer {
                        Answer::Won => SwapAnswer::Won(write.leaves()),
                        Answer::Lost => SwapAnswer::Lost,
                        Answer::Unknown => SwapAnswer::Unknown(timed_out(scenario)),
                    },
                });
            }
            Mail::ReadArrives(who) => {
                let store = Arc::clone(&self.store);
                self.post(self.now + Scenario::SOON, Mail::Shows(who, store));
            }
            Mail::SwapArrives(who, write, answered) => {
                let answer = self.swap(scenario, who, &write);
                if let Some(at) = answered {
                    self.post(at, Mail::Swapped(who, write, answer));
                }
            }
            Mail::Ended(who, outcome) => {
                self.step(scenario, who, &|| {
                    Input::Ended(crate::trees::ended(outcome))
                });
            }
            Mail::Judged(who, stopped) => {
                let judged = self.judged(scenario, who, stopped);
                self.step(scenario, who, &|| Input::Judged(Judged::clone(&judged)));
            }
            Mail::GatesStep(who, token) => self.begin_gates(scenario, who, token),
            Mail::Killed(who) => self.crash(scenario, who),
        }
    }

    /// One step of a process. A write is named by what it says, so that states that come to the same are the same.
    pub(crate) fn step(&mut self, scenario: &Scenario, who: usize, input: &dyn Fn() -> Input) {
        if !self.hosts[who].runs() {
            return;
        }
        let before = Arc::clone(&self.hosts[who]);
        let now = self.now;
        let mut effects = self.host_mut(who).step(now, "?", input());
        let made = effects.iter().find_map(|effect| match effect {
            Effect::Send(write) if write.nonce == "?" => Some(Arc::clone(write)),
            _ => None,
        });
        if let Some(write) = made {
            let nonce = nonce_of(who, before.writes, &write);
            let mut again = (*before).clone();
            effects = again.step(now, &nonce, input());
            again.writes += 1;
            self.hosts[who] = Arc::new(again);
        }
        self.stirred = Some(who);
        self.judge_step(who, &before, &effects);
        for effect in effects {
            self.carry_out(scenario, who, effect);
        }
    }

    fn carry_out(&mut self, scenario: &Scenario, who: usize, effect: Effect) {
        match effect {
            Effect::Read => self.undecided.push((who, Request::Read)),
            Effect::Send(write) => self.undecided.push((who, Request::Swap(write))),
            Effect::Feed(deadline) => {
                let host = self.host_mut(who);
                host.deadline = host.clock.truth(deadline);
            }
            Effect::Start {
                command,
                token,
                timeout,
                ..
            } => self.start(scenario, who, command, token, timeout),
            Effect::Stop { now } => self.stop(scenario, who, now),
            Effect::Say(text) => self.say(|| format!("{}: {text}", scenario.label(who))),
            Effect::Waiting(_) => {}
            Effect::Finish(conclusion) => {
                self.say(|| format!("{} ends: {conclusion:?}", scenario.label(who)));
                self.judge_conclusion(scenario, who, &conclusion);
                self.next_step(scenario, who, &conclusion);
                self.host_mut(who).life = Life::Over(Some(conclusion));
            }
        }
    }
}

impl Mail {
    /// The process that takes it in; nobody where it is on its way to the store.
    pub(crate) fn addressee(&self) -> Option<usize> {
        match self {
            Mail::Shows(who, _)
            | Mail::ShowsNothing(who)
            | Mail::Told(who)
            | Mail::Swapped(who, ..)
            | Mail::Ended(who, _)
            | Mail::Judged(who, _)
            | Mail::GatesStep(who, _) => Some(*who),
            Mail::ReadArrives(_) | Mail::SwapArrives(..) | Mail::Killed(_) => None,
        }
    }
}

fn timed_out(scenario: &Scenario) -> StoreError {
    StoreError::TimedOut {
        place: "model".to_owned(),
        after: scenario.timing.request_timeout,
    }
}
