//! Deployments and who takes part in them, set up as the actions set them up, with the defaults of their inputs.
//!
//! What a test is about, it changes; everything else is the same in all of them.

use std::time::Duration;

use ledger::{Deployment, Party, Role};

use crate::{
    LockName, OnPrimaryLost, Policy, Timing,
    protocol::{CandidateConfig, Rerun, Task, WatcherConfig},
};

/// The lock of everybody here.
pub fn lock() -> LockName {
    LockName::new("o/r/production").unwrap()
}

/// The first attempt of run `run`, all of one workflow and ref.
pub fn deployment(run: u64) -> Deployment {
    Deployment {
        id: format!("o/r/{run}/1"),
        run: format!("o/r/{run}"),
        environment: "production".to_owned(),
        workflow: "deploy.yml".to_owned(),
        git_ref: "refs/heads/main".to_owned(),
        run_number: run,
        run_attempt: 1,
        sha: "c0ffee".to_owned(),
        actor: "someone".to_owned(),
        version: format!("v{run}"),
        trigger: "push".to_owned(),
    }
}

/// Candidate `number` of `candidates` of run `run`; the first is the primary.
pub fn candidate(timing: Timing, run: u64, number: u32, candidates: u32) -> CandidateConfig {
    let role = match number {
        1 => Role::Primary,
        _ => Role::Secondary,
    };
    CandidateConfig {
        lock: lock(),
        deployment: deployment(run),
        me: Party {
            candidate: number,
            role,
            runner: format!("runner-{number}"),
            runner_group: "default".to_owned(),
            boot_id: format!("host-{number}"),
        },
        instance: format!("{run}-{number}"),
        candidates,
        attempts: 1,
        attempt_timeout: Duration::from_secs(600),
        retry_wait: Duration::from_secs(30),
        timeout: Duration::from_secs(2100),
        primary_grace: Duration::from_secs(20),
        queue_timeout: Duration::from_secs(1800),
        policy: Policy {
            on_primary_lost: OnPrimaryLost::Takeover,
            gates_deadline: Duration::from_secs(300),
            pickup_timeout: Duration::from_secs(300),
            timing,
        },
        await_gates: false,
        on_failure: false,
        allow_older: false,
        rerun: Rerun::First,
        task: Task::Deploy,
    }
}

/// `verdict` of run `run`, over a store with this timing.
pub fn watcher(timing: Timing, run: u64) -> WatcherConfig {
    WatcherConfig {
        lock: lock(),
        deployment: deployment(run),
        pickup_timeout: Duration::from_secs(300),
        queue_timeout: Duration::from_secs(1800),
        poll: timing.poll,
        resend_after: timing.resend_after,
        rerun: Rerun::First,
    }
}
