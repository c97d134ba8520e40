//! How far a holder has come with its command. The record says it to others; this says it to the holder itself.

use std::time::Duration;

use ledger::{FailureReason, Gate, Party, TakeoverReason};

use super::{Ended, lane::Sent};
use crate::{Phase, Record};

/// Why a write was made: what its success means.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) enum Purpose {
    /// The announcement.
    Announce,
    /// The entry that says behind whom we wait.
    Queue(String),
    /// The entry that says that we were signalled.
    Signalled,
    /// The deployment's end, in the ledger alone.
    EndUnclaimed,
    /// A claim that runs the command.
    Claim,
    /// A claim of the gates alone.
    ClaimGates,
    /// The first renewal by the step that judges the gates, of a lease that an earlier step of its leg claimed.
    TakeUp,
    /// A takeover forbidden by policy became a hold.
    Hold,
    /// The end of another deployment, or of our own with nobody to carry it on.
    Close,
    /// A renewal of the holder's, whatever else it says.
    Renew(Then),
    /// The holder's own end.
    End(Ending),
}

/// What the holder does after a renewal that says more than "I live".
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) enum Then {
    /// Nothing new: a heartbeat.
    GoOn,
    /// Nothing new, but our own `signalled` entry went with it.
    SignalTold,
    /// The failed attempt is recorded; this one is next, after the retry wait.
    Wait(u32),
    /// The attempt is recorded as started: run it.
    Run(u32),
    /// `on_failure_started` is recorded: run it.
    RunOnFailure(Failing),
}

/// How the holder ends its own hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ending {
    Succeeded,
    Deployed,
    Failed,
    FailedOver,
    Stopping,
    Cancelled,
    Held,
}

/// Why the holder's part has failed.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Failing {
    pub(super) reason: FailureReason,
    pub(super) detail: String,
}

/// What the holder's command is doing.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) enum Stage {
    /// The attempt is recorded; it starts as soon as the lease is fresh.
    Start(u32),
    /// The command runs.
    Running {
        number: u32,
        since: Duration,
        stop: Option<Stop>,
    },
    /// The command is over and its tree dead; not recorded yet.
    Ended {
        number: u32,
        ended: Ended,
        stop: Option<Stop>,
    },
    /// The lease is ours; the gates are judged as soon as it is fresh.
    StartGates,
    /// The gates are judged.
    Judging,
    /// The judging is over; not recorded yet.
    Judged {
        gates: Vec<Gate>,
        /// Which failed and what was seen, where one did.
        failed: Option<String>,
    },
    /// Waits before attempt `number`.
    RetryWait { number: u32, until: Duration },
    /// `on-failure` is recorded; it starts as soon as the lease is fresh.
    StartOnFailure(Failing),
    /// `on-failure` runs.
    OnFailure { failing: Failing, since: Duration },
    /// `on-failure` is over and its tree dead; not recorded yet.
    OnFailureEnded { failing: Failing, ended: Ended },
    /// `failed_over` is written; another may claim until then.
    FailedOver {
        reason: TakeoverReason,
        detail: String,
        until: Duration,
    },
    /// `stopping` is written; the others may turn out to be signalled too.
    Stopped,
    /// D has passed and the tree is dead: what came of it is to be told when the store is back.
    Fenced { ended: Option<(u32, Ended)> },
}

/// Why the holder stopped its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stop {
    /// A signal to this process.
    Signal,
    /// A person's transfer.
    Transfer,
    /// D has passed.
    Fence,
    /// `timeout` has passed.
    Total,
}

/// The lease in our hands.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Hold {
    /// Our record, as it is known to stand in the store.
    pub(super) record: Record,
    /// When the claim was first sent.
    pub(super) claimed_at: Duration,
    /// First send of the last acknowledged write of the record: D runs from here.
    pub(super) renewed_at: Duration,
    /// Last first send of any write of the record: the next heartbeat is due from here.
    pub(super) sent_at: Duration,
    /// What the command, or the judging of the gates, is doing.
    pub(super) stage: Stage,
    /// D has passed, and SIGKILL has been asked for.
    pub(super) fenced: bool,
    /// Since when the tree resists being killed, and what is left of it.
    pub(super) stuck: Option<(Duration, String)>,
    /// The lease is not ours any more.
    pub(super) lost: Option<Lost>,
}

/// How the holder lost the lease.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) enum Lost {
    /// It is another's, or the deployment is over: who the record names now.
    To(Party),
    /// Somebody removed it.
    Removed,
}

impl Hold {
    pub(super) fn from_claim(sent: &Sent<Purpose>, record: Record, stage: Stage) -> Self {
        Hold {
            record,
            claimed_at: sent.first_sent,
            renewed_at: sent.first_sent,
            sent_at: sent.first_sent,
            stage,
            fenced: false,
            stuck: None,
            lost: None,
        }
    }

    /// D of the last acknowledged write.
    pub(super) fn deadline(&self) -> Duration {
        self.renewed_at + self.record.policy.timing.deadline
    }

    /// Whether `record` is ours, made `transferring` by a person.
    pub(super) fn is_transferred_by(&self, record: &Record) -> bool {
        let transferred =
            record.phase == Phase::Transferring && self.record.phase == Phase::Deploying;
        transferred && record.token == self.record.token
    }

    /// When a lease that no read shows counts as removed: a whole lease time past D.
    pub(super) fn removed_at(&self) -> Duration {
        self.deadline() + self.record.policy.timing.lease
    }

    /// Whether something runs as soon as the lease is fresh.
    pub(super) fn is_to_start(&self) -> bool {
        match self.stage {
            Stage::Start(_) => !self.record.command_done,
            Stage::StartGates | Stage::StartOnFailure(_) => true,
            _ => false,
        }
    }

    /// Whether a process tree of ours may be alive.
    pub(super) fn tree_lives(&self) -> bool {
        matches!(
            self.stage,
            Stage::Running { .. } | Stage::OnFailure { .. } | Stage::Judging
        )
    }

    /// Whether it must read what others write. A holder that renews learns everything from its swaps' answers.
    pub(super) fn watches(&self) -> bool {
        matches!(
            self.stage,
            Stage::FailedOver { .. } | Stage::Stopped | Stage::Fenced { .. }
        )
    }

    /// How long the command has been running.
    pub(super) fn running_for(&self, now: Duration) -> Duration {
        match &self.stage {
            Stage::Running { since, .. } => now.saturating_sub(*since),
            _ => self.record.attempt.running_for,
        }
    }
}
