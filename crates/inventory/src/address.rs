//! From a host's variables to where it is reached.

use std::net::Ipv6Addr;

use crate::{
    inventory::{Address, SSH_PORT, Target},
    value::{Value, Variable, Variables},
};

/// Where the host `name` is reached, by the rules of Ansible's `ssh` connection plugin: `ansible_ssh_host` goes over
/// `ansible_host`, which goes over the name; the same with ports, which end with SSH's own.
pub(crate) fn decide(name: &str, variables: &Variables) -> Address {
    let set = |variable| {
        variables
            .get(&variable)
            .filter(|value| **value != Value::Null)
    };
    let mut reasons = Vec::new();

    match connection(set(Variable::Connection)) {
        Connection::Ssh => {}
        Connection::Local => {
            return Address::Skipped {
                why: "ansible_connection is local: it is not reached over the network".to_owned(),
            };
        }
        Connection::Unclear(why) => reasons.push(why),
    }
    for variable in [
        Variable::SshArgs,
        Variable::SshCommonArgs,
        Variable::SshExtraArgs,
    ] {
        reasons.extend(set(variable).and_then(|value| detour(variable, value)));
    }
    let (variable, host) = [Variable::SshHost, Variable::Host]
        .into_iter()
        .find_map(|variable| Some((Some(variable), set(variable)?.clone())))
        .unwrap_or_else(|| (None, Value::Text(name.to_owned())));
    let host = address(variable, &host).map_err(|why| reasons.push(why));
    let port = [Variable::SshPort, Variable::Port]
        .into_iter()
        .find_map(|variable| Some(port(variable, set(variable)?)))
        .unwrap_or(Ok(SSH_PORT))
        .map_err(|why| reasons.push(why));

    match (host, port) {
        (Ok(host), Ok(port)) if reasons.is_empty() => Address::Target(Target { host, port }),
        _ => {
            reasons.dedup();
            Address::Undecided {
                why: reasons.join("; "),
            }
        }
    }
}

enum Connection {
    Ssh,
    Local,
    Unclear(String),
}

fn connection(value: Option<&Value>) -> Connection {
    let Some(value) = value else {
        return Connection::Ssh;
    };
    let text = match text(Variable::Connection, value) {
        Ok(text) => text,
        Err(why) => return Connection::Unclear(why),
    };
    let bare = text
        .strip_prefix("ansible.builtin.")
        .or_else(|| text.strip_prefix("ansible.legacy."))
        .unwrap_or(text);
    match bare {
        "ssh" | "smart" | "paramiko" | "paramiko_ssh" => Connection::Ssh,
        "local" => Connection::Local,
        _ => Connection::Unclear("ansible_connection is neither ssh nor local".to_owned()),
    }
}

/// The text of a variable.
fn text(variable: Variable, value: &Value) -> Result<&str, String> {
    let name = variable.name();
    match value {
        Value::Text(text) if is_template(text) => Err(format!(
            "{name} is a template, which Ansible fills in later"
        )),
        Value::Text(text) => Ok(text),
        Value::Vault(place) => Err(format!(
            "{name} may be set in what ansible-vault encrypted ({place})"
        )),
        Value::Int(_) => Err(format!("{name} is a number")),
        Value::Null => Err(format!("{name} is empty")),
        Value::Other(what) => Err(format!("{name} is {what}")),
    }
}

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Why arguments for SSH lead over another host. They are not shown: a proxy's command can hold a password.
fn detour(variable: Variable, value: &Value) -> Option<String> {
    let original = match text(variable, value) {
        Ok(text) => text,
        Err(why) => return Some(why),
    };
    let arguments = original.to_ascii_lowercase();
    let name = variable.name();
    for option in ["proxyjump", "proxycommand"] {
        let used = arguments.match_indices(option).any(|(at, _)| {
            let setting =
                arguments[at + option.len()..].trim_start_matches(['=', ' ', '\t', '"', '\'']);
            // `none` switches off what a configuration file sets.
            setting.split([' ', '\t', '"', '\'']).next() != Some("none")
        });
        if used {
            let spelled = if option == "proxyjump" {
                "ProxyJump"
            } else {
                "ProxyCommand"
            };
            return Some(format!(
                "it is reached through another host ({spelled} in {name})"
            ));
        }
    }
    // Unlike names of options, this letter's case matters: `-j` is none.
    original
        .split_whitespace()
        .any(|word| word.trim_start_matches(['"', '\'']).starts_with("-J"))
        .then(|| format!("it is reached through another host (-J in {name})"))
}

fn address(variable: Option<Variable>, value: &Value) -> Result<String, String> {
    let (name, text) = match (variable, value) {
        (Some(variable), Value::Int(number)) => (variable.name(), number.to_string()),
        (Some(variable), value) => (variable.name(), text(variable, value)?.to_owned()),
        (None, Value::Text(text)) => ("the name", text.clone()),
        (None, _) => ("the name", String::new()),
    };
    if is_address(&text) {
        Ok(text)
    } else {
        Err(format!("{name} is neither a host name nor an address"))
    }
}

