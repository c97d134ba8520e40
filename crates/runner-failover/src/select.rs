//! Mode `select`: which runner a deployment goes to, where no secondary stands by.
//!
//! Responsible for asking GitHub and Prometheus once, and for saying what was seen. What GitHub believes of a runner
//! lies both ways (design §1): this mode saves a job from being queued for a runner that is known to be away, and is no
//! part of what keeps a deployment safe. That is the lease.

mod choice;
mod evidence;
mod sides;
mod survey;
mod telling;

use actions_kit::ExitCode;
use leg::Voice;

pub(crate) use choice::OnUnknown;
pub(crate) use sides::Sides;

use crate::{
    closing,
    config::{Config, SelectMode},
};

/// Runs it.
pub(crate) async fn run(config: &Config, mode: &SelectMode, voice: &Voice) -> ExitCode {
    voice.say(&format!(
        "choosing a runner for {} of {}",
        config.target, mode.repository
    ));
    let survey = survey::take(mode).await;
    let evidence = evidence::weigh(mode, survey);
    let choice = choice::choose(&evidence.primary, &evidence.secondary, mode.on_unknown);
    let told = telling::tell(&config.target, mode, &evidence, choice);
    // Without `runs-on` the deployment's job has nowhere to go, and GitHub's own error would not say why.
    let unheard = "the job that waits for `runs-on` cannot be told where to run";
    closing::finish(
        config,
        &told.report,
        &told.outputs,
        &told.summary,
        Some(unheard),
        voice,
    )
}
