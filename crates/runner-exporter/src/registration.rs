//! What a runner's folder says about the runner: `.runner`, which `config.sh` writes, and `.env`, which the listener
//! hands to every job (<https://docs.github.com/actions/hosting-your-own-runners>).
//!
//! Not responsible for credentials: they lie in other files, which are never opened.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// What the registration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registration {
    /// The runner's name in GitHub, `RUNNER_NAME` of its jobs.
    pub(crate) name: String,
    /// The repository or organisation it belongs to; empty where it does not say.
    pub(crate) url: String,
    /// The runner group.
    pub(crate) group: String,
    /// Where jobs work; as it stands in the file it may be relative to the runner's folder.
    pub(crate) work: PathBuf,
    /// `.env`, by name.
    pub(crate) variables: BTreeMap<String, String>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistrationError {
    #[error("read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("understand {}: {source}", path.display())]
    Format {
        path: PathBuf,
        source: serde_json::Error,
    },
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    agent_name: String,
    #[serde(default)]
    git_hub_url: Option<String>,
    #[serde(default)]
    pool_name: Option<String>,
    #[serde(default)]
    work_folder: Option<String>,
}

impl Registration {
    /// Reads a runner's folder.
    pub(crate) fn read(folder: &Path) -> Result<Registration, RegistrationError> {
        let path = folder.join(".runner");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(RegistrationError::Read { path, source }),
        };
        // .NET writes a byte order mark.
        let settings: Settings = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|source| RegistrationError::Format { path, source })?;
        let work = settings.work_folder.filter(|work| !work.is_empty());
        Ok(Registration {
            name: settings.agent_name,
            url: settings.git_hub_url.unwrap_or_default(),
            group: settings.pool_name.unwrap_or_default(),
            work: folder.join(work.unwrap_or_else(|| "_work".into())),
            variables: fs::read_to_string(folder.join(".env"))
                .map(|text| variables(&text))
                .unwrap_or_default(),
        })
    }

    /// A variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// `owner/repository` or `organisation`, to tell runners of one name apart.
    pub(crate) fn owner(&self) -> &str {
        let path = self.url.split_once("://").map_or("", |(_, rest)| rest);
        path.split_once('/')
            .map_or("", |(_, path)| path.trim_matches('/'))
    }
}

/// When the two files were last written: what was read holds as long as these stand.
pub(crate) fn written(folder: &Path) -> [Option<SystemTime>; 2] {
    [".runner", ".env"].map(|name| {
        fs::metadata(folder.join(name))
            .and_then(|file| file.modified())
            .ok()
    })
}

/// As the listener reads it: a name, `=`, the value as it is, one a line; no quotation marks, no `export`.
fn variables(text: &str) -> BTreeMap<String, String> {
    text.trim_start_matches('\u{feff}')
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Registration, RegistrationError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Registration::read(folder.path()).map(|mut registration| {
            registration.work = registration
                .work
                .strip_prefix(folder.path())
                .map(Path::to_owned)
                .unwrap_or(registration.work.clone());
            registration
        })
    }

    #[test]
    fn a_byte_order_mark_before_the_registration_is_no_mistake() {
        let runner = "\u{feff}{\n  \"agentId\": 7,\n  \"agentName\": \"runner-1\",\n  \"poolName\": \"Default\",\n  \"gitHubUrl\": \"https://github.com/acme/shop\",\n  \"workFolder\": \"_work\"\n}";
        let found = read(&[
            (".runner", runner),
            (".env", "LANG=C.UTF-8\r\nBATON_RUNNER_ROLE=primary\n#no\n"),
        ])
        .unwrap();
        assert_eq!(found.name, "runner-1");
        assert_eq!(found.owner(), "acme/shop");
        assert_eq!(found.group, "Default");
        assert_eq!(found.work, Path::new("_work"));
        assert_eq!(found.variable("BATON_RUNNER_ROLE"), Some("primary"));
    }

    #[test]
    fn an_absolute_work_folder_stands_as_it_is() {
        let found = read(&[(
            ".runner",
            "{\"agentName\":\"a\",\"workFolder\":\"/data/work\"}",
        )])
        .unwrap();
        assert_eq!(found.work, Path::new("/data/work"));
        assert_eq!((found.owner(), found.variable("X")), ("", None));
    }

    #[test]
    fn what_is_no_registration_is_told_with_its_path() {
        let error = read(&[(".runner", "{}")]).unwrap_err().to_string();
        assert!(
            error.contains("/.runner: missing field `agentName`"),
            "{error}"
        );
        let error = read(&[]).unwrap_err().to_string();
        assert!(error.contains("/.runner: No such file"), "{error}");
    }
}
