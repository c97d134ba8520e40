//! What the newest deployments of every workflow and branch came to: the gauges by workflow and branch (design §7). Kept
//! apart from the deployments, because a rare workflow's are forgotten after a hundred of a busy one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Deployment, LINES_KEPT, Outcome, Timestamp};

/// The newest ends of one workflow and branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastState {
    /// The deployments' workflow.
    pub workflow: String,
    /// Their branch, as metrics label it.
    pub branch: String,
    /// When the newest one that `succeeded` ended; nothing where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_at: Option<Timestamp>,
    /// What the newest one that ended `succeeded` or `failed` took, from the first claim to the end; nothing where none
    /// was claimed.
    #[serde(
        with = "crate::seconds::optional",
        rename = "took_seconds",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub took: Option<Duration>,
}

/// Notes the end of `deployment`. The one that ended last stands last; beyond [`LINES_KEPT`] the first is forgotten.
pub(crate) fn note(
    lasts: &mut Vec<LastState>,
    deployment: &Deployment,
    at: Timestamp,
    outcome: Outcome,
    took: Option<Duration>,
) {
    if !matches!(outcome, Outcome::Succeeded | Outcome::Failed) {
        return;
    }
    let branch = deployment.branch();
    let known = lasts
        .iter()
        .position(|last| last.workflow == deployment.workflow && last.branch == branch);
    let mut last = match known {
        Some(at) => lasts.remove(at),
        None => LastState {
            workflow: deployment.workflow.clone(),
            branch: branch.to_owned(),
            ..LastState::default()
        },
    };
    if outcome == Outcome::Succeeded {
        last.succeeded_at = Some(at);
    }
    last.took = took.or(last.took);
    if last.succeeded_at.is_some() || last.took.is_some() {
        lasts.push(last);
    }
    if lasts.len() > LINES_KEPT {
        lasts.remove(0);
    }
}
