//! `host:port` as a file of gates writes it.

use std::net::Ipv6Addr;

use crate::{Fields, Problems};

/// Why a text is no `host:port`; what is seen, and how to mend it. Nothing of the text is repeated: before an `@` stands
/// perhaps a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unreadable {
    /// What is there instead.
    seen: &'static str,
    /// What the writer can do.
    mend: &'static str,
}

/// Reads `host:port`, `192.0.2.7:port` or `[2001:db8::7]:port`; the port may be left out where there is a `default`.
/// The host comes without brackets.
fn read(text: &str, default: Option<u16>) -> Result<(String, u16), Unreadable> {
    let text = text.trim();
    let wrong = |seen, mend| Err(Unreadable { seen, mend });
    if text.contains("://") {
        return wrong("a URL", "leave out the scheme and the path");
    }
    if text.contains('@') {
        return wrong("a user", "leave out everything up to the `@`");
    }
    if text.contains(['/', '?', '#']) {
        return wrong("a path", "leave out everything behind the port");
    }
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let Some((host, behind)) = rest.split_once(']') else {
            return wrong("a bracket that is not closed", "write `[2001:db8::7]:5432`");
        };
        if host.parse::<Ipv6Addr>().is_err() {
            return wrong(
                "no IPv6 address in the brackets",
                "write `[2001:db8::7]:5432`",
            );
        }
        match behind.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if behind.is_empty() => (host, None),
            None => return wrong("text behind the bracket", "write `[2001:db8::7]:5432`"),
        }
    } else if text.matches(':').count() > 1 {
        // `::1:5432` is an IPv6 address of its own.
        return wrong(
            "an IPv6 address without brackets",
            "write `[2001:db8::7]:5432`",
        );
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() {
        return wrong("no host", "write a name or an address before the port");
    }
    if host.contains(char::is_whitespace) {
        return wrong("white space", "write a name or an address, and its port");
    }
    if host.contains(char::is_control) {
        return wrong("a control character", "leave it out");
    }
    let port = match port {
        Some(port) => port
            .parse()
            .ok()
            .filter(|number| *number > 0 && !port.starts_with('+')),
        None if default.is_none() => return wrong("no port", "write `:` and the port behind it"),
        None => default,
    };
    match port {
        Some(port) => Ok((host.to_owned(), port)),
        None => wrong("a port that is none", "write a number from 1 to 65535"),
    }
}

/// The `host:port` of `key`; what is wrong with it goes to the problems.
pub(super) fn of(
    fields: &Fields,
    key: &str,
    default: Option<u16>,
    problems: &mut Problems,
) -> Option<(String, u16)> {
    match read(fields.text(key)?, default) {
        Ok(read) => Some(read),
        Err(Unreadable { seen, mend }) => {
            let wanted = match default {
                Some(_) => "`host` or `host:port`",
                None => "`host:port`",
            };
            fields.wrong(key, seen, wanted, mend, problems);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_read_with_their_port() {
        let read = |text| read(text, None).unwrap();
        assert_eq!(read("db.internal:5432"), ("db.internal".to_owned(), 5432));
        assert_eq!(read(" 192.0.2.7:22 "), ("192.0.2.7".to_owned(), 22));
        assert_eq!(read("[2001:db8::7]:1"), ("2001:db8::7".to_owned(), 1));
    }

    #[test]
    fn a_port_may_be_left_out_where_there_is_a_default() {
        let read = |text| read(text, Some(443)).unwrap();
        assert_eq!(read("web.internal"), ("web.internal".to_owned(), 443));
        assert_eq!(read("[::1]"), ("::1".to_owned(), 443));
        assert_eq!(read("[::1]:8443"), ("::1".to_owned(), 8443));
    }

    #[test]
    fn everything_else_is_told_by_what_is_wrong_with_it() {
        for (text, seen) in [
            ("tcp://db:5432", "a URL"),
            ("me:canary@db:5432", "a user"),
            ("db:5432/x", "a path"),
            ("[::1:5432", "a bracket that is not closed"),
            ("[db]:5432", "no IPv6 address in the brackets"),
            ("[::1]5432", "text behind the bracket"),
            ("::1:5432", "an IPv6 address without brackets"),
            (":5432", "no host"),
            ("", "no host"),
            ("d b:5432", "white space"),
            ("d\0b:5432", "a control character"),
            ("\u{7f}:5432", "a control character"),
            ("db", "no port"),
            ("db:", "a port that is none"),
            ("db:0", "a port that is none"),
            ("db:65536", "a port that is none"),
            ("db:+1", "a port that is none"),
            ("db:pg", "a port that is none"),
        ] {
            assert_eq!(read(text, None).unwrap_err().seen, seen, "{text}");
        }
    }
}
