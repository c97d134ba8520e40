//! Whether a server takes connections.

use std::{fmt, io};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Duration, Instant},
};

use super::{
    error::PostgresError,
    settings::{Server, Settings},
    stream::{self, Stream, Way},
};
use crate::resolver::Resolver;

/// The protocol's version 3.0.
const PROTOCOL: u32 = 3 << 16;

/// The longest first answer, as libpq bounds it: what says that it is longer is no PostgreSQL.
const LONGEST: u32 = 30_000;

/// A server that takes connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Which: the first in the list that does.
    pub server: String,
    /// Whether it was asked over TLS.
    pub tls: bool,
    /// What it would have said to this user or database instead of letting us in, such as `28000`: it takes
    /// connections all the same.
    pub sqlstate: Option<String>,
}

impl fmt::Display for Ready {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} takes connections", self.server)?;
        if self.tls {
            out.write_str(" over TLS")?;
        }
        if let Some(sqlstate) = &self.sqlstate {
            write!(out, " (though not this one: SQLSTATE {sqlstate})")?;
        }
        Ok(())
    }
}

/// Whether one of the servers takes connections, as `pg_isready` means it (libpq's `PQping`): one that asks for a
/// password, or says no to user or database, does; one that starts up (57P03) does not. No password is sent.
///
/// # Errors
///
/// That of the server, or of each where several are named.
pub async fn ready(
    resolver: &Resolver,
    settings: &Settings,
    deadline: Instant,
) -> Result<Ready, PostgresError> {
    let mut tried = Vec::new();
    for (n, server) in settings.servers.iter().enumerate() {
        let until = share(settings, n, deadline);
        for way in stream::ways(settings.ssl_mode, server) {
            match once(resolver, settings, server, *way, until).await {
                Ok(ready) => return Ok(ready),
                Err(error) => {
                    let last = !goes_on(&error);
                    tried.push(error);
                    if last {
                        break;
                    }
                }
            }
        }
    }
    Err(PostgresError::of(tried).unwrap_or_else(no_server))
}

/// Until when the server at place `n` has time: its part of what there is, so that one that keeps silent leaves some for
/// those behind it.
pub(super) fn share(settings: &Settings, n: usize, deadline: Instant) -> Instant {
    let left = u32::try_from(settings.servers.len().saturating_sub(n)).unwrap_or(u32::MAX);
    let now = Instant::now();
    let share = deadline.saturating_duration_since(now) / left.max(1);
    now + settings.connect_timeout.unwrap_or(Duration::MAX).min(share)
}

/// Whether the next way may lead where this one did not: TLS instead of none, or none instead of TLS. Of what a server
/// says only 28000 depends on that, a line of `pg_hba.conf`; a wrong password is wrong either way, and not sent twice.
pub(super) fn goes_on(error: &PostgresError) -> bool {
    match error {
        PostgresError::Tls { .. }
        | PostgresError::TlsNotOffered { .. }
        | PostgresError::NotPostgres { .. } => true,
        PostgresError::Rejected { sqlstate, .. } => sqlstate == "28000",
        _ => false,
    }
}

/// Settings always name a server; a list that somebody emptied is one that cannot be asked.
pub(super) fn no_server() -> PostgresError {
    PostgresError::Exchange {
        server: "nowhere".to_owned(),
        reason: "no server is named".to_owned(),
    }
}

async fn once(
    resolver: &Resolver,
    settings: &Settings,
    server: &Server,
    way: Way,
    deadline: Instant,
) -> Result<Ready, PostgresError> {
    let mut stream = stream::open(resolver, settings, server, way, deadline).await?;
    let ready = |stream: &Stream, sqlstate| Ready {
        server: server.to_string(),
        tls: matches!(stream, Stream::Tls(_)),
        sqlstate,
    };
    let answer = stream::within(server, deadline, "to the start-up message", async {
        stream.write_all(&start_up(settings)).await?;
        stream.flush().await?;
        first_answer(&mut stream).await
    });
    match answer.await? {
        First::Authentication => Ok(ready(&stream, None)),
        First::Error(body) => {
            let (sqlstate, message) = error_fields(&body);
            match PostgresError::said(&server.to_string(), &sqlstate, &message) {
                error @ PostgresError::NotAccepting { .. } => Err(error),
                _ => Ok(ready(&stream, Some(sqlstate))),
            }
        }
        First::Other => Err(PostgresError::NotPostgres {
            server: server.to_string(),
        }),
    }
}

enum First {
    /// It wants to know who we are, or does not mind.
    Authentication,
    /// It says no; the fields of its message.
    Error(Vec<u8>),
    /// What no PostgreSQL says.
    Other,
}

fn start_up(settings: &Settings) -> Vec<u8> {
    let mut body = PROTOCOL.to_be_bytes().to_vec();
    for (key, value) in [
        ("user", &settings.user),
        ("database", &settings.database),
        ("application_name", &settings.application_name),
    ] {
        for text in [key, value.as_str()] {
            body.extend(text.bytes().filter(|byte| *byte != 0));
            body.push(0);
        }
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [length.to_be_bytes().as_slice(), &body].concat()
}

async fn first_answer(stream: &mut Stream) -> io::Result<First> {
    loop {
        let kind = stream.read_u8().await?;
        let length = stream.read_u32().await?;
        if !(4..=LONGEST).contains(&length) {
            return Ok(First::Other);
        }
        let mut body = vec![0; length as usize - 4];
        stream.read_exact(&mut body).await?;
        match kind {
            b'R' if body.len() >= 4 => return Ok(First::Authentication),
            b'E' if body.first() == Some(&b'S') => return Ok(First::Error(body)),
            b'v' => {} // it speaks an older minor version, and goes on
            _ => return Ok(First::Other),
        }
    }
}

/// SQLSTATE and message of an error's fields: a letter, text, and a zero each (PostgreSQL, section 55.8).
fn error_fields(body: &[u8]) -> (String, String) {
    let field = |letter: u8| {
        body.split(|byte| *byte == 0)
            .find_map(|field| field.strip_prefix(&[letter]))
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .unwrap_or_default()
    };
    (field(b'C'), field(b'M'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_an_error_are_told_apart_by_their_letter() {
        let body =
            b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0Fpostmaster.c\0\0";
        let expected = (
            "57P03".to_owned(),
            "the database system is starting up".to_owned(),
        );
        assert_eq!(error_fields(body), expected);
    }

    #[test]
    fn a_silent_server_leaves_time_for_those_behind_it() {
        let settings: Settings = "host=a,b,c user=me".parse().unwrap();
        let end = Instant::now() + Duration::from_secs(9);
        let left = |n| share(&settings, n, end).saturating_duration_since(Instant::now());
        assert!(left(0) <= Duration::from_secs(3) && left(0) > Duration::from_secs(2));
        assert!(left(2) > Duration::from_secs(8));
        let settings: Settings = "host=a connect_timeout=1 user=me".parse().unwrap();
        assert!(share(&settings, 0, end) <= Instant::now() + Duration::from_secs(1));
    }
}
