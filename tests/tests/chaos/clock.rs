//! When what of a plan is due. A busy machine takes its time to start a leg: except in early rounds, things break from the
//! moment on in which the first command writes to the target, so that there is something to break.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use baton_tests::patience;

use crate::{faults::Fault, plan::Plan, play::PATIENCE, stage::Stage};

/// How long a first command is waited for.
const FIRST: Duration = Duration::from_secs(30);

/// What is due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// This leg of this deployment enters.
    Enters(usize, usize),
    /// Something breaks.
    Breaks(Fault),
}

/// Everything that a plan wants, each when it is due.
pub(crate) struct Clock<'a> {
    stage: &'a Stage,
    begin: Instant,
    /// Where nothing breaks yet, nothing.
    breaking: Option<Instant>,
    enters: VecDeque<(Duration, What)>,
    breaks: VecDeque<(Duration, What)>,
}

impl Clock<'_> {
    pub(crate) fn new<'a>(plan: &Plan, stage: &'a Stage) -> Clock<'a> {
        let mut enters: Vec<(Duration, What)> = Vec::new();
        for (d, deployment) in plan.deployments.iter().enumerate() {
            for (l, leg) in deployment.legs.iter().enumerate() {
                enters.push((deployment.starts + leg.delay, What::Enters(d, l)));
            }
        }
        enters.sort_by_key(|(at, _)| *at);
        let breaks = plan.happenings.iter();
        let begin = Instant::now();
        Clock {
            stage,
            begin,
            breaking: plan.early.then_some(begin),
            enters: enters.into(),
            breaks: breaks.map(|h| (h.at, What::Breaks(h.fault))).collect(),
        }
    }

    fn due(&mut self) -> Option<What> {
        if self.breaking.is_none()
            && (self.stage.scene.target().path().exists() || self.begin.elapsed() >= FIRST)
        {
            self.breaking = Some(Instant::now());
        }
        let is_due = |queue: &VecDeque<(Duration, What)>, from: Instant| {
            queue.front().is_some_and(|(at, _)| from.elapsed() >= *at)
        };
        let queue = match self.breaking {
            _ if is_due(&self.enters, self.begin) => &mut self.enters,
            Some(from) if is_due(&self.breaks, from) => &mut self.breaks,
            _ => return None,
        };
        queue.pop_front().map(|(_, what)| what)
    }
}

impl Iterator for Clock<'_> {
    type Item = What;

    fn next(&mut self) -> Option<What> {
        if self.enters.is_empty() && self.breaks.is_empty() {
            return None;
        }
        Some(patience::until(
            PATIENCE * 10,
            "the next thing to happen",
            || self.due(),
        ))
    }
}
