//! What a conclusion means to the world: exit code, outputs, the first line of the summary, and what to do now.

use actions_kit::{ExitCode, Summary, command::Level, markdown};
use lease::protocol::{Conclusion, Verdict};
use ledger::{DeploymentState, FailureReason, Outcome};
use leg::Section;
use supervisor::signals::Received;

/// The end of this process, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) exit: ExitCode,
    /// The output `outcome`.
    pub(crate) outcome: String,
    pub(crate) proceed: bool,
    pub(crate) level: Level,
    /// ✅ ❌ ⚠️ and one sentence without the sign.
    pub(crate) sign: &'static str,
    pub(crate) headline: String,
    /// What a person should do, where they should do something.
    pub(crate) now: Option<String>,
    /// The section of the runbook that says more of it.
    pub(crate) section: Option<Section>,
    /// The whole story is worth telling here; otherwise one line is enough.
    pub(crate) whole_story: bool,
}

/// The outcome of a deployment whose command succeeded and whose gates are still to be judged.
const DEPLOYED: &str = "deployed";

/// What is deployed where: `v42 to production`.
pub(crate) struct About<'a> {
    pub(crate) version: &'a str,
    pub(crate) target: &'a str,
    pub(crate) me: String,
    pub(crate) received: Option<Received>,
    pub(crate) state: Option<&'a DeploymentState>,
}

impl About<'_> {
    fn what(&self) -> String {
        format!("{} to {}", short(self.version), self.target)
    }

    fn holder(&self) -> String {
        self.state
            .and_then(|s| s.holder.as_ref())
            .map_or_else(|| "nobody".to_owned(), ToString::to_string)
    }
}

/// A commit is shown as git shows it.
fn short(version: &str) -> String {
    let is_commit = version.len() == 40 && version.bytes().all(|b| b.is_ascii_hexdigit());
    if is_commit {
        version[..7].to_owned()
    } else {
        version.to_owned()
    }
}

fn well(outcome: &str, headline: String) -> Report {
    Report {
        exit: ExitCode::Success,
        outcome: outcome.to_owned(),
        proceed: false,
        level: Level::Notice,
        sign: "✅",
        headline,
        now: None,
        section: None,
        whole_story: false,
    }
}

fn badly(exit: ExitCode, outcome: &str, headline: String, now: &str) -> Report {
    Report {
        exit,
        outcome: outcome.to_owned(),
        proceed: false,
        level: Level::Error,
        sign: "❌",
        headline,
        now: (!now.is_empty()).then(|| now.to_owned()),
        section: Section::of_exit(exit),
        whole_story: true,
    }
}

