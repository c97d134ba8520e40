//! The name of a lock, and how it becomes one segment of a ref, a table key or a file name.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// Everything but letters, digits, `-` and `_` is encoded: git forbids `..`, a leading dot, a trailing `.lock`, white
/// space and more inside a ref (git-check-ref-format), and a `/` would let one lock lie inside another.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// The longest encoded name: a loose ref is a file, file names end at 255 bytes, and git appends `.lock`.
const LONGEST: usize = 200;

/// What is locked: `<owner>/<repo>/<environment>`, or what the `lock-name` input says (design §2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LockName(String);

/// A name that cannot be a lock's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockNameError {
    /// Nothing in it.
    #[error("the name of the lock is empty")]
    Empty,
    /// Too long for a ref.
    #[error("the name of the lock takes {0} bytes in a ref name, more than {LONGEST}")]
    TooLong(usize),
    /// A line break or another control character.
    #[error("the name of the lock holds a control character")]
    Control,
}

impl LockName {
    /// A lock by this name.
    ///
    /// # Errors
    /// An empty or too long name, or one with control characters.
    pub fn new(name: impl Into<String>) -> Result<Self, LockNameError> {
        let lock = LockName(name.into());
        if lock.0.trim().is_empty() {
            return Err(LockNameError::Empty);
        }
        if lock.0.chars().any(char::is_control) {
            return Err(LockNameError::Control);
        }
        match lock.encoded().len() {
            length if length > LONGEST => Err(LockNameError::TooLong(length)),
            _ => Ok(lock),
        }
    }

    /// The name as people write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole name as one path segment: different names stay different.
    pub fn encoded(&self) -> String {
        utf8_percent_encode(&self.0, ENCODED).to_string()
    }
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difficult_name_becomes_one_valid_segment() {
        let lock = LockName::new("o/r/prod eu/1..x.lock").unwrap();
        assert_eq!(lock.encoded(), "o%2Fr%2Fprod%20eu%2F1%2E%2Ex%2Elock");
    }

    #[test]
    fn a_name_that_looks_encoded_stays_apart_from_the_name_it_encodes() {
        let plain = LockName::new("a/b").unwrap();
        let encoded = LockName::new("a%2Fb").unwrap();
        assert_ne!(plain.encoded(), encoded.encoded());
    }

    #[test]
    fn empty_control_and_overlong_names_are_refused() {
        assert_eq!(LockName::new("  "), Err(LockNameError::Empty));
        assert_eq!(LockName::new("a\nb"), Err(LockNameError::Control));
        assert_eq!(
            LockName::new("/".repeat(80)),
            Err(LockNameError::TooLong(240))
        );
    }
}
