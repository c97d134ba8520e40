//! One entry of the ledger, and the events it can tell of (design §7).

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Deployment, Party};

/// A moment of wall-clock time in milliseconds since 1970-01-01 UTC. For people and for metrics, never for a decision
/// (design §4 rule 3).
/// In JSON it is RFC 3339 text with milliseconds: `2026-11-21T08:35:00.123Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_rfc3339_millis(self.system_time()))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = humantime::parse_rfc3339(&text).map_err(serde::de::Error::custom)?;
        let since = time
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Timestamp(since.as_millis() as u64))
    }
}

impl Timestamp {
    /// The same moment for the standard library. A clock that is past the year 9999 is taken to stand at its end: later
    /// moments cannot be written down.
    pub fn system_time(self) -> std::time::SystemTime {
        const END_OF_9999: u64 = 253_402_300_799_999;
        std::time::UNIX_EPOCH + Duration::from_millis(self.0.min(END_OF_9999))
    }

    /// The time from `earlier` to this moment; zero where a clock ran backwards.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The UTC day, as `2026-11-21`.
    pub fn day(self) -> String {
        let mut text = self.to_string();
        text.truncate(10);
        text
    }
}

impl fmt::Display for Timestamp {
    /// `2026-11-21T08:35:00Z`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}",
            humantime::format_rfc3339_seconds(self.system_time())
        )
    }
}

/// One entry of the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The entry's place in the chain, from 1: its audit id.
    pub seq: u64,
    /// The nonce of the swap that wrote it; entries of one swap share it (design §4 rule 2).
    pub nonce: String,
    /// When it was written, by the writer's wall clock.
    pub at: Timestamp,
    /// The deployment it is about.
    pub deployment: Deployment,
    /// Who wrote it: a candidate, or nobody where `verdict` or a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Party>,
    /// The fencing token in force when it was written; 0 where nobody had claimed.
    #[serde(default)]
    pub token: u64,
    /// What happened.
    #[serde(flatten, deserialize_with = "event_or_unknown")]
    pub event: Event,
}

