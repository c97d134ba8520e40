//! The file that the first baton step of a job leaves for the later ones: `$RUNNER_TEMP/baton/candidate.json`
//! (design §8).
//!
//! Not responsible for deciding anything by it: the store's record does. No secret goes into it.

use std::{
    fs::{DirBuilder, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Redactor, has_credentials};

/// The schema that this version writes, and the newest that it reads.
pub const SCHEMA: u32 = 1;

/// What later steps of a job need not be told again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CandidateFile {
    /// [`SCHEMA`]; a reader refuses a newer one.
    pub schema: u32,
    /// `<owner>/<repo>/<run_id>/<run_attempt>`
    pub deployment_id: String,
    /// `production`
    pub environment: String,
    /// The lock, where it is not the usual one of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_name: Option<String>,
    /// The store; absent where its address holds credentials, and then repeated as an input by each step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Whether a store was left out for its credentials: a later step that names none is not meant to take the default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub store_left_out: bool,
    /// This leg's number, from 1.
    pub candidate: u32,
    /// How many legs the deployment has.
    pub candidates: u32,
    /// `primary` or `secondary`.
    pub role: String,
    /// The token of the lease, where this candidate holds or held it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fencing_token: Option<u64>,
    /// The nonce of the last write of this candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// How the deployment ended, where it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether the deployment ends with its gates (`await-gates`); absent before a step that deploys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub await_gates: Option<bool>,
    /// What to run when the deployment fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Hook>,
    /// Fields that another version wrote; they survive a rewrite.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A command, and where it runs. Its variables stand in the job's `env`, never here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// The script, for `bash -eo pipefail`.
    pub run: String,
    /// The folder, absolute; absent: the step's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<PathBuf>,
    /// How long it may take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// From SIGTERM to SIGKILL, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_millis: Option<u64>,
}

/// What became of a store's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum StoreKept {
    /// Later steps find it in the file.
    Kept,
    /// It holds credentials and stays out: later steps need it as an input.
    LeftOut,
}

/// Why the file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CandidateFileError {
    /// The folder under `RUNNER_TEMP` cannot be made, or is not a folder of our own.
    #[error("make the folder {path} for this job's user alone")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is there and cannot be read.
    #[error("read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content is not what a baton step writes.
    #[error("understand {path}: it was changed, or written by something else")]
    Content {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong; no value is quoted.
        reason: String,
    },
    /// A newer version wrote it.
    #[error(
        "understand {path}: its schema {found} is newer than {SCHEMA}; use one version of baton in all steps of a job"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The schema it names.
        found: u64,
    },
    /// A value is a known secret.
    #[error(
        "write {path}: `{field}` holds a secret; put it into the job's `env` and use the variable"
    )]
    HoldsSecret {
        /// The file.
        path: PathBuf,
        /// The field, as a JSON pointer (RFC 6901).
        field: String,
    },
}

impl CandidateFile {
    /// The file of a job whose runner has this `RUNNER_TEMP`.
    pub fn path(runner_temp: &Path) -> PathBuf {
        runner_temp.join("baton").join("candidate.json")
    }

