//! What the tip knows of one deployment: enough for every decision of the protocol, without reading the chain.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Deployment, FailureReason, Outcome, Party, TakeoverReason, Timestamp};

/// The state of one candidate of an unfinished deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateState {
    /// Who it is.
    #[serde(flatten)]
    pub party: Party,
    /// The process that announced it.
    pub instance: String,
    /// The place of its announcement in the chain.
    pub announced_seq: u64,
    /// When it announced itself.
    pub announced_at: Timestamp,
    /// It was told to stop.
    #[serde(default, skip_serializing_if = "not")]
    pub signalled: bool,
    /// Its preflight failed.
    #[serde(default, skip_serializing_if = "not")]
    pub unfit: bool,
    /// It waits behind this deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_behind: Option<String>,
}

/// What a reviewer said, as far as it tells one review from another. When it was said is left out: GitHub keeps no time
/// with a review.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Review {
    /// The environment that asks for reviews.
    pub environment: String,
    /// The reviewer.
    pub user: String,
    /// GitHub's own word: `approved`, `rejected`, `pending`.
    pub state: String,
}

/// The state of one deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentState {
    /// What is deployed: as it was first heard of, and from the first claim on as the claimant describes it.
    pub deployment: Deployment,
    /// The place of its first entry in the chain.
    pub first_seq: u64,
    /// The place of its newest entry in the chain: whoever waits for signs of life watches this.
    pub last_seq: u64,
    /// How many candidates it has, as announced; 0 where nobody announced.
    #[serde(default)]
    pub candidates: u32,
    /// The announced candidates by number; emptied when it is finished.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub announced: BTreeMap<u32, CandidateState>,
    /// The reviews that its candidates told of; emptied when it is finished.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reviews: BTreeSet<Review>,
    /// Somebody claimed it.
    #[serde(default, skip_serializing_if = "not")]
    pub claimed: bool,
    /// Who held it last; without its host's boot id once the deployment is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Party>,
    /// When it was first claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Its deploy command was about to run, at least once.
    #[serde(default, skip_serializing_if = "not")]
    pub command_ran: bool,
    /// The place of the entry that its deploy command was about to run for the last time; 0 where it never was.
    #[serde(default)]
    pub ran_seq: u64,
    /// Its `on-failure` command was about to run: nobody deploys after this.
    #[serde(default, skip_serializing_if = "not")]
    pub on_failure_started: bool,
    /// Whether its `on-failure` command ended well; nothing where it has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure_succeeded: Option<bool>,
    /// Its command ended well on some candidate.
    #[serde(default, skip_serializing_if = "not")]
    pub command_done: bool,
    /// Its health gates were judged to their end.
    #[serde(default, skip_serializing_if = "not")]
    pub gates_judged: bool,
    /// Why the last takeover happened, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failover: Option<TakeoverReason>,
    /// How many takeovers there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failovers: u32,
    /// The last thing heard of it is that a candidate was told to stop.
    #[serde(default, skip_serializing_if = "not")]
    pub signalled_last: bool,
    /// How it ended, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why, where it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<FailureReason>,
    /// One sentence on its end, or on why it is held; at most [`DETAIL_KEPT`](crate::DETAIL_KEPT) characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

/// Of a flag that is not set, nothing is written: a tip holds hundreds of them.
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands in a reference"
)]
pub(crate) fn not(flag: &bool) -> bool {
    !flag
}

/// The same for a deployment without a takeover.
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands in a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl DeploymentState {
    /// Whether it has come to its end.
    pub fn finished(&self) -> bool {
        self.outcome.is_some()
    }

    /// Whether it waits behind another deployment.
    pub fn waits(&self) -> bool {
        !self.finished()
            && !self.claimed
            && self.announced.values().any(|c| c.queued_behind.is_some())
    }

    /// Whether the candidate's preflight failed.
    pub fn unfit(&self, candidate: u32) -> bool {
        self.announced.get(&candidate).is_some_and(|c| c.unfit)
    }

    /// Whether the candidate was told to stop.
    pub fn signalled(&self, candidate: u32) -> bool {
        self.announced.get(&candidate).is_some_and(|c| c.signalled)
    }

    /// Whether every announced candidate but `except` was told to stop.
    pub fn all_others_signalled(&self, except: u32) -> bool {
        self.announced
            .values()
            .all(|c| c.party.candidate == except || c.signalled)
    }

    /// Whether a candidate has not announced itself yet.
    pub fn awaits_announcement(&self) -> bool {
        (self.announced.len() as u32) < self.candidates
    }

    /// The number of the candidate that announced itself last.
    pub fn last_announced(&self) -> Option<u32> {
        self.announced
            .values()
            .max_by_key(|c| c.announced_seq)
            .map(|c| c.party.candidate)
    }
}
