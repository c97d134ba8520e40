//! Regular expressions over text.

use std::{fmt, io};

use regex_lite::{Regex, RegexBuilder};
use tokio::time::Instant;

use crate::aside::{Turn, Undone};

/// How large an expression may be, compiled, in bytes: about 2,000 states, a repetition counted as often as it may repeat.
/// Each byte of a text may be held against each state.
const LARGEST: usize = 64 << 10;

/// A regular expression of the dialect of `regex-lite`: its time grows with the length of the text times its own size. ASCII
/// for `\w`, `\d`, `\s`, `\b` and letters without case, without look-around and back-references.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    turn: Turn,
}

/// Why a text is no regular expression; reads after "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read a regular expression: {detail}")]
pub struct PatternError {
    /// What is wrong with it.
    pub detail: String,
}

/// Why nobody knows whether an expression matches; reads after "failed to …". The text's author is not at fault.
#[derive(Debug, thiserror::Error)]
pub enum MatchError {
    /// It took too long.
    #[error("match the regular expression in time: it is too large for a text of {length} bytes")]
    Late {
        /// The text's length, in bytes.
        length: usize,
    },
    /// The system gives no thread for it, or the thread broke down.
    #[error("match the regular expression: {0}")]
    Broken(io::Error),
}

impl MatchError {
    /// What became of a text of `length` bytes.
    pub(crate) fn of(undone: Undone, length: usize) -> MatchError {
        match undone {
            Undone::Late => MatchError::Late { length },
            Undone::Broken(error) => MatchError::Broken(error),
        }
    }
}

impl Pattern {
    /// The expression that `text` writes.
    ///
    /// # Errors
    /// It is none, or its repetitions make it too large.
    pub fn new(text: &str) -> Result<Pattern, PatternError> {
        match RegexBuilder::new(text).size_limit(LARGEST).build() {
            Ok(regex) => Ok(Pattern {
                regex,
                turn: Turn::default(),
            }),
            Err(error) => Err(PatternError {
                // The library has no other way to tell this one from a mistake in writing.
                detail: match Regex::new(text) {
                    Ok(_) => "it is too large, each repetition counted as often as it may repeat: repeat less"
                        .to_owned(),
                    Err(_) => error.to_string(),
                },
            }),
        }
    }

    /// Whether it matches anywhere in `text`. Long texts keep the caller waiting.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// [`Pattern::is_match`] beside the event loop.
    ///
    /// # Errors
    /// It is not known by `deadline`.
    pub async fn is_match_by(&self, text: &str, deadline: Instant) -> Result<bool, MatchError> {
        let (regex, text) = (self.regex.clone(), text.to_owned());
        let length = text.len();
        self.turn
            .take(deadline, move || regex.is_match(&text))
            .await
            .map_err(|undone| MatchError::of(undone, length))
    }

    /// What its first group takes of `text`, or the whole match where it has no group. Long texts keep the caller waiting.
    pub fn capture<'a>(&self, text: &'a str) -> Option<&'a str> {
        capture(&self.regex, text)
    }

    /// [`Pattern::capture`] beside the event loop.
    ///
    /// # Errors
    /// It is not known by `deadline`.
    pub async fn capture_by(
        &self,
        text: &str,
        deadline: Instant,
    ) -> Result<Option<String>, MatchError> {
        let (regex, text) = (self.regex.clone(), text.to_owned());
        let length = text.len();
        self.turn
            .take(deadline, move || capture(&regex, &text).map(str::to_owned))
            .await
            .map_err(|undone| MatchError::of(undone, length))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// Whose turn it is to match it beside the event loop.
    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }
}

fn capture<'a>(regex: &Regex, text: &'a str) -> Option<&'a str> {
    let found = regex.captures(text)?;
    let group = usize::from(found.len() > 1);
    Some(found.get(group)?.as_str())
}

impl fmt::Display for Pattern {
    /// As it was written, escaped and cut, between slashes: `/healthy/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", crate::foreign::piece(self.regex.as_str()))
    }
}
