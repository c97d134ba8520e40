//! What an actor of the protocol is told once, when it starts.

use std::time::Duration;

use ledger::{Deployment, Party};

use crate::{LockName, OnPrimaryLost, Policy, Timing};

/// What a candidate knows of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CandidateConfig {
    /// The lock.
    pub lock: LockName,
    /// The deployment it can carry out.
    pub deployment: Deployment,
    /// Who it is.
    pub me: Party,
    /// Fresh for every process.
    pub instance: String,
    /// How many candidates the deployment has.
    pub candidates: u32,
    /// How often the command may run.
    pub attempts: u32,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How long to wait between two attempts.
    pub retry_wait: Duration,
    /// How long all attempts together may take, from this candidate's claim.
    pub timeout: Duration,
    /// How long a secondary waits for the primary.
    pub primary_grace: Duration,
    /// How long to wait for the lock.
    pub queue_timeout: Duration,
    /// What others obey while this candidate holds.
    pub policy: Policy,
    /// The deployment ends with the gates, not with the command.
    pub await_gates: bool,
    /// There is an `on-failure` command.
    pub on_failure: bool,
    /// Deploy even when a later run has deployed already.
    pub allow_older: bool,
    /// What is known of the run's earlier attempts.
    pub rerun: Rerun,
    /// What it is here for.
    pub task: Task,
}

/// What a candidate is here for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Task {
    /// To claim the lease and run the command.
    #[default]
    Deploy,
    /// To judge the gates, under the lease that an earlier step of the same leg claimed with this token.
    Gates {
        /// The token.
        token: u64,
    },
}

/// What the step knows that judges the gates; everything else stands in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatesConfig {
    /// The lock.
    pub lock: LockName,
    /// The deployment's id.
    pub deployment: String,
    /// This leg, as far as it knows itself.
    pub me: Party,
    /// The token that the earlier step of this leg claimed.
    pub token: u64,
    /// How long `on-failure` may take, where there is such a command.
    pub on_failure: Option<Duration>,
    /// How long a store that does not answer is waited for.
    pub patience: Duration,
}

impl From<GatesConfig> for CandidateConfig {
    fn from(gates: GatesConfig) -> CandidateConfig {
        CandidateConfig {
            lock: gates.lock,
            deployment: Deployment {
                id: gates.deployment,
                ..Deployment::default()
            },
            me: gates.me,
            instance: String::new(),
            candidates: 0,
            attempts: 0,
            attempt_timeout: gates.on_failure.unwrap_or_default(),
            retry_wait: Duration::ZERO,
            // Each gate has a timeout of its own.
            timeout: NO_END,
            primary_grace: Duration::ZERO,
            queue_timeout: gates.patience,
            // The record's own, as soon as it was read.
            policy: Policy {
                on_primary_lost: OnPrimaryLost::Takeover,
                gates_deadline: Duration::ZERO,
                pickup_timeout: Duration::ZERO,
                timing: Timing::GIT,
            },
            await_gates: false,
            on_failure: gates.on_failure.is_some(),
            allow_older: true,
            rerun: Rerun::First,
            task: Task::Gates { token: gates.token },
        }
    }
}

/// Longer than anything lasts, and short enough to be added to a clock.
const NO_END: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

impl CandidateConfig {
    /// Whether a later run of the same workflow and ref supersedes this one (design §4): never a re-run, a
    /// `workflow_dispatch` or `allow-older`, because rolling back by re-running an old run must work.
    pub(crate) fn can_be_superseded(&self) -> bool {
        !self.allow_older
            && self.deployment.run_attempt <= 1
            && self.deployment.trigger != "workflow_dispatch"
    }
}

/// What kind of run this is, as GitHub tells (design §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rerun {
    /// The first attempt.
    #[default]
    First,
    /// Every job runs again.
    Full,
    /// A part of the jobs runs again; the others keep the result of an earlier attempt.
    Partial,
    /// Only the job that asks runs again.
    Alone,
    /// An attempt past the first, of which GitHub did not tell more.
    Unknown,
}

/// What `verdict` knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WatcherConfig {
    /// The lock.
    pub lock: LockName,
    /// The deployment it judges.
    pub deployment: Deployment,
    /// How long candidates may take to announce themselves.
    pub pickup_timeout: Duration,
    /// How long to wait for a claim after the last announcement.
    pub queue_timeout: Duration,
    /// From the send of one read to the send of the next.
    pub poll: Duration,
    /// An unanswered write is sent again this long after its last send.
    pub resend_after: Duration,
    /// What is known of the run's earlier attempts.
    pub rerun: Rerun,
}
