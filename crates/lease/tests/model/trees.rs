//! The processes of a command: started, killed, watched over; and the gates step after it.

use std::time::Duration;

use lease::protocol::{Candidate, Command, Conclusion, Ended, GatesConfig, Input, Judged};
use ledger::{AttemptOutcome, Gate, GateStatus};

use crate::{
    clock::Millis,
    host::{Actor, Life, Tree},
    scenario::Scenario,
    world::{Mail, World},
};

/// From the end of the step that deploys to the beginning of the gates step.
const NEXT_STEP: Millis = 1_000;

/// From SIGTERM to SIGKILL.
const GRACE: Millis = 3_000;

impl World {
    pub(crate) fn start(
        &mut self,
        scenario: &Scenario,
        who: usize,
        command: Command,
        token: u64,
        timeout: Duration,
    ) {
        self.say(|| format!("{} starts {command:?}, token {token}", scenario.label(who)));
        self.judge_start(scenario, who, command, token);
        let plan = scenario.cast[who].plan;
        let (takes, outcome) = match command {
            Command::Deploy => (plan.takes, plan.outcome),
            Command::OnFailure => (plan.takes / 2, AttemptOutcome::Succeeded),
            Command::Gates => (
                plan.gates.map_or(0, |(takes, _)| takes),
                AttemptOutcome::Succeeded,
            ),
        };
        let times_out = u128::from(takes) > timeout.as_millis();
        let tree = Tree {
            token,
            command,
            ends: self.now + takes.min(timeout.as_millis().min(u64::MAX.into()) as Millis),
            outcome: if times_out {
                AttemptOutcome::Timeout
            } else {
                outcome
            },
            dead: None,
            sticks: None,
            stuck: false,
        };
        self.host_mut(who).tree = Some(tree);
        self.judge_targets(scenario);
        self.act(scenario, who);
    }

    pub(crate) fn stop(&mut self, scenario: &Scenario, who: usize, now: bool) {
        if now {
            self.judge_stop(scenario, who);
        }
        let kill = scenario.kill();
        self.kill(scenario, who, if now { kill } else { GRACE.max(kill) });
    }

    /// The tree is dead within that time, and not earlier.
    pub(crate) fn kill(&mut self, scenario: &Scenario, who: usize, within: Millis) {
        let now = self.now;
        let host = self.host_mut(who);
        // A watchdog does not wait for a grace that began before its deadline.
        let latest = host.deadline.max(now) + scenario.kill();
        if let Some(tree) = host.tree.as_mut().filter(|t| !t.stuck) {
            let dead = (now + within).min(latest);
            tree.dead = Some(tree.dead.map_or(dead, |sooner| sooner.min(dead)));
        }
    }

    /// The tree has come to its end, by itself or not.
    pub(crate) fn tree_over(&mut self, scenario: &Scenario, who: usize) {
        if self.sticks(scenario, who) {
            return;
        }
        let lives = self.hosts[who].tree.as_ref();
        if lives.is_some_and(|tree| tree.ends <= self.now && !tree.stuck) {
            self.act(scenario, who);
        }
        let Some(tree) = self.host_mut(who).tree.take() else {
            return;
        };
        let killed = tree
            .dead
            .is_some_and(|dead| dead <= self.now && dead < tree.ends);
        let outcome = if killed {
            AttemptOutcome::Stopped
        } else {
            tree.outcome
        };
        let token = tree.token;
        self.say(|| {
            let label = scenario.label(who);
            format!(
                "{label}: {:?}, token {token}, is over: {outcome}",
                tree.command
            )
        });
        if !self.hosts[who].runs() {
            return;
        }
        let mail = match tree.command {
            Command::Gates => Mail::Judged(who, killed),
            Command::Deploy | Command::OnFailure => Mail::Ended(who, outcome),
        };
        self.post(self.now, mail);
    }

