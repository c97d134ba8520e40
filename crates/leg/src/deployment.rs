//! Which deployment this process belongs to: from the inputs, else from the run.

use actions_kit::{Environment, GitHubContext, Parsed, WrongInputs};
use ledger::Deployment;

/// The deployment, as far as the run tells. `None` where no id can be made; `wrong` says why.
pub fn deployment(
    inputs: &Parsed,
    context: &GitHubContext,
    environment: &Environment,
    wrong: &mut WrongInputs,
) -> Option<Deployment> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (id, run) = match inputs.opt_text("deployment-id") {
        Some(id) => (id.to_owned(), id.to_owned()),
        None => {
            let id = context.deployment_id(wrong)?;
            let run = id
                .rsplit_once('/')
                .map_or_else(|| id.clone(), |(run, _)| run.to_owned());
            (id, run)
        }
    };
    let sha = text(&context.sha);
    let version = inputs
        .opt_text("version")
        .map_or_else(|| sha.clone(), str::to_owned);
    Some(Deployment {
        id,
        run,
        workflow: context.workflow_identity().to_owned(),
        git_ref: text(&context.git_ref),
        run_number: context.run_number.unwrap_or_default(),
        run_attempt: context.run_attempt.unwrap_or(1).into(),
        sha,
        actor: context
            .actor
            .clone()
            .unwrap_or_else(|| environment.get("USER").unwrap_or_default().to_owned()),
        version,
        trigger: text(&context.event_name),
        environment: inputs
            .opt_text("environment")
            .unwrap_or_default()
            .to_owned(),
    })
}
