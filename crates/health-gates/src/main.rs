//! `health-gates`: nobody calls it done until it is healthy.
//!
//! Reads inputs and gates into one configuration, judges every gate beside the others, renews the lease meanwhile where
//! there is one, and tells what came of it.

mod alerting;
mod alone;
mod config;
mod judging;
mod release;
mod telling;

use std::{ffi::OsString, process};

use actions_kit::ExitCode;
use health_gates::TABLE;
use leg::Voice;

use crate::config::{Config, Part};

/// musl's own allocator gives every larger block back to the kernel at once, and takes it again for the next try: a
/// fifth of what polling costs.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> process::ExitCode {
    supervisor::become_watchdog_if_asked();
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    leg::program(&TABLE, &args, Config::read, run).into()
}

fn run(config: &Config, voice: &Voice) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            voice.error(&format!("failed to start the runtime: {error}"));
            return ExitCode::Failed;
        }
    };
    for warning in &config.warnings {
        voice.warning(warning);
    }
    let code = runtime.block_on(async {
        match &config.part {
            Part::None => telling::skipped(config, voice),
            Part::Alone => alone::run(config, voice).await,
            Part::Release(step) => release::run(config, step, voice).await,
        }
    });
    // A look-up or a file system that hangs in a thread of its own must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    match code {
        Ok(code) => code,
        Err(error) => {
            voice.error(&format!("failed to {error:#}"));
            ExitCode::Failed
        }
    }
}
