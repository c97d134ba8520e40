//! Credentials inside URLs: `https://user:password@host/`, `postgres://host/db?password=…`.
//!
//! Not responsible for URLs in general: it works on any text that looks like one, since a URL that a person has
//! mistyped still holds a password.

use std::ops::Range;

/// Query parameters of connection URLs that hold a secret.
const SECRET_PARAMETERS: [&str; 10] = [
    "password",
    "passwd",
    "pass",
    "sentinel-password",
    "pwd",
    "sslpassword",
    "token",
    "access_token",
    "private_token",
    "secret",
];

/// Where a credential stands in a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// What is to be hidden: the whole user information, or a parameter's value.
    pub(crate) hide: Range<usize>,
    /// The secret in it: a password, or a user name where no password stands beside it.
    pub(crate) secret: Range<usize>,
}

/// Whether `text` holds a URL with a password, a token or other user information in it. The bare user of an SSH or a
/// PostgreSQL URL (`ssh://git@host`) is a name, not a credential.
pub fn has_credentials(text: &str) -> bool {
    !find(text).is_empty()
}

/// `text` with the credentials of every URL in it replaced by `***`.
pub fn without_credentials(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    for found in find(text) {
        clean.push_str(&text[at..found.hide.start]);
        clean.push_str("***");
        at = found.hide.end;
    }
    clean.push_str(&text[at..]);
    clean
}

/// Every credential in `text`, from left to right, none overlapping.
pub(crate) fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("//") {
        let start = from + at + "//".len();
        let scheme = text[from..start - "//".len()].strip_suffix(':');
        let scheme = scheme.map(|before| {
            before
                .rsplit(|letter: char| !is_scheme(letter))
                .next()
                .unwrap_or_default()
        });
        let end = start + text[start..].find(ends_url).unwrap_or(text.len() - start);
        find_in_url(text, scheme, start..end, &mut found);
        from = end;
    }
    found
}

fn is_scheme(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.')
}

fn ends_url(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(letter, '"' | '\'' | '`' | '<' | '>' | '|')
}

fn find_in_url(text: &str, scheme: Option<&str>, rest: Range<usize>, found: &mut Vec<Found>) {
    let url = &text[rest.clone()];
    let query = url.find('?').unwrap_or(url.len());
    // RFC 3986 ends the authority at the first slash. A password with a slash that nobody encoded is one all the same,
    // so the last `@` before the query counts where the part before it has a colon.
    let authority = url[..query].find(['/', '#']).unwrap_or(query);
    let at = url[..authority].rfind('@').or_else(|| {
        let at = url[..query].rfind('@')?;
        let colon = url[..authority].find(':')?;
        // `host:80/path@2` is a port, not a password.
        let port = url[colon + 1..authority]
            .bytes()
            .all(|byte| byte.is_ascii_digit());
        (!port).then_some(at)
    });
    if let Some(at) = at {
        let user = &url[..at];
        // Without a scheme it may be a path (`a//b@2`), or a URL whose colon was forgotten: only a password tells.
        let user_is_name = scheme.is_none_or(|scheme| {
            scheme.ends_with("ssh") || matches!(scheme, "postgres" | "postgresql")
        });
        let secret = match user.find(':') {
            Some(colon) if colon + 1 < user.len() => Some(colon + 1..user.len()),
            _ if user.is_empty() || user_is_name => None,
            _ => Some(0..user.trim_end_matches(':').len()),
        };
        if let Some(secret) = secret {
            found.push(Found {
                hide: rest.start..rest.start + at,
                secret: rest.start + secret.start..rest.start + secret.end,
            });
        }
    }
    let mut from = query + 1;
    for parameter in url.get(from..).unwrap_or_default().split(['&', ';', '#']) {
        if let Some((name, value)) = parameter.split_once('=')
            && !value.is_empty()
            && SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
        {
            let start = rest.start + from + name.len() + 1;
            found.push(Found {
                hide: start..start + value.len(),
                secret: start..start + value.len(),
            });
        }
        from += parameter.len() + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_and_hidden() {
        for (text, clean) in [
            (
                "postgres://baton:canary@db/baton",
                "postgres://***@db/baton",
            ),
            ("redis://:canary@host:6379/0", "redis://***@host:6379/0"),
            (
                "https://canarytoken@host/o/r.git",
                "https://***@host/o/r.git",
            ),
            (
                "git+https://x:canary@host/o/r.git",
                "git+https://***@host/o/r.git",
            ),
            ("https://u:can@ry@host/", "https://***@host/"),
            ("https://u:can/ary@host/db", "https://***@host/db"),
            (
                "postgres://host/db?user=u&password=canary&x=1",
                "postgres://host/db?user=u&password=***&x=1",
            ),
            (
                "see https://u:canary@a and http://u:canary@b.",
                "see https://***@a and http://***@b.",
            ),
            (
                "url=\"https://u:canary@a\" x@y",
                "url=\"https://***@a\" x@y",
            ),
            ("ssh://git:canary@host/x", "ssh://***@host/x"),
            ("postgres//u:canary@host/d", "postgres//***@host/d"),
            ("x//y https://u:canary@host", "x//y https://***@host"),
        ] {
            assert!(has_credentials(text), "{text}");
            assert_eq!(without_credentials(text), clean);
        }
    }

    #[test]
    fn a_url_without_credentials_stays_as_it_is() {
        for text in [
            "",
            "://",
            "git",
            "https://host/o/r",
            "https://host:8443/path@2",
            "ssh://git@host/o/r.git",
            "git+ssh://git@host/o/r.git",
            "postgres://baton@db/baton?sslmode=verify-full",
            "git+file:///srv/x.git",
            "https://host/?q=mail@host",
            "https://host/?password=",
            "mail someone@host",
            "git@host:o/r.git",
            "packages//b@2",
            "// see a@b",
        ] {
            assert!(!has_credentials(text), "{text}");
            assert_eq!(without_credentials(text), text);
        }
    }

    #[test]
    fn the_secret_is_the_password_and_the_lonely_user_where_there_is_none() {
        let secret = |text: &str| text[find(text)[0].secret.clone()].to_owned();
        assert_eq!(secret("https://user:canary@host"), "canary");
        assert_eq!(secret("https://canary@host"), "canary");
        assert_eq!(secret("https://canary:@host"), "canary");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_search_panic_or_overlap(text in "[a-z:/@?&=#\\PC ]{0,60}") {
            let mut end = 0;
            for found in find(&text) {
                proptest::prop_assert!(found.hide.start >= end && found.hide.contains(&found.secret.start));
                end = found.hide.end;
            }
            without_credentials(&text);
        }
    }
}
