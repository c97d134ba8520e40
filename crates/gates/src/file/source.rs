//! Where gates are written: in the workflow itself, or in a file of the workspace.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

/// The most bytes that a file of gates may have.
pub const LARGEST: u64 = 1 << 20;

/// A text of gates, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as it was written; nothing where the text stands in the workflow itself.
    pub path: Option<String>,
    /// The YAML.
    pub text: String,
}

/// Why a file of gates could not be read. Nothing of its content is repeated: the path may have led to a file of secrets.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be opened or read.
    #[error("read {path}: {source}")]
    Read {
        /// The path as it was written.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A folder, a device, a pipe.
    #[error("read {path}: it is no regular file")]
    NotRegular {
        /// The path as it was written.
        path: String,
    },
    /// More than [`LARGEST`] bytes.
    #[error("read {path}: it is larger than {LARGEST} bytes")]
    TooLarge {
        /// The path as it was written.
        path: String,
    },
    /// Not UTF-8.
    #[error("read {path}: it is no UTF-8 text")]
    NotText {
        /// The path as it was written.
        path: String,
    },
}

impl SourceError {
    /// What the writer can do.
    pub const fn mend(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check the repository out first, or correct the path",
            Self::NotRegular { .. } => "correct the path",
            Self::TooLarge { .. } => "correct the path, or make several files and steps of it",
            Self::NotText { .. } => "correct the path, or save the file as UTF-8",
        }
    }
}

/// Where the gates stand: nothing where `text` holds them itself, else the file of that path, relative to `workspace`.
///
/// A text has a line break or `key: value`, which no sensible path has.
pub fn place(text: &str, workspace: &Path) -> Option<PathBuf> {
    let trimmed = text.trim();
    let is_text = trimmed.contains('\n')
        || trimmed.contains(": ")
        || trimmed.ends_with(':')
        || trimmed.starts_with(['#', '{', '[', '-', '\u{feff}']);
    (!is_text).then(|| workspace.join(trimmed))
}

/// The text of the input `gates`: itself, or the file of that path.
///
/// # Errors
/// Where the path leads to nothing that can be read, or to more than [`LARGEST`] bytes.
pub fn source(input: &str, workspace: &Path) -> Result<Source, SourceError> {
    let Some(file) = place(input, workspace) else {
        return Ok(Source {
            path: None,
            text: input.to_owned(),
        });
    };
    let path = input.trim().to_owned();
    let text = text_of(&file, &path)?;
    Ok(Source {
        path: Some(path),
        text,
    })
}

/// A regular file of bounded size: nothing that never ends, nothing that waits for a writer.
fn text_of(file: &Path, shown: &str) -> Result<String, SourceError> {
    let path = || shown.to_owned();
    let failed = |source| SourceError::Read {
        path: path(),
        source,
    };
    let data = fs::metadata(file).map_err(failed)?;
    if !data.is_file() {
        return Err(SourceError::NotRegular { path: path() });
    }
    let mut bytes = Vec::new();
    // One byte more than may be there tells one that grows from one that fits.
    fs::File::open(file)
        .and_then(|open| open.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(SourceError::TooLarge { path: path() });
    }
    String::from_utf8(bytes).map_err(|_| SourceError::NotText { path: path() })
}
