//! A stage without faults of its own: one clock for all, a store that answers at once, commands that end when told to.

mod foreign;

use std::{sync::Arc, time::Duration};

pub(crate) use lease::testing::cast::deployment;
use lease::{
    Phase, Record, Timing,
    protocol::{
        Alarm, AlarmConfig, AlarmEnd, Appender, AppenderConfig, AppenderEnd, Candidate,
        CandidateConfig, Command, Conclusion, Effect, Ended, GatesConfig, Input, Judged, Now,
        Rerun, SwapAnswer, Watcher, WatcherConfig,
    },
    store::{Snapshot, StoreError, Write},
    testing::cast,
};
use ledger::{
    AlertKind, AttemptOutcome, Deployment, Entry, Event, FailureReason, Gate, GateStatus, Outcome,
    Party, PreflightResult, TakeoverReason, Timestamp,
};

pub(crate) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// How an actor's requests fare.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Net {
    /// Carried out and answered at once.
    Fine,
    /// Not carried out; no answer within the request timeout.
    Cut,
    /// Writes are carried out, reads too; no answer to either.
    Mute,
    /// Writes wait in the outbox; reads are answered.
    Manual,
    /// Every write is refused for good; reads are answered.
    Refused,
}

enum Actor {
    Candidate(Box<Candidate>),
    Watcher(Box<Watcher>),
    Appender(Box<Appender>),
    Alarm(Box<Alarm>),
}

impl Actor {
    fn wake_at(&self) -> Duration {
        match self {
            Actor::Candidate(actor) => actor.wake_at(),
            Actor::Watcher(actor) => actor.wake_at(),
            Actor::Appender(actor) => actor.wake_at(),
            Actor::Alarm(actor) => actor.wake_at(),
        }
    }

    fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        match self {
            Actor::Candidate(actor) => actor.step(now, nonce, input),
            Actor::Watcher(actor) => actor.step(now, nonce, input),
            Actor::Appender(actor) => actor.step(now, nonce, input),
            Actor::Alarm(actor) => actor.step(now, nonce, input),
        }
    }
}

pub(crate) struct Leg {
    actor: Actor,
    party: Option<Party>,
    deployment: Deployment,
    pub(crate) net: Net,
    /// Answered from this state instead of the store's, where set.
    pub(crate) sees: Option<Snapshot>,
    pub(crate) alive: bool,
    pub(crate) outbox: Vec<Arc<Write>>,
    pub(crate) sends: Vec<(Duration, Arc<Write>)>,
    pub(crate) reads: Vec<Duration>,
    pub(crate) started: Vec<(Duration, Command, u64)>,
    pub(crate) stops: Vec<(Duration, bool)>,
    pub(crate) fed: Vec<Duration>,
    pub(crate) said: Vec<String>,
    /// How many deployments waited, whenever it was told.
    pub(crate) waiting: Vec<usize>,
    pub(crate) end: Option<Conclusion>,
    late: Vec<(Duration, Input)>,
}

impl Leg {
    fn new(actor: Actor, party: Option<Party>, deployment: Deployment) -> Self {
        Leg {
            actor,
            party,
            deployment,
            net: Net::Fine,
            sees: None,
            alive: true,
            outbox: Vec::new(),
            sends: Vec::new(),
            reads: Vec::new(),
            started: Vec::new(),
            stops: Vec::new(),
            fed: Vec::new(),
            said: Vec::new(),
            waiting: Vec::new(),
            end: None,
            late: Vec::new(),
        }
    }

    /// How it ended, for one that only adds to the ledger.
    pub(crate) fn told(&self) -> Option<&AppenderEnd> {
        match &self.actor {
            Actor::Appender(actor) => actor.end(),
            Actor::Candidate(_) | Actor::Watcher(_) | Actor::Alarm(_) => None,
        }
    }

    /// How it ended, for one that has to wake a person.
    pub(crate) fn alarm(&self) -> Option<&AlarmEnd> {
        match &self.actor {
            Actor::Alarm(actor) => actor.end(),
            _ => None,
        }
    }

    fn goes_on(&self) -> bool {
        self.alive && self.end.is_none() && self.told().is_none() && self.alarm().is_none()
    }
}

pub(crate) struct Play {
    pub(crate) now: Duration,
    pub(crate) store: Snapshot,
    pub(crate) chain: Vec<Entry>,
    pub(crate) legs: Vec<Leg>,
    nonces: u64,
}

