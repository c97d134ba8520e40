//! The order of things: announce and ask at the same time, judge, tell the ledger, tell the world.

use std::time::{Duration, Instant};

use actions_kit::ExitCode;
use anyhow::Context as _;
use leg::Voice;
use preflight::judgement::Judgement;
use supervisor::signals::{Received, Signals};

use crate::{
    asking::{Answers, Asking, Ledger},
    config::Config,
    record::{Finished, Others, Record, Told},
    telling,
};

/// Runs it.
///
/// # Errors
/// What this host lacks.
pub(crate) fn run(config: &Config, voice: &Voice) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let code = runtime.block_on(async {
        let mut signals = Signals::listen().context("listen for signals")?;
        let mut record = config.leg.as_ref().map(|leg| Record::new(leg, voice));
        let ended = tokio::select! {
            biased;
            received = signals.next() => Err(received),
            code = preflight(config, record.as_mut(), voice) => Ok(code),
        };
        match ended {
            Ok(code) => code,
            Err(received) => {
                if let Some(record) = &record {
                    record.signalled(&received.to_string()).await;
                }
                let exit = match received {
                    Received::Interrupt => ExitCode::Interrupted,
                    _ => ExitCode::Terminated,
                };
                telling::stopped(config, &received.to_string(), exit, voice)
            }
        }
    });
    // A look-up or a file system that hangs in a thread of its own must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(100));
    code
}

async fn preflight(
    config: &Config,
    mut record: Option<&mut Record<'_>>,
    voice: &Voice,
) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let started_at = leg::wall().to_string();
    if let Err(error) = leave_for_later_steps(config) {
        // Before anybody is told that this candidate is here: the next step of this job would be taken for another leg.
        return telling::nothing_left_for_later_steps(config, &error, voice);
    }
    let asking = Asking::new(config);
    let gathered = gather(&asking, record.as_deref_mut()).await;
    let (ledger, answers) = match gathered {
        Ok(gathered) => gathered,
        Err(Bar::Finished(end)) => return telling::finished(config, &end, voice),
        Err(Bar::NumberTaken(by)) => return telling::number_taken(config, &by, voice),
    };
    let (seen, not_asked, approvals) = asking.complete(answers, &ledger);
    let judgement = Judgement::new(seen, not_asked, &config.policy);
    let about = telling::about(config, started_at, began.elapsed(), asking.requests_sent());
    // Before the ledger is told: a leg that ends red must not stand there as fit.
    let written = telling::write(config, &judgement, &about, voice);
    let mut others = Others::Unknown;
    if let Some(record) = record {
        let ignored = config.policy.ignored.as_ref();
        let mut failed = judgement.failed();
        if !written && failed.is_empty() {
            failed.push(telling::UNWRITTEN);
        }
        let told = record
            .conclude(&failed, &judgement.ignored(), ignored, approvals)
            .await;
        match told {
            Told::Lost(why) => {
                others = Others::Untold;
                voice.warning(&format!(
                    "the ledger could not be told what came of the preflight: {why}; the other candidate finds out by waiting"
                ));
            }
            Told::NumberTaken(by) => return telling::number_taken(config, &by, voice),
            Told::Done(snapshot) => others = record.others(&snapshot),
            Told::Finished(_) => {}
        }
    }
    telling::judged(config, &judgement, &about, others, written, voice)
}

/// Why there is nothing to judge.
enum Bar {
    /// The deployment has come to its end.
    Finished(Finished),
    /// Another leg has this candidate's number.
    NumberTaken(String),
}

/// Announces this candidate and asks every check meanwhile. Where nothing is left to deploy, nobody waits for the checks.
async fn gather(
    asking: &Asking<'_>,
    record: Option<&mut Record<'_>>,
) -> Result<(Ledger, Answers), Bar> {
    let announce = async {
        match record {
            None => Ok(Ledger::None),
            Some(record) => match record.announce().await {
                Told::Done(snapshot) => Ok(Ledger::Seen(snapshot)),
                Told::Lost(why) => Ok(Ledger::Lost(why)),
                Told::Finished(end) => Err(Bar::Finished(end)),
                Told::NumberTaken(by) => Err(Bar::NumberTaken(by)),
            },
        }
    };
    let answers = async { Ok(asking.answers().await) };
    tokio::try_join!(announce, answers)
}

/// What tells the later steps of this job that they are this very leg.
fn leave_for_later_steps(config: &Config) -> Result<(), String> {
    let Some(leg) = &config.leg else {
        return Ok(());
    };
    let Some(temp) = &config.context.runner_temp else {
        return Err("find a folder for later steps: RUNNER_TEMP is unset".to_owned());
    };
    leg.file
        .write(temp, &config.for_file)
        .map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}
