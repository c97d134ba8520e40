//! The store, and what becomes of requests to it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use lease::store::{Snapshot, Version, Write};
use ledger::Event;

use crate::{
    host::Wire,
    scenario::{Fate, Forgotten, Scenario, millis},
    world::{Answer, Mail, World},
};

/// A request that a process has just sent.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Request {
    Read,
    Swap(Arc<Write>),
    /// To be told of the change that has just taken effect.
    Tell,
}

impl World {
    /// What may become of the oldest request whose fate is open.
    pub(crate) fn fates(&self, scenario: &Scenario) -> Vec<Fate> {
        let Some((who, request)) = self.undecided.first() else {
            return Vec::new();
        };
        if self.hosts[*who]
            .cut
            .is_some_and(|(until, _)| until > self.now)
        {
            return vec![Fate::Fast];
        }
        let all = match request {
            Request::Read => &scenario.reads,
            Request::Swap(_) => &scenario.swaps,
            Request::Tell => &scenario.tells,
        };
        let possible = |fate: &&Fate| match fate {
            Fate::Fast => true,
            Fate::ArrivesSlowly | Fate::ReturnsSlowly => self.slow > 0,
            Fate::LostBefore | Fate::LostAfter | Fate::Late(_) | Fate::Twice(_) => self.faults > 0,
            Fate::Stale | Fate::TornLedger | Fate::TornLease => {
                self.faults > 0 && self.before.is_some()
            }
        };
        all.iter().filter(possible).copied().collect()
    }

    /// Sends every request on its way that can only fare well.
    pub(crate) fn settle(&mut self, scenario: &Scenario) {
        while !self.undecided.is_empty() && self.fates(scenario).len() == 1 {
            self.decide(scenario, Fate::Fast);
        }
        if self.faults == 0 {
            self.before = None;
            self.copy = None;
            self.stirred = None;
        }
    }

    pub(crate) fn decide(&mut self, scenario: &Scenario, fate: Fate) {
        let (who, request) = self.undecided.remove(0);
        let cut = self.hosts[who].cut.filter(|(until, _)| *until > self.now);
        let fate = match cut {
            Some((_, Wire::NothingArrives)) => Fate::LostBefore,
            Some((_, Wire::NothingReturns)) => Fate::LostAfter,
            None => {
                self.pay(who, &request, fate);
                fate
            }
        };
        match request {
            Request::Tell => self.tell(scenario, who, fate),
            Request::Read => self.read(scenario, who, fate),
            Request::Swap(write) => {
                self.say(|| {
                    let label = scenario.label(who);
                    format!(
                        "    {label} sends {} over {:?}: {fate:?}",
                        write.nonce, write.expected
                    )
                });
                self.send(scenario, who, write, fate);
            }
        }
    }

    fn pay(&mut self, who: usize, request: &Request, fate: Fate) {
        match fate {
            Fate::Fast => {}
            Fate::ArrivesSlowly | Fate::ReturnsSlowly => self.slow -= 1,
            _ => {
                self.faults -= 1;
                // Who is not told of a change looks by itself: that excuses nothing.
                if !matches!(request, Request::Tell) {
                    self.host_mut(who).touched = true;
                }
            }
        }
    }

    fn read(&mut self, scenario: &Scenario, who: usize, fate: Fate) {
        let now = self.now;
        let stands = Arc::clone(&self.store);
        let before = self.before.clone().unwrap_or_default();
        let soon = now + Scenario::SOON;
        let (at, mail) = match fate {
            Fate::Fast => (soon, Mail::Shows(who, stands)),
            Fate::ArrivesSlowly => {
                let there = now + scenario.slowest - Scenario::SOON;
                (there, Mail::ReadArrives(who))
            }
            Fate::ReturnsSlowly => (now + scenario.slowest, Mail::Shows(who, stands)),
            Fate::Stale => (soon, Mail::Shows(who, before)),
            Fate::TornLedger => (soon, Mail::Shows(who, torn(&stands, &before))),
            Fate::TornLease => (soon, Mail::Shows(who, torn(&before, &stands))),
            Fate::LostBefore | Fate::LostAfter | Fate::Late(_) | Fate::Twice(_) => {
                let timeout = millis(scenario.timing.request_timeout);
                (now + timeout, Mail::ShowsNothing(who))
            }
        };
        self.post(at, mail);
    }

    fn send(&mut self, scenario: &Scenario, who: usize, write: Arc<Write>, fate: Fate) {
        let now = self.now;
        let given_up = now + millis(scenario.timing.request_timeout);
        let unknown = Mail::Swapped(who, Arc::clone(&write), Answer::Unknown);
        match fate {
            Fate::ArrivesSlowly => {
                let answered = now + scenario.slowest;
                let there = answered - Scenario::SOON;
                self.post(there, Mail::SwapArrives(who, write, Some(answered)));
            }
            Fate::LostBefore => self.post(given_up, unknown),
            Fate::LostAfter => {
                self.swap(scenario, who, &write);
                self.post(given_up, unknown);
            }
            Fate::Late(after) => {
                self.post(given_up, unknown);
                self.post(now + after, Mail::SwapArrives(who, write, None));
            }
            Fate::Fast
            | Fate::ReturnsSlowly
            | Fate::Stale
            | Fate::TornLedger
            | Fate::TornLease
            | Fate::Twice(_) => {
                let answer = self.swap(scenario, who, &write);
                let took = if fate == Fate::ReturnsSlowly {
                    scenario.slowest
                } else {
                    Scenario::SOON
                };
                self.post(now + took, Mail::Swapped(who, write, answer));
            }
        }
    }