/// The pair that most stories are about.
pub(crate) const PRIMARY: usize = 0;
pub(crate) const STANDBY: usize = 1;

/// Candidate `number` of the two of run `run`.
pub(crate) fn config(run: u64, number: u32) -> CandidateConfig {
    cast::candidate(Timing::GIT, run, number, 2)
}

/// What a preflight tells of the leg `of`.
pub(crate) fn preflight(of: &CandidateConfig, result: PreflightResult) -> Vec<Event> {
    let announced = Event::Announced {
        candidates: of.candidates,
        instance: of.instance.clone(),
    };
    let failed = if result == PreflightResult::Fail {
        vec!["runner.disk".to_owned()]
    } else {
        Vec::new()
    };
    vec![announced, Event::Preflight { result, failed }]
}

impl Play {
    pub(crate) fn new() -> Self {
        let (store, chain) = (Snapshot::default(), Vec::new());
        Play {
            now: secs(1000),
            store,
            chain,
            legs: Vec::new(),
            nonces: 0,
        }
    }

    /// A primary and a secondary of run 1, changed by `adjust`; the primary deploys when this returns.
    pub(crate) fn pair(adjust: impl Fn(&mut CandidateConfig)) -> Self {
        let mut play = Play::new();
        for number in 1..=2 {
            let mut config = config(1, number);
            adjust(&mut config);
            play.join(config);
        }
        play.run(0);
        assert_eq!(play.phase(), Phase::Deploying);
        assert_eq!(play.legs[PRIMARY].started.len(), 1);
        play
    }

    pub(crate) fn join(&mut self, config: CandidateConfig) -> usize {
        let (party, deployment) = (config.me.clone(), config.deployment.clone());
        self.enter(
            Actor::Candidate(Box::new(Candidate::new(config))),
            Some(party),
            deployment,
        )
    }

    /// The gates step of the leg `of` begins, with the token that the leg was told.
    pub(crate) fn judges(&mut self, of: &CandidateConfig, token: u64) -> usize {
        self.judges_from(of, token, Net::Fine)
    }

    /// The same, with how its requests fare from the start.
    pub(crate) fn judges_from(&mut self, of: &CandidateConfig, token: u64, net: Net) -> usize {
        let config = GatesConfig {
            lock: of.lock.clone(),
            deployment: of.deployment.id.clone(),
            me: of.me.clone(),
            token,
            on_failure: of.on_failure.then_some(of.attempt_timeout),
            patience: secs(300),
        };
        let index = self.legs.len();
        self.legs.push(Leg {
            net,
            ..Leg::new(
                Actor::Candidate(Box::new(Candidate::new(config.into()))),
                Some(of.me.clone()),
                of.deployment.clone(),
            )
        });
        self.tell(index, Input::Tick);
        index
    }

    /// The leg's gates are judged to their end.
    pub(crate) fn judged(&mut self, index: usize, status: GateStatus) {
        let gates = vec![Gate {
            service: "api".to_owned(),
            status,
            tries: 1,
            took: secs(1),
            seen: String::new(),
        }];
        let judged = if status.failed() {
            let detail = "1 of 1 health gates failed: api".to_owned();
            Judged::Failed { gates, detail }
        } else {
            Judged::Passed { gates }
        };
        self.tell(index, Input::Judged(judged));
    }

    pub(crate) fn watch(&mut self, run: u64) -> usize {
        self.judge(deployment(run), Rerun::First)
    }

    /// `verdict` of any attempt of a run.
    pub(crate) fn judge(&mut self, deployment: Deployment, rerun: Rerun) -> usize {
        let config = WatcherConfig {
            deployment: deployment.clone(),
            rerun,
            ..cast::watcher(Timing::GIT, deployment.run_number)
        };
        self.enter(
            Actor::Watcher(Box::new(Watcher::new(config))),
            None,
            deployment,
        )
    }

    /// A step of the leg `of` tells the ledger of `events`; `net` is how its requests fare from the start.
    pub(crate) fn tells(&mut self, of: &CandidateConfig, events: Vec<Event>, net: Net) -> usize {
        let config = AppenderConfig {
            deployment: of.deployment.clone(),
            by: Some(of.me.clone()),
            instance: of.instance.clone(),
            events,
            resend_after: secs(1),
            patience: secs(60),
        };
        let index = self.legs.len();
        self.legs.push(Leg {
            net,
            ..Leg::new(
                Actor::Appender(Box::new(Appender::new(config))),
                Some(of.me.clone()),
                of.deployment.clone(),
            )
        });
        self.tell(index, Input::Tick);
        index
    }

