//! `push-metrics`: turns the ledger into metrics, ships its events, and shows the figures of the last days.
//!
//! Reads the inputs into one configuration, reads the ledger once, and takes what was asked for to each place side by
//! side. Nothing that fails here changes how a deployment ended: the ledger has it all, and the next push carries it.

mod audit_trail;
mod config;
mod empty;
mod gateway;
mod reading;
mod run;
mod services;
mod telling;
mod tries;

use std::{ffi::OsString, process};

use actions_kit::ExitCode;
use leg::Voice;
use push_metrics::TABLE;

use crate::config::Config;

fn main() -> process::ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    leg::program(&TABLE, &args, Config::read, run).into()
}

fn run(config: &Config, voice: &Voice) -> ExitCode {
    run::run(config, voice).unwrap_or_else(|error| {
        voice.error(&format!("failed to {error:#}"));
        ExitCode::Failed
    })
}
