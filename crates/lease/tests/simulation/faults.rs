//! What can go wrong, and how it does.

use std::time::Duration;

use lease::protocol::{AppenderConfig, Input, PersonConfig, Request};
use ledger::{Event, PreflightResult};

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
    /// The preflight of the candidate's leg tells what came of it, as its own process.
    Preflight {
        host: usize,
        result: PreflightResult,
        /// That process is killed so long after its start.
        dies_after: Option<Duration>,
    },
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
            Fault::Preflight {
                host,
                result,
                dies_after,
            } => self.preflight(host, result, dies_after),
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

    fn preflight(&mut self, index: usize, result: PreflightResult, dies_after: Option<Duration>) {
        if result == PreflightResult::Fail {
            self.touch(index);
        }
        let host = &self.hosts[index];
        let troubles = (host.cut_until, host.frozen_until, host.suspended_until);
        let Some(leg) = host.config.clone() else {
            return;
        };
        self.serial += 1;
        let (name, reviewer) = (
            format!("{}#preflight", host.name),
            format!("r{}", self.serial),
        );
        let told = self.add_appender(
            name,
            AppenderConfig {
                deployment: leg.deployment,
                by: Some(leg.me),
                instance: leg.instance.clone(),
                events: vec![
                    Event::Announced {
                        candidates: leg.candidates,
                        instance: leg.instance,
                    },
                    // Of a kind of its own, so that one told twice is noticed.
                    Event::Approval {
                        environment: "production".to_owned(),
                        user: reviewer,
                        state: "approved".to_owned(),
                        comment: String::new(),
                        reviewed_at: None,
                        waited: None,
                    },
                    Event::Preflight {
                        result,
                        failed: Vec::new(),
                    },
                ],
                resend_after: self.timing.resend_after,
                patience: Duration::from_secs(20),
            },
        );
        let host = &mut self.hosts[told];
        (host.cut_until, host.frozen_until, host.suspended_until) = troubles;
        if let Some(after) = dies_after {
            self.fault(self.now + after, Fault::Crash(told));
        }
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
