//! A scrape as a file for node_exporter's textfile collector
//! (<https://github.com/prometheus/node_exporter#textfile-collector>).

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Its name in the collector's folder.
const NAME: &str = "runner-exporter.prom";

/// Why it was not written.
#[derive(Debug, thiserror::Error)]
#[error("write {}: {source}", path.display())]
pub(crate) struct TextfileError {
    path: PathBuf,
    source: io::Error,
}

/// Writes `text` into `folder`, for everybody to read: beside it first, then renamed, so that nobody sees half of it. The
/// folder must be there: one that were made here would be one that nobody reads.
///
/// # Errors
/// The system refused; then the file is as it was.
pub(crate) fn write(folder: &Path, text: &str) -> Result<(), TextfileError> {
    let path = folder.join(NAME);
    // Not .prom: what a killed process leaves behind must not be read.
    let beside = folder.join(format!(".{NAME}.{}.new", std::process::id()));
    let written = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            // The umask has no say in it: node_exporter is another user.
            file.set_permissions(Permissions::from_mode(0o644))
        })
        .and_then(|()| fs::rename(&beside, &path));
    written.map_err(|source| {
        let _gone = fs::remove_file(&beside);
        TextfileError { path, source }
    })
}
