//! GitHub's contract for an action, as a Rust program meets it: inputs, outputs, step summary, workflow commands,
//! masking, the run's context, exit codes, and the file that one step of a job leaves for the next (design §8).
//!
//! It knows nothing of leases, ledgers or deployments beyond their names, and it speaks no network protocol. Every
//! entry point takes an [`Environment`], arguments or a writer that are handed in: nothing here reads the process's
//! own environment after start, and nothing prints by itself.
//!
//! ```
//! use actions_kit::{Environment, Exit, ExitCode, GitHubContext, Input, Kind, Table};
//!
//! const TABLE: Table = Table {
//!     action: "greet",
//!     about: "greets somebody",
//!     modes: &[],
//!     inputs: &[
//!         Input::new("name", Kind::Text, "Who is greeted.").required(),
//!         Input::new("patience", Kind::DURATION, "How long to wait for an answer.").with_default("5m"),
//!     ],
//!     flags: &[],
//!     outputs: &[],
//!     exit_codes: &[
//!         Exit { code: ExitCode::Success, help: "greeted" },
//!         Exit { code: ExitCode::WrongInput, help: "an input is wrong" },
//!     ],
//! };
//!
//! fn run(environment: &Environment, args: &[std::ffi::OsString]) -> ExitCode {
//!     if let Some(text) = TABLE.answer(args) {
//!         print!("{text}");
//!         return ExitCode::Success;
//!     }
//!     let (inputs, mut wrong) = TABLE.read(environment, args);
//!     let context = GitHubContext::read(environment, &mut wrong);
//!     if let Err(wrong) = wrong.into_result(()) {
//!         return wrong.report(environment, std::io::stdout());
//!     }
//!     println!("{} greets {}", context.actor.unwrap_or_default(), inputs.text("name"));
//!     ExitCode::Success
//! }
//!
//! assert!(TABLE.check().is_empty());
//! assert_eq!(run(&Environment::from([("INPUT_NAME", "Ada")]), &[]), ExitCode::Success);
//! assert_eq!(run(&Environment::default(), &["--patience=soon".into()]), ExitCode::WrongInput);
//! ```

mod arguments;
pub mod candidate_file;
pub mod command;
pub mod context;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod credentials;
pub mod duration;
mod environment;
pub mod exit;
mod file;
mod help;
mod input;
pub mod markdown;
pub mod output;
mod parse;
mod parsed;
pub mod redact;
mod secret;
mod status;
pub mod suggest;
pub mod summary;
mod table;
#[cfg(test)]
mod test_table;
mod value;
mod wrong;

pub use candidate_file::CandidateFile;
pub use command::Commands;
pub use context::GitHubContext;
pub use credentials::{has_credentials, without_credentials};
pub use environment::Environment;
pub use exit::{CheckGroup, ExitCode};
pub use file::{replace, write_whole};
pub use help::{TARGET, VERSION};
pub use input::{Input, Kind};
pub use output::Outputs;
pub use parsed::Parsed;
pub use redact::Redactor;
pub use secret::{EmptySecret, Secret};
pub use status::Status;
pub use summary::Summary;
pub use table::{Exit, Flag, Mode, Output, Table};
pub use wrong::{WrongInput, WrongInputs};

/// Whether something that GitHub offers a file for reached that file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// It was appended to the file that GitHub named.
    ToFile,
    /// The variable that names the file is unset (a terminal, another forge): nothing was written, and the caller may
    /// print it instead.
    NoFile,
}
