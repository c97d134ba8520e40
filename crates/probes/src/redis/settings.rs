//! `redis://[user][:password@]host[:port][/database]`, `rediss://` with TLS, `unix:///path`.

use std::{fmt, path::PathBuf, str::FromStr};

use redis::{ConnectionAddr, IntoConnectionInfo};

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
    pub database: i64,
    /// A PEM file with authorities to trust besides the system's, for TLS.
    pub ca_file: Option<PathBuf>,
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
}

impl FromStr for Settings {
    type Err = SettingsError;

    fn from_str(url: &str) -> Result<Settings, SettingsError> {
        // The library's words are dropped: they may quote the URL.
        let info = url
            .trim()
            .into_connection_info()
            .map_err(|_| SettingsError::Form)?;
        let endpoint = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Endpoint::Tcp {
                host: host.clone(),
                port: *port,
                tls: false,
            },
            ConnectionAddr::TcpTls { insecure: true, .. } => return Err(SettingsError::Insecure),
            ConnectionAddr::TcpTls { host, port, .. } => Endpoint::Tcp {
                host: host.clone(),
                port: *port,
                tls: true,
            },
            ConnectionAddr::Unix(path) => Endpoint::Socket(path.clone()),
            _ => return Err(SettingsError::Form),
        };
        let redis = info.redis_settings();
        let set = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Settings {
            endpoint,
            user: set(redis.username()),
            password: set(redis.password()),
            database: redis.db(),
            ca_file: None,
        })
    }
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
            Endpoint::Tcp { host, port, .. } if host.contains(':') => {
                write!(out, "[{host}]:{port}")
            }
            Endpoint::Tcp { host, port, .. } => write!(out, "{host}:{port}"),
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
            .field("ca_file", &self.ca_file)
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
        assert!(matches!(settings.endpoint, Endpoint::Tcp { tls: true, .. }));
        let settings: Settings = "redis://:secret@cache.example".parse().unwrap();
        assert_eq!(settings.to_string(), "cache.example:6379/0");
        assert_eq!(
            (settings.user, settings.password.as_deref()),
            (None, Some("secret"))
        );
        let settings: Settings = "unix:///run/redis.sock?db=2".parse().unwrap();
        assert_eq!(settings.to_string(), "/run/redis.sock/2");
    }

    #[test]
    fn a_wrong_url_is_refused_without_a_word_of_it() {
        for url in [
            "http://me:canary@h",
            "redis://me:canary@h:canary",
            "redis://me:canary@h/canary",
            "redis://me:canary@h?protocol=canary",
            "rediss://me:canary@h/#insecure",
            "canary",
        ] {
            let error = url.parse::<Settings>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{url}");
        }
    }

    #[test]
    fn the_password_is_in_no_shown_form() {
        let settings: Settings = "redis://me:canary@h".parse().unwrap();
        assert!(!format!("{settings} {settings:?}").contains("canary"));
    }
}
