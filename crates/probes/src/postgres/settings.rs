//! Connection strings, as libpq reads them: `postgres://user@host:5432/db?sslmode=require` and `host=… user=…`.

mod parse;

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

pub use parse::SettingsError;

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
        parse::settings(text)
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
