//! What mode `expire-approvals` is told.

use std::time::Duration;

use actions_kit::{GitHubContext, Parsed, Secret, WrongInputs, context::Repository};
use github::Token;

use super::{Mode, token};

/// Mode `expire-approvals`.
pub(crate) struct ExpireMode {
    pub(crate) api_url: String,
    pub(crate) repository: Repository,
    pub(crate) token: Token,
    pub(crate) max_wait: Duration,
    pub(crate) dry_run: bool,
}

pub(super) fn read(
    inputs: &Parsed,
    context: &GitHubContext,
    given: Option<&Secret>,
    wrong: &mut WrongInputs,
) -> Option<Mode> {
    let api_url = super::api_url(context, wrong);
    let repository = context
        .needed_repository("run this in a workflow, or set the variable", wrong)
        .cloned();
    let token = token(
        "github-token",
        given,
        "a token with `actions: write`: it cancels the runs",
        "leave the input at its default and give the job `permissions: actions: write`",
        wrong,
    );
    Some(Mode::ExpireApprovals(ExpireMode {
        api_url: api_url?,
        repository: repository?,
        token: token?,
        max_wait: inputs.duration("max-wait"),
        dry_run: inputs.flag("dry-run"),
    }))
}
