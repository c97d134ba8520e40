//! `redis://[user][:password@]host[:port][/database]`, `rediss://` with TLS, `unix:///path`.

use std::{fmt, path::PathBuf, str::FromStr};

use reqwest::Url;

use crate::{percent, tcp};

/// The port of a server whose URL names none.
pub const PORT: u16 = 6379;

/// Who to ask, and as whom. Shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where.
    pub endpoint: Endpoint,
    /// As whom; `None` is the user `default`.
    pub user: Option<String>,
    /// The password; without one there is no `AUTH`.
    pub password: Option<String>,
    /// Which database.
    pub database: u32,
    /// How TLS is spoken, where it is.
    pub tls: TlsSettings,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A port.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// The port; 6379 where none is named.
        port: u16,
        /// Whether TLS is spoken from the first byte.
        tls: bool,
    },
    /// A socket of this machine.
    Socket(PathBuf),
}

/// How TLS is spoken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// A PEM file with the authorities to trust, in the place of the system's, as `redis-cli --cacert` takes it.
    pub ca_file: Option<PathBuf>,
    /// The client's own certificate and its key, PEM files.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that the certificate must prove, where it is not the host's.
    pub server_name: Option<String>,
    /// Takes any certificate: nobody knows then who answers.
    pub unverified: bool,
}

/// What is wrong with a URL; reads after "failed to …". Never quotes any of it: a slip of one character makes any part of
/// it the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It is no such URL.
    #[error(
        "read the Redis URL: it must be as redis://user:password@host:6379/0, with rediss:// for TLS"
    )]
    Form,
    /// `#insecure` would send the password to anybody.
    #[error(
        "read the Redis URL: #insecure is not supported; name the authority's certificate instead"
    )]
    Insecure,
    /// A `%` without two hexadecimal digits behind it, or of something that is no UTF-8 text.
    #[error(
        "read the Redis URL: it holds a `%` that encodes nothing; write %25 for the sign itself"
    )]
    Encoding,
    /// Nothing listens there.
    #[error("read the Redis URL: its port must be a number from 1 to 65535")]
    Port,
}

impl Settings {
    /// Reads `url` as [`FromStr`] does; `port` is taken where it names none.
    ///
    /// # Errors
    ///
    /// See [`SettingsError`].
    pub fn read(url: &str, port: u16) -> Result<Settings, SettingsError> {
        let url = Url::parse(url.trim()).map_err(|_| SettingsError::Form)?;
        match url.fragment() {
            Some("insecure") => return Err(SettingsError::Insecure),
            // What stands behind a `#` or before an `@` here is the rest of a password that is not encoded.
            Some(_) => return Err(SettingsError::Form),
            None if url.query().is_some_and(|query| query.contains('@')) => {
                return Err(SettingsError::Form);
            }
            None => {}
        }
        match url.scheme() {
            "redis" | "valkey" => of_port(&url, false, port),
            "rediss" | "valkeys" => of_port(&url, true, port),
            "unix" | "redis+unix" | "valkey+unix" => of_socket(&url),
            _ => Err(SettingsError::Form),
        }
    }

    /// These settings for another server: user, password, database and TLS stay.
    pub fn at(&self, host: String, port: u16) -> Settings {
        Settings {
            endpoint: Endpoint::Tcp {
                host,
                port,
                tls: self.endpoint.is_tls(),
            },
            ..self.clone()
        }
    }
}

impl Endpoint {
    /// Whether TLS is spoken.
    pub fn is_tls(&self) -> bool {
        matches!(self, Endpoint::Tcp { tls: true, .. })
    }
}

impl FromStr for Settings {
    type Err = SettingsError;

    /// `valkey://` and `redis+unix://` are taken, too. Parameters that other clients know are passed over; those of a
    /// socket's URL are `db`, `user` and `pass`.
    fn from_str(url: &str) -> Result<Settings, SettingsError> {
        Settings::read(url, PORT)
    }
}

fn of_port(url: &Url, tls: bool, port: u16) -> Result<Settings, SettingsError> {
    let host = url.host_str().unwrap_or_default();
    let host = decoded(host.trim_start_matches('[').trim_end_matches(']'))?;
    if url.port() == Some(0) {
        return Err(SettingsError::Port);
    }
    Ok(Settings {
        endpoint: Endpoint::Tcp {
            host: host.ok_or(SettingsError::Form)?,
            port: url.port().unwrap_or(port),
            tls,
        },
        user: decoded(url.username())?,
        password: decoded(url.password().unwrap_or_default())?,
        database: database(url.path().trim_matches('/'))?,
        tls: TlsSettings::default(),
    })
}