/// What a candidate tells.
pub(crate) fn candidate(conclusion: &Conclusion, about: &About<'_>) -> Report {
    let what = about.what();
    let me = &about.me;
    match conclusion {
        Conclusion::Proceed {
            token,
            finished: true,
            ..
        } => Report {
            proceed: true,
            whole_story: true,
            ..well("succeeded", format!("{me} deployed {what} (token {token})"))
        },
        Conclusion::Proceed {
            token,
            gates_only: false,
            ..
        } => Report {
            proceed: true,
            whole_story: true,
            ..well(
                DEPLOYED,
                format!("{me} deployed {what} (token {token}); the gates are next"),
            )
        },
        Conclusion::Proceed { token, .. } => Report {
            proceed: true,
            whole_story: true,
            ..well(
                DEPLOYED,
                format!(
                    "{me} goes on with the gates of {what} (token {token}); the command ran elsewhere"
                ),
            )
        },
        Conclusion::HandedOver { reason, detail, to } => Report {
            section: Some(Section::of_takeover(*reason)),
            level: Level::Warning,
            sign: "⚠️",
            ..badly(
                ExitCode::Failed,
                "",
                format!("{me} failed to deploy {what}: {detail}; {to} went on"),
                "Nothing, if the verdict is green. The log of this step says why it failed here.",
            )
        },
        Conclusion::LostLease { to } => Report {
            section: Some(Section::LEASE_LOST),
            ..badly(
                ExitCode::Failed,
                "",
                format!(
                    "{me} lost the lease while deploying {what}, and its command was ended; {to} went on"
                ),
                "Look why this runner could not reach the store, before it is used again.",
            )
        },
        Conclusion::Over {
            outcome,
            reason,
            detail,
            by_me,
        } => {
            let report = ended(*outcome, *reason, detail, about);
            Report {
                whole_story: *by_me && report.exit != ExitCode::Success,
                ..report
            }
        }
        Conclusion::AlreadyDeployed {
            deployment,
            certain,
        } => {
            let how = if *certain {
                "a part of the run was run again"
            } else {
                "the last deployment is this run's"
            };
            well(
                "succeeded",
                format!(
                    "{what} is deployed already, by {deployment}: {how}, so nothing was deployed"
                ),
            )
        }
        Conclusion::Held { deployment, detail } => held(deployment, detail, about),
        Conclusion::QueueTimeout { behind } => {
            let why = behind
                .as_ref()
                .map_or_else(|| "the primary".to_owned(), |b| format!("{b} to end"));
            badly(
                ExitCode::QueueTimeout,
                "",
                format!("{me} waited in vain for {why}; {what} was not deployed here"),
                "See what holds the lock (`mode: status`), or raise `queue-timeout`.",
            )
        }
        Conclusion::Signalled {
            name,
            held,
            cancelled,
        } => {
            let exit = match about.received {
                Some(Received::Interrupt) => ExitCode::Interrupted,
                _ => ExitCode::Terminated,
            };
            let headline = match (held, cancelled) {
                (true, true) => format!(
                    "{me} was told to stop by {name}, as all others were: {what} is cancelled"
                ),
                (true, false) => {
                    format!("{me} was told to stop by {name} and left {what} to the others")
                }
                (false, _) => format!("{me} was told to stop by {name} while it waited"),
            };
            let outcome = if *cancelled { "cancelled" } else { "" };
            Report {
                level: Level::Warning,
                sign: "⚠️",
                whole_story: false,
                ..badly(exit, outcome, headline, "")
            }
        }
        Conclusion::NumberTaken { by } => Report {
            whole_story: false,
            ..badly(
                ExitCode::WrongInput,
                "",
                format!("input `candidate`: {me} is already taken by {by}"),
                "Give every leg its own number (`matrix: {candidate: [1, 2]}`). A step that died cannot be run again \
                 within its job: its processes cannot be proven dead.",
            )
        },
        Conclusion::Unfit => Report {
            whole_story: false,
            section: Some(Section::PREFLIGHT_FAILED),
            ..badly(
                ExitCode::Failed,
                "",
                format!("{me} may not deploy {what}: its preflight failed"),
                "Mend what the preflight step names.",
            )
        },
        Conclusion::RollingBack { on } => Report {
            whole_story: false,
            ..badly(
                ExitCode::Failed,
                "failed",
                format!("{what} failed; `on-failure` runs on {on}, so {me} deploys nothing"),
                "Wait for the verdict.",
            )
        },
        Conclusion::StoreLost(error) => store_lost(&error.to_string()),
        Conclusion::Judged(verdict) => judged(verdict, about),
    }
}

/// One sentence that says it all.
pub(crate) fn refused(exit: ExitCode, headline: String) -> Report {
    Report {
        whole_story: false,
        ..badly(exit, "", headline, "")
    }
}

/// The store could not be asked.
pub(crate) fn store_lost(error: &str) -> Report {
    Report {
        whole_story: false,
        ..badly(
            ExitCode::ServiceUnavailable,
            "",
            format!("failed to go on: {error}"),
            "Look at what the message says of the store, at the input `store` and at the network; with `git` also whether the job has \
             `contents: write`. Then run the job again.",
        )
    }
}

/// What `verdict` tells.
fn judged(verdict: &Verdict, about: &About<'_>) -> Report {
    let report = match verdict.outcome {
        Outcome::Held => held(&verdict.deployment, &verdict.detail, about),
        outcome => ended(outcome, verdict.reason, &verdict.detail, about),
    };
    Report {
        whole_story: true,
        ..report
    }
}

