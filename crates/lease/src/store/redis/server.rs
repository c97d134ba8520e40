//! The address of the input `store`, and what it says of servers, sentinels, users and TLS.

use std::path::PathBuf;

use probes::{
    percent,
    redis::{Sentinels, Settings, SettingsError, TlsSettings},
};

/// The port of a sentinel whose address names none.
const SENTINEL_PORT: u16 = 26_379;

/// Stands in the place of a master that is not known yet.
const UNKNOWN: &str = "unknown";

/// Where a Redis store is: one server, or a master that sentinels know.
///
/// `redis://user:password@host:6379/0`; `rediss://` with TLS; `redis-sentinel://user:password@host:26379,host/0` with
/// `?sentinelMasterId=mymaster`, as Lettuce writes it, and `rediss-sentinel://` where servers and sentinels speak TLS. User,
/// password and database are the master's. Each part that may hold `@`, `/`, `?` or `#` is percent-encoded.
///
/// Parameters, after `?` and separated by `&`; an unknown one is refused:
///
/// | name | where | |
/// | --- | --- | --- |
/// | `ca-file` | TLS | a PEM file with the authorities to trust in the place of the system's |
/// | `cert-file`, `key-file` | TLS | the client's own certificate and key, PEM files |
/// | `server-name` | TLS | the name that every certificate must prove, in the place of the host's |
/// | `sentinelMasterId` | sentinels | the master's name among them |
/// | `sentinel-user`, `sentinel-password` | sentinels | as whom the sentinels are asked; nobody in particular where they are missing |
#[derive(Clone, Debug)]
pub struct RedisServer(Kind);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Server(Box<Settings>),
    Sentinels(Box<Sentinels>),
}

/// What is wrong with the address of a Redis store; reads after "failed to …". Quotes nothing of it but the name of a
/// parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisServerError {
    /// It cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It is no address of sentinels.
    #[error(
        "read the address of the sentinels: it must be as \
         redis-sentinel://user:password@host:26379,host:26379/0?sentinelMasterId=mymaster, with rediss-sentinel:// for TLS"
    )]
    Sentinels,
    /// Nobody knows this parameter.
    #[error("read the Redis URL: it has an unknown parameter `{0}`; known here are {1}")]
    Unknown(String, String),
    /// What this parameter says is empty, or said twice.
    #[error("read the Redis URL: its parameter `{0}` must be given once, and not empty")]
    Value(&'static str),
    /// A user without a password: without one there is no login, and the server would take us for somebody else.
    #[error(
        "read the Redis URL: it names a user and no password, and without a password nobody is logged in; write both, as \
         user:password@host, or neither (any password will do for a user that has none)"
    )]
    NoPassword,
    /// A certificate without its key, a key without its certificate, or a password's user without the password.
    #[error("read the Redis URL: its parameter `{0}` is of no use without `{1}`")]
    Half(&'static str, &'static str),
}

