//! What a registry asks for in `WWW-Authenticate`.

/// A challenge (RFC 9110 §11.6.1) of a kind that registries use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password.
    Basic,
    /// A token of another server (<https://distribution.github.io/distribution/spec/auth/token/>).
    Bearer {
        /// That server's address.
        realm: String,
        /// Who the token is for.
        service: Option<String>,
        /// What the token is for, where the registry says it.
        scope: Option<String>,
        /// Why the last token did not do.
        error: Option<String>,
    },
}

impl Challenge {
    /// The first challenge that can be met, bearer before basic, from the header's lines.
    pub(super) fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Challenge> {
        let mut all: Vec<Challenge> = lines.flat_map(read).collect();
        let bearer = all
            .iter()
            .position(|challenge| matches!(challenge, Challenge::Bearer { .. }));
        match bearer {
            Some(index) => Some(all.swap_remove(index)),
            None => all.into_iter().next(),
        }
    }
}

/// Reads one line, which may hold several challenges.
fn read(line: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let mut scheme = String::new();
    let mut parameters: Vec<(String, String)> = Vec::new();
    for item in items(line) {
        let (mut key, value) = match item.split_once('=') {
            Some((key, value)) => (key.trim(), Some(value.trim())),
            None => (item.trim(), None),
        };
        // A word before the parameter's name begins the next challenge.
        let next = match (key.split_once(char::is_whitespace), value) {
            (Some((word, name)), Some(_)) => {
                key = name.trim();
                Some(word)
            }
            (None, None) => Some(key),
            _ => None,
        };
        if let Some(word) = next {
            found.extend(challenge(&scheme, &mut parameters));
            scheme = word.to_ascii_lowercase();
        }
        if let Some(value) = value {
            parameters.push((key.to_ascii_lowercase(), unquoted(value)));
        }
    }
    found.extend(challenge(&scheme, &mut parameters));
    found
}

fn challenge(scheme: &str, parameters: &mut Vec<(String, String)>) -> Option<Challenge> {
    let parameters = std::mem::take(parameters);
    let value = |name: &str| {
        parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer {
            realm: value("realm")?,
            service: value("service"),
            scope: value("scope"),
            error: value("error"),
        }),
        _ => None,
    }
}

/// Splits at commas outside quotes.
fn items(line: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in line.chars() {
        if c == ',' && !quoted {
            items.push(String::new());
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => (),
        }
        if let Some(last) = items.last_mut() {
            last.push(c);
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

fn unquoted(value: &str) -> String {
    let Some(inside) = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(scope: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: "https://auth.example/token".to_owned(),
            service: Some("registry.example".to_owned()),
            scope: scope.map(str::to_owned),
            error: None,
        })
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let read = |line: &str| Challenge::read([line].into_iter());
        assert_eq!(
            read(
                r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#
            ),
            bearer(Some("repository:a/b:pull,push"))
        );
        assert_eq!(
            read(r#"bearer Realm="https://auth.example/token" , service=registry.example"#),
            bearer(None)
        );
        assert_eq!(read(r#"Basic realm="a, b""#), Some(Challenge::Basic));
        assert_eq!(read("Basic"), Some(Challenge::Basic));
        assert_eq!(
            read(
                r#"Basic realm="x", Bearer realm="https://auth.example/token",service="registry.example""#
            ),
            bearer(None)
        );
        for line in [
            "",
            "Bearer",
            "Negotiate",
            r#"Bearer service="x""#,
            "===,,,\"",
            "Digest realm=\"x\"",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn a_quoted_value_may_hold_an_escaped_quote() {
        assert_eq!(unquoted(r#""a\"b\\c""#), r#"a"b\c"#);
    }
}
