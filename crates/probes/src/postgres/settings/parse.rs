//! From text to [`Settings`]: first the pairs of a URL or of key=value text, then their meaning.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;

use super::{ChannelBinding, Endpoint, PORT, Server, Settings, SslMode, TargetSession};

/// What is wrong with a connection string; reads after "failed to …". Never quotes a value: a slip of one character
/// makes any part of it the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Neither a URL nor key=value pairs.
    #[error(
        "read the connection string: it is neither a postgres:// URL nor a list of key=value pairs"
    )]
    Form,
    /// A quotation mark is opened and not closed.
    #[error(
        "read the connection string: the value of parameter {position} has no closing quotation mark"
    )]
    Unquoted {
        /// Which parameter, counted from 1.
        position: usize,
    },
    /// A `%` without two hexadecimal digits, or of something that is no UTF-8 text.
    #[error(
        "read the connection string: its {part} holds a `%` that encodes nothing; write %25 for the sign itself"
    )]
    Encoding {
        /// Which part of the URL.
        part: &'static str,
    },
    /// Not a parameter of libpq's, mostly a typing error.
    #[error("read the connection string: parameter {position} is none of libpq's{}", near.map(|key| format!("; is {key} meant?")).unwrap_or_default())]
    UnknownKey {
        /// Which parameter, counted from 1 in the order of the text, user and password of a URL included.
        position: usize,
        /// One that begins alike.
        near: Option<&'static str>,
    },
    /// A parameter of libpq's that is not supported here, and that would change what happens.
    #[error("read the connection string: the parameter {key} is not supported")]
    Unsupported {
        /// Its name.
        key: &'static str,
    },
    /// A value of another kind.
    #[error("read the connection string: {key} wants {wanted}")]
    Value {
        /// Which parameter.
        key: &'static str,
        /// What it wants.
        wanted: &'static str,
    },
    /// The lists of hosts, addresses and ports do not go together.
    #[error(
        "read the connection string: it lists {ports} ports and {addresses} addresses for {hosts} hosts"
    )]
    Lists {
        /// How many hosts.
        hosts: usize,
        /// How many values in `hostaddr`.
        addresses: usize,
        /// How many ports.
        ports: usize,
    },
}

/// What libpq takes and what makes no difference to one question.
const WITHOUT_EFFECT: [&str; 10] = [
    "client_encoding",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "sslcompression",
    "tcp_user_timeout",
];

/// What would change whom we trust or who we are, and is not there.
const UNSUPPORTED: [&str; 12] = [
    "gsslib",
    "krbsrvname",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcrl",
    "sslkey",
];

type Pairs = Vec<(String, String)>;

pub(super) fn settings(text: &str) -> Result<Settings, SettingsError> {
    let text = text.trim();
    let pairs = match text
        .strip_prefix("postgresql://")
        .or_else(|| text.strip_prefix("postgres://"))
    {
        Some(rest) => url(rest)?,
        None => key_values(text)?,
    };
    meaning(pairs)
}

/// `[user[:password]@][host[:port][,…]][/database][?key=value&…]`
fn url(rest: &str) -> Result<Pairs, SettingsError> {
    let mut pairs = Pairs::new();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let hosts = match authority.split_once('@') {
        None => authority,
        Some((who, hosts)) => {
            let (user, password) = who.split_once(':').unwrap_or((who, ""));
            put(&mut pairs, "user", decoded(user, "user")?);
            put(&mut pairs, "password", decoded(password, "password")?);
            hosts
        }
    };
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, after)) => (name, after.strip_prefix(':').unwrap_or(after)),
            None => host.split_once(':').unwrap_or((host, "")),
        };
        names.push(decoded(name, "host")?);
        ports.push(decoded(port, "port")?);
    }
    put(&mut pairs, "host", names.join(","));
    if ports.iter().any(|port| !port.is_empty()) {
        put(&mut pairs, "port", ports.join(","));
    }
    put(&mut pairs, "dbname", decoded(database, "database")?);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(SettingsError::Form)?;
        let (key, value) = (decoded(key, "query")?, decoded(value, "query")?);
        match (key.as_str(), value.as_str()) {
            // JDBC's spelling, which libpq takes too.
            ("ssl", "true") => put(&mut pairs, "sslmode", "require".to_owned()),
            _ => pairs.push((key, value)),
        }
    }
    Ok(pairs)
}

