//! From libpq's parameters to [`Settings`].

use std::{net::IpAddr, path::PathBuf, time::Duration};

use super::{
    ChannelBinding, Endpoint, PORT, Server, Settings, SettingsError, SslMode, TargetSession,
    parse::Pairs,
};

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
const UNSUPPORTED: [&str; 14] = [
    "gsslib",
    "krbsrvname",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcertmode",
    "sslcrl",
    "sslcrldir",
    "sslpassword",
    "sslsni",
];

/// What the parameters say, or everything that is wrong with them. An unknown one is named where `may_name` says so: else its
/// name could be a part of a password.
pub(super) fn meaning(pairs: Pairs, may_name: bool) -> Result<Settings, SettingsError> {
    let mut wrong = Vec::new();
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
        ssl_cert: None,
        ssl_key: None,
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
                let seconds = value.trim().parse().map_err(|_| SettingsError::Value {
                    key: "connect_timeout",
                    wanted: "a whole number of seconds",
                });
                // Zero and less wait as long as there is time.
                settings.connect_timeout = right(seconds, &mut wrong)
                    .and_then(|seconds: i64| u64::try_from(seconds).ok())
                    .filter(|seconds| *seconds > 0)
                    .map(Duration::from_secs);
            }
            "sslmode" => mode = right(ssl_mode(&value), &mut wrong),
            "sslrootcert" => settings.ssl_root_cert = some.map(PathBuf::from),
            "sslcert" => settings.ssl_cert = some.map(PathBuf::from),
            "sslkey" => settings.ssl_key = some.map(PathBuf::from),
            "application_name" => settings.application_name = value,
            "options" => settings.options = some,
            "target_session_attrs" => {
                let session = right(target_session(&value), &mut wrong);
                settings.target_session = session.unwrap_or(settings.target_session);
            }
            "channel_binding" => {
                let binding = right(channel_binding(&value), &mut wrong);
                settings.channel_binding = binding.unwrap_or(settings.channel_binding);
            }
            "sslnegotiation" if value == "postgres" => {}
            "sslnegotiation" => wrong.push(SettingsError::Unsupported {
                key: "sslnegotiation",
            }),
            _ if WITHOUT_EFFECT.contains(&key.as_str()) => {}
            _ => wrong.push(match UNSUPPORTED.into_iter().find(|name| *name == key) {
                Some(key) => SettingsError::Unsupported { key },
                None => SettingsError::UnknownKey {
                    position: n + 1,
                    near: near(&key),
                    name: Some(key).filter(|key| may_name && is_name(key)),
                },
            }),
        }
    }
    let system = settings
        .ssl_root_cert
        .take_if(|path| path.as_os_str() == "system");
    settings.ssl_mode = match (mode, system) {
        // As libpq: anybody can have a certificate that the system trusts, so who trusts it must look at the name.
        (Some(mode), Some(_)) if mode != SslMode::VerifyFull => {
            wrong.push(SettingsError::Value {
                key: "sslmode",
                wanted: "verify-full, which goes with sslrootcert=system",
            });
            mode
        }
        (Some(mode), _) => mode,
        (None, Some(_)) => SslMode::VerifyFull,
        (None, None) => SslMode::Prefer,
    };
    match (&settings.ssl_cert, &settings.ssl_key) {
        (Some(_), None) => wrong.push(SettingsError::Value {
            key: "sslkey",
            wanted: "the private key of sslcert",
        }),
        (None, Some(_)) => wrong.push(SettingsError::Value {
            key: "sslcert",
            wanted: "the certificate of sslkey",
        }),
        _ => {}
    }
    let servers = servers(&hosts, &addresses, &ports);
    settings.servers = right(servers, &mut wrong).unwrap_or_default();
    settings.user = user.unwrap_or_else(own_name);
    settings.database = database.unwrap_or_else(|| settings.user.clone());
    match SettingsError::of(wrong) {
        None => Ok(settings),
        Some(error) => Err(error),
    }
}

/// What is right of `read`; what is wrong with it is added to `wrong`.
fn right<T>(read: Result<T, SettingsError>, wrong: &mut Vec<SettingsError>) -> Option<T> {
    read.map_err(|error| wrong.push(error)).ok()
}

/// Whether `key` looks like a parameter's name.
fn is_name(key: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    key.len() <= 40 && key.bytes().all(is_letter)
}

/// A supported parameter that begins like `key`.
fn near(key: &str) -> Option<&'static str> {
    const SUPPORTED: [&str; 14] = [
        "application_name",
        "channel_binding",
        "connect_timeout",
        "dbname",
        "host",
        "options",
        "password",
        "port",
        "sslcert",
        "sslkey",
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
