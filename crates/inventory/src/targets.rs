//! Lists of targets: hosts and ports without an inventory.

use crate::inventory::{MOST_HOSTS, SSH_PORT, Target};

/// What is wrong in a list of targets; all of it at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("understand the targets: {}", .0.join("; "))]
pub struct TargetsError(Vec<String>);

/// The targets in `text`, between commas or on lines: `host`, `host:port`, `[v6]`, `[v6]:port`, a bare IPv6 address, each
/// perhaps with `tcp://` before it. The port is 22 where none is named. Each target once, in the order of the text.
///
/// # Errors
/// Every entry that is none of these.
pub fn parse_targets(text: &str) -> Result<Vec<Target>, TargetsError> {
    let mut targets = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut wrong = Vec::new();
    let entries = text
        .split([',', '\n', '\r'])
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    for (at, entry) in entries.enumerate() {
        if at == MOST_HOSTS {
            wrong.push(format!("more than {MOST_HOSTS} targets"));
            break;
        }
        match target(entry) {
            Ok(target) => {
                if seen.insert(target.clone()) {
                    targets.push(target);
                }
            }
            // What stands before an `@` may be a password.
            Err(why) if entry.contains('@') => wrong.push(format!("entry {}: {why}", at + 1)),
            Err(why) => wrong.push(format!("`{entry}`: {why}")),
        }
    }
    if wrong.is_empty() {
        Ok(targets)
    } else {
        Err(TargetsError(wrong))
    }
}

fn target(entry: &str) -> Result<Target, &'static str> {
    let place = match entry.split_once("://") {
        Some(("tcp", place)) => place,
        Some(_) => return Err("only tcp:// is understood"),
        None => entry,
    };
    if place.contains('@') {
        return Err("a target names no user");
    }
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, behind) = rest.split_once(']').ok_or("the bracket is not closed")?;
        if host
            .split('%')
            .next()
            .unwrap_or_default()
            .parse::<std::net::Ipv6Addr>()
            .is_err()
        {
            return Err("brackets hold an IPv6 address; ranges belong into an inventory");
        }
        match behind.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if behind.is_empty() => (host, None),
            None => return Err("behind the bracket a colon and the port are wanted"),
        }
    } else if place.matches(':').count() > 1 {
        (place, None)
    } else {
        match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        }
    };
    if !crate::address::is_address(host) {
        return Err("neither a host name nor an address, perhaps with a port behind a colon");
    }
    let port = match port {
        Some(port) => port
            .parse()
            .ok()
            .filter(|number: &u16| *number > 0 && port.bytes().all(|one| one.is_ascii_digit()))
            .ok_or("a port is a number from 1 to 65535")?,
        None => SSH_PORT,
    };
    Ok(Target {
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_written_form_gives_host_and_port() {
        let text = "web1, web2:2222,\n[2001:db8::1]:2200\r\n[2001:db8::2]\n2001:db8::3\ntcp://db.example:5432, web1\n\nfe80::1%eth0";
        let found: Vec<(String, u16)> = parse_targets(text)
            .unwrap()
            .into_iter()
            .map(|target| (target.host, target.port))
            .collect();
        let wanted = [
            ("web1", 22),
            ("web2", 2222),
            ("2001:db8::1", 2200),
            ("2001:db8::2", 22),
            ("2001:db8::3", 22),
            ("db.example", 5432),
            ("fe80::1%eth0", 22),
        ];
        assert_eq!(found, wanted.map(|(host, port)| (host.to_owned(), port)));
        assert_eq!(parse_targets(" ,\n").unwrap(), []);
    }

    #[test]
    fn every_wrong_entry_is_named_and_no_password() {
        let error =
            parse_targets("web1:ssh, ok, http://x, [web1:3], a b, web:0, tcp://root:hunter2@db")
                .unwrap_err()
                .to_string();
        for part in [
            "`web1:ssh`",
            "`http://x`",
            "`[web1:3]`",
            "`a b`",
            "`web:0`",
            "entry 7",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
        assert!(
            !error.contains("hunter2") && !error.contains("`ok`"),
            "{error}"
        );
    }
}
