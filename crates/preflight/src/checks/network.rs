//! `network.dns` and `network.targets`: one sweep over every host, told as two findings.

use std::{collections::BTreeSet, time::Duration};

use probes::{
    resolver::ResolveError,
    sweep::{HostState, Swept},
    tcp::{ConnectFailure, TcpError},
};

use crate::{Finding, Part, Status};

/// Where a swept target comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The name in the inventory, where that is not the address.
    pub alias: Option<String>,
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Target {
    /// `web1 (10.0.0.7:22)`, or the address alone.
    fn shown(&self) -> String {
        let address = if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        };
        match &self.alias {
            Some(alias) if *alias != self.host => format!("{alias} ({address})"),
            _ => address,
        }
    }

    /// Whether it is reached by a name and not by an address.
    pub fn is_name(&self) -> bool {
        self.host.parse::<std::net::IpAddr>().is_err()
    }
}

/// What is known of a host without asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unasked {
    /// The name in the inventory.
    pub name: String,
    /// Why it is not asked.
    pub why: String,
    /// How to mend it, where something else helps than a better address in the inventory.
    pub mend: String,
    /// It is meant not to be asked (`ansible_connection: local`); otherwise it could not be decided how.
    pub on_purpose: bool,
}

/// `network.targets`: what became of each target, and of each host that could not be asked.
///
/// `proxied`: proxy variables are set, which targets are never asked through.
pub fn targets(
    asked: &[(Target, Swept)],
    unasked: &[Unasked],
    timeout: Duration,
    proxied: bool,
) -> Finding {
    let direct = if proxied {
        ", asked directly: proxy variables do not apply to targets"
    } else {
        ""
    };
    let wanted = format!(
        "every target takes a TCP connection within {} s{direct}",
        timeout.as_secs()
    );
    let mut parts: Vec<Part> = asked
        .iter()
        .map(|(target, swept)| {
            let (status, seen) = reached(swept);
            Part {
                mend: mend(target, swept),
                ..part(target.shown(), status, seen)
            }
        })
        .collect();
    parts.extend(unasked.iter().map(|host| {
        let status = if host.on_purpose {
            Status::Pass
        } else {
            Status::Unknown
        };
        Part {
            mend: host.mend().to_owned(),
            ..part(host.name.clone(), status, host.why.clone())
        }
    }));
    let count = |status: Status| parts.iter().filter(|part| part.status == status).count();
    let (failed, unknown, all) = (count(Status::Fail), count(Status::Unknown), parts.len());
    let are = if failed == 1 { "is" } else { "are" };
    let seen = match (failed, unknown) {
        (0, 0) => format!("all {all} targets are reachable"),
        (0, _) => format!("{unknown} of {all} targets could not be asked"),
        (_, 0) => format!("{failed} of {all} targets {are} not reachable"),
        _ => {
            format!("{failed} of {all} targets {are} not reachable, {unknown} could not be asked")
        }
    };
    let finding = match (failed, unknown) {
        (0, 0) => Finding::pass(seen, wanted),
        (0, _) => Finding::unknown(seen, wanted, mends(&parts, Status::Unknown)),
        _ => Finding::fail(seen, wanted, mends(&parts, Status::Fail)),
    };
    finding.counted(parts)
}

fn part(subject: String, status: Status, seen: String) -> Part {
    Part {
        subject,
        status,
        seen,
        mend: String::new(),
    }
}

impl Unasked {
    fn mend(&self) -> &str {
        if self.on_purpose || !self.mend.is_empty() {
            return &self.mend;
        }
        "give the host an `ansible_host` and `ansible_port` that can be read, or reach it in a check of your own"
    }
}

/// What the parts of `status` ask for, each mend once, in the order of the parts.
fn mends(parts: &[Part], status: Status) -> String {
    let mut told: Vec<&str> = Vec::new();
    for part in parts.iter().filter(|part| part.status == status) {
        if !part.mend.is_empty() && !told.contains(&part.mend.as_str()) {
            told.push(&part.mend);
        }
    }
    told.join("; ")
}