fn put(pairs: &mut Pairs, key: &str, value: String) {
    if !value.is_empty() {
        pairs.push((key.to_owned(), value));
    }
}

fn decoded(text: &str, part: &'static str) -> Result<String, SettingsError> {
    let wrong = SettingsError::Encoding { part };
    for escape in text.split('%').skip(1) {
        let digits = escape.as_bytes().get(..2);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(wrong);
        }
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(wrong),
    }
}

/// `host = a password = 'it\'s'`: spaces around the sign, quotation marks around values with spaces.
fn key_values(text: &str) -> Result<Pairs, SettingsError> {
    let mut pairs = Pairs::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or(SettingsError::Form)?;
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(SettingsError::Form);
        }
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('\'') {
            Some(quoted) => {
                let ends = |c| c == '\'';
                let (value, end) = unescaped(quoted, ends);
                let end = end.ok_or_else(|| SettingsError::Unquoted {
                    position: pairs.len() + 1,
                })?;
                (value, &quoted[end + 1..])
            }
            None => {
                let (value, end) = unescaped(after, char::is_whitespace);
                (value, &after[end.unwrap_or(after.len())..])
            }
        };
        pairs.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// The value up to the first character that `ends` it and has no backslash before it, and where that character is.
fn unescaped(text: &str, ends: impl Fn(char) -> bool) -> (String, Option<usize>) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            c if ends(c) => return (value, Some(at)),
            c => value.push(c),
        }
    }
    (value, None)
}

fn meaning(pairs: Pairs) -> Result<Settings, SettingsError> {
    let (mut hosts, mut addresses, mut ports) = (String::new(), String::new(), String::new());
    let (mut user, mut database, mut mode) = (None, None, None);
    let mut settings = Settings {
        servers: Vec::new(),
        user: String::new(),
        password: None,
        database: String::new(),
        connect_timeout: None,
        ssl_mode: SslMode::Prefer,
        ssl_root_cert: None,
        application_name: "baton".to_owned(),
        options: None,
        target_session: TargetSession::Any,
        channel_binding: ChannelBinding::Prefer,
    };
    // A later value overrides an earlier one; an empty one is none at all.
    for (n, (key, value)) in pairs.into_iter().enumerate() {
        let some = Some(value.clone()).filter(|value| !value.is_empty());
        match key.as_str() {
            "host" => hosts = value,
            "hostaddr" => addresses = value,
            "port" => ports = value,
            "user" => user = some,
            "password" => settings.password = some,
            "dbname" => database = some,
            "connect_timeout" => {
                let seconds: i64 = value.trim().parse().map_err(|_| SettingsError::Value {
                    key: "connect_timeout",
                    wanted: "a whole number of seconds",
                })?;
                // Zero and less wait as long as there is time.
                settings.connect_timeout = u64::try_from(seconds)
                    .ok()
                    .filter(|seconds| *seconds > 0)
                    .map(Duration::from_secs);
            }
            "sslmode" => mode = Some(ssl_mode(&value)?),
            "sslrootcert" => settings.ssl_root_cert = some.map(PathBuf::from),
            "application_name" => settings.application_name = value,
            "options" => settings.options = some,
            "target_session_attrs" => settings.target_session = target_session(&value)?,
            "channel_binding" => settings.channel_binding = channel_binding(&value)?,
            "sslnegotiation" if value == "postgres" => {}
            "sslnegotiation" => {
                return Err(SettingsError::Unsupported {
                    key: "sslnegotiation",
                });
            }
            _ if WITHOUT_EFFECT.contains(&key.as_str()) => {}
            _ => {
                return Err(match UNSUPPORTED.into_iter().find(|name| *name == key) {
                    Some(key) => SettingsError::Unsupported { key },
                    None => SettingsError::UnknownKey {
                        position: n + 1,
                        near: near(&key),
                    },
                });
            }
        }
    }
    let system = settings
        .ssl_root_cert
        .take_if(|path| path.as_os_str() == "system");
    settings.ssl_mode = match (mode, system) {
        (Some(mode), _) => mode,
        // As libpq: who trusts everybody that the system trusts must look at the name.
        (None, Some(_)) => SslMode::VerifyFull,
        (None, None) => SslMode::Prefer,
    };
    settings.servers = servers(&hosts, &addresses, &ports)?;
    settings.user = user.unwrap_or_else(own_name);
    settings.database = database.unwrap_or_else(|| settings.user.clone());
    Ok(settings)
}

