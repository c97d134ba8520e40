//! What the user's commands are handed beside their own environment: what is deployed, and a file for their outputs.

use std::{
    ffi::{OsStr, OsString},
    fs::{DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::own_folder;

/// What a command is told of the deployment (design §4 rule 6); the supervisor adds what changes with each attempt.
#[derive(Clone, Copy, Debug)]
pub struct Carried<'a> {
    /// The deployment's id.
    pub deployment: &'a str,
    /// `production`
    pub environment: &'a str,
    /// What is deployed.
    pub version: &'a str,
    /// `primary` or `secondary`.
    pub role: &'a str,
    /// The runner's name.
    pub runner: &'a str,
    /// Who started the run.
    pub actor: &'a str,
}

impl Carried<'_> {
    /// The variables that say it.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        [
            ("BATON_DEPLOYMENT_ID", self.deployment),
            ("BATON_ENVIRONMENT", self.environment),
            ("BATON_VERSION", self.version),
            ("BATON_ROLE", self.role),
            ("BATON_RUNNER", self.runner),
            ("BATON_ACTOR", self.actor),
        ]
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
    }
}

/// This step's environment, as a command inherits it.
pub fn inherited() -> Vec<(OsString, OsString)> {
    std::env::vars_os()
        .filter(|(name, _)| !is_ours(name))
        .collect()
}

/// Our inputs are not the command's: the token least of all.
fn is_ours(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("INPUT_")
}

/// Where a command puts its outputs; `instance` tells the processes of legs apart that share a folder.
pub fn output_file(temp: &Path, instance: &str) -> PathBuf {
    own_folder(temp).join(format!("output-{instance}"))
}

/// Makes that file, empty and this user's alone.
///
/// # Errors
/// What the system said.
pub fn make_output_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_inputs_are_not_the_commands() {
        assert!(is_ours(OsStr::new("INPUT_GITHUB_TOKEN")));
        assert!(!is_ours(OsStr::new("DB_PASSWORD")));
    }
}