    /// Whether a tree that should be dead now withstands; its process is told so.
    fn sticks(&mut self, scenario: &Scenario, who: usize) -> bool {
        let now = self.now;
        let tree = self.host_mut(who).tree.as_mut();
        let Some(tree) = tree.filter(|tree| tree.sticks.is_some() && !tree.stuck) else {
            return false;
        };
        let time = tree.sticks.unwrap_or_default();
        if tree.dead.is_some_and(|dead| dead < tree.ends) {
            tree.outcome = AttemptOutcome::Stopped;
        }
        tree.stuck = true;
        tree.dead = None;
        tree.ends = (now + time).min(Tree::NEVER);
        self.say(|| format!("{}: its processes cannot be killed", scenario.label(who)));
        self.step(scenario, who, &|| Input::Stuck {
            detail: "pid 7".to_owned(),
        });
        true
    }

    pub(crate) fn crash(&mut self, scenario: &Scenario, who: usize) {
        if !self.hosts[who].runs() {
            return;
        }
        self.say(|| format!("{} is killed", scenario.label(who)));
        self.host_mut(who).life = Life::Crashed;
        self.forget(who);
        if scenario.timed {
            self.kill(scenario, who, scenario.kill());
        }
    }

    /// Nothing reaches a process that is no more; what it has sent is on its way all the same.
    pub(crate) fn forget(&mut self, who: usize) {
        self.mail.retain(|(_, mail)| {
            mail.addressee() != Some(who)
                && !matches!(mail, Mail::ReadArrives(w) | Mail::Killed(w) if *w == who)
        });
        for (_, mail) in &mut self.mail {
            if let Mail::SwapArrives(by, _, answered) = mail
                && *by == who
            {
                *answered = None;
            }
        }
    }

    /// A leg that goes on to the gates starts its next step, where it has one.
    pub(crate) fn next_step(&mut self, scenario: &Scenario, who: usize, end: &Conclusion) {
        self.forget(who);
        if let Conclusion::Proceed {
            token,
            finished: false,
            ..
        } = end
            && scenario.cast[who].plan.gates.is_some()
            && !self.hosts[who].judges
        {
            self.post(self.now + NEXT_STEP, Mail::GatesStep(who, *token));
        }
    }

    pub(crate) fn begin_gates(&mut self, scenario: &Scenario, who: usize, token: u64) {
        let Some(config) = scenario.candidate(who) else {
            return;
        };
        self.say(|| format!("{} begins its gates step", scenario.label(who)));
        let gates = GatesConfig {
            lock: config.lock.clone(),
            deployment: config.deployment.id.clone(),
            me: config.me.clone(),
            token,
            on_failure: config.on_failure.then_some(config.attempt_timeout),
            patience: config.queue_timeout,
        };
        let host = self.host_mut(who);
        host.actor = Actor::Candidate(Box::new(Candidate::new(gates.into())));
        host.judges = true;
        host.life = Life::Runs;
        self.step(scenario, who, &|| Input::Tick);
    }

    pub(crate) fn judged(&self, scenario: &Scenario, who: usize, stopped: bool) -> Judged {
        let pass = scenario.cast[who].plan.gates.is_some_and(|(_, pass)| pass);
        let gate = |status| Gate {
            service: "api".to_owned(),
            status,
            tries: 1,
            took: Duration::ZERO,
            seen: String::new(),
        };
        match (stopped, pass) {
            (true, _) => Judged::Stopped,
            (false, true) => Judged::Passed {
                gates: vec![gate(GateStatus::Pass)],
            },
            (false, false) => Judged::Failed {
                gates: vec![gate(GateStatus::Fail)],
                detail: "1 of 1 health gates failed: api".to_owned(),
            },
        }
    }
}

pub(crate) fn ended(outcome: AttemptOutcome) -> Ended {
    Ended {
        outcome,
        detail: outcome.to_string(),
        ran: Duration::ZERO,
        last_lines: Vec::new(),
    }
}