/// A supported parameter that begins like `key`.
fn near(key: &str) -> Option<&'static str> {
    const SUPPORTED: [&str; 12] = [
        "application_name",
        "channel_binding",
        "connect_timeout",
        "dbname",
        "host",
        "options",
        "password",
        "port",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
        "user",
    ];
    let same = |known: &&str| {
        known
            .bytes()
            .zip(key.bytes())
            .take_while(|(a, b)| a == b)
            .count()
    };
    let nearest = SUPPORTED.into_iter().max_by_key(|known| same(known))?;
    (same(&nearest) >= 3).then_some(nearest)
}

fn own_name() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid());
    user.ok()
        .flatten()
        .map_or_else(|| "postgres".to_owned(), |user| user.name)
}

fn servers(hosts: &str, addresses: &str, ports: &str) -> Result<Vec<Server>, SettingsError> {
    let list = |text: &str| -> Vec<String> {
        match text {
            "" => Vec::new(),
            text => text.split(',').map(|one| one.trim().to_owned()).collect(),
        }
    };
    let (hosts, addresses, ports) = (list(hosts), list(addresses), list(ports));
    let count = hosts.len().max(addresses.len()).max(1);
    let fits = |list: &Vec<String>| list.is_empty() || list.len() == count;
    if !fits(&hosts) || !fits(&addresses) || !(fits(&ports) || ports.len() == 1) {
        return Err(SettingsError::Lists {
            hosts: hosts.len(),
            addresses: addresses.len(),
            ports: ports.len(),
        });
    }
    (0..count)
        .map(|n| {
            let at = |list: &[String]| list.get(n).filter(|one| !one.is_empty()).cloned();
            let port = at(&ports).or_else(|| ports.first().filter(|_| ports.len() == 1).cloned());
            let address = at(&addresses)
                .map(|text| text.parse::<IpAddr>())
                .transpose();
            let address = address.map_err(|_| SettingsError::Value {
                key: "hostaddr",
                wanted: "addresses",
            })?;
            let name = at(&hosts)
                .or_else(|| address.map(|address| address.to_string()))
                .unwrap_or_else(|| "localhost".to_owned());
            Ok(Server {
                endpoint: if name.starts_with('/') {
                    Endpoint::Folder(name.into())
                } else {
                    Endpoint::Host { name, address }
                },
                port: match port.filter(|port| !port.is_empty()) {
                    None => PORT,
                    Some(port) => {
                        port.parse()
                            .ok()
                            .filter(|port| *port > 0)
                            .ok_or(SettingsError::Value {
                                key: "port",
                                wanted: "numbers from 1 to 65535",
                            })?
                    }
                },
            })
        })
        .collect()
}

fn ssl_mode(value: &str) -> Result<SslMode, SettingsError> {
    Ok(match value {
        "disable" => SslMode::Disable,
        "allow" => SslMode::Allow,
        "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => {
            return Err(SettingsError::Value {
                key: "sslmode",
                wanted: "disable, allow, prefer, require, verify-ca, or verify-full",
            });
        }
    })
}

fn target_session(value: &str) -> Result<TargetSession, SettingsError> {
    Ok(match value {
        "any" => TargetSession::Any,
        "read-write" => TargetSession::ReadWrite,
        "read-only" => TargetSession::ReadOnly,
        "primary" => TargetSession::Primary,
        "standby" => TargetSession::Standby,
        "prefer-standby" => TargetSession::PreferStandby,
        _ => {
            return Err(SettingsError::Value {
                key: "target_session_attrs",
                wanted: "any, read-write, read-only, primary, standby, or prefer-standby",
            });
        }
    })
}

fn channel_binding(value: &str) -> Result<ChannelBinding, SettingsError> {
    Ok(match value {
        "disable" => ChannelBinding::Disable,
        "prefer" => ChannelBinding::Prefer,
        "require" => ChannelBinding::Require,
        _ => {
            return Err(SettingsError::Value {
                key: "channel_binding",
                wanted: "disable, prefer, or require",
            });
        }
    })
}

#[cfg(test)]
mod tests;
