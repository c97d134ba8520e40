//! Health gates with real processes and a real store: under the lease of the leg that deployed, and alone.
//!
//! Gates are commands that look for a file, so that a test says when a release turns healthy. What each kind of gate does
//! is proven in `crates/gates`, the rows of the protocol in `crates/lease`.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

mod alone;
mod release;
mod taking_over;

use std::time::Duration;

use baton_tests::{Ended, Process, Run, Scene};

/// How long anything may take that should happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// How long a takeover may take with the short timing, on a busy machine.
const TAKEOVER: Duration = Duration::from_secs(60);

/// Healthy once the test says so.
const UNTIL_HEALTHY: &str = "
- name: api
  command: test -e \"$GITHUB_WORKSPACE/../../healthy\"
  timeout: 2m
  backoff: 100ms
  max-backoff: 200ms
";

/// Healthy.
const HEALTHY: &str = "[{name: api, command: 'true'}, {name: db, command: 'true'}]";

/// The release turns healthy.
fn heal(scene: &Scene) {
    std::fs::write(scene.folder().join("healthy"), "").unwrap();
}

/// The deploying step of a leg that awaits its gates; nothing fails before them.
fn deployed(scene: &Scene, run: &Run) -> Ended {
    let ended = scene
        .candidate(run, 1, "write deploy 0.1")
        .input("await-gates", true)
        .input("version", "v7")
        .finish(SOON)
        .expect(0);
    assert_eq!(ended.output("proceed"), "true");
    ended
}

/// The second leg, waiting.
fn standby(scene: &Scene, run: &Run) -> Process {
    let standby = scene
        .candidate(run, 2, "write deploy 0.1")
        .input("await-gates", true)
        .input("version", "v7")
        .start();
    standby.says("is ready", SOON);
    standby
}
