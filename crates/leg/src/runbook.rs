//! Which section of the runbook says what to do about a failure: the only table of it.
//!
//! Not responsible for what the sections say: that is docs/runbooks/production-deployment-failures.md, whose headings are
//! the anchors here.

use actions_kit::ExitCode;
use ledger::{AttemptOutcome, FailureReason, Outcome, TakeoverReason};

/// The page at the release that this program is: its words are this program's.
const PAGE: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/blob/v",
    env!("CARGO_PKG_VERSION"),
    "/docs/runbooks/production-deployment-failures.md#"
);

/// A section, by its heading's anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Section(&'static str);

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident = $anchor:literal;)*) => {
        impl Section {
            $($(#[$doc])* pub const $name: Section = Section($anchor);)*

            /// Every section that something leads to.
            pub const ALL: &'static [Section] = &[$(Section::$name),*];
        }
    };
}

sections! {
    /// The deploy command ended with another code than 0.
    COMMAND_FAILS = "the-deploy-command-fails";
    /// It took longer than `attempt-timeout` or `timeout`.
    COMMAND_TAKES_TOO_LONG = "the-deploy-command-takes-too-long";
    /// A runner fell silent, was shut down or never came.
    RUNNER_OFFLINE = "runner-offline";
    /// Every runner fell silent, or none is fit.
    BOTH_RUNNERS_FAILED = "both-runners-failed";
    /// It waits, or waited in vain.
    STUCK_IN_THE_QUEUE = "deployment-stuck-in-the-queue";
    /// A person must decide.
    HELD_LEASE = "held-lease";
    /// The lease went to another while this candidate deployed.
    LEASE_LOST = "lease-lost";
    /// Nobody can say how it stands.
    STORE_OUT_OF_REACH = "store-out-of-reach";
    /// GitHub or Prometheus does not answer who chooses a runner or looks for approvals.
    GITHUB_OUT_OF_REACH = "github-out-of-reach";
    /// What was deployed is not healthy.
    HEALTH_CHECKS_FAILING = "health-checks-failing";
    /// The command succeeded, and no gates step came.
    GATES_MISSING = "nobody-judged-the-gates";
    /// No candidate is fit.
    PREFLIGHT_FAILED = "preflight-failed";
    /// Checks of group 1.
    RUNNER_NOT_FIT = "runner-not-fit";
    /// Checks of group 2.
    DOCKER = "docker-not-usable";
    /// Checks of group 3.
    NETWORK_UNREACHABLE = "network-unreachable";
    /// Checks of group 4.
    SECRETS_EXPIRED = "secrets-expired";
    /// Checks of group 6.
    GUARDRAIL = "guardrail-in-the-way";
    /// Checks of group 7.
    ARTIFACT_MISSING = "artifact-missing";
    /// Somebody stopped it.
    CANCELLED = "cancelled";
    /// A later run came first.
    SUPERSEDED = "superseded";
    /// An input is wrong.
    WRONG_INPUT = "wrong-input";
    /// A person asked for a transfer, and nobody took it.
    TRANSFERRED = "transferred-by-a-person";
    /// What a person asked for is not done.
    PERSON_REFUSED = "transfer-or-unlock-refused";
    /// Figures did not arrive.
    METRICS_NOT_PUSHED = "metrics-not-pushed";
}

impl Section {
    /// The heading as GitHub makes an anchor of it.
    pub const fn anchor(self) -> &'static str {
        self.0
    }

    /// The section's address.
    pub fn url(self) -> String {
        [PAGE, self.0].concat()
    }

    /// The line of a summary that leads there.
    pub fn line(self) -> String {
        ["**Runbook:** [", self.0, "](", PAGE, self.0, ")"].concat()
    }

    /// Where an exit code leads that nothing more is known of; 0 leads nowhere.
    pub const fn of_exit(code: ExitCode) -> Option<Section> {
        Some(match code {
            ExitCode::Success => return None,
            ExitCode::Failed => Self::COMMAND_FAILS,
            ExitCode::Group(group) => match group.number() {
                1 => Self::RUNNER_NOT_FIT,
                2 => Self::DOCKER,
                3 => Self::NETWORK_UNREACHABLE,
                4 => Self::SECRETS_EXPIRED,
                5 => Self::STUCK_IN_THE_QUEUE,
                6 => Self::GUARDRAIL,
                _ => Self::ARTIFACT_MISSING,
            },
            ExitCode::Held => Self::HELD_LEASE,
            ExitCode::WrongInput => Self::WRONG_INPUT,
            ExitCode::ServiceUnavailable => Self::STORE_OUT_OF_REACH,
            ExitCode::QueueTimeout => Self::STUCK_IN_THE_QUEUE,
            ExitCode::Interrupted | ExitCode::Terminated => Self::CANCELLED,
        })
    }

    /// Why a deployment failed.
    pub const fn of_failure(reason: FailureReason) -> Section {
        match reason {
            FailureReason::ExitCode => Self::COMMAND_FAILS,
            FailureReason::Timeout => Self::COMMAND_TAKES_TOO_LONG,
            FailureReason::Unreachable => Self::STORE_OUT_OF_REACH,
            FailureReason::Preflight => Self::PREFLIGHT_FAILED,
            FailureReason::Gates => Self::HEALTH_CHECKS_FAILING,
            FailureReason::GatesMissing => Self::GATES_MISSING,
            FailureReason::Abandoned => Self::BOTH_RUNNERS_FAILED,
            FailureReason::NeverClaimed => Self::STUCK_IN_THE_QUEUE,
            FailureReason::Held => Self::HELD_LEASE,
            FailureReason::Manual => Self::TRANSFERRED,
        }
    }

    /// Why another candidate took over.
    pub const fn of_takeover(reason: TakeoverReason) -> Section {
        match reason {
            TakeoverReason::PrimaryExitCode => Self::COMMAND_FAILS,
            TakeoverReason::PrimaryTimeout => Self::COMMAND_TAKES_TOO_LONG,
            TakeoverReason::PrimaryUnreachable
            | TakeoverReason::PrimaryStopped
            | TakeoverReason::PrimaryNeverAppeared => Self::RUNNER_OFFLINE,
            TakeoverReason::Preflight => Self::PREFLIGHT_FAILED,
            TakeoverReason::Manual => Self::TRANSFERRED,
        }
    }

    /// How a deployment ended, where the reason is not known; success leads nowhere.
    pub const fn of_outcome(outcome: Outcome) -> Option<Section> {
        Some(match outcome {
            Outcome::Succeeded => return None,
            Outcome::Failed => Self::COMMAND_FAILS,
            Outcome::Cancelled => Self::CANCELLED,
            Outcome::Held => Self::HELD_LEASE,
            Outcome::Superseded => Self::SUPERSEDED,
            Outcome::NeverClaimed => Self::STUCK_IN_THE_QUEUE,
        })
    }

    /// How an attempt ended; success leads nowhere.
    pub const fn of_attempt(outcome: AttemptOutcome) -> Option<Section> {
        Some(match outcome {
            AttemptOutcome::Succeeded => return None,
            AttemptOutcome::ExitCode | AttemptOutcome::Signal => Self::COMMAND_FAILS,
            AttemptOutcome::Timeout => Self::COMMAND_TAKES_TOO_LONG,
            AttemptOutcome::Stopped => Self::CANCELLED,
            AttemptOutcome::Fenced => Self::LEASE_LOST,
            AttemptOutcome::Lost => Self::RUNNER_OFFLINE,
        })
    }
}