    /// The preflight of the leg `of`, as its action does it: the announcement and what came of it.
    pub(crate) fn preflight(&mut self, of: &CandidateConfig, result: PreflightResult) -> usize {
        self.tells(of, preflight(of, result), Net::Fine)
    }

    /// A process that has to tell people of run `run`.
    pub(crate) fn alarms(&mut self, run: u64, instance: &str, net: Net) -> usize {
        let config = AlarmConfig {
            deployment: deployment(run),
            key: format!("run {run}"),
            kind: AlertKind::DeploymentFailed,
            instance: instance.to_owned(),
            resend_after: secs(1),
            patience: secs(30),
            poll: secs(2),
        };
        let actor = Actor::Alarm(Box::new(Alarm::new(config)));
        let index = self.legs.len();
        self.legs.push(Leg {
            net,
            ..Leg::new(actor, None, deployment(run))
        });
        self.tell(index, Input::Tick);
        index
    }

    /// It has told people, and says so.
    pub(crate) fn alerted(&mut self, run: u64) {
        let key = format!("run {run}");
        let channels = Vec::new();
        self.tells(
            &config(run, 1),
            vec![Event::AlertSent { key, channels }],
            Net::Fine,
        );
    }

    fn enter(&mut self, actor: Actor, party: Option<Party>, deployment: Deployment) -> usize {
        self.legs.push(Leg::new(actor, party, deployment));
        let index = self.legs.len() - 1;
        self.tell(index, Input::Tick);
        index
    }

    /// Lets `seconds` pass for everybody.
    pub(crate) fn run(&mut self, seconds: u64) {
        let end = self.now + secs(seconds);
        let due = |leg: &Leg| {
            let wake = leg.actor.wake_at();
            leg.late
                .iter()
                .map(|(at, _)| *at)
                .chain([wake])
                .min()
                .unwrap_or(wake)
        };
        while let Some((at, index)) = (0..self.legs.len())
            .filter(|i| self.legs[*i].goes_on())
            .map(|i| (due(&self.legs[i]), i))
            .min()
            .filter(|(at, _)| *at <= end)
        {
            self.now = self.now.max(at);
            let now = self.now;
            let late = self.legs[index].late.iter().position(|(at, _)| *at <= now);
            let input = late.map_or(Input::Tick, |i| self.legs[index].late.remove(i).1);
            self.tell(index, input);
        }
        self.now = end;
    }

    /// Hands an input to an actor and carries out what it wants, answers and all.
    pub(crate) fn tell(&mut self, index: usize, input: Input) {
        let mut inputs = vec![input];
        let mut steps = 0;
        while !inputs.is_empty() && self.legs[index].goes_on() {
            let input = inputs.remove(0);
            steps += 1;
            assert!(steps < 100, "it never comes to rest");
            self.nonces += 1;
            let nonce = format!("n{}", self.nonces);
            let now = Now {
                boot: self.now,
                wall: Timestamp(self.now.as_millis() as u64),
            };
            for effect in self.legs[index].actor.step(now, &nonce, input) {
                inputs.extend(self.carry_out(index, effect));
            }
        }
    }

    fn carry_out(&mut self, index: usize, effect: Effect) -> Option<Input> {
        let now = self.now;
        let net = self.legs[index].net;
        match effect {
            Effect::Read => {
                self.legs[index].reads.push(now);
                if matches!(net, Net::Cut | Net::Mute) {
                    self.legs[index]
                        .late
                        .push((now + secs(3), Input::Read(Err(timed_out()))));
                    return None;
                }
                let seen = self.legs[index]
                    .sees
                    .clone()
                    .unwrap_or_else(|| self.store.clone());
                return Some(Input::Read(Ok(seen)));
            }
            Effect::Send(write) => {
                self.legs[index].sends.push((now, Arc::clone(&write)));
                let nonce = write.nonce.clone();
                let result = match net {
                    Net::Fine => self.swap(&write),
                    Net::Refused => {
                        let (place, detail) = ("here".to_owned(), "no".to_owned());
                        SwapAnswer::Unknown(StoreError::Denied { place, detail })
                    }
                    Net::Cut | Net::Mute => {
                        if net == Net::Mute {
                            self.swap(&write);
                        }
                        let result = SwapAnswer::Unknown(timed_out());
                        self.legs[index]
                            .late
                            .push((now + secs(3), Input::Swapped { nonce, result }));
                        return None;
                    }
                    Net::Manual => {
                        self.legs[index].outbox.push(write);
                        return None;
                    }
                };
                return Some(Input::Swapped { nonce, result });
            }
            Effect::Feed(deadline) => self.legs[index].fed.push(deadline),
            Effect::Start { command, token, .. } => {
                self.legs[index].started.push((now, command, token))
            }
            Effect::Stop { now: at_once } => self.legs[index].stops.push((now, at_once)),
            Effect::Say(said) => self.legs[index].said.push(said),
            Effect::Waiting(deployments) => self.legs[index].waiting.push(deployments),
            Effect::Finish(conclusion) => self.legs[index].end = Some(*conclusion),
        }
        None
    }

