//! How a process' part in a deployment ends.

use ledger::{FailureReason, Outcome, Party, TakeoverReason};

use crate::store::StoreError;

/// How a candidate's part ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Conclusion {
    /// This candidate's command succeeded, or it took over the gates: this leg goes on to the next steps.
    Proceed {
        /// The token it holds.
        token: u64,
        /// The deployment is over (`succeeded`); otherwise the gates are still to be judged.
        finished: bool,
        /// This candidate ran no command: it took over after the command had succeeded elsewhere.
        gates_only: bool,
    },
    /// This candidate failed; another claimed the deployment, which goes on there.
    HandedOver {
        /// Why.
        reason: TakeoverReason,
        /// One phrase for people.
        detail: String,
        /// Who has it now.
        to: Party,
    },
    /// Another candidate took over while this one was cut off from the store, and its tree is dead.
    LostLease {
        /// Who has it now.
        to: Party,
    },
    /// The deployment came to its end.
    Over {
        /// How.
        outcome: Outcome,
        /// Why, where it did not succeed.
        reason: Option<FailureReason>,
        /// One sentence for people.
        detail: String,
        /// This candidate wrote the end.
        by_me: bool,
    },
    /// A part of a run was run again, and an earlier attempt had succeeded: nothing is deployed.
    AlreadyDeployed {
        /// The earlier attempt's id.
        deployment: String,
        /// GitHub said that it is a partial re-run; otherwise it is judged by the ledger alone.
        certain: bool,
    },
    /// A person must decide.
    Held {
        /// The id of the deployment that is held; another's holds this one back.
        deployment: String,
        /// One sentence for people.
        detail: String,
    },
    /// This candidate waited for the lock as long as it may.
    QueueTimeout {
        /// Who holds it, where somebody does.
        behind: Option<String>,
    },
    /// This process was told to stop.
    Signalled {
        /// `SIGINT` or `SIGTERM`.
        name: String,
        /// This candidate held the lease.
        held: bool,
        /// The deployment is over (`cancelled`); otherwise another candidate may take over.
        cancelled: bool,
    },
    /// The candidate's number is another's.
    NumberTaken {
        /// Who has it.
        by: Party,
    },
    /// The candidate's preflight failed: it may not deploy.
    Unfit,
    /// `on-failure` runs on another candidate: nobody deploys any more.
    RollingBack {
        /// Who runs it.
        on: Party,
    },
    /// The store gave no usable answer for too long.
    StoreLost(StoreError),
    /// What `verdict` came to.
    Judged(Verdict),
}

/// What `verdict` came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The deployment judged; an earlier attempt's where only `verdict` was run again.
    pub deployment: String,
    /// How it ended, or `held`.
    pub outcome: Outcome,
    /// Why, where it did not succeed.
    pub reason: Option<FailureReason>,
    /// One sentence for people.
    pub detail: String,
    /// `verdict` wrote the end itself, because nobody else would.
    pub closed_it: bool,
}
