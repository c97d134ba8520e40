//! The beginning and the end of every program: answer a question about itself, or read the inputs and run.

use std::{
    ffi::OsString,
    io::{self, Write},
};

use actions_kit::{Environment, ExitCode, Redactor, Summary, Table, WrongInputs};

use crate::{Section, Voice};

/// What a program was told, as far as its voice needs it.
pub trait Configuration: Sized {
    /// Where its words go.
    fn environment(&self) -> &Environment;
    /// What is never said.
    fn redactor(&self) -> &Redactor;
}

/// Runs a program: `--help` and the like are answered by `table`; wrong inputs are told all at once; else `run` decides
/// the exit code.
pub fn program<C: Configuration>(
    table: &Table,
    args: &[OsString],
    read: impl FnOnce(Environment, &[OsString]) -> Result<C, WrongInputs>,
    run: impl FnOnce(&C, &Voice) -> ExitCode,
) -> ExitCode {
    if let Some(answer) = table.answer(args) {
        return match io::stdout().write_all(answer.as_bytes()) {
            Ok(()) => ExitCode::Success,
            Err(_) => ExitCode::Failed,
        };
    }
    let environment = Environment::of_process();
    let config = match read(environment.clone(), args) {
        Ok(config) => config,
        Err(wrong) => {
            let code = wrong.report(&environment, io::stdout());
            let mut summary = Summary::new();
            summary.paragraph(&Section::WRONG_INPUT.line());
            // Where it cannot be written, the report has said so.
            let _said = summary.write(&environment, &Redactor::new());
            return code;
        }
    };
    let voice = Voice::new(config.environment(), config.redactor().clone());
    run(&config, &voice)
}
