//! What kind of re-run this is: asked of GitHub once, and only for attempts past the first (design §4).

use github::{Client, ClientOptions, OurJob, Token, rerun_kind, runs_alone};
use lease::protocol::Rerun;
use ledger::Deployment;
use leg::Voice;

use crate::config::Config;

/// Asks; where GitHub does not say, the ledger alone decides.
pub(crate) async fn kind(
    config: &Config,
    deployment: &Deployment,
    leg: Option<(u32, u32)>,
    voice: &Voice,
) -> Rerun {
    if deployment.run_attempt <= 1 {
        return Rerun::First;
    }
    match ask(config, deployment, leg).await {
        Ok(kind) => kind,
        Err(why) => {
            voice.say(&format!(
                "GitHub does not tell what kind of re-run this is ({why}): the ledger decides"
            ));
            Rerun::Unknown
        }
    }
}

async fn ask(
    config: &Config,
    deployment: &Deployment,
    leg: Option<(u32, u32)>,
) -> Result<Rerun, String> {
    let context = &config.context;
    let (Some(api), Some(repository), Some(run)) =
        (&context.api_url, &context.repository, context.run_id)
    else {
        return Err("not in a run on GitHub".to_owned());
    };
    if context.is_act {
        return Err("act has no API".to_owned());
    }
    let Some(token) = &config.token else {
        return Err("no token".to_owned());
    };
    let token = Token::new(token.expose()).map_err(|e| e.to_string())?;
    let client = Client::new(ClientOptions::new(api, token)).map_err(|e| e.to_string())?;
    let jobs = client
        .run_jobs(&repository.owner, &repository.name, run)
        .await
        .map_err(|e| e.to_string())?;
    let attempt = deployment.run_attempt;
    let job = context.job.as_deref().unwrap_or_default();
    let runner = context.runner_name.as_deref().unwrap_or_default();
    match leg {
        Some((candidate, candidates)) => {
            let our = OurJob {
                check_run_id: None,
                job,
                runner,
                candidate,
                candidates,
            };
            match rerun_kind(&jobs, attempt, &our) {
                github::Rerun::First => Ok(Rerun::First),
                github::Rerun::Full => Ok(Rerun::Full),
                github::Rerun::Partial { .. } => Ok(Rerun::Partial),
                github::Rerun::Unclear(why) => Err(format!("its list of jobs is unclear: {why:?}")),
            }
        }
        None => Ok(match runs_alone(&jobs, attempt) {
            Some(true) => Rerun::Alone,
            Some(false) if jobs.iter().any(|job| job.carried_over(attempt)) => Rerun::Partial,
            Some(false) => Rerun::Full,
            None => Rerun::Unknown,
        }),
    }
}
