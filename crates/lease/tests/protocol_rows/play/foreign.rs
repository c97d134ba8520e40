//! Those who write beside the actors: other processes of a leg, people, and whoever removes what is not theirs.

use lease::{
    Record,
    protocol::{Effect, Input, Now, Person, PersonConfig, PersonEnd, Request},
    store::{Version, Write},
};
use ledger::{Draft, Event, PreflightResult, Timestamp};

use super::{Play, secs};

impl Play {
    /// The leg's preflight fails.
    pub(crate) fn unfit(&mut self, index: usize) {
        let event = Event::Preflight {
            result: PreflightResult::Fail,
            failed: Vec::new(),
        };
        self.append(index, event);
    }

    /// An entry by a leg, written by somebody else than the actor.
    pub(crate) fn append(&mut self, index: usize, event: Event) {
        let leg = &self.legs[index];
        let draft = Draft {
            deployment: leg.deployment.clone(),
            by: leg.party.clone(),
            token: 0,
            event,
        };
        self.put(None, vec![draft]);
    }

    /// A write by somebody who is not of the protocol, over what stands.
    pub(crate) fn put(&mut self, record: Option<Record>, drafts: Vec<Draft>) {
        self.nonces += 1;
        let nonce = format!("foreign-{}", self.nonces);
        let at = Timestamp(self.now.as_millis() as u64);
        let (entries, tip) = self.store.tip.extend(&nonce, at, drafts);
        let record = record.map(|r| Record {
            nonce: nonce.clone(),
            ..r
        });
        let expected = self.store.version.clone();
        self.swap(&Write {
            nonce,
            expected,
            record,
            entries,
            tip,
            at,
        });
    }

    pub(crate) fn remove_lease(&mut self) {
        self.store.record = None;
        self.store.version = Version {
            lease: None,
            ..self.store.version.clone()
        };
    }

    /// A person's request, on a store that answers at once.
    pub(crate) fn ask(&mut self, request: Request) -> PersonEnd {
        let mut person = Person::new(PersonConfig {
            request,
            actor: "someone".to_owned(),
            reason: "wanted".to_owned(),
            deployment: None,
            resend_after: secs(1),
        });
        let mut inputs = vec![Input::Tick];
        while person.end().is_none() {
            self.nonces += 1;
            let now = Now {
                boot: self.now,
                wall: Timestamp(self.now.as_millis() as u64),
            };
            let input = inputs.pop().unwrap_or(Input::Tick);
            for effect in person.step(now, &format!("person-{}", self.nonces), input) {
                match effect {
                    Effect::Read => inputs.push(Input::Read(Ok(self.store.clone()))),
                    Effect::Send(write) => {
                        let result = self.swap(&write);
                        inputs.push(Input::Swapped {
                            nonce: write.nonce.clone(),
                            result,
                        });
                    }
                    _ => {}
                }
            }
        }
        person.end().unwrap().clone()
    }
}
