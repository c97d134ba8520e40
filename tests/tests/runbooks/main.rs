//! Every way to fail leads to a section of a runbook, and the runbooks say what the programs say.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod commands;
mod links;
mod quick_reference;
mod quotes;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The page that every failure leads to.
pub(crate) const FAILURES: &str = "docs/runbooks/production-deployment-failures.md";

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

pub(crate) fn text(name: &str) -> String {
    let path = path(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A heading as GitHub makes an anchor of it.
pub(crate) fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The sections of a page, each by its anchor with its text.
pub(crate) fn sections(page: &str) -> Vec<(String, &str)> {
    page.split("\n## ")
        .skip(1)
        .map(|section| {
            let (heading, text) = section.split_once('\n').unwrap();
            (anchor(heading), text)
        })
        .collect()
}

/// The text of the section with this anchor.
pub(crate) fn section<'a>(page: &'a str, wanted: &str) -> &'a str {
    let found = sections(page)
        .into_iter()
        .find(|(anchor, _)| anchor == wanted);
    found.unwrap_or_else(|| panic!("no section #{wanted}")).1
}

/// The blocks of a language, without the indent that they have in a list.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let fence = line.trim_start();
        if fence != format!("```{language}") {
            continue;
        }
        let indent = line.len() - fence.len();
        let block: Vec<&str> = lines
            .by_ref()
            .take_while(|line| line.trim() != "```")
            .map(|line| line.get(indent..).unwrap_or_default())
            .collect();
        found.push(block.join("\n") + "\n");
    }
    found
}
