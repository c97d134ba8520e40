//! The command to run: what the caller asks for, and the file it is written to.

use std::ffi::OsString;
use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

/// A command to run as a `run:` step of GitHub Actions would.
///
/// It runs as `bash --noprofile --norc -eo pipefail <file>` (GitHub, "Workflow syntax", `jobs.<job_id>.steps[*].shell`),
/// with nothing on its standard input. Not `Debug`: the environment holds secrets.
#[derive(Clone)]
pub struct CommandSpec {
    /// The text of the command, one or several lines of `bash`.
    pub script: String,
    /// Working directory.
    pub cwd: PathBuf,
    /// The whole environment of the command. Names that start with `INPUT_` are left out: they are inputs of the
    /// supervising action, not of the command.
    pub env: Vec<(OsString, OsString)>,
    /// Stopped gracefully when it ran this long, on `CLOCK_BOOTTIME`, and reported as timed out.
    pub timeout: Option<Duration>,
}

impl CommandSpec {
    pub(crate) fn kept_env(&self) -> impl Iterator<Item = &(OsString, OsString)> {
        self.env
            .iter()
            .filter(|(name, _)| !name.as_bytes().starts_with(b"INPUT_"))
    }
}

/// The command's file, in a folder of its own; both go when this is dropped.
#[derive(Debug)]
pub(crate) struct Script {
    dir: TempDir,
}

impl Script {
    /// Folder mode 0700 and file mode 0600: a script may hold secrets that a template put there.
    pub(crate) fn write(temp_dir: &Path, text: &str) -> io::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("baton-command-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(temp_dir)?;
        let script = Self { dir };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(script.file())?;
        file.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            file.write_all(b"\n")?;
        }
        Ok(script)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("command.sh")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_script_is_readable_by_its_owner_only_and_goes_with_its_folder() {
        let temp = tempfile::tempdir().unwrap();
        let script = Script::write(temp.path(), "echo hello").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(script.dir()), 0o700);
        assert_eq!(mode(&script.file()), 0o600);
        assert_eq!(fs::read_to_string(script.file()).unwrap(), "echo hello\n");
        drop(script);
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
    }

    #[test]
    fn inputs_of_the_action_do_not_reach_the_command() {
        let spec = CommandSpec {
            script: String::new(),
            cwd: PathBuf::from("/"),
            env: [
                ("INPUT_GITHUB_TOKEN", "secret"),
                ("PATH", "/bin"),
                ("MY_INPUT_", "kept"),
            ]
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec(),
            timeout: None,
        };
        let kept: Vec<_> = spec
            .kept_env()
            .map(|(name, _)| name.to_str().unwrap())
            .collect();
        assert_eq!(kept, ["PATH", "MY_INPUT_"]);
    }
}