fn held(deployment: &str, detail: &str, about: &About<'_>) -> Report {
    badly(
        ExitCode::Held,
        "held",
        format!("{deployment} is held: {detail}"),
        &format!(
            "A person must look at {}, and then run `mode: unlock` with a reason. Nothing else is deployed until then.",
            about.target
        ),
    )
}

fn ended(
    outcome: Outcome,
    reason: Option<FailureReason>,
    detail: &str,
    about: &About<'_>,
) -> Report {
    let what = about.what();
    let because = match (reason, detail) {
        (Some(reason), "") => format!(" ({reason})"),
        (Some(reason), detail) => format!(" ({reason}): {detail}"),
        (None, "") => String::new(),
        (None, detail) => format!(": {detail}"),
    };
    let name = outcome.to_string();
    match outcome {
        Outcome::Succeeded => well(&name, format!("{} deployed {what}", about.holder())),
        Outcome::Superseded => Report {
            section: Section::of_outcome(outcome),
            level: Level::Warning,
            sign: "⚠️",
            ..well(
                &name,
                format!("{what} was not deployed: superseded{because}"),
            )
        },
        Outcome::Failed => {
            let now = match reason {
                Some(FailureReason::GatesMissing) => {
                    "Add a `health-gates` step after this one, or leave `await-gates` out."
                }
                Some(FailureReason::Gates) => {
                    match about.state.and_then(|state| state.on_failure_succeeded) {
                        None => {
                            "What was deployed is live and not healthy: mend it forward or roll back. The `health-gates` \
                             step of the leg that carried it tells more."
                        }
                        Some(true) => {
                            "`on-failure` has run and ended well: see that what is live now is healthy. The `health-gates` \
                             step of the leg that carried it tells more."
                        }
                        Some(false) => {
                            "`on-failure` has failed too: nobody knows what is live. Look at once; the `health-gates` step \
                             of the leg that carried it has its last words."
                        }
                    }
                }
                Some(FailureReason::Abandoned) => {
                    "Look at the runners: all of them fell silent. Then deploy again."
                }
                Some(FailureReason::Preflight) => "Mend what the preflight steps of the legs name.",
                _ => "Read the log of the leg that failed last, mend the cause, and deploy again.",
            };
            Report {
                section: reason.map_or(Section::of_outcome(outcome), |reason| {
                    Some(Section::of_failure(reason))
                }),
                ..badly(
                    ExitCode::Failed,
                    &name,
                    format!("{what} failed{because}"),
                    now,
                )
            }
        }
        Outcome::Cancelled => Report {
            level: Level::Warning,
            sign: "⚠️",
            ..badly(
                ExitCode::Interrupted,
                &name,
                format!("{what} was cancelled{because}"),
                if about.state.is_some_and(|state| state.command_done) {
                    "The command had ended well, and nobody judged what it deployed: look whether that is healthy."
                } else {
                    "If the command had begun, the target may be half-way: deploy again or roll back."
                },
            )
        },
        Outcome::Held => held(
            &about
                .state
                .map(|s| s.deployment.id.clone())
                .unwrap_or_default(),
            detail,
            about,
        ),
        Outcome::NeverClaimed => badly(
            ExitCode::QueueTimeout,
            &name,
            format!("{what} never began{because}"),
            "Check that two runners with the wanted labels are online, and what holds the lock (`mode: status`).",
        ),
    }
}

impl Report {
    /// The first line of a summary.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.sign, markdown::text(&self.headline))
    }

    /// What follows from it, below that line: nothing where all is well.
    pub(crate) fn tell_what_now(&self, summary: &mut Summary) {
        if let Some(now) = &self.now {
            summary.paragraph(&format!("**What now:** {}", markdown::prose(now)));
        }
        if let Some(section) = self.section {
            summary.paragraph(&section.line());
        }
    }
}

#[cfg(test)]
mod tests;
