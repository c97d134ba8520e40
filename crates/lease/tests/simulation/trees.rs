//! The processes of a command: started, killed, watched over by their watchdog, and now and then not to be killed.

use std::time::Duration;

use lease::protocol::{Command, Ended, Input};
use ledger::AttemptOutcome;

use crate::{
    host::{Run, Tree},
    world::{Happening, World},
};

impl World {
    /// The tree may live until `deadline` of the host's clock: the watchdog's, and what a start is judged by.
    pub(crate) fn feed(&mut self, index: usize, deadline: Duration) {
        self.judge_deadline(index, deadline);
        let host = &mut self.hosts[index];
        let deadline = host.clock.truth(deadline);
        host.deadline = deadline;
        if let Some(tree) = &mut host.tree {
            tree.deadline = deadline;
            let generation = tree.generation;
            self.at(deadline, Happening::WatchdogDeadline(index, generation));
        }
    }

    pub(crate) fn start(&mut self, index: usize, command: Command, token: u64, timeout: Duration) {
        let name = self.hosts[index].name.clone();
        self.say(|| format!("{name} starts {command:?} under token {token}"));
        self.judge_start(index, command, token);
        self.starts.push((self.now, token, command));
        self.serial += 1;
        let generation = self.serial;
        let host = &mut self.hosts[index];
        let deadline = host.deadline;
        let started = self.now;
        let run = match command {
            Command::Deploy => host.plan.deploy,
            Command::OnFailure => host.plan.on_failure,
            Command::Gates => Run {
                takes: host.plan.gates.map(|g| g.takes).unwrap_or_default(),
                succeeds: true,
            },
        };
        let times_out = run.takes > timeout;
        host.tree = Some(Tree {
            token,
            command,
            generation,
            started,
            deadline,
            dying: false,
            times_out,
            stuck: false,
        });
        self.at(
            self.now + run.takes.min(timeout),
            Happening::CommandDone(index, generation),
        );
        self.at(deadline, Happening::WatchdogDeadline(index, generation));
    }

    pub(crate) fn command_done(&mut self, index: usize, generation: u64) {
        let host = &self.hosts[index];
        let run = match host.tree.as_ref().map(|t| t.command) {
            Some(Command::OnFailure) => host.plan.on_failure,
            _ => host.plan.deploy,
        };
        self.tree_over(index, generation, Some(run.succeeds));
    }

    pub(crate) fn watchdog(&mut self, index: usize, generation: u64) {
        let due = self.hosts[index]
            .tree
            .as_ref()
            .is_some_and(|t| t.generation == generation && !t.dying && t.deadline <= self.now)
            // The gates are judged within the process: no watchdog stands behind them.
            && !self.hosts[index].judges_now();
        if due {
            self.kill(index, self.timing.kill);
        }
    }

    /// The tree is dead within `within`; a second kill may be quicker than the first.
    pub(crate) fn kill(&mut self, index: usize, within: Duration) {
        let withstands = self.hosts[index].plan.withstands;
        let withstands = withstands.filter(|_| !self.hosts[index].judges_now());
        let Some(tree) = &mut self.hosts[index].tree else {
            return;
        };
        if tree.stuck {
            return;
        }
        tree.dying = true;
        let generation = tree.generation;
        let after = self.dice.millis(0, within.as_millis() as u64);
        let happening = match withstands {
            Some(_) => Happening::Stuck(index, generation),
            None => Happening::TreeDead(index, generation),
        };
        self.at(self.now + after, happening);
    }

    pub(crate) fn tree_stuck(&mut self, index: usize, generation: u64) {
        let host = &mut self.hosts[index];
        let withstands = host.plan.withstands.unwrap_or_default();
        let Some(tree) = host
            .tree
            .as_mut()
            .filter(|t| t.generation == generation && !t.stuck)
        else {
            return;
        };
        tree.stuck = true;
        let name = host.name.clone();
        self.say(|| format!("{name}: its tree cannot be killed"));
        self.at(
            self.now + withstands,
            Happening::TreeDead(index, generation),
        );
        let detail = "pid 7".to_owned();
        self.deliver(index, Input::Stuck { detail });
    }

    pub(crate) fn tree_over(&mut self, index: usize, generation: u64, result: Option<bool>) {
        let host = &mut self.hosts[index];
        let stuck_end = result.is_some() && host.tree.as_ref().is_some_and(|t| t.stuck);
        if host
            .tree
            .as_ref()
            .is_none_or(|t| t.generation != generation)
            || stuck_end
        {
            return;
        }
        let Some(tree) = host.tree.take() else { return };
        let outcome = match result {
            Some(_) if tree.times_out => AttemptOutcome::Timeout,
            Some(true) => AttemptOutcome::Succeeded,
            Some(false) => AttemptOutcome::ExitCode,
            None => AttemptOutcome::Stopped,
        };
        let ran = self.now.saturating_sub(tree.started);
        let name = host.name.clone();
        self.say(|| {
            format!(
                "{name}: {:?} under token {} is over: {outcome}",
                tree.command, tree.token
            )
        });
        if tree.command == Command::Gates {
            let judged = self.judged(index, result.is_some());
            return self.deliver(index, Input::Judged(judged));
        }
        let detail = outcome.to_string();
        self.deliver(
            index,
            Input::Ended(Ended {
                outcome,
                detail,
                ran,
                last_lines: Vec::new(),
            }),
        );
    }
}
