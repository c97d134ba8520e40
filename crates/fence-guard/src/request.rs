//! One command that asks to be admitted.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// What a caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// At least 1: no lease has token 0.
    pub(crate) token: u64,
    pub(crate) deployment: String,
    pub(crate) version: String,
    pub(crate) runner: String,
    pub(crate) by: String,
    pub(crate) step: String,
    /// The program and its arguments; at least one word.
    pub(crate) command: Vec<OsString>,
}

/// The name of a step that was given none: the same command, word for word, is the same step.
///
/// FNV-1a of 128 bits: nobody gains by two commands with the same hash, and by chance there are none. The words
/// themselves may hold secrets, and the state can be read by all.
pub(crate) fn step_of(command: &[OsString]) -> String {
    format!("command-{:032x}", hash(command))
}

/// FNV-1a of words.
pub(crate) fn hash(words: &[OsString]) -> u128 {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let mut hash = BASIS;
    for word in words {
        // The end of each word counts: `a bc` is not `ab c`.
        for byte in word.as_bytes().iter().chain([&0]) {
            hash = (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(words: &[&str]) -> String {
        step_of(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_same_words_are_the_same_step_and_no_others_are() {
        assert_eq!(name(&["sh", "-c", "true"]), name(&["sh", "-c", "true"]));
        assert_ne!(name(&["a", "bc"]), name(&["ab", "c"]));
        assert_ne!(name(&["a"]), name(&["a", ""]));
        // FNV-1a's published value for the empty input, then one NUL for an empty word.
        assert_eq!(name(&[]), "command-6c62272e07bb014262b821756295c58d");
    }
}