    /// A file with what every candidate knows; the rest is absent.
    pub fn new(
        deployment_id: impl Into<String>,
        environment: impl Into<String>,
        candidate: u32,
        candidates: u32,
        role: impl Into<String>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            deployment_id: deployment_id.into(),
            environment: environment.into(),
            lock_name: None,
            store: None,
            store_left_out: false,
            candidate,
            candidates,
            role: role.into(),
            fencing_token: None,
            nonce: None,
            outcome: None,
            version: None,
            await_gates: None,
            on_failure: None,
            other: Map::new(),
        }
    }

    /// Keeps the store's address, unless it holds credentials; then it keeps that there is one.
    pub fn set_store(&mut self, store: &str) -> StoreKept {
        let secret = has_credentials(store);
        self.store = (!secret).then(|| store.to_owned());
        self.store_left_out = secret;
        if secret {
            StoreKept::LeftOut
        } else {
            StoreKept::Kept
        }
    }

    /// Writes the file with mode 0600 into a folder of mode 0700: whole, or not at all. A store with credentials is
    /// left out whoever put it there.
    ///
    /// # Errors
    /// [`CandidateFileError`]; a value that `redactor` knows is refused and named by its field.
    pub fn write(&self, runner_temp: &Path, redactor: &Redactor) -> Result<(), CandidateFileError> {
        let path = Self::path(runner_temp);
        let failed = |source: io::Error| CandidateFileError::Write {
            path: path.clone(),
            source,
        };
        let mut file = self.clone();
        file.schema = SCHEMA;
        if let Some(store) = file.store.take_if(|store| has_credentials(store)) {
            let _left_out = file.set_store(&store);
        }
        let value = serde_json::to_value(&file).map_err(|error| failed(error.into()))?;
        if let Some(field) = secret_field(&value, redactor) {
            return Err(CandidateFileError::HoldsSecret { path, field });
        }
        let folder = path.parent().unwrap_or(runner_temp);
        make_folder(folder).map_err(|source| CandidateFileError::Folder {
            path: folder.into(),
            source,
        })?;
        let text = format!("{value:#}\n");
        replace(folder, &path, text.as_bytes()).map_err(failed)
    }

    /// Reads the file; `None` where no earlier step left one.
    ///
    /// # Errors
    /// [`CandidateFileError`] where it is there and is not what a baton step of this version writes.
    pub fn read(runner_temp: &Path) -> Result<Option<Self>, CandidateFileError> {
        let path = Self::path(runner_temp);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CandidateFileError::Read { path, source }),
        };
        let content = |reason: String| CandidateFileError::Content {
            path: path.clone(),
            reason,
        };
        let value: Value = serde_json::from_str(&text).map_err(|error| content(place(&error)))?;
        // Asked first: a newer file may lack what this version needs, and that is not damage.
        match value.get("schema").and_then(Value::as_u64) {
            Some(found) if found > u64::from(SCHEMA) => {
                Err(CandidateFileError::NewerSchema { path, found })
            }
            Some(_) => serde_json::from_value(value)
                .map(Some)
                .map_err(|error| content(place(&error))),
            None => Err(content(String::from("`schema` is missing"))),
        }
    }
}

/// What is wrong, without the values that serde quotes in its text.
fn place(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => String::from("a field is missing or of another type"),
        _ => format!(
            "no JSON at line {}, column {}",
            error.line(),
            error.column()
        ),
    }
}

/// The JSON pointer of the first text that holds a secret.
fn secret_field(value: &Value, redactor: &Redactor) -> Option<String> {
    let child =
        |name: &str, value: &Value| Some(format!("/{name}{}", secret_field(value, redactor)?));
    match value {
        Value::String(text) => redactor.finds_secret_in(text).then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, item)| child(&at.to_string(), item)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| child(name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        done => return done,
    }
    // A link could lead the file anywhere.
    if !std::fs::symlink_metadata(folder)?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory));
    }
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))
}

