//! `${NAME}` in a file's texts, and which of them are secret.
//!
//! A variable's value is data, never syntax: what looks like a variable in it is not filled in again, and in the user
//! information and the query of an address it is percent-encoded (RFC 3986 §2.1), so that a password may hold `@` and `/`.

use actions_kit::{Environment, Redactor, Secret, suggest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// How many variables one text may hold.
const MOST: usize = 100;

/// A name with one of these in it is a secret's.
const SECRET_WORDS: [&str; 8] = [
    "PASS",
    "SECRET",
    "TOKEN",
    "KEY",
    "CREDENTIAL",
    "AUTH",
    "PRIVATE",
    "DSN",
];

/// A name that ends with one of these is a secret's, too; `PWD` alone is the shell's folder.
const SECRET_ENDS: [&str; 2] = ["_PW", "_PWD"];

/// Variables of GitHub's runner and of baton itself are no secrets, except for tokens.
const PLAIN_PREFIXES: [&str; 3] = ["GITHUB_", "RUNNER_", "BATON_"];

/// Values that say nothing, and stand in every other line.
const SAYS_NOTHING: [&str; 8] = ["true", "false", "null", "none", "yes", "no", "on", "off"];

/// A number with fewer digits stands in every report: a port, a year.
const SHORTEST_NUMBER: usize = 6;

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// As it is written.
    Literal(String),
    /// A variable with its value.
    Variable {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
}

/// What is wrong with a variable in a text. Never its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) seen: String,
    pub(super) wanted: String,
    pub(super) mend: String,
}

/// The pieces of `text`: literal, variables, `${NAME:-default}`, and `$${` for a literal `${`.
///
/// # Errors
/// Every variable that is not there, and every `${` that is none.
pub(super) fn parts(text: &str, environment: &Environment) -> Result<Vec<Part>, Vec<Mistake>> {
    let mut parts = Vec::new();
    let mut mistakes = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            literal.push_str(before);
            literal.push_str("${");
            rest = &from[2..];
            continue;
        }
        literal.push_str(before);
        let Some((inner, behind)) = from[2..].split_once('}') else {
            mistakes.push(open());
            rest = "";
            break;
        };
        rest = behind;
        if parts.len() >= 2 * MOST || mistakes.len() >= MOST {
            mistakes.push(Mistake {
                seen: format!("more than {MOST} variables in one text"),
                wanted: "fewer".to_owned(),
                mend: "set one variable to the whole text".to_owned(),
            });
            break;
        }
        match variable(inner, environment) {
            Ok(Some((name, value))) => {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
                parts.push(Part::Variable { name, value });
            }
            Ok(None) => literal.push_str(inner.split_once(":-").map_or("", |(_, default)| default)),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    literal.push_str(rest);
    parts.push(Part::Literal(literal));
    parts.retain(|part| !matches!(part, Part::Literal(text) if text.is_empty()));
    if mistakes.is_empty() {
        Ok(parts)
    } else {
        Err(mistakes)
    }
}

fn open() -> Mistake {
    Mistake {
        seen: "`${` without its `}`".to_owned(),
        wanted: "`${NAME}`".to_owned(),
        mend: "close it, or write `$${` for a literal `${`".to_owned(),
    }
}

/// The variable with its value; nothing where its default holds.
fn variable(inner: &str, environment: &Environment) -> Result<Option<(String, String)>, Mistake> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if !is_name(name) {
        let (seen, mend) = if inner.starts_with('{') {
            (
                "an expression of GitHub, `${{ … }}`, in a file of gates".to_owned(),
                "hand the value on in the step's `env`, and write `${NAME}` here; `$${` is a literal `${`"
                    .to_owned(),
            )
        } else {
            (
                "`${` with something other than a name behind it".to_owned(),
                "write a variable's name, or `$${` for a literal `${`".to_owned(),
            )
        };
        return Err(Mistake {
            seen,
            wanted: "`${NAME}`".to_owned(),
            mend,
        });
    }
    let value = environment
        .raw(name)
        .map(|value| value.trim_end_matches(['\n', '\r']))
        .filter(|value| !value.trim().is_empty());
    match (value, default) {
        (Some(value), _) => Ok(Some((name.to_owned(), value.to_owned()))),
        (None, Some(_)) => Ok(None),
        (None, None) => Err(unset(name, environment)),
    }
}