/// What to do about a target, by what was seen of it; empty where it is reachable.
fn mend(target: &Target, swept: &Swept) -> String {
    let attempts = match &swept.tcp {
        Ok(_) => return String::new(),
        Err(TcpError::Resolve(error)) if error.is_definite() => {
            return "correct the name that does not resolve (see network.dns)".to_owned();
        }
        Err(TcpError::Resolve(_)) => {
            return "look at the name servers (see network.dns)".to_owned();
        }
        Err(TcpError::NotTried { .. }) => return MORE_FILES.to_owned(),
        Err(TcpError::Unconnected { attempts, .. }) => attempts,
    };
    let any = |is: fn(ConnectFailure) -> bool| attempts.iter().any(|one| is(one.failure));
    if any(|failure| failure == ConnectFailure::Refused) {
        return "start the service behind the closed port, or correct the port".to_owned();
    }
    if any(|failure| {
        matches!(
            failure,
            ConnectFailure::TimedOut(_) | ConnectFailure::HostUnreachable
        )
    }) {
        if swept.state == HostState::Up {
            return "open the port for this runner in the firewall: the host itself is up"
                .to_owned();
        }
        let away = match target.alias {
            Some(_) => "; take a host that is meant to be away out of the inventory",
            None => "",
        };
        return format!("start the silent host, or open the firewall for this runner{away}");
    }
    if any(|failure| failure == ConnectFailure::NetworkUnreachable) {
        return "give this runner a route to the target's network".to_owned();
    }
    if any(|failure| failure == ConnectFailure::Forbidden) {
        return "let this runner's own firewall pass connections to the target".to_owned();
    }
    if any(|failure| matches!(failure, ConnectFailure::Exhausted(_))) {
        return MORE_FILES.to_owned();
    }
    "look at the host and at the way to it".to_owned()
}

const MORE_FILES: &str =
    "raise this runner's limit of open files (`ulimit -n`), or end what holds its sockets";

fn reached(swept: &Swept) -> (Status, String) {
    let error = match &swept.tcp {
        Ok(open) => {
            return (
                Status::Pass,
                format!("connected in {} ms", open.took.as_millis()),
            );
        }
        Err(error) => error,
    };
    let status = match error.answer() {
        probes::Answer::Unknown => Status::Unknown,
        _ => Status::Fail,
    };
    let host = match &swept.state {
        HostState::Up if error.is_refused() => "",
        HostState::Up => "; the host is up (it answers ICMP)",
        HostState::Down => "; it does not answer ICMP either",
        HostState::Unknown(Some(_)) => "; ICMP is not permitted here",
        HostState::Unknown(None) => "",
    };
    (status, format!("{}{host}", words(&swept.host, error)))
}

/// The error without what the subject beside it says already: the host, and the port of each address.
fn words(host: &str, error: &TcpError) -> String {
    match error {
        TcpError::Unconnected { attempts, .. } => {
            let told: Vec<String> = attempts
                .iter()
                .map(|one| {
                    let address = one.address.ip();
                    if host.parse() == Ok(address) {
                        one.failure.to_string()
                    } else {
                        format!("{address} {}", one.failure)
                    }
                })
                .collect();
            told.join(", ")
        }
        TcpError::Resolve(error) => unresolved(error),
        TcpError::NotTried { .. } => "no file descriptor was free in time".to_owned(),
    }
}

/// The error without the name, which the subject beside it says already.
fn unresolved(error: &ResolveError) -> String {
    let text = error.to_string();
    match (error, text.split_once(": ")) {
        (ResolveError::Configuration { .. }, _) | (_, None) => format!("failed to {text}"),
        (_, Some((_, reason))) => reason.to_owned(),
    }
}

