//! `fence-guard`: runs a deployment's command on the target itself, and lets no older fencing token act after a newer one
//! (design §4, promise 3; design §9).
//!
//! Reads the options, then shows the state or asks to be admitted. Whether it is decides `admission`; `guard` keeps the order
//! in which things happen; `earlier` ends what an older token left, `unrecorded` finds what the state does not know of; `keeper`
//! holds the command; `file` is the disk.

mod admission;
mod attempt;
mod caller;
mod earlier;
mod error;
mod exit;
mod file;
mod form;
mod guard;
mod keeper;
mod options;
mod place;
mod request;
mod start;
mod state;
mod status;
mod toll;
mod unrecorded;
mod words;

use std::{
    ffi::OsString,
    io::{Write, stderr, stdout},
    path::Path,
    process::ExitCode,
};

use crate::{
    error::GuardError,
    exit::Exit,
    file::StateFile,
    options::Options,
    state::{Place, State},
};

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let exit = match options::read(&args) {
        Ok(options) => run(options).unwrap_or_else(|error| {
            words::say(&format!("failed to {error:#}"));
            Exit::UNAVAILABLE
        }),
        Err(wrong) => {
            let _nobody = stderr().write_all(options::report(&wrong).as_bytes());
            Exit::WRONG_OPTION
        }
    };
    exit.into()
}

fn run(options: Options) -> anyhow::Result<Exit> {
    let judged = match options {
        Options::Help => return print(options::HELP),
        Options::Version => return print(concat!("fence-guard ", env!("CARGO_PKG_VERSION"), "\n")),
        Options::Status { state, json } => match look(&state) {
            Ok((state, here)) if json => return print(&status::json(&state, &here)?),
            Ok((state, here)) => return print(&status::text(&state, &here)),
            Err(error) => Err(error),
        },
        Options::Run { state, request } => guard::run(&request, &StateFile::at(&state)),
    };
    Ok(judged.unwrap_or_else(|error| {
        error.tell();
        error.exit()
    }))
}

/// The state of a target, new where nothing was deployed to it yet.
fn look(path: &Path) -> Result<(State, Place), GuardError> {
    Ok((StateFile::at(path).show()?, Place::here()?))
}

fn print(text: &str) -> anyhow::Result<Exit> {
    stdout()
        .write_all(text.as_bytes())
        .map_err(|error| anyhow::Error::new(error).context("write the answer"))?;
    Ok(Exit::DONE)
}
