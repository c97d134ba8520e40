//! What stands behind `Basic ` and `Bearer `, the schemes of an `Authorization` header (RFC 7617, RFC 6750): a server that
//! repeats what it was sent shows a secret in a form that nobody foresaw.
//!
//! Not responsible for prose: `Basic authentication` and a challenge's `Basic realm="…"` stay.

use std::ops::Range;

/// A word of letters alone is prose unless it is so long.
const LONGEST_WORD: usize = 24;
/// Other words are numbers and names of versions unless they are so long.
const SHORTEST: usize = 6;
/// The schemes, in lower case.
const SCHEMES: [&str; 2] = ["basic", "bearer"];

/// Where the credentials of such headers stand in `text`, whole words; `hidden` is what is to be hidden already.
pub(super) fn find(text: &str, hidden: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    // Both schemes begin with it.
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(['b', 'B'])) {
        let start = from + at;
        from = start + 1;
        let scheme = SCHEMES.iter().find(|scheme| {
            text.get(start..start + scheme.len())
                .is_some_and(|word| word.eq_ignore_ascii_case(scheme))
        });
        let Some(scheme) = scheme else { continue };
        let behind = &text[start + scheme.len()..];
        let word = behind.trim_start_matches([' ', '\t', ':']);
        let word = word.strip_prefix("%20").unwrap_or(word);
        if word.len() == behind.len() {
            continue;
        }
        let begin = text.len() - word.len();
        let length = word.find(|letter| !is_token(letter)).unwrap_or(word.len());
        // The end of a sentence is none of it.
        let length = word[..length].trim_end_matches('.').len();
        let range = begin..begin + length;
        let is_hit = hidden
            .iter()
            .any(|other| other.start < range.end && range.start < other.end);
        if length > 0 && (is_hit || is_credential(&word[..length], &word[length..])) {
            from = range.end;
            found.push(range);
        }
    }
    found
}

/// RFC 9110 §11.2: `token68`; and what stands in the place of a part that is hidden already.
fn is_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-._~+/=*".contains(letter)
}

/// Whether it looks like a credential and not like a word of a sentence, a number, or a parameter of a challenge
/// (`realm="…"`).
fn is_credential(word: &str, behind: &str) -> bool {
    let bare = word.trim_end_matches('=');
    let padded = bare.len() < word.len();
    if bare.contains('=') || padded && behind.starts_with(['"', '\\']) {
        return false;
    }
    let rest = bare.get(1..).unwrap_or_default();
    let is_word = rest
        .bytes()
        .all(|letter| letter.is_ascii_lowercase() || b"-/".contains(&letter));
    padded || bare.len() > LONGEST_WORD || bare.len() >= SHORTEST && !is_word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut clean = text.to_owned();
        for range in find(text, &[]).into_iter().rev() {
            clean.replace_range(range, "***");
        }
        clean
    }

    #[test]
    fn the_whole_word_behind_a_scheme_is_a_credential_whoever_made_it() {
        for (text, clean) in [
            ("you sent Basic Y2FuYXJ5OjE=, no", "you sent Basic ***, no"),
            ("authorization: basic dTo=", "authorization: basic ***"),
            ("BEARER abc.def-7", "BEARER ***"),
            ("\"Bearer ***abcd6\"", "\"Bearer ***\""),
            ("Basic%20Y2FuYXJ5", "Basic%20***"),
            ("Bearer  aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "Bearer  ***"),
        ] {
            assert_eq!(shown(text), clean);
        }
    }

    #[test]
    fn prose_and_challenges_stay() {
        for text in [
            "Basic authentication is off.",
            "Basic realm=\"git\"",
            r#"Basic realm=\"git\""#,
            "basic 10 checks",
            "Bearer realm=\"https://a.example/\",service=\"x\"",
            "no Bearer token.",
            "basics 1x",
            "Basic",
            "Bearer ",
            "Basic username/password",
            "bébé Basic é",
        ] {
            assert_eq!(shown(text), text);
        }
    }
}
