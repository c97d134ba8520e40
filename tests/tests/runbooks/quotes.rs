//! Each message that a runbook quotes occurs in the source of the programs.

use std::{fs, path::Path};

use crate::{FAILURES, blocks, path, text};

/// What stands in the source of the shipped programs, tests and comments left out, as it is printed: `\0` where a value
/// stands.
fn printed() -> String {
    let mut all = String::new();
    let mut folders = vec![path("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() && !is_of_tests(&entry) {
                folders.push(entry);
            } else if entry.extension().is_some_and(|end| end == "rs") && !is_of_tests(&entry) {
                all.push_str(&literal(&fs::read_to_string(&entry).unwrap()));
            }
        }
    }
    all
}

fn is_of_tests(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    name.ends_with("tests")
        || matches!(name, "benches" | "testing" | "test-servers" | "conformance")
}

fn literal(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod").next().unwrap();
    let lines = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut joined = String::new();
    let mut continued = false;
    for line in lines {
        let line = if continued { line.trim_start() } else { line };
        continued = line.ends_with('\\');
        joined.push_str(line.trim_end_matches('\\'));
        if !continued {
            joined.push('\n');
        }
    }
    let joined = joined.replace("\\\"", "\"");
    let mut text = String::new();
    let mut rest = joined.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        rest = match after.find(['}', '\n']) {
            Some(end) if after[end..].starts_with('}') => {
                text.push('\0');
                &after[end + 1..]
            }
            // The brace of a block.
            _ => after,
        };
    }
    text.push_str(rest);
    text
}

/// The phrases of a quoted line: what stands between values and signs, where it has two words or more.
fn phrases(line: &str) -> Vec<String> {
    let mut rest = line.to_owned();
    for sign in ["(", ")", ": ", "; ", ", "] {
        rest = rest.replace(sign, "…");
    }
    rest.split('…')
        .map(|phrase| phrase.trim().trim_end_matches([':', '.']).to_owned())
        .filter(|phrase| phrase.contains(' '))
        .collect()
}

/// Whether the programs print `phrase`: whole, or behind the words that stand before every error.
fn is_printed(printed: &str, phrase: &str) -> bool {
    let bare = phrase
        .strip_prefix("failed to ")
        .or_else(|| phrase.strip_prefix("refused to "));
    printed.contains(phrase) || bare.is_some_and(|bare| printed.contains(bare))
}

#[test]
fn every_message_that_a_runbook_quotes_is_one_of_the_programs() {
    let printed = printed();
    let mut quoted = 0;
    for page in [FAILURES, "docs/runbooks/runner-failover.md"] {
        for block in blocks(&text(page), "text") {
            for line in block.lines() {
                let phrases = phrases(line);
                assert!(!phrases.is_empty(), "{page} quotes nothing: {line}");
                for phrase in phrases {
                    assert!(
                        is_printed(&printed, &phrase),
                        "{page}: no program says {phrase:?} of {line:?}"
                    );
                }
                quoted += 1;
            }
        }
    }
    assert!(quoted >= 80, "{quoted}");
}

#[test]
fn a_message_that_no_program_says_is_noticed() {
    let printed = printed();
    assert!(is_printed(&printed, "failed to go on"));
    for wrong in ["failed to get on with it", "and its command was pardoned"] {
        assert!(!is_printed(&printed, wrong), "{wrong}");
    }
}
