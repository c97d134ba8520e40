//! A scrape as a file for node_exporter's textfile collector
//! (<https://github.com/prometheus/node_exporter#textfile-collector>).

use std::{
    io,
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
    // node_exporter is another user.
    actions_kit::replace(&path, &beside, text, 0o644)
        .map_err(|source| TextfileError { path, source })
}
