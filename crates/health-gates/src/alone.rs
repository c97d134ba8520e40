//! Without a lease: wait until all is healthy, and say so.

use actions_kit::ExitCode;
use anyhow::Context as _;
use leg::Voice;
use supervisor::signals::{Received, Signals};

use crate::{alerting, config::Config, judging, telling};

/// Runs it.
///
/// # Errors
/// What this host lacks.
pub(crate) async fn run(config: &Config, voice: &Voice) -> anyhow::Result<ExitCode> {
    let about = telling::about(config);
    let mut signals = Signals::listen().context("listen for signals")?;
    let (stop, mut judging) = judging::begin(config, voice);
    let mut stop = Some(stop);
    let mut received = None;
    let judgement = loop {
        tokio::select! {
            biased;
            signal = signals.next() => {
                voice.say(&format!("told to stop by {signal}"));
                received = Some(signal);
                drop(stop.take());
            }
            judgement = &mut judging => break judgement,
        }
    };
    let exit = match received {
        Some(received) if judgement.stopped => exit_of(received),
        _ if config.options.once => ExitCode::Success,
        _ if health_gates::report::failed(&judgement).is_empty() => ExitCode::Success,
        _ => ExitCode::Failed,
    };
    let mut told = telling::Told::new(exit);
    // GitHub kills a cancelled step soon: the result must be written before that.
    told.alerted = tokio::select! {
        biased;
        signal = signals.next() => {
            voice.warning(&format!("told to stop by {signal} before people were told"));
            Vec::new()
        }
        alerted = alerting::tell(config, &judgement, &about, voice) => alerted,
    };
    Ok(telling::judged(config, &judgement, &about, &told, voice))
}

/// The exit code of a process that a signal ended.
pub(crate) fn exit_of(received: Received) -> ExitCode {
    match received {
        Received::Interrupt => ExitCode::Interrupted,
        _ => ExitCode::Terminated,
    }
}
