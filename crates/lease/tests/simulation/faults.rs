//! What can go wrong, and how it does.

use std::time::Duration;

use lease::protocol::{Input, PersonConfig, Request};
use ledger::{Draft, Event, PreflightResult};

use crate::world::World;

/// A fault script's entry.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// SIGKILL of the whole candidate; its watchdog kills the tree.
    Crash(usize),
    /// The process stands still, its watchdog does not.
    Freeze(usize, Duration),
    /// The whole host stands still while CLOCK_BOOTTIME goes on.
    Suspend(usize, Duration),
    /// Host cannot reach the store until then.
    Partition(usize, Duration),
    /// Nobody can.
    Outage(Duration),
    /// SIGINT.
    Signal(usize),
    /// A person asks for a transfer.
    Transfer,
    /// A person unlocks.
    Unlock,
    /// Reads show an old state until then.
    Stale(Duration),
    /// The candidate's preflight fails.
    Unfit(usize),
    /// Somebody deletes the lease and leaves the ledger.
    RemoveLease,
}

impl World {
    pub(crate) fn strike(&mut self, fault: Fault) {
        self.say(|| format!("fault {fault:?}"));
        match fault {
            Fault::Crash(host) => {
                self.touch(host);
                self.hosts[host].alive = false;
                self.kill(host, self.timing.kill);
            }
            Fault::Freeze(host, time) => {
                self.touch(host);
                self.hosts[host].frozen_until = self.now + time;
            }
            Fault::Suspend(host, time) => {
                self.touch(host);
                self.hosts[host].suspended_until = self.now + time;
            }
            Fault::Partition(host, time) => {
                self.touch(host);
                self.hosts[host].cut_until = self.now + time;
            }
            Fault::Outage(time) => {
                self.outage_until = self.now + time;
                self.trouble(time);
            }
            Fault::Stale(time) => {
                self.stale_until = self.now + time;
                self.trouble(time);
            }
            Fault::Signal(host) => {
                self.touch(host);
                self.deliver(
                    host,
                    Input::Signal {
                        name: "SIGINT".to_owned(),
                    },
                );
            }
            Fault::Transfer => self.ask(Request::Transfer),
            Fault::Unlock => self.ask(Request::Unlock),
            Fault::Unfit(host) => self.unfit(host),
            Fault::RemoveLease => self.remove_lease(),
        }
    }

    fn touch(&mut self, host: usize) {
        self.hosts[host].touched = true;
    }

    fn trouble(&mut self, time: Duration) {
        self.troubled_until = self.troubled_until.max(self.now + time);
        for host in &mut self.hosts {
            host.touched = true;
        }
    }

    fn ask(&mut self, request: Request) {
        self.add_person(PersonConfig {
            request,
            actor: "someone".to_owned(),
            reason: "wanted".to_owned(),
            deployment: None,
            resend_after: self.timing.resend_after,
        });
    }

    fn unfit(&mut self, index: usize) {
        self.touch(index);
        let host = &self.hosts[index];
        let Some(party) = host.party.clone() else {
            return;
        };
        let known = self.store.tip.deployment(&host.deployment).cloned();
        let Some(state) =
            known.filter(|d| !d.finished() && d.announced.contains_key(&party.candidate))
        else {
            return;
        };
        let event = Event::Preflight {
            result: PreflightResult::Fail,
            failed: vec!["runner.disk".to_owned()],
        };
        let draft = Draft {
            deployment: state.deployment,
            by: Some(party),
            token: 0,
            event,
        };
        self.write_at_once(index, None, vec![draft]);
    }

    fn remove_lease(&mut self) {
        let Some(record) = self.store.record.take() else {
            return;
        };
        self.past.push((self.now, self.store.clone()));
        self.store.version.lease = None;
        if !record.phase.is_terminal() {
            self.lost_records.insert(record.deployment.id);
        }
        for host in &mut self.hosts {
            host.touched = true;
        }
    }
}
