//! The order of things: read the ledger once, take it everywhere at once, tell what came of it.

use std::{sync::Arc, time::Duration};

use actions_kit::ExitCode;
use anyhow::Context as _;
use lease::store::Store;
use leg::Voice;
use metrics::Subject;
use push_metrics::figures::Report;
use supervisor::signals::{Received, Signals};

use crate::{
    audit_trail,
    config::Config,
    empty,
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
            received = signals.next() => Ok(stopped(config, received, voice)),
            code = everything(config, voice) => Ok(code),
        }
    });
    // A look-up that hangs in a thread of its own must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(100));
    code
}

fn stopped(config: &Config, received: Received, voice: &Voice) -> ExitCode {
    let exit = match received {
        Received::Interrupt => ExitCode::Interrupted,
        _ => ExitCode::Terminated,
    };
    let why = format!(
        "told to stop by {received} before everything was pushed: the next push carries what is missing"
    );
    telling::stopped(config, &why, exit, voice)
}

async fn everything(config: &Config, voice: &Voice) -> ExitCode {
    // GitHub is asked while the ledger is read.
    let (opened, waiting_at_github) = tokio::join!(
        async {
            let store = reading::open(config).await.map_err(|e| e.to_string())?;
            let first = reading::first(&store, voice).await?;
            Ok::<_, String>((store, first))
        },
        reading::waiting_at_github(config, voice),
    );
    let (store, first) = match opened {
        Ok(opened) => opened,
        Err(why) => return telling::store_lost(config, why, voice),
    };
    let about = About {
        subject: subject(config, &first),
        now: leg::wall(),
        waiting_at_github,
    };
    let tip = &first.snapshot.tip;
    let places = if tip.seq == 0 {
        let ledger = empty::ledger(config, &store.place());
        // Over what an earlier deployment left, nothing is written.
        let file = (!ledger.is_failed()).then(|| textfile(config, &about, &first));
        std::iter::once(ledger).chain(file.flatten()).collect()
    } else {
        everywhere(config, &store, &first, &about, voice).await
    };
    let figures = Report::new(tip, about.now, config.window_days, &config.origin());
    telling::told(config, &figures, places, voice)
}

/// Takes what the ledger says to every place that was asked for.
async fn everywhere(
    config: &Config,
    store: &Arc<dyn Store>,
    first: &Reading,
    about: &About,
    voice: &Voice,
) -> Vec<Place> {
    let (pushed, shipped) = tokio::join!(
        async {
            match &config.pushgateway {
                Some(gateway) => {
                    Some(gateway::push(config, gateway, about, store, first, voice).await)
                }
                None => None,
            }
        },
        audit_trail::ship(config, store, first, voice),
    );
    let mut places: Vec<Place> = pushed.into_iter().collect();
    places.extend(textfile(config, about, first));
    places.extend(shipped);
    places
}

/// Whose totals they are. A lock that several environments share has one group for each role all the same: the totals
/// are the lock's, and a second group would count them twice.
fn subject(config: &Config, first: &Reading) -> Subject {
    let home = &first.snapshot.tip.home;
    let or = |known: &str, told: &str| if known.is_empty() { told } else { known }.to_owned();
    Subject {
        lock: config.lock.as_str().to_owned(),
        environment: or(&home.environment, &config.target),
        repository: or(&home.repository, &config.repository),
    }
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
