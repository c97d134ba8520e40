//! What may strike a process, and when.

use std::sync::Arc;

use lease::{
    protocol::{Command, Input},
    store::{Snapshot, Version},
};
use ledger::{Draft, Event, PreflightResult, Timestamp};

use crate::{
    host::{Life, Wire},
    scenario::{Forgotten, Scenario, Strike},
    world::{Mail, World},
};

/// GitHub sends SIGTERM 7.5 s after SIGINT and kills 2.5 s later.
const KILLED_AFTER: u64 = 10_000;

impl World {
    /// Everything that may strike now, and whom. A process that has not moved since is where it was: what happens to one
    /// happens right after a step of it.
    pub(crate) fn strikes(&self, scenario: &Scenario) -> Vec<(Strike, usize)> {
        let mut found = Vec::new();
        if self.faults == 0 {
            return found;
        }
        let stirred = self.stirred.filter(|who| self.hosts[*who].runs());
        for strike in &scenario.strikes {
            match strike {
                Strike::Crash | Strike::CutOff(_) | Strike::CutBack(_) => found.extend(
                    stirred
                        .filter(|who| self.hosts[*who].cut.is_none())
                        .map(|who| (*strike, who)),
                ),
                Strike::Freeze(_) => found.extend(
                    stirred
                        .filter(|who| self.hosts[*who].frozen <= self.now)
                        .map(|who| (*strike, who)),
                ),
                Strike::Signal => found.extend(
                    (0..self.hosts.len())
                        .filter(|who| self.may_be_signalled(*who))
                        .map(|who| (*strike, who)),
                ),
                Strike::SignalAll => found.extend(
                    (0..self.hosts.len())
                        .filter(|who| self.may_be_signalled(*who))
                        .map(|who| (*strike, who))
                        .take(1),
                ),
                Strike::Person => found.extend(
                    (0..self.hosts.len())
                        .filter(|who| matches!(self.hosts[*who].life, Life::Dormant))
                        .map(|who| (*strike, who))
                        .take(1),
                ),
                Strike::Tell => found.extend(
                    (0..self.hosts.len())
                        .filter(|who| self.hosts[*who].watches())
                        .map(|who| (*strike, who)),
                ),
                Strike::SetBack(what) => {
                    found.extend(self.forgettable(*what).map(|_| (*strike, 0)));
                }
                Strike::Stick(_) => found.extend(
                    stirred
                        .filter(|who| self.may_stick(*who))
                        .map(|who| (*strike, who)),
                ),
                Strike::Preflight { fit } => found.extend(
                    (0..self.hosts.len())
                        .filter(|who| self.may_be_found(scenario, *who, *fit))
                        .map(|who| (*strike, who)),
                ),
            }
        }
        found
    }

    /// What the store may be set back to, once.
    fn forgettable(&self, what: Forgotten) -> Option<Arc<Snapshot>> {
        let back = match what {
            Forgotten::NewestWrite => &self.before,
            Forgotten::NewestClaim => &self.copy,
        };
        back.clone().filter(|_| !self.judge.set_back)
    }

    fn may_stick(&self, who: usize) -> bool {
        let tree = self.hosts[who].tree.as_ref();
        tree.is_some_and(|t| t.sticks.is_none() && t.command != Command::Gates)
    }

    /// Whether a preflight of this leg can come to this, and that be news.
    fn may_be_found(&self, scenario: &Scenario, who: usize, fit: bool) -> bool {
        let Some(config) = scenario.candidate(who) else {
            return false;
        };
        let state = self.store.tip.deployment(&config.deployment.id);
        let lives = matches!(self.hosts[who].life, Life::Begins(_) | Life::Runs);
        lives
            && state.is_none_or(|s| !s.finished())
            && state.is_some_and(|s| s.unfit(config.me.candidate)) == fit
    }