/// Writes beside `path` and renames, so that a reader sees the old content or the new.
fn replace(folder: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = folder.join(format!(".candidate.json.{}", std::process::id()));
    // What a killed process of the same number left.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(content)?;
        std::fs::rename(&beside, path)
    };
    let written = write();
    if written.is_err() {
        // The first error tells the story; a second one while tidying up does not.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn file() -> CandidateFile {
        CandidateFile::new("o/r/42/1", "production", 1, 2, "primary")
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path)
            .expect("metadata")
            .permissions()
            .mode()
            & 0o777
    }

    #[test]
    fn what_one_step_wrote_the_next_one_reads() {
        let temp = folder();
        assert_eq!(CandidateFile::read(temp.path()).expect("no error"), None);
        let mut file = file();
        file.fencing_token = Some(u64::MAX);
        file.on_failure = Some(Hook {
            run: String::from("./roll-back\n"),
            working_directory: Some(PathBuf::from("/srv/app")),
            timeout_seconds: Some(600),
            grace_millis: Some(3000),
        });
        file.write(temp.path(), &Redactor::new()).expect("written");
        assert_eq!(CandidateFile::read(temp.path()).expect("read"), Some(file));
    }

    #[test]
    fn the_file_and_its_folder_are_for_one_user_alone() {
        let temp = folder();
        std::fs::create_dir(temp.path().join("baton")).expect("a folder that everybody may read");
        for _ in 0..2 {
            file()
                .write(temp.path(), &Redactor::new())
                .expect("written");
        }
        let path = CandidateFile::path(temp.path());
        assert_eq!(
            (mode(&path), mode(path.parent().expect("a folder"))),
            (0o600, 0o700)
        );
        let left = std::fs::read_dir(path.parent().expect("a folder"))
            .expect("entries")
            .count();
        assert_eq!(left, 1, "nothing but the file is left behind");
    }

    #[test]
    fn a_folder_that_is_a_link_is_refused() {
        let (temp, elsewhere) = (folder(), folder());
        std::os::unix::fs::symlink(elsewhere.path(), temp.path().join("baton")).expect("a link");
        let error = file()
            .write(temp.path(), &Redactor::new())
            .expect_err("refused");
        assert!(
            matches!(error, CandidateFileError::Folder { .. }),
            "{error}"
        );
        assert_eq!(
            std::fs::read_dir(elsewhere.path())
                .expect("entries")
                .count(),
            0
        );
    }

    #[test]
    fn a_store_with_credentials_stays_out() {
        let temp = folder();
        let mut file = file();
        assert_eq!(file.set_store("git"), StoreKept::Kept);
        assert_eq!(file.store.as_deref(), Some("git"));
        assert_eq!(
            file.set_store("postgres://u:canary@h/d"),
            StoreKept::LeftOut
        );
        assert_eq!((&file.store, file.store_left_out), (&None, true));
        assert_eq!(file.set_store("git"), StoreKept::Kept);
        assert!(!file.store_left_out);
        file.store = Some(String::from("postgres://u:canary@h/d"));
        file.write(temp.path(), &Redactor::new()).expect("written");
        let text = std::fs::read_to_string(CandidateFile::path(temp.path())).expect("text");
        assert!(
            !text.contains("canary") && !text.contains("postgres"),
            "{text}"
        );
        let read = CandidateFile::read(temp.path()).expect("read");
        let read = read.expect("a file");
        assert_eq!((read.store, read.store_left_out), (None, true));
    }

    #[test]
    fn a_secret_anywhere_is_refused_and_not_shown() {
        let temp = folder();
        let redactor = Redactor::new();
        redactor.add(&Secret::new("canary-7f3a").expect("a secret"));
        let mut hooked = file();
        hooked.on_failure = Some(Hook {
            run: String::from("curl -u canary-7f3a"),
            working_directory: None,
            timeout_seconds: None,
            grace_millis: None,
        });
        let mut other = file();
        other.other.insert(
            String::from("later"),
            serde_json::json!([{ "x": "see canary-7f3a" }]),
        );
        for (file, field) in [(hooked, "/on_failure/run"), (other, "/later/0/x")] {
            let error = file.write(temp.path(), &redactor).expect_err("refused");
            let text = format!("{error} {error:?}");
            assert!(text.contains(field) && !text.contains("canary"), "{text}");
        }
        assert!(!CandidateFile::path(temp.path()).exists());
    }

    #[test]
    fn fields_of_another_version_survive_a_rewrite() {
        let temp = folder();
        let mut file = file();
        file.other
            .insert(String::from("gates_deadline"), Value::from("5m"));
        file.write(temp.path(), &Redactor::new()).expect("written");
        let mut read = CandidateFile::read(temp.path())
            .expect("read")
            .expect("a file");
        read.outcome = Some(String::from("succeeded"));
        read.write(temp.path(), &Redactor::new()).expect("written");
        let read = CandidateFile::read(temp.path())
            .expect("read")
            .expect("a file");
        assert_eq!(read.other["gates_deadline"], "5m");
        assert_eq!(read.outcome.as_deref(), Some("succeeded"));
    }

    #[test]
    fn a_file_that_is_not_ours_is_a_clear_error_that_quotes_nothing() {
        let temp = folder();
        file()
            .write(temp.path(), &Redactor::new())
            .expect("written");
        let path = CandidateFile::path(temp.path());
        for (text, wanted) in [
            ("", "it was changed"),
            (
                "{\"schema\": 1, \"environment\": \"canary-7f3a",
                "it was changed",
            ),
            (
                "{\"schema\": 1, \"candidate\": \"canary-7f3a\"}",
                "it was changed",
            ),
            ("{}", "it was changed"),
            ("[]", "it was changed"),
            (
                "{\"schema\": 2, \"deployment\": {}}",
                "schema 2 is newer than 1",
            ),
        ] {
            std::fs::write(&path, text).expect("written");
            let error = CandidateFile::read(temp.path()).expect_err(text);
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains(wanted) && !shown.contains("canary"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_not_taken_for_an_absent_one() {
        let temp = folder();
        std::fs::create_dir_all(CandidateFile::path(temp.path()))
            .expect("a folder in the file's place");
        let error = CandidateFile::read(temp.path()).expect_err("an error");
        assert!(matches!(error, CandidateFileError::Read { .. }), "{error}");
    }
}
