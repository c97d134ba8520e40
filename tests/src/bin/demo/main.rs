//! The handover, live: two candidates as processes with default timing, a deploy command that takes a while, and
//! something that happens to the primary in the middle of it. Ends with what happened on one screen, checks that all
//! of it is so, and ends with 1 where it is not.

mod scenario;
mod screen;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use baton_tests::live::{Live, Stop};
use scenario::Scenario;

const HELP: &str = "\
Two runners are ready to deploy. One of them deploys, something happens to it, and the other takes over.
Everything is real but the runners: each is a process of its own on this machine, with a git repository as the store.

usage: make demo [ARGS=option]

  (nothing)     the first runner loses its power: everything on it gets SIGKILL     about 40 s
  --fail        the deploy command fails on the first runner                        about 20 s
  --partition   the first runner loses its way to the store, and must stop itself   about 50 s
  --help        this text

It ends with a timeline, the seconds that the handover took, and where the store and the summary lie.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let scenario = match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => Scenario::Killed,
        ["--fail"] => Scenario::Failed,
        ["--partition"] => Scenario::Partitioned,
        ["--help" | "-h"] => {
            let _unheard = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        _ => {
            let _unheard = io::stderr().write_all(HELP.as_bytes());
            return ExitCode::from(64);
        }
    };
    let mut live = Live::begin();
    match scenario::play(scenario, &mut live) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Stop::Interrupted) => {
            live.tell("interrupted: both runners are stopped, and nothing is left behind");
            ExitCode::from(130)
        }
        Err(Stop::InVain(awaited)) => {
            live.tell(&format!("failed to see {awaited}"));
            ExitCode::FAILURE
        }
    }
}
