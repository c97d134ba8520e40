//! A text as a file that node_exporter reads.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// node_exporter runs as another user. The umask has no say in it.
const MODE: u32 = 0o644;

/// Why the file was not written.
#[derive(Debug, thiserror::Error)]
pub enum TextfileError {
    /// node_exporter would pass over it in silence.
    #[error("write {}: node_exporter reads files that end in .prom alone", path.display())]
    Name {
        /// Which.
        path: PathBuf,
    },
    /// The system refused.
    #[error("write {}: {error}", path.display())]
    System {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Writes `text` to `path` for everybody to read: beside it first, then renamed, so that a scrape never sees half of it.
/// What a link leads to is replaced, and not the link. The folder must be there: one that were made here would be one that
/// nobody reads.
///
/// # Errors
/// [`TextfileError`]; then `path` is as it was.
pub fn write_textfile(path: &Path, text: &str) -> Result<(), TextfileError> {
    if path.extension().is_none_or(|kind| kind != "prom") {
        return Err(TextfileError::Name {
            path: path.to_owned(),
        });
    }
    replace(path, text).map_err(|error| TextfileError::System {
        path: path.to_owned(),
        error,
    })
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let target = match fs::metadata(path) {
        Ok(there) if there.is_file() => fs::canonicalize(path)?,
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "something stands there that is no file",
            ));
        }
        Err(_) => path.to_owned(),
    };
    // Not .prom: what a killed process leaves behind must not be read.
    let beside = target.with_extension(format!("prom.{}.new", std::process::id()));
    actions_kit::replace(&target, &beside, text, MODE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{
        fs::Permissions,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_everybody_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baton.prom");
        write_textfile(&path, "one").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        write_textfile(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_link_leads_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real.prom");
        let link = folder.path().join("link.prom");
        fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        write_textfile(&link, "new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
    }

    #[test]
    fn a_name_that_node_exporter_passes_over_and_a_missing_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = folder.path().join("baton.txt");
        let error = write_textfile(&wrong, "x").unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("baton.txt: node_exporter reads files that end in .prom alone")
        );
        let nowhere = folder.path().join("none/baton.prom");
        let error = write_textfile(&nowhere, "x").unwrap_err();
        assert!(matches!(error, TextfileError::System { .. }), "{error}");
        fs::create_dir(folder.path().join("dir.prom")).unwrap();
        assert!(write_textfile(&folder.path().join("dir.prom"), "x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
