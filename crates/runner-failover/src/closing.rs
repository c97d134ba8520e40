//! The last words of a mode: annotation, outputs, summary, exit code.
//!
//! Not responsible for what they say: that is each mode's.

use actions_kit::{ExitCode, Outputs, Summary, Written, command::Level};
use leg::Voice;

use crate::{config::Config, report::Report};

/// Says them. `unheard` is what it means that later steps cannot be told the outputs, where that turns an end that was
/// well into a failure.
pub(crate) fn finish(
    config: &Config,
    report: &Report,
    outputs: &Outputs,
    summary: &Summary,
    unheard: Option<&str>,
    voice: &Voice,
) -> ExitCode {
    let told = match &report.now {
        Some(now) => format!("{}. {now}", report.headline),
        None => report.headline.clone(),
    };
    match report.level {
        Level::Error => voice.error(&told),
        Level::Warning => voice.warning(&told),
        Level::Notice => voice.notice(&told),
    }
    let mut exit = report.exit;
    if let Err(error) = outputs.write(&config.environment) {
        let error = anyhow::Error::from(error);
        voice.error(&format!("failed to {error:#}"));
        if let Some(unheard) = unheard {
            voice.error(unheard);
            exit = ExitCode::Failed;
        }
    }
    match summary.write(&config.environment, &config.redactor) {
        Ok(Written::ToFile) => {}
        Ok(Written::NoFile) if report.whole_story => voice.print(&summary.text(&config.redactor)),
        Ok(Written::NoFile) => {}
        Err(error) => voice.error(&format!("failed to {:#}", anyhow::Error::from(error))),
    }
    exit
}
