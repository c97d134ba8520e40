//! What looks like a secret by itself, whoever made it and whether anybody named it: a token of a well-known maker, the
//! value behind a word such as `password`.
//!
//! Not responsible for secrets that are known: [`Redactor`](super::Redactor). It hides rather too much: what it cleans is
//! read by people, and is no data for a program.

use super::MASK;

/// What tokens of well-known makers begin with.
const BEGINNINGS: &[&str] = &[
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "AKIA",
    "ASIA",
    "eyJ",
    "sk_live_",
    "npm_",
    "dckr_pat_",
    "hvs.",
];
/// How long the rest of one is at least.
const REST: usize = 12;

/// Words that a secret follows, behind `=` or `:`; in lower case.
const KEYS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "accesskey",
    "private_key",
    "authorization",
    "credential",
    "credentials",
    "signature",
    "sig",
];
/// What may stand between such a word and the secret itself.
const SCHEMES: &[&str] = &["bearer ", "basic ", "token ", "bearer: "];

/// `line` with `***` for what looks like a token (`ghp_…`, `AKIA…`), and for what stands where a password does
/// (`password=…`), whether it is known or not. For lines that are kept, not for a stream: it looks at every letter.
pub fn hide_shapes(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    let mut before: Option<char> = None;
    while let Some(c) = rest.chars().next() {
        let at_word = before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
        if at_word && let Some(length) = token(rest) {
            clean.push_str(MASK);
            before = Some('*');
            rest = &rest[length..];
            continue;
        }
        if let Some((kept, hidden)) = assigned(rest, before) {
            clean.push_str(&rest[..kept]);
            clean.push_str(MASK);
            before = Some('*');
            rest = &rest[kept + hidden..];
            continue;
        }
        clean.push(c);
        before = Some(c);
        rest = &rest[c.len_utf8()..];
    }
    clean
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | '=')
}

/// How long the token is that `text` begins with.
fn token(text: &str) -> Option<usize> {
    let beginning = BEGINNINGS
        .iter()
        .find(|beginning| text.starts_with(**beginning))?;
    let length = text.find(|c| !is_token(c)).unwrap_or(text.len());
    (length >= beginning.len() + REST).then_some(length)
}

/// Where `text` begins with a key and a value: how long the key is with all that stands before the value, and the value.
fn assigned(text: &str, before: Option<char>) -> Option<(usize, usize)> {
    // Within a word only behind `_` or `-`: DB_PASSWORD, but not `tokens`.
    if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let key = KEYS
        .iter()
        .filter(|key| {
            text.get(..key.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(key))
        })
        .max_by_key(|key| key.len())?;
    let behind = |from: usize| text[from..].chars().next();
    let skip = |mut from: usize, any: &[char]| {
        while let Some(c) = behind(from).filter(|c| any.contains(c)) {
            from += c.len_utf8();
        }
        from
    };
    let mut at = skip(key.len(), &['"', '\'', ' ', '\\']);
    behind(at).filter(|c| matches!(c, ':' | '='))?;
    at = skip(at + 1, &['"', '\'', ' ', '\\']);
    for scheme in SCHEMES {
        if text
            .get(at..at + scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        {
            at += scheme.len();
            break;
        }
    }
    let value = &text[at..];
    let length = value
        .find(|c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ',' | ';' | '}' | ')' | '\\')
        })
        .unwrap_or(value.len());
    // A number is a fencing token or a count; what is as short as a mask, and what is hidden already, are no secrets.
    let plain = length <= MASK.len()
        || value[..length]
            .chars()
            .all(|c| c.is_ascii_digit() || c == '*');
    (!plain).then_some((at, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_token_is_hidden_and_the_words_around_it_stay() {
        for (text, clean) in [
            ("token ghs_0123456789abcdef used", "token *** used"),
            ("x=eyJhbGciOiJIUzI1NiJ9.e30.c2ln;", "x=***;"),
            ("id AKIAIOSFODNN7EXAMPLE.", "id ***"),
            ("a ghs_short one", "a ghs_short one"),
            ("Authorization: Bearer c4nary", "Authorization: Bearer ***"),
            (
                r#"{"password": "c4nary", "user": "me"}"#,
                r#"{"password": "***", "user": "me"}"#,
            ),
            ("DB_PASSWORD=c4nary next", "DB_PASSWORD=*** next"),
            ("?sig=c4nary&x=1", "?sig=***&x=1"),
            ("fencing token: 17", "fencing token: 17"),
            ("password: ***", "password: ***"),
            ("the tokens: many", "the tokens: many"),
            ("a secret is", "a secret is"),
            ("secret=", "secret="),
            ("pässword=é token=éé4", "pässword=é token=***"),
            ("a secret: no", "a secret: no"),
        ] {
            assert_eq!(hide_shapes(text), clean, "{text}");
        }
    }
}