/// Letters, digits, `-`, `_` and dots of at most 253 bytes (RFC 1035), or an IPv6 address, perhaps with a zone.
pub(crate) fn is_address(text: &str) -> bool {
    let plain = text.split('%').next().unwrap_or_default();
    if plain.parse::<Ipv6Addr>().is_ok() {
        return !text.contains(char::is_whitespace);
    }
    text.len() <= 253
        && text.starts_with(|one: char| one.is_alphanumeric() || one == '_')
        && !text.contains("..")
        && text
            .chars()
            .all(|one| one.is_alphanumeric() || matches!(one, '-' | '_' | '.'))
}

fn port(variable: Variable, value: &Value) -> Result<u16, String> {
    let number = match value {
        Value::Int(number) => Some(*number),
        value => text(variable, value)?.trim().parse().ok(),
    };
    number
        .and_then(|number| u16::try_from(number).ok())
        .filter(|port| *port > 0)
        .ok_or_else(|| format!("{} is not a port from 1 to 65535", variable.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(set: &[(Variable, &str)]) -> Address {
        let variables = set
            .iter()
            .map(|(variable, text)| (*variable, Value::Text((*text).to_owned())))
            .collect();
        decide("web1", &variables)
    }

    fn at(host: &str, port: u16) -> Address {
        Address::Target(Target {
            host: host.to_owned(),
            port,
        })
    }

    #[test]
    fn the_older_names_go_over_the_newer_ones_and_those_over_the_name() {
        assert_eq!(decided(&[]), at("web1", 22));
        assert_eq!(
            decided(&[(Variable::Host, "10.0.0.1"), (Variable::Port, " 2222 ")]),
            at("10.0.0.1", 2222)
        );
        assert_eq!(
            decided(&[
                (Variable::Host, "10.0.0.1"),
                (Variable::SshHost, "10.0.0.2"),
                (Variable::Port, "1"),
                (Variable::SshPort, "2"),
            ]),
            at("10.0.0.2", 2)
        );
        let nothing = Variables::from([
            (Variable::Host, Value::Null),
            (Variable::SshPort, Value::Null),
        ]);
        assert_eq!(decide("web1", &nothing), at("web1", 22));
    }

    #[test]
    fn every_reason_for_not_deciding_is_named_at_once() {
        let Address::Undecided { why } = decided(&[
            (Variable::Connection, "community.docker.docker"),
            (Variable::SshCommonArgs, "-o ProxyJump=bastion"),
            (Variable::Host, "{{ ip }}"),
            (Variable::Port, "0"),
        ]) else {
            panic!("decided");
        };
        for part in [
            "neither ssh nor local",
            "ProxyJump",
            "ansible_host is a template",
            "ansible_port is not a port",
        ] {
            assert!(why.contains(part), "{part} in {why}");
        }
        assert!(!why.contains("bastion"), "{why}");
    }

    #[test]
    fn a_way_over_another_host_is_seen_however_it_is_written() {
        for arguments in [
            "-o ProxyJump=bastion",
            "-oProxyJump=bastion",
            "-o 'proxyjump bastion'",
            "-J bastion",
            "-Jbastion",
            "'-J' bastion",
            "-o ProxyCommand=\"ssh -W %h:%p b\"",
            "-o ProxyJump=none -o ProxyCommand='nc %h %p'",
        ] {
            for variable in [
                Variable::SshArgs,
                Variable::SshCommonArgs,
                Variable::SshExtraArgs,
            ] {
                let found = decided(&[(variable, arguments)]);
                assert!(
                    matches!(found, Address::Undecided { .. }),
                    "{arguments}: {found:?}"
                );
            }
        }
        for arguments in [
            "",
            "-C -o ControlPersist=60s",
            "-o ProxyJump=none",
            "-o \"ProxyCommand none\" -4",
        ] {
            assert_eq!(
                decided(&[(Variable::SshCommonArgs, arguments)]),
                at("web1", 22),
                "{arguments}"
            );
        }
    }

    #[test]
    fn what_no_network_name_can_be_is_not_asked_for() {
        for host in [
            "a b",
            "",
            "-oProxyCommand=x",
            "a..b",
            "[::1]",
            "user@host",
            "fe80::1% x",
            &"a".repeat(254),
        ] {
            let found = decided(&[(Variable::Host, host)]);
            assert!(
                matches!(found, Address::Undecided { .. }),
                "{host}: {found:?}"
            );
        }
        for host in [
            "2001:db8::1",
            "fe80::1%eth0",
            "xn--mnchen-3ya.example",
            "münchen.example",
            "_srv.example.",
            "10.0.0.1",
        ] {
            assert_eq!(decided(&[(Variable::Host, host)]), at(host, 22));
        }
    }
}
