//! The lease's record: one JSON document per lock (design §4).

use std::{
    fmt,
    hash::{Hash, Hasher},
    time::Duration,
};

use ledger::{Deployment, Outcome, Party, TakeoverReason, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{LockName, Timing};

/// The version of the record's shape. A record with a larger one is never overwritten.
pub const SCHEMA: u32 = 1;

/// Who may deploy, and how far the deployment has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this shape.
    pub schema: u32,
    /// The lock.
    pub lock: LockName,
    /// The fencing token: grows with every claim, never restarts.
    pub token: u64,
    /// Fresh for every new write; the same for every send of one write.
    pub nonce: String,
    /// What is deployed.
    pub deployment: Deployment,
    /// How far it has come.
    pub phase: Phase,
    /// The candidate that holds the lease, or held it last.
    pub holder: Party,
    /// The candidates of this deployment that may not claim any more.
    #[serde(default)]
    pub failed_candidates: Vec<FailedCandidate>,
    /// The attempt under way, or the last one.
    pub attempt: Attempt,
    /// How long the record may stay unchanged before a standby takes over.
    #[serde(with = "ledger::seconds", rename = "silence_allowed_seconds")]
    pub silence_allowed: Duration,
    /// The deploy command has succeeded: whoever takes over judges the gates and runs nothing again.
    pub command_done: bool,
    /// What others obey instead of their own inputs.
    pub policy: Policy,
    /// For people only, never for decisions.
    pub written_at: Timestamp,
}

/// A nonce is fresh for every write, so that it stands for all that the record says.
impl Hash for Record {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nonce.hash(state);
    }
}

/// How far a deployment has come (design §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The holder runs the deploy command, or `on-failure`.
    Deploying,
    /// A person asked for another candidate; the holder kills its tree.
    Transferring,
    /// The holder was told to stop, and its tree is dead.
    Stopping,
    /// The holder failed; another candidate may claim at once.
    FailedOver,
    /// The command succeeded; the gates are to be judged.
    Deployed,
    /// A person must decide.
    Held,
    /// Over: deployed and healthy.
    Succeeded,
    /// Over: not deployed, or not healthy.
    Failed,
    /// Over: stopped by a person.
    Cancelled,
}

impl Phase {
    /// Whether nothing more happens to the deployment: the lock is free.
    pub fn is_terminal(self) -> bool {
        self.outcome().is_some()
    }

    /// How the deployment ended, where this phase is an end.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Phase::Succeeded => Some(Outcome::Succeeded),
            Phase::Failed => Some(Outcome::Failed),
            Phase::Cancelled => Some(Outcome::Cancelled),
            Phase::Deploying
            | Phase::Transferring
            | Phase::Stopping
            | Phase::FailedOver
            | Phase::Deployed
            | Phase::Held => None,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A candidate that may not claim any more, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCandidate {
    /// Its number.
    pub candidate: u32,
    /// Why.
    pub reason: TakeoverReason,
    /// One phrase for people: `exit code 3`.
    #[serde(default)]
    pub detail: String,
}

/// The attempt under way, as far as others must know it to record it when its holder dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts from 1 for every holder; 0 before the first.
    pub number: u32,
    /// Whether it is under way.
    #[serde(default)]
    pub running: bool,
    /// How long it had run when the record was written.
    #[serde(with = "ledger::seconds", rename = "running_for_seconds")]
    pub running_for: Duration,
}

/// What happens when the holder is lost (input `on-primary-lost`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPrimaryLost {
    /// A standby takes over and runs the command again.
    #[default]
    Takeover,
    /// Nothing is run again silently: a person decides.
    Hold,
}

/// The holder's inputs that bind everybody else while its record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Policy {
    /// What happens when the holder is lost.
    pub on_primary_lost: OnPrimaryLost,
    /// From `deployed` to the gates step.
    #[serde(with = "ledger::seconds", rename = "gates_deadline_seconds")]
    pub gates_deadline: Duration,
    /// How long candidates may take to announce themselves.
    #[serde(with = "ledger::seconds", rename = "pickup_timeout_seconds")]
    pub pickup_timeout: Duration,
    /// The holder's timing.
    pub timing: Timing,
}