    /// The news of a change, from the moment of the change.
    fn tell(&mut self, scenario: &Scenario, who: usize, fate: Fate) {
        if fate != Fate::Fast {
            self.say(|| format!("    news for {}: {fate:?}", scenario.label(who)));
        }
        let soon = self.now + Scenario::SOON / 2;
        match fate {
            Fate::LostBefore | Fate::LostAfter => {}
            Fate::Late(after) => self.post(self.now + after, Mail::Told(who)),
            Fate::Twice(after) => {
                self.post(soon, Mail::Told(who));
                self.post(soon + after, Mail::Told(who));
            }
            _ => self.post(soon, Mail::Told(who)),
        }
    }

    /// The store is changed: by `who`, who needs no news of it.
    pub(crate) fn change(&mut self, scenario: &Scenario, who: usize, next: Snapshot) {
        let token = |s: &Snapshot| s.record.as_ref().map_or(0, |r| r.token);
        let claimed = token(&next) > token(&self.store);
        let before = std::mem::replace(&mut self.store, Arc::new(next));
        if claimed && scenario.forgets(Forgotten::NewestClaim) {
            self.copy = Some(Arc::clone(&before));
        }
        self.before = Some(before);
        if scenario.tells.is_empty() {
            return;
        }
        for other in (0..self.hosts.len()).filter(|other| *other != who) {
            if self.hosts[other].watches() {
                self.undecided.push((other, Request::Tell));
            }
        }
    }

    /// A write arrives at the store: everything of it, or nothing.
    pub(crate) fn swap(&mut self, scenario: &Scenario, who: usize, write: &Write) -> Answer {
        let nonce = Some(&write.nonce);
        let there = self.store.version.clone();
        let already = (write.record.is_some() && there.lease.as_ref() == nonce)
            || (write.record.is_none() && there.ledger.as_ref() == nonce);
        if already {
            return Answer::Won;
        }
        let expected = &write.expected;
        let fits = (write.record.is_none() || there.lease == expected.lease)
            && (write.entries.is_empty() || there.ledger == expected.ledger);
        if !fits {
            return Answer::Lost;
        }
        self.judge_write(scenario, who, write);
        let record = write.record.clone().or_else(|| self.store.record.clone());
        let tip = if write.entries.is_empty() {
            self.store.tip.clone()
        } else {
            write.tip.clone()
        };
        self.say(|| {
            let entries: Vec<_> = write.entries.iter().map(ledger::Entry::subject).collect();
            let phase = write.record.as_ref().map(|r| (r.phase, r.token));
            format!("  {} writes {phase:?} {entries:?}", scenario.label(who))
        });
        let written = |part: bool, stands: &Option<String>| match part {
            true => Some(write.nonce.clone()),
            false => stands.clone(),
        };
        let version = Version {
            lease: written(write.record.is_some(), &there.lease),
            ledger: written(!write.entries.is_empty(), &there.ledger),
        };
        let next = Snapshot {
            record,
            tip,
            version,
        };
        self.change(scenario, who, next);
        Answer::Won
    }
}

/// A read that met a write half way: the lease of one moment, the ledger of another.
fn torn(lease: &Snapshot, ledger: &Snapshot) -> Arc<Snapshot> {
    Arc::new(Snapshot {
        record: lease.record.clone(),
        tip: ledger.tip.clone(),
        version: Version {
            lease: lease.version.lease.clone(),
            ledger: ledger.version.ledger.clone(),
        },
    })
}

/// The name of a write: who makes it, its how-manieth it is, and all that it says and that anybody decides by. How long
/// the command has been running is for people.
pub(crate) fn nonce_of(who: usize, writes: u32, write: &Write) -> String {
    let mut hasher = DefaultHasher::new();
    write.expected.hash(&mut hasher);
    if let Some(record) = &write.record {
        let failed = record
            .failed_candidates
            .iter()
            .map(|f| (f.candidate, f.reason));
        (record.token, record.phase, record.holder.candidate).hash(&mut hasher);
        failed.collect::<Vec<_>>().hash(&mut hasher);
        (record.attempt.number, record.attempt.running).hash(&mut hasher);
        (record.silence_allowed, record.command_done, record.policy).hash(&mut hasher);
        record.deployment.id.hash(&mut hasher);
    }
    for entry in &write.entries {
        let mut event = entry.event.clone();
        if let Event::AttemptFinished { ran, .. } = &mut event {
            *ran = std::time::Duration::ZERO;
        }
        (entry.seq, entry.token, &entry.deployment.id, &entry.by).hash(&mut hasher);
        format!("{event:?}").hash(&mut hasher);
    }
    format!("{who}.{writes}.{:x}", hasher.finish())
}
