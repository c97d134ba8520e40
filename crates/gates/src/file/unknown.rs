//! What may be meant by a key that is not known where it stands.

use actions_kit::suggest;

use crate::Key;

/// Another mapping that a misplaced key could belong to.
#[derive(Clone, Debug)]
pub(super) struct Elsewhere {
    /// `belongs beside `http`, not into it`.
    pub(super) words: String,
    /// Its keys.
    pub(super) keys: Vec<&'static str>,
}

/// What other tools call it.
const OTHER_WORDS: [(&str, &str); 14] = [
    ("after", "depends-on"),
    ("attempts", "max-tries"),
    ("connection", "url"),
    ("delay", "initial-delay"),
    ("dsn", "url"),
    ("endpoint", "url"),
    ("id", "name"),
    ("interval", "backoff"),
    ("needs", "depends-on"),
    ("optional", "required"),
    ("query", "sql"),
    ("retries", "max-tries"),
    ("type", "kind"),
    ("uri", "url"),
];

/// Headers whose values are never secret.
const PUBLIC_HEADERS: [&str; 12] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-type",
    "host",
    "origin",
    "user-agent",
    "x-forwarded-proto",
];

/// Whether a header of that name holds no secret.
pub(super) fn is_public_header(name: &str) -> bool {
    PUBLIC_HEADERS
        .iter()
        .any(|header| name.eq_ignore_ascii_case(header))
}

/// What the writer of the unknown key `name` can do.
pub(super) fn mend(name: &str, keys: &[Key], elsewhere: &[Elsewhere]) -> String {
    for (key, inner) in keys.iter().filter_map(|key| Some((key, key.shape.keys()?))) {
        if inner.iter().any(|below| below.name == name) {
            return format!("`{name}` belongs into `{}`", key.name);
        }
    }
    for other in elsewhere {
        if other.keys.contains(&name) {
            return format!("`{name}` {}", other.words);
        }
    }
    let known = || keys.iter().map(|key| key.name);
    let plain = name.replace('_', "-");
    if let Some(near) = suggest::nearest(&plain, known()) {
        return format!("did you mean `{near}`?");
    }
    if let Some((_, ours)) = OTHER_WORDS
        .iter()
        .find(|(theirs, ours)| *theirs == plain && known().any(|key| key == *ours))
    {
        return format!("it is called `{ours}` here");
    }
    for other in elsewhere {
        if let Some(near) = suggest::nearest(&plain, other.keys.iter().copied()) {
            return format!("did you mean `{near}`? It {}", other.words);
        }
    }
    let all: Vec<String> = known().map(|key| format!("`{key}`")).collect();
    if all.is_empty() {
        String::from("leave it out: it has no keys")
    } else {
        format!("leave it out; there are {}", all.join(", "))
    }
}

/// A key as it may be shown: what no key could be called may be anything, also a secret of another file.
pub(super) fn shown(key: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if !key.is_empty() && key.len() <= 40 && key.chars().all(plain) {
        format!("`{key}`")
    } else {
        format!("a key of {} characters", key.chars().count())
    }
}
