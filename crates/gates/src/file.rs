//! The file of gates: YAML text to gates, with every mistake told at once.

use std::path::PathBuf;

use crate::{Gate, Problems, Surroundings};

/// Reads `text`.
///
/// # Errors
/// Everything that is wrong, each with its line.
pub fn read(_text: &str, _around: &Surroundings) -> Result<Vec<Gate>, Problems> {
    Ok(Vec::new())
}

/// A simple input: `api-url`, `database-url`, `redis-url`.
pub struct Simple {
    /// The gate's name: `api`.
    pub name: &'static str,
    /// The kind's name: `http`.
    pub kind: &'static str,
    /// What its short form holds.
    pub value: String,
}

/// The gates of the simple inputs, as the file would have them in short form: `- {name: api, http: <value>}`.
///
/// # Errors
/// Everything that is wrong.
pub fn simple(_inputs: &[Simple], _around: &Surroundings) -> Result<Vec<Gate>, Problems> {
    Ok(Vec::new())
}

/// Where the gates stand: `text` itself, or the file of that path.
pub fn place(_text: &str, _workspace: &std::path::Path) -> Option<PathBuf> {
    None
}
