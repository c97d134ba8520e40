//! Files as text: bounded, in UTF-8, with the lines that Ansible sees.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::error::{InventoryError, Problem};

/// The largest file that is read. 100,000 hosts with a few variables each are 10 MB.
const LARGEST: u64 = 32 * 1024 * 1024;

/// A byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What the first bytes of a file say that `ansible-vault` encrypted.
const VAULT: &str = "$ANSIBLE_VAULT";

/// The file's bytes.
///
/// # Errors
/// It cannot be read, is no regular file (a pipe would be waited for), or is too large.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, InventoryError> {
    let failed = |source| InventoryError::Read {
        path: path.to_owned(),
        source,
    };
    // Before it is opened: opening a pipe waits for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is neither a file nor a folder",
        )));
    }
    let mut found = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut found))
        .map_err(failed)?;
    if found.len() as u64 > LARGEST {
        return Err(failed(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {} MiB", LARGEST >> 20),
        )));
    }
    Ok(found)
}

/// Whether the whole file is encrypted.
pub(crate) fn is_vault(bytes: &[u8]) -> bool {
    bytes.starts_with(VAULT.as_bytes())
}

/// The bytes as text.
///
/// # Errors
/// The lines that are not UTF-8, or a byte order mark, which Ansible takes for a part of the first name.
pub(crate) fn utf8<'a>(file: &Path, bytes: &'a [u8]) -> Result<&'a str, Vec<Problem>> {
    let problem = |line, seen: &str, mend: &str| Problem {
        file: file.to_owned(),
        line: Some(line),
        seen: seen.to_owned(),
        wanted: "UTF-8 text".to_owned(),
        mend: mend.to_owned(),
    };
    if bytes.starts_with(MARK) {
        return Err(vec![problem(
            1,
            "a byte order mark",
            "save the file as UTF-8 without a byte order mark",
        )]);
    }
    std::str::from_utf8(bytes).map_err(|_| {
        bytes
            .split(|one| *one == b'\n')
            .enumerate()
            .filter(|(_, line)| std::str::from_utf8(line).is_err())
            .map(|(at, _)| problem(at + 1, "bytes that are not UTF-8", "save the file as UTF-8"))
            .collect()
    })
}

/// The lines of a text, split where Python splits: more characters than the line feed end a line there.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let now = rest?;
        let end = now.char_indices().find(|(_, one)| {
            matches!(
                one,
                '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'
                    ..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
            )
        });
        let Some((at, one)) = end else {
            rest = None;
            return Some(now);
        };
        let mut next = &now[at + one.len_utf8()..];
        if one == '\r' {
            next = next.strip_prefix('\n').unwrap_or(next);
        }
        rest = Some(next).filter(|next| !next.is_empty());
        Some(&now[..at])
    })
}

/// The text with comment lines of another encoding left empty; `None` where something else is wrong.
pub(crate) fn without_foreign_comments(bytes: &[u8]) -> Option<String> {
    if bytes.starts_with(MARK) {
        return None;
    }
    let lines: Option<Vec<&str>> = bytes
        .split(|one| *one == b'\n')
        .map(|line| {
            std::str::from_utf8(line)
                .ok()
                .or_else(|| line.starts_with(b"#").then_some(""))
                .or_else(|| line.starts_with(b";").then_some(""))
        })
        .collect();
    lines.map(|lines| lines.join("\n"))
}
