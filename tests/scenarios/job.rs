//! A job as a runner carries it out: one step after the other, each a process; what a cancel and a lost machine do to it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use baton_tests::{Ended, Process, Step, process};
use nix::sys::signal::Signal;

/// GitHub's cancel: SIGINT at once, SIGTERM after this, to the step's own process.
const TERM_AFTER: Duration = Duration::from_millis(7500);

/// SIGKILL after this.
const KILL_AFTER: Duration = Duration::from_secs(10);

/// When a step is run, as its `if:` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Nothing is said: nothing before it failed, and nobody cancelled.
    Well,
    /// `steps.deploy.outputs.proceed == 'true'`
    Proceeds,
    /// `always()`
    Always,
}

/// The actions that a job uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Preflight,
    Deploy,
    Gates,
    Verdict,
    Metrics,
}

/// Dropping it ends what runs.
pub(crate) struct Job {
    runner: String,
    planned: VecDeque<(What, When, Step)>,
    running: Option<(What, Process)>,
    ended: Vec<(What, Ended)>,
    /// Since when, and what is sent next.
    cancelled: Option<Instant>,
    signals: VecDeque<(Duration, Signal)>,
    lost: bool,
}

impl Job {
    pub(crate) fn new(runner: &str, steps: Vec<(What, When, Step)>) -> Job {
        Job {
            runner: runner.to_owned(),
            planned: steps.into(),
            running: None,
            ended: Vec::new(),
            cancelled: None,
            signals: VecDeque::new(),
            lost: false,
        }
    }

    pub(crate) fn runner(&self) -> &str {
        &self.runner
    }

    /// Does what is due: starts the next step where the last one has ended, and sends the signals of a cancel.
    pub(crate) fn go_on(&mut self) {
        if let Some((what, mut step)) = self.running.take() {
            if step.runs() {
                self.signal(&step);
                self.running = Some((what, step));
                return;
            }
            // It has ended, so nothing is waited for.
            self.ended.push((what, step.wait(Duration::ZERO)));
            self.signals.clear();
        }
        if self.lost {
            return;
        }
        while let Some((what, when, step)) = self.planned.pop_front() {
            let well = self.cancelled.is_none() && self.codes().iter().all(|c| *c == Some(0));
            let runs = match when {
                When::Well => well,
                When::Proceeds => well && self.proceeds(),
                When::Always => true,
            };
            if runs {
                self.running = Some((what, step.start()));
                return;
            }
        }
    }

    fn signal(&mut self, step: &Process) {
        let Some(since) = self.cancelled else {
            return;
        };
        while let Some((after, signal)) = self.signals.front().copied()
            && since.elapsed() >= after
        {
            self.signals.pop_front();
            if signal == Signal::SIGKILL {
                step.lose();
            } else {
                step.signal(signal);
            }
        }
    }

    /// What a person does who cancels the run. Steps behind it that are always run still are, and are left alone.
    pub(crate) fn cancel(&mut self) {
        self.cancelled = Some(Instant::now());
        self.signals = VecDeque::from([
            (Duration::ZERO, Signal::SIGINT),
            (TERM_AFTER, Signal::SIGTERM),
            (KILL_AFTER, Signal::SIGKILL),
        ]);
        self.go_on();
    }

    /// What a stopped machine looks like: everything gets SIGKILL in one go, and no step follows. Every process that ran.
    pub(crate) fn lose(&mut self) -> Vec<u32> {
        self.lost = true;
        let Some((_, step)) = &self.running else {
            return Vec::new();
        };
        let mut all = process::descendants(step.pid());
        all.push(step.pid());
        step.lose();
        all
    }

    /// Whether nothing runs and nothing will.
    pub(crate) fn is_over(&self) -> bool {
        self.running.is_none() && (self.lost || self.planned.is_empty())
    }

    /// The exit codes so far; nothing where a signal ended the step.
    pub(crate) fn codes(&self) -> Vec<Option<i32>> {
        self.ended.iter().map(|(_, ended)| ended.code).collect()
    }

    /// How this step ended, where it has.
    pub(crate) fn step(&self, what: What) -> Option<&Ended> {
        let mut ended = self.ended.iter().filter(|(known, _)| *known == what);
        ended.next().map(|(_, ended)| ended)
    }

    /// An output of a step that has ended; nothing where it set none.
    pub(crate) fn output(&self, what: What, name: &str) -> String {
        let set = |ended: &&Ended| {
            let file = ended.output_file();
            file.lines().any(|l| l.starts_with(&format!("{name}<<")))
        };
        let ended = self.step(what).filter(set);
        ended.map_or_else(String::new, |ended| ended.output(name))
    }

    fn proceeds(&self) -> bool {
        self.output(What::Deploy, "proceed") == "true"
    }

    /// Whether its running step has said this.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.running
            .as_ref()
            .is_some_and(|(_, step)| step.log().contains(text))
    }

    /// What it said last, for a person who looks why it failed.
    pub(crate) fn last_words(&self) -> String {
        let log = match (&self.running, self.ended.last()) {
            (Some((_, step)), _) => step.log(),
            (None, Some((_, ended))) => ended.log(),
            (None, None) => String::new(),
        };
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}