fn unset(name: &str, environment: &Environment) -> Mistake {
    let seen = if environment.is_not_unicode(name) {
        format!("`${{{name}}}`, whose value is not UTF-8")
    } else if environment.raw(name).is_some() {
        format!("`${{{name}}}`, which is set to nothing")
    } else {
        format!("`${{{name}}}`, which is not set")
    };
    let near = suggest::nearest(name, environment.iter().map(|(other, _)| other));
    let mend = match near.filter(|near| *near != name) {
        Some(near) => format!("did you mean `${{{near}}}`?"),
        None => format!(
            "set `{name}` in the step's `env`, or write `${{{name}:-…}}` with what holds without it"
        ),
    };
    Mistake {
        seen,
        wanted: "a variable of the step's environment".to_owned(),
        mend,
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether `text` holds a variable, or an attempt at one.
pub(super) fn has_variable(text: &str) -> bool {
    text.contains("${")
}

/// The pieces put together.
pub(super) fn joined(parts: &[Part]) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Literal(text) => text.as_str(),
            Part::Variable { value, .. } => value.as_str(),
        })
        .collect()
}

/// The pieces of an address put together; `redactor` learns what must not be shown of it.
pub(super) fn address(parts: &[Part], redactor: &Redactor) -> String {
    let outline: Vec<&str> = parts
        .iter()
        .map(|part| match part {
            Part::Literal(text) => text.as_str(),
            // Stands for any value: none of the characters that divide an address.
            Part::Variable { .. } => "x",
        })
        .collect();
    let mut address = String::new();
    let mut before = String::new();
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Literal(text) => address.push_str(text),
            Part::Variable { name, value } => {
                let after = outline[at + 1..].concat();
                if is_query_value(&before) || is_user_information(&before, &after) {
                    if is_query_value(&before) || before.ends_with(':') {
                        learn(value, redactor);
                    }
                    address.extend(utf8_percent_encode(value, RESERVED));
                } else {
                    if looks_secret(name) {
                        // A host is shown in lower case, whatever it was written in (RFC 3986 §6.2.2.1).
                        learn(&value.to_lowercase(), redactor);
                    }
                    address.push_str(value);
                }
            }
        }
        before.push_str(outline[at]);
    }
    redactor.add_credentials_in(&address);
    learn_query(&address, redactor);
    address
}

fn is_user_information(before: &str, after: &str) -> bool {
    let Some((_, authority)) = before.split_once("://") else {
        return false;
    };
    !authority.contains(['/', '?', '#', '@'])
        && after
            .split(['/', '?', '#'])
            .next()
            .is_some_and(|rest| rest.contains('@'))
}

fn is_query_value(before: &str) -> bool {
    before
        .split_once('?')
        .and_then(|(_, query)| query.rsplit('&').next())
        .is_some_and(|last| last.contains('='))
}

/// Parameters whose values are secrets, and that no word of [`SECRET_WORDS`] tells.
const SECRET_PARAMETERS: [&str; 11] = [
    "code",
    "hmac",
    "jwt",
    "otp",
    "pin",
    "pw",
    "pwd",
    "sid",
    "sig",
    "signature",
    "tok",
];

/// A value of so many letters and digits in one is no word and no version.
const LONG_AND_MIXED: usize = 12;

