//! `preflight`: every reason not to deploy, at once, with its mend (design §8).
//!
//! The library is what the program is made of and what tests hold against the documents: the table of inputs, the
//! catalogue of checks, and the checks. Measuring is the `probes`, `github` and `inventory` crates' work.

pub mod catalogue;
pub mod checks;
pub mod finding;
mod inputs;
pub mod judgement;
pub mod report;
pub mod selection;
pub mod settings_file;

pub use finding::{Finding, Part, Status};
pub use inputs::TABLE;
