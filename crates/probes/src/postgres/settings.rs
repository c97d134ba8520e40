//! Connection strings, as libpq reads them: `postgres://user@host:5432/db?sslmode=require` and `host=… user=…`.

mod environment;
mod error;
mod meaning;
mod parse;

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

pub use error::SettingsError;

/// The port where none is named.
const PORT: u16 = 5432;

/// Who to ask, and as whom. Parsed from a libpq URL or key=value string; shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// In the order in which they are tried; never empty. Where no host is named: `localhost`.
    pub servers: Vec<Server>,
    /// As whom; where none is named, this process's user.
    pub user: String,
    /// The password.
    pub password: Option<String>,
    /// Which database; where none is named, that of the user's name.
    pub database: String,
    /// The longest for one server; `None` leaves each its part of the time there is.
    pub connect_timeout: Option<Duration>,
    /// Whether, and how well checked, TLS is spoken.
    pub ssl_mode: SslMode,
    /// The PEM file with the certificates to trust; `None` is this system's own, as is libpq's word `system`.
    pub ssl_root_cert: Option<PathBuf>,
    /// The PEM file with this client's certificate, where the server wants one; never without its key.
    pub ssl_cert: Option<PathBuf>,
    /// The PEM file with that certificate's private key, not encrypted.
    pub ssl_key: Option<PathBuf>,
    /// Shown in the server's list of sessions.
    pub application_name: String,
    /// Options for the server's command line.
    pub options: Option<String>,
    /// Which of several servers will do.
    pub target_session: TargetSession,
    /// Whether the password's proof is bound to the TLS connection.
    pub channel_binding: ChannelBinding,
}

/// One server to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where.
    pub endpoint: Endpoint,
    /// Its port, which is part of a socket's name too.
    pub port: u16,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A name or an address, and the address to use for it where `hostaddr` gives one: the name is then for TLS alone.
    Host {
        /// Name or address, without brackets.
        name: String,
        /// Where to connect instead of asking for the name's addresses.
        address: Option<IpAddr>,
    },
    /// A folder of this machine with the socket `.s.PGSQL.<port>` in it.
    Folder(PathBuf),
}

/// Whether TLS is spoken, and what of its certificate is checked (libpq, section 34.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Where the server takes nothing else; unchecked.
    Allow,
    /// Where the server offers it; unchecked.
    Prefer,
    /// Always; checked as by [`SslMode::VerifyCa`] where `sslrootcert` is set, else unchecked.
    Require,
    /// Always, with a certificate that is trusted, whatever its name.
    VerifyCa,
    /// Always, with a certificate that is trusted and names the host.
    VerifyFull,
}

/// Which of several servers will do (libpq's `target_session_attrs`). Heeded at login; readiness is each server's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetSession {
    /// Any.
    Any,
    /// One that takes writes.
    ReadWrite,
    /// One that takes none.
    ReadOnly,
    /// One that is not in recovery.
    Primary,
    /// One that is in recovery.
    Standby,
    /// A standby where there is one, else any.
    PreferStandby,
}

/// Whether the password's proof is bound to the TLS connection, so that nobody in between can pass it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where both sides can.
    Prefer,
    /// Always.
    Require,
}

impl FromStr for Settings {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Settings, SettingsError> {
        Settings::read(text, &[], |_| None)
    }
}

impl Settings {
    /// Settings from a connection string, which may be empty; from parameters given apart by libpq's names (`host`,
    /// `dbname`), which need no encoding and win over the string's; and, for what both leave out, from libpq's
    /// environment variables (`PGPASSWORD`), as `variable` knows them.
    ///
    /// # Errors
    ///
    /// What of them is wrong, without quoting it.
    pub fn read(
        text: &str,
        apart: &[(&str, &str)],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings, SettingsError> {
        let mut pairs = parse::pairs(text)?;
        pairs.extend(
            apart
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        let left_out = environment::left_out(&pairs, variable);
        let may_name = parse::may_name(text);
        if left_out.is_empty() {
            return meaning::meaning(pairs, may_name);
        }
        let all = [pairs.clone(), left_out].concat();
        // What is right without the environment is wrong because of it.
        meaning::meaning(all, may_name).map_err(|error| match meaning::meaning(pairs, may_name) {
            Ok(_) => SettingsError::Environment {
                source: Box::new(error),
            },
            Err(own) => own,
        })
    }
}

/// Where and which database: `db.example:5432/app`.
impl fmt::Display for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, server) in self.servers.iter().enumerate() {
            write!(out, "{}{server}", if n == 0 { "" } else { "," })?;
        }
        write!(out, "/{}", self.database)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Settings")
            .field("servers", &self.servers)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("database", &self.database)
            .field("ssl_mode", &self.ssl_mode)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.endpoint {
            Endpoint::Host { name, .. } if name.contains(':') => write!(out, "[{name}]:{port}"),
            Endpoint::Host { name, .. } => write!(out, "{name}:{port}"),
            Endpoint::Folder(_) => write!(out, "{}", self.socket().display()),
        }
    }
}

impl Server {
    /// The socket's path; empty for a server that is reached over the network.
    pub(super) fn socket(&self) -> PathBuf {
        match &self.endpoint {
            Endpoint::Folder(folder) => folder.join(format!(".s.PGSQL.{}", self.port)),
            Endpoint::Host { .. } => PathBuf::new(),
        }
    }
}

impl fmt::Display for TargetSession {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            TargetSession::Any => "any",
            TargetSession::ReadWrite => "read-write",
            TargetSession::ReadOnly => "read-only",
            TargetSession::Primary => "primary",
            TargetSession::Standby => "standby",
            TargetSession::PreferStandby => "prefer-standby",
        })
    }
}

impl TargetSession {
    /// What is wanted, in words: `a standby`.
    pub(super) fn named(self) -> &'static str {
        match self {
            TargetSession::Any | TargetSession::PreferStandby => "any server",
            TargetSession::ReadWrite => "one that takes writes",
            TargetSession::ReadOnly => "one that is read-only",
            TargetSession::Primary => "a primary",
            TargetSession::Standby => "a standby",
        }
    }

    /// What a server is that is not as wanted.
    pub(super) fn opposite(self) -> &'static str {
        match self {
            TargetSession::Any | TargetSession::PreferStandby => "none",
            TargetSession::ReadWrite => "read-only",
            TargetSession::ReadOnly => "one that takes writes",
            TargetSession::Primary => "a standby (in recovery)",
            TargetSession::Standby => "a primary (not in recovery)",
        }
    }
}

#[cfg(test)]
mod tests;
