//! The gates step of a leg: a process of its own, on the host of the step that deployed.

use lease::protocol::{Candidate, Conclusion, GatesConfig, Input, Judged};
use ledger::{Gate, GateStatus};

use crate::{
    cast::secs,
    host::Actor,
    world::{Happening, World},
};

impl World {
    /// A leg that goes on to the gates starts its next step, if it has one.
    pub(crate) fn next_step(&mut self, host: usize, conclusion: &Conclusion) {
        let Conclusion::Proceed {
            token,
            finished: false,
            ..
        } = conclusion
        else {
            return;
        };
        if let Some(gates) = self.hosts[host].plan.gates {
            let token = *token;
            self.at(
                self.now + gates.begins_after,
                Happening::GatesStep { host, token },
            );
        }
    }

    pub(crate) fn begin_gates(&mut self, index: usize, token: u64) {
        let host = &mut self.hosts[index];
        let thaw = host.frozen_until.max(host.suspended_until);
        if self.now < thaw {
            return self.at(thaw, Happening::GatesStep { host: index, token });
        }
        let Some(config) = host.config.clone().filter(|_| host.alive) else {
            return;
        };
        let gates = GatesConfig {
            lock: config.lock,
            deployment: config.deployment.id,
            me: config.me,
            token,
            on_failure: config.on_failure.then(|| secs(600)),
            patience: secs(300),
        };
        host.actor = Actor::Candidate(Box::new(Candidate::new(gates.into())));
        host.judges = true;
        host.conclusion = None;
        host.generation += 1;
        let name = host.name.clone();
        self.say(|| format!("{name} begins its gates step with token {token}"));
        self.deliver(index, Input::Tick);
    }

    /// What the judging of a host comes to; nothing decided where it was stopped.
    pub(crate) fn judged(&self, index: usize, done: bool) -> Judged {
        let pass = self.hosts[index].plan.gates.is_some_and(|g| g.pass);
        let gate = |status| Gate {
            service: "api".to_owned(),
            status,
            tries: 1,
            took: secs(1),
            seen: String::new(),
        };
        match (done, pass) {
            (false, _) => Judged::Stopped,
            (true, true) => Judged::Passed {
                gates: vec![gate(GateStatus::Pass)],
            },
            (true, false) => Judged::Failed {
                gates: vec![gate(GateStatus::Fail)],
                detail: "1 of 1 health gates failed: api".to_owned(),
            },
        }
    }
}
