//! The audit trail beyond the ledger: every event as a line of JSON, in a file and in Loki (design §7, §8).
//!
//! Responsible for: the shape of a line, its tags, and what makes shipping the same entries twice or late harmless. Not
//! responsible for the ledger itself, nor for how far it was shipped before: the ledger's tip knows.

mod backwards;
mod file;
mod line;
mod loki;

pub use file::{EventsFile, FileError};
pub use line::{Origin, line};
pub use loki::{Loki, LokiError, LokiOptions, Output, Pushed};