/// Reads an event, or [`Event::Unknown`] where a newer version gave an event of ours a value that we do not know: one
/// entry that cannot be read in full must not hide the chain.
fn event_or_unknown<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
    let fields = serde_json::Map::deserialize(deserializer)?;
    if !fields
        .get("event")
        .is_some_and(serde_json::Value::is_string)
    {
        return Err(serde::de::Error::missing_field("event"));
    }
    Ok(Event::deserialize(serde_json::Value::Object(fields)).unwrap_or(Event::Unknown))
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A candidate has started and can take part.
    Announced {
        /// How many candidates this deployment has.
        candidates: u32,
        /// Fresh for every process, so that two legs with one number are told apart.
        instance: String,
    },
    /// The deployment was claimed for the first time.
    DeploymentStarted,
    /// A candidate waits behind another deployment.
    Queued {
        /// The id of the deployment that holds the lock.
        behind: String,
        /// The runner of its holder.
        holder: String,
    },
    /// A candidate's preflight is finished.
    Preflight {
        /// What came out.
        result: PreflightResult,
        /// The ids of the checks that failed; one that is overridden is not among them.
        #[serde(default)]
        failed: Vec<String>,
    },
    /// A candidate goes on although checks of its preflight failed, because a person said so (design §8, `ignore`).
    Override {
        /// The ids of the checks that failed and are ignored.
        checks: Vec<String>,
        /// Why, in the words of who decided it.
        reason: String,
        /// The last day on which they may be ignored: `2026-12-01`. Nothing where no end was set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<String>,
        /// Who started the run that ignores them.
        actor: String,
    },
    /// What a reviewer said to this deployment, as GitHub recorded it
    /// (<https://docs.github.com/en/rest/actions/workflow-runs#get-the-review-history-for-a-workflow-run>).
    Approval {
        /// The environment that asks for reviews.
        environment: String,
        /// The reviewer.
        user: String,
        /// GitHub's own word: `approved`, `rejected`, `pending`.
        state: String,
        /// What the reviewer wrote.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comment: String,
        /// When it was said, where that is known. An entry has an `at` of its own: when it was written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reviewed_at: Option<Timestamp>,
        /// How long the run had waited for it, where that is known.
        #[serde(
            with = "crate::seconds::optional",
            rename = "waited_seconds",
            default,
            skip_serializing_if = "Option::is_none"
        )]
        waited: Option<Duration>,
    },
    /// The deploy command is about to run.
    AttemptStarted {
        /// Counts from 1 for every holder.
        number: u32,
    },
    /// The deploy command has ended, or is given up for lost.
    AttemptFinished {
        /// Whose attempt it was; the writer is another where the holder died.
        party: Party,
        /// Counts from 1 for every holder.
        number: u32,
        /// How it ended.
        outcome: AttemptOutcome,
        /// One phrase for people: `exit code 3`, `SIGKILL`.
        #[serde(default)]
        detail: String,
        /// How long it ran, as far as known.
        #[serde(with = "crate::seconds", rename = "ran_seconds")]
        ran: Duration,
        /// The last lines of its output, where it did not succeed: few, short, and without a known secret. Whoever tells a
        /// person of the failure is on another host.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        last_lines: Vec<String>,
    },
    /// The right to deploy went from one candidate to another.
    Failover {
        /// Who had it; nobody where the primary never claimed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Party>,
        /// Who has it now.
        to: Party,
        /// Why.
        reason: TakeoverReason,
    },
    /// A person asked for the deployment to move to another candidate.
    TransferRequested {
        /// Who asked.
        actor: String,
        /// Why.
        reason: String,
    },
    /// A candidate was told to stop.
    Signalled {
        /// `SIGINT` or `SIGTERM`.
        signal: String,
    },
    /// The `on-failure` command is about to run: nobody deploys after this.
    OnFailureStarted,
    /// The `on-failure` command has ended.
    OnFailureFinished {
        /// Whether it ended with exit code 0.
        succeeded: bool,
        /// One phrase for people.
        detail: String,
    },
    /// The health gates of a deployment were judged to their end.
    Gates {
        /// Each of them.
        gates: Vec<Gate>,
    },
    /// Nobody goes on until a person decides (`unlock`).
    Held {
        /// Why the holder is not simply followed by another.
        reason: TakeoverReason,
        /// One sentence for people.
        #[serde(default)]
        detail: String,
    },
    /// The deployment has come to its one end.
    DeploymentFinished {
        /// How.
        outcome: Outcome,
        /// Why, where it did not succeed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<FailureReason>,
        /// One sentence for people.
        #[serde(default)]
        detail: String,
    },
    /// Somebody is about to tell people of what happened. Whoever writes it tells them; everybody else who has the same
    /// to tell leaves it at that (design §8).
    Alert {
        /// What is told: the same for everybody who has it to tell.
        key: String,
        /// What kind of news it is.
        kind: AlertKind,
        /// Fresh for every process: who wrote it.
        instance: String,
        /// 1, and one more each time that somebody tells what another was about to tell and did not.
        claim: u32,
    },
    /// People were told.
    AlertSent {
        /// Of what.
        key: String,
        /// By which ways, those that failed among them.
        channels: Vec<Channel>,
    },
    /// People were told that what they were alerted to is over.
    AlertResolved {
        /// The alert's key.
        key: String,
        /// By which ways, those that failed among them.
        channels: Vec<Channel>,
    },
    /// The chain up to here stands at a place that keeps it for longer or for more people.
    AuditShipped {
        /// Which place: a fingerprint of its address, never the address.
        sink: String,
        /// The `seq` of the last entry that stands there.
        to: u64,
    },
    /// Written by a newer version; it stays in the chain as it is, without effect on what this version counts.
    #[serde(other)]
    Unknown,
}

impl Event {
    /// Whether it tells of the ledger's own affairs and not of a deployment's: it may follow a deployment's end, and is
    /// no sign of life of any candidate.
    pub fn is_bookkeeping(&self) -> bool {
        matches!(
            self,
            Event::Alert { .. }
                | Event::AlertSent { .. }
                | Event::AlertResolved { .. }
                | Event::AuditShipped { .. }
        )
    }
}

/// What kind of news an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A deployment did not end well, or is held until a person decides.
    DeploymentFailed,
    /// Too many deployments wait behind another.
    QueueDeep,
}

