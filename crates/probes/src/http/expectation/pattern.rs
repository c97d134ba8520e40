//! Regular expressions over text.

use std::fmt;

use regex_lite::Regex;

/// A regular expression of the dialect of `regex-lite`: linear in time whatever the text, ASCII for `\w`, `\d`, `\s`,
/// `\b` and letters without case, without look-around and back-references.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// Why a text is no regular expression; reads after "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read a regular expression: {detail}")]
pub struct PatternError {
    /// What is wrong with it.
    pub detail: String,
}

impl Pattern {
    /// The expression that `text` writes.
    ///
    /// # Errors
    /// It is none, or too large.
    pub fn new(text: &str) -> Result<Pattern, PatternError> {
        Regex::new(text).map(Pattern).map_err(|error| PatternError {
            detail: error.to_string(),
        })
    }

    /// Whether it matches anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// What its first group takes of `text`, or the whole match where it has no group.
    pub fn capture<'a>(&self, text: &'a str) -> Option<&'a str> {
        let found = self.0.captures(text)?;
        let group = usize::from(found.len() > 1);
        Some(found.get(group)?.as_str())
    }
}

impl fmt::Display for Pattern {
    /// As it was written, escaped and cut, between slashes: `/healthy/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", crate::foreign::piece(self.0.as_str()))
    }
}
