//! The course of one gate, from the moment when it may be asked to its end: what an answer leads to, and the wait before
//! the next try.
//!
//! Not responsible for dependencies and turns: that is [`State`](super::state::State)'s.

use std::time::Duration;

use actions_kit::Status;
use probes::{Answer, Observation};

use super::{End, history::History};
use crate::Patience;

/// The shortest step of the backoff: a `backoff` of nothing must not keep a core busy.
const LEAST_STEP: Duration = Duration::from_millis(10);

/// With this left, there is always room for a further try.
const LEAST_REST: Duration = Duration::from_millis(500);

/// What follows an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another try, after this wait.
    Wait(Duration),
    /// Nothing.
    End(End),
}

/// One gate's tries so far.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) tries: u32,
    pub(super) last_try: Duration,
    pub(super) history: History,
    /// Successes in a row.
    passed: u32,
    /// Failures in a row. What is not known is no failure of the target, and no proof that it is over: it neither
    /// counts nor breaks the row.
    failed: u32,
    /// Tries in a row without success, failed or unknown: the steps of the backoff.
    missed: u32,
}

impl Course {
    /// Takes in what a try saw at `now`; whether that is something else than before.
    pub(super) fn saw(&mut self, observation: &Observation, now: Duration) -> bool {
        self.tries = self.tries.saturating_add(1);
        self.last_try = observation.took;
        match observation.answer {
            Answer::Pass => {
                self.passed = self.passed.saturating_add(1);
                (self.failed, self.missed) = (0, 0);
            }
            Answer::Fail => {
                self.failed = self.failed.saturating_add(1);
                self.missed = self.missed.saturating_add(1);
                self.passed = 0;
            }
            Answer::Unknown => {
                self.missed = self.missed.saturating_add(1);
                self.passed = 0;
            }
        }
        self.history
            .note(now, observation.answer, &observation.seen)
    }

    /// What follows the last answer, with `rest` left until the gate's end. `jitter` is a random number, of which the
    /// whole range of `u32` is used.
    pub(super) fn next(&self, patience: &Patience, rest: Duration, jitter: u32) -> Next {
        if self.passed >= patience.successes.max(1) {
            return Next::End(End::Passed);
        }
        if let Some(limit) = patience.failure_limit
            && self.failed >= limit.max(1)
        {
            let failures = self.failed;
            return Next::End(End::FailureLimit { failures });
        }
        if let Some(most) = patience.max_tries
            && self.tries >= most
        {
            return Next::End(End::TriesUsed { tries: self.tries });
        }
        let wait = self.wait(patience, jitter);
        if wait < rest {
            return Next::Wait(wait);
        }
        // The backoff would sleep through the gate's end. What turns healthy shortly before it must still be seen, so
        // the tries draw closer: each at half of what is left.
        if rest < self.least_rest(patience) {
            return Next::End(End::TimedOut {
                after: patience.timeout,
            });
        }
        Next::Wait(rest / 2)
    }

    /// With less than this left, no further try is worth its while: begun at half of it, it would be cut off by the gate's
    /// end and hide what the one before it saw. A twentieth of a short time, so that it is not ended long before it is over.
    fn least_rest(&self, patience: &Patience) -> Duration {
        let room = self.last_try.saturating_mul(2);
        room.max(patience.timeout / 20).min(LEAST_REST)
    }

    /// The wait before the next try: between half of the backoff's step and the whole of it, so that the gates of many
    /// runs do not meet, and never longer than the step. Between two successes in a row it is always the first step:
    /// a service that has recovered need not wait out the grown one.
    fn wait(&self, patience: &Patience, jitter: u32) -> Duration {
        let step = self.step(patience);
        if self.missed == 0 {
            return step;
        }
        let half = step / 2;
        half + half
            .mul_f64(f64::from(jitter) / f64::from(u32::MAX))
            .min(half)
    }

    /// The backoff's step: the first wait, doubled with each further try without success, up to the longest.
    fn step(&self, patience: &Patience) -> Duration {
        let doubled = 1_u32
            .checked_shl(self.missed.saturating_sub(1))
            .unwrap_or(u32::MAX);
        patience
            .first_wait
            .saturating_mul(doubled)
            .min(patience.longest_wait)
            .max(LEAST_STEP)
    }

    /// The status of a gate with this course that ended so.
    pub(super) fn status(&self, end: &End, required: bool) -> Status {
        let last = self.history.last().map(|turn| turn.answer);
        let status = match (end, last) {
            (End::Passed, _) => Status::Pass,
            (End::Blocked { .. } | End::Stopped, _) | (_, None | Some(Answer::Unknown)) => {
                Status::Unknown
            }
            (_, Some(Answer::Pass | Answer::Fail)) => Status::Fail,
        };
        match status {
            Status::Fail | Status::Unknown if !required => Status::Warn,
            status => status,
        }
    }

    /// What the last try saw, for people.
    pub(super) fn seen(&self, end: &End, wanted: u32) -> String {
        let Some(last) = self.history.last() else {
            return String::new();
        };
        if *end != End::Passed && self.passed > 0 {
            return format!("{}, {} of {wanted} in a row", last.seen, self.passed);
        }
        last.seen.clone()
    }
}

#[cfg(test)]
mod tests;