    /// The store's one operation that grants anything.
    pub(crate) fn swap(&mut self, write: &Write) -> SwapAnswer {
        let already = self
            .store
            .record
            .as_ref()
            .is_some_and(|r| r.nonce == write.nonce)
            || (write.record.is_none()
                && self.chain.last().is_some_and(|e| e.nonce == write.nonce));
        let fits = (write.record.is_none() || self.store.version.lease == write.expected.lease)
            && (write.entries.is_empty() || self.store.version.ledger == write.expected.ledger);
        if !already && !fits {
            return SwapAnswer::Lost;
        }
        let mut left = write.expected.clone();
        if let Some(record) = &write.record {
            left.lease = Some(write.nonce.clone());
            if !already {
                self.store.record = Some(record.clone());
                self.store.version.lease.clone_from(&left.lease);
            }
        }
        if !write.entries.is_empty() {
            left.ledger = Some(write.nonce.clone());
            if !already {
                self.chain.extend(write.entries.iter().cloned());
                self.store.tip = write.tip.clone();
                self.store.version.ledger.clone_from(&left.ledger);
            }
        }
        SwapAnswer::Won(left)
    }

    /// The leg's command is over and its tree dead.
    pub(crate) fn ended(&mut self, index: usize, outcome: AttemptOutcome) {
        let ran = secs(5);
        self.tell(
            index,
            Input::Ended(Ended {
                outcome,
                detail: outcome.to_string(),
                ran,
                last_lines: vec!["its last line".to_owned()],
            }),
        );
    }

    pub(crate) fn fails(&mut self, index: usize) {
        self.ended(index, AttemptOutcome::ExitCode);
    }

    pub(crate) fn succeeds(&mut self, index: usize) {
        self.ended(index, AttemptOutcome::Succeeded);
    }

    /// The leg is told to stop; where it has a tree, that dies at once.
    pub(crate) fn signal(&mut self, index: usize) {
        let stops = self.legs[index].stops.len();
        self.tell(
            index,
            Input::Signal {
                name: "SIGTERM".to_owned(),
            },
        );
        if self.legs[index].stops.len() > stops {
            self.ended(index, AttemptOutcome::Stopped);
        }
    }

    pub(crate) fn crash(&mut self, index: usize) {
        self.legs[index].alive = false;
    }

    pub(crate) fn record(&self) -> &Record {
        self.store.record.as_ref().unwrap()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.record().phase
    }

    pub(crate) fn outcome(&self, run: u64) -> Option<Outcome> {
        self.store.tip.deployment(&deployment(run).id)?.outcome
    }

    pub(crate) fn reason(&self, run: u64) -> Option<FailureReason> {
        self.store.tip.deployment(&deployment(run).id)?.reason
    }

    pub(crate) fn takeovers(&self) -> Vec<TakeoverReason> {
        let reason = |e: &Entry| match e.event {
            Event::Failover { reason, .. } => Some(reason),
            _ => None,
        };
        self.chain.iter().filter_map(reason).collect()
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.chain.iter().filter(|e| wanted(&e.event)).count()
    }

    /// Every attempt that was started is finished.
    pub(crate) fn attempts_add_up(&self) -> bool {
        let started = self.count(|e| matches!(e, Event::AttemptStarted { .. }));
        started == self.count(|e| matches!(e, Event::AttemptFinished { .. }))
    }
}

fn timed_out() -> StoreError {
    StoreError::TimedOut {
        place: "here".to_owned(),
        after: secs(3),
    }
}
