//! GitHub's contract for an action, as a Rust program meets it: inputs, outputs, step summary, workflow commands,
//! masking, the run's context, exit codes, and the file that one step of a job leaves for the next (design §8).
//!
//! It knows nothing of leases, ledgers or deployments beyond their names, and it speaks no network protocol. Every
//! entry point takes an [`Environment`], arguments or a writer that are handed in: nothing here reads the process's
//! own environment after start, and nothing prints by itself.

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
mod help;
mod input;
pub mod markdown;
pub mod output;
mod parse;
mod parsed;
pub mod redact;
mod secret;
mod suggest;
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
pub use help::{TARGET, VERSION};
pub use input::{Input, Kind};
pub use output::Outputs;
pub use parsed::Parsed;
pub use redact::Redactor;
pub use secret::{EmptySecret, Secret};
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
