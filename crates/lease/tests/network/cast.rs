//! Who plays: deployments, candidates and verdicts as their actions would set them up.

use std::time::Duration;

use lease::{
    LockName, OnPrimaryLost, Policy, Timing,
    protocol::{CandidateConfig, Rerun, Task, WatcherConfig},
};
use ledger::{Deployment, Party, Role};

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn lock() -> LockName {
    LockName::new("o/r/production").unwrap()
}

/// The first attempt of a run.
pub(crate) fn deployment(run: u64) -> Deployment {
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

pub(crate) fn candidate(timing: Timing, run: u64, number: u32, candidates: u32) -> CandidateConfig {
    let role = if number == 1 {
        Role::Primary
    } else {
        Role::Secondary
    };
    CandidateConfig {
        lock: lock(),
        deployment: deployment(run),
        me: Party {
            candidate: number,
            role,
            runner: format!("runner-{run}-{number}"),
            runner_group: "default".to_owned(),
            boot_id: format!("host-{run}-{number}"),
        },
        instance: format!("{run}-{number}"),
        candidates,
        attempts: 1,
        attempt_timeout: secs(60),
        retry_wait: secs(5),
        timeout: secs(150),
        primary_grace: secs(20),
        queue_timeout: secs(300),
        policy: Policy {
            on_primary_lost: OnPrimaryLost::Takeover,
            gates_deadline: secs(40),
            pickup_timeout: secs(60),
            timing,
        },
        await_gates: false,
        on_failure: false,
        allow_older: false,
        rerun: Rerun::First,
        task: Task::Deploy,
    }
}

pub(crate) fn watcher(timing: Timing, run: u64) -> WatcherConfig {
    WatcherConfig {
        lock: lock(),
        deployment: deployment(run),
        pickup_timeout: secs(60),
        queue_timeout: secs(300),
        poll: timing.poll,
        resend_after: timing.resend_after,
        rerun: Rerun::First,
    }
}