fn of_socket(url: &Url) -> Result<Settings, SettingsError> {
    if url.host_str().is_some_and(|host| !host.is_empty()) {
        return Err(SettingsError::Form);
    }
    let path = decoded(url.path())?.ok_or(SettingsError::Form)?;
    decoded(url.query().unwrap_or_default())?;
    let parameter = |name: &str| {
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .filter(|value| !value.is_empty())
    };
    Ok(Settings {
        endpoint: Endpoint::Socket(path.into()),
        user: parameter("user"),
        password: parameter("pass"),
        database: database(&parameter("db").unwrap_or_default())?,
        tls: TlsSettings::default(),
    })
}

fn database(text: &str) -> Result<u32, SettingsError> {
    match text {
        "" => Ok(0),
        text => text.parse().map_err(|_| SettingsError::Form),
    }
}

/// `text` without percent-encoding; nothing where it is empty.
fn decoded(text: &str) -> Result<Option<String>, SettingsError> {
    let text = percent::decoded(text).ok_or(SettingsError::Encoding)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Where and which database: `cache.example:6379/0`.
impl fmt::Display for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.endpoint, self.database)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { host, port, .. } => out.write_str(&tcp::authority(host, *port)),
            Endpoint::Socket(path) => write!(out, "{}", path.display()),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Settings")
            .field("endpoint", &self.endpoint)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("database", &self.database)
            .field("tls", &self.tls)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_place_user_password_and_database() {
        let settings: Settings = "rediss://me:p%40ss@[::1]:7000/3".parse().unwrap();
        assert_eq!(settings.to_string(), "[::1]:7000/3");
        assert_eq!(settings.user.as_deref(), Some("me"));
        assert_eq!(settings.password.as_deref(), Some("p@ss"));
        assert!(settings.endpoint.is_tls());
        let settings: Settings = "redis://:secret@cache.example?timeout=5s".parse().unwrap();
        assert_eq!(settings.to_string(), "cache.example:6379/0");
        assert_eq!(
            (settings.user, settings.password.as_deref()),
            (None, Some("secret"))
        );
        for url in [
            "unix:///run/redis.sock?db=2&pass=p%40",
            "redis+unix:///run/redis.sock?db=2&pass=p%40",
        ] {
            let settings: Settings = url.parse().unwrap();
            assert_eq!(settings.to_string(), "/run/redis.sock/2");
            assert_eq!(settings.password.as_deref(), Some("p@"));
        }
    }

    #[test]
    fn a_password_may_hold_any_character_in_its_encoded_form() {
        let settings: Settings = "redis://:%25%40%2F%3A%23%3F%20%C3%A4@h".parse().unwrap();
        assert_eq!(settings.password.as_deref(), Some("%@/:#? ä"));
        let settings: Settings = "redis://:a@b:c@h".parse().unwrap();
        assert_eq!(settings.password.as_deref(), Some("a@b:c"));
    }

    #[test]
    fn a_wrong_url_is_refused_without_a_word_of_it() {
        for url in [
            "http://me:canary@h",
            "redis://me:canary@h:canary",
            "redis://me:canary@h/canary",
            "redis://me:canary/x@h",
            "redis://me:12/canary@h",
            "redis://me:12?canary@h",
            "redis://me:12#canary@h",
            "redis://",
            "redis:canary",
            "unix://canary/run/redis.sock",
            "rediss://me:canary@h/#insecure",
            "canary",
        ] {
            let error = url.parse::<Settings>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{url}");
        }
    }

    #[test]
    fn a_percent_sign_that_encodes_nothing_and_the_port_0_are_refused_by_name() {
        for url in [
            "redis://me:canary%zz@h",
            "redis://me:canary%@h",
            "redis://me:canary%ff@h",
            "redis://m%4e:canary%4@h",
            "redis://me:canary@h%zz",
            "unix:///run/redis.sock?pass=canary%zz",
            "unix:///run/%zz.sock?pass=canary",
        ] {
            let error = url.parse::<Settings>().unwrap_err();
            assert_eq!(error, SettingsError::Encoding, "{url}");
        }
        let error = "redis://me:canary@h:0/1".parse::<Settings>().unwrap_err();
        assert_eq!(error, SettingsError::Port);
    }

    #[test]
    fn the_password_is_in_no_shown_form() {
        let settings: Settings = "redis://me:canary@h".parse().unwrap();
        assert!(!format!("{settings} {settings:?}").contains("canary"));
    }
}
