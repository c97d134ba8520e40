//! What the `docker` command would find in its environment.

use std::{
    ffi::OsString,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The variables and folders that decide where Docker is
/// (<https://docs.docker.com/reference/cli/docker/#environment-variables>). Empty counts as unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `DOCKER_HOST`: `unix:///var/run/docker.sock`, `tcp://192.0.2.7:2376`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`: a context's name.
    pub context: Option<String>,
    /// `DOCKER_CONFIG`: the folder of the configuration, in place of `~/.docker`.
    pub config: Option<PathBuf>,
    /// `DOCKER_CERT_PATH`: the folder with `ca.pem`, `cert.pem` and `key.pem`, in place of the configuration's.
    pub cert_path: Option<PathBuf>,
    /// `DOCKER_TLS_VERIFY`: TLS with a checked certificate, where not empty.
    pub tls_verify: Option<String>,
    /// `DOCKER_TLS`: TLS, where not empty.
    pub tls: Option<String>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `PATH`, for `docker`, `docker-compose` and credential helpers.
    pub path: Option<OsString>,
}

impl Environment {
    /// The folder of the configuration, where there can be one.
    pub fn config_folder(&self) -> Option<PathBuf> {
        match (&self.config, &self.home) {
            (Some(folder), _) if !folder.as_os_str().is_empty() => Some(folder.clone()),
            (_, Some(home)) if !home.as_os_str().is_empty() => Some(home.join(".docker")),
            _ => None,
        }
    }

    /// Where the program `name` lies on `PATH`.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(self.path.as_ref()?)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|file| executable(file))
    }
}

/// A variable's content, where it has one.
pub(super) fn set(value: Option<&String>) -> Option<&str> {
    value.map(String::as_str).filter(|text| !text.is_empty())
}

fn executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
