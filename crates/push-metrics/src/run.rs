//! The order of things: read the ledger once, take it everywhere at once, tell what came of it.

use std::time::Duration;

use actions_kit::ExitCode;
use anyhow::Context as _;
use leg::Voice;
use metrics::Subject;
use push_metrics::figures::Report;
use supervisor::signals::{Received, Signals};

use crate::{
    audit_trail,
    config::Config,
    gateway::{self, About},
    reading::{self, Reading},
    telling::{self, Place},
};

/// Runs it.
///
/// # Errors
/// What this host lacks.
pub(crate) fn run(config: &Config, voice: &Voice) -> anyhow::Result<ExitCode> {
    if config.stood_by {
        return Ok(telling::skipped(config, voice));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let code = runtime.block_on(async {
        let mut signals = Signals::listen().context("listen for signals")?;
        tokio::select! {
            biased;
            received = signals.next() => Ok(stopped(received, voice)),
            code = everything(config, voice) => Ok(code),
        }
    });
    // A look-up that hangs in a thread of its own must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(100));
    code
}

fn stopped(received: Received, voice: &Voice) -> ExitCode {
    voice.warning(&format!(
        "told to stop by {received} before everything was pushed: the next push carries what is missing"
    ));
    match received {
        Received::Interrupt => ExitCode::Interrupted,
        _ => ExitCode::Terminated,
    }
}

async fn everything(config: &Config, voice: &Voice) -> ExitCode {
    // GitHub is asked while the ledger is read.
    let (opened, waiting_at_github) = tokio::join!(
        async {
            let store = reading::open(config).await?;
            let first = reading::first(&store, voice).await?;
            Ok((store, first))
        },
        reading::waiting_at_github(config, voice),
    );
    let (store, first) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let error: lease::store::StoreError = error;
            return telling::store_lost(config, &error.to_string(), voice);
        }
    };
    let about = About {
        subject: Subject {
            lock: config.lock.as_str().to_owned(),
            environment: config.target.clone(),
            repository: config.repository.clone(),
        },
        now: leg::wall(),
        waiting_at_github,
    };
    let (pushed, shipped) = tokio::join!(
        async {
            match &config.pushgateway {
                Some(_) if first.snapshot.tip.seq == 0 => Some(Place::reached(
                    "Pushgateway",
                    "nothing to push: the ledger is empty".to_owned(),
                )),
                Some(gateway) => Some(gateway::push(gateway, &about, &store, &first, voice).await),
                None => None,
            }
        },
        audit_trail::ship(config, &store, &first, voice),
    );
    let mut places: Vec<Place> = pushed.into_iter().collect();
    places.extend(textfile(config, &about, &first));
    places.extend(shipped);
    let tip = &first.snapshot.tip;
    let figures = Report::new(tip, about.now, config.window_days, &config.origin());
    telling::told(config, &figures, places, voice)
}

fn textfile(config: &Config, about: &About, first: &Reading) -> Option<Place> {
    let path = config.textfile.as_ref()?;
    let written = metrics::textfile(&about.subject, &about.moment(&first.snapshot.tip))
        .map_err(|error| error.to_string())
        .and_then(|text| {
            metrics::write_textfile(path, &text)
                .map_err(|error| format!("failed to write {}: {error}", path.display()))
        });
    Some(match written {
        Ok(()) => Place::reached("textfile", path.display().to_string()),
        Err(why) => Place::failed("textfile", why, false),
    })
}
