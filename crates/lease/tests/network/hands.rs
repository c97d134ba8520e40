//! The hands of a leg's process: its command's tree, its gates, and the signal that it gets.

use std::{sync::Arc, time::Duration};

use lease::{
    protocol::{Command, Ended, Input, Judged},
    shell::Hands,
};
use ledger::{AttemptOutcome, Gate, GateStatus};

use crate::{
    clock::{Clock, sleep_until, truth},
    play::World,
    script::{Leg, Run},
    target::{Span, TreeEnd},
};

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// What carries out the effects of a leg's candidate.
pub(crate) struct LegHands<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) leg: &'a Leg,
    pub(crate) clock: Clock,
    /// SIGINT comes then; nothing once it has come.
    pub(crate) signal: Option<Duration>,
    fed: Duration,
}

impl<'a> LegHands<'a> {
    pub(crate) fn new(world: &'a Arc<World>, leg: &'a Leg) -> Self {
        LegHands {
            world,
            leg,
            clock: leg.clock,
            signal: leg.signal,
            fed: Duration::ZERO,
        }
    }

    fn ended(&self, span: &Span) -> Input {
        if span.command == Command::Gates {
            return Input::Judged(self.judged(span.end));
        }
        let outcome = match span.end {
            TreeEnd::Succeeded => AttemptOutcome::Succeeded,
            TreeEnd::Failed => AttemptOutcome::ExitCode,
            TreeEnd::TimedOut => AttemptOutcome::Timeout,
            TreeEnd::Fenced => AttemptOutcome::Fenced,
            TreeEnd::Stopped | TreeEnd::Orphaned => AttemptOutcome::Stopped,
        };
        Input::Ended(Ended {
            outcome,
            detail: outcome.to_string(),
            ran: span.to - span.from,
            last_lines: Vec::new(),
        })
    }

    fn judged(&self, end: TreeEnd) -> Judged {
        let gates = |status| {
            vec![Gate {
                service: "api".to_owned(),
                status,
                tries: 1,
                took: Duration::from_secs(1),
                seen: String::new(),
            }]
        };
        let pass = self.leg.plan.gates.is_some_and(|gates| gates.run.succeeds);
        match (end, pass) {
            (TreeEnd::Stopped, _) => Judged::Stopped,
            (_, true) => Judged::Passed {
                gates: gates(GateStatus::Pass),
            },
            (_, false) => Judged::Failed {
                gates: gates(GateStatus::Fail),
                detail: "1 of 1 health gates failed: api".to_owned(),
            },
        }
    }

    fn run(&self, command: Command) -> Run {
        let plan = &self.leg.plan;
        match command {
            Command::Deploy => plan.deploy,
            Command::OnFailure => plan.on_failure,
            Command::Gates => plan.gates.map_or(plan.on_failure, |gates| gates.run),
        }
    }
}

impl Hands for LegHands<'_> {
    fn feed(&mut self, deadline: Duration) {
        self.fed = self.clock.truth(deadline);
        let mut target = self.world.target();
        target.feed(&self.leg.name, truth(), self.fed);
    }

    fn start(&mut self, command: Command, number: u32, token: u64, timeout: Duration) {
        let (now, run, leg) = (truth(), self.run(command), self.leg);
        self.world.say(|| {
            format!(
                "{} starts {command:?} {number} under token {token}",
                leg.name
            )
        });
        let kill_takes = self.world.kill_takes();
        let natural = match self.clock.takes(timeout) {
            timeout if run.takes > timeout => (now + timeout + kill_takes, TreeEnd::TimedOut),
            _ if run.succeeds => (now + run.takes, TreeEnd::Succeeded),
            _ => (now + run.takes, TreeEnd::Failed),
        };
        let span = Span {
            leg: leg.name.clone(),
            candidate: leg.config.me.candidate,
            deployment: leg.config.deployment.id.clone(),
            token,
            command,
            from: now,
            to: natural.0,
            end: natural.1,
        };
        let mut target = self.world.target();
        target.start(span, natural, self.fed, kill_takes);
    }

    fn stop(&mut self, now: bool) {
        let within = if now {
            self.world.script.timing.kill
        } else {
            GRACE
        };
        let at = truth() + self.world.dice().millis(0, within.as_millis() as u64);
        let mut target = self.world.target();
        target.kill(&self.leg.name, at, TreeEnd::Stopped);
    }

    fn say(&mut self, text: &str) {
        self.world.say(|| format!("{}: {text}", self.leg.name));
    }

    async fn next(&mut self) -> Input {
        let ends = self.world.target().ends_at(&self.leg.name);
        match [self.signal, ends].into_iter().flatten().min() {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
        if self.signal.is_some_and(|at| at <= truth()) {
            self.signal = None;
            return Input::Signal {
                name: "SIGINT".to_owned(),
            };
        }
        let span = self.world.target().over(&self.leg.name).unwrap();
        self.world.say(|| {
            format!(
                "{}: {:?} under token {} is over: {:?}",
                span.leg, span.command, span.token, span.end
            )
        });
        self.ended(&span)
    }
}

/// The hands of a process that runs nothing: `verdict`, a person, a preflight that tells its result.
pub(crate) struct NoHands<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) name: &'a str,
}

impl Hands for NoHands<'_> {
    fn feed(&mut self, _deadline: Duration) {}

    fn start(&mut self, command: Command, _number: u32, _token: u64, _timeout: Duration) {
        self.world
            .problem(format!("{} starts {command:?}", self.name));
    }

    fn stop(&mut self, _now: bool) {}

    fn say(&mut self, text: &str) {
        self.world.say(|| format!("{}: {text}", self.name));
    }

    async fn next(&mut self) -> Input {
        std::future::pending().await
    }
}
