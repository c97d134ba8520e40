//! What a kind may know of the place where its gates are asked.

use std::path::PathBuf;

use actions_kit::{Environment, Redactor};
use probes::resolver::Resolver;

/// The place where gates are asked.
#[derive(Clone)]
pub struct Surroundings {
    /// Relative paths in a file of gates start here.
    pub workspace: PathBuf,
    /// The step's environment: what `command` gates see, and where the variables of a file come from.
    pub environment: Environment,
    /// Knows every secret that must not be shown; kinds add what they find in an address.
    pub redactor: Redactor,
    /// Names to addresses, shared by all gates.
    pub resolver: Resolver,
}
