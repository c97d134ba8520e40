//! `runner-failover`: lets exactly one of several runners deploy, and the next one when it fails.
//!
//! Reads the inputs into one configuration, runs the mode that was asked for, and reports. The decisions are the
//! `lease` crate's, the processes the `supervisor`'s.

mod alerting;
mod caution;
mod closing;
mod command_output;
mod config;
mod deploy;
mod diagnosing;
mod expire;
mod gates;
mod history;
mod news;
mod person;
mod queue;
mod report;
mod rerun;
mod results;
mod select;
mod status;
mod story;
mod timeline;
mod verdict;

use std::{ffi::OsString, process};

use actions_kit::ExitCode;
use leg::Voice;
use runner_failover::TABLE;

use crate::config::Config;

fn main() -> process::ExitCode {
    supervisor::become_watchdog_if_asked();
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    leg::program(&TABLE, &args, Config::read, |config, voice| {
        run(config, voice).unwrap_or_else(|error| {
            voice.error(&format!("failed to {error:#}"));
            ExitCode::ServiceUnavailable
        })
    })
    .into()
}

fn run(config: &Config, voice: &Voice) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match &config.mode {
            config::Mode::Deploy(lock, mode) => deploy::run(config, lock, mode, voice).await,
            config::Mode::Verdict(lock, mode) => verdict::run(config, lock, mode, voice).await,
            config::Mode::Status(lock, mode) => status::run(config, lock, mode, voice).await,
            config::Mode::Person(lock, mode) => person::run(config, lock, mode, voice).await,
            config::Mode::Select(mode) => Ok(select::run(config, mode, voice).await),
            config::Mode::ExpireApprovals(mode) => Ok(expire::run(config, mode, voice).await),
        }
    })
}
