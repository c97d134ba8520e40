//! What an administrator says of the runners of a host, which neither their folders nor GitHub tell: a small JSON file,
//! read again on SIGHUP.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// The file, and what options say beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Of every runner that has none of its own.
    pub(crate) environment: Option<String>,
    /// Of every runner for which nothing else is said.
    pub(crate) authorized_for_prod: Option<bool>,
    /// Folders of runners that are no systemd service.
    pub(crate) runner_dirs: Vec<PathBuf>,
    /// By the runner's name.
    pub(crate) runners: BTreeMap<String, About>,
}

/// What is said of one runner.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct About {
    pub(crate) environment: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) authorized_for_prod: Option<bool>,
    pub(crate) labels: Vec<String>,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("understand {}: {source}", path.display())]
    Format {
        path: PathBuf,
        source: serde_json::Error,
    },
}

impl Settings {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Settings, SettingsError> {
        let path = path.to_owned();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(SettingsError::Read { path, source }),
        };
        serde_json::from_str(&text).map_err(|source| SettingsError::Format { path, source })
    }

    /// Adds what options say: the file has the last word on what both name.
    pub(crate) fn beside(mut self, options: &Settings) -> Settings {
        self.environment = self.environment.or_else(|| options.environment.clone());
        self.authorized_for_prod = self.authorized_for_prod.or(options.authorized_for_prod);
        self.runner_dirs.extend(options.runner_dirs.iter().cloned());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        fs::write(&path, text).unwrap();
        Settings::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_runner_may_differ_from_its_host() {
        let settings = read(r#"{"environment":"staging","runners":{"a":{"environment":"production","authorized_for_prod":true,"labels":["x"]}}}"#).unwrap();
        assert_eq!(settings.environment.as_deref(), Some("staging"));
        let about = &settings.runners["a"];
        assert_eq!(about.environment.as_deref(), Some("production"));
        assert_eq!(about.authorized_for_prod, Some(true));
    }

    #[test]
    fn a_misspelt_field_is_refused_with_its_line() {
        let error = read("{\n \"enviroment\": \"production\"\n}").unwrap_err();
        assert!(
            error.contains("unknown field `enviroment`") && error.contains("line 2"),
            "{error}"
        );
    }

    #[test]
    fn the_file_has_the_last_word() {
        let options = Settings {
            environment: Some("a".into()),
            authorized_for_prod: Some(true),
            ..Settings::default()
        };
        let file = Settings {
            environment: Some("b".into()),
            ..Settings::default()
        };
        let both = file.beside(&options);
        assert_eq!(both.environment.as_deref(), Some("b"));
        assert_eq!(both.authorized_for_prod, Some(true));
    }
}
