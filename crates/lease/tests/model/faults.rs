//! What may strike a process, and when.

use lease::protocol::Input;

use crate::{
    host::{Life, Wire},
    scenario::{Scenario, Strike},
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
            }
        }
        found
    }

    fn may_be_signalled(&self, who: usize) -> bool {
        let host = &self.hosts[who];
        host.is_candidate() && host.runs() && !host.signalled && host.frozen <= self.now
    }

    pub(crate) fn strike(&mut self, scenario: &Scenario, strike: Strike, who: usize) {
        self.say(|| format!("FAULT {strike:?} of {}", scenario.label(who)));
        self.faults -= 1;
        let now = self.now;
        self.host_mut(who).touched = true;
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
                for other in 0..self.hosts.len() {
                    self.host_mut(other).touched = true;
                }
            }
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
