//! Which variables of an environment are secrets, by what they are called and what they hold.
//!
//! Not responsible for how a secret is found in a text. It takes rather too much for a secret: a word too many is hidden
//! from a person, a word too few is in the ledger for good.

use std::{fs, path::Path};

/// A variable whose name holds one of these, in whatever word, is one: `PGPASSWORD`, `MYSECRET`, `githubToken`.
const ANYWHERE: [&str; 10] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASSCODE",
    "CREDENTIAL",
    "APIKEY",
    "ACCESSKEY",
    "WEBHOOK",
];
/// And one that has one of these as a whole word: `DEPLOY_KEY`, but not `KEYBOARD`.
const WORDS: [&str; 8] = ["KEY", "PASS", "PAT", "PWD", "AUTH", "PRIVATE", "DSN", "JWT"];
/// These are folders.
const FOLDERS: [&str; 2] = ["PWD", "OLDPWD"];
/// One of these may be a number; a number under another name is a count, a time or the id of a key.
const MAYBE_NUMBERS: [&str; 3] = ["PASS", "PWD", "SECRET"];
/// What a switch is set to.
const SWITCHES: [&str; 6] = [
    "enabled", "disabled", "always", "default", "required", "optional",
];
/// A value that only its variable's name gives away must be so long: `true` and `8080` stand in many a line.
pub(super) const SHORTEST: usize = 6;
/// How many variables are learnt: each costs time for every line.
pub(super) const VARIABLES: usize = 256;
/// How many lines of all their values.
pub(super) const LINES: usize = 1000;

/// Whether the variable `name` is called like a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let mut words = name.split(['_', '-', '.']);
    !FOLDERS.contains(&name.as_str())
        && (ANYWHERE.iter().any(|part| name.contains(part))
            || words.any(|word| WORDS.contains(&word)))
}

/// Whether `value` may be a secret where `name` says so: it is long enough, no switch, no number but a password's, and no
/// path to what is there.
pub(super) fn holds_secret(name: &str, value: &str) -> bool {
    let value = value.trim();
    let name = name.to_ascii_uppercase();
    let number = value.bytes().all(|byte| byte.is_ascii_digit())
        && !MAYBE_NUMBERS.iter().any(|part| name.contains(part));
    let switch = SWITCHES
        .iter()
        .any(|switch| switch.eq_ignore_ascii_case(value));
    // A secret in base64 may begin with a slash, too.
    let path = Path::new(value).is_absolute() && fs::symlink_metadata(value).is_ok();
    value.len() >= SHORTEST && !(number || switch || path)
}
