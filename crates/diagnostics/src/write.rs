//! From what was gathered to two files without a secret, whole or not at all.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use actions_kit::{Redactor, redact};
use serde_json::Value;

use crate::{Bundle, bundle::Section, text};

/// The schema of `diagnostics.json`.
pub const SCHEMA: u32 = 1;

/// How large both files together may be, in bytes.
pub const MOST: usize = 2 << 20;

/// How often a deployment of one leg may leave a bundle: once a deploy step of the job.
const FOLDERS: usize = 20;

/// Stands between texts that are cleaned together, and in none of them.
const BETWEEN: &str = "\n\u{1}\n";

/// Why a bundle could not be written; reads after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder for all bundles cannot be made, or is something else.
    #[error("make the folder {} for this job's user alone: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("write {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Every name that the bundle could have is taken.
    #[error("find a name for the diagnostics in {}", path.display())]
    Taken {
        /// Where.
        path: PathBuf,
    },
}

impl Bundle {
    /// Writes `diagnostics.json` and `diagnostics.txt` (mode 0600) into a new folder (mode 0700) below `folder`, which is made
    /// where it is missing: both without what `redactor` knows, without the values of the step's variables that are called
    /// like secrets, and without what looks like a token. Where both would be larger than [`MOST`], the largest parts are
    /// left out and say so. The path is the new folder's.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is left then.
    pub fn write(&self, folder: &Path, redactor: &Redactor) -> Result<PathBuf, WriteError> {
        let (json, text) = self.documents(redactor);
        make_own(folder).map_err(|source| WriteError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let name = self.about.folder_name();
        let beside = folder.join(format!(".{name}.{}", std::process::id()));
        let written = put(&beside, &json, &text).and_then(|()| {
            rename_to_free(&beside, folder, &name)
                .map_err(|source| WriteError::File {
                    path: folder.join(&name),
                    source,
                })?
                .ok_or_else(|| WriteError::Taken {
                    path: folder.to_owned(),
                })
        });
        if written.is_err() {
            let _gone = fs::remove_dir_all(&beside);
        }
        written
    }

    /// Both files' contents. What is too large is left out before it is cleaned, which takes its time and makes nothing larger.
    fn documents(&self, redactor: &Redactor) -> (String, String) {
        let mut sections = self.sections();
        loop {
            let (document, text) = self.assembled(&sections);
            let over = format!("{document:#}").len() + text.len() >= MOST;
            let largest = sections
                .iter_mut()
                .filter(|section| !section.value.get("missing").is_some_and(Value::is_string))
                .max_by_key(|section| section.text.len() + section.value.to_string().len());
            let Some(largest) = largest.filter(|_| over) else {
                return self.clean(document, text, redactor);
            };
            let missing = "left out: it is larger than a bundle may be";
            largest.value = serde_json::json!({ "missing": missing });
            largest.text = format!("({missing})\n");
        }
    }

    fn assembled(&self, sections: &[Section]) -> (Value, String) {
        let mut text = text::head(&self.about);
        let mut document = self.head(SCHEMA);
        for section in sections {
            let rule = "-".repeat(section.title.chars().count());
            text.push_str(&format!("\n{}\n{rule}\n{}", section.title, section.text));
            document.insert(section.name.to_owned(), section.value.clone());
        }
        (Value::Object(document), text)
    }

    fn clean(&self, mut document: Value, text: String, redactor: &Redactor) -> (String, String) {
        // All texts at once: looking for many secrets costs by the look.
        let mut all = vec![text];
        for_each_text(&mut document, &mut |one| all.push(one.clone()));
        for one in all.iter_mut().filter(|one| one.contains('\u{1}')) {
            *one = one.replace('\u{1}', "\u{fffd}");
        }
        let joined = all.join(BETWEEN);
        let joined = redactor.redact(&joined);
        let joined = self.named_secrets.redact(&joined);
        let mut clean = joined.split(BETWEEN).map(hide_in_lines);
        let text = clean.next().unwrap_or_default();
        for_each_text(&mut document, &mut |one| {
            // One that is missing would be one that could not be cleaned.
            *one = clean.next().unwrap_or_default();
        });
        (format!("{document:#}\n"), text)
    }
}

fn hide_in_lines(text: &str) -> String {
    text.split('\n')
        .map(redact::hide_shapes)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every text of a document, the keys of objects too.
fn for_each_text(value: &mut Value, see: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(all) => all.iter_mut().for_each(|one| for_each_text(one, see)),
        Value::Object(fields) => {
            let old = std::mem::take(fields);
            for (mut key, mut value) in old {
                see(&mut key);
                for_each_text(&mut value, see);
                fields.insert(key, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A folder of this user's alone; what is there already must be one, and no link.
fn make_own(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        done => return done,
    }
    if !fs::symlink_metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

fn put(folder: &Path, json: &str, text: &str) -> Result<(), WriteError> {
    let failed = |path: &Path, source| WriteError::File {
        path: path.to_owned(),
        source,
    };
    DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .map_err(|source| failed(folder, source))?;
    for (name, content) in [("diagnostics.json", json), ("diagnostics.txt", text)] {
        let path = folder.join(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content.as_bytes()))
            .map_err(|source| failed(&path, source))?;
    }
    Ok(())
}

/// Gives `beside` its name, or that with the first number that is free; nothing where none is.
fn rename_to_free(beside: &Path, folder: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    for number in 1..=FOLDERS {
        let path = folder.join(match number {
            1 => name.to_owned(),
            number => format!("{name}-{number}"),
        });
        if fs::symlink_metadata(&path).is_err() {
            return fs::rename(beside, &path).map(|()| Some(path));
        }
    }
    Ok(None)
}
