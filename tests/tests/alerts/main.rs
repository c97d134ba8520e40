//! Who wakes a person, with what, and that trouble with it changes nothing: `verdict` as a real process beside real legs,
//! with a real Alertmanager, a webhook, and what stands in for GitHub.
//!
//! Timing is three tenths of the default, as in `survive`. What each way of telling does with each answer is proven in
//! `crates/notify`, who speaks under every fault in `crates/lease`.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

mod content;
mod github;
mod once;
mod over;
mod people;
mod queue;
mod quiet;
mod stopping;
mod trouble;

use std::time::Duration;

use baton_tests::{Ended, Run, Scene, Step};
use ledger::Event;

use crate::{github::GitHub, people::Room};

/// How long anything may take that should happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// How long a takeover, or the patience of a closer, may take with the short timing, on a busy machine.
const TAKEOVER: Duration = Duration::from_secs(60);

/// The token of every job.
const TOKEN: &str = "ghs_canary4b77e1d0c9";

/// Where people are told.
struct Ways {
    webhook: Room,
    github: GitHub,
}

impl Ways {
    fn open() -> Ways {
        Ways {
            webhook: Room::open(),
            github: GitHub::open(),
        }
    }

    /// `step` tells people by them.
    fn of(&self, step: Step) -> Step {
        self.github
            .of(step)
            .input("webhook-url", self.webhook.url())
            .input("runbook-url", "https://wiki.example/runbook")
    }

    /// That people were told this often: by the webhook, by new issues, by comments.
    #[track_caller]
    fn assert_told(&self, webhook: usize, issues: usize, comments: usize) {
        assert_eq!(
            (
                self.webhook.heard().len(),
                self.github.issues().len(),
                self.github.comments().len(),
            ),
            (webhook, issues, comments),
            "calls of the webhook, issues, comments"
        );
    }
}

/// The one leg of a run, whose command fails, and has ended.
fn fails(scene: &Scene, run: &Run) -> Ended {
    scene
        .candidate(run, 1, "echo about to fail; write deploy 0.1; exit 7")
        .input("candidates", 1)
        .input("version", format!("v{}", run.number))
        .finish(SOON)
        .expect(1)
}

/// The one leg of a run, which succeeds, and has ended.
fn succeeds(scene: &Scene, run: &Run) -> Ended {
    scene
        .candidate(run, 1, "write deploy 0.1")
        .input("candidates", 1)
        .input("version", format!("v{}", run.number))
        .finish(SOON)
        .expect(0)
}

/// How often the ledger tells of each: an alert claimed, sent, resolved.
fn in_the_ledger(scene: &Scene) -> [usize; 3] {
    let mut seen = [0; 3];
    for entry in scene.audit().entries() {
        match entry.event {
            Event::Alert { .. } => seen[0] += 1,
            Event::AlertSent { .. } => seen[1] += 1,
            Event::AlertResolved { .. } => seen[2] += 1,
            _ => {}
        }
    }
    seen
}

#[track_caller]
fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} in:\n{text}");
    }
}
