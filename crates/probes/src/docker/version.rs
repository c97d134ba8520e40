//! Versions as Docker and its kin write them.

use std::{cmp::Ordering, fmt, str::FromStr};

/// A version: numbers, and whatever a distribution adds. `20.10`, `20.10.24+dfsg1` and `27.0.3-rd` compare by their
/// numbers alone, missing ones count as 0: a suffix names who built it, not when.
#[derive(Clone, Debug)]
pub struct Version {
    text: String,
    numbers: Vec<u64>,
}

/// The text does not begin with a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read {text:?} as a version")]
pub struct NotAVersion {
    text: String,
}

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Version, NotAVersion> {
        let refused = || NotAVersion {
            text: text.chars().take(40).collect(),
        };
        let bare = text.trim().trim_start_matches('v');
        let end = bare
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(bare.len());
        let numbers = bare[..end]
            .trim_end_matches('.')
            .split('.')
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()
            .map_err(|_| refused())?;
        if bare.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(refused());
        }
        Ok(Version {
            text: bare.to_owned(),
            numbers,
        })
    }
}

impl Version {
    /// The number at `index`: 0 is the major version.
    pub fn number(&self, index: usize) -> u64 {
        self.numbers.get(index).copied().unwrap_or_default()
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        (0..self.numbers.len().max(other.numbers.len()))
            .map(|index| self.number(index).cmp(&other.number(index)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Version) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        let version = |text: &str| text.parse::<Version>().expect(text);
        for (smaller, larger) in [
            ("19.03.15-ce", "20.10"),
            ("20.9", "20.10"),
            ("20.10", "20.10.24+dfsg1"),
            ("20.10.24+dfsg1", "27.0.3-rd"),
            ("9", "10"),
            ("v2.2.3", "2.29.7"),
        ] {
            assert!(version(smaller) < version(larger), "{smaller} {larger}");
        }
        assert_eq!(version("20.10"), version("20.10.0+dfsg1"));
        assert_eq!(version("20.10.24+dfsg1").to_string(), "20.10.24+dfsg1");
    }

    #[test]
    fn a_text_without_a_number_in_front_is_no_version() {
        for text in ["", "dev", "v", ".1", "1..2", "20.10 canary", "1\n2"] {
            assert!(text.parse::<Version>().is_err(), "{text:?}");
        }
    }
}