/// `network.dns`: whether the names of the targets resolve, and the name servers answer.
pub fn dns(asked: &[(Target, Swept)], servers: &[std::net::SocketAddr]) -> Finding {
    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
    let by = if servers.is_empty() {
        String::new()
    } else {
        format!(" by {}", servers.join(", "))
    };
    let wanted = "every name resolves";
    let mut seen = BTreeSet::new();
    let parts: Vec<Part> = asked
        .iter()
        .filter(|(target, _)| target.is_name() && seen.insert(target.host.clone()))
        .map(|(target, swept)| match &swept.tcp {
            Err(TcpError::Resolve(error)) => part(
                target.host.clone(),
                // Nobody answering is what this check is about: no doubt, but a dead name server.
                if matches!(
                    error,
                    ResolveError::TimedOut { .. }
                        | ResolveError::Servers { .. }
                        | ResolveError::Configuration { .. }
                ) || error.is_definite()
                {
                    Status::Fail
                } else {
                    Status::Unknown
                },
                unresolved(error),
            ),
            _ => part(target.host.clone(), Status::Pass, "resolved".to_owned()),
        })
        .collect();
    let all = parts.len();
    let failed = parts
        .iter()
        .filter(|part| part.status != Status::Pass)
        .count();
    if failed == 0 {
        let told = match parts.as_slice() {
            [only] => format!("{} resolved{by}", only.subject),
            _ => format!("{all} names resolved{by}"),
        };
        return Finding::pass(told, wanted).with_parts(parts);
    }
    let definite = asked.iter().any(
        |(_, swept)| matches!(&swept.tcp, Err(TcpError::Resolve(error)) if error.is_definite()),
    );
    let mend = if definite {
        "correct the name, or add it to the zone; where every name fails, look at the name server"
    } else {
        "look at the name servers of /etc/resolv.conf: whether they run, and whether this runner reaches them (UDP port 53)"
    };
    let do_not = if failed == 1 { "does not" } else { "do not" };
    Finding::fail(
        format!("{failed} of {all} names {do_not} resolve{by}"),
        wanted,
        mend,
    )
    .counted(parts)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use probes::{sweep::Open, tcp::Attempt};

    use super::*;

    fn address() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 7], 22))
    }

    fn swept(host: &str, tcp: Result<Open, TcpError>, state: HostState) -> (Target, Swept) {
        let target = Target {
            alias: None,
            host: host.to_owned(),
            port: 22,
        };
        let swept = Swept {
            host: host.to_owned(),
            port: 22,
            tcp,
            state,
        };
        (target, swept)
    }

    fn open(host: &str) -> (Target, Swept) {
        let open = Open {
            address: address(),
            took: Duration::from_millis(3),
        };
        swept(host, Ok(open), HostState::Up)
    }

    fn shut(host: &str, failure: ConnectFailure, state: HostState) -> (Target, Swept) {
        let error = TcpError::Unconnected {
            host: host.to_owned(),
            attempts: vec![Attempt {
                address: address(),
                failure,
            }],
        };
        swept(host, Err(error), state)
    }

    fn unresolved(host: &str, definite: bool) -> (Target, Swept) {
        let server = SocketAddr::from(([192, 0, 2, 53], 53));
        let error = if definite {
            ResolveError::NoSuchName {
                name: host.to_owned(),
                server,
            }
        } else {
            ResolveError::TimedOut {
                name: host.to_owned(),
                servers: vec![server],
            }
        };
        swept(
            host,
            Err(TcpError::Resolve(error)),
            HostState::Unknown(None),
        )
    }

    fn judged(asked: &[(Target, Swept)], unasked: &[Unasked]) -> Finding {
        targets(asked, unasked, Duration::from_secs(5), false)
    }

    #[test]
    fn a_dead_host_and_a_closed_port_are_told_apart() {
        let finding = judged(
            &[
                open("web1"),
                shut("web2", ConnectFailure::Refused, HostState::Up),
                shut(
                    "web3",
                    ConnectFailure::TimedOut(Duration::from_secs(5)),
                    HostState::Down,
                ),
            ],
            &[],
        );
        assert_eq!(finding.status, Status::Fail);
        assert_eq!(finding.seen, "2 of 3 targets are not reachable");
        let text: Vec<&str> = finding
            .parts
            .iter()
            .map(|part| part.seen.as_str())
            .collect();
        assert!(
            text[0].contains("the host is up, the port is closed"),
            "{text:?}"
        );
        assert!(text[1].contains("does not answer ICMP either"), "{text:?}");
    }

    #[test]
    fn each_cause_has_its_own_mend_and_targets_no_word_of_an_inventory() {
        let silent = ConnectFailure::TimedOut(Duration::from_secs(5));
        for (target, word) in [
            (shut("a", ConnectFailure::Refused, HostState::Up), "service"),
            (shut("a", silent, HostState::Down), "start the silent host"),
            (shut("a", silent, HostState::Up), "open the port"),
            (
                shut("a", ConnectFailure::NetworkUnreachable, HostState::Down),
                "route",
            ),
            (unresolved("a", true), "correct the name"),
            (unresolved("a", false), "name servers"),
        ] {
            let finding = judged(&[target], &[]);
            assert!(finding.mend.contains(word), "{word}: {finding:?}");
            assert!(!finding.mend.contains("inventory"), "{finding:?}");
        }
        let (mut target, swept) = shut("a", silent, HostState::Down);
        target.alias = Some("web1".to_owned());
        let finding = judged(
            &[
                (target, swept),
                shut("b", ConnectFailure::Refused, HostState::Up),
                shut("c", ConnectFailure::Refused, HostState::Up),
                open("d"),
            ],
            &[],
        );
        assert!(finding.mend.contains("out of the inventory"), "{finding:?}");
        assert_eq!(finding.mend.matches("closed port").count(), 1);
        let passing = finding.parts.last().map(|part| part.mend.as_str());
        assert_eq!(passing, Some(""));
    }

    #[test]
    fn a_part_does_not_name_its_subject_again() {
        let (target, swept) = shut("192.0.2.7", ConnectFailure::Refused, HostState::Up);
        let finding = judged(&[(target, swept), open("web1")], &[]);
        assert_eq!(finding.seen, "1 of 2 targets is not reachable");
        assert_eq!(
            finding.parts[0].seen,
            "refused (the host is up, the port is closed)"
        );
        let named = judged(&[shut("web1", ConnectFailure::Refused, HostState::Up)], &[]);
        assert_eq!(
            named.seen,
            "web1:22: 192.0.2.7 refused (the host is up, the port is closed)"
        );
    }

    #[test]
    fn a_host_that_cannot_be_decided_is_shown_and_unknown() {
        let unasked = |name: &str, on_purpose| Unasked {
            name: name.to_owned(),
            why: "reached through another host (ProxyJump)".to_owned(),
            mend: String::new(),
            on_purpose,
        };
        let finding = judged(&[open("web1")], &[unasked("db1", false)]);
        assert_eq!(finding.status, Status::Unknown);
        assert_eq!(finding.parts[0].subject, "db1");
        let finding = judged(&[open("web1")], &[unasked("here", true)]);
        assert_eq!(finding.status, Status::Pass);
    }

    #[test]
    fn a_dead_name_server_fails_the_names_and_leaves_the_targets_unknown() {
        let asked = [unresolved("web1.example", false)];
        assert_eq!(judged(&asked, &[]).status, Status::Unknown);
        let finding = dns(&asked, &[]);
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.mend.contains("resolv.conf"), "{}", finding.mend);
    }

    #[test]
    fn a_name_that_does_not_exist_fails_both() {
        let asked = [unresolved("wbe1.example", true), open("192.0.2.7")];
        assert_eq!(judged(&asked, &[]).status, Status::Fail);
        let finding = dns(&asked, &[]);
        assert_eq!(
            finding.seen,
            "wbe1.example: no such name, says name server 192.0.2.53:53"
        );
    }

    #[test]
    fn proxies_are_told_not_to_apply() {
        let finding = targets(&[open("web1")], &[], Duration::from_secs(5), true);
        assert!(
            finding.wanted.contains("asked directly"),
            "{}",
            finding.wanted
        );
    }

    #[test]
    fn an_alias_is_shown_with_its_address() {
        let target = Target {
            alias: Some("web1".to_owned()),
            host: "2001:db8::1".to_owned(),
            port: 2222,
        };
        assert_eq!(target.shown(), "web1 ([2001:db8::1]:2222)");
    }
}