/// The parameters of an address, each named once.
#[derive(Default)]
struct Parameters(Vec<(&'static str, String)>);

const TLS: [&str; 4] = ["ca-file", "cert-file", "key-file", "server-name"];
const SENTINELS: [&str; 3] = ["sentinelMasterId", "sentinel-user", "sentinel-password"];

impl Parameters {
    fn read(query: &str, known: &[&'static str]) -> Result<Parameters, RedisServerError> {
        let mut read = Parameters::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = known.iter().find(|known| **known == name) else {
                return Err(RedisServerError::Unknown(
                    probes::foreign::bounded(name, 40),
                    match known {
                        [] => "none without TLS (rediss://)".to_owned(),
                        known => known.join(", "),
                    },
                ));
            };
            let value = percent::decoded(value).ok_or(SettingsError::Encoding)?;
            if value.is_empty() || read.get(name).is_some() {
                return Err(RedisServerError::Value(name));
            }
            read.0.push((name, value));
        }
        Ok(read)
    }

    fn get(&self, wanted: &str) -> Option<String> {
        let found = self.0.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| value.clone())
    }

    fn tls(&self) -> Result<TlsSettings, RedisServerError> {
        let path = |name| self.get(name).map(PathBuf::from);
        Ok(TlsSettings {
            ca_file: path("ca-file"),
            identity: match (path("cert-file"), path("key-file")) {
                (Some(certificate), Some(key)) => Some((certificate, key)),
                (Some(_), None) => return Err(RedisServerError::Half("cert-file", "key-file")),
                (None, Some(_)) => return Err(RedisServerError::Half("key-file", "cert-file")),
                (None, None) => None,
            },
            server_name: self.get("server-name"),
            unverified: false,
        })
    }
}

impl RedisServer {
    /// Whether an address that begins so is a Redis store's.
    pub fn has_scheme(scheme: &str) -> bool {
        let schemes = ["redis", "rediss", "redis-sentinel", "rediss-sentinel"];
        schemes.contains(&scheme)
    }

    /// Reads the address of the input `store`.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn parse(text: &str) -> Result<RedisServer, RedisServerError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(SettingsError::Form)?;
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        // The rest of a password that is not encoded, of which no word may be told.
        if query.contains('@') || rest.contains('#') {
            return Err(match text.parse::<Settings>() {
                Err(error @ SettingsError::Insecure) => error.into(),
                _ => SettingsError::Form.into(),
            });
        }
        match scheme {
            "redis" | "rediss" => {
                let mut settings: Settings = format!("{scheme}://{address}").parse()?;
                let is_tls = scheme == "rediss";
                let known: &[&str] = if is_tls { &TLS } else { &[] };
                with_password(&settings)?;
                settings.tls = Parameters::read(query, known)?.tls()?;
                Ok(RedisServer(Kind::Server(Box::new(settings))))
            }
            "redis-sentinel" => sentinels("redis", address, query),
            "rediss-sentinel" => sentinels("rediss", address, query),
            _ => Err(SettingsError::Form.into()),
        }
    }

    /// Where this is, for people, without credentials: `redis cache.example:6379/0`.
    pub fn place(&self) -> String {
        match &self.0 {
            Kind::Server(settings) => format!("redis {settings}"),
            Kind::Sentinels(all) => {
                let asked: Vec<String> = all
                    .sentinels
                    .iter()
                    .map(|one| one.endpoint.to_string())
                    .collect();
                format!(
                    "redis {}/{} (sentinels {})",
                    probes::foreign::bounded(&all.service, 100),
                    all.master.database,
                    asked.join(", ")
                )
            }
        }
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.0
    }
}

fn with_password(settings: &Settings) -> Result<(), RedisServerError> {
    match (&settings.user, &settings.password) {
        (Some(_), None) => Err(RedisServerError::NoPassword),
        _ => Ok(()),
    }
}

fn sentinels(scheme: &str, address: &str, query: &str) -> Result<RedisServer, RedisServerError> {
    let known: Vec<&'static str> = match scheme {
        "rediss" => SENTINELS.into_iter().chain(TLS).collect(),
        _ => SENTINELS.to_vec(),
    };
    let parameters = Parameters::read(query, &known)?;
    let wrong = |error| match error {
        SettingsError::Form => RedisServerError::Sentinels,
        named => named.into(),
    };
    let (authority, database) = address.split_once('/').unwrap_or((address, ""));
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (format!("{login}@"), hosts),
        None => (String::new(), authority),
    };
    let mut master: Settings = format!("{scheme}://{login}{UNKNOWN}/{database}")
        .parse()
        .map_err(wrong)?;
    with_password(&master)?;
    master.tls = parameters.tls()?;
    let (user, password) = (
        parameters.get("sentinel-user"),
        parameters.get("sentinel-password"),
    );
    if user.is_some() && password.is_none() {
        return Err(RedisServerError::Half("sentinel-user", "sentinel-password"));
    }
    let mut asked = Vec::new();
    for host in hosts.split(',') {
        let place = Settings::read(&format!("{scheme}://{host}"), SENTINEL_PORT).map_err(wrong)?;
        asked.push(Settings {
            user: user.clone(),
            password: password.clone(),
            database: 0,
            tls: master.tls.clone(),
            ..place
        });
    }
    let service = parameters
        .get("sentinelMasterId")
        .ok_or(RedisServerError::Sentinels)?;
    Ok(RedisServer(Kind::Sentinels(Box::new(Sentinels {
        service,
        sentinels: asked,
        master,
    }))))
}

#[cfg(test)]
mod tests {
    use probes::redis::Endpoint;

    use super::*;

    fn kind(text: &str) -> Kind {
        let server = RedisServer::parse(text).unwrap();
        assert!(!format!("{} {server:?}", server.place()).contains("canary"));
        server.0
    }