    /// The step before this leg's adds what it found to the ledger, whatever the lease does meanwhile.
    fn preflight(&mut self, scenario: &Scenario, who: usize, fit: bool) {
        let Some(config) = scenario.candidate(who) else {
            return;
        };
        let tip = &self.store.tip;
        let announced = tip
            .deployment(&config.deployment.id)
            .is_some_and(|s| s.announced.contains_key(&config.me.candidate));
        let announces = Event::Announced {
            candidates: config.candidates,
            instance: config.instance.clone(),
        };
        let found = Event::Preflight {
            result: if fit {
                PreflightResult::Pass
            } else {
                PreflightResult::Fail
            },
            failed: Vec::new(),
        };
        let drafts = (!announced)
            .then_some(announces)
            .into_iter()
            .chain([found])
            .map(|event| Draft {
                deployment: config.deployment.clone(),
                by: Some(config.me.clone()),
                token: 0,
                event,
            })
            .collect();
        let nonce = format!("{who}.{fit}.{:?}", self.store.version.ledger);
        let (_, tip) = tip.extend(&nonce, Timestamp(0), drafts);
        let next = Snapshot {
            record: self.store.record.clone(),
            tip,
            version: Version {
                lease: self.store.version.lease.clone(),
                ledger: Some(nonce),
            },
        };
        self.change(scenario, who, next);
    }

    fn may_be_signalled(&self, who: usize) -> bool {
        let host = &self.hosts[who];
        host.is_candidate() && host.runs() && !host.signalled && host.frozen <= self.now
    }

    pub(crate) fn strike(&mut self, scenario: &Scenario, strike: Strike, who: usize) {
        self.say(|| format!("FAULT {strike:?} of {}", scenario.label(who)));
        self.faults -= 1;
        let now = self.now;
        // What the ledger says, and who is told of it, disturbs nobody's process.
        if !matches!(strike, Strike::Tell | Strike::Preflight { .. }) {
            self.host_mut(who).touched = true;
        }
        match strike {
            Strike::Crash => self.crash(scenario, who),
            Strike::Freeze(time) => {
                let host = self.host_mut(who);
                host.frozen = now + time;
                // Nothing on the host is in time any more, and its tree goes on when it can.
                if let Some(tree) = host.tree.as_mut().filter(|_| !scenario.timed) {
                    tree.ends = tree.ends.max(now + time + 1);
                }
            }
            Strike::CutOff(time) => {
                self.host_mut(who).cut = Some((now + time, Wire::NothingArrives));
            }
            Strike::CutBack(time) => {
                self.host_mut(who).cut = Some((now + time, Wire::NothingReturns));
            }
            Strike::Signal => self.signal(scenario, who),
            Strike::SignalAll => {
                let id = scenario.id(who);
                for other in 0..self.hosts.len() {
                    if scenario.id(other) == id && self.may_be_signalled(other) {
                        self.signal(scenario, other);
                    }
                }
            }
            Strike::Person => {
                self.host_mut(who).life = Life::Begins(now);
                // Whoever holds the lease is about to lose it, as the person wants.
                self.touch_all();
            }
            Strike::Tell => self.step(scenario, who, &|| Input::Changed),
            Strike::SetBack(what) => {
                if let Some(back) = self.forgettable(what) {
                    self.before = Some(std::mem::replace(&mut self.store, back));
                    self.judge.set_back = true;
                    self.touch_all();
                }
            }
            Strike::Stick(time) => {
                if let Some(tree) = &mut self.host_mut(who).tree {
                    tree.sticks = Some(time);
                }
            }
            Strike::Preflight { fit } => self.preflight(scenario, who, fit),
        }
    }

    fn touch_all(&mut self) {
        for who in 0..self.hosts.len() {
            self.host_mut(who).touched = true;
        }
    }

    fn signal(&mut self, scenario: &Scenario, who: usize) {
        let host = self.host_mut(who);
        host.signalled = true;
        host.touched = true;
        self.post(self.now + KILLED_AFTER, Mail::Killed(who));
        self.step(scenario, who, &|| Input::Signal {
            name: "SIGINT".to_owned(),
        });
    }
}
