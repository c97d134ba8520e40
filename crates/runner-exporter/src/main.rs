//! `runner-exporter`: tells Prometheus how the GitHub Actions runners of this host are (design §9).
//!
//! Reads the options and the settings, then serves scrapes, or writes them to a file. `collect` finds the runners and
//! writes a scrape down; `runner` judges one of them, by its service and processes (`procs`), its log (`diag`, `session`) and its
//! connections (`sockets`, `inet_diag`); `usage` and `docker` measure the host; `metrics` is the list of all metrics.

mod accept;
mod asker;
mod collect;
mod diag;
mod docker;
mod http;
mod inet_diag;
mod metrics;
mod options;
mod procs;
mod registration;
mod runner;
mod server;
mod session;
mod settings;
mod sockets;
mod textfile;
mod unit;
mod usage;
mod words;

use std::{
    ffi::OsString,
    future::Future,
    io::{Write, stderr, stdout},
    net::SocketAddr,
    path::Path,
    process,
    time::Duration,
};

use actions_kit::ExitCode;
use anyhow::Context;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::LocalSet,
    time::sleep,
};

use crate::{
    asker::Asker,
    collect::{Collector, Places},
    docker::Docker,
    metrics::Format,
    options::{Options, Run, Work},
    server::Sources,
    settings::Settings,
    words::say,
};

/// Before the only scrape of `--textfile`: what the CPUs did meanwhile is told.
const MEASURED: Duration = Duration::from_secs(1);

fn main() -> process::ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let code = match options::read(&args) {
        Ok(options) => run(options).unwrap_or_else(|error| {
            say(&format!("failed to {error:#}"));
            ExitCode::ServiceUnavailable
        }),
        Err(wrong) => {
            let _nobody = stderr().write_all(options::report(&wrong).as_bytes());
            ExitCode::WrongInput
        }
    };
    code.into()
}

fn run(options: Options) -> anyhow::Result<ExitCode> {
    let run = match options {
        Options::Help => return print(options::HELP),
        Options::Version => {
            return print(concat!("runner-exporter ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        Options::Run(run) => *run,
    };
    let settings = match settings(&run) {
        Ok(settings) => settings,
        Err(error) => {
            say(&format!("failed to {error}"));
            return Ok(ExitCode::WrongInput);
        }
    };
    let places = Places {
        units: run.units.clone(),
        cgroups: run.cgroups.clone(),
    };
    let collector = Collector::new(places, settings);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start")?;
    let done = runtime.block_on(LocalSet::new().run_until(async {
        match &run.work {
            Work::Serve(address) => serve(*address, &run, collector).await,
            Work::Textfile { folder, every } => write(folder, *every, &run, collector).await,
        }
    }));
    // A thread that a dead file system holds must not keep the program.
    runtime.shutdown_background();
    done.map(|()| ExitCode::Success)
}

/// The file with what options say.
fn settings(run: &Run) -> Result<Settings, settings::SettingsError> {
    let file = run.config.as_deref().map(Settings::read).transpose()?;
    Ok(file.unwrap_or_default().beside(&run.settings))
}

async fn serve(address: SocketAddr, run: &Run, collector: Collector) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listen on {address}"))?;
    say(&format!(
        "listening on {}",
        listener.local_addr().unwrap_or(address)
    ));
    let sources = Sources {
        asker: Asker::start(collector).context("start a thread")?,
        docker: Docker::at(run.docker.as_deref()),
    };
    let (stop, stopping) = watch::channel(false);
    let asker = sources.asker.clone();
    let ended = ended()?;
    let mut reload = signal(SignalKind::hangup()).context("handle SIGHUP")?;
    tokio::task::spawn_local(async move {
        ended.await;
        let _served = stop.send(true);
    });
    let reloads = async {
        while reload.recv().await.is_some() {
            match settings(run) {
                Ok(settings) => {
                    asker.reload(settings);
                    say("reloaded");
                }
                Err(error) => say(&format!("goes on as before: failed to {error}")),
            }
        }
    };
    tokio::select! {
        () = server::serve(listener, sources, stopping) => {}
        () = reloads => {}
    }
    Ok(())
}

async fn write(
    folder: &Path,
    every: Option<Duration>,
    run: &Run,
    mut collector: Collector,
) -> anyhow::Result<()> {
    let docker = Docker::at(run.docker.as_deref());
    let mut ended = std::pin::pin!(ended()?);
    let mut reload = signal(SignalKind::hangup()).context("handle SIGHUP")?;
    let mut pause = MEASURED;
    loop {
        tokio::select! {
            () = &mut ended => return Ok(()),
            Some(()) = reload.recv(), if every.is_some() => match settings(run) {
                Ok(settings) => collector.reload(settings),
                Err(error) => say(&format!("goes on as before: failed to {error}")),
            },
            () = sleep(pause) => {
                let up = docker.is_up_surely().await;
                let text = collector.look().text(Format::Prometheus, up, docker.unasked());
                match (textfile::write(folder, &text), every) {
                    (written, None) => return Ok(written?),
                    // The disk may be full for a while.
                    (Err(error), _) => say(&format!("failed to {error}")),
                    (Ok(()), _) => {}
                }
                pause = every.unwrap_or(MEASURED);
            }
        }
    }
}

/// SIGTERM or SIGINT.
fn ended() -> anyhow::Result<impl Future<Output = ()> + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("handle SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    stdout()
        .write_all(text.as_bytes())
        .context("write the answer")?;
    Ok(ExitCode::Success)
}
