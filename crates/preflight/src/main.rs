//! `preflight`: every reason not to deploy, at once, with its mend.
//!
//! Reads the inputs into one configuration, asks every check beside the others, judges, tells the ledger, and reports.

mod asking;
mod config;
mod record;
mod run;
mod targets;
mod telling;

use std::{ffi::OsString, process};

use actions_kit::ExitCode;
use preflight::TABLE;

use crate::config::Config;

fn main() -> process::ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    leg::program(&TABLE, &args, Config::read, |config, voice| {
        run::run(config, voice).unwrap_or_else(|error| {
            voice.error(&format!("failed to {error:#}"));
            ExitCode::Failed
        })
    })
    .into()
}