/// One way by which people were to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// `alertmanager`, `webhook`, `issue`.
    pub channel: String,
    /// Whether it took the news.
    pub told: bool,
    /// Where it can be seen, or why it failed; in one line, without a secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What one health gate came to.
#[derive(Clone, Debug, PartialEq, Hash, Serialize, Deserialize)]
pub struct Gate {
    /// Its name: the label `service` of metrics.
    pub service: String,
    /// How it ended.
    pub status: GateStatus,
    /// How often it was asked.
    pub tries: u32,
    /// From the beginning of the judgement to its end.
    #[serde(with = "crate::seconds", rename = "took_seconds")]
    pub took: Duration,
    /// What was seen last, in one line; empty where it passed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seen: String,
}

/// How a health gate ended (design §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateStatus {
    /// Healthy.
    Pass,
    /// Not proven healthy, and not required to be.
    Warn,
    /// Required, and it could not be asked.
    Unknown,
    /// Required, and not healthy.
    Fail,
}

impl GateStatus {
    /// Whether it counts as a failure of its service.
    pub fn failed(self) -> bool {
        matches!(self, GateStatus::Fail | GateStatus::Unknown)
    }
}

/// What a preflight came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreflightResult {
    /// The candidate is fit.
    Pass,
    /// The candidate is unfit.
    Fail,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// Exit code 0, and its tree is gone.
    Succeeded,
    /// Another exit code.
    ExitCode,
    /// Death by a signal that was not ours.
    Signal,
    /// Stopped at `attempt-timeout` or `timeout`.
    Timeout,
    /// Stopped because the runner or the user said so, or by a person's transfer.
    Stopped,
    /// Killed because the lease could not be renewed in time.
    Fenced,
    /// Its holder died; recorded by who took over or closed.
    Lost,
}

/// Why a candidate took over from another (design §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeoverReason {
    /// The command failed as often as it may.
    PrimaryExitCode,
    /// The command took longer than it may.
    PrimaryTimeout,
    /// The holder was not heard of for as long as it may be silent, or lost the store.
    PrimaryUnreachable,
    /// The holder's runner was told to stop.
    PrimaryStopped,
    /// The primary did not come within `primary-grace`.
    PrimaryNeverAppeared,
    /// The primary's preflight failed.
    Preflight,
    /// A person asked for it.
    Manual,
}

/// Why a deployment failed; the label `failure_reason` of `deployment_failure_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The command failed.
    ExitCode,
    /// The command took longer than it may.
    Timeout,
    /// The last candidate lost the store.
    Unreachable,
    /// No candidate was fit.
    Preflight,
    /// A health gate failed.
    Gates,
    /// The command succeeded, but nobody came to judge the gates.
    GatesMissing,
    /// Every candidate fell silent.
    Abandoned,
    /// Nobody claimed it in time.
    NeverClaimed,
    /// It was held, and a person ended it.
    Held,
    /// A person asked for a transfer, and nobody was left to take it.
    Manual,
}

/// How a deployment ended (design §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is deployed.
    Succeeded,
    /// It is not, or not wholly.
    Failed,
    /// A person stopped it.
    Cancelled,
    /// It waits for a person's `unlock`.
    Held,
    /// A later one of the same workflow and ref came first.
    Superseded,
    /// It never began.
    NeverClaimed,
}

/// Writes the enum as its JSON name, so that outputs, labels and the ledger use one spelling.
macro_rules! display_as_json {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.serialize(f)
            }
        }
    )*};
}
display_as_json!(
    AttemptOutcome,
    TakeoverReason,
    FailureReason,
    Outcome,
    AlertKind
);

impl From<TakeoverReason> for FailureReason {
    /// The reason of the deployment's failure when this was the last candidate's reason.
    fn from(reason: TakeoverReason) -> Self {
        match reason {
            TakeoverReason::PrimaryExitCode => FailureReason::ExitCode,
            TakeoverReason::PrimaryTimeout => FailureReason::Timeout,
            TakeoverReason::PrimaryUnreachable => FailureReason::Unreachable,
            TakeoverReason::PrimaryStopped => FailureReason::Abandoned,
            TakeoverReason::PrimaryNeverAppeared => FailureReason::NeverClaimed,
            TakeoverReason::Preflight => FailureReason::Preflight,
            TakeoverReason::Manual => FailureReason::Manual,
        }
    }
}