/// Learns the query's values that look secret: their name says so, or they are too long and too mixed to be a word.
fn learn_query(address: &str, redactor: &Redactor) {
    let Some((_, query)) = address.split_once('?') else {
        return;
    };
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let mixed = value.len() >= LONG_AND_MIXED
            && value.bytes().any(|byte| byte.is_ascii_digit())
            && value.bytes().any(|byte| byte.is_ascii_alphabetic());
        let says_so = SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str());
        if mixed || says_so || looks_secret(name) {
            learn(value, redactor);
            let decoded = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            learn(&decoded, redactor);
        }
    }
}

/// Teaches `redactor` the values of the variables whose names look like a secret's.
pub(super) fn learn_named(parts: &[Part], redactor: &Redactor) {
    for part in parts {
        if let Part::Variable { name, value } = part
            && looks_secret(name)
        {
            learn(value, redactor);
        }
    }
}

/// Teaches `redactor` a text of which no part may be shown: the whole, and each variable in it.
pub(super) fn learn_all(parts: &[Part], redactor: &Redactor) {
    let whole = joined(parts);
    learn(&whole, redactor);
    redactor.add_credentials_in(&whole);
    for part in parts {
        if let Part::Variable { name, value } = part
            && !is_plain(name)
        {
            learn(value, redactor);
        }
    }
}

/// Teaches `redactor` a variable of the environment whose name looks like a secret's, and the passwords of addresses.
pub(crate) fn learn_variable(name: &str, value: &str, redactor: &Redactor) {
    if looks_secret(name) {
        learn(value, redactor);
    }
    redactor.add_credentials_in(value);
}

fn learn(value: &str, redactor: &Redactor) {
    let bare = value.trim();
    let small = bare.len() < SHORTEST_NUMBER && bare.bytes().all(|byte| byte.is_ascii_digit());
    if small || SAYS_NOTHING.contains(&bare.to_ascii_lowercase().as_str()) {
        return;
    }
    if let Ok(secret) = Secret::new(bare) {
        redactor.add(&secret);
    }
}

/// Whether a variable's or a parameter's name says that its value is secret.
pub(super) fn looks_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let says_so = SECRET_WORDS.iter().any(|word| upper.contains(word))
        || SECRET_ENDS.iter().any(|end| upper.ends_with(end));
    says_so && !is_plain(&upper)
}

fn is_plain(name: &str) -> bool {
    PLAIN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !name.contains("TOKEN")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(text: &str, variables: &[(&str, &str)]) -> Redactor {
        let environment = variables.iter().copied().collect();
        let redactor = Redactor::new();
        address(&parts(text, &environment).unwrap(), &redactor);
        redactor
    }

    #[test]
    fn what_looks_secret_in_a_literal_query_is_learnt_and_a_usual_value_is_not() {
        let query = "http://h/?tok=LITCANARYQUERY1&x=a1b2c3d4e5f6&OTP=canary&Sig=c%2Fnary&format=json&version=v1.20.3";
        let redactor = learnt(query, &[]);
        for secret in ["LITCANARYQUERY1", "a1b2c3d4e5f6", "canary", "c/nary"] {
            assert_eq!(redactor.redact(secret), "***", "{secret}");
        }
        assert_eq!(redactor.redact("json v1.20.3"), "json v1.20.3");
    }

    #[test]
    fn a_secret_in_a_host_is_learnt_as_the_host_is_shown() {
        let variables = [("API_KEY", "CanaryHost7f3a"), ("ENVIRONMENT", "Staging")];
        let redactor = learnt("http://${API_KEY}.${ENVIRONMENT}.internal/", &variables);
        let shown = "failed to find canaryhost7f3a.staging.internal";
        assert_eq!(
            redactor.redact(shown),
            "failed to find ***.staging.internal"
        );
    }

    #[test]
    fn the_user_information_of_an_address_is_learnt_as_it_is_sent() {
        let redactor = learnt("http://usr:${PW}@h/", &[("PW", "canary")]);
        // The base64 of `usr:canary`.
        assert_eq!(redactor.redact("Basic dXNyOmNhbmFyeQ=="), "Basic ***");
    }
}
