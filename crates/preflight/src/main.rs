//! `preflight`: every reason not to deploy, at once, with its mend.
//!
//! Reads the inputs into one configuration, asks every check beside the others, judges, tells the ledger, and reports.

mod asking;
mod config;
mod record;
mod run;
mod targets;
mod telling;

use std::{
    ffi::OsString,
    io::{self, Write},
    process,
};

use actions_kit::{Environment, ExitCode};
use leg::Voice;
use preflight::TABLE;

use crate::config::Config;

fn main() -> process::ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(answer) = TABLE.answer(&args) {
        return match io::stdout().write_all(answer.as_bytes()) {
            Ok(()) => ExitCode::Success.into(),
            Err(_) => ExitCode::Failed.into(),
        };
    }
    let environment = Environment::of_process();
    let config = match Config::read(environment.clone(), &args) {
        Ok(config) => config,
        Err(wrong) => return wrong.report(&environment, io::stdout()).into(),
    };
    let voice = Voice::new(&config.environment, config.redactor.clone());
    match run::run(&config, &voice) {
        Ok(code) => code.into(),
        Err(error) => {
            voice.error(&format!("failed to {error:#}"));
            ExitCode::Failed.into()
        }
    }
}