    #[test]
    fn one_server_is_read_with_its_tls_parameters() {
        let Kind::Server(settings) = kind(
            "rediss://baton:can%40ary@h/2?ca-file=/etc/ca%20s.pem&cert-file=c&key-file=k&server-name=cache.example",
        ) else {
            panic!("no server");
        };
        assert_eq!(settings.to_string(), "h:6379/2");
        assert_eq!(settings.password.as_deref(), Some("can@ary"));
        let tls = TlsSettings {
            ca_file: Some("/etc/ca s.pem".into()),
            identity: Some(("c".into(), "k".into())),
            server_name: Some("cache.example".to_owned()),
            unverified: false,
        };
        assert_eq!(settings.tls, tls);
    }

    #[test]
    fn sentinels_are_read_as_lettuce_writes_them_with_logins_of_their_own() {
        let Kind::Sentinels(all) = kind(
            "rediss-sentinel://baton:canary@a:1,[::1],c/3?sentinelMasterId=mymaster&sentinel-user=watcher&\
             sentinel-password=canary%26&ca-file=/ca",
        ) else {
            panic!("no sentinels");
        };
        assert_eq!(all.service, "mymaster");
        assert_eq!(
            (all.master.user.as_deref(), all.master.database),
            (Some("baton"), 3)
        );
        let ends = ["a:1", "[::1]:26379", "c:26379"];
        for (one, end) in all.sentinels.iter().zip(ends) {
            assert_eq!(one.endpoint.to_string(), end);
            assert!(matches!(one.endpoint, Endpoint::Tcp { tls: true, .. }));
            assert_eq!(one.password.as_deref(), Some("canary&"));
            assert_eq!(one.tls.ca_file, Some("/ca".into()));
        }
        assert_eq!(all.sentinels.len(), 3);
        let place = RedisServer::parse("redis-sentinel://a,b?sentinelMasterId=m").unwrap();
        assert_eq!(place.place(), "redis m/0 (sentinels a:26379, b:26379)");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_without_a_word_of_the_password() {
        for (text, says) in [
            (
                "redis://u:canary@h?ca-file=/x",
                "unknown parameter `ca-file`",
            ),
            (
                "rediss://u:canary@h?ca-fiel=/canary",
                "unknown parameter `ca-fiel`",
            ),
            ("rediss://u:canary@h?cert-file=/x", "without `key-file`"),
            ("rediss://u:canary@h?key-file=/x", "without `cert-file`"),
            (
                "rediss://u:canary@h?ca-file=",
                "`ca-file` must be given once",
            ),
            (
                "rediss://u:canary@h?ca-file=a&ca-file=b",
                "`ca-file` must be given once",
            ),
            (
                "rediss://u:canary@h/#insecure",
                "#insecure is not supported",
            ),
            ("redis://u:12?canary@h", "read the Redis URL"),
            ("redis://u:12#canary@h", "read the Redis URL"),
            ("redis-sentinel://u:canary@h:1", "sentinelMasterId"),
            (
                "redis-sentinel://u:canary@h:canary?sentinelMasterId=m",
                "sentinels",
            ),
            (
                "redis-sentinel://u:canary@h/canary?sentinelMasterId=m",
                "sentinels",
            ),
            (
                "redis-sentinel://u:canary@h,?sentinelMasterId=m",
                "sentinels",
            ),
            (
                "redis-sentinel://u:canary/x@h?sentinelMasterId=m",
                "sentinels",
            ),
            (
                "redis-sentinel://h?sentinelMasterId=m&sentinel-user=canary",
                "without `sentinel-password`",
            ),
            ("redis://u:canary%zz@h", "`%` that encodes nothing"),
            (
                "rediss://u:canary@h?ca-file=/canary%zz",
                "`%` that encodes nothing",
            ),
            (
                "redis-sentinel://u:canary%@h?sentinelMasterId=m",
                "`%` that encodes nothing",
            ),
            ("redis://u:canary@h:0", "from 1 to 65535"),
            (
                "redis-sentinel://u:canary@h,i:0?sentinelMasterId=m",
                "from 1 to 65535",
            ),
            ("redis://canary@h", "a user and no password"),
            ("redis://canary:@h", "a user and no password"),
            (
                "redis-sentinel://canary@h?sentinelMasterId=m",
                "a user and no password",
            ),
            ("http://u:canary@h", "read the Redis URL"),
            ("canary", "read the Redis URL"),
        ] {
            let error = RedisServer::parse(text).unwrap_err();
            let told = error.to_string();
            assert!(told.contains(says), "{text}: {told}");
            assert!(!format!("{told} {error:?}").contains("canary"), "{told}");
        }
    }
}
