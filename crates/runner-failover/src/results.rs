//! What the deploy command leaves for later steps: `name=value` lines in the file `$BATON_OUTPUT`, as one JSON object.

use std::{collections::BTreeMap, fs, io, path::Path};

use leg::Voice;

/// GitHub takes at most 1 MiB of outputs from a job.
const LARGEST: u64 = 1 << 20;

/// The file's content as a JSON object; `{}` where the command left nothing. What cannot be taken is told.
pub(crate) fn read(path: &Path, voice: &Voice) -> String {
    let text = match content(path) {
        Ok(text) => text,
        Err(error) => {
            voice.warning(&format!(
                "failed to read the command's outputs ($BATON_OUTPUT): {error}; `results` is empty"
            ));
            String::new()
        }
    };
    let (pairs, bad) = pairs(&text);
    if let Some(line) = bad {
        voice.warning(&format!(
            "line {line} of the command's outputs ($BATON_OUTPUT) is not `name=value`; it is left out of `results`"
        ));
    }
    serde_json::to_string(&pairs).unwrap_or_else(|_| "{}".to_owned())
}

/// A command may have put anything in the file's place: nothing but a plain file of a bearable size is opened.
fn content(path: &Path) -> io::Result<String> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is no plain file any more"));
    }
    if found.len() > LARGEST {
        return Err(io::Error::other(format!(
            "it has {} bytes, more than the {LARGEST} that GitHub takes",
            found.len()
        )));
    }
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// The pairs, the last of a name wins, and the number of the first line that is none.
fn pairs(text: &str) -> (BTreeMap<&str, &str>, Option<usize>) {
    let (mut pairs, mut bad) = (BTreeMap::new(), None);
    for (number, line) in (1..).zip(text.lines()) {
        match line
            .split_once('=')
            .map(|(name, value)| (name.trim(), value))
        {
            Some((name, value)) if !name.is_empty() => {
                pairs.insert(name, value);
            }
            _ if line.trim().is_empty() => {}
            _ => {
                bad.get_or_insert(number);
            }
        }
    }
    (pairs, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_lines_are_kept_and_the_first_bad_one_is_named() {
        let (pairs, bad) = pairs("a=1\n\nurl=https://x/?q=1\nno pair\n=x\na=2\n");
        let expected = BTreeMap::from([("a", "2"), ("url", "https://x/?q=1")]);
        assert_eq!((pairs, bad), (expected, Some(4)));
    }

    #[test]
    fn a_folder_or_a_file_past_bearing_is_refused_and_odd_bytes_are_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(content(folder.path()).is_err());
        let file = folder.path().join("output");
        fs::write(&file, b"a=\xff\n").unwrap();
        assert_eq!(content(&file).unwrap(), "a=\u{fffd}\n");
        fs::write(&file, vec![b'x'; (LARGEST + 1) as usize]).unwrap();
        assert!(content(&file).is_err());
    }
}
