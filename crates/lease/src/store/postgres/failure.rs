//! What PostgreSQL's refusals mean for the store.

use std::io;

use probes::postgres::{PostgresError, Settings};

use super::{SCHEMA_SQL, place};
use crate::store::StoreError;

/// The rights that the store's user needs on the tables.
const GRANTS: &str =
    "GRANT SELECT, INSERT, UPDATE ON baton_leases and GRANT SELECT, INSERT ON baton_ledger";

/// What was being done, where the mend depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Asking,
    MakingTables,
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Time.
    Passing,
    /// Who gives the rights.
    Denied,
    /// Who made the tables.
    Foreign,
    /// Who set this host or this input up.
    Local,
}

/// The store's error for `error`, with the server's words and the mend. Never holds the password.
pub(super) fn judge(error: &PostgresError, settings: &Settings, doing: Doing) -> StoreError {
    let (kind, mend) = meaning(error, settings, doing);
    let mut detail = error.seen();
    // Who takes passwords in clear text could say one back.
    if let Some(password) = settings.password.as_deref().filter(|p| !p.is_empty()) {
        detail = detail.replace(password, "***");
    }
    if let Some(mend) = mend {
        detail = format!("{detail}; {mend}");
    }
    let place = place(settings);
    match kind {
        Kind::Passing => StoreError::Unreachable { place, detail },
        Kind::Denied => StoreError::Denied { place, detail },
        Kind::Local => StoreError::Local { place, detail },
        Kind::Foreign => foreign(settings, "the tables baton_leases and baton_ledger", detail),
    }
}

/// Something in the tables that is not for this version.
pub(super) fn foreign(settings: &Settings, what: &str, detail: String) -> StoreError {
    StoreError::Foreign {
        what: format!("{what} in {}", place(settings)),
        detail,
    }
}

/// Whether the tables are not there yet (undefined_table).
pub(super) fn is_without_tables(error: &PostgresError) -> bool {
    error.sqlstate() == Some("42P01")
}

/// Whether somebody else made the same table at the same moment: PostgreSQL lets `IF NOT EXISTS` fail then
/// (unique_violation in its own catalogue, duplicate_table, duplicate_object, a tuple concurrently updated).
pub(super) fn is_making_race(error: &PostgresError) -> bool {
    matches!(
        error.sqlstate(),
        Some("23505" | "42P07" | "42710" | "XX000")
    )
}

fn meaning(error: &PostgresError, settings: &Settings, doing: Doing) -> (Kind, Option<String>) {
    let mend = |kind, text: &str| (kind, Some(text.to_owned()));
    match error {
        PostgresError::None { tried } => tried
            .iter()
            .map(|error| meaning(error, settings, doing))
            // Of several servers one that may come back is worth waiting for.
            .min_by_key(|(kind, _)| *kind != Kind::Passing)
            .unwrap_or((Kind::Passing, None)),
        PostgresError::RootCertificates { .. }
        | PostgresError::ClientCertificate { .. }
        | PostgresError::TlsNotOffered { .. } => (Kind::Local, None),
        PostgresError::Tls { reason, .. } if reason.contains("certificate") => mend(
            Kind::Local,
            "name the authority's certificate by sslrootcert, and the server as its certificate does",
        ),
        PostgresError::Socket { source, .. }
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            (Kind::Local, None)
        }
        PostgresError::NoPassword { .. } => (Kind::Denied, None),
        PostgresError::Options { .. } => mend(
            Kind::Local,
            "mend the parameter `options` of the address, or the variable PGOPTIONS, or what is set for this user",
        ),
        PostgresError::ReadOnlyByDefault { source_of, .. } => read_only(source_of, settings),
        PostgresError::WrongRole { .. } => mend(
            Kind::Passing,
            "name the server that takes writes, or all of them: host=a,b",
        ),
        error => match (error.sqlstate(), doing) {
            (Some(code), _) => said(code, doing),
            (None, _) => (Kind::Passing, None),
        },
    }
}

/// The mend of a session that takes no writes by default. It is not overridden: a provider sets this where a disk is full.
fn read_only(source: &str, settings: &Settings) -> (Kind, Option<String>) {
    let setting = "default_transaction_read_only";
    let (user, database) = (&settings.user, &settings.database);
    match source {
        "client" => (
            Kind::Local,
            Some(format!(
                "take {setting} out of the parameter `options` of the address, or of the variable PGOPTIONS"
            )),
        ),
        "user" => (
            Kind::Denied,
            Some(format!(
                "an administrator's mend: ALTER ROLE \"{user}\" RESET {setting}"
            )),
        ),
        "database" => (
            Kind::Denied,
            Some(format!(
                "an administrator's mend: ALTER DATABASE \"{database}\" RESET {setting}"
            )),
        ),
        "database user" => (
            Kind::Denied,
            Some(format!(
                "an administrator's mend: ALTER ROLE \"{user}\" IN DATABASE \"{database}\" RESET {setting}"
            )),
        ),
        _ => (
            Kind::Passing,
            Some(format!(
                "whoever set it (a provider, for a full disk?) sets it off again: ALTER SYSTEM RESET {setting}"
            )),
        ),
    }
}

/// By SQLSTATE (PostgreSQL, appendix A).
fn said(code: &str, doing: Doing) -> (Kind, Option<String>) {
    let tables = || {
        let sql = SCHEMA_SQL.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("let somebody who may create tables run: {sql} Then {GRANTS} to this user")
    };
    let mend = |kind, text: &str| (kind, Some(text.to_owned()));
    match code {
        "42501" | "3F000" if doing == Doing::MakingTables => (Kind::Denied, Some(tables())),
        "42501" => (
            Kind::Denied,
            Some(format!("an administrator's mend: {GRANTS} to this user")),
        ),
        "3D000" => mend(Kind::Denied, "make the database, or name another"),
        "25006" => mend(
            Kind::Passing,
            "name the server that takes writes, or all of them: host=a,b",
        ),
        "55P03" => mend(
            Kind::Passing,
            "somebody else holds the lock's row in baton_leases",
        ),
        "23505" => mend(
            Kind::Foreign,
            "baton_ledger holds entries that baton_leases knows nothing of; was a row removed or set back?",
        ),
        code if code.starts_with("28") => (Kind::Denied, None),
        code if code.starts_with("42") => mend(
            Kind::Foreign,
            "tables of these names are there and are not the store's; name another database or search_path",
        ),
        _ => (Kind::Passing, None),
    }
}
