//! Who plays: deployments, candidates and verdicts as their actions would set them up.

use std::time::Duration;

pub(crate) use lease::testing::cast::lock;
use lease::{
    Policy, Timing,
    protocol::{CandidateConfig, WatcherConfig},
    testing::cast,
};
use ledger::Party;

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// With short times: a script takes minutes, not hours.
pub(crate) fn candidate(timing: Timing, run: u64, number: u32, candidates: u32) -> CandidateConfig {
    let config = cast::candidate(timing, run, number, candidates);
    CandidateConfig {
        me: Party {
            runner: format!("runner-{run}-{number}"),
            boot_id: format!("host-{run}-{number}"),
            ..config.me
        },
        attempt_timeout: secs(60),
        retry_wait: secs(5),
        timeout: secs(150),
        queue_timeout: secs(300),
        policy: Policy {
            gates_deadline: secs(40),
            pickup_timeout: secs(60),
            ..config.policy
        },
        ..config
    }
}

pub(crate) fn watcher(timing: Timing, run: u64) -> WatcherConfig {
    WatcherConfig {
        pickup_timeout: secs(60),
        queue_timeout: secs(300),
        ..cast::watcher(timing, run)
    }
}
